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

// bound is how long all tests in the guest may take, on a busy machine.
const bound = 14 * time.Minute

// script runs the tests in the guest: first those of the kernel's tables that
// need what only the guest's kernel has.
const script = `#!/bin/sh
export SIGNALBOX_GUEST=yes SIGNALBOX_BINARY=/signalbox
result=0
/netdev.test -test.v -test.timeout 2m -test.run '^TestRED' || result=1
/inside.test -test.v -test.timeout 13m -test.run '%s' || result=1
exit $result
`

// only is an environment variable with a pattern of tests to run.
const only = "SIGNALBOX_GUEST_RUN"

// TestGuest runs the tests of package inside, and some of datapath/netdev, in a
// guest, each of which shows as a subtest here. What is skipped in the guest fails.
func TestGuest(t *testing.T) {
	m, err := New(t.Context())
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
	programs := append([]string{element, buildTests(t, folder, "integration/guest/inside"), buildTests(t, folder, "datapath/netdev")}, dcbPrograms(t, m, folder)...)
	err = m.Boot(ctx, programs, fmt.Sprintf(script, os.Getenv(only)), io.MultiWriter(&out, os.Stderr))
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
