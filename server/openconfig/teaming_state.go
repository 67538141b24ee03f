package openconfig

import (
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// teamingState adds signalbox-teaming's part of an aggregate.
func teamingState(r *Row, a *spec.AggregateState) {
	r.bool(ocpath.InterfacesInterfaceAggregationTeamingStateSwitchIndependent, a.Mode == spec.SwitchIndependent)
	r.name(ocpath.InterfacesInterfaceAggregationTeamingStateDistribution, a.Distribution.String())
	if a.Settings != nil {
		teamingSettings(r, a.Settings)
	}
	if len(a.Standby) > 0 {
		r.put(ocpath.InterfacesInterfaceAggregationTeamingStateStandbyMember, stringList(a.Standby))
	}
	if len(a.Active) > 0 {
		r.put(ocpath.InterfacesInterfaceAggregationTeamingStateActiveMember, stringList(a.Active))
	}
	if a.Mode == spec.SwitchIndependent || a.Distribution == spec.ActiveBackup { // means nothing to the others
		r.text(ocpath.InterfacesInterfaceAggregationTeamingStateDesignatedMember, a.Designated)
	}
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateFailovers, a.Failovers)
	if a.Failovers > 0 {
		r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateLastFailoverDuration, uint64(a.LastFailover.Microseconds()))
		r.name(ocpath.InterfacesInterfaceAggregationTeamingStateLastFailoverReason, a.LastReason.String())
	}
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateMovedBuckets, a.Moved)
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateAnnouncedAddresses, a.Announced)
}

// teamingSettings adds what the datapath goes by.
func teamingSettings(r *Row, s *spec.Aggregate) {
	r.text(ocpath.InterfacesInterfaceAggregationTeamingStatePrimary, s.Primary)
	r.name(ocpath.InterfacesInterfaceAggregationTeamingStatePrimaryReselect, reselect(s.Reselect))
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateUpDelay, uint64(s.UpDelay.Milliseconds()))
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateDownDelay, uint64(s.DownDelay.Milliseconds()))
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateAnnouncements, uint64(s.Announcements))
	r.bool(ocpath.InterfacesInterfaceAggregationTeamingStateSpeedWeighted, s.SpeedWeighted)
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateFlowletGap, uint64(s.FlowletGap/time.Microsecond))
	r.uint(ocpath.InterfacesInterfaceAggregationTeamingStateRebalanceInterval, uint64(s.RebalanceInterval.Milliseconds()))
}

// reselect is the name of a time of reselection, "" for none.
func reselect(r spec.Reselect) string {
	switch r {
	case spec.ReselectAlways:
		return "ALWAYS"
	case spec.ReselectBetter:
		return "BETTER"
	case spec.ReselectFailure:
		return "FAILURE"
	}
	return ""
}

// share is a number of buckets in percent of all, with two decimals.
func share(buckets uint16) schema.Value {
	const scale = 2
	return schema.DecimalValue((int64(buckets)*100_00+spec.LAGBuckets/2)/spec.LAGBuckets, scale)
}
