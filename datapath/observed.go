package datapath

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// unfit says why an interface cannot be a switch port, "" where it can.
func unfit(l *netdev.Link) string {
	switch {
	case l.Loopback():
		return "the loopback interface is left to the host"
	case !l.Ethernet():
		return fmt.Sprintf("it carries no Ethernet frames (encapsulation %q, kind %q)", l.Encapsulation, l.Kind)
	case l.Master != 0:
		return fmt.Sprintf("it belongs to another device (ifindex %d): release it there first", l.Master)
	}
	return ""
}

// switched is the device behind a switch port or a member, nil where it is not
// there or cannot be one.
func (m *model) switched(p *port) *device {
	if p == nil || p.number == 0 || p.isAggregate() {
		return nil
	}
	d := m.byName[p.cfg.Name]
	if d == nil || unfit(&d.Link) != "" {
		return nil
	}
	return d
}

// portOf is the switch port or member whose device has the ifindex, or nil.
func (m *model) portOf(index uint32) (*port, *device) {
	d := m.devices[index]
	if d == nil {
		return nil, nil
	}
	p := m.ports[d.Name]
	if m.switched(p) != d {
		return nil, nil
	}
	return p, d
}

// forwarding is whether the datapath lets frames through a port. A port
// without hold-up stays open while its carrier is away: the kernel drops then,
// and nothing is lost when the carrier comes back.
//
// An aggregate forwards while it carries traffic, and a member takes in what
// the group lets it collect.
func (m *model) forwarding(p *port) bool {
	if a := m.aggregateOf(p); a != nil {
		state, _ := a.group.Member(p.cfg.Name)
		return state.Open && m.switched(p) != nil
	}
	if !p.cfg.Enabled || p.cfg.HoldUp != 0 && !p.hold.up {
		return false
	}
	if p.isAggregate() {
		return m.aggregates[p.cfg.Name].group.Up()
	}
	return m.switched(p) != nil
}

// realOper is the status of a port apart from its hold-time, and whether it is
// there and enabled.
func (m *model) realOper(name string, p *port) (spec.OperStatus, bool) {
	if p.isAggregate() {
		switch {
		case !p.cfg.Enabled:
			return spec.OperDown, false
		case !m.aggregates[name].group.Up():
			return spec.OperLowerLayerDown, true
		}
		return spec.OperUp, true
	}
	d := m.byName[name]
	if d == nil {
		return spec.OperNotPresent, false
	}
	return m.oper(d, p), d.AdminUp()
}

// oper is the status of an interface: the kernel's, but for a member whose
// carrier was seen to be gone, which the kernel tells up to a second later.
func (m *model) oper(d *device, p *port) spec.OperStatus {
	if real := d.Oper(); real != spec.OperUp || p == nil || p.cfg.Member == nil || !m.silent[d.Index] {
		return real
	}
	return spec.OperDown
}

// told is the status that is told of an interface that exists.
func told(real spec.OperStatus, p *port) spec.OperStatus {
	if p == nil || p.hold.up == (real == spec.OperUp) {
		return real
	}
	if p.hold.up {
		return spec.OperUp
	}
	return spec.OperDown
}

// observeInterface builds what is told of an interface; nil where neither the
// kernel nor the configuration has one of that name.
func (m *model) observeInterface(name string, now time.Time) *spec.Interface {
	d, p := m.byName[name], m.ports[name]
	if d == nil && p == nil {
		return nil
	}
	i := &spec.Interface{Name: name, Oper: spec.OperNotPresent, LastChange: now, Port: m.observePort(p), Member: m.observeMember(p)}
	if p != nil {
		i.HoldUp, i.HoldDown = p.cfg.HoldUp, p.cfg.HoldDown
		i.LLDP = m.lldp[name] // another one where anything differs
	}
	i.SRIOV = m.sriov[name] // another one where anything differs
	if p.isAggregate() {
		m.observeAggregate(i, p)
		return i
	}
	if d == nil {
		return i
	}
	i.Present = true
	i.Index, i.LinkKind, i.Description = d.Index, d.Kind, d.Alias
	if d.Loopback() {
		i.LinkKind = "loopback"
	}
	i.AdminUp, i.Oper = d.AdminUp(), told(m.oper(d, p), p)
	i.MTU, i.MAC, i.PermanentMAC = d.MTU, d.MAC, d.PermanentMAC
	i.SpeedMegabits, i.FullDuplex = d.speed, d.fullDuplex
	i.CarrierTransitions = d.CarrierChanges
	i.DCB = m.observeDCB(d, p)
	return i
}

