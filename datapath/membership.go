package datapath

import (
	"fmt"
	"iter"
	"math/bits"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

// eachPort yields the port numbers of a set in ascending order.
func eachPort(s *fastpath.PortSet) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(uint16(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// namedVLANs are the VLANs that a port names, and thereby makes exist.
func namedVLANs(s *spec.Switched) (named spec.VLANSet) {
	if s == nil {
		return named
	}
	if s.Mode == spec.Trunk {
		named = s.Tagged
	}
	if s.PVID != 0 {
		named.Add(s.PVID)
	}
	return named
}

func carriesAll(s *spec.Switched) bool { return s != nil && s.Mode == spec.Trunk && s.AllVLANs }

// setMembership moves a port from one place on a switch to another; nil is no
// place. The port's own configuration is already the new one.
func (m *model) setMembership(name string, p *port, old, now *spec.Switched) error {
	if old != nil && now != nil && *old == *now {
		return nil
	}
	if old != nil && now != nil && old.Switch == now.Switch {
		return m.changeVLANs(m.switches[old.Switch], p.number, old, now)
	}
	if old != nil {
		m.leaveSwitch(name, p, old)
	}
	if now != nil {
		return m.joinSwitch(name, p, now)
	}
	return nil
}

func (m *model) joinSwitch(name string, p *port, now *spec.Switched) error {
	s, err := m.ensureSwitch(now.Switch)
	if err != nil {
		p.cfg = without(p.cfg, func(c *spec.Port) { c.Switched = nil })
		return err
	}
	if !m.portNumbers.take(name) {
		p.cfg = without(p.cfg, func(c *spec.Port) { c.Switched = nil })
		m.releaseSwitch(s)
		return &spec.Invalid{Port: name, Full: true, Reason: fmt.Sprintf("there are %d switch ports and members of aggregates already", spec.MaxPorts)}
	}
	p.number = uint16(m.portNumbers.number(name))
	m.byNumber[p.number] = p
	s.ports++
	m.touched.ports.Add(p.number)
	m.touched.switchNames.Add(s.name)
	m.touchStatics(s, name)
	return m.changeVLANs(s, p.number, nil, now)
}

// without is the port as it stands when it could not join: the inverse change
// then finds it where it is.
func without(cfg *spec.Port, what func(*spec.Port)) *spec.Port {
	c := *cfg
	what(&c)
	return &c
}

func (m *model) leaveSwitch(name string, p *port, old *spec.Switched) {
	s := m.switches[old.Switch]
	// Taking VLANs away meets no limit.
	_ = m.changeVLANs(s, p.number, old, nil)
	m.touched.ports.Add(p.number)
	m.touched.switchNames.Add(s.name)
	m.touchStatics(s, name)
	delete(m.byNumber, p.number)
	m.portNumbers.release(name)
	p.number = 0
	s.ports--
	m.releaseSwitch(s)
}

// touchStatics marks the static entries that point to a port.
func (m *model) touchStatics(s *vswitch, name string) {
	if s.statics[name] == 0 {
		return
	}
	for key, to := range s.config().Static {
		if to == name {
			m.touched.statics.Add(s.staticKey(key))
		}
	}
}

// changeVLANs exchanges what a port carries. What comes is named before what
// goes is not, so that a VLAN that stays does not end in between. The first
// limit that is met is the error; the whole change is made nevertheless.
func (m *model) changeVLANs(s *vswitch, n uint16, old, now *spec.Switched) error {
	from, to := namedVLANs(old), namedVLANs(now)
	m.touched.ports.Add(n)
	m.touched.switchNames.Add(s.name)
	m.setCarriesAll(s, n, carriesAll(old), carriesAll(now))
	var first error
	added, removed := difference(&to, &from), difference(&from, &to)
	for vlan := range added.All() {
		set := s.explicit[vlan]
		if set == nil {
			set = &fastpath.PortSet{}
			s.explicit[vlan] = set
		}
		set.Add(n)
		m.touched.fids.Add(s.vlan(vlan))
		if err := m.nameVLAN(s, vlan); err != nil && first == nil {
			first = err
		}
	}
	for vlan := range removed.All() {
		set := s.explicit[vlan]
		set.Remove(n)
		if *set == (fastpath.PortSet{}) {
			delete(s.explicit, vlan)
		}
		m.touched.fids.Add(s.vlan(vlan))
		m.touched.leaving.Add(n)
		m.unnameVLAN(s, vlan)
	}
	return first
}

func (m *model) setCarriesAll(s *vswitch, n uint16, was, is bool) {
	switch {
	case was == is:
		return
	case is:
		s.all.Add(n)
	default:
		s.all.Remove(n)
		m.touched.leaving.Add(n)
	}
	for vlan := range s.exists.All() {
		m.touched.fids.Add(s.vlan(vlan))
	}
}

// difference is what is in a and not in b.
func difference(a, b *spec.VLANSet) (d spec.VLANSet) {
	for i := range a {
		d[i] = a[i] &^ b[i]
	}
	return d
}

// members are the ports that carry a VLAN that exists.
func (s *vswitch) members(vlan uint16) fastpath.PortSet {
	set := s.all
	if explicit := s.explicit[vlan]; explicit != nil {
		for i, w := range explicit {
			set[i] |= w
		}
	}
	return set
}

// tagged are the VLANs that a port of the switch carries with a tag.
func (s *vswitch) tagged(p *spec.Switched) spec.VLANSet {
	var set spec.VLANSet
	if p.Mode != spec.Trunk {
		return set
	}
	set = p.Tagged
	if p.AllVLANs {
		set.Union(&s.exists)
	}
	set.Remove(p.PVID)
	return set
}
