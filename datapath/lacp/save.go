package lacp

import (
	"maps"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// After Restore, the machines wait up to restoreWait for all ports that were
// saved: what one of them may do depends on the others. A port that comes within
// resumeWithin takes up what was saved of it.
const (
	restoreWait  = 100 * time.Millisecond
	resumeWithin = ShortTime
)

// State is what must be kept of a group so that it goes on after a restart as
// if there had been none. It can be kept as JSON.
type State struct {
	Ports map[string]PortState // by name
}

// PortState is what must be kept of a port.
type PortState struct {
	// Actor is what the partner was told, Partner what it said.
	Actor, Partner spec.LACPEnd
	Heard          spec.LACPEnd // the last partner there was
	Receive        uint8        // the machines' states
	Mux            uint8
	Selected       uint8
	Fallback       bool `json:",omitempty"`
	TimedOut       bool `json:",omitempty"`
	ActorChurn     bool `json:",omitempty"`
	PartnerChurn   bool `json:",omitempty"`
	// Quiet is how long nobody had been heard.
	Quiet      time.Duration `json:",omitempty"`
	LastChange time.Time     `json:",omitzero"`
	Counters   spec.LACPCounters
}

// saved is what Restore was given and no port has taken up yet.
type saved struct {
	ports map[string]PortState
	since time.Time
}

// Save is the state of the group at now.
func (g *Group) Save(now time.Time) State {
	s := State{Ports: make(map[string]PortState, len(g.ports))}
	for _, p := range g.ports {
		ps := PortState{
			Actor: p.actor(), Partner: p.partner, Heard: p.heard,
			Receive: uint8(p.rx), Mux: uint8(p.mux), Selected: uint8(p.selected),
			Fallback: p.fallback, TimedOut: p.timedOut,
			ActorChurn: p.actorChurn.on, PartnerChurn: p.partnerChurn.on,
			LastChange: p.lastChange, Counters: p.counters,
		}
		if !p.quiet.IsZero() {
			ps.Quiet = now.Sub(p.quiet)
		}
		s.Ports[p.name] = ps
	}
	return s
}

// Restore hands over what an earlier instance saved, before the first SetPort.
// A port that is set within three seconds goes on where it was, if it is up and
// says the same of itself as then; its timers begin anew. Nothing is done until
// all ports that were saved are set, or 100 ms have passed; then each sends a PDU
// at once.
func (g *Group) Restore(now time.Time, s State) {
	g.saved = &saved{ports: maps.Clone(s.Ports), since: now}
}

// restored is when the machines go on; the zero time where nothing is waited
// for.
func (g *Group) restored() time.Time {
	if g.saved == nil || len(g.saved.ports) == 0 {
		return time.Time{}
	}
	return g.saved.since.Add(restoreWait)
}

// resume takes up what was saved of a new port.
func (g *Group) resume(now time.Time, p *port) {
	if g.saved == nil {
		return
	}
	if now.Sub(g.saved.since) > resumeWithin {
		g.saved = nil
		return
	}
	s, ok := g.saved.ports[p.name]
	if !ok {
		return
	}
	delete(g.saved.ports, p.name)
	p.counters, p.lastChange, p.heard = s.Counters, s.LastChange, s.Heard
	if actor := p.actor(); !p.config.Up || !samePort(&s.Actor, &actor) || !s.sound() {
		return
	}
	p.take(now, &s)
}

// sound reports a state of a port that was up, which a Save may have made.
func (s *PortState) sound() bool {
	rx, mux := receiveState(s.Receive), muxState(s.Mux)
	switch {
	case rx == portDisabled || rx > current || mux > distributing || s.Selected > uint8(selected):
		return false
	case mux >= attached && s.Selected != uint8(selected):
		return false
	case mux < collecting:
		return true
	case s.Fallback:
		return rx == defaulted
	}
	return rx == current && s.Actor.State&Defaulted == 0 && s.Partner.State&Synchronization != 0 &&
		(mux == collecting || s.Partner.State&Collecting != 0)
}

// take lets the port go on from what was saved.
func (p *port) take(now time.Time, s *PortState) {
	p.rx, p.mux, p.selected = receiveState(s.Receive), muxState(s.Mux), selection(s.Selected)
	p.state = s.Actor.State &^ (Activity | ShortTimeout | Aggregation)
	p.partner, p.fallback, p.timedOut = s.Partner, s.Fallback, s.TimedOut
	p.actorChurn.on, p.partnerChurn.on = s.ActorChurn, s.PartnerChurn
	p.quiet = now.Add(-max(0, s.Quiet))
	p.ntt = true
	switch p.rx {
	case current:
		p.currentWhile = now.Add(LongTime)
		if p.group.config.Fast {
			p.currentWhile = now.Add(ShortTime)
		}
	case expired:
		p.currentWhile = now.Add(ShortTime)
	}
	if p.mux == waiting {
		p.enter(waiting, now)
	}
	if p.known() && p.selected != unselected && !p.group.chosen {
		p.group.lag, p.group.chosen = p.lagID(), true
	}
}
