package spec

import (
	"errors"
	"fmt"
	"strings"
)

// Invalid is what is wanted but cannot be: it names the object, so that a
// caller finds the path of what was configured. Fields that do not matter are
// zero.
type Invalid struct {
	Port   string // kernel interface name
	Switch string
	VLAN   uint16
	MAC    MAC    // of a static entry, with Switch and VLAN
	VF     *VFRef // a part of Port's SR-IOV
	Reason string
	// DCB is the part of the port's Data Center Bridging that it is about.
	DCB DCBPlace
	// Full says that it is not wrong, but more than the element has room for.
	Full bool
	// Unsupported says that it is not wrong, but more than the kernel or the
	// device can.
	Unsupported bool
}

// Error names the object, then the reason.
func (e *Invalid) Error() string {
	switch {
	case e.Switch != "" && !e.MAC.IsZero():
		return fmt.Sprintf("switch %s: static entry %s vlan %d: %s", e.Switch, e.MAC, e.VLAN, e.Reason)
	case e.Switch != "" && e.VLAN != 0:
		return fmt.Sprintf("switch %s: vlan %d: %s", e.Switch, e.VLAN, e.Reason)
	case e.Switch != "":
		return fmt.Sprintf("switch %s: %s", e.Switch, e.Reason)
	}
	if e.VF != nil && e.VF.VF >= 0 {
		return strings.TrimSpace(fmt.Sprintf("port %s: virtual function %d: %s: %s", e.Port, e.VF.VF, e.VF.Attribute, e.Reason))
	}
	return fmt.Sprintf("port %s: %s", e.Port, e.Reason)
}

// Bounds of texts that the kernel keeps.
const (
	MaxName        = 15  // octets of an interface name (IFNAMSIZ-1)
	MaxDescription = 255 // octets of an alias (IFALIASZ-1)
)

// Check reports what is wrong with a port by itself, as an *Invalid, or nil.
func (p *Port) Check() error {
	fail := func(format string, args ...any) error {
		return &Invalid{Port: p.Name, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case !validName(p.Name):
		return fail("no interface can have this name: want 1 to %d octets without space, slash or colon", MaxName)
	case p.Name == "lo":
		return fail("the loopback interface is left to the host")
	case len(p.Description) > MaxDescription:
		return fail("description of %d octets: the kernel keeps %d", len(p.Description), MaxDescription)
	case p.MTU != 0 && (p.MTU < MinMTU || p.MTU > MaxMTU):
		return fail("mtu %d: want %d to %d", p.MTU, MinMTU, MaxMTU)
	case p.MAC.Multicast():
		return fail("mac address %s is a group's", p.MAC)
	case p.HoldUp < 0 || p.HoldDown < 0:
		return fail("hold-time below zero")
	case p.Aggregate != nil && p.Member != nil:
		return fail("an aggregate cannot be a member of another one")
	case p.Member != nil && p.Switched != nil:
		return fail("a member of aggregate %s cannot be a switch port itself: configure the VLANs of %s", p.Member.Aggregate, p.Member.Aggregate)
	case p.Member != nil && (p.Member.Aggregate == "" || p.Member.Aggregate == p.Name):
		return fail("want the name of another interface, an aggregate, to be a member of")
	case p.Aggregate != nil && !p.MAC.IsZero():
		return fail("an aggregate has no address of its own")
	case p.Switched == nil && p.Member == nil && p.QoS != nil:
		return fail("only switch ports and members of aggregates have classes and rates")
	case p.Aggregate != nil && p.SRIOV != nil:
		return fail("an aggregate has no virtual functions: its members may")
	case p.Aggregate != nil && p.QoS != nil && (p.QoS.Input != nil || p.QoS.Output != nil || p.QoS.Sharing != ShareNone):
		return fail("an aggregate has no queues of its own: its members have some for what leaves")
	case p.Member != nil && p.QoS != nil && p.QoS.beyondOutput():
		return fail("a member has queues for what leaves, and no more: what comes in is classified at %s", p.Member.Aggregate)
	case p.Aggregate != nil && p.LLDP != nil:
		return fail("an aggregate does not speak LLDP: its members do")
	case p.Aggregate != nil && p.DCB != nil:
		return &Invalid{Port: p.Name, DCB: DCBPlace{Part: DCBWhole}, Reason: "an aggregate has no DCB: its members have"}
	}
	var errs []error
	if p.Aggregate != nil {
		errs = append(errs, p.Aggregate.check(p.Name))
	}
	if p.Switched != nil {
		errs = append(errs, p.Switched.check(p.Name))
	}
	if p.LLDP != nil {
		errs = append(errs, p.LLDP.check(p.Name))
	}
	if p.QoS != nil {
		errs = append(errs, p.QoS.check(p.Name))
	}
	if p.DCB != nil {
		errs = append(errs, p.DCB.check(p.Name))
	}
	if p.SRIOV != nil {
		errs = append(errs, p.SRIOV.check(p.Name))
	}
	return errors.Join(errs...)
}

func (s *Switched) check(port string) error {
	fail := func(format string, args ...any) error {
		return &Invalid{Port: port, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case s.Switch == "":
		return fail("no switch named")
	case s.PVID > MaxVLAN:
		return fail("vlan %d: want %d to %d", s.PVID, MinVLAN, MaxVLAN)
	case s.Mode == Access && s.PVID == 0:
		return fail("access port without a vlan")
	case s.Mode != Access && s.Mode != Trunk:
		return fail("vlan mode %d is none", s.Mode)
	case s.Tagged.Has(0) || s.Tagged.Has(MaxVLAN+1):
		return fail("trunk vlans %s: want %d to %d", s.Tagged.String(), MinVLAN, MaxVLAN)
	}
	return nil
}

// Check reports what is wrong with a switch by itself, as an *Invalid, or nil.
func (s *Switch) Check() error {
	fail := func(format string, args ...any) error {
		return &Invalid{Switch: s.Name, Reason: fmt.Sprintf(format, args...)}
	}
	if s.Name == "" {
		return fail("no name")
	}
	if s.Ageing < 0 {
		return fail("ageing below zero")
	}
	for id := range s.VLANs {
		if id < MinVLAN || id > MaxVLAN {
			return &Invalid{Switch: s.Name, VLAN: id, Reason: fmt.Sprintf("want %d to %d", MinVLAN, MaxVLAN)}
		}
	}
	for key := range s.Static {
		if key.MAC.Multicast() || key.MAC.IsZero() {
			return &Invalid{
				Switch: s.Name, VLAN: key.VLAN, MAC: key.MAC,
				Reason: fmt.Sprintf("no single station has the address %s", key.MAC),
			}
		}
	}
	return nil
}

// validName is dev_valid_name (net/core/dev.c).
func validName(name string) bool {
	if name == "" || len(name) > MaxName || name == "." || name == ".." {
		return false
	}
	for _, c := range []byte(name) {
		if c == ' ' || c == '/' || c == ':' || c >= '\t' && c <= '\r' {
			return false
		}
	}
	return true
}
