package spec

import "net/netip"

// Limits of QoS. The datapath's maps have these sizes (datapath/bpf/qos_abi.h).
const (
	MaxQueues      = 1024 // queues that exist, by name
	MaxClassifiers = 255  // different lists of terms
	MaxTerms       = 64   // of one classifier
	MaxPolicers    = 8    // at one port
	// MaxPriorities bounds the levels of strict priority of one scheduler
	// (TC_HTB_NUMPRIO of include/uapi/linux/pkt_sched.h).
	MaxPriorities = 8
	// MaxClasses are the classes of one scheduler.
	MaxClasses = 64
	// MaxWeight is the most that a queue's weight can be.
	MaxWeight = 65535
	// MaxShareWeight is the most that Share.Weight can be.
	MaxShareWeight = 100
)

// Bounds of rates. A rate is in bits per second of whole frames, their Ethernet
// header and tag included; preamble, check sequence and gap are not counted.
const (
	MinRate = 8_000             // bit/s: 1,000 octets each second
	MaxRate = 1_000_000_000_000 // bit/s
	// MinBurst is one frame of the smallest MTU that Ethernet has, with a tag.
	MinBurst = 1518 // octets
	MaxBurst = 1 << 30
)

// QoS is what is wanted of the classes and rates of one port. Nobody modifies
// it; ports may share it.
type QoS struct {
	// Classifier decides about each frame that the port takes in; nil leaves all
	// in the default class.
	Classifier *Classifier
	// Input holds back what the port takes in, which is what a guest sends;
	// Output what leaves by it. nil does not.
	Input, Output *Scheduler
	// Policers of what the port takes in, in the order in which they are asked.
	Policers []Policer
	// Sharing makes the port one at which the other ports of its switch compete:
	// each of them that has a Share has a class of its own there. Output is then
	// nil or has no groups.
	Sharing ShareMode
	// Share is what this port has at ports with Sharing.
	Share Share
}

// ShareMode is how a port divides what leaves by it among those it came from.
type ShareMode uint8

// The ways to share.
const (
	ShareNone     ShareMode = iota
	ShareWeight             // by Share.Weight
	ShareAbsolute           // Share.Rate is guaranteed
)

// Share is what a port may claim where it competes with others.
type Share struct {
	Rate   uint64 // bit/s; 0 claims none
	Weight uint32 // 1..100; 0 claims none
}

// Classifier is an ordered list of terms; the first that a frame matches
// decides about it.
type Classifier struct {
	// Name is that of /qos/classifiers/classifier, for people.
	Name  string
	Terms []Term // at most MaxTerms
}

// Term is one line of a classifier.
type Term struct {
	// ID is /qos/classifiers/classifier/terms/term/id behind the type of the
	// classifier, as in "IPV4/10"; a term that follows from the port's trust has
	// an id that begins with "trust-". It is no other's at the port.
	ID    string
	Match Match
	// Queue is where frames of the term wait; "" is the default class.
	Queue  string
	Remark Remark
}

// Remark changes the marks of a frame; a value of NoRemark leaves one.
type Remark struct {
	DSCP uint8 // 0..63 (RFC 2474)
	PCP  uint8 // 0..7, of frames that leave with a tag (IEEE 802.1Q-2022, 9.6)
}

// NoRemark leaves a mark as it is.
const NoRemark = 0xff

// Unmarked changes nothing.
var Unmarked = Remark{NoRemark, NoRemark}

// Match is what a frame must have; what has its zero value is not looked at.
// Conditions on layer 3 match IP only, those on ports TCP, UDP and SCTP only,
// and never a fragment other than the first.
type Match struct {
	// Addresses of layer 2 are compared where their mask has a bit.
	Source, SourceMask, Destination, DestinationMask MAC
	// EtherType behind the tags; 0 matches any.
	EtherType uint16
	// VLAN that the switch carries the frame in; 0 matches any.
	VLAN uint16
	// PCPs and DSCPs are sets: bit n stands for value n; 0 matches any, also
	// what has none. PCP is that of the tag, DSCP that of IPv4 or IPv6.
	PCPs  uint8
	DSCPs uint64
	// SourcePrefix and DestinationPrefix are of IPv4 or of IPv6; the zero value
	// matches any.
	SourcePrefix, DestinationPrefix netip.Prefix
	// Version is 4 or 6; 0 matches any, also what is no IP.
	Version uint8
	// Protocol behind the extension headers, where HasProtocol.
	Protocol    uint8
	HasProtocol bool
	// TTL is IPv4's time to live or IPv6's hop limit, where HasTTL.
	TTL    uint8
	HasTTL bool
	// SourcePorts and DestinationPorts of layer 4; the zero value matches any.
	SourcePorts, DestinationPorts PortRange
	// TCPFlags that must be set, as in the 13th octet of the header; 0 matches any.
	TCPFlags uint8
}

