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

// boots is how often a machine is booted whose emulator crashes.
const boots = 3

// bound is how long all tests in the guest may take, on a busy machine.
const bound = 14 * time.Minute

// script runs the tests in the guest.
const script = `#!/bin/sh
export SIGNALBOX_GUEST=yes SIGNALBOX_BINARY=/signalbox
exec /inside.test -test.v -test.timeout 13m -test.run '%s'
`

// only is an environment variable with a pattern of tests to run.
const only = "SIGNALBOX_GUEST_RUN"

// TestGuest runs the tests of package inside in a guest, each of which shows as
// a subtest here. What is skipped in the guest fails.
func TestGuest(t *testing.T) {
	boot(t, Kit{}, "./integration/guest/inside", os.Getenv(only))
}

// boot runs those tests of a package in a guest that match a pattern. Each shows
// as a subtest here. What is skipped in the guest fails.
func boot(t *testing.T, kit Kit, pkg, pattern string) {
	t.Helper()
	m, err := New(t.Context(), kit)
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
	tests := buildTests(t, folder, pkg)
	for range boots {
		out.Reset()
		err = m.Boot(ctx, []string{element, tests}, fmt.Sprintf(script, pattern), io.MultiWriter(&out, os.Stderr))
		if !errors.Is(err, ErrCrashed) {
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

func buildTests(t *testing.T, folder, pkg string) string {
	t.Helper()
	path := filepath.Join(folder, "inside.test")
	c := exec.CommandContext(t.Context(), "go", "test", "-c", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	c.Dir, c.Env = testenv.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v: %s", err, out)
	}
	return path
}
