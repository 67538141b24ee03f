package datapath

import (
	"iter"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// touchSharing marks the ports at which others compete.
func (m *model) touchSharing() {
	for name := range m.qos.sharing {
		m.touchName(name)
	}
}

// detoured is the port that a detour belongs to, or nil.
func (m *model) detoured(number uint16) *port {
	p := m.byNumber[number]
	if !p.isSwitchPort() || p.cfg.QoS == nil || p.cfg.QoS.Input == nil || m.switched(p) == nil {
		return nil
	}
	return p
}

// settlePlans draws the classes of the interfaces that a change concerns. What
// ends comes first: an interface may have changed its port.
func (m *model) settlePlans() {
	type planned struct {
		*port
		plans map[uint32]*plan
	}
	var all []planned
	for _, name := range m.touched.names.All() {
		p := m.ports[name]
		if p == nil {
			p = m.removed[name]
		}
		if p == nil || p.cfg.QoS == nil && p.planned == nil {
			continue
		}
		wanted := m.plansOf(p)
		for _, index := range slices.Sorted(maps.Keys(p.planned)) {
			if wanted[index] == nil {
				m.setPlan(index, nil)
			}
		}
		all = append(all, planned{p, wanted})
	}
	for _, p := range all {
		for _, index := range slices.Sorted(maps.Keys(p.plans)) {
			m.setPlan(index, p.plans[index])
		}
		p.planned = p.plans
		m.touchPlanned(p.port)
	}
}

// touchPlanned marks what follows from whether a port has queues.
func (m *model) touchPlanned(p *port) {
	if p.number == 0 {
		return
	}
	m.touched.ports.Add(p.number)
	if a := m.aggregateOf(p); a != nil {
		m.touched.lags.Add(a.number)
	}
	if p.cfg.QoS != nil && p.cfg.QoS.Input != nil {
		m.touchDetour(p.number)
	}
}

// plansOf are the plans of a port's interfaces; what cannot be planned was
// refused before.
func (m *model) plansOf(p *port) map[uint32]*plan {
	if m.ports[p.cfg.Name] != p || p.cfg.QoS == nil {
		return nil
	}
	d := m.switched(p)
	if d == nil {
		return nil
	}
	wanted := make(map[uint32]*plan)
	if s := m.outputOf(p); s != nil {
		if plan, err := newPlan(s, d.lineRate(), m.queue); err == nil {
			wanted[d.Index] = plan
		}
	}
	if m.detoured(p.number) == p {
		if plan, err := newPlan(p.cfg.QoS.Input, d.lineRate(), m.queue); err == nil {
			wanted[netdev.DetourIn(p.number)] = plan
		}
	}
	return wanted
}

func (m *model) setPlan(index uint32, plan *plan) {
	old := m.qos.plans[index]
	if plan.same(old) {
		return
	}
	if plan == nil {
		delete(m.qos.plans, index)
	} else {
		m.qos.plans[index] = plan
	}
	m.touchPlan(index, plan)
	m.touchPlan(index, old)
}

func (m *model) touchPlan(index uint32, plan *plan) {
	m.touched.schedulers.Add(index)
	for _, minor := range plan.minors() {
		m.touched.classes.Add(netdev.ClassKey{IfIndex: index, Minor: minor})
	}
}

// outputOf is how what leaves by a port is scheduled, nil for not at all: by its
// policy, and where others compete by their shares.
func (m *model) outputOf(p *port) *spec.Scheduler {
	q := p.cfg.QoS
	if q.Sharing == spec.ShareNone || !p.isSwitchPort() {
		return q.Output
	}
	s := spec.Scheduler{}
	if q.Output != nil {
		s = *q.Output
	}
	s.Groups = m.sharesAt(p)
	return &s
}

// sharesAt are the classes of the ports that compete at one. By weight they have
// all of the line that is not the default class's.
func (m *model) sharesAt(at *port) []spec.SchedulerGroup {
	absolute := at.cfg.QoS.Sharing == spec.ShareAbsolute
	group := spec.SchedulerGroup{Minimum: spec.Rate{Percent: 100 - 100/defaultShare}}
	sum := uint64(0)
	for _, number := range m.rivals(at) {
		p := m.byNumber[number]
		weight := uint64(p.cfg.QoS.Share.Weight)
		if absolute {
			weight = p.cfg.QoS.Share.Rate
		}
		if weight != 0 {
			sum += weight
			group.Queues = append(group.Queues, spec.SchedulerQueue{Queue: shareQueue(p.cfg.Name), Weight: weight})
		}
	}
	if absolute {
		group.Minimum = spec.Rate{BitsPerSecond: sum}
	}
	if len(group.Queues) == 0 {
		return nil
	}
	return []spec.SchedulerGroup{group}
}

// rivals are the ports of a port's switch that have a share, by number.
func (m *model) rivals(at *port) (all []uint16) {
	for n := range m.eachOfSwitch(at.cfg.Switched.Switch) {
		if p := m.byNumber[n]; p != at && p.cfg.QoS != nil && p.cfg.QoS.Share != (spec.Share{}) {
			all = append(all, n)
		}
	}
	return all
}

// eachOfSwitch yields the numbers of a switch's ports in ascending order.
func (m *model) eachOfSwitch(name string) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for n := uint16(1); n <= spec.MaxPorts; n++ {
			if p := m.byNumber[n]; p.isSwitchPort() && p.cfg.Switched.Switch == name && !yield(n) {
				return
			}
		}
	}
}
