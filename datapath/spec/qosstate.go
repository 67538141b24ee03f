package spec

import (
	"maps"
	"slices"
)

// QoSState is what the kernel does with the classes and rates of a port, read
// back from it.
type QoSState struct {
	// Input and Output are nil where nothing is held back.
	Input, Output *SchedulerState
	// Classified says that the program classifies what the port takes in.
	Classified bool
	Policers   []PolicerState // in the order in which they are asked
}

// SameQoS compares what two states say.
func SameQoS(a, b *QoSState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Classified == b.Classified && slices.Equal(a.Policers, b.Policers) &&
		a.Input.same(b.Input) && a.Output.same(b.Output)
}

// SchedulerState is a scheduler as the kernel has it.
type SchedulerState struct {
	// Rate bounds all of it, bit/s, after the kernel's rounding; Burst in octets.
	Rate  uint64
	Burst uint32
	// Queues by name, "" is the class of what is in no other.
	Queues map[string]QueueState
}

func (s *SchedulerState) same(o *SchedulerState) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.Rate == o.Rate && s.Burst == o.Burst && maps.EqualFunc(s.Queues, o.Queues, QueueState.same)
}

// QueueState is one class of a scheduler as the kernel has it.
type QueueState struct {
	// Guaranteed and Ceiling in bit/s, Burst and CeilingBurst in octets.
	Guaranteed, Ceiling uint64
	Burst, CeilingBurst uint32
	// Priority 0 borrows first; Quantum is how many octets the queue sends in
	// its turn among those of its priority.
	Priority uint8
	Quantum  uint32
	QueueLimit
}

func (q QueueState) same(o QueueState) bool {
	early := samePointer(q.RED, o.RED)
	q.RED, o.RED = nil, nil
	return early && q == o
}

// PolicerState is a policer as the program has it.
type PolicerState struct {
	Sequence         uint32
	Committed, Peak  uint64 // bit/s
	Burst, PeakBurst uint32 // octets
}

// QoSCounters are what was counted of one port since its scheduler, classifier
// or policer came to be.
type QoSCounters struct {
	Input, Output map[string]QueueCounters // by queue, "" as in SchedulerState
	Terms         []TermCounters           // in their order
	Policers      []PolicerCounters        // in their order
}

// QueueCounters are of one queue: frames as the kernel counts them, each
// segment of a GSO frame by itself.
type QueueCounters struct {
	Packets, Octets uint64 // sent
	Dropped         uint64 // packets that found no room
	Marked          uint64 // packets with congestion experienced
	// Waiting are the octets and packets in the queue now.
	WaitingOctets, WaitingPackets uint32
}

// TermCounters are of one term of a classifier at one port.
type TermCounters struct {
	ID              string
	Packets, Octets uint64
}

// PolicerCounters are of one policer at one port.
type PolicerCounters struct {
	Sequence                      uint32
	ConformPackets, ConformOctets uint64
	ExceedPackets, ExceedOctets   uint64
	ViolatePackets, ViolateOctets uint64
}
