package openconfig

import (
	"math"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// aggregateState adds openconfig-if-aggregate's part of an aggregate. By the
// model the list of members is that of a STATIC one; those of LACP are in
// /lacp.
func aggregateState(r *Row, a *spec.AggregateState) {
	lagType := "STATIC"
	if a.Mode == spec.LACPManaged {
		lagType = "LACP"
	} else if len(a.Members) > 0 {
		r.put(ocpath.InterfacesInterfaceAggregationStateMember, stringList(a.Members))
	}
	r.name(ocpath.InterfacesInterfaceAggregationStateLagType, lagType)
	r.uint(ocpath.InterfacesInterfaceAggregationStateMinLinks, uint64(a.MinLinks))
	r.positive(ocpath.InterfacesInterfaceAggregationStateLagSpeed, min(a.SpeedMegabits, math.MaxUint32))
}

// memberState adds what openconfig-if-aggregate and signalbox-teaming have of a
// member.
func memberState(r *Row, m *spec.MemberState) {
	r.text(ocpath.InterfacesInterfaceEthernetStateAggregateId, m.Aggregate)
	r.text(ocpath.InterfacesInterfaceTeamMemberStateAggregate, m.Aggregate)
	r.name(ocpath.InterfacesInterfaceTeamMemberStateRole, m.Role.String())
	r.name(ocpath.InterfacesInterfaceTeamMemberStateReason, m.Reason.String())
	r.bool(ocpath.InterfacesInterfaceTeamMemberStateCollecting, m.Collecting)
	r.bool(ocpath.InterfacesInterfaceTeamMemberStateDistributing, m.Distributing)
	r.put(ocpath.InterfacesInterfaceTeamMemberStateShare, share(m.Buckets))
	r.uint(ocpath.InterfacesInterfaceTeamMemberStateTransitions, m.Transitions)
	if !m.LastChange.IsZero() {
		r.uint(ocpath.InterfacesInterfaceTeamMemberStateLastChange, uint64(m.LastChange.UnixNano()))
	}
}
