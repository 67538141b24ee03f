package lacp

import "time"

// churn is one Churn Detection machine: MONITOR while the timer runs, CHURN
// while on, else NO_CHURN.
type churn struct {
	timer time.Time
	on    bool
}

// run reports that churn began.
func (c *churn) run(now time.Time, up, inSync bool) (began bool) {
	switch {
	case !up || inSync:
		*c = churn{}
	case c.on:
	case c.timer.IsZero():
		c.timer = now.Add(ChurnTime)
	case due(c.timer, now):
		*c = churn{on: true}
		return true
	}
	return false
}

// runChurn watches both ends. A standby port is not in sync and so is in churn,
// as the standard has it.
func (p *port) runChurn(now time.Time) {
	if p.actorChurn.run(now, p.config.Up, p.state&Synchronization != 0) {
		p.counters.ActorChurnCount++
	}
	if p.partnerChurn.run(now, p.config.Up, p.partner.State&Synchronization != 0) {
		p.counters.PartnerChurnCount++
	}
}
