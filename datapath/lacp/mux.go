package lacp

import "time"

// muxState is a state of the Mux machine with independent control.
type muxState uint8

const (
	detached muxState = iota
	waiting
	attached
	collecting
	distributing
)

// runMux goes on until no transition is left.
func (p *port) runMux(now time.Time) {
	for {
		next := p.nextMux(now)
		if next == p.mux {
			return
		}
		p.enter(next, now)
	}
}

// nextMux is the state that follows, or the state itself.
func (p *port) nextMux(now time.Time) muxState {
	on := p.selected == selected
	switch p.mux {
	case detached:
		if p.selected != unselected {
			return waiting
		}
	case waiting:
		if p.selected == unselected {
			return detached
		}
		if on && p.group.ready(now) {
			return attached
		}
	case attached:
		if !on {
			return detached
		}
		if p.inSync() {
			return collecting
		}
	case collecting:
		if !on || !p.inSync() {
			return attached
		}
		if p.collects() && !p.config.Drained {
			return distributing
		}
	case distributing:
		if !on || !p.inSync() || !p.collects() || p.config.Drained {
			return collecting
		}
	}
	return p.mux
}

// enter does what a state does at its entry.
func (p *port) enter(next muxState, now time.Time) {
	p.mux = next
	p.waitWhile = time.Time{}
	switch next {
	case detached:
		p.state &^= Synchronization | Collecting | Distributing
	case waiting:
		p.waitWhile = now.Add(AggregateWait)
		p.settled = now.Add(AggregateWait + ShortTime)
		return
	case attached:
		p.state &^= Collecting | Distributing
		p.state |= Synchronization
	case collecting:
		p.state &^= Distributing
		p.state |= Collecting
	case distributing:
		p.state |= Distributing
	}
	p.ntt = true
}

// ready is the selection's variable Ready: every port that waits has waited, or
// there is none to wait for.
func (g *Group) ready(now time.Time) bool {
	for _, p := range g.ports {
		if p.mux == waiting && p.selected == selected && !p.waited(now) {
			return false
		}
	}
	return true
}

// waited is Ready_N.
func (p *port) waited(now time.Time) bool {
	if p.fallback || p.waitWhile.IsZero() || due(p.waitWhile, now) {
		return true
	}
	return !p.restless && !p.group.undecided()
}

// undecided reports that a port which is up has not yet heard whether it has a
// partner.
func (g *Group) undecided() bool {
	for _, p := range g.ports {
		if p.rx == expired && !p.known() {
			return true
		}
	}
	return false
}
