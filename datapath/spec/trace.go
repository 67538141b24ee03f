package spec

import (
	"strconv"
	"time"
)

// Stage is a step of a frame's way through the switch. The numbers are those of
// enum trace_stage in datapath/bpf/trace_abi.h.
type Stage uint8

// The stages, in the order in which a frame passes them.
const (
	StageIngress Stage = iota + 1 // port and switch that the frame came in at
	StageCache                    // the flow cache: a hit leads to LAG or OUTPUT at once
	StageGuard                    // what no switch may forward
	StageVLAN                     // the frame's VLAN, and whether the port carries it
	StageAdmit                    // whether a member of an aggregate takes it in
	StageLearn                    // the source's entry of the filtering database
	StageLookup                   // the destination's entry
	StageFlood                    // the ports that a flooded frame goes to
	StageClass                    // the queue it will wait in, and whether it is within its rate
	StageEgress                   // whether the output port takes it, and with which tag
	StageLAG                      // which member of an aggregate it leaves by
	StageOutput                   // sent, or why not: one for each copy
	StageKernel                   // dropped by the kernel behind the switch
	NumStages                     // one more than the last
)

// Verdict is what a stage, or the switch as a whole, decided.
type Verdict uint8

// The verdicts, with the numbers of enum trace_verdict.
const (
	VerdictPass    Verdict = iota + 1 // the frame goes on to the next stage
	VerdictForward                    // it leaves by one port
	VerdictFlood                      // a copy leaves by each port of its VLAN
	VerdictPunt                       // it is the host's
	VerdictDrop                       // it ends, for a reason
	NumVerdicts
)

// TraceDetail says more of what a stage found. Its meaning is that of
// TraceStep.Text.
type TraceDetail uint32

// TraceStep is what one stage did with a frame.
type TraceStep struct {
	Stage   Stage
	Verdict Verdict
	Reason  DropReason // of VerdictDrop
	// Port is the interface that the stage is about: where the frame came in
	// (INGRESS, ADMIT), where its address is (LEARN, LOOKUP), where it leaves
	// (CACHE, EGRESS, OUTPUT; of LAG the member); "" for none.
	Port string
	// VLAN is the VLAN that the frame is in, 0 where that is not known yet.
	VLAN uint16
	// Tagged is, of EGRESS and OUTPUT, whether it leaves with a tag.
	Tagged bool
	// Queue is, of CLASS, where the frame will wait; "" is the default class.
	Queue  string
	Detail TraceDetail
}

// TraceEvent is one frame's way through the switch. Several sessions may get
// the same event: nobody modifies it.
type TraceEvent struct {
	// Time is when the switch was done with the frame, before it left.
	Time time.Time
	// Packet is the number of the frame, the same in every session and unlike
	// that of any other frame since the sessions began.
	Packet uint64
	// In is the interface that the frame came in at, of an aggregate the member.
	In string
	// Aggregate is In's aggregate, "" where it is no member.
	Aggregate string
	// Out is where it leaves or was to leave, of an aggregate the member, and ""
	// where it is flooded or goes nowhere: the steps then tell.
	Out string
	// VLAN is the VLAN that the frame is in, 0 where it is in none.
	VLAN uint16
	// Tag is the outer tag that it came with: TPID << 16 | control information
	// (IEEE 802.1Q-2022, 9.6), 0 without one.
	Tag uint32
	// Length of the frame in octets, with its tag, without frame check sequence.
	Length  uint32
	Verdict Verdict
	// Reason is why the frame, or the first copy that was, was dropped.
	Reason DropReason
	// Kernel is the kernel's name of the reason where a step is KERNEL
	// (include/net/dropreason-core.h, without SKB_DROP_REASON_).
	Kernel string
	Steps  []TraceStep
	// Cut is true where the frame made more steps than are kept (48).
	Cut bool
	// Frame is the beginning of the frame as it came in, its tag in place, at
	// level TracePackets; at most the session's SnapLength, or of another
	// session's where that is longer: Snap cuts it.
	Frame []byte
}

// Snap is the beginning of the frame, at most octets long.
func (e *TraceEvent) Snap(octets uint32) []byte {
	return e.Frame[:min(int64(octets), int64(len(e.Frame)))]
}

// TraceLevel is how much a session asks for.
type TraceLevel uint8

// The levels of signalbox-trace.
const (
	TraceEvents  TraceLevel = iota + 1 // each stage of a frame's way
	TracePackets                       // and the frame itself
)

// String is the level in the words of signalbox-trace.
func (l TraceLevel) String() string {
	switch l {
	case TraceEvents:
		return "EVENTS"
	case TracePackets:
		return "PACKETS"
	}
	return "TraceLevel(" + strconv.Itoa(int(l)) + ")"
}

