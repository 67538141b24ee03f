package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// FS is the folder that holds the files. Names have no directory part. The
// operating system's folder is what Dir gives; tests put faults between.
type FS interface {
	// Open is os.OpenFile in the folder, with mode 0600.
	Open(name string, flag int) (File, error)
	// Rename replaces newName by the file oldName.
	Rename(oldName, newName string) error
	// Sync makes what was created and renamed durable.
	Sync() error
}

// File is one open file of an FS.
type File interface {
	io.Reader
	io.Writer
	io.Closer
	Truncate(size int64) error
	// Sync makes what was written durable.
	Sync() error
}

// Dir is a folder of the operating system.
type Dir string

// Open opens a file of the folder.
func (d Dir) Open(name string, flag int) (File, error) {
	return os.OpenFile(filepath.Join(string(d), name), flag, 0o600)
}

// Rename renames a file of the folder.
func (d Dir) Rename(oldName, newName string) error {
	return os.Rename(filepath.Join(string(d), oldName), filepath.Join(string(d), newName))
}

// Sync syncs the folder itself (fsync(2) on a directory).
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// ErrLocked is returned by Lock where another process uses the folder.
var ErrLocked = errors.New("in use by another process")

// Lock takes the folder for this process, creating it where it is missing,
// until the returned function is called or the process ends. It returns an
// error wrapping ErrLocked, at once, where another process (or another Lock of
// this one) has it.
func (d Dir) Lock() (unlock func() error, err error) {
	if err := os.MkdirAll(string(d), 0o750); err != nil {
		return nil, fmt.Errorf("state folder %s: %w", string(d), err)
	}
	f, err := os.OpenFile(filepath.Join(string(d), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state folder %s: %w", string(d), err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 32))
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("state folder %s: %w (pid %s); stop it, or choose another folder", string(d), ErrLocked, pid(holder))
		}
		return nil, fmt.Errorf("state folder %s: lock: %w", string(d), err)
	}
	if err := writeHolder(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("state folder %s: lock: %w", string(d), err)
	}
	return f.Close, nil
}

// pid is what writeHolder left, as text.
func pid(holder []byte) string {
	n, err := strconv.Atoi(string(bytes.TrimSpace(holder)))
	if err != nil {
		return "unknown"
	}
	return strconv.Itoa(n)
}

// writeHolder leaves the process id in the lock file, for people only. A full
// disk is no reason to fail: the lock holds without it.
func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(f, "%d", os.Getpid())
	if errors.Is(err, unix.ENOSPC) {
		return nil
	}
	return err
}

// read gives the whole of a file; a file that is missing is os.ErrNotExist.
func read(fs FS, name string) ([]byte, error) {
	f, err := fs.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

// write creates or replaces a file and makes its content durable. The file is
// left open at its end.
func write(fs FS, name string, data []byte) (File, error) {
	f, err := fs.Open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(data); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
