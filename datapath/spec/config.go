package spec

import "time"

// MaxInterfaces bounds the interfaces that are configured, switch ports and
// others: many more than a host has, and few enough to be held in memory and
// read at each start.
const MaxInterfaces = 16384

// Limits of one element. The datapath's maps have these sizes (datapath/bpf/abi.h).
const (
	MaxPorts    = 4095  // switch ports; port number 0 means "none"
	MaxSwitches = 63    // switches; switch number 0 means "none"
	MaxFIDs     = 16383 // (switch, VLAN) pairs that exist; FID 0 means "none"
	MinVLAN     = 1
	MaxVLAN     = 4094
	MinMTU      = 68    // octets above the Ethernet header (RFC 791)
	MaxMTU      = 65535 // octets above the Ethernet header
)

// DefaultSwitch is the switch of a port that no switch lists:
// /network-instances/network-instance[name=default].
const DefaultSwitch = "default"

// DefaultAgeing is how long an entry that is not seen stays (IEEE 802.1Q-2022, 8.8.3).
const DefaultAgeing = 300 * time.Second

// Config is everything that is wanted of the datapath. The zero value wants
// nothing: the host is left alone.
type Config struct {
	// Ports by kernel interface name. An interface that is not named here is
	// left as it is.
	Ports map[string]*Port
	// Switches by name. A switch that a port names and that stands here not has
	// the values of NewSwitch.
	Switches map[string]*Switch
}

// Change is what one transaction alters: for each name the new value, or nil
// where the port or switch is no longer configured. A name that is not in the
// map is untouched. Values are never modified after they are handed over.
type Change struct {
	Ports    map[string]*Port
	Switches map[string]*Switch
}

// Empty reports whether the change alters nothing.
func (c Change) Empty() bool { return len(c.Ports) == 0 && len(c.Switches) == 0 }

// Port is what is wanted of one network interface.
type Port struct {
	// Name is the kernel's interface name, at most 15 octets.
	Name string
	// Enabled is the administrative state: IFF_UP.
	Enabled bool
	// Description is kept in the kernel as the interface's alias (IFLA_IFALIAS).
	Description string
	// MTU in octets above the Ethernet header; 0 leaves the kernel's.
	MTU uint32
	// MAC is the interface's own address; the zero value leaves the kernel's.
	MAC MAC
	// HoldUp and HoldDown delay what is told and done about the carrier's rise
	// and fall (/interfaces/interface/hold-time), in whole milliseconds.
	HoldUp, HoldDown time.Duration
	// Switched makes the interface a port of a switch; nil leaves its frames
	// to the host.
	Switched *Switched
	// Aggregate makes it a link aggregation group, which has no interface in
	// the kernel; nil for an interface.
	Aggregate *Aggregate
	// Member makes the interface a member of an aggregate; Switched is then
	// nil.
	Member *Member
	// LLDP is set where the interface is set up for it; nil for an aggregate,
	// whose members speak it.
	LLDP *LLDP
	// QoS are its classes and rates; nil has none. Ports may share it.
	QoS *QoS
	// DCB is set where anything of Data Center Bridging is configured; nil for
	// an aggregate, whose members have it.
	DCB *DCB
	// SRIOV is set where virtual functions are configured; nil for an aggregate.
	SRIOV *SRIOV
}

// VLANMode is how a port treats tags (openconfig-vlan-types:vlan-mode-type).
type VLANMode uint8

// The modes of a port.
const (
	Access VLANMode = iota + 1 // untagged in one VLAN
	Trunk                      // tagged in many, untagged in the native one
)

// Switched places a port on a switch.
type Switched struct {
	Switch string
	Mode   VLANMode
	// PVID is the VLAN of untagged frames: the access VLAN, or a trunk's native
	// VLAN, 1..4094. 0 on a trunk drops untagged frames.
	PVID uint16
	// Tagged are the VLANs that a trunk carries with a tag. Ignored for Access.
	Tagged VLANSet
	// AllVLANs lets a trunk carry each VLAN that exists on its switch
	// (an empty trunk-vlans); Tagged is then empty.
	AllVLANs bool
	// NoTeaming keeps an address that is at another port from moving to this
	// one: the port's guest is not a team of several ports.
	NoTeaming bool
}

// Switch is what is wanted of one layer-2 virtual switch.
type Switch struct {
	Name string
	// Enabled false drops every frame of its ports, with DropSwitchDisabled.
	Enabled bool
	// Learning is /…/fdb/config/mac-learning.
	Learning bool
	// Ageing is how long a learned entry outlives its last frame, in whole
	// seconds; 0 keeps entries for ever.
	Ageing time.Duration
	// MaxEntries bounds the learned entries; 0 leaves only the table's size.
	MaxEntries uint32
	// VLANs by VLAN id. A VLAN that a port names exists also when it stands
	// here not, active and without a name.
	VLANs map[uint16]VLAN
	// Static holds the entries that never age or move, by address.
	Static map[FDBKey]string // port name
}

// NewSwitch is the switch with every default.
func NewSwitch(name string) *Switch {
	return &Switch{Name: name, Enabled: true, Learning: true, Ageing: DefaultAgeing}
}

// VLAN is what is wanted of one VLAN of a switch.
type VLAN struct {
	ID   uint16
	Name string
	// Suspended drops the VLAN's frames (/…/vlan/config/status SUSPENDED).
	Suspended bool
}

// FDBKey names an entry of a switch's filtering database.
type FDBKey struct {
	VLAN uint16
	MAC  MAC
}
