package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// folder holds the lab's lock and, while it is up, the element's state.
const folder = "/run/signalbox-lab"

// leastKernel has tcx and netlink's names for it (Linux 6.6, October 2023).
const leastKernel = "6.6"

// probe finds out what the lab needs and this machine lacks, by trying it.
func probe() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab makes network namespaces and loads eBPF programs: run it as root, as in \"sudo make run\"")
	}
	n, err := topology.New()
	if err != nil {
		return fmt.Errorf("%w: the lab needs network namespaces; in a container, start it with --privileged", err)
	}
	defer n.Close()
	if err := topology.Cable(topology.End{Namespace: n, Name: "a"}, topology.End{Namespace: n, Name: "b"}); err != nil {
		return fmt.Errorf("%w: the lab needs veth interfaces (CONFIG_VETH, \"modprobe veth\")", err)
	}
	if err := probeTCX(n); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs", &fs); err != nil {
		return fmt.Errorf("/sys is not mounted (%w): the switch's maps live in a bpffs at /sys/fs/bpf", err)
	}
	return nil
}

// probeTCX attaches a program that does nothing.
func probeTCX(n *topology.Namespace) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "probe", Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("loading an eBPF program is not allowed: it needs CAP_BPF and CAP_NET_ADMIN (in a container: --privileged), " +
			"and kernel lockdown off: see /sys/kernel/security/lockdown")
	}
	if err != nil {
		return fmt.Errorf("this kernel loads no eBPF program (CONFIG_BPF_SYSCALL): %w", err)
	}
	defer program.Close()
	index, err := n.Index("a")
	if err != nil {
		return err
	}
	return n.Do(func() error {
		l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: program, Attach: ebpf.AttachTCXIngress})
		if err != nil {
			return fmt.Errorf("this kernel, %s, has no tcx hooks: Linux %s is the least that works (%w)", kernel(), leastKernel, err)
		}
		return l.Close()
	})
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// lock makes sure that one lab is up at a time. The kernel gives the lock back
// however the program ends.
func lock() (unlock func(), err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		owner := make([]byte, 16)
		n, _ := f.Read(owner) // an empty name is fine
		return nil, errors.Join(fmt.Errorf("another lab is up (process %s): end it with Ctrl-C first", owner[:n]), f.Close())
	}
	if err := errors.Join(f.Truncate(0), writeAll(f, fmt.Sprint(os.Getpid()))); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		// Closing gives the lock back; the folder stays where its removal fails.
		_ = errors.Join(os.RemoveAll(folder), f.Close())
	}, nil
}

func writeAll(f *os.File, text string) error {
	_, err := f.WriteString(text)
	return err
}
