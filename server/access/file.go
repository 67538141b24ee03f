package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"syscall"
	"time"
)

// maxFileBytes bounds each file, in octets.
const maxFileBytes = 8 << 20

// settleTime is how long after its last change a file counts as the same when
// its stamp is: the kernel's clock for files is coarser than two changes can
// be.
const settleTime = 50 * time.Millisecond

// stamp tells two versions of a file apart.
type stamp struct {
	device, inode uint64
	size          int64
	changed       syscall.Timespec // its content, mode or owner
}

func stampOf(info fs.FileInfo) stamp {
	sys := info.Sys().(*syscall.Stat_t) // always, on Linux
	return stamp{sys.Dev, sys.Ino, sys.Size, sys.Ctim}
}

// watched is a file and what was last read of it. The zero T is that of a file
// that is not there.
type watched[T any] struct {
	path  string
	parse func([]byte) (T, error)
	// private files may be read by their owner only.
	private bool

	value   T
	good    bool              // value is of a file
	sum     [sha256.Size]byte // of that file's content
	broken  error             // why what is there now cannot be used
	stamp   stamp
	read    time.Time // when stamp was taken; zero for never
	missing bool
}

// look reads the file where it changed since the last look, and tells whether
// the value or its usability is another one now.
func (w *watched[T]) look() (changed bool) {
	info, err := os.Stat(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.gone()
	case err != nil:
		return w.fail(err)
	}
	if s := stampOf(info); !w.read.IsZero() && !w.missing && s == w.stamp &&
		w.read.Sub(time.Unix(s.changed.Unix())) > settleTime {
		return false
	}
	now := time.Now()
	content, s, err := readFile(w.path, w.private)
	w.stamp, w.read, w.missing = s, now, false
	if err != nil {
		return w.fail(err)
	}
	sum := sha256.Sum256(content)
	if w.good && w.broken == nil && sum == w.sum {
		return false
	}
	value, err := w.parse(content)
	if err != nil {
		return w.fail(fmt.Errorf("%s: %w", w.path, err))
	}
	w.value, w.sum, w.good, w.broken = value, sum, true, nil
	return true
}

// gone takes note of a file that is not there. One that was in force stays so:
// what is not there any more must not open the element to everybody.
func (w *watched[T]) gone() (changed bool) {
	if w.missing || w.read.IsZero() && !w.good {
		w.missing, w.read = true, time.Now()
		return false
	}
	w.missing = true
	if !w.good {
		w.broken = nil
		return true
	}
	return w.fail(fmt.Errorf("%s was removed; restart the element to do without it", w.path))
}

func (w *watched[T]) fail(err error) (changed bool) {
	if w.broken != nil && w.broken.Error() == err.Error() {
		return false
	}
	w.broken = err
	return true
}

// usable reports that the file says something that is in force, or is not
// there.
func (w *watched[T]) usable() bool { return w.good || w.broken == nil }

// tell logs what became of the file.
func (w *watched[T]) tell(log *slog.Logger) {
	switch {
	case w.broken != nil && w.good:
		log.Error("access file cannot be used: what it said before stays in force", "file", w.path, "err", w.broken)
	case w.broken != nil:
		log.Error("access file cannot be used: calls are refused until it can", "file", w.path, "err", w.broken)
	case w.good:
		log.Info("access file read", "file", w.path)
	default:
		log.Info("access file is gone, and was never in force", "file", w.path)
	}
}

// readFile reads a regular file that nobody but its owner, root or the
// element's user, can have written.
func readFile(path string, private bool) ([]byte, stamp, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // of a FIFO, too, at once
	if err != nil {
		return nil, stamp{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	s := stampOf(info)
	if err := checkFile(path, info, private); err != nil {
		return nil, s, err
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(content) > maxFileBytes {
		err = fmt.Errorf("%s: more than %d octets", path, maxFileBytes)
	}
	return content, s, err
}

func checkFile(path string, info fs.FileInfo, private bool) error {
	owner, forbidden := info.Sys().(*syscall.Stat_t).Uid, fs.FileMode(0o022)
	remedy := "chmod go-w "
	if private {
		forbidden, remedy = 0o077, "chmod 600 "
	}
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	case owner != 0 && int(owner) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, who could change it: want root or the element's user", path, owner)
	case info.Mode().Perm()&forbidden != 0:
		return fmt.Errorf("%s has mode %04o, which lets others at it: %s%s", path, info.Mode().Perm(), remedy, path)
	}
	return nil
}
