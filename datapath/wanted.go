package datapath

import (
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

// What each table should hold under a key, by the model; ok is false where it
// should hold nothing. These functions are pure.

// vlan names a VLAN of the switch as the tables do.
func (s *vswitch) vlan(id uint16) fastpath.VLAN { return fastpath.VLAN{Switch: s.number, ID: id} }

// switchOf is the switch that uses a number now, or nil.
func (m *model) switchOf(number uint16) *vswitch {
	name, ok := m.switchNumbers.used(int(number))
	if !ok {
		return nil
	}
	return m.switches[name]
}

func (m *model) wantSwitch(number uint16) (fastpath.Switch, bool) {
	s := m.switchOf(number)
	if s == nil {
		return fastpath.Switch{}, false
	}
	cfg := s.config()
	return fastpath.Switch{
		Enabled: cfg.Enabled, Learning: cfg.Learning,
		AgeingSeconds: uint32(cfg.Ageing / time.Second),
		MaxEntries:    cfg.MaxEntries,
	}, true
}

func (m *model) wantFID(v fastpath.VLAN) (fastpath.FID, bool) {
	s := m.switchOf(v.Switch)
	if s == nil || !s.exists.Has(v.ID) {
		return fastpath.FID{}, false
	}
	return fastpath.FID{
		ID:        uint16(m.fidNumbers.number(v)),
		Suspended: s.config().VLANs[v.ID].Suspended,
	}, true
}

// wantPort is a port by its number. Where its interface is not there, the port
// stands in the table all the same, and drops.
func (m *model) wantPort(number uint16) (fastpath.Port, bool) {
	p := m.byNumber[number]
	if p == nil {
		return fastpath.Port{}, false
	}
	cfg := p.cfg.Switched
	s := m.switches[cfg.Switch]
	want := fastpath.Port{
		Switch: s.number, PVID: cfg.PVID, Tagged: s.tagged(cfg),
		Trunk: cfg.Mode == spec.Trunk, Forwarding: m.forwarding(p), MTU: p.cfg.MTU,
	}
	d := m.switched(p)
	if d == nil {
		return want, true
	}
	want.IfIndex = d.Index
	// Into the namespace behind a veth frames go straight; the kernel refuses
	// that where the other end is in our own.
	want.Peer = d.PortKind() == spec.KindVeth && d.PeerElsewhere
	if want.MTU == 0 {
		want.MTU = d.MTU
	}
	return want, true
}

// wantFlood are the ports that a FID's frames are flooded to: its members that
// forward at all.
func (m *model) wantFlood(fid uint16) (fastpath.PortSet, bool) {
	v, ok := m.fidNumbers.used(int(fid))
	if !ok {
		return fastpath.PortSet{}, false
	}
	s := m.switchOf(v.Switch)
	if s == nil {
		return fastpath.PortSet{}, false
	}
	set := s.members(v.ID)
	for i, w := range m.open {
		set[i] &= w
	}
	return set, set != fastpath.PortSet{}
}

func (m *model) wantStatic(a fastpath.Address) (uint16, bool) {
	v, ok := m.fidNumbers.used(int(a.FID))
	if !ok {
		return 0, false
	}
	s := m.switchOf(v.Switch)
	if s == nil {
		return 0, false
	}
	name, ok := s.config().Static[spec.FDBKey{VLAN: v.ID, MAC: a.MAC}]
	if !ok {
		return 0, false
	}
	p := m.ports[name]
	if p == nil || p.number == 0 {
		return 0, false
	}
	return p.number, true
}

func (m *model) wantNumber(index uint32) (uint16, bool) {
	p, _ := m.portOf(index)
	if p == nil {
		return 0, false
	}
	return p.number, true
}

func (m *model) wantAttachment(index uint32) (fastpath.Attachment, bool) {
	p, _ := m.portOf(index)
	return fastpath.Attachment{Current: true}, p != nil
}

// configured is what is wanted of an interface that exists, or nil.
func (m *model) configured(index uint32) *spec.Port {
	d := m.devices[index]
	if d == nil {
		return nil
	}
	return m.portConfig(d.Name)
}

func (m *model) wantUp(index uint32) (bool, bool) {
	cfg := m.configured(index)
	if cfg == nil {
		return false, false
	}
	return cfg.Enabled, true
}

func (m *model) wantMTU(index uint32) (uint32, bool) {
	cfg := m.configured(index)
	if cfg == nil || cfg.MTU == 0 {
		return 0, false
	}
	return cfg.MTU, true
}

func (m *model) wantAlias(index uint32) (string, bool) {
	cfg := m.configured(index)
	if cfg == nil || cfg.Description == "" {
		return "", false
	}
	return cfg.Description, true
}

func (m *model) wantMAC(index uint32) (spec.MAC, bool) {
	cfg := m.configured(index)
	if cfg == nil || cfg.MAC.IsZero() {
		return spec.MAC{}, false
	}
	return cfg.MAC, true
}
