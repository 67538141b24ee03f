package datapath

import (
	"slices"
	"strings"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// portNames are the names behind port numbers, of members "aggregate/member".
type portNames struct {
	version uint64 // of seen
	names   [spec.MaxPorts + 1]string
	queues  []string // by number
}

// namePorts brings the names up to date.
func (d *Datapath) namePorts(n *portNames) {
	d.seenMu.Lock()
	defer d.seenMu.Unlock()
	if n.version != d.seen.named {
		n.version, n.names, n.queues = d.seen.named, d.seen.ports, d.seen.queues
	}
}

// name is the interface of a port number, and its aggregate where it is a
// member.
func (n *portNames) name(number uint16) (name, aggregate string) {
	if int(number) >= len(n.names) {
		return "", ""
	}
	name = n.names[number]
	if aggregate, member, ok := strings.Cut(name, "/"); ok {
		return member, aggregate
	}
	return name, ""
}

// queue is the name of a queue's number, "" of the default class.
func (n *portNames) queue(number uint32) string {
	if int(number) >= len(n.queues) {
		return ""
	}
	return n.queues[number]
}

// event is a record in words; its time is left out.
func (n *portNames) event(r fastpath.TraceRecord) spec.TraceEvent {
	h := r.Head
	e := spec.TraceEvent{
		Packet: h.Packet, VLAN: h.Vlan, Tag: h.Tag, Length: r.Length(),
		Verdict: spec.Verdict(h.Verdict), Reason: spec.DropReason(h.Reason),
		Steps: n.steps(r.Steps), Cut: h.Cut != 0, Frame: r.Frame(),
	}
	e.In, e.Aggregate = n.name(h.InPort)
	e.Out, _ = n.name(h.OutPort)
	return e
}

// steps are those of a record. The program notes a flooding when it knows how
// many copies there are: behind all but the last. Here it stands before them.
func (n *portNames) steps(all []bpf.SwitchTraceStep) []spec.TraceStep {
	steps := make([]spec.TraceStep, len(all))
	flood := -1
	for i, s := range all {
		steps[i] = spec.TraceStep{
			Stage: spec.Stage(s.Stage), Verdict: spec.Verdict(s.Verdict), Reason: spec.DropReason(s.Reason),
			VLAN: s.Vlan, Detail: spec.TraceDetail(s.Detail),
			Tagged: bpf.SwitchTraceStepFlags(s.Flags)&bpf.SwitchTraceStepFlagsTRACE_TAGGED != 0,
		}
		steps[i].Port, _ = n.name(s.Port)
		switch steps[i].Stage {
		case spec.StageFlood:
			flood = i
		case spec.StageClass:
			steps[i].Queue, steps[i].Detail = n.queue(s.Detail&0xffff), spec.TraceDetail(s.Detail>>16)
		}
	}
	lookup := slices.IndexFunc(steps, func(s spec.TraceStep) bool { return s.Stage == spec.StageLookup })
	if flood > lookup+1 && lookup >= 0 {
		f := steps[flood]
		copy(steps[lookup+2:], steps[lookup+1:flood])
		steps[lookup+1] = f
	}
	return steps
}

// explanation is a record in words.
func (n *portNames) explanation(r fastpath.TraceRecord) spec.Explanation {
	x := spec.Explanation{
		Verdict: spec.Verdict(r.Head.Verdict), Reason: spec.DropReason(r.Head.Reason), VLAN: r.Head.Vlan,
		Steps: n.steps(r.Steps),
	}
	for i, s := range x.Steps {
		dropped := s.Verdict == spec.VerdictDrop
		if s.Stage != spec.StageOutput && !(dropped && (s.Stage == spec.StageEgress || s.Stage == spec.StageLAG)) {
			continue
		}
		out := spec.TraceOutput{Port: s.Port, VLAN: s.VLAN, Tagged: s.Tagged, Reason: s.Reason}
		if dropped && s.Stage == spec.StageLAG {
			out.Reason = s.Reason
		}
		if s.Stage == spec.StageOutput && i > 0 && x.Steps[i-1].Stage == spec.StageLAG {
			out.Member, out.Port = s.Port, n.aggregateOf(r.Steps, s.Port)
		}
		x.Outputs = append(x.Outputs, out)
	}
	return x
}

// aggregateOf is the aggregate of a member among the ports of steps.
func (n *portNames) aggregateOf(all []bpf.SwitchTraceStep, member string) string {
	for _, s := range all {
		if name, aggregate := n.name(s.Port); name == member && aggregate != "" {
			return aggregate
		}
	}
	return member
}
