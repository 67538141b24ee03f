package spec

import (
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Sizes of Data Center Bridging (IEEE 802.1Q-2022, clauses 36 to 38).
const (
	TrafficClasses = 8 // that the standard has; a device may have fewer
	Priorities     = 8
	// MaxDCBApplications bounds the application priorities of an interface: what
	// the kernel tells in one message.
	MaxDCBApplications = 256
)

// DCB is what is wanted of Data Center Bridging at one interface. A part that
// is nil, or zero, is left as the device has it.
type DCB struct {
	// DCBX is who negotiates and by which protocol; 0 leaves it.
	DCBX DCBXMode
	ETS  *ETS
	// Classes are the traffic classes of ETS that are named, bit 0 for class 0:
	// the device must have them.
	Classes uint8
	PFC     *WantedPFC
	// Applications are all of the interface's; none leaves them.
	Applications DCBApplications
}

// DCBXMode says who negotiates with the other end of the link, and how, as a
// set of bits (include/uapi/linux/dcbnl.h, DCB_CAP_DCBX_*).
type DCBXMode uint8

// The bits of a mode.
const (
	DCBXHost       DCBXMode = 1 << iota // an agent on the host
	DCBXLLDManaged                      // an agent in the device, or in its driver
	DCBXCEE                             // by the protocol before the standard
	DCBXIEEE                            // by that of IEEE 802.1Q
	DCBXStatic                          // the device goes by what it is told and negotiates nothing
	dcbxBits       = iota
)

var dcbxNames = [dcbxBits]string{"HOST", "LLD_MANAGED", "CEE", "IEEE", "STATIC"}

// Names are those of the bits that are set, from the lowest, in the words of
// signalbox-dcb.
func (m DCBXMode) Names() []string {
	var names []string
	for bit, name := range dcbxNames {
		if m&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String is the names with a plus between them, "none" for none.
func (m DCBXMode) String() string {
	if names := m.Names(); names != nil {
		return strings.Join(names, "+")
	}
	return "none"
}

// Algorithm is how a traffic class is chosen to send next (802.1Q, 8.6.8). The
// values are those of the ETS Configuration TLV (annex D).
type Algorithm uint8

// The algorithms.
const (
	StrictPriority Algorithm = 0   // before each class below it
	CreditBased    Algorithm = 1   // the credit-based shaper
	EnhancedTS     Algorithm = 2   // enhanced transmission selection: by its share
	VendorSpecific Algorithm = 255 // an algorithm of the device's own
)

// String is the algorithm in the words of signalbox-dcb.
func (a Algorithm) String() string {
	switch a {
	case StrictPriority:
		return "STRICT"
	case CreditBased:
		return "CREDIT_BASED_SHAPER"
	case EnhancedTS:
		return "ETS"
	case VendorSpecific:
		return "VENDOR_SPECIFIC"
	}
	return fmt.Sprintf("algorithm %d", uint8(a))
}

// ETS is Enhanced Transmission Selection (802.1Q, clause 37). The zero value is
// one strict class.
type ETS struct {
	// Willing takes over what the other end recommends, where a DCBX agent asks.
	Willing bool
	// Algorithm and Bandwidth go by traffic class; Bandwidth is in percent of
	// what the other algorithms leave, and 0 with any but EnhancedTS. Both are
	// zero for classes that a device has not.
	Algorithm [TrafficClasses]Algorithm
	Bandwidth [TrafficClasses]uint8
	// Class is the traffic class of each priority, 0..7.
	Class [Priorities]uint8
}

// PFC is Priority-based Flow Control (802.1Q, clause 36).
type PFC struct {
	// Enabled are the priorities that are paused instead of dropped: bit 0 for
	// priority 0.
	Enabled uint8
	// MACsecBypass is MBC: PFC frames pass by MACsec.
	MACsecBypass bool
	// Delay is the allowance for the way of a pause to the other end and of its
	// last frames back, in bit times.
	Delay uint16
}

// WantedPFC is what is wanted of PFC; what is nil is left as the device has it.
type WantedPFC struct {
	Enabled      uint8
	MACsecBypass *bool
	Delay        *uint16
}

// Over is what is wanted where there is something already.
func (w *WantedPFC) Over(have PFC) PFC {
	have.Enabled = w.Enabled
	if w.MACsecBypass != nil {
		have.MACsecBypass = *w.MACsecBypass
	}
	if w.Delay != nil {
		have.Delay = *w.Delay
	}
	return have
}

// DCBSelector says what kind of number names an application. The values are
// those of the Application Priority TLV (802.1Q, annex D).
type DCBSelector uint8

// The selectors.
const (
	SelectEtherType DCBSelector = 1
	SelectStream    DCBSelector = 2 // a port of TCP or SCTP
	SelectDatagram  DCBSelector = 3 // a port of UDP or DCCP
	SelectPort      DCBSelector = 4 // a port of any of them
	SelectDSCP      DCBSelector = 5
)

// String is the selector in the words of signalbox-dcb.
func (s DCBSelector) String() string {
	names := [...]string{"ETHERTYPE", "STREAM_PORT", "DATAGRAM_PORT", "PORT", "DSCP"}
	if s < SelectEtherType || int(s) > len(names) {
		return fmt.Sprintf("selector %d", uint8(s))
	}
	return names[s-1]
}

// DCBApplication gives what an application sends a priority.
type DCBApplication struct {
	Selector DCBSelector
	Protocol uint16 // 0..63 for a DSCP, from 0x0600 for an EtherType
	Priority uint8  // 0..7
}

// applicationSize is that of an application in DCBApplications: selector, two
// octets of the protocol, priority.
const applicationSize = 4

// DCBApplications is a set of applications, comparable: their octets, sorted.
type DCBApplications string

// NewDCBApplications makes the set of applications.
func NewDCBApplications(list []DCBApplication) DCBApplications {
	entries := make([]string, 0, len(list))
	for _, a := range list {
		entries = append(entries, string([]byte{byte(a.Selector), byte(a.Protocol >> 8), byte(a.Protocol), a.Priority}))
	}
	slices.Sort(entries)
	return DCBApplications(strings.Join(slices.Compact(entries), ""))
}

// Len counts the applications.
func (s DCBApplications) Len() int { return len(s) / applicationSize }

// All yields the applications by selector, protocol and priority.
func (s DCBApplications) All() iter.Seq[DCBApplication] {
	return func(yield func(DCBApplication) bool) {
		for ; len(s) >= applicationSize; s = s[applicationSize:] {
			a := DCBApplication{DCBSelector(s[0]), uint16(s[1])<<8 | uint16(s[2]), s[3]}
			if !yield(a) {
				return
			}
		}
	}
}

// Without are the applications of s that o has not.
func (s DCBApplications) Without(o DCBApplications) []DCBApplication {
	there := map[DCBApplication]bool{}
	for a := range o.All() {
		there[a] = true
	}
	var list []DCBApplication
	for a := range s.All() {
		if !there[a] {
			list = append(list, a)
		}
	}
	return list
}

// String is each application as "ETHERTYPE 35078 → 3".
func (s DCBApplications) String() string {
	var list []string
	for a := range s.All() {
		list = append(list, fmt.Sprintf("%s %d → %d", a.Selector, a.Protocol, a.Priority))
	}
	return strings.Join(list, ", ")
}

// MarshalText writes the octets in hexadecimal.
func (s DCBApplications) MarshalText() ([]byte, error) {
	return []byte(hex.EncodeToString([]byte(s))), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *DCBApplications) UnmarshalText(text []byte) error {
	octets, err := hex.DecodeString(string(text))
	if err == nil && len(octets)%applicationSize != 0 {
		err = errors.New("a part of an application")
	}
	if err != nil {
		return fmt.Errorf("applications of DCB: %w", err)
	}
	*s = DCBApplications(octets)
	return nil
}

// DCBPart names a part of DCB in an Invalid.
type DCBPart uint8

// The parts.
const (
	DCBWhole DCBPart = iota + 1
	DCBNegotiation
	DCBETS
	DCBTrafficClass // with its number
	DCBPriority     // with its number
	DCBPFC
	DCBApplicationTable
)

// DCBPlace is a part of an interface's DCB; the zero value is none.
type DCBPlace struct {
	Part   DCBPart
	Number uint8 // of the traffic class or priority
}

// check reports what is wrong with DCB by itself.
func (d *DCB) check(port string) error {
	fail := func(place DCBPlace, format string, args ...any) error {
		return &Invalid{Port: port, DCB: place, Reason: "DCB: " + fmt.Sprintf(format, args...)}
	}
	if d.DCBX&DCBXHost != 0 && d.DCBX&DCBXLLDManaged != 0 {
		return fail(DCBPlace{Part: DCBNegotiation}, "DCBX is either the host's or the device's")
	}
	if n := d.Applications.Len(); n > MaxDCBApplications {
		return fail(DCBPlace{Part: DCBApplicationTable}, "%d application priorities: want at most %d", n, MaxDCBApplications)
	}
	for a := range d.Applications.All() {
		if err := a.Check(); err != nil {
			return fail(DCBPlace{Part: DCBApplicationTable}, "%v", err)
		}
	}
	if d.ETS == nil {
		return nil
	}
	if class, reason := d.ETS.wrong(); reason != "" {
		return fail(class, "%s", reason)
	}
	return nil
}

// Check says why an application cannot be.
func (a DCBApplication) Check() error {
	const leastEtherType, mostDSCP = 0x0600, 63
	switch {
	case a.Selector < SelectEtherType || a.Selector > SelectDSCP:
		return fmt.Errorf("%s is none", a.Selector)
	case a.Priority >= Priorities:
		return fmt.Errorf("priority %d: want 0 to %d", a.Priority, Priorities-1)
	case a.Selector == SelectEtherType && a.Protocol != 0 && a.Protocol < leastEtherType:
		return fmt.Errorf("%d is no EtherType: want at least %d, or 0 for all that no entry names", a.Protocol, leastEtherType)
	case a.Selector == SelectDSCP && a.Protocol > mostDSCP:
		return fmt.Errorf("DSCP %d: want 0 to %d", a.Protocol, mostDSCP)
	case a.Selector != SelectEtherType && a.Selector != SelectDSCP && a.Protocol == 0:
		return errors.New("0 is no port")
	}
	return nil
}

// wrong says what cannot be of the classes and where, "" for nothing.
func (e *ETS) wrong() (DCBPlace, string) {
	shared, sum := false, 0
	for class := range uint8(TrafficClasses) {
		place, share := DCBPlace{DCBTrafficClass, class}, e.Bandwidth[class]
		switch a := e.Algorithm[class]; {
		case a != StrictPriority && a != CreditBased && a != EnhancedTS && a != VendorSpecific:
			return place, a.String() + " is none"
		case a != EnhancedTS && share != 0:
			return place, fmt.Sprintf("a bandwidth of %d percent is for a class with the algorithm ETS, and this is %s", share, a)
		case a == EnhancedTS:
			shared, sum = true, sum+int(share)
		}
	}
	if shared && sum != 100 {
		return DCBPlace{Part: DCBETS}, fmt.Sprintf("the bandwidths of the traffic classes with the algorithm ETS are %d percent together: want 100", sum)
	}
	for priority, class := range e.Class {
		if class >= TrafficClasses {
			return DCBPlace{DCBPriority, uint8(priority)}, fmt.Sprintf("traffic class %d: want 0 to %d", class, TrafficClasses-1)
		}
	}
	return DCBPlace{}, ""
}