// PortRange is a range of ports of layer 4, both ends included.
type PortRange struct{ First, Last uint16 }

// IsZero reports the range that matches anything.
func (r PortRange) IsZero() bool { return r == PortRange{} }

// Rate is a speed: absolute, or in percent of the line where Percent is set.
type Rate struct {
	BitsPerSecond uint64
	Percent       uint8 // 1..100
}

// IsZero reports that no rate is given.
func (r Rate) IsZero() bool { return r == Rate{} }

// Of is the rate in bits per second at a line of some speed.
func (r Rate) Of(line uint64) uint64 {
	if r.Percent != 0 {
		return line / 100 * uint64(r.Percent)
	}
	return r.BitsPerSecond
}

// Scheduler divides a line among queues. What one queue leaves is lent to the
// others, in the order of the groups, and in a group by weight.
type Scheduler struct {
	// Policy is the name of /qos/scheduler-policies/scheduler-policy, for people;
	// "" where it follows from leaves of the port.
	Policy string
	// Maximum bounds all of it; zero is the speed of the link.
	Maximum Rate
	// Burst of Maximum, in octets; 0 is 4 ms of the rate.
	Burst uint32
	// Groups by sequence, the most urgent first. Each queue is in one of them.
	Groups []SchedulerGroup
	// DefaultQueue is where frames go whose class is none of Groups; "" is a
	// class of its own, behind all others. Either has at least one percent of the
	// line, where the minima of others leave so much.
	DefaultQueue string
}

// SchedulerGroup is /qos/scheduler-policies/scheduler-policy/schedulers/scheduler.
type SchedulerGroup struct {
	Sequence uint32
	// Strict serves its queues before those of later groups and one after the
	// other; otherwise they share by weight.
	Strict bool
	// Minimum is guaranteed to the group also when others want the line, and
	// divided by the weights of its queues; Maximum bounds it. Zero is none.
	Minimum, Maximum Rate
	// Burst of Minimum and ExcessBurst of Maximum in octets; 0 is 4 ms.
	Burst, ExcessBurst uint32
	// Queues in their order of urgency where Strict.
	Queues []SchedulerQueue
}

// SchedulerQueue is /…/scheduler/inputs/input.
type SchedulerQueue struct {
	ID    string // of the input
	Queue string
	// Weight against the other queues of the group; 0 counts as 1.
	Weight uint64
	QueueLimit
}

// QueueLimit bounds what waits in a queue; of zero values the element chooses:
// 50 ms of the highest rate, at least 128 KiB and at most 1 MiB.
type QueueLimit struct {
	Octets  uint32
	Packets uint32 // instead of octets
	// RED begins to drop or mark before the queue is full; nil does not.
	RED *RED
}

// RED is random early detection (RFC 2309) in a queue.
type RED struct {
	Min, Max uint32 // octets that wait on average
	ECN      bool   // mark what can be marked (RFC 3168)
}

// Policer is a scheduler of the input policy that polices: what is above its
// rates is dropped or marked at once (RFC 2698 where it has two rates).
type Policer struct {
	Sequence uint32
	// Queues whose frames are counted against it; empty counts all frames.
	Queues []string
	// Committed and, of two rates, Peak; bit/s. Zero Peak: one rate, two colours.
	Committed, Peak uint64
	// Burst and PeakBurst in octets; 0 is 100 ms of the rate.
	Burst, PeakBurst uint32
	// What becomes of frames within Committed, above it, and above Peak.
	Conform, Exceed, Violate PolicerAction
}

// PolicerAction is what becomes of a frame.
type PolicerAction struct {
	Drop   bool
	Remark Remark
}