// TraceDirection is at which of a frame's ports a session looks.
type TraceDirection uint8

// The directions. What a session does not say is both.
const (
	TraceBoth TraceDirection = iota
	TraceIn                  // the port that it came in at
	TraceOut                 // the ports that it leaves by
)

// Bounds of a session.
const (
	MaxTraces     = 16       // that run at the same time
	MaxSnapLength = 65535    // octets
	MaxSample     = 16777215 // TraceSession.SampleOneIn
	MaxTraceRate  = 1000000  // TraceSession.EventsPerSecond
	MaxTraceTime  = 24 * time.Hour
	MaxTraceName  = 64 // octets of a session's id
)

// TraceSession is what is wanted of a session: a frame is told that fits each
// of its conditions. The zero value of a condition fits every frame.
type TraceSession struct {
	ID    string
	Level TraceLevel
	// Ports are interfaces: switch ports, aggregates (all their members) and
	// members of aggregates.
	Ports     []string
	Direction TraceDirection
	// VLANs are the VLANs of the switch, also of frames that carry no tag.
	VLANs VLANSet
	// Filter is an expression of pcap-filter(7), see package datapath/filter.
	Filter string
	// DropsOnly takes frames that were dropped, or a copy of which was.
	DropsOnly bool
	// Reasons takes frames that were dropped for one of these.
	Reasons []DropReason
	// SampleOneIn looks at one frame in so many, at random, before all other
	// conditions; 0 and 1 look at each.
	SampleOneIn uint32
	// EventsPerSecond bounds what is told; 0 is no bound.
	EventsPerSecond uint32
	// SnapLength is how many octets of a frame are told at level TracePackets,
	// 1..MaxSnapLength.
	SnapLength uint32
	// Duration ends the session; 0 is for as long as it is not stopped.
	Duration time.Duration
	// KernelDrops tells also of frames that the kernel dropped at the session's
	// ports after the switch had given them out, or before it had them.
	KernelDrops bool
}

// TraceState is how a session stands.
type TraceState uint8

// The states of signalbox-trace.
const (
	TraceRunning TraceState = iota + 1
	TraceExpired            // its duration is over
	TraceStopped            // it was stopped, or replaced
	TraceFailed             // Reason tells why
)

// String is the state in the words of signalbox-trace.
func (s TraceState) String() string {
	switch s {
	case TraceRunning:
		return "RUNNING"
	case TraceExpired:
		return "EXPIRED"
	case TraceStopped:
		return "STOPPED"
	case TraceFailed:
		return "ERROR"
	}
	return "TraceState(" + strconv.Itoa(int(s)) + ")"
}

// TraceStatus is what is known of a session. The counts are since it started.
type TraceStatus struct {
	Session TraceSession
	State   TraceState
	Reason  string // of TraceFailed
	Started time.Time
	Ends    time.Time // zero: when it is stopped
	// Matched counts the frames that fit all conditions, sampling included,
	// before the bound of events.
	Matched uint64
	// Events counts what was told, Limited what EventsPerSecond held back, and
	// Lost what was not told for lack of room: in the kernel's ring, or because
	// the receiver was too slow.
	Events, Limited, Lost uint64
}

// TraceBatch is what a session's receiver is told: events in their order, and
// how the session stands with them. The last batch of a session is the one
// whose State is not TraceRunning.
type TraceBatch struct {
	Events []TraceEvent
	Status TraceStatus
}

// InvalidTrace is a session that cannot be. The reason names what is wrong, of
// a filter the place.
type InvalidTrace struct {
	ID string
	// Field is the field of TraceSession that is wrong, as it is called in
	// signalbox-trace ("filter", "interface", "snap-length", …); "" where it is
	// the session as such.
	Field  string
	Reason string
	// Full says that it is not wrong, but more than the element has room for.
	Full bool
}

// Error names the session, then the reason.
func (e *InvalidTrace) Error() string {
	if e.Field == "" {
		return "trace session " + e.ID + ": " + e.Reason
	}
	return "trace session " + e.ID + ": " + e.Field + ": " + e.Reason
}

// TraceOutput is how a frame, or a copy of it, leaves.
type TraceOutput struct {
	Port   string // the switch port; of an aggregate its name
	Member string // of an aggregate: the member that it leaves by
	Tagged bool
	VLAN   uint16
	Reason DropReason // DropNone where it leaves
}

// Explanation is what the switch would do with a frame.
type Explanation struct {
	Verdict Verdict
	// Reason is why the frame, or the first copy that is, is dropped.
	Reason DropReason
	VLAN   uint16 // 0 where it is in none
	Steps  []TraceStep
	// Outputs are where it leaves or was to leave, in the order of the copies.
	Outputs []TraceOutput
}
