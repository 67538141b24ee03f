package spec

import (
	"fmt"
	"time"
)

// Limits of link aggregation. The datapath's maps have these sizes
// (datapath/bpf/abi.h).
const (
	MaxAggregates = 128 // aggregates of one element
	MaxMembers    = 32  // members of one aggregate
	LAGBuckets    = 256 // that the flows of an aggregate are spread over
)

// Aggregate is what is wanted of a link aggregation group (LAG): several
// interfaces that are one port of a switch. An aggregate has no interface in
// the kernel; its members are named by their own Port.Member.
type Aggregate struct {
	Mode         AggregateMode
	Distribution Distribution
	// MinLinks is how many members must carry traffic for the aggregate to be
	// up; 0 counts as 1.
	MinLinks uint16
	// Primary is the member that ActiveBackup prefers, and that takes in
	// broadcasts in switch-independent mode; "" leaves the choice.
	Primary  string
	Reselect Reselect
	// UpDelay is how long a member's carrier must stand before the member is
	// used; DownDelay how long a member is kept in the books after its carrier
	// fell (frames leave by the others at once all the same). In whole
	// milliseconds.
	UpDelay, DownDelay time.Duration
	// Announcements is how many times each local address that moved to another
	// member is announced, 0..255; once more a second after a member came back.
	// Only aggregates that the other end need not know of announce:
	// switch-independent ones, and static ones with ActiveBackup.
	Announcements uint8
	// SpeedWeighted gives each member a share in proportion to its speed.
	SpeedWeighted bool
	// FlowletGap is how long a flow must pause to be moved by Dynamic, in whole
	// microseconds; RebalanceInterval how often Dynamic compares the loads.
	FlowletGap, RebalanceInterval time.Duration
	// LACP is used in mode LACP only.
	LACP LACP
}

// AggregateMode is how an aggregate and what it is connected to agree.
type AggregateMode uint8

// The modes of an aggregate.
const (
	// StaticLAG: the other end is configured alike and there is no protocol.
	StaticLAG AggregateMode = iota + 1
	// LACPManaged: both ends agree by LACP (IEEE 802.1AX).
	LACPManaged
	// SwitchIndependent: the switches at the other end know nothing of it, and
	// may be several.
	SwitchIndependent
)

// Distribution is which of an aggregate's members a frame leaves by.
type Distribution uint8

// The distributions.
const (
	TransportPorts Distribution = iota + 1 // addresses and ports of layers 3 and 4
	IPAddresses                            // addresses of layer 3
	MACAddresses                           // both addresses and the type of layer 2
	VLANSourceMAC                          // VLAN and source address of layer 2
	SwitchPort                             // the port that the frame came in at
	Dynamic                                // as TransportPorts, pauses move flows to members with less load
	ActiveBackup                           // one member carries all
)

// Reselect is when a primary member that is back takes over again.
type Reselect uint8

// The times of reselection.
const (
	ReselectAlways  Reselect = iota + 1 // as soon as it is back
	ReselectBetter                      // if it is faster than the active one
	ReselectFailure                     // not before the active one fails
)

// LACP is what is wanted of an aggregate's Link Aggregation Control Protocol.
type LACP struct {
	Passive bool // answers, and does not begin
	Fast    bool // asks the partner for a PDU each second; else every 30 s
	// SystemID is the address of this end; zero takes the element's own.
	SystemID       MAC
	SystemPriority uint16 // lower is better
	// Fallback lets one member carry traffic where no partner was heard for
	// FallbackTimeout after the carrier came.
	Fallback        bool
	FallbackTimeout time.Duration // whole seconds
}

// Defaults of aggregates.
const (
	DefaultSystemPriority  = 32768 // IEEE 802.1AX-2020, 6.3.3
	DefaultPortPriority    = 32768
	DefaultFallbackTimeout = 90 * time.Second
	DefaultFlowletGap      = 500 * time.Microsecond
	DefaultRebalance       = 10 * time.Second
	DefaultAnnouncements   = 1
)

