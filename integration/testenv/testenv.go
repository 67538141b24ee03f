// Package testenv says what a test may count on: root, the built program, real
// clients. It knows nothing of what is tested.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/topology"
)

// Environment variables that make sets.
const (
	Binary  = "SIGNALBOX_BINARY"   // the built program; unset: it is built
	GNMIC   = "SIGNALBOX_GNMIC"    // gnmic
	GRPCurl = "SIGNALBOX_GRPCURL"  // grpcurl
	GNMICLI = "SIGNALBOX_GNMI_CLI" // gnmi_cli of openconfig/gnmi
)

// NeedRoot skips a test that needs root; in CI it fails.
func NeedRoot(t testing.TB) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("CI must run this test as root: it makes network namespaces")
	default:
		t.Skip("needs root: it makes network namespaces")
	}
}

// Client is the path of a real client; a test whose client was not built is
// skipped with the command that builds it.
func Client(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skip(variable + " is not set: \"make test-clients\" builds the clients and runs this test")
	}
	return path
}

// Root is the root of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
		return root
	}
	// Built with -trimpath: look from the folder that go test runs in.
	for dir, _ := os.Getwd(); dir != "/" && dir != ""; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Makefile")); err == nil {
			return dir
		}
	}
	return "."
}

// Build gives the program to test: the one that make built, or one that is
// built now, as make does, into the folder.
func Build(folder string) (string, error) {
	if path := os.Getenv(Binary); path != "" {
		return path, nil
	}
	return BuildPackage(folder, "./cmd/signalbox")
}

// Main runs the tests of a package with the built program in the variable
// Binary, where root runs them, and gives the code to exit with. The name is in
// that of the folder the program is built in.
func Main(m *testing.M, name string) int {
	folder, err := os.MkdirTemp("", "signalbox-"+name+"-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if os.Geteuid() == 0 {
		binary, err := Build(folder)
		if err == nil {
			err = os.Setenv(Binary, binary)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// BuildPackage builds a command of this repository into the folder.
func BuildPackage(folder, pkg string) (string, error) {
	path := filepath.Join(folder, filepath.Base(pkg))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, pkg)
	c.Dir, c.Env = Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w: %s", pkg, err, out)
	}
	return path, nil
}

// Namespace makes a namespace that ends with the test.
func Namespace(t testing.TB) *topology.Namespace {
	t.Helper()
	n, err := topology.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// Within waits until a condition holds, and fails the test when it does not
// within the bound. The condition gives what is missing, or nil.
func Within(t testing.TB, bound time.Duration, condition func() error) {
	t.Helper()
	deadline := time.Now().Add(bound)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", bound, err)
		}
		time.Sleep(5 * time.Millisecond) // between two looks at the condition
	}
}

// Packages unpacks Debian packages; a test that they cannot be had for is
// skipped with the reason, and in CI it fails.
func Packages(t testing.TB, s debian.Set) *debian.Root {
	t.Helper()
	root, err := debian.Unpack(t.Context(), s)
	if errors.Is(err, debian.ErrUnavailable) && os.Getenv("CI") != "true" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return root
}
