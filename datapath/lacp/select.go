package lacp

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// lagID is what the ports of one LAG have in common at the other end, and the
// speed. This end's part is the same for all ports of a group.
type lagID struct {
	speed    uint32
	priority uint16
	system   spec.MAC
	key      uint16
	// portPriority and port are those of a partner that can't aggregate; such a
	// link is a LAG of its own.
	individual         bool
	portPriority, port uint16
}

func (p *port) lagID() lagID {
	e := &p.partner
	id := lagID{speed: p.config.SpeedMegabits, priority: e.SystemPriority, system: e.SystemID, key: e.Key}
	if e.State&Aggregation == 0 {
		id.individual, id.portPriority, id.port = true, e.PortPriority, e.Port
	}
	return id
}

// selectPorts is the Selection logic.
func (g *Group) selectPorts(now time.Time) {
	g.chooseLAG()
	var fit []*port
	for _, p := range g.ports {
		switch {
		case p.fallback:
		case p.fits():
			fit = append(fit, p)
		default:
			p.selected, p.limited = unselected, false
		}
		if due(p.settled, now) {
			p.settled = time.Time{}
		}
	}
	slices.SortFunc(fit, g.compare)
	g.limit(fit)
	g.holdStandby(fit)
	g.fallBack(now)
}

// fits reports that the port may be in the aggregate. One that is down keeps
// its place.
func (p *port) fits() bool {
	if !p.known() || !p.group.chosen || p.lagID() != p.group.lag {
		return false
	}
	return p.config.Up || p.selected != unselected
}

// chooseLAG keeps the LAG id that carries traffic; else it takes the best of
// those that were heard, or leaves what there is.
func (g *Group) chooseLAG() {
	width, count := map[lagID]uint64{}, map[lagID]int{}
	for _, p := range g.ports {
		if !p.config.Up || !p.known() {
			continue
		}
		id := p.lagID()
		if g.chosen && id == g.lag && p.mux >= collecting && p.inSync() {
			return
		}
		if p.rx == current {
			width[id] += uint64(p.config.SpeedMegabits)
			count[id]++
		}
	}
	best, found := lagID{}, false
	for id := range count {
		better := cmp.Or(cmp.Compare(width[id], width[best]), cmp.Compare(count[id], count[best]), -id.compare(&best))
		if !found || better > 0 {
			best, found = id, true
		}
	}
	if found {
		g.lag, g.chosen = best, true
	}
}

func (id *lagID) compare(other *lagID) int {
	return cmp.Or(
		cmp.Compare(id.priority, other.priority), bytes.Compare(id.system[:], other.system[:]),
		cmp.Compare(id.key, other.key), cmp.Compare(other.speed, id.speed),
		before(!id.individual, !other.individual),
		cmp.Compare(id.portPriority, other.portPriority), cmp.Compare(id.port, other.port),
	)
}

// better reports that this end is the better system of the two.
func (g *Group) better() bool {
	return cmp.Or(cmp.Compare(g.config.SystemPriority, g.lag.priority), bytes.Compare(g.config.SystemID[:], g.lag.system[:])) < 0
}

// compare orders ports that fit from the best: those that are up, those that
// are no standby ones, then as the better system wants them.
func (g *Group) compare(a, b *port) int {
	x, y := a.actor(), b.actor()
	if !g.better() {
		x, y = a.partner, b.partner
	}
	return cmp.Or(
		before(a.config.Up, b.config.Up), before(!a.config.Standby, !b.config.Standby),
		cmp.Compare(x.PortPriority, y.PortPriority), cmp.Compare(x.Port, y.Port), cmp.Compare(a.name, b.name),
	)
}

// before orders what is so before what is not.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// limit selects as many as may be, from the best.
func (g *Group) limit(fit []*port) {
	most := g.config.MaxActive
	if most <= 0 {
		most = spec.MaxMembers
	}
	for i, p := range fit {
		p.limited = i >= most
		switch {
		case p.limited:
			p.selected = standby
		case !p.config.Standby || p.selected == unselected:
			p.selected = selected
			if p.config.Standby {
				p.selected = standby
			}
		}
	}
}

// holdStandby takes standby ports in when too few others are usable, and lets
// them go when enough others distribute.
func (g *Group) holdStandby(fit []*port) {
	usable, busy := 0, 0
	for _, p := range fit {
		if p.config.Standby || p.selected != selected {
			continue
		}
		if p.usable() {
			usable++
		}
		if p.mux == distributing {
			busy++
		}
	}
	least := max(1, g.config.MinActive)
	for _, p := range fit {
		switch {
		case !p.config.Standby || p.limited:
		case usable < least:
			p.selected = selected
		case busy >= least || p.mux <= waiting:
			p.selected = standby
		}
	}
}

// usable reports a port that carries traffic or may soon.
func (p *port) usable() bool {
	return p.config.Up && p.rx == current && !p.config.Drained &&
		(p.partner.State&Synchronization != 0 || !p.settled.IsZero())
}

// fallBack lets one port carry traffic while no port that is up has a partner.
func (g *Group) fallBack(now time.Time) {
	alone := g.config.Fallback && !slices.ContainsFunc(g.ports, func(p *port) bool { return p.config.Up && p.known() })
	var best *port
	for _, p := range g.ports {
		switch {
		case !alone || !p.mayFallBack():
		case p.fallback:
			best = p
		case p.fallbackTime().After(now):
		case best == nil || !best.fallback && p.preferred(best):
			best = p
		}
	}
	for _, p := range g.ports {
		if p != best && p.fallback {
			p.fallback, p.selected = false, unselected
		}
	}
	if best != nil {
		best.fallback, best.selected = true, selected
	}
}

// mayFallBack reports a port that could, when its time has come.
func (p *port) mayFallBack() bool {
	return p.group.config.Fallback && p.rx == defaulted && p.loop.IsZero()
}

// fallbackTime is when the port has heard nobody for long enough.
func (p *port) fallbackTime() time.Time { return p.quiet.Add(p.group.config.FallbackTimeout) }

func (p *port) preferred(other *port) bool {
	return cmp.Or(
		before(!p.config.Standby, !other.config.Standby),
		cmp.Compare(p.config.Priority, other.config.Priority), cmp.Compare(p.config.Number, other.config.Number),
	) < 0
}