// NewAggregate is the aggregate with every default.
func NewAggregate(mode AggregateMode) *Aggregate {
	a := &Aggregate{
		Mode: mode, Distribution: TransportPorts, MinLinks: 1, Reselect: ReselectAlways,
		Announcements: DefaultAnnouncements, FlowletGap: DefaultFlowletGap, RebalanceInterval: DefaultRebalance,
		LACP: LACP{SystemPriority: DefaultSystemPriority, FallbackTimeout: DefaultFallbackTimeout},
	}
	if mode == SwitchIndependent {
		a.Distribution = VLANSourceMAC
	}
	return a
}

// Member makes an interface a member of an aggregate.
type Member struct {
	Aggregate string
	// Standby keeps the member out while enough others carry traffic.
	Standby bool
	// Drained lets the member take frames in but sends none out by it
	// (forwarding-viable false).
	Drained bool
	// Priority is LACP's port priority; lower is better.
	Priority uint16
}

// Bounds of an aggregate's times.
const (
	MaxLinkDelay      = 10 * time.Minute
	MinFlowletGap     = 50 * time.Microsecond
	MaxFlowletGap     = 100 * time.Millisecond
	MaxRebalance      = 10 * time.Minute
	MaxFallbackPeriod = 65535 * time.Second
)

// check reports what is wrong with an aggregate by itself.
func (a *Aggregate) check(name string) error {
	fail := func(format string, args ...any) error {
		return &Invalid{Port: name, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case a.Mode < StaticLAG || a.Mode > SwitchIndependent:
		return fail("aggregate mode %d is none", a.Mode)
	case a.Distribution < TransportPorts || a.Distribution > ActiveBackup:
		return fail("distribution %d is none", a.Distribution)
	case a.Mode == SwitchIndependent && !a.Distribution.pinsSource():
		return fail("distribution %s makes switches that know nothing of the aggregate see one address at several of their ports: want VLAN_SOURCE_MAC, SWITCH_PORT or ACTIVE_BACKUP", a.Distribution)
	case a.MinLinks > MaxMembers:
		return fail("min-links %d: an aggregate has at most %d members", a.MinLinks, MaxMembers)
	case a.UpDelay < 0 || a.UpDelay > MaxLinkDelay || a.DownDelay < 0 || a.DownDelay > MaxLinkDelay:
		return fail("delay of the carrier: want 0 to %v", MaxLinkDelay)
	case a.FlowletGap < MinFlowletGap || a.FlowletGap > MaxFlowletGap:
		return fail("flowlet gap %v: want %v to %v", a.FlowletGap, MinFlowletGap, MaxFlowletGap)
	case a.RebalanceInterval < 0 || a.RebalanceInterval > MaxRebalance:
		return fail("rebalance interval %v: want 0 to %v", a.RebalanceInterval, MaxRebalance)
	case a.LACP.SystemID.Multicast():
		return fail("system id %s is a group's address", a.LACP.SystemID)
	case a.LACP.FallbackTimeout < 0 || a.LACP.FallbackTimeout > MaxFallbackPeriod:
		return fail("fallback timeout %v: want 0 to %v", a.LACP.FallbackTimeout, MaxFallbackPeriod)
	}
	return nil
}

// pinsSource reports that all frames of a source address leave by one member,
// as long as the members stay the same.
func (d Distribution) pinsSource() bool {
	return d == VLANSourceMAC || d == SwitchPort || d == ActiveBackup
}

// String is the distribution in the words of signalbox-teaming.
func (d Distribution) String() string {
	switch d {
	case TransportPorts:
		return "TRANSPORT_PORTS"
	case IPAddresses:
		return "IP_ADDRESSES"
	case MACAddresses:
		return "MAC_ADDRESSES"
	case VLANSourceMAC:
		return "VLAN_SOURCE_MAC"
	case SwitchPort:
		return "SWITCH_PORT"
	case Dynamic:
		return "DYNAMIC"
	case ActiveBackup:
		return "ACTIVE_BACKUP"
	}
	return fmt.Sprintf("Distribution(%d)", uint8(d))
}
