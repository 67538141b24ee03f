package datapath

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// original are the attributes of an interface as they were before the first
// touch; nil where the attribute is not ours.
type original struct {
	Name  string      `json:"name"`
	Up    *bool       `json:"up,omitempty"`
	MTU   *uint32     `json:"mtu,omitempty"`
	Alias *string     `json:"alias,omitempty"`
	MAC   *spec.MAC   `json:"mac,omitempty"`
	DCB   originalDCB `json:"dcb,omitzero"`
}

func (o *original) empty() bool {
	return o.Up == nil && o.MTU == nil && o.Alias == nil && o.MAC == nil && o.DCB == originalDCB{}
}

// recordVersion changes with the meaning of record.
const recordVersion = 1

// record is what an instance must know of the one before it and what the
// kernel does not keep: the names behind the numbers in the maps, and the
// attributes of interfaces as they were found. It is of one boot and one
// network namespace, like the kernel objects it is about.
type record struct {
	Version   int            `json:"version"`
	Boot      string         `json:"boot"`
	Namespace string         `json:"namespace"` // cookie, as text: a 64-bit number
	Handle    []byte         `json:"handle"`    // of the namespace (namespaceHandle)
	BPFFS     uint64         `json:"bpffs"`     // device of the file system with the pins
	Ports     map[string]int `json:"ports"`
	Switches  map[string]int `json:"switches"`
	LAGs      map[string]int `json:"lags,omitempty"`
	Queues    map[string]int `json:"queues,omitempty"`
	Instances map[string]int `json:"instances,omitempty"`
	// Classifiers by their digests.
	Classifiers map[string]int       `json:"classifiers,omitempty"`
	Originals   map[uint32]*original `json:"originals"` // by ifindex
}

// recordFile reads and writes the record. Each write is whole: a temporary
// file is renamed over the old one. It is not synced to the disk, since no
// record outlives the kernel that it is about.
type recordFile struct {
	path      string
	boot      string
	namespace string
	handle    []byte
	bpffs     uint64
}

// newRecordFile names the record of the calling thread's namespace under a
// folder, which it makes. bpffs is the file system with the pins of the namespace.
func newRecordFile(dir, bpffs, namespace string) (*recordFile, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("record of the datapath: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(bpffs, &st); err != nil {
		return nil, fmt.Errorf("record of the datapath: %s: %w", bpffs, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("record of the datapath: %w", err)
	}
	return &recordFile{
		path: filepath.Join(dir, "datapath-"+namespace+".json"),
		boot: strings.TrimSpace(string(boot)), namespace: namespace, handle: namespaceHandle(), bpffs: st.Dev,
	}, nil
}

// errNoRecord says that there is no record of this boot and namespace.
var errNoRecord = errors.New("no record of the datapath")

// load reads the record; errors.Is(err, errNoRecord) where there is none.
func (f *recordFile) load() (*record, error) {
	r, err := readRecord(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoRecord
	}
	if err != nil {
		return nil, err
	}
	if r.Version != recordVersion || r.Boot != f.boot || r.Namespace != f.namespace {
		return nil, errNoRecord
	}
	return r, nil
}

// readRecord reads a record of any boot and namespace.
func readRecord(path string) (*record, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("record of the datapath: %w", err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("record of the datapath %s: %w", path, err)
	}
	return &r, nil
}

// save writes the record. A file that an earlier boot left behind is replaced.
func (f *recordFile) save(r *record) error {
	r.Version, r.Boot, r.Namespace, r.Handle, r.BPFFS = recordVersion, f.boot, f.namespace, f.handle, f.bpffs
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("record of the datapath: %w", err)
	}
	if err := replaceFile(f.path, append(b, '\n')); err != nil {
		return fmt.Errorf("record of the datapath: %w", err)
	}
	return nil
}

// replaceFile puts a whole file in the place of another, or of none.
func replaceFile(path string, text []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// sweep deletes the records beside ours of namespaces that have nothing in the
// kernel any more. exists tells whether a namespace has pins in our BPF file
// system: it says nothing of one whose pins are in another.
func (f *recordFile) sweep(exists func(namespace string) bool) error {
	others, err := f.others()
	if err != nil {
		return err
	}
	var errs []error
	for namespace, path := range others {
		if exists(namespace) {
			continue
		}
		if r, err := readRecord(path); err != nil || r.Boot == f.boot && r.BPFFS != f.bpffs {
			continue
		}
		other := *f
		other.path = path
		errs = append(errs, other.remove())
	}
	return errors.Join(errs...)
}

// others are the records beside ours: their paths by namespace.
func (f *recordFile) others() (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), "datapath-*.json"))
	if err != nil {
		return nil, fmt.Errorf("records of the datapath: %w", err)
	}
	others := make(map[string]string)
	for _, path := range paths {
		if path != f.path {
			others[strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "datapath-"), ".json")] = path
		}
	}
	return others, nil
}

// remove deletes the record, with what stands beside it.
func (f *recordFile) remove() error {
	err := os.Remove(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("record of the datapath: %w", err)
	}
	return errors.Join(lacpFileOf(f).remove(), functionsFileOf(f).remove())
}
