package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
)

// TestServedDataIsValid has yanglint, a second opinion, check all that the
// element serves against the models.
func TestServedDataIsValid(t *testing.T) {
	if _, err := exec.LookPath("yanglint"); err != nil {
		t.Skip("no yanglint: apt-get install libyang2-tools")
	}
	args := lintArgs(t)
	r := runElement(t, manyPorts)
	if err := r.Configure(t.Context(), append(everything(), element.Trunk("absent0", 0))...); err != nil {
		t.Fatal(err)
	}
	r.learn()
	testenv.Within(t, bound, func() error { // the load of the processors is there after a second
		leaves, err := r.Leaves(t.Context(), "/system/cpus")
		if err == nil && len(leaves) == 0 {
			err = fmt.Errorf("/system/cpus is empty")
		}
		return err
	})
	answer, err := r.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{}}, Encoding: gpb.Encoding_JSON_IETF})
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(data, answer.GetNotification()[0].GetUpdate()[0].GetVal().GetJsonIetfVal(), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("yanglint", append(args, data)...).CombinedOutput(); err != nil {
		t.Errorf("yanglint: %v\n%s", err, out)
	}
}

// lintArgs are yanglint's arguments for the modules that are served; the test
// is skipped where the upstream ones are not there.
func lintArgs(t *testing.T) []string {
	t.Helper()
	upstream := os.Getenv("OPENCONFIG_PUBLIC")
	if upstream == "" {
		upstream = filepath.Join(testenv.Root(), "..", "shared", "openconfig-public")
	}
	files := map[string]string{}
	var folders []string
	for _, root := range []string{filepath.Join(upstream, "release", "models"), filepath.Join(upstream, "third_party"), filepath.Join(testenv.Root(), "yang")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".yang") {
				files[strings.TrimSuffix(d.Name(), ".yang")] = path
				if !slices.Contains(folders, filepath.Dir(path)) {
					folders = append(folders, filepath.Dir(path))
				}
			}
			return err
		})
		if err != nil {
			t.Skipf("the models are not there (OPENCONFIG_PUBLIC): %v", err)
		}
	}
	args := []string{"-ii", "-t", "get"}
	for _, folder := range folders {
		args = append(args, "-p", folder)
	}
	for _, m := range ocpath.Models() {
		args = append(args, files[m.Name])
	}
	return args
}