func (m *model) observePort(p *port) *spec.PortState {
	if !p.isSwitchPort() {
		return nil
	}
	s := p.cfg.Switched
	state := &spec.PortState{
		Switch: s.Switch, Number: p.number, Mode: s.Mode, PVID: s.PVID,
		Tagged:   m.switches[s.Switch].tagged(s),
		AllVLANs: carriesAll(s), NoTeaming: s.NoTeaming,
	}
	real, _ := m.realOper(p.cfg.Name, p)
	state.Forwarding = m.forwarding(p) && told(real, p) == spec.OperUp
	if p.isAggregate() {
		state.Kind = spec.KindLAG
	} else if d := m.switched(p); d != nil {
		state.Kind = d.PortKind()
	}
	return state
}

// sameInterface compares all but the time of the last change.
func sameInterface(a, b *spec.Interface) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.LastChange, y.LastChange = time.Time{}, time.Time{}
	x.Port, y.Port = nil, nil
	x.Aggregate, y.Aggregate, x.Member, y.Member = nil, nil, nil, nil
	x.QoS, y.QoS = nil, nil
	return x == y && spec.SameQoS(a.QoS, b.QoS) && same(a.Port, b.Port) && sameAggregate(a.Aggregate, b.Aggregate) && sameMember(a.Member, b.Member)
}

// same compares what two pointers point to; nil is like nil only.
func same[V comparable](a, b *V) bool { return a == b || a != nil && b != nil && *a == *b }

// observeSwitch builds what is told of a switch; nil where there is none. Of
// the state before, it takes over the VLANs that were not touched.
func (m *model) observeSwitch(name string, old *spec.SwitchState, t *touched) *spec.SwitchState {
	s := m.switches[name]
	if s == nil {
		return nil
	}
	cfg := s.config()
	state := &spec.SwitchState{
		Name: name, Enabled: cfg.Enabled, Learning: cfg.Learning, Ageing: cfg.Ageing,
		MaxEntries: cfg.MaxEntries, Static: uint32(len(cfg.Static)),
	}
	if old != nil && t.fids.Len() == 0 {
		state.VLANs = old.VLANs // nobody modifies it any more
		return state
	}
	state.VLANs = make(map[uint16]*spec.VLANState, s.exists.Len())
	for vlan := range s.exists.All() {
		if old != nil && old.VLANs[vlan] != nil && !t.fids.Has(s.vlan(vlan)) {
			state.VLANs[vlan] = old.VLANs[vlan]
			continue
		}
		state.VLANs[vlan] = m.observeVLAN(s, vlan)
	}
	return state
}

func (m *model) observeVLAN(s *vswitch, vlan uint16) *spec.VLANState {
	v := s.config().VLANs[vlan]
	members := s.members(vlan)
	state := &spec.VLANState{ID: vlan, Name: v.Name, Suspended: v.Suspended}
	for n := range eachPort(&members) {
		if p := m.byNumber[n]; p != nil {
			state.Members = append(state.Members, p.cfg.Name)
		}
	}
	slices.Sort(state.Members)
	return state
}

func sameSwitch(a, b *spec.SwitchState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && a.Enabled == b.Enabled && a.Learning == b.Learning &&
		a.Ageing == b.Ageing && a.MaxEntries == b.MaxEntries &&
		a.Dynamic == b.Dynamic && a.Static == b.Static && a.Moves == b.Moves && a.Refused == b.Refused &&
		maps.EqualFunc(a.VLANs, b.VLANs, sameVLAN)
}

func sameVLAN(a, b *spec.VLANState) bool {
	return a == b || a.ID == b.ID && a.Name == b.Name && a.Suspended == b.Suspended && slices.Equal(a.Members, b.Members)
}
