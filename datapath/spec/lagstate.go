package spec

import "time"

// AggregateState is an aggregate as the datapath has it.
type AggregateState struct {
	Number       uint16 // in the datapath's maps, 1..MaxAggregates
	Mode         AggregateMode
	Distribution Distribution
	MinLinks     uint16
	// Settings is what the datapath goes by, defaults filled in. It is shared
	// and must not be modified.
	Settings *Aggregate
	// Standby are the members that are configured to be on standby; names in
	// ascending order.
	Standby []string
	// Members are all that are configured, Active those that frames leave by;
	// names in ascending order.
	Members, Active []string
	// Designated is the member that takes in broadcasts in switch-independent
	// mode, and the active one of ActiveBackup; "" where there is none.
	Designated string
	// SpeedMegabits is the sum over the active members; 0 where none is known.
	SpeedMegabits uint64
	// Failovers counts active members that were lost; LastFailover is how long
	// the last one took, from the loss of the member until the program's table
	// was without it, and LastReason why it was lost.
	Failovers    uint64
	LastFailover time.Duration
	LastReason   MemberReason
	// Moved counts flows' buckets that Dynamic moved; Announced the addresses
	// that were announced.
	Moved, Announced uint64
	// LACP is set in mode LACPManaged.
	LACP *LACPState
}

// MemberState is a member of an aggregate as the datapath has it.
type MemberState struct {
	Aggregate string
	Role      MemberRole
	Reason    MemberReason // why the role is not Active
	// Collecting: frames are taken in; Distributing: frames leave by it.
	Collecting, Distributing bool
	// Buckets is how many of the aggregate's LAGBuckets point at the member.
	Buckets uint16
	// Transitions counts changes of the role; LastChange is the last one's time.
	Transitions uint64
	LastChange  time.Time
	// Standby and Drained are what the datapath goes by.
	Standby, Drained bool
	// LACP is set in mode LACPManaged.
	LACP *LACPMember
}

// MemberRole is what a member does.
type MemberRole uint8

// The roles of a member.
const (
	MemberDown    MemberRole = iota // carries nothing
	MemberStandby                   // could, and waits for another one to fail
	MemberActive                    // carries traffic
)

// String is the role in the words of signalbox-teaming.
func (r MemberRole) String() string {
	switch r {
	case MemberStandby:
		return "STANDBY"
	case MemberActive:
		return "ACTIVE"
	}
	return "DOWN"
}

// MemberReason is why a member is not active, or was lost.
type MemberReason uint8

// The reasons, from what is nearest to the hardware to what was asked for.
const (
	MemberFine         MemberReason = iota // it is active
	MemberNotPresent                       // no interface of that name, or none that can be a member
	MemberDisabled                         // the member or the aggregate is disabled
	MemberNoCarrier                        // no carrier
	MemberUpDelay                          // the carrier is back, the up-delay runs
	MemberSpeed                            // another speed than the members that are active (LACP)
	MemberNoPartner                        // LACP: no partner was heard, or its time ran out
	MemberWrongPartner                     // LACP: another partner or key than the other members have
	MemberLoop                             // LACP: the partner is this element's own port
	MemberNotInSync                        // LACP: the partner doesn't take part yet
	MemberUnselected                       // LACP: the better system chose others
	MemberStandbyWaits                     // configured or chosen as standby
	MemberDrained                          // forwarding-viable false
	MemberTooFewLinks                      // fewer members than min-links
	NumMemberReasons                       // how many there are
)

// String is the reason in the words of signalbox-teaming.
func (r MemberReason) String() string {
	names := [NumMemberReasons]string{
		"NONE", "NOT_PRESENT", "DISABLED", "NO_CARRIER", "UP_DELAY", "SPEED", "NO_PARTNER", "WRONG_PARTNER",
		"LOOP", "NOT_IN_SYNC", "UNSELECTED", "STANDBY", "DRAINED", "TOO_FEW_LINKS",
	}
	if r >= NumMemberReasons {
		return "UNKNOWN"
	}
	return names[r]
}

// LACPState is the protocol's state of an aggregate.
type LACPState struct {
	Passive, Fast   bool
	SystemID        MAC
	SystemPriority  uint16
	Fallback        bool
	FallbackTimeout time.Duration
	// FellBack says that a member carries traffic without a partner.
	FellBack bool
}

// LACPMember is the protocol's state of a member (IEEE 802.1AX-2020, 6.4).
type LACPMember struct {
	Actor, Partner LACPEnd
	// BothPassive says that neither end begins: the link never comes up.
	BothPassive bool
	// ActorChurn and PartnerChurn say that an end has not come in sync for 60 s
	// (6.4.13).
	ActorChurn, PartnerChurn bool
	// LastChange is when the partner's time last ran out, or the partner came
	// back after it had.
	LastChange time.Time
	Counters   LACPCounters
}

// LACPEnd is one end of a link as a PDU describes it.
type LACPEnd struct {
	SystemPriority uint16
	SystemID       MAC
	Key            uint16
	PortPriority   uint16
	Port           uint16
	// State holds the bits of IEEE 802.1AX-2020, 6.4.2.3, from the lowest:
	// activity, short timeout, aggregation, synchronization, collecting,
	// distributing, defaulted, expired.
	State uint8
}

// LACPCounters count what a member sent and received.
type LACPCounters struct {
	In, Out           uint64 // LACPDUs
	InErrors          uint64 // that could not be read
	OutErrors         uint64 // that the kernel refused
	UnknownErrors     uint64 // slow-protocol frames of an unknown subtype
	IllegalErrors     uint64 // LACPDUs that are malformed, or our own
	Timeouts          uint64 // times the partner's time ran out, and ended
	MarkersIn         uint64 // Marker PDUs
	MarkerResponses   uint64 // answers to them
	PartnerChanges    uint64 // times another partner was heard
	ActorChurnCount   uint64
	PartnerChurnCount uint64
}
