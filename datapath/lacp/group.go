package lacp

import (
	"cmp"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Times of the protocol: the constants of IEEE 802.1AX-2020, 6.4.
const (
	FastPeriod    = time.Second      // Fast_Periodic_Time
	SlowPeriod    = 30 * time.Second // Slow_Periodic_Time
	ShortTime     = 3 * time.Second  // Short_Timeout_Time
	LongTime      = 90 * time.Second // Long_Timeout_Time
	AggregateWait = 2 * time.Second  // Aggregate_Wait_Time
	ChurnTime     = 60 * time.Second // Churn_Detection_Time
)

// PDUsPerSecond is how many LACPDUs a port sends at most in any
// Fast_Periodic_Time, and how many answers to markers.
const PDUsPerSecond = 3

// Config is what one aggregate's ports have in common.
type Config struct {
	// SystemID and SystemPriority are this end's; the priority is better the
	// lower it is. SystemID must be a station's address, not zero.
	SystemID       spec.MAC
	SystemPriority uint16
	// Key tells the element's aggregates apart, 1..255. The operational key of
	// a port has it in the low octet and a number of the port's speed in the
	// high one.
	Key uint8
	// Passive ends don't begin; Fast asks the partner for a PDU each second.
	Passive, Fast bool
	// Fallback lets the best port carry traffic when no port has a partner and
	// the port has heard none for FallbackTimeout.
	Fallback        bool
	FallbackTimeout time.Duration
	// MaxActive is how many ports may be selected at once; 0 counts as
	// spec.MaxMembers. The better system of the two ends chooses which.
	MaxActive int
	// MinActive is how many ports that are no standby ones must be usable for
	// the standby ones to stay out; 0 counts as 1.
	MinActive int
}

// PortConfig is one port of the aggregate.
type PortConfig struct {
	Number   uint16 // of the element's ports, not 0; no other port of the system has it
	Priority uint16 // lower is better
	// SpeedMegabits of the link, 0 where it is not known. Ports of different
	// speeds never aggregate.
	SpeedMegabits uint32
	// Up says that the link has carrier and the port is enabled.
	Up bool
	// Standby keeps the port out while Config.MinActive others are usable.
	Standby bool
	// Drained lets the port collect and not distribute.
	Drained bool
}

// Frame is a PDU to be sent.
type Frame struct {
	Port string // its name
	PDU  []byte // from the subtype on, PDUOctets long; the receiver's to keep
}

// Verdict is what a port may do now.
type Verdict struct {
	// Selected says that the port belongs to the aggregate: it carries traffic
	// or will as soon as the partner lets it.
	Selected bool
	// Collecting ports take frames in, Distributing ones send them too.
	Collecting, Distributing bool
	// Reason is why the port doesn't distribute; spec.MemberFine where it does.
	Reason spec.MemberReason
}

// Group is the protocol of one aggregate. It is not safe for concurrent use.
// Times handed to it must not go back.
type Group struct {
	config Config
	ports  []*port // ascending by name
	// lag is the one LAG id whose ports are selected; chosen says that there is
	// one.
	lag    lagID
	chosen bool
	out    []Frame
	saved  *saved
	now    time.Time // of the last run
}

// New is a group without ports.
func New(c Config) *Group { return &Group{config: c} }

// Configure changes what the ports have in common. A changed system id,
// priority or key makes every port negotiate anew.
func (g *Group) Configure(now time.Time, c Config) {
	old := g.config
	g.config = c
	for _, p := range g.ports {
		p.configured(now, &old)
	}
	g.run(now)
}

// SetPort adds the port of that name, or changes it. A changed number,
// priority or speed makes the port negotiate anew.
func (g *Group) SetPort(now time.Time, name string, c PortConfig) {
	i, found := g.find(name)
	if !found {
		p := &port{group: g, name: name, config: c}
		p.begin()
		g.resume(now, p)
		g.ports = slices.Insert(g.ports, i, p)
	} else if old := g.ports[i].config; old != c {
		g.ports[i].config = c
		g.ports[i].reconfigured(&old)
	}
	g.run(now)
}

// RemovePort takes the port of that name out of the aggregate; it is no error if
// there is none. If the port is up, its last PDU, which tells the partner to
// leave it, is put in the Outbox.
func (g *Group) RemovePort(now time.Time, name string) {
	if i, found := g.find(name); found {
		p := g.ports[i]
		p.selected = unselected
		p.runMux(now)
		p.transmit(now)
		g.ports = slices.Delete(g.ports, i, i+1)
	}
	g.run(now)
}

// Receive takes in a slow protocol's PDU, from the subtype on, that the port of
// that name got. It is passed over where there is no such port or it is down.
func (g *Group) Receive(now time.Time, name string, pdu []byte) {
	i, found := g.find(name)
	if !found || !g.ports[i].config.Up {
		return
	}
	g.ports[i].received(now, pdu)
	g.settle(now)
}

// Advance does what is due. It may be called at any time. PDUs that have come
// are to be handed to Receive before, so that no partner's time runs out whose
// PDU only waits for a caller that is late.
func (g *Group) Advance(now time.Time) { g.run(now) }

// Next is when Advance has something to do; the zero time is never. After
// Advance it is behind that time.
func (g *Group) Next() time.Time {
	var next time.Time
	if t := g.restored(); t.After(g.now) {
		return t
	}
	for _, p := range g.ports {
		for t := range p.timers() {
			if t.After(g.now) {
				next = earlier(next, t)
			}
		}
	}
	return next
}

// Outbox hands over the PDUs to send, in the order to send them.
func (g *Group) Outbox() []Frame {
	out := g.out
	g.out = nil
	return out
}

// SendFailed counts a PDU of the port that could not be sent.
func (g *Group) SendFailed(name string) {
	if i, found := g.find(name); found {
		g.ports[i].counters.OutErrors++
	}
}

// Ports are the names of the ports in ascending order.
func (g *Group) Ports() []string {
	names := make([]string, len(g.ports))
	for i, p := range g.ports {
		names[i] = p.name
	}
	return names
}

// FellBack reports that a port carries traffic without a partner.
func (g *Group) FellBack() bool {
	return slices.ContainsFunc(g.ports, func(p *port) bool { return p.fallback && p.mux == distributing })
}

// Member is the state of the port of that name and what it may do. Without such
// a port it is all zero, with the reason spec.MemberNotPresent.
func (g *Group) Member(name string) (spec.LACPMember, Verdict) {
	i, found := g.find(name)
	if !found {
		return spec.LACPMember{}, Verdict{Reason: spec.MemberNotPresent}
	}
	return g.ports[i].member(), g.ports[i].verdict()
}

func (g *Group) find(name string) (int, bool) {
	return slices.BinarySearchFunc(g.ports, name, func(p *port, name string) int { return cmp.Compare(p.name, name) })
}

// run lets all machines see the time.
func (g *Group) run(now time.Time) {
	g.now = now
	for _, p := range g.ports {
		p.expire(now)
	}
	g.settle(now)
}

// settle lets the machines behind the receive machines go until each stands
// still. A port that was unselected is detached before the selection, which may
// select it again at once.
func (g *Group) settle(now time.Time) {
	if g.restored().After(now) {
		return
	}
	for _, p := range g.ports {
		if p.selected == unselected {
			p.runMux(now)
		}
	}
	g.selectPorts(now)
	for _, p := range g.ports {
		p.runMux(now)
	}
	g.selectPorts(now) // standby ports go when others have taken over
	for _, p := range g.ports {
		p.runMux(now)
		p.runChurn(now)
		p.runPeriodic(now)
		p.transmit(now)
	}
}

// earlier is the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later is the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// due reports a timer that runs and has reached its time.
func due(timer, now time.Time) bool { return !timer.IsZero() && !timer.After(now) }
