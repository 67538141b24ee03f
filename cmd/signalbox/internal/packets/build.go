package packets

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Fields are those of a frame to build. The zero value of each is left out or
// has what is usual.
type Fields struct {
	Source, Destination string // MAC addresses; "broadcast" for all
	VLAN                uint16 // of a tag; no tag where it and Priority are 0
	Priority            uint8
	Type                uint16 // EtherType, where there is nothing of IP
	IPSource, IPDest    string
	TCP, UDP            string // "80", or "1234:80" with the source's port
	ICMP                bool   // an echo request
	Length              int    // of the frame, filled up with zeros
}

// minFrame is the shortest frame on a wire, without FCS (IEEE 802.3-2022,
// 3.2.8).
const minFrame = 60

// MaxFrame is the longest that can be asked about.
const MaxFrame = 65535

// ParseHex reads a frame in hexadecimal; spaces, colons and a 0x before it do
// not matter.
func ParseHex(text string) ([]byte, error) {
	plain := strings.TrimPrefix(strings.ToLower(strings.NewReplacer(" ", "", ":", "", "\n", "", "\t", "").Replace(text)), "0x")
	frame, err := hex.DecodeString(plain)
	if err != nil {
		return nil, fmt.Errorf("frame in hexadecimal: %w", err)
	}
	if len(frame) > MaxFrame {
		return nil, fmt.Errorf("frame of %d octets: want at most %d", len(frame), MaxFrame)
	}
	return frame, nil
}

// Build makes the frame.
func (f Fields) Build() ([]byte, error) {
	ether, err := f.ethernet()
	if err != nil {
		return nil, err
	}
	all := []gopacket.SerializableLayer{ether}
	above, kind, err := f.above()
	if err != nil {
		return nil, err
	}
	ether.EthernetType = kind
	if f.VLAN != 0 || f.Priority != 0 {
		if f.VLAN > 4095 || f.Priority > 7 {
			return nil, fmt.Errorf("vlan %d, priority %d: want at most 4095 and 7", f.VLAN, f.Priority)
		}
		ether.EthernetType = layers.EthernetTypeDot1Q
		all = append(all, &layers.Dot1Q{VLANIdentifier: f.VLAN, Priority: f.Priority, Type: kind})
	}
	all = append(all, above...)
	buffer := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		return nil, fmt.Errorf("build a frame: %w", err)
	}
	frame := buffer.Bytes()
	want := f.Length
	if want == 0 {
		want = minFrame
	}
	if want < len(frame) && f.Length != 0 || want > MaxFrame {
		return nil, fmt.Errorf("length %d: want %d to %d octets", f.Length, len(frame), MaxFrame)
	}
	return append(frame, make([]byte, max(want-len(frame), 0))...), nil
}

func (f Fields) ethernet() (*layers.Ethernet, error) {
	from, to := f.Source, f.Destination
	if from == "" {
		from = "02:00:00:00:00:fe" // locally administered, nobody's
	}
	if to == "" || to == "broadcast" {
		to = "ff:ff:ff:ff:ff:ff"
	}
	src, err := net.ParseMAC(from)
	if err != nil || len(src) != 6 {
		return nil, fmt.Errorf("source %q: want a MAC address such as 02:00:00:00:00:01", from)
	}
	dst, err := net.ParseMAC(to)
	if err != nil || len(dst) != 6 {
		return nil, fmt.Errorf("destination %q: want a MAC address such as 02:00:00:00:00:02, or broadcast", to)
	}
	return &layers.Ethernet{SrcMAC: src, DstMAC: dst}, nil
}

// above are the layers above Ethernet, and what they are.
func (f Fields) above() ([]gopacket.SerializableLayer, layers.EthernetType, error) {
	if f.IPSource == "" && f.IPDest == "" && f.TCP == "" && f.UDP == "" && !f.ICMP {
		if f.Type == 0 {
			return nil, 0x88b5, nil // for local experiments (IEEE 802-2014, 9.2.4)
		}
		return nil, layers.EthernetType(f.Type), nil
	}
	src, dst, err := f.addresses()
	if err != nil {
		return nil, 0, err
	}
	protocol, segment, err := f.segment(src.Is6())
	if err != nil {
		return nil, 0, err
	}
	if src.Is6() {
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
		return append([]gopacket.SerializableLayer{ip}, over(segment, ip)...), layers.EthernetTypeIPv6, nil
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	return append([]gopacket.SerializableLayer{ip}, over(segment, ip)...), layers.EthernetTypeIPv4, nil
}

// over has a segment count its checksum over the addresses of IP.
func over(segment []gopacket.SerializableLayer, ip gopacket.NetworkLayer) []gopacket.SerializableLayer {
	for _, l := range segment {
		switch l := l.(type) {
		case *layers.TCP:
			_ = l.SetNetworkLayerForChecksum(ip) // fails for what is no IP
		case *layers.UDP:
			_ = l.SetNetworkLayerForChecksum(ip)
		case *layers.ICMPv6:
			_ = l.SetNetworkLayerForChecksum(ip)
		}
	}
	return segment
}

func (f Fields) addresses() (src, dst netip.Addr, err error) {
	from, to := f.IPSource, f.IPDest
	six := strings.Contains(from+to, ":")
	switch {
	case from == "" && six:
		from = "fe80::fe"
	case from == "":
		from = "0.0.0.0"
	}
	switch {
	case to == "" && six:
		to = "ff02::1"
	case to == "":
		to = "255.255.255.255"
	}
	if src, err = netip.ParseAddr(from); err == nil {
		dst, err = netip.ParseAddr(to)
	}
	if err == nil && src.Is6() != dst.Is6() {
		err = errors.New("one address of IPv4 and one of IPv6")
	}
	return src, dst, err
}

func (f Fields) segment(six bool) (layers.IPProtocol, []gopacket.SerializableLayer, error) {
	chosen := 0
	for _, on := range []bool{f.TCP != "", f.UDP != "", f.ICMP} {
		if on {
			chosen++
		}
	}
	if chosen > 1 {
		return 0, nil, errors.New("a frame has one of TCP, UDP and ICMP")
	}
	switch {
	case f.TCP != "":
		src, dst, err := ports(f.TCP)
		return layers.IPProtocolTCP, []gopacket.SerializableLayer{&layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), SYN: true, Window: 65535}}, err
	case f.UDP != "":
		src, dst, err := ports(f.UDP)
		return layers.IPProtocolUDP, []gopacket.SerializableLayer{&layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}}, err
	case f.ICMP && six:
		return layers.IPProtocolICMPv6, []gopacket.SerializableLayer{
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}, &layers.ICMPv6Echo{},
		}, nil
	case f.ICMP:
		return layers.IPProtocolICMPv4, []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)}}, nil
	}
	if six {
		return layers.IPProtocolNoNextHeader, nil, nil
	}
	return 253, nil, nil // for experiments (RFC 3692)
}

// ports reads "80" or "1234:80".
func ports(text string) (src, dst uint16, err error) {
	src = 49152 // the first that is nobody's (RFC 6335)
	from, to, two := strings.Cut(text, ":")
	if !two {
		from, to = "", text
	}
	for _, p := range []struct {
		text string
		to   *uint16
	}{{from, &src}, {to, &dst}} {
		if p.text == "" {
			continue
		}
		var n uint64
		if n, err = parsePort(p.text); err != nil {
			return 0, 0, fmt.Errorf("port %q: want 0 to 65535, or SOURCE:DESTINATION", text)
		}
		*p.to = uint16(n)
	}
	return src, dst, nil
}

func parsePort(text string) (uint64, error) { return strconv.ParseUint(text, 10, 16) }
