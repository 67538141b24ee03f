package traffic

import (
	"encoding/binary"
	"net"
)

// Octets of the parts of a frame.
const (
	headerOctets = 14
	tagOctets    = 4
)

// EtherTypes used here (IEEE 802, IANA ieee-802-numbers).
const (
	etherTypeIPv4  = 0x0800
	etherTypeCVLAN = 0x8100
	// EtherTypeLocal is IEEE's local experimental EtherType 1: what the kernel
	// of a host leaves alone.
	EtherTypeLocal = 0x88b5
)

// Broadcast is the address of everybody.
var Broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// MAC is a locally administered unicast address, one for each number.
func MAC(number uint32) net.HardwareAddr {
	m := net.HardwareAddr{0x02, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(m[2:], number)
	return m
}

// Frame is an Ethernet frame to be written.
//
//	0          6          12      (16)    14 (18)
//	+----------+----------+-------+-------+----------------
//	| dst      | src      | tag   | type  | payload, zeros
//	+----------+----------+-------+-------+----------------
//	tag (where Tag is not 0, all big endian): 0x8100, then the TCI
type Frame struct {
	Dst, Src net.HardwareAddr
	// Tagged puts an 802.1Q tag with TCI into the frame.
	Tagged bool
	TCI    uint16
	// Type is the EtherType; 0 stands for EtherTypeLocal.
	Type    uint16
	Payload []byte
}

// Bytes is the frame as on the wire without FCS, padded with zeros to size
// octets.
func (f Frame) Bytes(size int) []byte {
	b := make([]byte, 0, max(size, headerOctets+tagOctets+len(f.Payload)))
	b = append(append(b, f.Dst...), f.Src...)
	if f.Tagged {
		b = binary.BigEndian.AppendUint16(b, etherTypeCVLAN)
		b = binary.BigEndian.AppendUint16(b, f.TCI)
	}
	kind := f.Type
	if kind == 0 {
		kind = EtherTypeLocal
	}
	b = binary.BigEndian.AppendUint16(b, kind)
	b = append(b, f.Payload...)
	if len(b) < size {
		b = append(b, make([]byte, size-len(b))...)
	}
	return b
}

// Parse reads a frame; ok is false where it is shorter than its header. The
// payload is that of b, not a copy.
func Parse(b []byte) (f Frame, ok bool) {
	if len(b) < headerOctets {
		return f, false
	}
	f.Dst, f.Src = b[0:6], b[6:12]
	f.Type, f.Payload = binary.BigEndian.Uint16(b[12:]), b[headerOctets:]
	if f.Type != etherTypeCVLAN {
		return f, true
	}
	if len(b) < headerOctets+tagOctets {
		return f, false
	}
	f.Tagged, f.TCI = true, binary.BigEndian.Uint16(b[14:])
	f.Type, f.Payload = binary.BigEndian.Uint16(b[16:]), b[headerOctets+tagOctets:]
	return f, true
}

// UDP is a frame of size octets with an IPv4 header and a UDP header, as a
// host would send it: 10.9.0.1:1234 to 10.9.0.2:9 (RFC 791, RFC 768).
func UDP(dst, src net.HardwareAddr, size int) []byte {
	payload := make([]byte, size-headerOctets)
	payload[0] = 0x45 // version 4, five words of header
	binary.BigEndian.PutUint16(payload[2:], uint16(len(payload)))
	payload[8], payload[9] = 64, 17 // time to live, UDP
	copy(payload[12:], []byte{10, 9, 0, 1})
	copy(payload[16:], []byte{10, 9, 0, 2})
	binary.BigEndian.PutUint16(payload[10:], Checksum(payload[:20]))
	binary.BigEndian.PutUint16(payload[20:], 1234)
	binary.BigEndian.PutUint16(payload[22:], 9)
	binary.BigEndian.PutUint16(payload[24:], uint16(len(payload)-20))
	return Frame{Dst: dst, Src: src, Type: etherTypeIPv4, Payload: payload}.Bytes(size)
}

// Checksum is the Internet checksum (RFC 1071) of an even number of octets.
func Checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
