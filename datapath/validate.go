package datapath

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
)

// checkValues reports what is wrong with a change by itself.
func checkValues(c spec.Change) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Ports)) {
		p := c.Ports[name]
		if p == nil {
			continue
		}
		if p.Name != name {
			errs = append(errs, &spec.Invalid{Port: name, Reason: fmt.Sprintf("it calls itself %q", p.Name)})
		}
		errs = append(errs, p.Check())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Switches)) {
		s := c.Switches[name]
		if s == nil {
			continue
		}
		if s.Name != name {
			errs = append(errs, &spec.Invalid{Switch: name, Reason: fmt.Sprintf("it calls itself %q", s.Name)})
		}
		errs = append(errs, s.Check())
	}
	return errors.Join(errs...)
}

// validate reports what is wrong with the model after a change, as far as the
// change concerns it.
func (m *model) validate(c spec.Change) error {
	var errs []error
	names := slices.Sorted(maps.Keys(c.Ports))
	if len(m.ports) > spec.MaxInterfaces && len(names) > 0 {
		return &spec.Invalid{Port: names[len(names)-1], Full: true,
			Reason: fmt.Sprintf("there are %d configured interfaces already", spec.MaxInterfaces)}
	}
	for _, name := range names {
		if p := m.ports[name]; p != nil {
			errs = append(errs, m.validateDevice(p))
		}
	}
	errs = append(errs, m.validateAggregates()...)
	for _, name := range m.touched.switchNames.All() {
		if s := m.switches[name]; s != nil {
			errs = append(errs, m.validateStatics(s))
		}
	}
	return errors.Join(errs...)
}

// validateDevice compares a port with its interface, where that is there.
func (m *model) validateDevice(p *port) error {
	d := m.byName[p.cfg.Name]
	if d == nil {
		return nil
	}
	fail := func(format string, args ...any) error {
		return &spec.Invalid{Port: p.cfg.Name, Reason: fmt.Sprintf(format, args...)}
	}
	if p.isAggregate() {
		return nil // it is told to be none
	}
	if reason := unfit(&d.Link); reason != "" && p.cfg.Switched != nil {
		return fail("no switch port: %s", reason)
	} else if reason != "" && p.cfg.Member != nil {
		return fail("no member of %s: %s", p.cfg.Member.Aggregate, reason)
	}
	if mtu := p.cfg.MTU; mtu != 0 && (mtu < d.MinMTU || d.MaxMTU != 0 && mtu > d.MaxMTU) {
		return fail("mtu %d: the interface takes %d to %d", mtu, d.MinMTU, d.MaxMTU)
	}
	return nil
}

// validateStatics wants the port of each static entry to carry its VLAN.
func (m *model) validateStatics(s *vswitch) error {
	statics := s.config().Static
	if len(statics) == 0 {
		return nil
	}
	var errs []error
	for key, name := range statics {
		p := m.ports[name]
		reason := ""
		switch {
		case !p.isSwitchPort() || p.cfg.Switched.Switch != s.name:
			reason = fmt.Sprintf("%s is no port of this switch", name)
		case !s.exists.Has(key.VLAN):
			reason = fmt.Sprintf("vlan %d is not on this switch", key.VLAN)
		default:
			if members := s.members(key.VLAN); members.Has(p.number) {
				continue
			}
			reason = fmt.Sprintf("port %s does not carry vlan %d", name, key.VLAN)
		}
		errs = append(errs, &spec.Invalid{Switch: s.name, VLAN: key.VLAN, MAC: key.MAC, Reason: reason})
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// validateAggregates reports what is wrong with the aggregates that a change
// concerns.
func (m *model) validateAggregates() (errs []error) {
	touched := slices.Clone(m.touched.aggregates.All())
	slices.Sort(touched)
	for _, name := range touched {
		if a := m.aggregates[name]; a != nil {
			errs = append(errs, m.validateAggregate(a)...)
		}
	}
	return errs
}

func (m *model) validateAggregate(a *aggregate) (errs []error) {
	members := slices.Sorted(maps.Keys(a.members))
	if a.port == nil {
		for _, name := range members {
			errs = append(errs, &spec.Invalid{Port: name, Reason: fmt.Sprintf("%s is no aggregate that it could be a member of", a.name)})
		}
		return errs
	}
	if len(members) > spec.MaxMembers {
		errs = append(errs, &spec.Invalid{Port: members[spec.MaxMembers], Full: true,
			Reason: fmt.Sprintf("aggregate %s has %d members already", a.name, spec.MaxMembers)})
	}
	fail := func(format string, args ...any) {
		errs = append(errs, &spec.Invalid{Port: a.name, Reason: fmt.Sprintf(format, args...)})
	}
	if d := m.byName[a.name]; d != nil {
		fail("no aggregate can have the name of a network interface that exists (ifindex %d)", d.Index)
	}
	cfg := a.port.cfg
	if primary := cfg.Aggregate.Primary; primary != "" && a.members[primary] == nil {
		fail("primary member %s is no member", primary)
	}
	for _, name := range members {
		d := m.byName[name]
		if mtu := cfg.MTU; d != nil && mtu != 0 && (mtu < d.MinMTU || d.MaxMTU != 0 && mtu > d.MaxMTU) {
			fail("mtu %d: member %s takes %d to %d", mtu, name, d.MinMTU, d.MaxMTU)
		}
	}
	return errs
}
