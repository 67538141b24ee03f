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

// lingers is how long frames are still taken in after LACP has ended that: the
// partner hears of it only now, and what is on its way is not to be lost.
const lingers = 200 * time.Millisecond

// linger keeps the time until then.
func (m *member) linger(now time.Time) {
	switch {
	case !m.Linked || m.seen.LACP.Collecting:
		m.until = time.Time{}
	case m.took:
		m.until = now.Add(lingers)
	case !now.Before(m.until):
		m.until = time.Time{}
	}
	m.took = m.seen.LACP.Collecting
}

// mixes reports whether members that have a link differ in speed. Without a
// protocol that is allowed; with LACP, that keeps the others out.
func (g *Group) mixes() bool {
	speed := uint32(0)
	for _, m := range g.members {
		switch {
		case !m.Linked || m.speed == 0:
		case speed == 0:
			speed = m.speed
		case m.speed != speed:
			return true
		}
	}
	return false
}
