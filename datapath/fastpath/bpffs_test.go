package fastpath

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFindBPFFSOutside hides the BPF file system, as "ip netns exec" does: the
// one outside is found, and stays reachable.
func TestFindBPFFSOutside(t *testing.T) {
	needRoot(t)
	want := statBPFFS(t)
	runtime.LockOSThread() // the thread ends with the test
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", bpffsMount, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	dir, stays, err := FindBPFFS()
	if err != nil || !stays {
		t.Fatalf("%s stays: %v, %v", dir, stays, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir+"/.", &st); err != nil || st.Dev != want.Dev || st.Ino != want.Ino {
		t.Errorf("%s is device %d inode %d, %v; want %d, %d", dir, st.Dev, st.Ino, err, want.Dev, want.Ino)
	}
	if !IsBPFFS(dir) || IsBPFFS("/") {
		t.Errorf("IsBPFFS: %v of %s and %v of /", IsBPFFS(dir), dir, IsBPFFS("/"))
	}
}

// TestFindBPFFSOfItsOwn has a BPF file system that is in nobody else's mounts.
func TestFindBPFFSOfItsOwn(t *testing.T) {
	needRoot(t)
	statBPFFS(t)
	runtime.LockOSThread() // the thread ends with the test
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := mountBPFFS(); err != nil {
		t.Fatal(err)
	}
	if dir, stays, err := FindBPFFS(); err != nil || dir != bpffsMount || stays {
		t.Errorf("%s, stays %v, %v; want %s, which does not", dir, stays, err, bpffsMount)
	}
}

func statBPFFS(t *testing.T) (st unix.Stat_t) {
	t.Helper()
	if _, stays, err := FindBPFFS(); err != nil || !stays {
		t.Fatalf("the usual one stays: %v, %v", stays, err)
	}
	if err := unix.Stat(bpffsMount, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestParent(t *testing.T) {
	if got, want := parent("self"), os.Getppid(); got != strconv.Itoa(want) {
		t.Errorf("parent of this process: %s, want %d", got, want)
	}
	if got := parent("0"); got != "" {
		t.Errorf("parent of no process: %q, want none", got)
	}
}

// TestOpenTellsTheRemedy opens without the rights that it needs.
func TestOpenTellsTheRemedy(t *testing.T) {
	newNetNS(t)
	dir := pinDir(t)
	dropCapabilities(t, unix.CAP_BPF, unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_PERFMON, unix.CAP_SYS_RESOURCE)
	if _, err := Open(filepath.Join(t.TempDir(), "1"), discard()); err == nil || !strings.Contains(err.Error(), "mount -t bpf") {
		t.Errorf("Open outside of a BPF file system: %v; want how to mount one", err)
	}
	_, err := Open(dir, discard())
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_BPF") {
		t.Errorf("Open without capabilities: %v; want EPERM and the name of what is missing", err)
	}
}

// dropCapabilities takes capabilities from this thread, which ends with the test.
func dropCapabilities(t *testing.T, caps ...uint) {
	t.Helper()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&h, &d[0]); err != nil {
		t.Fatal(err)
	}
	for _, c := range caps {
		d[c/32].Effective &^= 1 << (c % 32)
	}
	if err := unix.Capset(&h, &d[0]); err != nil {
		t.Fatal(err)
	}
}
