package openconfig

import (
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// The bits of an end's state (IEEE 802.1AX-2020, 6.4.2.3).
const (
	bitActivity = 1 << iota
	bitTimeout
	bitAggregation
	bitSynchronization
	bitCollecting
	bitDistributing
)

// LACPSystem is what openconfig-lacp says of all aggregates: the priority of
// those that have none of their own. It is decided here, so it is the
// configuration's.
func LACPSystem(priority uint16) *Row {
	r := row(ocpath.Root)
	r.uint(ocpath.LacpStateSystemPriority, uint64(priority))
	return r
}

// LACPInterface is openconfig-lacp's entry of an aggregate, its members apart;
// nil for what does not speak LACP.
func LACPInterface(i *spec.Interface) *Row {
	if i.Aggregate == nil || i.Aggregate.LACP == nil {
		return nil
	}
	l := i.Aggregate.LACP
	r := row(ocpath.LacpInterfacesInterface, i.Name)
	r.text(ocpath.LacpInterfacesInterfaceName, i.Name)
	r.text(ocpath.LacpInterfacesInterfaceStateName, i.Name)
	r.name(ocpath.LacpInterfacesInterfaceStateLacpMode, activity(!l.Passive))
	interval := "SLOW"
	if l.Fast {
		interval = "FAST"
	}
	r.name(ocpath.LacpInterfacesInterfaceStateInterval, interval)
	r.put(ocpath.LacpInterfacesInterfaceStateSystemIdMac, macValue(l.SystemID))
	r.uint(ocpath.LacpInterfacesInterfaceStateSystemPriority, uint64(l.SystemPriority))
	r.bool(ocpath.LacpInterfacesInterfaceStateFallback, l.Fallback)
	r.uint(ocpath.LacpInterfacesInterfaceStateFallbackTimeout, uint64(l.FallbackTimeout/time.Second))
	r.bool(ocpath.LacpInterfacesInterfaceStateFellBack, l.FellBack)
	return r
}

// LACPMember is openconfig-lacp's entry of a member, its counters apart; nil
// for what does not speak LACP.
func LACPMember(i *spec.Interface) *Row {
	if i.Member == nil || i.Member.LACP == nil {
		return nil
	}
	m := i.Member.LACP
	r := row(ocpath.LacpInterfacesInterfaceMembersMember, i.Member.Aggregate, i.Name)
	r.text(ocpath.LacpInterfacesInterfaceMembersMemberInterface, i.Name)
	r.text(ocpath.LacpInterfacesInterfaceMembersMemberStateInterface, i.Name)
	actorState(r, &m.Actor)
	partnerState(r, &m.Partner)
	r.bool(ocpath.LacpInterfacesInterfaceMembersMemberStateBothPassive, m.BothPassive)
	r.bool(ocpath.LacpInterfacesInterfaceMembersMemberStateActorChurn, m.ActorChurn)
	r.bool(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerChurn, m.PartnerChurn)
	if !m.LastChange.IsZero() {
		r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStateLastChange, uint64(m.LastChange.UnixNano()))
	}
	return r
}

// actorState adds what this end says of itself.
func actorState(r *Row, e *spec.LACPEnd) {
	r.name(ocpath.LacpInterfacesInterfaceMembersMemberStateActivity, activity(e.State&bitActivity != 0))
	timeout, sync := "LONG", "OUT_SYNC"
	if e.State&bitTimeout != 0 {
		timeout = "SHORT"
	}
	if e.State&bitSynchronization != 0 {
		sync = "IN_SYNC"
	}
	r.name(ocpath.LacpInterfacesInterfaceMembersMemberStateTimeout, timeout)
	r.name(ocpath.LacpInterfacesInterfaceMembersMemberStateSynchronization, sync)
	r.bool(ocpath.LacpInterfacesInterfaceMembersMemberStateAggregatable, e.State&bitAggregation != 0)
	r.bool(ocpath.LacpInterfacesInterfaceMembersMemberStateCollecting, e.State&bitCollecting != 0)
	r.bool(ocpath.LacpInterfacesInterfaceMembersMemberStateDistributing, e.State&bitDistributing != 0)
	r.put(ocpath.LacpInterfacesInterfaceMembersMemberStateStateBit, stateBits(e.State))
	r.put(ocpath.LacpInterfacesInterfaceMembersMemberStateSystemId, macValue(e.SystemID))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStateSystemPriority, uint64(e.SystemPriority))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStateOperKey, uint64(e.Key))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStatePortNum, uint64(e.Port))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStatePortPriority, uint64(e.PortPriority))
}

// partnerState adds what the other end said of itself, nothing before it was
// heard.
func partnerState(r *Row, e *spec.LACPEnd) {
	if e.SystemID.IsZero() {
		return
	}
	r.put(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerStateBit, stateBits(e.State))
	r.put(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerId, macValue(e.SystemID))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerSystemPriority, uint64(e.SystemPriority))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerKey, uint64(e.Key))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerPortNum, uint64(e.Port))
	r.uint(ocpath.LacpInterfacesInterfaceMembersMemberStatePartnerPortPriority, uint64(e.PortPriority))
}

func activity(active bool) string {
	if active {
		return "ACTIVE"
	}
	return "PASSIVE"
}

// stateBits lists the names of the bits that are set; it has no value where
// none is.
func stateBits(state uint8) schema.Value {
	names := ocpath.Get(ocpath.LacpInterfacesInterfaceMembersMemberStateStateBit).Values // in the order of the bits
	var elems []schema.Value
	for bit, name := range names {
		if state&(1<<bit) != 0 {
			elems = append(elems, schema.EnumValue(name.Name))
		}
	}
	if elems == nil {
		return schema.Value{}
	}
	return schema.ListValue(elems)
}
