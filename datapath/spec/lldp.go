package spec

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// LLDP is what is wanted of the Link Layer Discovery Protocol (IEEE 802.1AB) at
// one interface, what holds for the whole system included.
type LLDP struct {
	// Enabled sends and receives.
	Enabled bool
	// Interval is the time between frames, in whole seconds, 1 s to
	// MaxLLDPInterval; 0 is DefaultLLDPInterval.
	Interval time.Duration
	// TTL is how long neighbors keep what they are told, in whole seconds, more
	// than the interval and at most MaxLLDPTTL; 0 is four intervals and a second.
	TTL time.Duration
	// Chassis names the system; the zero value is its own address.
	Chassis LLDPID
	// SystemName and SystemDescription are at most 255 octets; "" is the host's
	// name and the software's version.
	SystemName, SystemDescription string
	// PortDescription is at most 255 octets; "" is the interface's alias.
	PortDescription string
	// ManagementInterface is the interface whose addresses neighbors are told, at
	// most MaxName octets; "" is the one of the lowest number that has any.
	ManagementInterface string
	// Suppressed are the TLVs that are not sent.
	Suppressed LLDPTLVs
}

// Bounds and defaults of LLDP (802.1AB, 9.2.5).
const (
	DefaultLLDPInterval = 30 * time.Second
	MaxLLDPInterval     = time.Hour
	MaxLLDPTTL          = 65535 * time.Second
	MaxLLDPText         = 255 // octets
	defaultLLDPHold     = 4
)

// Period is the time between frames.
func (l *LLDP) Period() time.Duration {
	if l.Interval == 0 {
		return DefaultLLDPInterval
	}
	return l.Interval
}

// Lifetime is how long neighbors keep what they are told (802.1AB, 9.2.5.22).
func (l *LLDP) Lifetime() time.Duration {
	if l.TTL != 0 {
		return l.TTL
	}
	return min(l.Period()*defaultLLDPHold+time.Second, MaxLLDPTTL)
}

func (l *LLDP) check(port string) error {
	fail := func(format string, args ...any) error {
		return &Invalid{Port: port, Reason: fmt.Sprintf("LLDP: "+format, args...)}
	}
	switch {
	case l.Interval < 0 || l.Interval > MaxLLDPInterval || l.Interval%time.Second != 0:
		return fail("interval %v: want whole seconds up to %v", l.Interval, MaxLLDPInterval)
	case l.TTL < 0 || l.TTL > MaxLLDPTTL || l.TTL%time.Second != 0 || l.TTL != 0 && l.TTL <= l.Period():
		return fail("time to live %v: want whole seconds, more than the interval of %v", l.TTL, l.Period())
	case l.Chassis != LLDPID{} && (len(l.Chassis.Value) == 0 || len(l.Chassis.Value) > MaxLLDPText):
		return fail("chassis id of %d octets: want 1 to %d", len(l.Chassis.Value), MaxLLDPText)
	case len(l.ManagementInterface) > MaxName:
		return fail("the management interface's name has %d octets: want at most %d", len(l.ManagementInterface), MaxName)
	case max(len(l.SystemName), len(l.SystemDescription), len(l.PortDescription)) > MaxLLDPText:
		return fail("a text of more than %d octets", MaxLLDPText)
	}
	return nil
}

// LLDPTLVs is a set of the TLVs that may be left out.
type LLDPTLVs uint8

// The TLVs that may be left out.
const (
	LLDPPortDescription LLDPTLVs = 1 << iota
	LLDPSystemName
	LLDPSystemDescription
	LLDPCapabilities
	LLDPManagementAddress
)

// LLDPID names a chassis or a port: how it is written depends on the subtype
// (802.1AB, tables 8-2 and 8-3).
type LLDPID struct {
	Subtype uint8
	Value   string // octets
}

// Subtypes of chassis and ports.
const (
	LLDPChassisMAC     = 4
	LLDPChassisAddress = 5
	LLDPPortMAC        = 3
	LLDPPortAddress    = 4
	LLDPPortInterface  = 5
)

// String is a chassis as a person reads it: addresses with colons or as IP
// addresses, the rest as text, octets that are no text in hexadecimal.
func (id LLDPID) String() string { return id.format(LLDPChassisMAC, LLDPChassisAddress) }

// PortString is String for a port, whose subtypes differ.
func (id LLDPID) PortString() string { return id.format(LLDPPortMAC, LLDPPortAddress) }

