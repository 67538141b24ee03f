package config

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// TestSavedConfigurationIsValid has yanglint, a second opinion, check what
// random transactions leave in config.json.
func TestSavedConfigurationIsValid(t *testing.T) {
	args := lintArgs(t)
	e := open(t, t.TempDir())
	for seed := range uint64(3) {
		d := dice{rand.New(rand.NewPCG(seed, 11))}
		for range 120 {
			lines, _ := d.request(plain{})
			_, _ = e.Set(context.Background(), request(t, lines...))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		document := filepath.Join(e.dir, "config.json")
		if out, err := exec.Command("yanglint", append(args, document)...).CombinedOutput(); err != nil {
			text, _ := os.ReadFile(document)
			t.Errorf("yanglint: %v\n%s\n%s", err, out, text)
		}
		e = open(t, e.dir)
	}
	if strings.Count(e.text(), "\n") < 20 {
		t.Errorf("the configuration is too small to prove much:\n%s", e.text())
	}
}

// lintArgs are yanglint's arguments for the modules that are served; the test
// is skipped where they or yanglint are not there.
func lintArgs(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("yanglint"); err != nil {
		t.Skip("no yanglint: apt-get install libyang2-tools")
	}
	upstream := os.Getenv("OPENCONFIG_PUBLIC")
	if upstream == "" {
		upstream = "../../../shared/openconfig-public"
	}
	files := map[string]string{}
	args := []string{"-ii", "-t", "config"}
	for _, root := range []string{filepath.Join(upstream, "release", "models"), filepath.Join(upstream, "third_party"), "../../yang"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".yang") {
				files[strings.TrimSuffix(d.Name(), ".yang")] = path
				if folder := filepath.Dir(path); !slices.Contains(args, folder) {
					args = append(args, "-p", folder)
				}
			}
			return err
		})
		if err != nil {
			t.Skipf("the models are not there (OPENCONFIG_PUBLIC): %v", err)
		}
	}
	for _, m := range ocpath.Models() {
		args = append(args, files[m.Name])
	}
	return args
}
