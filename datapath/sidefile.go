package datapath

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sideFile is a file beside the record, of the same boot and network namespace.
// It is written as a whole.
type sideFile struct {
	path, boot, namespace string
	version               int    // changes with the meaning of what stands in it
	what                  string // it keeps, for errors
}

// sideHead is what stands first in a sideFile: what it is about.
type sideHead struct {
	Version   int    `json:"version"`
	Boot      string `json:"boot"`
	Namespace string `json:"namespace"`
}

// besideRecord is the file of a kind beside a record.
func besideRecord(r *recordFile, kind, what string, version int) sideFile {
	name := kind + "-" + strings.TrimPrefix(filepath.Base(r.path), "datapath-")
	return sideFile{filepath.Join(filepath.Dir(r.path), name), r.boot, r.namespace, version, what}
}

func (f *sideFile) head() sideHead { return sideHead{f.version, f.boot, f.namespace} }

// load reads the file into v, of which head is a part; false where there is none
// of this boot and namespace, or none that can be read.
func (f *sideFile) load(v any, head *sideHead) (bool, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.what, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%s: %s: %w", f.what, f.path, err)
	}
	return *head == f.head(), nil
}

// text is the file for v, which begins with the head.
func (f *sideFile) text(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.what, err)
	}
	return append(b, '\n'), nil
}

// save replaces the file.
func (f *sideFile) save(text []byte) error {
	if err := replaceFile(f.path, text); err != nil {
		return fmt.Errorf("%s: %w", f.what, err)
	}
	return nil
}

// remove deletes the file.
func (f *sideFile) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", f.what, err)
	}
	return nil
}
