package lag

import (
	"cmp"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// place is a share of the flows. Each member that is no standby owns one; it
// is held by its owner, or by a standby while the owner can't.
type place struct {
	owner, holder string // "" where nobody holds it
}

// judge finds out whether a member could carry traffic; fit is why not.
func (g *Group) judge(m *member) {
	switch {
	case m.fit != spec.MemberFine:
	case g.cfg.Mode == spec.LACPManaged && !m.seen.LACP.Distributing:
		m.fit = cmp.Or(m.seen.LACP.Reason, spec.MemberNotInSync)
	case m.cfg.Drained:
		m.fit = spec.MemberDrained
	}
}

// fits reports whether a member could carry traffic.
func (g *Group) fits(name string) bool {
	m := g.members[name]
	return m != nil && m.fit == spec.MemberFine
}

// arrange decides who holds which place, and whether that is enough.
func (g *Group) arrange() {
	n := 0
	if g.cfg.Distribution == spec.ActiveBackup {
		n = g.arrangeBackup()
	} else {
		n = g.arrangePlaces()
	}
	g.up = g.cfg.Enabled && n >= max(1, int(g.cfg.MinLinks))
}

// arrangePlaces gives each place to its owner, or to a standby: to the one
// that has it already, else to the first one free. It counts those held.
func (g *Group) arrangePlaces() (held int) {
	g.backup = ""
	was := make(map[string]string, len(g.places))
	for _, p := range g.places {
		was[p.owner] = p.holder
	}
	owners := g.owners()
	g.places = g.places[:0:0]
	taken := make(map[string]bool)
	for _, name := range owners {
		p := place{owner: name}
		if g.fits(name) {
			p.holder = name
		} else if h := was[name]; h != name && g.fits(h) && !slices.Contains(owners, h) && !taken[h] {
			p.holder = h
		}
		taken[p.holder] = true
		g.places = append(g.places, p)
	}
	free := g.spare(owners, taken)
	for i := range g.places {
		p := &g.places[i]
		if p.holder == "" && len(free) > 0 {
			p.holder, free = free[0], free[1:]
		}
		if p.holder != "" {
			held++
		}
	}
	return held
}

// owners are the members that own a place, in ascending order: those that are
// no standby, and as many of these as min-links wants beside them, at least
// one.
func (g *Group) owners() []string {
	var owners, rest []string
	for _, name := range g.names {
		if g.members[name].cfg.Standby {
			rest = append(rest, name)
		} else {
			owners = append(owners, name)
		}
	}
	missing := max(0, max(1, int(g.cfg.MinLinks))-len(owners))
	owners = append(owners, rest[:min(missing, len(rest))]...)
	slices.Sort(owners)
	return owners
}

// spare are the members that could hold a place and hold none, in ascending
// order.
func (g *Group) spare(owners []string, taken map[string]bool) (free []string) {
	for _, name := range g.names {
		if g.fits(name) && !taken[name] && !slices.Contains(owners, name) {
			free = append(free, name)
		}
	}
	return free
}

// arrangeBackup chooses the one member that carries all; it counts those that
// could.
func (g *Group) arrangeBackup() (n int) {
	for _, name := range g.names {
		if g.fits(name) {
			n++
		}
	}
	g.backup = g.chooseBackup(g.backup, "")
	g.places = nil
	if g.backup != "" {
		g.places = []place{{owner: g.backup, holder: g.backup}}
	}
	return n
}

// chooseBackup is the member that carries all where current did until now and
// one is left out of account.
func (g *Group) chooseBackup(current, without string) string {
	stays := current != without && g.fits(current)
	primary := g.cfg.Primary
	if primary != without && g.fits(primary) && (!stays || g.reselects(primary, current)) {
		return primary
	}
	if stays && current == primary {
		return current
	}
	best := ""
	for _, name := range g.names {
		if name == without || !g.fits(name) {
			continue
		}
		if best == "" || g.members[best].cfg.Standby && !g.members[name].cfg.Standby {
			best = name
		}
	}
	if stays && (best == "" || g.members[best].cfg.Standby == g.members[current].cfg.Standby) {
		return current
	}
	return best
}

// reselects reports whether a primary that is back takes over.
func (g *Group) reselects(primary, current string) bool {
	switch g.cfg.Reselect {
	case spec.ReselectBetter:
		return g.members[primary].speed > g.members[current].speed
	case spec.ReselectFailure:
		return false
	}
	return true
}

// enact gives each member its role and notes who was lost.
func (g *Group) enact(now time.Time) {
	holds := make(map[string]bool, len(g.places))
	for _, p := range g.places {
		holds[p.holder] = g.up
	}
	for _, name := range g.names {
		m := g.members[name]
		was := m.Member
		m.Role, m.Reason = g.role(m, holds[name])
		m.Distributing = m.Role == spec.MemberActive
		m.Open = g.up && g.opens(m)
		m.Collecting = m.Open && (m.Linked || m.fit == spec.MemberUpDelay)
		if m.Role != was.Role {
			m.Transitions++
			m.Since = now
		}
		if was.Role == spec.MemberActive && !m.Distributing && failure(m.Reason) {
			g.lost = append(g.lost, Loss{name, m.Reason})
		}
	}
	g.designate()
}

func (g *Group) role(m *member, holds bool) (spec.MemberRole, spec.MemberReason) {
	switch {
	case !g.cfg.Enabled:
		return spec.MemberDown, spec.MemberDisabled
	case m.fit != spec.MemberFine && !waits(m.fit):
		return spec.MemberDown, m.fit
	case !g.up:
		return spec.MemberDown, spec.MemberTooFewLinks
	case m.fit != spec.MemberFine:
		return spec.MemberStandby, m.fit
	case holds:
		return spec.MemberActive, spec.MemberFine
	}
	return spec.MemberStandby, spec.MemberStandbyWaits
}

// waits reports whether a member with this reason could carry traffic if it
// were wanted.
func waits(r spec.MemberReason) bool {
	return r == spec.MemberDrained || r == spec.MemberStandbyWaits || r == spec.MemberUnselected
}

// opens reports whether a member takes in what comes. Without a protocol the
// other end sends by whatever has a carrier, and does not know of our delays
// and standbys: what comes is taken in. The program keeps copies out where the
// other end is more than one (switch-independent mode).
func (g *Group) opens(m *member) bool {
	if g.cfg.Mode == spec.LACPManaged {
		return m.Linked && (m.seen.LACP.Collecting || !m.until.IsZero())
	}
	return m.seen.Present && m.seen.Enabled
}

// failure reports whether a member with this reason was lost: others were
// taken out by somebody.
func failure(r spec.MemberReason) bool {
	switch r {
	case spec.MemberNotPresent, spec.MemberNoCarrier, spec.MemberSpeed, spec.MemberNoPartner,
		spec.MemberWrongPartner, spec.MemberLoop, spec.MemberNotInSync, spec.MemberUnselected:
		return true
	}
	return false
}

// designate chooses who takes in broadcasts: the primary, else who did, else
// the first one.
func (g *Group) designate() {
	active := g.Active()
	switch {
	case len(active) == 0:
		g.designated = ""
	case slices.Contains(active, g.cfg.Primary):
		g.designated = g.cfg.Primary
	case !slices.Contains(active, g.designated):
		g.designated = active[0]
	}
}
