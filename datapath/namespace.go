package datapath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/fastpath"
)

// nsfsRoot stands for the file system of namespaces (FD_NSFS_ROOT,
// include/uapi/linux/fcntl.h).
const nsfsRoot = -10003

// namespaceHandle names the calling thread's network namespace so that its end
// can be told later (name_to_handle_at(2)); nil where the kernel, before Linux
// 6.18, cannot. The first four octets are the handle's type.
func namespaceHandle() []byte {
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/proc/thread-self/ns/net", unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return nil
	}
	return append(binary.NativeEndian.AppendUint32(nil, uint32(h.Type())), h.Bytes()...)
}

// namespaceGone reports that a namespace is no more, for certain.
func namespaceGone(handle []byte) bool {
	if len(handle) <= 4 {
		return false
	}
	h := unix.NewFileHandle(int32(binary.NativeEndian.Uint32(handle)), handle[4:])
	fd, err := unix.OpenByHandleAt(nsfsRoot, h, unix.O_RDONLY|unix.O_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return errors.Is(err, unix.ESTALE)
}

// sweepPins removes the pins of namespaces whose records tell that they are
// gone: fastpath.Sweep cannot know that of pins without an interface.
func (f *recordFile) sweepPins(pins string) error {
	var errs []error
	others, err := f.others()
	if err != nil {
		return err
	}
	for namespace, path := range others {
		r, err := readRecord(path)
		if err != nil || r.Boot != f.boot || r.BPFFS != f.bpffs || !namespaceGone(r.Handle) {
			continue
		}
		if err := fastpath.Remove(filepath.Join(pins, namespace)); err != nil && !errors.Is(err, fastpath.ErrLocked) {
			errs = append(errs, fmt.Errorf("pins of a network namespace that is gone: %w", err))
		}
	}
	return errors.Join(errs...)
}
