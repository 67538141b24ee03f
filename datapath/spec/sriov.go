package spec

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// SRIOV is what is wanted of an interface as a physical function, from which
// virtual functions are made (PCI Express: Single Root I/O Virtualization and
// Sharing).
type SRIOV struct {
	// Number is how many virtual functions there are to be; nil leaves those
	// that there are.
	Number *uint16
	// Autoprobe is whether virtual functions are bound to the host's driver when
	// they are made; nil leaves it.
	Autoprobe *bool
	// Eswitch is the mode of the device's own switch; EswitchNone leaves it.
	Eswitch Eswitch
	// Force takes virtual functions from who uses them where another number is
	// wanted, which is refused otherwise.
	Force bool
	// Repair puts back at once what somebody else changed; otherwise it is only
	// shown.
	Repair bool
	// VFs by number, from 0. One that stands here not is left as it is.
	VFs map[uint16]VF
}

// VF is what a virtual function is set to, or is to be. It can be compared.
type VF struct {
	// Has are the attributes that count; the others are zero.
	Has VFAttributes
	// MAC is the address that the physical function gives it.
	MAC MAC
	// VLAN is the tag of all its frames, which it does not see; 0 is none. PCP
	// and TPID (TPIDCustomer or TPIDService) are the tag's.
	VLAN uint16
	PCP  uint8
	TPID uint16
	// MinRate and MaxRate are what it may send, in megabits per second; 0 is no
	// assured rate, and no limit.
	MinRate, MaxRate uint32
	SpoofCheck       bool
	Trust            bool
	Link             VFLink
}

// Types of tags (IEEE 802.1Q-2022, table 9-1).
const (
	TPIDCustomer = 0x8100
	TPIDService  = 0x88a8
)

// VFLink is the link that a virtual function sees, with the kernel's numbers
// (include/uapi/linux/if_link.h, IFLA_VF_LINK_STATE_*).
type VFLink uint8

// The links of a virtual function.
const (
	VFLinkAuto VFLink = iota // as that of the physical function
	VFLinkEnable
	VFLinkDisable
)

// String is the link in the words of signalbox-sriov.
func (l VFLink) String() string {
	if names := [...]string{"AUTO", "ENABLE", "DISABLE"}; int(l) < len(names) {
		return names[l]
	}
	return ""
}

// VFAttributes is a set of attributes of a virtual function.
type VFAttributes uint16

// The attributes of a virtual function. VFVLAN stands for the whole tag.
const (
	VFMAC VFAttributes = 1 << iota
	VFVLAN
	VFMinRate
	VFMaxRate
	VFSpoofCheck
	VFTrust
	VFLinkState
	// VFNumber is that the function is there at all, and VFEswitch the mode of the
	// device's switch. They are for errors only.
	VFNumber
	VFEswitch

	// VFAll are those that can be set.
	VFAll = VFMAC | VFVLAN | VFMinRate | VFMaxRate | VFSpoofCheck | VFTrust | VFLinkState
)

