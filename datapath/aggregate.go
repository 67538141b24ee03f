package datapath

import (
	"fmt"
	"time"

	"github.com/signalbox/signalbox/datapath/lag"
	"github.com/signalbox/signalbox/datapath/spec"
)

// aggregate is a link aggregation group: configured, or named by members only
// while a change is under way.
type aggregate struct {
	name    string
	number  uint16           // in the table of LAGs; 0 while it is not configured
	port    *port            // its configuration; nil while it has none
	members map[string]*port // by interface name
	group   *lag.Group
	before  *lag.Group // as it was when the transaction began; nil: untouched
	adopted bool       // what an earlier instance left was taken over
	due     time.Time  // when the group is to be looked at again; zero: never
	mixed   bool       // that the members' speeds differ was said

	loads    [spec.LAGBuckets]uint64 // octets by bucket when Dynamic last compared
	loadsDue time.Time               // when it does again

	lost  []lag.Loss // and not counted yet
	stats aggregateStats
}

// aggregateStats is what is counted of an aggregate.
type aggregateStats struct {
	failovers        uint64
	last             time.Duration
	reason           spec.MemberReason
	moved, announced uint64
}

// memberKey names a member's port number: it begins to count with each
// membership. No interface can have such a name.
func memberKey(aggregate, member string) string { return aggregate + "/" + member }

// aggregateOf is the aggregate that a port is a member of, or nil.
func (m *model) aggregateOf(p *port) *aggregate {
	if p == nil || p.cfg.Member == nil {
		return nil
	}
	return m.aggregates[p.cfg.Member.Aggregate]
}

// aggregateAt is the aggregate with a number, or nil.
func (m *model) aggregateAt(number uint16) *aggregate {
	name, ok := m.lagNumbers.used(int(number))
	if !ok {
		return nil
	}
	return m.aggregates[name]
}

// isAggregate reports whether the port is an aggregate.
func (p *port) isAggregate() bool { return p != nil && p.cfg.Aggregate != nil }

// isSwitchPort reports whether the port has a place on a switch.
func (p *port) isSwitchPort() bool { return p != nil && p.number != 0 && p.cfg.Switched != nil }

// leaveAggregation ends what a port was to aggregates and is no more.
func (m *model) leaveAggregation(name string, p *port, old, now *spec.Port) {
	if was := memberOf(old); was != "" && was != memberOf(now) {
		a := m.aggregates[was]
		delete(a.members, name)
		m.touched.ports.Add(p.number)
		m.touched.aggregates.Add(was)
		delete(m.byNumber, p.number)
		m.portNumbers.release(memberKey(was, name))
		p.number = 0
		m.releaseAggregate(a)
	}
	if old != nil && old.Aggregate != nil && (now == nil || now.Aggregate == nil) {
		a := m.aggregates[name]
		m.touchMembers(a)
		a.port = nil
		m.lagNumbers.release(name)
		a.number = 0
		m.releaseAggregate(a)
	}
}

// joinAggregation begins what a port is to aggregates and was not.
func (m *model) joinAggregation(name string, p *port, old, now *spec.Port) error {
	if now == nil {
		return nil
	}
	if now.Aggregate != nil && (old == nil || old.Aggregate == nil) {
		if !m.lagNumbers.take(name) {
			p.cfg = without(p.cfg, func(c *spec.Port) { c.Aggregate = nil })
			return &spec.Invalid{Port: name, Full: true, Reason: fmt.Sprintf("there are %d aggregates already", spec.MaxAggregates)}
		}
		a := m.ensureAggregate(name)
		a.port, a.number = p, uint16(m.lagNumbers.number(name))
	}
	if now.Aggregate != nil {
		m.touchMembers(m.aggregates[name])
	}
	is := memberOf(now)
	if is == "" {
		return nil
	}
	m.touched.aggregates.Add(is)
	if is == memberOf(old) {
		return nil
	}
	key := memberKey(is, name)
	if !m.portNumbers.take(key) {
		p.cfg = without(p.cfg, func(c *spec.Port) { c.Member = nil })
		return &spec.Invalid{Port: name, Full: true, Reason: fmt.Sprintf("there are %d switch ports and members of aggregates already", spec.MaxPorts)}
	}
	p.number = uint16(m.portNumbers.number(key))
	m.byNumber[p.number] = p
	m.touched.ports.Add(p.number)
	m.ensureAggregate(is).members[name] = p
	return nil
}

func memberOf(cfg *spec.Port) string {
	if cfg == nil || cfg.Member == nil {
		return ""
	}
	return cfg.Member.Aggregate
}

// ensureAggregate makes an aggregate exist.
func (m *model) ensureAggregate(name string) *aggregate {
	a := m.aggregates[name]
	if a == nil {
		a = m.disbanded[name]
		delete(m.disbanded, name)
	}
	if a == nil {
		a = &aggregate{name: name, members: make(map[string]*port), group: &lag.Group{}}
	}
	m.aggregates[name] = a
	m.touched.aggregates.Add(name)
	return a
}

// releaseAggregate ends an aggregate that neither is configured nor has a
// member. Within the transaction it may come back with all that it knew.
func (m *model) releaseAggregate(a *aggregate) {
	if a.port != nil || len(a.members) > 0 {
		return
	}
	m.touched.aggregates.Add(a.name)
	delete(m.aggregates, a.name)
	m.disbanded[a.name] = a
}

