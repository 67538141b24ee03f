package lldp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// EtherType of LLDP frames (802.1AB, 7.2).
const EtherType = 0x88cc

// Destination is the nearest-bridge group address (802.1AB, 7.1), which no
// bridge forwards.
var Destination = [6]byte{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}

// PDU is an LLDP data unit: what comes after the EtherType.
type PDU struct {
	Chassis, Port ID
	// TTL is how long the receiver keeps it, in whole seconds, at most 65,535.
	// Zero says that the sender goes.
	TTL time.Duration
	// PortDescription, SystemName and SystemDescription are at most 255 octets;
	// "" leaves the TLV out.
	PortDescription, SystemName, SystemDescription string
	// Capabilities are set where HasCapabilities: what the system can do, and of
	// it what is enabled, as the bits of 802.1AB, 8.5.8.1.
	HasCapabilities       bool
	Capabilities, Enabled uint16
	// Management has the IP addresses; those of other families count as unknown.
	Management []Management
	Custom     []Custom
	// Unknown counts TLVs that are of reserved types, or wrong by themselves.
	Unknown int
}

// ID names a chassis or a port: how it is written depends on the subtype.
type ID struct {
	Subtype uint8 // 802.1AB, tables 8-2 and 8-3
	Value   string
}

// Subtypes of chassis and port identifiers that the element sends.
const (
	ChassisMAC    = 4
	PortMAC       = 3
	PortInterface = 5
)

// Bits of the capabilities (802.1AB, table 8-4).
const (
	CapOther         = 1 << 0
	CapRepeater      = 1 << 1
	CapBridge        = 1 << 2
	CapAccessPoint   = 1 << 3
	CapRouter        = 1 << 4
	CapTelephone     = 1 << 5
	CapDOCSIS        = 1 << 6
	CapStation       = 1 << 7
	CapCVLAN         = 1 << 8
	CapSVLAN         = 1 << 9
	CapTwoPortRelay  = 1 << 10
	maxString        = 255
	maxTLV           = 511
	maxTTL           = 65535
	managementIPv4   = 1 // IANA address family numbers
	managementIPv6   = 2
	interfaceIfIndex = 2
)

// Management is an address the system is managed at.
type Management struct {
	Address netip.Addr
	// Interface is the number of the interface, IfIndex by its subtype 2.
	InterfaceSubtype uint8
	Interface        uint32
}

// Custom is an organizationally specific TLV (802.1AB, 8.6).
type Custom struct {
	OUI     [3]byte
	Subtype uint8
	Value   string
}

// Types of TLVs (802.1AB, table 8-1).
const (
	tlvEnd = iota
	tlvChassis
	tlvPort
	tlvTTL
	tlvPortDescription
	tlvSystemName
	tlvSystemDescription
	tlvCapabilities
	tlvManagement
	tlvCustom = 127
)

// ErrMalformed is a data unit that 802.1AB, 9.2.7.7 has a receiver discard.
var ErrMalformed = errors.New("malformed LLDP data unit")

// Append appends the data unit in the form of the wire:
//
//	 0               1
//	 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
//	+-------------+-----------------+--------------------+
//	| type        | length          | value (0..511)     |  each TLV
//	+-------------+-----------------+--------------------+
//
// in network byte order: chassis, port and TTL first, the end last.
func (p *PDU) Append(dst []byte) []byte {
	dst = appendTLV(dst, tlvChassis, append([]byte{p.Chassis.Subtype}, p.Chassis.Value...))
	dst = appendTLV(dst, tlvPort, append([]byte{p.Port.Subtype}, p.Port.Value...))
	seconds := min(p.TTL/time.Second, maxTTL)
	dst = appendTLV(dst, tlvTTL, binary.BigEndian.AppendUint16(nil, uint16(seconds)))
	if p.TTL == 0 { // a shutdown has nothing else (802.1AB, 9.1.2.2)
		return appendTLV(dst, tlvEnd, nil)
	}
	for _, s := range []struct {
		kind uint8
		text string
	}{{tlvPortDescription, p.PortDescription}, {tlvSystemName, p.SystemName}, {tlvSystemDescription, p.SystemDescription}} {
		if s.text != "" {
			dst = appendTLV(dst, s.kind, []byte(clip(s.text)))
		}
	}
	if p.HasCapabilities {
		value := binary.BigEndian.AppendUint16(nil, p.Capabilities)
		dst = appendTLV(dst, tlvCapabilities, binary.BigEndian.AppendUint16(value, p.Enabled))
	}
	for _, m := range p.Management {
		dst = appendTLV(dst, tlvManagement, m.append(nil))
	}
	for _, c := range p.Custom {
		dst = appendTLV(dst, tlvCustom, append(append(c.OUI[:], c.Subtype), c.Value...))
	}
	return appendTLV(dst, tlvEnd, nil)
}

func appendTLV(dst []byte, kind uint8, value []byte) []byte {
	value = value[:min(len(value), maxTLV)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(kind)<<9|uint16(len(value)))
	return append(dst, value...)
}

// append appends the value of a management address TLV (802.1AB, 8.5.9):
//
//	| length of the next two | family | address | numbering subtype | number (4) | OID length (0) |
func (m Management) append(dst []byte) []byte {
	family := byte(managementIPv4)
	if m.Address.Is6() {
		family = managementIPv6
	}
	address := m.Address.AsSlice()
	dst = append(dst, byte(len(address)+1), family)
	dst = append(append(dst, address...), m.InterfaceSubtype)
	return append(binary.BigEndian.AppendUint32(dst, m.Interface), 0)
}

