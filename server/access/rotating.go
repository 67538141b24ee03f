package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// The audit log: how large a file becomes, in octets, and how many older ones
// are kept (audit.log.1 is the newest of them).
const (
	maxAuditBytes = 8 << 20
	maxAuditFiles = 4
)

// rotating is a file that is begun anew when it is full.
type rotating struct {
	path  string
	limit int64
	older int

	mu     sync.Mutex // guards the fields below
	file   *os.File   // nil where it could not be opened
	size   int64
	failed bool // the last write failed
}

func openRotating(path string, limit int64, older int) (*rotating, error) {
	r := &rotating{path: path, limit: limit, older: older}
	return r, r.open()
}

// open opens the file for appending. The caller holds mu, or is the only one.
func (r *rotating) open() error {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.file, r.size = f, info.Size()
	return nil
}

// Write appends a whole record.
func (r *rotating) Write(record []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size > 0 && r.size+int64(len(record)) > r.limit {
		if err := r.rotate(); err != nil {
			return 0, err
		}
	}
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	n, err := r.file.Write(record)
	r.size += int64(n)
	return n, err
}

// rotate renames the files, the oldest one over the last name, and begins a
// new one.
func (r *rotating) rotate() error {
	if r.file != nil {
		if err := r.file.Close(); err != nil {
			return err
		}
		r.file = nil
	}
	for i := r.older; i > 0; i-- {
		from := r.path
		if i > 1 {
			from = fmt.Sprintf("%s.%d", r.path, i-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", r.path, i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return r.open()
}

// turned reports that writing began to fail, or works again.
func (r *rotating) turned(err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.failed
	r.failed = err != nil
	return was != r.failed
}

func (r *rotating) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
