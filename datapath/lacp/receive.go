package lacp

import (
	"errors"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// receiveState is a state of the Receive machine. INITIALIZE passes at once,
// LACP_DISABLED is an aggregate without a Group.
type receiveState uint8

const (
	portDisabled receiveState = iota
	expired
	defaulted
	current
)

// agreed are the bits of the partner's state that are compared with the actor's
// by update_NTT.
const agreed = Activity | ShortTimeout | Synchronization | Aggregation

// expire follows the port's state and the current_while timer.
func (p *port) expire(now time.Time) {
	switch {
	case !p.config.Up:
		p.disable()
		return
	case p.rx == portDisabled:
		p.enable(now)
	}
	if due(p.loop, now) {
		p.loop = time.Time{}
	}
	for due(p.currentWhile, now) {
		at := p.currentWhile
		p.currentWhile = time.Time{}
		if p.rx == current {
			p.counters.Timeouts++
			p.lastChange = at
			p.timedOut = true
			p.enterExpired(at)
		} else {
			p.enterDefaulted()
		}
	}
}

// disable is PORT_DISABLED. What is known of the partner and the selection
// stay: a link that comes back is most likely the same.
func (p *port) disable() {
	p.rx = portDisabled
	p.partner.State &^= Synchronization
	p.currentWhile, p.loop, p.quiet = time.Time{}, time.Time{}, time.Time{}
	p.ntt, p.answer = false, false
	if p.fallback {
		p.fallback, p.selected = false, unselected
	}
}

func (p *port) enable(now time.Time) {
	p.quiet = now
	p.ntt = true
	p.enterExpired(now)
}

func (p *port) enterExpired(now time.Time) {
	p.rx = expired
	p.partner.State &^= Synchronization
	p.partner.State |= ShortTimeout
	p.currentWhile = now.Add(ShortTime)
	p.state |= Expired
}

func (p *port) enterDefaulted() {
	p.rx = defaulted
	if p.known() { // update_Default_Selected
		p.selected = unselected
	}
	p.recordDefault()
	p.state &^= Expired
}

func (p *port) recordDefault() {
	p.partner = partnerAdmin()
	p.state |= Defaulted
}

// received takes in a PDU of any slow protocol.
func (p *port) received(now time.Time, b []byte) {
	if len(b) > 0 && b[0] == subtypeMarker {
		p.receivedMarker(now, b)
		return
	}
	pdu, err := ParsePDU(b)
	switch {
	case errors.Is(err, ErrSubtype):
		p.counters.UnknownErrors++
	case errors.Is(err, ErrShort):
		p.counters.InErrors++
	case err != nil:
		p.counters.IllegalErrors++
	case pdu.Actor.SystemID == p.group.config.SystemID:
		p.counters.IllegalErrors++
		p.loop = now.Add(ShortTime)
	default:
		p.counters.In++
		p.enterCurrent(now, &pdu)
	}
}

// enterCurrent is CURRENT.
func (p *port) enterCurrent(now time.Time, pdu *PDU) {
	p.updateSelected(now, &pdu.Actor)
	actor := p.actor()
	if !samePort(&pdu.Partner, &actor) || (pdu.Partner.State^actor.State)&agreed != 0 {
		p.answer = true // update_NTT
	}
	p.recordPDU(pdu, &actor)
	p.rx = current
	p.quiet = now
	p.state &^= Expired
	p.currentWhile = now.Add(LongTime)
	if p.group.config.Fast {
		p.currentWhile = now.Add(ShortTime)
	}
	if p.timedOut {
		p.timedOut = false
		p.counters.Timeouts++
		p.lastChange = now
	}
}

// updateSelected unselects the port when the partner is not what it was.
func (p *port) updateSelected(now time.Time, partner *spec.LACPEnd) {
	if samePort(partner, &p.partner) && (partner.State^p.partner.State)&Aggregation == 0 {
		return
	}
	p.selected = unselected
	p.fallback = false
	if p.known() {
		p.restless = !p.changed.IsZero() && now.Sub(p.changed) < ShortTime
		p.changed = now
	}
	if last := p.heard; last.SystemID != partner.SystemID || last.SystemPriority != partner.SystemPriority || last.Key != partner.Key {
		if !last.SystemID.IsZero() {
			p.counters.PartnerChanges++
		}
	}
	p.heard = *partner
}

// recordPDU takes over the partner's values. The partner is in sync when it
// says so of this very port, or of an individual one, and LACP keeps the link.
func (p *port) recordPDU(pdu *PDU, actor *spec.LACPEnd) {
	p.partner = pdu.Actor
	p.state &^= Defaulted
	maintained := pdu.Actor.State&Activity != 0 || actor.State&pdu.Partner.State&Activity != 0
	matched := samePort(&pdu.Partner, actor) && (pdu.Partner.State^actor.State)&Aggregation == 0 ||
		pdu.Actor.State&Aggregation == 0
	if !maintained || !matched {
		p.partner.State &^= Synchronization
	}
}

// samePort compares everything but the state.
func samePort(a, b *spec.LACPEnd) bool {
	x, y := *a, *b
	x.State, y.State = 0, 0
	return x == y
}

// receivedMarker is the Marker Responder.
func (p *port) receivedMarker(now time.Time, b []byte) {
	m, err := ParseMarker(b)
	switch {
	case errors.Is(err, ErrShort):
		p.counters.InErrors++
	case err != nil:
		p.counters.IllegalErrors++
	case !m.Response:
		p.counters.MarkersIn++
		if !p.answered.free().After(now) {
			p.answered.add(now)
			m.Response = true
			p.counters.MarkerResponses++
			p.group.out = append(p.group.out, Frame{Port: p.name, PDU: m.Append(nil)})
		}
	}
}
