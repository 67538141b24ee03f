package lag

import (
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// link delays what is taken of a member's carrier. The zero value has not seen
// it yet: what it sees first has stood for long.
type link struct {
	seen  bool
	up    bool      // what is taken
	since time.Time // when the carrier began to be the other; zero: it is what is taken
	due   time.Time // when since has lasted long enough; zero: nothing runs
}

// fit is why a member cannot carry traffic as far as its link is concerned, or
// MemberFine.
func (l *link) fit(now time.Time, o Observation, a *spec.Aggregate) spec.MemberReason {
	usable := o.Present && o.Enabled
	if !usable {
		*l = link{seen: true}
	} else {
		l.observe(now, o.Carrier, a.UpDelay, a.DownDelay)
	}
	switch {
	case !o.Present:
		return spec.MemberNotPresent
	case !o.Enabled:
		return spec.MemberDisabled
	case l.up:
		return spec.MemberFine
	case o.Carrier:
		return spec.MemberUpDelay
	}
	return spec.MemberNoCarrier
}

// observe takes what the carrier is now.
func (l *link) observe(now time.Time, carrier bool, upDelay, downDelay time.Duration) {
	if !l.seen {
		*l = link{seen: true, up: carrier}
		return
	}
	if carrier == l.up {
		l.since, l.due = time.Time{}, time.Time{}
		return
	}
	if l.since.IsZero() {
		l.since = now
	}
	delay := downDelay
	if carrier {
		delay = upDelay
	}
	if l.due = l.since.Add(delay); !now.Before(l.due) {
		*l = link{seen: true, up: carrier}
	}
}

// compareSpeeds finds members that differ in speed from the others; with LACP
// they must not take part (IEEE 802.1AX-2020, 6.3.5: links of one aggregate have
// one key, and the key follows the speed). A speed that is not known agrees
// with all.
func (g *Group) compareSpeeds() {
	speed := g.commonSpeed()
	g.mixed = false
	for _, m := range g.members {
		if m.fit != spec.MemberFine || m.speed == 0 || m.speed == speed {
			continue
		}
		g.mixed = true
		if g.cfg.Mode == spec.LACPManaged {
			m.fit, m.Linked = spec.MemberSpeed, false
		}
	}
}

// commonSpeed is the speed of the members that are active; where they have
// none, that of the most members that could be, the higher one of two.
func (g *Group) commonSpeed() uint32 {
	active, all := make(map[uint32]int), make(map[uint32]int)
	for _, m := range g.members {
		if m.fit != spec.MemberFine || m.speed == 0 {
			continue
		}
		all[m.speed]++
		if m.Distributing {
			active[m.speed]++
		}
	}
	if len(active) > 0 {
		return most(active)
	}
	return most(all)
}

func most(counts map[uint32]int) (speed uint32) {
	for s, n := range counts {
		if n > counts[speed] || n == counts[speed] && s > speed {
			speed = s
		}
	}
	return speed
}