// String names the attributes as signalbox-sriov does.
func (a VFAttributes) String() string {
	var names []string
	for i, name := range [...]string{"mac-address", "vlan-id", "min-tx-rate", "max-tx-rate", "spoof-check", "trust", "link-state", "id", "eswitch-mode"} {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// Each yields the attributes of the set that can be set, one by one.
func (a VFAttributes) Each() iter.Seq[VFAttributes] {
	return func(yield func(VFAttributes) bool) {
		for one := VFAttributes(1); one <= VFAll; one <<= 1 {
			if a&one != 0 && !yield(one) {
				return
			}
		}
	}
}

// Only gives the attributes that are in a set.
func (v VF) Only(set VFAttributes) VF {
	set &= v.Has
	o := VF{Has: set}
	for one := range set.Each() {
		o.Take(v, one)
	}
	return o
}

// Take takes one attribute over.
func (v *VF) Take(from VF, one VFAttributes) {
	v.Has |= one
	switch one {
	case VFMAC:
		v.MAC = from.MAC
	case VFVLAN:
		v.VLAN, v.PCP, v.TPID = from.VLAN, from.PCP, from.TPID
	case VFMinRate:
		v.MinRate = from.MinRate
	case VFMaxRate:
		v.MaxRate = from.MaxRate
	case VFSpoofCheck:
		v.SpoofCheck = from.SpoofCheck
	case VFTrust:
		v.Trust = from.Trust
	case VFLinkState:
		v.Link = from.Link
	}
}

// Value is one attribute as text, for errors.
func (v VF) Value(one VFAttributes) string {
	switch one {
	case VFMAC:
		return v.MAC.String()
	case VFVLAN:
		return fmt.Sprintf("%d (priority %d, type %#04x)", v.VLAN, v.PCP, v.TPID)
	case VFMinRate:
		return fmt.Sprintf("%d Mbit/s", v.MinRate)
	case VFMaxRate:
		return fmt.Sprintf("%d Mbit/s", v.MaxRate)
	case VFSpoofCheck:
		return fmt.Sprint(v.SpoofCheck)
	case VFTrust:
		return fmt.Sprint(v.Trust)
	case VFLinkState:
		return v.Link.String()
	}
	return ""
}

// VFRef says which part of a physical function an Invalid is about.
type VFRef struct {
	// VF is the virtual function's number; -1 is the physical function.
	VF int
	// Attribute is one attribute; 0 is the function itself. Of the physical
	// function it is VFNumber, VFEswitch or 0.
	Attribute VFAttributes
}

// check reports what is wrong by itself.
func (s *SRIOV) check(port string) error {
	var errs []error
	fail := func(vf int, attribute VFAttributes, format string, args ...any) {
		errs = append(errs, &Invalid{Port: port, VF: &VFRef{vf, attribute}, Reason: fmt.Sprintf(format, args...)})
	}
	owner := map[MAC]uint16{}
	for _, id := range slices.Sorted(maps.Keys(s.VFs)) {
		v := s.VFs[id]
		if s.Number != nil && id >= *s.Number {
			fail(int(id), VFNumber, "there are to be %d virtual functions: want 0 to %d, or another num-vfs", *s.Number, max(int(*s.Number), 1)-1)
		}
		if reason := v.checkMAC(); reason != "" {
			fail(int(id), VFMAC, "%s", reason)
		}
		if other, has := owner[v.MAC]; has && v.Has&VFMAC != 0 {
			fail(int(id), VFMAC, "%s is that of virtual function %d", v.MAC, other)
		} else if v.Has&VFMAC != 0 {
			owner[v.MAC] = id
		}
		if reason := v.checkVLAN(); reason != "" {
			fail(int(id), VFVLAN, "%s", reason)
		}
		if v.Has&VFMaxRate != 0 && v.MaxRate != 0 && v.MinRate > v.MaxRate {
			fail(int(id), VFMinRate, "%d Mbit/s is more than the max-tx-rate of %d Mbit/s", v.MinRate, v.MaxRate)
		}
	}
	return errors.Join(errs...)
}

func (v VF) checkMAC() string {
	switch {
	case v.Has&VFMAC == 0:
		return ""
	case v.MAC.Multicast():
		return fmt.Sprintf("%s is a group's", v.MAC)
	case v.MAC.IsZero():
		return fmt.Sprintf("no station has the address %s", v.MAC)
	}
	return ""
}

// checkVLAN looks at the tag. Some drivers take VLAN 4095.
func (v VF) checkVLAN() string {
	switch {
	case v.Has&VFVLAN == 0:
		return ""
	case v.VLAN > MaxVLAN:
		return fmt.Sprintf("%d: want %d to %d, or 0 for no tag", v.VLAN, MinVLAN, MaxVLAN)
	case v.PCP > 7:
		return fmt.Sprintf("priority %d: want 0 to 7", v.PCP)
	case v.TPID != TPIDCustomer && v.TPID != TPIDService:
		return fmt.Sprintf("type %#04x: want %#04x or %#04x", v.TPID, TPIDCustomer, TPIDService)
	case v.VLAN == 0 && (v.PCP != 0 || v.TPID != TPIDCustomer):
		return "without a VLAN there is no tag that could have a priority or a type"
	}
	return ""
}

// SRIOVState is what was observed of a physical function.
type SRIOVState struct {
	// Total is how many virtual functions the device can have.
	Total uint16
	// Autoprobe is that of new virtual functions; nil where the device has no
	// such switch.
	Autoprobe *bool
	// PCI is the device's address, "" where it is on another bus.
	PCI string
	// NUMANode is nil where the machine does not tell.
	NUMANode *uint16
	Driver   string
	Firmware string
	// Can are the attributes that the driver can set as far as it is known, and
	// QinQ is a tag of type TPIDService.
	Can  VFAttributes
	QinQ bool
	// Eswitch is the mode of the device's own switch; EswitchNone where it has none
	// that can be set.
	Eswitch Eswitch
	// Pending is what is still to happen, and Fault why it did not.
	Pending VFPending
	Fault   string
	// Force and Repair are what the datapath goes by; false where nothing is
	// configured, and Configured says whether anything is.
	Configured, Force, Repair bool
	// VFs are those that there are, in order of their numbers, from 0.
	VFs []VFState
}

// Free counts the virtual functions that nobody uses.
func (s *SRIOVState) Free() (n uint16) {
	for i := range s.VFs {
		if s.VFs[i].Use == VFUnused {
			n++
		}
	}
	return n
}

// VFState is what was observed of a virtual function.
type VFState struct {
	// VF is how it is set, as far as the driver tells.
	VF
	PCI    string // address of its device, "" where it has none
	Driver string // bound to it, "" for none
	Netdev string // its interface in the datapath's network namespace, "" for none
	Index  uint32 // the interface's ifindex
	// Representor is the interface of the host behind its port in the device's
	// switch; "" for none.
	Representor string
	Use         VFUse
	LinkUp      bool // the interface has a carrier
	// RebindPending says that its interface still has another address than MAC.
	RebindPending bool
}

// Eswitch is the mode of a device's own switch.
type Eswitch uint8

// The modes of a device's own switch.
const (
	EswitchNone      Eswitch = iota
	EswitchLegacy            // it forwards by addresses and VLANs itself
	EswitchSwitchdev         // each port has a representor, by which the host forwards
)

// String is the mode in the words of signalbox-sriov, "" for none.
func (e Eswitch) String() string {
	return [...]string{"", "LEGACY", "SWITCHDEV"}[min(e, EswitchSwitchdev)]
}

// VFUse is who uses a virtual function.
type VFUse uint8

// The uses of a virtual function.
const (
	VFUseUnknown    VFUse = iota // it has no device of its own
	VFUnused                     // no driver, or an interface that is down and belongs to no other
	VFUsedByHost                 // an interface of this namespace that is up, or belongs to another one
	VFUsedElsewhere              // by another namespace, or a driver that makes no interface
	VFUsedByDriver               // by a driver that hands it to a virtual machine or a program
)

// String is the use in the words of signalbox-sriov.
func (u VFUse) String() string {
	return [...]string{"", "NONE", "HOST", "ELSEWHERE", "PASSTHROUGH"}[min(u, VFUsedByDriver)]
}

// InUse reports whether somebody would miss it.
func (u VFUse) InUse() bool { return u > VFUnused }

// VFPending is what is still to happen until all is as it is configured.
type VFPending uint8

// What may be pending.
const (
	VFPendingNone   VFPending = iota
	VFPendingDevice           // the interface is not there
	VFPendingRetry            // the kernel refused something
	VFPendingSet              // somebody else changed something
	VFPendingRebind           // a driver is to be bound again
)

// String is the action in the words of signalbox-sriov.
func (p VFPending) String() string {
	return [...]string{"NONE", "WAIT_FOR_INTERFACE", "RETRY", "SET", "REBIND"}[min(p, VFPendingRebind)]
}

// VFCounters count what a virtual function received and sent.
type VFCounters struct {
	InFrames, InOctets, InMulticast, InDiscards uint64
	OutFrames, OutOctets, OutDiscards           uint64
}

// SameSRIOV compares what two states say.
func SameSRIOV(a, b *SRIOVState) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.equal(b) && samePointer(a.Autoprobe, b.Autoprobe) && samePointer(a.NUMANode, b.NUMANode) && slices.Equal(a.VFs, b.VFs)
}

// equal compares all but what is behind pointers.
func (s *SRIOVState) equal(o *SRIOVState) bool {
	return s.Total == o.Total && s.PCI == o.PCI && s.Driver == o.Driver && s.Firmware == o.Firmware &&
		s.Can == o.Can && s.QinQ == o.QinQ && s.Eswitch == o.Eswitch && s.Pending == o.Pending && s.Fault == o.Fault &&
		s.Configured == o.Configured && s.Force == o.Force && s.Repair == o.Repair
}

func samePointer[V comparable](a, b *V) bool { return a == b || a != nil && b != nil && *a == *b }
