package datapath

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/lacp"
)

// lacpFile keeps what LACP has come to, beside the record: an instance that
// starts again goes on where this one was, and the partners see no change. It
// is written at each transition, as a whole, and is of the same boot and
// network namespace as the record.
type lacpFile struct {
	path, boot, namespace string
}

// lacpState is what stands in the file.
type lacpState struct {
	Version   int                   `json:"version"`
	Boot      string                `json:"boot"`
	Namespace string                `json:"namespace"`
	Groups    map[string]lacp.State `json:"groups"` // by aggregate
}

const lacpVersion = 1

// lacpFileOf is the file beside a record.
func lacpFileOf(r *recordFile) *lacpFile {
	name := "lacp-" + strings.TrimPrefix(filepath.Base(r.path), "datapath-")
	return &lacpFile{path: filepath.Join(filepath.Dir(r.path), name), boot: r.boot, namespace: r.namespace}
}

// load reads the file; nothing where there is none of this boot and namespace.
func (f *lacpFile) load() (map[string]lacp.State, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state of LACP: %w", err)
	}
	var s lacpState
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("state of LACP %s: %w", f.path, err)
	}
	if s.Version != lacpVersion || s.Boot != f.boot || s.Namespace != f.namespace {
		return nil, nil
	}
	return s.Groups, nil
}

// text is the file for these groups.
func (f *lacpFile) text(groups map[string]lacp.State) ([]byte, error) {
	b, err := json.Marshal(lacpState{Version: lacpVersion, Boot: f.boot, Namespace: f.namespace, Groups: groups})
	if err != nil {
		return nil, fmt.Errorf("state of LACP: %w", err)
	}
	return append(b, '\n'), nil
}

// save replaces the file.
func (f *lacpFile) save(text []byte) error {
	if err := replaceFile(f.path, text); err != nil {
		return fmt.Errorf("state of LACP: %w", err)
	}
	return nil
}

// remove deletes the file.
func (f *lacpFile) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("state of LACP: %w", err)
	}
	return nil
}

// toSave is the file's text where it is to be written: at each transition, and
// from time to time for the counters. n.mu is held.
func (n *negotiator) toSave(now time.Time) []byte {
	if len(n.groups) == 0 && !n.unsaved || !n.unsaved && now.Sub(n.written) < saveEvery {
		return nil
	}
	groups := make(map[string]lacp.State, len(n.groups))
	for name, g := range n.groups {
		groups[name] = g.group.Save(now)
	}
	text, err := n.file.text(groups)
	if err != nil {
		n.log.Error("LACP", "error", err)
	}
	n.unsaved, n.written = false, now
	return text
}

func (n *negotiator) write(text []byte) {
	if err := n.file.save(text); err != nil {
		n.log.Warn("LACP could not be kept for a restart", "error", err)
	}
}

// stripped is a state without what changes with each PDU.
func stripped(s lacp.State) lacp.State {
	for name, p := range s.Ports {
		p.Counters, p.Quiet, p.LastChange = lacp.PortState{}.Counters, 0, time.Time{}
		s.Ports[name] = p
	}
	return s
}