// touchMembers marks all that follows for the members when their aggregate
// changes.
func (m *model) touchMembers(a *aggregate) {
	m.touched.aggregates.Add(a.name)
	if a.number != 0 {
		m.touched.lags.Add(a.number)
	}
	for name := range a.members {
		m.touchName(name)
	}
}

// settleAggregates brings the aggregates that are touched up to a moment, those
// of touched members included.
func (m *model) settleAggregates(now time.Time) {
	for _, name := range m.touched.names.All() {
		if p := m.ports[name]; p != nil && p.cfg.Member != nil {
			m.touched.aggregates.Add(p.cfg.Member.Aggregate)
		} else if p.isAggregate() {
			m.touched.aggregates.Add(name)
		}
	}
	for _, name := range m.touched.aggregates.All() {
		if a := m.aggregates[name]; a != nil && a.port != nil {
			m.settleAggregate(a, now)
		}
	}
}

func (m *model) settleAggregate(a *aggregate, now time.Time) {
	if a.before == nil {
		a.before = a.group.Clone()
	}
	a.group.Configure(a.config())
	if !a.adopted {
		a.adopted = true
		m.adopt(a)
	}
	for name, p := range a.members {
		a.group.Observe(name, m.observation(a, name, p))
	}
	a.group.Advance(now)
	a.lost = append(a.lost, a.group.Lost()...)
	a.due = a.group.Next()
	m.touched.lags.Add(a.number)
	m.touched.names.Add(a.name)
	for name, p := range a.members {
		m.touched.ports.Add(p.number)
		m.touched.names.Add(name)
	}
	if a.port.number != 0 {
		m.touched.ports.Add(a.port.number)
	}
	m.settleHold(a.name, a.port, now)
}

// config is what is wanted of the aggregate, in the group's words.
func (a *aggregate) config() lag.Config {
	c := lag.Config{
		Aggregate: *a.port.cfg.Aggregate, Enabled: a.port.cfg.Enabled,
		Members: make(map[string]spec.Member, len(a.members)),
	}
	for name, p := range a.members {
		c.Members[name] = *p.cfg.Member
	}
	return c
}

// observation is what is seen of a member: by the kernel's last word, and by
// the look at its carrier, which is sooner. The hold-time of the member is
// waited for.
func (m *model) observation(a *aggregate, name string, p *port) lag.Observation {
	d := m.switched(p)
	if d == nil {
		return lag.Observation{LACP: m.verdict(a.name, name)}
	}
	return lag.Observation{
		Present: true, Enabled: d.AdminUp(),
		Carrier:       d.Oper() == spec.OperUp && !m.silent[d.Index] && (p.cfg.HoldUp == 0 || p.hold.up),
		SpeedMegabits: d.speed, LACP: m.verdict(a.name, name),
	}
}

// verdict is what LACP allows a member.
func (m *model) verdict(aggregate, member string) lag.Verdict {
	v := m.lacp[aggregate].Members[member].Verdict
	return lag.Verdict{Collecting: v.Collecting, Distributing: v.Distributing, Reason: v.Reason}
}

// takeBack gives the groups back what they knew before a change that failed.
func (m *model) takeBack() {
	for _, name := range m.touched.aggregates.All() {
		if a := m.aggregates[name]; a != nil && a.before != nil {
			a.group, a.lost = a.before, nil
			a.before = nil
		}
	}
}

// keep ends a transaction of the aggregates: what they know now is what they
// know.
func (m *model) keep() {
	for _, name := range m.touched.aggregates.All() {
		if a := m.aggregates[name]; a != nil {
			a.before = nil
		}
	}
	clear(m.disbanded)
}

// adopt lets a group go on from what an earlier instance left in the kernel.
func (m *model) adopt(a *aggregate) {
	found, ok := m.found[a.number]
	if !ok {
		return
	}
	members := make(map[uint16]string, len(a.members)) // by port number
	for name, p := range a.members {
		members[p.number] = name
	}
	adopted := lag.Adopted{Slots: make(map[string]lag.AdoptedSlot)}
	var names [spec.MaxMembers]string
	for slot, member := range found.Members {
		if name := members[member.Port]; name != "" {
			names[slot] = name
			adopted.Slots[name] = lag.AdoptedSlot{Slot: uint8(slot), Usable: member.Active}
		}
	}
	if int(found.Designated) < len(names) {
		adopted.Designated = names[found.Designated]
	}
	for b, bucket := range found.Buckets {
		if int(bucket.First) < len(names) {
			adopted.First[b] = names[bucket.First]
		}
	}
	a.group.Adopt(adopted)
}

// dueAggregates marks the aggregates whose time has come.
func (m *model) dueAggregates(now time.Time) {
	for name, a := range m.aggregates {
		if !a.due.IsZero() && !a.due.After(now) {
			m.touched.aggregates.Add(name)
		}
	}
}

// memberDevices are the interfaces of all members, by ifindex.
func (m *model) memberDevices() (indexes []uint32) {
	for _, a := range m.aggregates {
		for _, p := range a.members {
			if d := m.switched(p); d != nil {
				indexes = append(indexes, d.Index)
			}
		}
	}
	return indexes
}

// touchCarrier takes over what a look at an interface's carrier told; it
// reports whether that is news.
func (m *model) touchCarrier(index uint32, up bool) bool {
	d := m.devices[index]
	if d == nil || m.silent[index] == !up {
		return false
	}
	if up {
		delete(m.silent, index)
	} else {
		m.silent[index] = true
	}
	m.touched.names.Add(d.Name)
	return true
}
