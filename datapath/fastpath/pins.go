package fastpath

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// What lies where in the BPF file system:
//
//	signalbox/<cookie of the network namespace>/   locked by who uses it
//	    v1/<map>
//	    v1/links/<ifindex>
const (
	linkDir = "links"
	newPin  = "_new" // a map that is being filled, to take the place of the old

	// The program's variables are a map too; no pin may begin with a dot.
	globals    = ".bss"
	globalsPin = "globals"
)

// existing is the folder itself or the nearest one above it that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// ErrLocked says that another process has the pins open.
var ErrLocked = errors.New("in use by another process")

// lockDir takes the lock of a pin folder; closing the file gives it back.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("pins: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("pins %s: %w", dir, err)
	}
	return f, nil
}

// openMaps takes over each pinned map that has the shape it should have, makes
// the others, and maps their memory.
func (o *Objects) openMaps(spec *ebpf.CollectionSpec, log *slog.Logger) error {
	old := map[string]*ebpf.Map{} // of another shape
	defer func() {
		for _, m := range old {
			m.Close()
		}
	}()
	for name, ms := range spec.Maps {
		switch {
		case ms.Pinning == ebpf.PinByName:
			ms.Pinning = ebpf.PinNone
		case name == globals:
			ms.Flags |= unix.BPF_F_MMAPABLE
		default:
			continue
		}
		m, err := o.openMap(name, ms, old)
		if err != nil {
			return err
		}
		o.maps[name] = m
	}
	if err := o.memory.open(o.maps); err != nil {
		return err
	}
	if err := o.takeOver(old, log); err != nil {
		return err
	}
	o.heal()
	return o.pinMaps()
}

// openMap opens the pinned map, or makes a new one. A pinned one of another
// shape goes to old.
func (o *Objects) openMap(name string, ms *ebpf.MapSpec, old map[string]*ebpf.Map) (*ebpf.Map, error) {
	m, err := ebpf.LoadPinnedMap(o.pin(name), nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("open pinned map %s: %w", name, err)
	case ms.Compatible(m) == nil:
		return m, nil
	default:
		old[name] = m
	}
	if m, err = ebpf.NewMap(ms); err != nil {
		return nil, fmt.Errorf("make map %s: %w", name, err)
	}
	return m, nil
}

// pinMaps puts each map in its place, over one of another shape.
func (o *Objects) pinMaps() error {
	for name, m := range o.maps {
		path := o.pin(name)
		if m.IsPinned() {
			continue
		}
		if err := os.Remove(path + newPin); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
		if err := m.Pin(path + newPin); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
		if err := os.Rename(path+newPin, path); err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	return nil
}

func (o *Objects) pin(name string) string {
	if name == globals {
		name = globalsPin
	}
	return filepath.Join(o.dir, name)
}

// adopt opens the links that an earlier process left, those of other layout
// versions included, and removes the pins of those versions: their maps live
// on until the last link has the new program.
func (o *Objects) adopt(pinDir string, log *slog.Logger) error {
	others, err := filepath.Glob(filepath.Join(pinDir, "v*"))
	if err != nil {
		return err
	}
	for _, dir := range others {
		if dir == o.dir {
			continue
		}
		log.Warn("pins of another layout: links are taken over, addresses are learned anew", "pins", dir)
		if err := moveLinks(dir, o.dir); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove old pins: %w", err)
		}
	}
	return eachLink(o.dir, func(path string, ifindex uint32, l link.Link) error {
		o.links[ifindex] = l
		return nil
	})
}

func moveLinks(from, to string) error {
	entries, err := os.ReadDir(filepath.Join(from, linkDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("old links: %w", err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, linkDir, e.Name()), filepath.Join(to, linkDir, e.Name())); err != nil {
			return fmt.Errorf("take over link: %w", err)
		}
	}
	return nil
}

// eachLink opens every pinned link below a version's folder; do owns it.
func eachLink(dir string, do func(path string, ifindex uint32, l link.Link) error) error {
	entries, err := os.ReadDir(filepath.Join(dir, linkDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pinned links: %w", err)
	}
	for _, e := range entries {
		ifindex, err := strconv.ParseUint(e.Name(), 10, 32)
		if err != nil {
			continue // not ours
		}
		path := filepath.Join(dir, linkDir, e.Name())
		l, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			return fmt.Errorf("open pinned link %s: %w", path, err)
		}
		if err := do(path, uint32(ifindex), l); err != nil {
			return err
		}
	}
	return nil
}

// Remove detaches the program everywhere and removes every pin below pinDir,
// whatever its layout version: afterwards nothing of the datapath is in the
// kernel. It fails with ErrLocked while a process has the pins open, and does
// nothing where there are none.
func Remove(pinDir string) error {
	if _, err := os.Stat(pinDir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := lockDir(pinDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return removePins(pinDir)
}

func removePins(pinDir string) error {
	dirs, err := filepath.Glob(filepath.Join(pinDir, "v*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, eachLink(dir, func(path string, _ uint32, l link.Link) error {
			return errors.Join(detach(l), l.Close())
		}))
	}
	errs = append(errs, os.RemoveAll(pinDir))
	if base := filepath.Dir(pinDir); filepath.Base(base) == pinBase {
		err := os.Remove(base)
		if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Remove is Close and Remove in one: the host is left without the datapath.
func (o *Objects) Remove() error {
	var errs []error
	for ifindex := range o.links {
		errs = append(errs, o.Attachments().Delete(ifindex))
	}
	lock := o.lock
	o.lock = nil
	errs = append(errs, o.Close(), removePins(filepath.Dir(o.dir)), lock.Close())
	return errors.Join(errs...)
}
