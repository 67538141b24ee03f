package datapath

import (
	"time"

	"github.com/signalbox/signalbox/datapath/lacp"
)

// lacpFile keeps what LACP has come to: an instance that starts again goes on
// where this one was, and the partners see no change. It is written at each
// transition.
type lacpFile struct{ sideFile }

// lacpState is what stands in the file.
type lacpState struct {
	sideHead
	Groups map[string]lacp.State `json:"groups"` // by aggregate
}

const lacpVersion = 1

// lacpFileOf is the file beside a record.
func lacpFileOf(r *recordFile) *lacpFile {
	return &lacpFile{besideRecord(r, "lacp", "state of LACP", lacpVersion)}
}

// load reads the file; nothing where there is none of this boot and namespace.
func (f *lacpFile) load() (map[string]lacp.State, error) {
	var s lacpState
	if ok, err := f.sideFile.load(&s, &s.sideHead); !ok {
		return nil, err
	}
	return s.Groups, nil
}

// text is the file for these groups.
func (f *lacpFile) text(groups map[string]lacp.State) ([]byte, error) {
	return f.sideFile.text(lacpState{f.head(), groups})
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
