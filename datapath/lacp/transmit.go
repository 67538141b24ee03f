package lacp

import "time"

// runPeriodic is the Periodic Transmission machine.
func (p *port) runPeriodic(now time.Time) {
	was := p.period
	p.period = p.wantedPeriod()
	switch {
	case p.period == 0:
		p.periodic = time.Time{}
		return
	case p.period != was:
		p.periodic = now.Add(p.period)
		p.ntt = p.ntt || was > p.period
	case due(p.periodic, now):
		p.periodic = now.Add(p.period)
		p.ntt = true
	}
}

// wantedPeriod is how often the partner wants to hear of the port; 0 is the
// state NO_PERIODIC.
func (p *port) wantedPeriod() time.Duration {
	switch {
	case !p.config.Up, p.group.config.Passive && p.partner.State&Activity == 0:
		return 0
	case p.partner.State&ShortTimeout != 0:
		return FastPeriod
	}
	return SlowPeriod
}

// answerWait is how long a port holds back what is not urgent, in the hope that
// it can be said together with what comes next: a port may send only a few PDUs
// a second, and PDUs of both ends that cross each other seem to want an answer.
const answerWait = 50 * time.Millisecond

// transmit is the Transmit machine: one PDU says all that there is to say, and
// waits where too many went within a second.
func (p *port) transmit(now time.Time) {
	if p.period == 0 {
		p.ntt, p.answer = false, false
	}
	if !p.ntt && !p.answer || p.sendAt().After(now) {
		return
	}
	p.sent.add(now)
	p.ntt, p.answer = false, false
	p.counters.Out++
	pdu := PDU{Actor: p.actor(), Partner: p.partner}
	p.group.out = append(p.group.out, Frame{Port: p.name, PDU: pdu.Append(nil)})
}

// sendAt is when what there is to say may go. A port that waits for others will
// mostly be attached soon; a partner that knows the port wrongly has mostly not
// yet seen the last PDU.
func (p *port) sendAt() time.Time {
	at := p.sent.free()
	if p.ntt {
		return at
	}
	if p.mux == waiting && p.selected == selected && !p.waitWhile.IsZero() {
		at = later(at, p.waitWhile.Add(answerWait-AggregateWait))
	}
	return later(at, p.sent.last().Add(answerWait))
}
