package lacp

import "github.com/signalbox/signalbox/datapath/spec"

// member is what is shown of the port.
func (p *port) member() spec.LACPMember {
	silent := p.rx == current || p.rx == defaulted
	return spec.LACPMember{
		Actor: p.actor(), Partner: p.partner,
		// A passive partner and none at all are the same to a passive port.
		BothPassive: p.group.config.Passive && p.partner.State&Activity == 0 && silent,
		ActorChurn:  p.actorChurn.on, PartnerChurn: p.partnerChurn.on,
		LastChange: p.lastChange, Counters: p.counters,
	}
}

func (p *port) verdict() Verdict {
	return Verdict{
		Selected:   p.selected == selected,
		Collecting: p.mux >= collecting, Distributing: p.mux == distributing,
		Reason: p.reason(),
	}
}

// reason is why the port doesn't distribute.
func (p *port) reason() spec.MemberReason {
	switch {
	case p.mux == distributing:
		return spec.MemberFine
	case !p.config.Up:
		return spec.MemberNoCarrier
	case !p.loop.IsZero():
		return spec.MemberLoop
	case !p.known() || p.rx != current:
		return spec.MemberNoPartner
	}
	if id := p.lagID(); p.group.chosen && id != p.group.lag {
		if id.speed != p.group.lag.speed {
			return spec.MemberSpeed
		}
		return spec.MemberWrongPartner
	}
	switch {
	case p.selected == standby && p.limited && !p.group.better():
		return spec.MemberUnselected
	case p.selected == standby:
		return spec.MemberStandbyWaits
	case p.mux == collecting && p.config.Drained:
		return spec.MemberDrained
	case p.partnerChose():
		return spec.MemberUnselected
	}
	return spec.MemberNotInSync
}

// partnerChose reports that the partner is the better system, is not in sync on
// this port and is on another.
func (p *port) partnerChose() bool {
	if p.inSync() || p.group.better() {
		return false
	}
	for _, o := range p.group.ports {
		if o.fits() && o.config.Up && o.inSync() {
			return true
		}
	}
	return false
}
