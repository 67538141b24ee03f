package guest

import (
	"bytes"
	"context"
	_ "embed" // init.sh
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signalbox/signalbox/integration/debian"
)

//go:embed init.sh
var initScript []byte

// What the machine is made of. QEMU and the kernel are newer than bookworm's,
// which has no tcx.
func emulator() debian.Set {
	return debian.Set{Name: "qemu", Packages: []string{"qemu-system-x86"}, Newest: true}
}

func kernel() debian.Set {
	return debian.Set{Name: "kernel", Packages: []string{"linux-image-amd64"}, Alone: true, Newest: true}
}

func userland() debian.Set {
	return debian.Set{Name: "busybox", Packages: []string{"busybox-static"}, Alone: true}
}

// loaded are the modules that the guest loads at its start.
func loaded() []string {
	return []string{"veth", "bonding", "8021q", "bridge", "tun", "dummy", "sch_ingress", "inet_diag", "sch_htb", "sch_red"}
}

// Kit is what a machine has beside what each one has.
type Kit struct {
	// Modules are loaded after the others, in this order.
	Modules []string
	// Built gives modules that the kernel's package lacks, by their paths; nil
	// for none.
	Built func(ctx context.Context, kernel string) ([]string, error)
	// Devices are arguments of QEMU. The folder is the boot's own.
	Devices func(dir string) []string
}

// Machine can be booted.
type Machine struct {
	qemu   *debian.Root
	kernel string // the compressed image
	base   []byte // the archive of what each boot has
	kit    Kit
}

// New makes a machine. The error is debian.ErrUnavailable where one cannot be
// had.
func New(ctx context.Context, kit Kit) (*Machine, error) {
	qemu, err := debian.Unpack(ctx, emulator())
	if err != nil {
		return nil, err
	}
	image, err := debian.Unpack(ctx, kernel())
	if err != nil {
		return nil, err
	}
	tools, err := debian.Unpack(ctx, userland())
	if err != nil {
		return nil, err
	}
	m := &Machine{qemu: qemu, kit: kit}
	kernels, err := filepath.Glob(image.Path("boot/vmlinuz-*"))
	if err != nil || len(kernels) != 1 {
		return nil, fmt.Errorf("kernels in %s: %q, %w", image.Dir, kernels, err)
	}
	m.kernel = kernels[0]
	m.base, err = m.archiveBase(ctx, image, tools.Path("usr/bin/busybox"))
	return m, err
}

// archiveBase is the archive with init, busybox and the modules.
func (m *Machine) archiveBase(ctx context.Context, image *debian.Root, busybox string) ([]byte, error) {
	tools, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	found, err := findModules(image.Path("usr/lib/modules"), busybox)
	if err != nil {
		return nil, err
	}
	for _, name := range append(loaded(), m.kit.Modules...) {
		if err := found.add(ctx, name); err != nil {
			return nil, err
		}
	}
	if m.kit.Built != nil {
		built, err := m.kit.Built(ctx, strings.TrimPrefix(filepath.Base(m.kernel), "vmlinuz-"))
		if err != nil {
			return nil, err
		}
		for _, path := range built {
			if err := found.addBuilt(ctx, path); err != nil {
				return nil, err
			}
		}
	}
	var b bytes.Buffer
	err = writeArchive(&b, append(found.files,
		file{"init", regular | 0o755, initScript}, file{"bin/busybox", regular | 0o755, tools}))
	return b.Bytes(), err
}

// ErrFailed says that what ran in the guest ended with a failure.
var ErrFailed = errors.New("it failed in the guest")

// ErrCrashed says that the emulator itself ended by a signal: nothing is known of
// what ran in it. QEMU 10 does so at times when a device's memory comes or goes
// while another processor runs (an assertion in iotlb_to_section).
var ErrCrashed = errors.New("the emulator crashed")

// ErrSilent says that nothing was heard of the guest for longer than anything in it
// takes: its kernel hangs. The driver of the emulated 82576's functions does so at
// times when a function is reset while its interface goes down.
var ErrSilent = errors.New("the guest has fallen silent")

// silence is how long that is, on a busy machine.
const silence = 4 * time.Minute

// listener copies what it is given, and ends a wait when nothing comes.
type listener struct {
	io.Writer
	alarm *time.Timer
}

func (l *listener) Write(b []byte) (int, error) {
	l.alarm.Reset(silence)
	return l.Writer.Write(b)
}

// Exit codes of QEMU that init.sh brings about.
const (
	passed = 0x10<<1 | 1
	failed = 0x11<<1 | 1
)

// Boot boots the machine with the given programs in its root folder, runs the
// script and copies what it writes to out. The error is ErrFailed, with what
// the kernel said, where the script fails.
func (m *Machine) Boot(ctx context.Context, programs []string, script string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "signalbox-guest-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	archive, console := filepath.Join(dir, "initrd"), filepath.Join(dir, "console")
	if err := m.archive(archive, programs, script); err != nil {
		return err
	}
	args := append(m.qemu.Args("usr/bin/qemu-system-x86_64"),
		"-L", m.qemu.Path("usr/share/qemu"), "-L", m.qemu.Path("usr/share/seabios"),
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off,avx=off,avx2=off", "-smp", "2", "-m", "1024",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none",
		"-kernel", m.kernel, "-initrd", archive,
		"-append", "console=ttyS0 quiet panic=-1 audit=0 cryptomgr.notests mitigations=off net.ifnames=0",
		"-serial", "file:"+console, "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=1")
	if m.kit.Devices != nil {
		args = append(args, m.kit.Devices(dir)...)
	}
	heard, fell := context.WithCancelCause(ctx)
	defer fell(nil)
	alarm := time.AfterFunc(silence, func() { fell(ErrSilent) })
	defer alarm.Stop()
	c := exec.CommandContext(heard, args[0], args[1:]...)
	var complaints bytes.Buffer
	c.Stdout, c.Stderr = &listener{out, alarm}, &complaints
	err = c.Run()
	said, _ := os.ReadFile(console)
	var exit *exec.ExitError
	switch {
	case ctx.Err() == nil && errors.Is(context.Cause(heard), ErrSilent):
		return fmt.Errorf("%w; its console: %s", ErrSilent, said)
	case ctx.Err() != nil:
		return fmt.Errorf("guest: %w; its console: %s", ctx.Err(), said)
	case errors.As(err, &exit) && exit.ExitCode() == passed:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() == failed:
		return fmt.Errorf("%w; its console: %s", ErrFailed, said)
	case errors.As(err, &exit) && exit.ExitCode() < 0:
		return fmt.Errorf("%w: %w: %s", ErrCrashed, err, complaints.Bytes())
	}
	return fmt.Errorf("guest: QEMU ended with %w: %s; its console: %s", err, complaints.Bytes(), said)
}

// archive writes what the kernel unpacks: the base, then what is of this boot.
func (m *Machine) archive(path string, programs []string, script string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(m.base); err != nil {
		return err
	}
	files := []file{{"run.sh", regular | 0o755, []byte(script)}}
	for _, p := range programs {
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		files = append(files, file{filepath.Base(p), regular | 0o755, content})
	}
	return writeArchive(f, files)
}