// clip bounds a text to 255 octets without cutting a character.
func clip(s string) string {
	if len(s) <= maxString {
		return s
	}
	return strings.ToValidUTF8(s[:maxString], "")
}

// Parse reads a data unit. Errors wrap ErrMalformed. TLVs that are wrong by
// themselves but not needed are left out and counted in Unknown.
func Parse(b []byte) (*PDU, error) {
	p := &PDU{}
	for n := 1; ; n++ {
		kind, value, rest, err := cut(b)
		if err != nil {
			return nil, fmt.Errorf("%w: TLV %d: %w", ErrMalformed, n, err)
		}
		if n <= tlvTTL && kind != uint8(n) || n > tlvTTL && kind >= tlvChassis && kind <= tlvTTL {
			return nil, fmt.Errorf("%w: TLV %d has type %d", ErrMalformed, n, kind)
		}
		if kind == tlvEnd {
			return p, nil
		}
		if err := p.take(kind, value); err != nil {
			return nil, fmt.Errorf("%w: TLV %d: %w", ErrMalformed, n, err)
		}
		b = rest
		if len(b) == 0 { // an end is not demanded (802.1AB, 9.2.7.7.1)
			if n < tlvTTL {
				return nil, fmt.Errorf("%w: ends after %d TLVs", ErrMalformed, n)
			}
			return p, nil
		}
	}
}

// cut takes the first TLV off.
func cut(b []byte) (kind uint8, value, rest []byte, err error) {
	if len(b) < 2 {
		return 0, nil, nil, fmt.Errorf("%d octets are no header", len(b))
	}
	header := binary.BigEndian.Uint16(b)
	length := int(header & maxTLV)
	if len(b) < 2+length {
		return 0, nil, nil, fmt.Errorf("%d octets of %d", len(b)-2, length)
	}
	return uint8(header >> 9), b[2 : 2+length], b[2+length:], nil
}

// take reads one TLV.
func (p *PDU) take(kind uint8, value []byte) error {
	switch kind {
	case tlvChassis:
		return p.Chassis.parse(value)
	case tlvPort:
		return p.Port.parse(value)
	case tlvTTL:
		if len(value) < 2 {
			return fmt.Errorf("TTL of %d octets", len(value))
		}
		p.TTL = time.Duration(binary.BigEndian.Uint16(value)) * time.Second
	case tlvPortDescription:
		p.PortDescription = text(value)
	case tlvSystemName:
		p.SystemName = text(value)
	case tlvSystemDescription:
		p.SystemDescription = text(value)
	case tlvCapabilities:
		if len(value) != 4 {
			p.Unknown++
			return nil
		}
		p.HasCapabilities = true
		p.Capabilities, p.Enabled = binary.BigEndian.Uint16(value), binary.BigEndian.Uint16(value[2:])
	case tlvManagement:
		if m, ok := parseManagement(value); ok {
			p.Management = append(p.Management, m)
		} else {
			p.Unknown++
		}
	case tlvCustom:
		if len(value) < 4 {
			p.Unknown++
			return nil
		}
		p.Custom = append(p.Custom, Custom{[3]byte(value), value[3], string(value[4:])})
	default:
		p.Unknown++
	}
	return nil
}

// parse reads an identifier of 1 to 255 octets behind its subtype.
func (id *ID) parse(value []byte) error {
	if len(value) < 2 || len(value) > maxString+1 {
		return fmt.Errorf("identifier of %d octets: want 2 to %d", len(value), maxString+1)
	}
	*id = ID{value[0], string(value[1:])}
	return nil
}

func text(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), maxString)]), "\uFFFD")
}

// parseManagement reads the address of a management address TLV.
func parseManagement(value []byte) (m Management, ok bool) {
	if len(value) < 1 {
		return m, false
	}
	n := int(value[0]) // of family and address
	if n < 2 || n > 32 || len(value) < 1+n+5 {
		return m, false
	}
	family, address, rest := value[1], value[2:1+n], value[1+n:]
	m.Address, ok = netip.AddrFromSlice(address)
	if !ok || family != managementIPv4 && family != managementIPv6 || m.Address.Is4() != (family == managementIPv4) {
		return m, false
	}
	m.InterfaceSubtype, m.Interface = rest[0], binary.BigEndian.Uint32(rest[1:])
	return m, true
}

// String is an identifier as a person reads it: addresses with colons or as
// IP addresses, the rest as text, octets that are no text in hexadecimal.
func (id ID) String() string { return id.format(ChassisMAC, 5) }

// PortString is String for the identifier of a port, whose subtypes differ.
func (id ID) PortString() string { return id.format(PortMAC, 4) }

func (id ID) format(mac, network uint8) string {
	switch {
	case id.Subtype == mac && len(id.Value) == 6:
		return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", id.Value[0], id.Value[1], id.Value[2], id.Value[3], id.Value[4], id.Value[5])
	case id.Subtype == network && len(id.Value) > 1:
		if a, ok := netip.AddrFromSlice([]byte(id.Value[1:])); ok {
			return a.String()
		}
	}
	if utf8.ValidString(id.Value) && strings.IndexFunc(id.Value, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0 {
		return id.Value
	}
	return fmt.Sprintf("%x", id.Value)
}
