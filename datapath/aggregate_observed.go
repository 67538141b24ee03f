package datapath

import (
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
)

// observeAggregate fills in what is told of an aggregate. There is no interface
// in the kernel: what the datapath goes by is what there is.
func (m *model) observeAggregate(i *spec.Interface, p *port) {
	a, cfg := m.aggregates[p.cfg.Name], p.cfg.Aggregate
	real, _ := m.realOper(p.cfg.Name, p)
	i.Present, i.AdminUp, i.Oper = true, p.cfg.Enabled, told(real, p)
	i.Description, i.MTU = p.cfg.Description, m.aggregateMTU(a)
	i.Aggregate = &spec.AggregateState{
		Number: a.number, Mode: cfg.Mode, Distribution: cfg.Distribution, MinLinks: cfg.MinLinks, Settings: cfg,
		Members: a.group.Names(), Active: a.group.Active(), Designated: a.group.Designated(),
		SpeedMegabits: a.group.SpeedMegabits(),
		Failovers:     a.stats.failovers, LastFailover: a.stats.last, LastReason: a.stats.reason,
		Moved: a.stats.moved, Announced: a.stats.announced,
	}
	for _, name := range slices.Sorted(maps.Keys(a.members)) {
		if a.members[name].cfg.Member.Standby {
			i.Aggregate.Standby = append(i.Aggregate.Standby, name)
		}
	}
	i.SpeedMegabits = uint32(min(i.Aggregate.SpeedMegabits, 1<<32-1))
	i.FullDuplex = i.SpeedMegabits != 0
	if cfg.Mode == spec.LACPManaged {
		i.Aggregate.LACP = m.observeLACP(a)
	}
}

func (m *model) observeLACP(a *aggregate) *spec.LACPState {
	cfg := &a.port.cfg.Aggregate.LACP
	return &spec.LACPState{
		Passive: cfg.Passive, Fast: cfg.Fast, SystemID: m.systemID(cfg), SystemPriority: cfg.SystemPriority,
		Fallback: cfg.Fallback, FallbackTimeout: cfg.FallbackTimeout, FellBack: m.lacp[a.name].FellBack,
	}
}

// systemID is the address of this end of an aggregate.
func (m *model) systemID(l *spec.LACP) spec.MAC {
	if !l.SystemID.IsZero() {
		return l.SystemID
	}
	return m.system
}

// observeMember is what is told of a member; nil for a port that is none.
func (m *model) observeMember(p *port) *spec.MemberState {
	a := m.aggregateOf(p)
	if a == nil || a.port == nil {
		return nil
	}
	name := p.cfg.Name
	is, _ := a.group.Member(name)
	state := &spec.MemberState{
		Aggregate: a.name, Role: is.Role, Reason: is.Reason,
		Collecting: is.Collecting, Distributing: is.Distributing, Buckets: uint16(is.Buckets),
		Transitions: is.Transitions, LastChange: is.Since,
		Standby: p.cfg.Member.Standby, Drained: p.cfg.Member.Drained,
	}
	if lacp, ok := m.lacp[a.name].Members[name]; ok && a.port.cfg.Aggregate.Mode == spec.LACPManaged {
		state.LACP = &lacp.State
	}
	return state
}

func sameAggregate(a, b *spec.AggregateState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Number == b.Number && a.Mode == b.Mode && a.Distribution == b.Distribution && a.MinLinks == b.MinLinks &&
		same(a.Settings, b.Settings) && slices.Equal(a.Standby, b.Standby) &&
		slices.Equal(a.Members, b.Members) && slices.Equal(a.Active, b.Active) &&
		a.Designated == b.Designated && a.SpeedMegabits == b.SpeedMegabits &&
		a.Failovers == b.Failovers && a.LastFailover == b.LastFailover && a.LastReason == b.LastReason &&
		a.Moved == b.Moved && a.Announced == b.Announced && same(a.LACP, b.LACP)
}

func sameMember(a, b *spec.MemberState) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.LACP, y.LACP = nil, nil
	return x == y && same(a.LACP, b.LACP)
}
