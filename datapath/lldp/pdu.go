package lldp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// PDU is an LLDP data unit: what comes after the EtherType. Management has the
// IP addresses only; those of other families count as unknown.
type PDU struct {
	spec.LLDPUnit
	// TLVs counts those that were read, the end not among them, and Unknown those
	// of them that are of reserved types, or wrong by themselves.
	TLVs, Unknown int
}

// Bits of the capabilities (802.1AB, table 8-4).
const (
	CapOther        = 1 << 0
	CapRepeater     = 1 << 1
	CapBridge       = 1 << 2
	CapAccessPoint  = 1 << 3
	CapRouter       = 1 << 4
	CapTelephone    = 1 << 5
	CapDOCSIS       = 1 << 6
	CapStation      = 1 << 7
	CapCVLAN        = 1 << 8
	CapSVLAN        = 1 << 9
	CapTwoPortRelay = 1 << 10
	maxTLV          = 511
	managementIPv4  = 1 // IANA address family numbers
	managementIPv6  = 2
)

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
	seconds := min(p.TTL, spec.MaxLLDPTTL) / time.Second
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
		dst = appendTLV(dst, tlvManagement, appendManagement(nil, m))
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

// appendManagement appends the value of a management address TLV (802.1AB, 8.5.9):
//
//	| length of the next two | family | address | numbering subtype | number (4) | OID length (0) |
func appendManagement(dst []byte, m spec.LLDPManagement) []byte {
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
	if len(s) <= spec.MaxLLDPText {
		return s
	}
	return strings.ToValidUTF8(s[:spec.MaxLLDPText], "")
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
		p.TLVs++
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
		return parseID(&p.Chassis, value)
	case tlvPort:
		return parseID(&p.Port, value)
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
		p.Custom = append(p.Custom, spec.LLDPCustom{OUI: [3]byte(value), Subtype: value[3], Value: string(value[4:])})
	default:
		p.Unknown++
	}
	return nil
}

// parseID reads an identifier of 1 to 255 octets behind its subtype.
func parseID(id *spec.LLDPID, value []byte) error {
	if len(value) < 2 || len(value) > spec.MaxLLDPText+1 {
		return fmt.Errorf("identifier of %d octets: want 2 to %d", len(value), spec.MaxLLDPText+1)
	}
	*id = spec.LLDPID{Subtype: value[0], Value: string(value[1:])}
	return nil
}

func text(b []byte) string {
	return strings.ToValidUTF8(string(b[:min(len(b), spec.MaxLLDPText)]), "\uFFFD")
}

// parseManagement reads the address of a management address TLV.
func parseManagement(value []byte) (m spec.LLDPManagement, ok bool) {
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
