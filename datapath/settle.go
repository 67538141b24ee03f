package datapath

import (
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

// settle draws what follows from a change by the clock and by the interfaces:
// hold-times, which ports forward, which went down. It is called when a change
// is complete, before the tables are asked what they should hold.
func (m *model) settle(now time.Time) {
	for _, name := range m.touched.exists.All() {
		m.touchCarriers(name)
	}
	for _, name := range m.touched.names.All() {
		if p := m.ports[name]; p != nil && !p.isAggregate() {
			m.settleHold(name, p, now)
			if p.number != 0 {
				m.touched.ports.Add(p.number)
			}
		}
	}
	m.settleAggregates(now)
	m.settlePlans()
	for _, n := range m.touched.ports.All() {
		m.settleForwarding(n)
	}
}

// touchCarriers marks the ports that carry each VLAN of a switch.
func (m *model) touchCarriers(name string) {
	s := m.switches[name]
	if s == nil {
		return
	}
	for n := range eachPort(&s.all) {
		m.touched.ports.Add(n)
		m.touched.names.Add(m.byNumber[n].cfg.Name)
	}
}

// settleHold brings a port's hold-time up to a moment.
func (m *model) settleHold(name string, p *port, now time.Time) {
	real, enabled := m.realOper(name, p)
	if !enabled {
		p.hold.reset(false)
		p.due = time.Time{}
	} else {
		p.due = p.hold.observe(now, real == spec.OperUp, p.cfg.HoldUp, p.cfg.HoldDown)
	}
	delete(m.waiting, name)
	if !p.due.IsZero() {
		m.waiting[name] = p
	}
	up := enabled && told(real, p) == spec.OperUp
	if p.up && !up && p.isSwitchPort() {
		m.touched.down.Add(p.number)
	}
	p.up = up
}

// settleForwarding keeps the set of ports that forward, of which the flood
// sets are made.
func (m *model) settleForwarding(n uint16) {
	p := m.byNumber[n]
	forwards := p.isSwitchPort() && m.forwarding(p)
	if forwards == m.open.Has(n) {
		return
	}
	if !forwards {
		m.open.Remove(n)
	} else {
		m.open.Add(n)
	}
	if !p.isSwitchPort() {
		return // it left its VLANs, which marked them, or is flooded to as part of its aggregate
	}
	s := m.switches[p.cfg.Switched.Switch]
	carried := namedVLANs(p.cfg.Switched)
	if carriesAll(p.cfg.Switched) {
		carried = s.exists
	}
	for vlan := range carried.All() {
		m.touched.fids.Add(s.vlan(vlan))
	}
}

// touchDue marks the ports whose hold-time has come.
func (m *model) touchDue(now time.Time) {
	for name, p := range m.waiting {
		if !p.due.After(now) {
			m.touched.names.Add(name)
		}
	}
	m.dueAggregates(now)
}

// resolve finds the keys of the tables that go by filtering id.
func (m *model) resolve() {
	for _, v := range m.touched.fids.All() {
		if id := m.fidNumbers.number(v); id != 0 {
			m.touched.flood.Add(uint16(id))
		}
	}
	for _, k := range m.touched.statics.All() {
		if id := m.fidNumbers.number(k.vlan); id != 0 {
			m.touched.addresses.Add(fastpath.Address{FID: uint16(id), MAC: k.mac})
		}
	}
}

// touchAll marks everything that is wanted and every interface.
func (m *model) touchAll() {
	for _, d := range m.devices {
		m.touchName(d.Name)
	}
	for name, p := range m.ports {
		m.touchName(name)
		m.touchAllQoS(name, p)
	}
	for _, s := range m.switches {
		m.touchSwitch(s)
		for vlan := range s.exists.All() {
			m.touched.fids.Add(s.vlan(vlan))
		}
		for key := range s.config().Static {
			m.touched.statics.Add(s.staticKey(key))
		}
	}
}

// setDevice takes over an interface as it was seen now; it reports whether
// anything about it is new. One that has another name now was removed before.
func (m *model) setDevice(d device) bool {
	old := m.devices[d.Index]
	if old != nil && *old == d {
		return false
	}
	m.devices[d.Index], m.byName[d.Name] = &d, &d
	if old == nil {
		m.touchName(d.Name)
		return true
	}
	// Attributes that somebody else changed stay so until the port is
	// configured or looked at as a whole again: nobody wins such a fight.
	m.touched.names.Add(d.Name)
	m.touched.links.Add(d.Index)
	return true
}

// removeDevice forgets an interface that went, or left its name: what was ours
// about it is no more, and so is not given back.
func (m *model) removeDevice(index uint32) bool {
	d := m.devices[index]
	if d == nil {
		return false
	}
	m.touchName(d.Name)
	m.touched.links.Add(index)
	delete(m.devices, index)
	delete(m.silent, index)
	delete(m.original, index)
	m.setPlan(index, nil) // its queues went with it
	if m.byName[d.Name] == d {
		delete(m.byName, d.Name)
	}
	return true
}

// stale is whether a learned entry has no place any more.
func (m *model) stale(e fastpath.Entry) bool {
	if e.Static {
		return false
	}
	if m.touched.down.Has(e.Port) {
		return true
	}
	if !m.touched.lost.Has(e.VLAN) && !m.touched.leaving.Has(e.Port) {
		return false
	}
	s := m.switchOf(e.VLAN.Switch)
	if s == nil || !s.exists.Has(e.VLAN.ID) {
		return true
	}
	explicit := s.explicit[e.VLAN.ID]
	return !s.all.Has(e.Port) && (explicit == nil || !explicit.Has(e.Port))
}
