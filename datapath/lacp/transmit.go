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

// transmit is the Transmit machine: one PDU says all that there is to say, and
// waits where too many went within a second.
func (p *port) transmit(now time.Time) {
	if p.period == 0 {
		p.ntt = false
	}
	if !p.ntt || !p.sent.take(now) {
		return
	}
	p.ntt = false
	p.counters.Out++
	pdu := PDU{Actor: p.actor(), Partner: p.partner}
	p.group.out = append(p.group.out, Frame{Port: p.name, PDU: pdu.Append(nil)})
}
