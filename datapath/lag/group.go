package lag

import (
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Config is what is wanted of an aggregate.
type Config struct {
	spec.Aggregate
	// Enabled false lets no member carry anything.
	Enabled bool
	// Members by interface name; only the first spec.MaxMembers count. The map
	// is not modified any more.
	Members map[string]spec.Member
}

// Observation is what was seen of a member at one moment.
type Observation struct {
	Present bool // there is an interface of that name, and it can be a member
	Enabled bool // it is up administratively
	Carrier bool
	// SpeedMegabits is the link's speed, 0 where it is not known.
	SpeedMegabits uint32
	// LACP is what the protocol allows; it matters in mode LACPManaged only.
	LACP Verdict
}

// Verdict is what LACP allows a member.
type Verdict struct {
	Collecting, Distributing bool
	Reason                   spec.MemberReason // why it is not distributing
}

// Member is what a member does.
type Member struct {
	Role   spec.MemberRole
	Reason spec.MemberReason // why it is not active
	// Collecting: frames are taken in. Distributing: flows leave by it.
	Collecting, Distributing bool
	// Open says that what comes is to be taken in, also where nothing can come
	// because there is no carrier: when it is back, the other end may be sooner.
	Open bool
	// Linked says that the member is there, up, has had its carrier for the
	// up-delay, or lost it for less than the down-delay. LACP runs on it then.
	Linked bool
	// Buckets is how many of the aggregate's flows leave by it.
	Buckets int
	// Transitions counts changes of Role since the group was made; Since is the
	// time of the last one.
	Transitions uint64
	Since       time.Time
}

// Loss is a member that carried traffic and was lost.
type Loss struct {
	Name   string
	Reason spec.MemberReason
}

// Group is one aggregate. It is not safe for concurrent use. The zero value is
// a disabled aggregate without members.
type Group struct {
	cfg     Config
	names   []string // of all members, ascending
	members map[string]*member
	places  []place // see place.go
	spread  []uint64
	order   *order
	// backup is the active member of ActiveBackup, designated who takes in
	// broadcasts; "" where there is none.
	backup, designated string
	// moved holds the places that Dynamic gave to buckets, by the name of the
	// member whose place it is; "" is the bucket's own.
	moved [spec.LAGBuckets]string
	table Table
	lost  []Loss
	asked bool // another mode was asked for: who is lost is not lost by a failure
	up    bool
	mixed bool
}

// member is a member with all that is remembered of it.
type member struct {
	Member
	cfg   spec.Member
	slot  uint8
	seen  Observation
	link  link
	speed uint32 // last known
	fit   spec.MemberReason
	// until is when frames are no longer taken in of a partner that is told to
	// send none; zero: it is not told, or was long ago.
	until time.Time
	took  bool // LACP let frames be taken in when last looked at
}

// Configure takes over what is wanted; Advance draws what follows. A member
// that stays keeps what is remembered of it and its slot in the table.
func (g *Group) Configure(c Config) {
	old := g.members
	g.asked = g.asked || c.Mode != g.cfg.Mode
	g.cfg = c
	g.members = make(map[string]*member, len(c.Members))
	g.names = slices.Sorted(maps.Keys(c.Members))
	g.names = g.names[:min(len(g.names), spec.MaxMembers)]
	if c.Distribution != spec.Dynamic {
		g.moved = [spec.LAGBuckets]string{}
	}
	var used [spec.MaxMembers]bool
	for _, name := range g.names {
		if m := old[name]; m != nil {
			g.members[name] = m
			used[m.slot] = true
		}
	}
	for _, name := range g.names {
		if g.members[name] == nil {
			g.members[name] = &member{slot: take(&used)}
		}
		g.members[name].cfg = c.Members[name]
	}
}

// take gives out the lowest slot that is free. There are never more members
// than slots.
func take(used *[spec.MaxMembers]bool) uint8 {
	for i := range used {
		if !used[i] {
			used[i] = true
			return uint8(i)
		}
	}
	return None
}

// Observe takes over what was seen of a member; one that is not configured is
// passed over.
func (g *Group) Observe(name string, o Observation) {
	if m := g.members[name]; m != nil {
		m.seen = o
		if o.SpeedMegabits != 0 {
			m.speed = o.SpeedMegabits
		}
	}
}

// Advance brings everything up to a moment.
func (g *Group) Advance(now time.Time) {
	g.lost = nil
	for _, name := range g.names {
		m := g.members[name]
		m.fit = m.link.fit(now, m.seen, &g.cfg.Aggregate)
		m.Linked = m.fit == spec.MemberFine
		m.linger(now)
		g.judge(m)
	}
	g.mixed = g.mixes()
	g.arrange()
	g.enact(now)
	if g.asked {
		g.lost, g.asked = nil, false
	}
	g.fill()
}

// Next is when Advance has something to do though nothing happens; zero:
// never.
func (g *Group) Next() time.Time {
	var next time.Time
	for _, m := range g.members {
		for _, due := range []time.Time{m.link.due, m.until} {
			if !due.IsZero() && (next.IsZero() || due.Before(next)) {
				next = due
			}
		}
	}
	return next
}

// Up reports whether the aggregate carries traffic.
func (g *Group) Up() bool { return g.up }

// Mixed reports that members that have a link differ in speed.
func (g *Group) Mixed() bool { return g.mixed }

// Names are all members in ascending order; the caller must not modify it.
func (g *Group) Names() []string { return g.names }

// Active are the members that flows leave by, in ascending order.
func (g *Group) Active() []string {
	var active []string
	for _, name := range g.names {
		if g.members[name].Distributing {
			active = append(active, name)
		}
	}
	return active
}

// Designated is the member that takes in broadcasts in switch-independent
// mode, and the active one of ActiveBackup; "" where there is none.
func (g *Group) Designated() string { return g.designated }

// Member is what a member does; false where it is none.
func (g *Group) Member(name string) (Member, bool) {
	m := g.members[name]
	if m == nil {
		return Member{}, false
	}
	return m.Member, true
}

// Places is how many members the aggregate wants to carry traffic: those that
// are no standby, and as many of these as it needs beside them.
func (g *Group) Places() int { return len(g.owners()) }

// SpeedMegabits is the sum over the active members.
func (g *Group) SpeedMegabits() (sum uint64) {
	for _, m := range g.members {
		if m.Distributing {
			sum += uint64(m.speed)
		}
	}
	return sum
}

// Lost are the members that were lost by the last Advance: not those that were
// taken out by configuration.
func (g *Group) Lost() []Loss { return g.lost }

// Clone is a copy that shares nothing that changes, so that a change can be
// taken back.
func (g *Group) Clone() *Group {
	c := *g
	c.members = make(map[string]*member, len(g.members))
	for name, m := range g.members {
		copied := *m
		c.members[name] = &copied
	}
	c.places = slices.Clone(g.places)
	c.spread = slices.Clone(g.spread)
	c.lost = slices.Clone(g.lost)
	return &c
}
