package spec

import (
	"fmt"
	"strconv"
)

var stageNames = [NumStages]string{
	StageIngress: "INGRESS", StageCache: "CACHE", StageGuard: "GUARD", StageVLAN: "VLAN", StageAdmit: "ADMIT",
	StageLearn: "LEARN", StageLookup: "LOOKUP", StageFlood: "FLOOD", StageClass: "CLASS", StageEgress: "EGRESS", StageLAG: "LAG",
	StageOutput: "OUTPUT", StageKernel: "KERNEL",
}

// String is the stage in the words of signalbox-trace.
func (s Stage) String() string {
	if s == 0 || s >= NumStages {
		return "Stage(" + strconv.Itoa(int(s)) + ")"
	}
	return stageNames[s]
}

var verdictNames = [NumVerdicts]string{
	VerdictPass: "PASS", VerdictForward: "FORWARD", VerdictFlood: "FLOOD", VerdictPunt: "PUNT", VerdictDrop: "DROP",
}

// String is the verdict in the words of signalbox-trace.
func (v Verdict) String() string {
	if v == 0 || v >= NumVerdicts {
		return "Verdict(" + strconv.Itoa(int(v)) + ")"
	}
	return verdictNames[v]
}

// What stages find, with the numbers of enum trace_detail: of CACHE, LEARN and
// LOOKUP. Of FLOOD the detail is the number of copies, of a CLASS that drops which
// of the port's policers did, from 1; of other stages it is 0.
const (
	DetailHit     TraceDetail = iota + 1 // CACHE: the flow is known
	DetailMiss                           // CACHE: the flow is not known
	DetailKnown                          // LEARN, LOOKUP: the entry is there
	DetailNew                            // LEARN: an entry is made
	DetailMoved                          // LEARN: the entry moves from another port
	DetailStatic                         // LEARN: a static entry stays as it is
	DetailOff                            // LEARN: the switch does not learn, or not this address
	DetailUnknown                        // LOOKUP: there is no entry
	DetailGroup                          // LOOKUP: the destination is a group
)

// Text says in words what the stage found.
func (s *TraceStep) Text() string {
	if s.Verdict == VerdictDrop {
		return s.Reason.String()
	}
	switch s.Stage {
	case StageIngress:
		return "port " + s.Port
	case StageCache:
		if s.Detail == DetailHit {
			return "known flow, leaves by " + s.Port
		}
		return "unknown flow"
	case StageVLAN:
		return fmt.Sprintf("VLAN %d", s.VLAN)
	case StageAdmit:
		return "taken in at " + s.Port
	case StageLearn:
		return s.learned()
	case StageLookup:
		return s.found()
	case StageFlood:
		return fmt.Sprintf("%d copies", s.Detail)
	case StageClass:
		return s.queue()
	case StageLAG:
		return "member " + s.Port
	case StageEgress, StageOutput:
		if s.Tagged {
			return fmt.Sprintf("%s, tagged %d", s.Port, s.VLAN)
		}
		return s.Port + ", untagged"
	}
	return ""
}

func (s *TraceStep) queue() string {
	if s.Queue == "" {
		return "default queue"
	}
	return "queue " + s.Queue
}

func (s *TraceStep) learned() string {
	switch s.Detail {
	case DetailKnown:
		return "source is known at " + s.Port
	case DetailNew:
		return "source is new at " + s.Port
	case DetailMoved:
		return "source moves here from " + s.Port
	case DetailStatic:
		return "source is static at " + s.Port
	}
	return "source is not learned"
}

func (s *TraceStep) found() string {
	switch s.Detail {
	case DetailKnown:
		return "destination is at " + s.Port
	case DetailGroup:
		return "destination is a group"
	}
	return "destination is unknown"
}
