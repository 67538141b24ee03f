package readme

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/testenv"
)

func TestParseAndCompare(t *testing.T) {
	const text = "text\n<!-- tested -->\n```console\n$ echo a \\\n    b\na …\n# id\nuid=0\n```\n```console\n$ rm -rf /\n```\n"
	commands, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(commands) != 2 || commands[0].Text != "echo a \\\n    b" || commands[1].Text != "id" || commands[1].Line != 7 {
		t.Fatalf("Parse() = %+v, want two commands", commands)
	}
	tests := []struct {
		name, output string
		ok           bool
	}{
		{"the same", "a b", true},
		{"other spaces, more lines", "before\na      b\nafter", true},
		{"another line", "b", false},
		{"nothing", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := commands[0].Compare(tt.output); (err == nil) != tt.ok {
				t.Errorf("Compare(%q) = %v, want agreement: %t", tt.output, err, tt.ok)
			}
		})
	}
}

// TestReadme starts the lab as "make run" does, and runs what the README shows
// in it.
func TestReadme(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(testenv.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands, err := Parse(string(content))
	if err != nil {
		t.Fatal(err)
	}
	if len(commands) == 0 {
		t.Fatalf("README.md has no session that is marked %s", mark)
	}
	testenv.NeedRoot(t)
	environment := startLab(t)
	for _, c := range commands {
		if strings.Contains(c.Text, "gnmic") && os.Getenv(testenv.GNMIC) == "" {
			t.Logf("README.md:%d: not run, gnmic is not built (make test-clients): %s", c.Line, c.Text)
			continue
		}
		shell := exec.CommandContext(t.Context(), "bash", "-c", c.Text)
		shell.Dir, shell.Env = testenv.Root(), environment
		shell.WaitDelay = time.Second
		out, err := shell.CombinedOutput()
		if err != nil {
			t.Errorf("README.md:%d: %s: %v\n%s", c.Line, c.Text, err, out)
		} else if err := c.Compare(string(out)); err != nil {
			t.Errorf("README.md:%d: %s: %v; it is\n%s", c.Line, c.Text, err, out)
		}
	}
}

var exported = regexp.MustCompile(`export (SIGNALBOX_ADDRESS=\S+) (SIGNALBOX_CA=\S+)`)

// startLab runs the lab until the test ends; it gives the environment that the
// lab tells its user to set, with the program and gnmic in the path.
func startLab(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	binary, err := testenv.Build(folder)
	if err != nil {
		t.Fatal(err)
	}
	lab, err := testenv.BuildPackage(folder, "./integration/lab")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	c := exec.CommandContext(ctx, lab, "-element", binary)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 30 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	c.Stderr = &complaints
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := c.Wait(); err != nil && !strings.Contains(err.Error(), "context canceled") {
			t.Errorf("lab: %v: %s", err, complaints.String())
		}
		if names, _ := filepath.Glob("/run/netns/sbx-*"); len(names) > 0 {
			t.Errorf("the lab leaves %v", names)
		}
	})
	var environment []string
	said := bufio.NewScanner(out)
	for said.Scan() && !strings.Contains(said.Text(), "Ctrl-C ends it") {
		t.Log(said.Text())
		if m := exported.FindStringSubmatch(said.Text()); m != nil {
			environment = labEnvironment(filepath.Dir(binary), m[1], m[2])
		}
	}
	if environment == nil {
		t.Fatalf("the lab did not come up: %s", complaints.String())
	}
	go io.Copy(io.Discard, out) // ends with the lab
	return environment
}

func labEnvironment(folder, address, ca string) []string {
	path := folder
	if gnmic := os.Getenv(testenv.GNMIC); gnmic != "" {
		path += ":" + filepath.Dir(gnmic)
	}
	return append(os.Environ(), address, ca,
		"GNMIC_ADDRESS="+strings.TrimPrefix(address, "SIGNALBOX_ADDRESS="),
		"GNMIC_TLS_CA="+strings.TrimPrefix(ca, "SIGNALBOX_CA="),
		"NO_COLOR=1", "PATH="+path+":"+os.Getenv("PATH"))
}
