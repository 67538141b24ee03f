package openconfig

import (
	"math"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SessionState is how a trace session stands: what was started of it, and with
// which conditions.
func SessionState(s *spec.TraceStatus) *Row {
	r := row(ocpath.TracesSessionsSession, s.Session.ID)
	r.text(ocpath.TracesSessionsSessionStateId, s.Session.ID)
	r.name(ocpath.TracesSessionsSessionStateStatus, s.State.String())
	r.text(ocpath.TracesSessionsSessionStateStatusReason, s.Reason)
	if !s.Started.IsZero() {
		r.uint(ocpath.TracesSessionsSessionStateStarted, uint64(s.Started.UnixNano()))
	}
	if !s.Ends.IsZero() {
		r.uint(ocpath.TracesSessionsSessionStateEnds, uint64(s.Ends.UnixNano()))
	}
	switch s.State {
	case spec.TraceRunning:
		r.bool(ocpath.TracesSessionsSessionStateEnabled, true)
		r.sessionConditions(&s.Session)
	case spec.TraceStopped:
		r.bool(ocpath.TracesSessionsSessionStateEnabled, false)
	}
	return r
}

// sessionConditions puts what the datapath looks for.
func (r *Row) sessionConditions(s *spec.TraceSession) {
	r.name(ocpath.TracesSessionsSessionStateLevel, s.Level.String())
	r.name(ocpath.TracesSessionsSessionStateDirection, directionName(s.Direction))
	if len(s.Ports) > 0 {
		r.put(ocpath.TracesSessionsSessionStateInterface, list(s.Ports, schema.StringValue))
	}
	var vlans []uint16
	for vlan := range s.VLANs.All() {
		vlans = append(vlans, vlan)
	}
	if len(vlans) > 0 {
		r.put(ocpath.TracesSessionsSessionStateVlan, list(vlans, func(v uint16) schema.Value { return schema.UintValue(uint64(v)) }))
	}
	r.text(ocpath.TracesSessionsSessionStateFilter, s.Filter)
	r.bool(ocpath.TracesSessionsSessionStateDropsOnly, s.DropsOnly)
	if len(s.Reasons) > 0 {
		r.put(ocpath.TracesSessionsSessionStateDropReason, list(s.Reasons, func(d spec.DropReason) schema.Value { return schema.EnumValue(d.String()) }))
	}
	r.uint(ocpath.TracesSessionsSessionStateSampleOneIn, uint64(max(s.SampleOneIn, 1)))
	r.uint(ocpath.TracesSessionsSessionStateMaxEventsPerSecond, uint64(s.EventsPerSecond))
	r.uint(ocpath.TracesSessionsSessionStateSnapLength, uint64(s.SnapLength))
	r.uint(ocpath.TracesSessionsSessionStateDuration, uint64(s.Duration.Seconds()))
	r.bool(ocpath.TracesSessionsSessionStateKernelDrops, s.KernelDrops)
}

func directionName(d spec.TraceDirection) string {
	switch d {
	case spec.TraceIn:
		return "IN"
	case spec.TraceOut:
		return "OUT"
	}
	return "BOTH"
}

// list makes the value of a leaf-list.
func list[T any](all []T, value func(T) schema.Value) schema.Value {
	values := make([]schema.Value, len(all))
	for i := range all {
		values[i] = value(all[i])
	}
	return schema.ListValue(values)
}

// TraceEvents are the events of one packet in a session, one for each step; the
// first has the sequence number that is given.
func TraceEvents(s *spec.TraceSession, first uint64, e *spec.TraceEvent, c *Config) []telemetry.Event {
	events := make([]telemetry.Event, 0, len(e.Steps))
	for i := range e.Steps {
		sequence := first + uint64(i)
		step := stepRow{e: e, step: &e.Steps[i], config: c}
		step.uint(ocpath.TracesSessionsSessionEventsEventStateSequence, sequence)
		step.uint(ocpath.TracesSessionsSessionEventsEventStateStep, uint64(min(i+1, math.MaxUint8)))
		step.uint(ocpath.TracesSessionsSessionEventsEventStateSteps, uint64(min(len(e.Steps), math.MaxUint8)))
		step.packet()
		step.own()
		if i == len(e.Steps)-1 && s.Level == spec.TracePackets {
			step.put(ocpath.TracesSessionsSessionEventsEventStatePacket, schema.BinaryValue(e.Snap(s.SnapLength)))
		}
		events = append(events, telemetry.Event{
			Path:    at(ocpath.TracesSessionsSessionEventsEventState, s.ID, strconv.FormatUint(sequence, 10)),
			Time:    e.Time,
			Updates: step.updates(),
		})
	}
	return events
}

// stepRow are the leaves of one event.
type stepRow struct {
	Row
	e      *spec.TraceEvent
	step   *spec.TraceStep
	config *Config
}

// packet puts what all events of a packet say.
func (r *stepRow) packet() {
	e := r.e
	r.uint(ocpath.TracesSessionsSessionEventsEventStateTimestamp, uint64(e.Time.UnixNano()))
	r.uint(ocpath.TracesSessionsSessionEventsEventStatePacketId, e.Packet)
	if e.Cut {
		r.bool(ocpath.TracesSessionsSessionEventsEventStateCut, true)
	}
	r.text(ocpath.TracesSessionsSessionEventsEventStateInInterface, e.In)
	r.text(ocpath.TracesSessionsSessionEventsEventStateInAggregate, e.Aggregate)
	r.text(ocpath.TracesSessionsSessionEventsEventStateOutInterface, e.Out)
	r.name(ocpath.TracesSessionsSessionEventsEventStatePacketVerdict, verdictName(e.Verdict))
	r.name(ocpath.TracesSessionsSessionEventsEventStatePacketDropReason, reasonName(e.Reason))
	r.positive(ocpath.TracesSessionsSessionEventsEventStateTag, uint64(e.Tag))
	r.uint(ocpath.TracesSessionsSessionEventsEventStatePacketLength, uint64(e.Length))
}

// own puts what the step says.
func (r *stepRow) own() {
	step := r.step
	vlan := step.VLAN
	if vlan == 0 {
		vlan = r.e.VLAN
	}
	r.name(ocpath.TracesSessionsSessionEventsEventStateStage, stageName(step.Stage))
	r.name(ocpath.TracesSessionsSessionEventsEventStateVerdict, verdictName(step.Verdict))
	r.name(ocpath.TracesSessionsSessionEventsEventStateDropReason, reasonName(step.Reason))
	r.text(ocpath.TracesSessionsSessionEventsEventStateInterface, step.Port)
	r.positive(ocpath.TracesSessionsSessionEventsEventStateVlanId, uint64(vlan))
	if step.Stage == spec.StageEgress || step.Stage == spec.StageOutput {
		r.bool(ocpath.TracesSessionsSessionEventsEventStateTagged, step.Tagged)
	}
	if step.Stage == spec.StageKernel {
		r.text(ocpath.TracesSessionsSessionEventsEventStateKernelReason, r.e.Kernel)
	}
	detail := step.Text()
	if step.Reason != spec.DropNone {
		blame := r.config.blameStep(step, r.e.In, r.e.Tag)
		r.text(ocpath.TracesSessionsSessionEventsEventStateConfigPath, blame.Path)
		detail = blame.Text
	}
	r.text(ocpath.TracesSessionsSessionEventsEventStateDetail, detail)
}

func (r *stepRow) updates() []telemetry.Update {
	updates := make([]telemetry.Update, len(r.Leaves))
	for i, l := range r.Leaves {
		updates[i] = telemetry.Update{Path: schema.Path{Node: l.ID}, Value: l.Value}
	}
	return updates
}

// blameStep finds what a step follows from that dropped a frame which came in
// at an interface, with a tag.
func (c *Config) blameStep(step *spec.TraceStep, in string, tag uint32) Blame {
	d := Drop{Reason: step.Reason, Interface: in, VLAN: step.VLAN}
	if step.Stage == spec.StageClass {
		d.Policer = int(step.Detail)
	}
	if step.Reason.Egress() && step.Port != "" {
		d.Interface = step.Port
	}
	if d.VLAN == 0 {
		d.VLAN = uint16(tag & 0xfff)
	}
	return c.Blame(d)
}

// The names of signalbox-trace, "" for none.

func stageName(s spec.Stage) string {
	if s == 0 || s >= spec.NumStages {
		return ""
	}
	return s.String()
}

func verdictName(v spec.Verdict) string {
	if v == 0 || v >= spec.NumVerdicts {
		return ""
	}
	return v.String()
}

func reasonName(r spec.DropReason) string {
	if r == spec.DropNone || r >= spec.NumDropReasons {
		return ""
	}
	return r.String()
}
