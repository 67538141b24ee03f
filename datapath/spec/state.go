package spec

import "time"

// State is what was last observed. Only the datapath's owner builds it; a
// reader gets values that nobody modifies any more.
type State struct {
	Interfaces map[string]*Interface   // by kernel interface name
	Switches   map[string]*SwitchState // by name
}

// Event is what differs from the state before it: for each name the whole new
// value, or nil for what is gone. FDB holds the entries that came, moved or
// went, in the order in which that was seen.
type Event struct {
	Time       time.Time
	Interfaces map[string]*Interface
	Switches   map[string]*SwitchState
	FDB        []FDBEvent
	// FDBLost says that changes of the FDB were missed: a reader that follows
	// them must read the table again.
	FDBLost bool
}

// OperStatus is the state of an interface as RFC 2863 has it (ifOperStatus).
type OperStatus uint8

// The values of openconfig-interfaces:oper-status, with its numbers.
const (
	OperUp             OperStatus = 1
	OperDown           OperStatus = 2
	OperTesting        OperStatus = 3
	OperUnknown        OperStatus = 4
	OperDormant        OperStatus = 5
	OperNotPresent     OperStatus = 6
	OperLowerLayerDown OperStatus = 7
)

// PortKind is what stands behind an interface; it decides how frames leave
// through it.
type PortKind uint8

// The kinds of ports.
const (
	KindUnknown PortKind = iota
	KindVeth             // one end of a veth pair: frames go straight to the peer
	KindTAP              // a virtual machine's tap
	KindNIC              // anything else that carries Ethernet
	KindLAG              // a link aggregation group
)

// String is the kind in the words of signalbox-switch-port.
func (k PortKind) String() string {
	switch k {
	case KindVeth:
		return "VETH"
	case KindTAP:
		return "TAP"
	case KindNIC:
		return "NIC"
	case KindLAG:
		return "LAG"
	}
	return "UNKNOWN"
}

// Interface is what was observed of one network interface, or of a port whose
// interface is not there (Oper is then OperNotPresent and the kernel's values
// are zero).
type Interface struct {
	Name    string
	Present bool
	// Index is the kernel's ifindex; 0 where not present.
	Index uint32
	// LinkKind is the kernel's kind (IFLA_INFO_KIND): "veth", "tun", "bridge"…;
	// "" for a device of a physical driver, "loopback" for lo.
	LinkKind    string
	Description string // IFLA_IFALIAS
	AdminUp     bool   // IFF_UP
	Oper        OperStatus
	MTU         uint32
	MAC         MAC
	// PermanentMAC is the address burnt in (IFLA_PERM_ADDRESS); zero where the
	// device has none.
	PermanentMAC MAC
	// SpeedMegabits is the link's speed; 0 where the driver tells none.
	SpeedMegabits uint32
	FullDuplex    bool
	// LastChange is when Oper took its value.
	LastChange time.Time
	// CarrierTransitions is the kernel's count of carrier changes.
	CarrierTransitions uint64
	// HoldUp and HoldDown delay Oper; 0 for an interface that is not configured.
	HoldUp, HoldDown time.Duration
	// Port is set while the interface is a switch port in the datapath.
	Port *PortState
	// Aggregate is set for a link aggregation group: Present is then true and
	// Index zero. Member is set for a member of one.
	Aggregate *AggregateState
	Member    *MemberState
	// LLDP is set for an interface that is set up for it.
	LLDP *LLDPState
	// QoS is set for an interface that is set up for it.
	QoS *QoSState
	// DCB is set for an interface of a physical driver, and for one where DCB is
	// configured; another one where anything differs.
	DCB *DCBState
	// SRIOV is set for an interface that can have virtual functions, or is
	// configured to. Where anything of it changes, it is another one.
	SRIOV *SRIOVState
}

// PortState is a switch port as the datapath's own maps have it.
type PortState struct {
	Switch string
	Number uint16 // the port's number in the maps, 1..MaxPorts
	Kind   PortKind
	Mode   VLANMode
	PVID   uint16
	Tagged VLANSet // the VLANs it carries tagged, those of AllVLANs included
	// AllVLANs says that Tagged follows the switch.
	AllVLANs bool
	// NoTeaming keeps addresses of other ports from moving to this one.
	NoTeaming bool
	// Forwarding is false while the port drops everything: admin down, held
	// down, carrier lost or interface missing.
	Forwarding bool
}

// SwitchState is a switch as the datapath has it.
type SwitchState struct {
	Name       string
	Enabled    bool
	Learning   bool
	Ageing     time.Duration
	MaxEntries uint32
	VLANs      map[uint16]*VLANState
	// Dynamic and Static count the entries of its filtering database.
	Dynamic, Static uint32
	// Moves counts entries that changed their port; Refused counts addresses
	// not learned because of MaxEntries or a full table.
	Moves, Refused uint64
}

// VLANState is a VLAN of a switch as the datapath has it.
type VLANState struct {
	ID        uint16
	Name      string
	Suspended bool
	Members   []string // port names in ascending order
}

// FDBEntry is one entry of a filtering database.
type FDBEntry struct {
	Switch string
	FDBKey
	Port   string
	Static bool
	// Age is the time since the last frame from the address, in whole seconds;
	// 0 for static entries.
	Age time.Duration
}

// FDBEvent is one change of a filtering database.
type FDBEvent struct {
	Entry FDBEntry
	Gone  bool
}
