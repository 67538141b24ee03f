package fastpath

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

const (
	bpffsMount = "/sys/fs/bpf"
	pinBase    = "signalbox"
)

// FindBPFFS gives the folder of a BPF file system that outlives this process:
// the one at /sys/fs/bpf, which it mounts where it is missing.
//
// Under "ip netns exec" /sys is a private one, and what is mounted there ends
// with the command; so the mounts of process 1 are looked at too, or of the
// farthest ancestor that this process may look at. The folder is good for the
// life of this process. stays is false where nothing says that it is there longer:
// no ancestor has it.
func FindBPFFS() (folder string, stays bool, err error) {
	pid, err := outermost()
	if IsBPFFS(bpffsMount) {
		return bpffsMount, err != nil || pid == "self" || sameFolder(bpffsMount, filepath.Join("/proc", pid, "root", bpffsMount)), nil
	}
	if err == nil {
		dir := filepath.Join("/proc", pid, "root", bpffsMount)
		if !IsBPFFS(dir) {
			err = inMountsOf(pid, mountBPFFS)
		}
		switch {
		case err != nil:
		case IsBPFFS(bpffsMount):
			return bpffsMount, pid != "self", nil
		case IsBPFFS(dir):
			folder, err := hold(dir)
			return folder, true, err
		default:
			err = fmt.Errorf("%s of process %s is none", bpffsMount, pid)
		}
	}
	return "", false, fmt.Errorf("no BPF file system (as root: mount -t bpf bpf %s): %w", bpffsMount, err)
}

// sameFolder reports that both are one folder.
func sameFolder(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// IsBPFFS reports whether a BPF file system is mounted at dir.
func IsBPFFS(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && uint32(st.Type) == unix.BPF_FS_MAGIC
}

// hold keeps a folder reachable when the process that it was found by ends:
// the open file is never closed.
func hold(dir string) (string, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", dir, err)
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(fd)), nil
}

// outermost is the first of this process's ancestors, from process 1 down,
// whose mounts it may enter.
func outermost() (string, error) {
	var line []string
	for pid := "self"; pid != "0" && pid != ""; pid = parent(pid) {
		line = append(line, pid)
	}
	var first error
	for _, pid := range slices.Backward(line) {
		ns, err := os.Open(filepath.Join("/proc", pid, "ns/mnt"))
		if err == nil {
			return pid, ns.Close()
		}
		first = cmp.Or(first, err)
	}
	return "", first
}

// parent is the parent of a process, "" where that can't be read
// (proc_pid_stat(5): the fourth field, the second stands in parentheses).
func parent(pid string) string {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 2 {
		return ""
	}
	return f[1]
}

func mountBPFFS() error {
	err := unix.Mount("bpf", bpffsMount, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700")
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

// inMountsOf runs do in the mount namespace of a process, on a thread that is
// thrown away afterwards.
func inMountsOf(pid string, do func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		result <- func() error {
			ns, err := os.Open(filepath.Join("/proc", pid, "ns/mnt"))
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
				return fmt.Errorf("enter the mounts of process %s: %w", pid, err)
			}
			return do()
		}()
	}()
	return <-result
}

// PinDir is the folder of this network namespace's pins in a BPF file system.
// Namespaces are told apart by their cookie (SO_NETNS_COOKIE), which is not
// used a second time until the next boot.
func PinDir(bpffs string) (string, error) {
	cookie, err := namespaceCookie()
	if err != nil {
		return "", err
	}
	return filepath.Join(bpffs, pinBase, strconv.FormatUint(cookie, 10)), nil
}

// Sweep removes the pins of network namespaces that are gone, beside pinDir:
// each holds about 50 MB. A namespace is gone for certain when its pins have
// links, none of which has an interface any more, and nobody has them open;
// all others are kept.
func Sweep(pinDir string) error {
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(pinDir), "*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		if _, err := strconv.ParseUint(filepath.Base(dir), 10, 64); err != nil || dir == pinDir {
			continue
		}
		errs = append(errs, sweep(dir))
	}
	return errors.Join(errs...)
}

func sweep(dir string) error {
	lock, err := lockDir(dir)
	if errors.Is(err, ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	versions, err := filepath.Glob(filepath.Join(dir, "v*"))
	if err != nil {
		return err
	}
	links, alive := 0, 0
	for _, v := range versions {
		err := eachLink(v, func(_ string, _ uint32, l link.Link) error {
			at, _, err := linkInfo(l)
			links++
			if err != nil || at != 0 {
				alive++
			}
			return l.Close()
		})
		if err != nil {
			return err
		}
	}
	if links == 0 || alive > 0 {
		return nil
	}
	return os.RemoveAll(dir)
}
