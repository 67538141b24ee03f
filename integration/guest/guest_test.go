package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/testenv"
)

// boots is how often a machine is booted that crashes or hangs.
const boots = 3

// bound is how long all tests in the guest may take, on a busy machine.
const bound = 20 * time.Minute

// script runs tests in the guest, one line each.
const script = `#!/bin/sh
export SIGNALBOX_GUEST=yes SIGNALBOX_BINARY=/signalbox
result=0
%s
exit $result
`

// line runs those tests of a program that match a pattern.
func line(program, pattern string) string {
	return fmt.Sprintf("/%s.test -test.v -test.timeout 13m -test.run '%s' || result=1\n", program, pattern)
}

// only is an environment variable with a pattern of tests to run.
const only = "SIGNALBOX_GUEST_RUN"

// TestGuest runs the tests of package inside, and those of the kernel's tables
// that need what only the guest's kernel has.
func TestGuest(t *testing.T) {
	boot(t, suite{
		packages: []string{"integration/guest/inside", "datapath/netdev"},
		script:   line("netdev", "^TestRED") + line("inside", os.Getenv(only)),
		more:     dcbPrograms,
	})
}

// suite is what is run in a guest.
type suite struct {
	kit      Kit
	packages []string // whose tests are built
	script   string   // lines
	// more are other files that the tests need, nil for none.
	more func(*testing.T, *Machine, string) []string
}

// boot runs a suite in a guest. Each test shows as a subtest here. What is skipped
// in the guest fails.
func boot(t *testing.T, s suite) {
	t.Helper()
	m, err := New(t.Context(), s.kit)
	if errors.Is(err, debian.ErrUnavailable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	element, err := testenv.Build(folder)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	var out bytes.Buffer
	programs := []string{element}
	for _, pkg := range s.packages {
		programs = append(programs, buildTests(t, folder, pkg))
	}
	if s.more != nil {
		programs = append(programs, s.more(t, m, folder)...)
	}
	for range boots {
		out.Reset()
		err = m.Boot(ctx, programs, fmt.Sprintf(script, s.script), io.MultiWriter(&out, os.Stderr))
		if !errors.Is(err, ErrCrashed) && !errors.Is(err, ErrSilent) {
			break
		}
		t.Logf("booting again: %v", err)
	}
	if err != nil && !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
	results := result.FindAllStringSubmatch(out.String(), -1)
	for _, r := range results {
		t.Run(r[2], func(t *testing.T) {
			if r[1] != "PASS" {
				t.Errorf("%s in the guest", r[1])
			}
		})
	}
	if err != nil {
		t.Error(err)
	}
	if len(results) == 0 {
		t.Error("no test ran in the guest")
	}
}

// result is how a test program says how a test went; subtests are indented.
var result = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+)`)

// buildTests builds the tests of a package, whose path is from the repository's
// root.
func buildTests(t *testing.T, folder, pkg string) string {
	t.Helper()
	path := filepath.Join(folder, filepath.Base(pkg)+".test")
	c := exec.CommandContext(t.Context(), "go", "test", "-c", "-trimpath", "-ldflags", "-s -w", "-o", path, "./"+pkg)
	c.Dir, c.Env = testenv.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v: %s", err, out)
	}
	return path
}
