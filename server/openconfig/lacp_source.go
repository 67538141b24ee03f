package openconfig

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// LACPCounters is the telemetry source of
// /lacp/interfaces/interface/members/member/state/counters.
type LACPCounters struct {
	observer Observer
}

// NewLACPCounters builds the source.
func NewLACPCounters(observer Observer) *LACPCounters { return &LACPCounters{observer} }

// Leaves are in the order of lacpCounters.
func (*LACPCounters) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpInPkts,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpOutPkts,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpRxErrors,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpTxErrors,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpUnknownErrors,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpErrors,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersLacpTimeoutTransitions,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersMarkerInPkts,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersMarkerResponseOutPkts,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersPartnerChanges,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersActorChurnTransitions,
		ocpath.LacpInterfacesInterfaceMembersMemberStateCountersPartnerChurnTransitions,
	}
}

// Events reports none: counters are sampled.
func (*LACPCounters) Events() bool { return false }

// Read gives the counters of an aggregate's member, or of any.
func (l *LACPCounters) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	for name, i := range l.observer.State().Interfaces {
		if i.Member == nil || i.Member.LACP == nil || !matches(keys, i.Member.Aggregate, name) {
			continue
		}
		if err := emit([]string{i.Member.Aggregate, name}, lacpCounters(&i.Member.LACP.Counters)); err != nil {
			return at, err
		}
	}
	return at, nil
}

func lacpCounters(c *spec.LACPCounters) []schema.Value {
	var values []schema.Value
	for _, n := range [...]uint64{
		c.In, c.Out, c.InErrors, c.OutErrors, c.UnknownErrors, c.IllegalErrors, c.Timeouts,
		c.MarkersIn, c.MarkerResponses, c.PartnerChanges, c.ActorChurnCount, c.PartnerChurnCount,
	} {
		values = append(values, schema.UintValue(n))
	}
	return values
}
