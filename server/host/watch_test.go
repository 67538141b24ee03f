package host

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched runs Watch until the test ends; each change from now on is one
// value.
func watched(t *testing.T, h *Host) <-chan struct{} {
	t.Helper()
	changes := make(chan struct{}, 64)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Watch(ctx, func() { changes <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-changes // that it watches
	return changes
}

// told wants a change to be told.
func told(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	select {
	case <-changes:
	case <-time.After(20 * time.Second):
		t.Fatal("no change is told")
	}
}

func TestWatchTimeZone(t *testing.T) {
	h := machine(t, map[string]string{"proc/sys/kernel/hostname": "box\n", "etc/hosts": ""})
	changes := watched(t, h)
	if err := os.Symlink("/usr/share/zoneinfo/Europe/Rome", h.path("etc/localtime")); err != nil {
		t.Fatal(err)
	}
	told(t, changes)
	if zone, err := h.Timezone(); zone != "Europe/Rome" || err != nil {
		t.Errorf("zone %q, %v", zone, err)
	}
}

// TestWatchName changes the name in a UTS namespace of its own: the kernel
// tells each watcher, whatever the namespace.
func TestWatchName(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI must run this test as root: it makes a UTS namespace")
		}
		t.Skip("needs root: it makes a UTS namespace")
	}
	h, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	changes := watched(t, h)
	set := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWUTS)
		if err == nil {
			err = unix.Sethostname([]byte("box"))
		}
		set <- err
	}()
	if err := <-set; err != nil {
		t.Fatal(err)
	}
	told(t, changes)
}

func TestWatchWithoutFiles(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no name": {"etc/hosts": ""}, "no folder": {"proc/sys/kernel/hostname": "box\n"},
	} {
		if err := machine(t, files).Watch(t.Context(), func() {}); err == nil {
			t.Errorf("%s: watched", name)
		}
	}
}
