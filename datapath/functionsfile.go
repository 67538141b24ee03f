package datapath

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signalbox/signalbox/datapath/sriov"
)

// functionsFile keeps what was found of virtual functions, beside the record: it
// is of the same boot and network namespace.
type functionsFile struct {
	path, boot, namespace string
}

// functionsState is what stands in the file.
type functionsState struct {
	Version   int                        `json:"version"`
	Boot      string                     `json:"boot"`
	Namespace string                     `json:"namespace"`
	Originals map[string]*sriov.Original `json:"originals"` // by interface
}

const functionsVersion = 1

// functionsFileOf is the file beside a record.
func functionsFileOf(r *recordFile) *functionsFile {
	name := "sriov-" + strings.TrimPrefix(filepath.Base(r.path), "datapath-")
	return &functionsFile{path: filepath.Join(filepath.Dir(r.path), name), boot: r.boot, namespace: r.namespace}
}

// load reads the file; nothing where there is none of this boot and namespace.
func (f *functionsFile) load() (map[string]*sriov.Original, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("what virtual functions were like: %w", err)
	}
	var s functionsState
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("what virtual functions were like: %s: %w", f.path, err)
	}
	if s.Version != functionsVersion || s.Boot != f.boot || s.Namespace != f.namespace {
		return nil, nil
	}
	for name, o := range s.Originals {
		if o == nil {
			delete(s.Originals, name)
		}
	}
	return s.Originals, nil
}

// save replaces the file, or removes it where nothing is ours.
func (f *functionsFile) save(originals map[string]*sriov.Original) error {
	if len(originals) == 0 {
		return f.remove()
	}
	b, err := json.Marshal(functionsState{Version: functionsVersion, Boot: f.boot, Namespace: f.namespace, Originals: originals})
	if err == nil {
		err = replaceFile(f.path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("what virtual functions were like: %w", err)
	}
	return nil
}

// remove deletes the file.
func (f *functionsFile) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("what virtual functions were like: %w", err)
	}
	return nil
}
