package fastpath

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vishvananda/netns"
)

// needRoot skips where the kernel can't be asked, but not in CI.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("kernel tests need root")
	}
	t.Skip("needs root: loads BPF programs")
}

// newNetNS puts the test's thread into a network namespace of its own; the
// thread ends with the test.
func newNetNS(t testing.TB) netns.NsHandle {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// pinDir is an empty pin folder in the BPF file system.
func pinDir(t testing.TB) string {
	t.Helper()
	bpffs, _, err := FindBPFFS()
	if err != nil {
		t.Fatal(err)
	}
	base, err := os.MkdirTemp(bpffs, "signalbox_test_")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(base, "1")
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, dir string) *Objects {
	t.Helper()
	o, err := Open(dir, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return o
}

func TestOpenTakesOverWhatIsPinned(t *testing.T) {
	newNetNS(t)
	dir := pinDir(t)
	o := open(t, dir)
	want := Switch{Enabled: true, AgeingSeconds: 300}
	if err := o.Switches().Put(1, want); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, dir)
	got, err := o.Switches().List()
	if err != nil || len(got) != 1 || got[1] != want {
		t.Errorf("switches after a restart: %v, %v; want %v", got, err, want)
	}
	if err := o.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("pins after Remove: %v; want none", err)
	}
}
