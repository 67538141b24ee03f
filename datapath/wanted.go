package datapath

import (
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
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
	if p.cfg.Member != nil {
		return m.wantMember(p)
	}
	cfg := p.cfg.Switched
	s := m.switches[cfg.Switch]
	want := fastpath.Port{
		Switch: s.number, PVID: cfg.PVID, Tagged: s.tagged(cfg),
		Trunk: cfg.Mode == spec.Trunk, Forwarding: m.forwarding(p), MTU: p.cfg.MTU, NoTeaming: cfg.NoTeaming,
		QoS: m.wantQoS(p),
	}
	if p.isAggregate() {
		a := m.aggregates[p.cfg.Name]
		want.LAG, want.MTU = a.number, m.aggregateMTU(a)
		return want, true
	}
	d := m.switched(p)
	if d == nil {
		return want, true
	}
	want.IfIndex, want.Peer = d.Index, m.straight(d)
	if m.detoured(number) != nil {
		want.Detour = netdev.DetourIn(number)
	}
	if want.MTU == 0 {
		want.MTU = d.MTU
	}
	return want, true
}

// wantMember is a member's port: it is counted by, and takes frames in for its
// aggregate, where that is a switch port.
func (m *model) wantMember(p *port) (fastpath.Port, bool) {
	a := m.aggregateOf(p)
	if a == nil || !a.port.isSwitchPort() {
		return fastpath.Port{}, false
	}
	want := fastpath.Port{MemberOf: a.port.number, Forwarding: m.forwarding(p), MTU: m.aggregateMTU(a)}
	if d := m.switched(p); d != nil {
		want.IfIndex, want.Peer = d.Index, m.straight(d)
	}
	return want, true
}

// aggregateMTU is what the members of an aggregate all take.
func (m *model) aggregateMTU(a *aggregate) uint32 {
	mtu := a.port.cfg.MTU
	if mtu != 0 {
		return mtu
	}
	for _, p := range a.members {
		if d := m.switched(p); d != nil && (mtu == 0 || d.MTU < mtu) {
			mtu = d.MTU
		}
	}
	return mtu
}

// wantLAG is an aggregate by its number: which members it has and which flows
// leave by each.
func (m *model) wantLAG(number uint16) (fastpath.LAG, bool) {
	a := m.aggregateAt(number)
	if a == nil || !a.port.isSwitchPort() {
		return fastpath.LAG{}, false
	}
	cfg, table := a.port.cfg.Aggregate, a.group.Table()
	want := fastpath.LAG{
		Distribution: cfg.Distribution, Independent: independent(cfg),
		FlowletGap: cfg.FlowletGap, Designated: table.Designated,
	}
	for i, slot := range table.Slots {
		p := a.members[slot.Name]
		if d := m.switched(p); d != nil {
			want.Members[i] = fastpath.LAGMember{IfIndex: d.Index, Port: p.number, Active: slot.Usable, Peer: m.straight(d)}
		}
	}
	for i, b := range table.Buckets {
		want.Buckets[i] = fastpath.LAGBucket{First: b.First, Second: b.Second}
	}
	return want, true
}

// independent is whether the other end knows nothing of an aggregate. With one
// active member at a time it need not, and then floods to the others as well.
func independent(a *spec.Aggregate) bool {
	return a.Mode == spec.SwitchIndependent || a.Mode == spec.StaticLAG && a.Distribution == spec.ActiveBackup
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
	if !p.isSwitchPort() {
		return 0, false
	}
	return p.number, true
}

func (m *model) wantNumber(index uint32) (uint16, bool) {
	if netdev.IsDetour(index) {
		return m.wantDetourNumber(index)
	}
	p, _ := m.portOf(index)
	if !m.attached(p) {
		return 0, false
	}
	return p.number, true
}

// attached is whether the program sees the port's frames: a member's only while
// its aggregate is a switch port.
func (m *model) attached(p *port) bool {
	if a := m.aggregateOf(p); a != nil {
		return a.port.isSwitchPort()
	}
	return p != nil
}

func (m *model) wantAttachment(index uint32) (fastpath.Attachment, bool) {
	if number := netdev.DetourPort(index); netdev.IsDetour(index) {
		return fastpath.Attachment{Current: true}, index == netdev.DetourOut(number) && m.detoured(number) != nil
	}
	p, _ := m.portOf(index)
	return fastpath.Attachment{Current: true}, m.attached(p)
}

// configured is what is wanted of an interface that exists, or nil.
func (m *model) configured(index uint32) *spec.Port {
	d := m.devices[index]
	if d == nil || m.ports[d.Name].isAggregate() {
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
	if cfg == nil {
		return 0, false
	}
	mtu := cfg.MTU
	if a := m.aggregates[memberOf(cfg)]; a != nil && a.port != nil && a.port.cfg.MTU != 0 {
		mtu = a.port.cfg.MTU // a member's follows its aggregate's
	}
	return mtu, mtu != 0
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