func (id LLDPID) format(mac, network uint8) string {
	switch {
	case id.Subtype == mac && len(id.Value) == len(MAC{}):
		return MAC([]byte(id.Value)).String()
	case id.Subtype == network && len(id.Value) > 1:
		if a, ok := netip.AddrFromSlice([]byte(id.Value[1:])); ok {
			return a.String()
		}
	}
	if utf8.ValidString(id.Value) && !strings.ContainsFunc(id.Value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return id.Value
	}
	return fmt.Sprintf("%x", id.Value)
}

// LLDPUnit is what an end tells of itself.
type LLDPUnit struct {
	Chassis, Port LLDPID
	// TTL is how long the receiver keeps it, in whole seconds, at most
	// MaxLLDPTTL. Zero says that the sender goes.
	TTL time.Duration
	// PortDescription, SystemName and SystemDescription are "" where not told.
	PortDescription, SystemName, SystemDescription string
	// Capabilities are set where HasCapabilities: what the system can do, and of
	// it what is enabled, as the bits of 802.1AB, 8.5.8.1.
	HasCapabilities       bool
	Capabilities, Enabled uint16
	Management            []LLDPManagement // IP addresses
	Custom                []LLDPCustom
}

// Same reports whether both tell the same.
func (u *LLDPUnit) Same(v *LLDPUnit) bool {
	return u.Chassis == v.Chassis && u.Port == v.Port && u.TTL == v.TTL &&
		u.PortDescription == v.PortDescription && u.SystemName == v.SystemName && u.SystemDescription == v.SystemDescription &&
		u.HasCapabilities == v.HasCapabilities && u.Capabilities == v.Capabilities && u.Enabled == v.Enabled &&
		slices.Equal(u.Management, v.Management) && slices.Equal(u.Custom, v.Custom)
}

// LLDPManagement is an address the system is managed at.
type LLDPManagement struct {
	Address netip.Addr
	// Interface is the number of the interface, as its subtype says: LLDPIfIndex
	// (802.1AB, 8.5.9.5).
	InterfaceSubtype uint8
	Interface        uint32
}

// LLDPIfIndex says that an interface's number is the kernel's (802.1AB, 8.5.9.5).
const LLDPIfIndex = 2

// LLDPCustom is an organizationally specific TLV (802.1AB, 8.6).
type LLDPCustom struct {
	OUI     [3]byte
	Subtype uint8
	Value   string // octets
}

// LLDPState is what was observed of LLDP at one interface.
type LLDPState struct {
	Enabled bool
	// PortDescription is what neighbors are told, "" where they are not.
	PortDescription string
	Neighbors       []LLDPNeighbor // by ID
}

// LLDPNeighbor is what a neighbor told last.
type LLDPNeighbor struct {
	// ID numbers the neighbors of an interface, from 1 on; it stays the same as
	// long as the neighbor is there.
	ID uint32
	LLDPUnit
}

// LLDPActivity is what changes all the time of LLDP at one interface.
type LLDPActivity struct {
	Counters LLDPCounters
	// LastOut and LastIn are when the last frame was sent, and the last one that
	// could be read was received; zero: never.
	LastOut, LastIn time.Time
	Heard           map[uint32]LLDPTimes // by the neighbor's ID
}

// LLDPTimes are when a neighbor was first and last heard.
type LLDPTimes struct{ First, Last time.Time }

// LLDPCounters count frames and what is in them (802.1AB, 9.2.6).
type LLDPCounters struct {
	Out, In       uint64 // frames
	OutErrors     uint64 // that the kernel refused
	InErrors      uint64 // malformed
	Discarded     uint64 // that were not kept: malformed, or too many neighbors
	TLVsAccepted  uint64
	TLVsDiscarded uint64 // of frames that were not kept
	TLVsUnknown   uint64 // of reserved types, or wrong by themselves
	AgedOut       uint64 // neighbors whose TTL ended
}

// Add adds another interface's.
func (c *LLDPCounters) Add(o LLDPCounters) {
	c.Out += o.Out
	c.In += o.In
	c.OutErrors += o.OutErrors
	c.InErrors += o.InErrors
	c.Discarded += o.Discarded
	c.TLVsAccepted += o.TLVsAccepted
	c.TLVsDiscarded += o.TLVsDiscarded
	c.TLVsUnknown += o.TLVsUnknown
	c.AgedOut += o.AgedOut
}
