package filter

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// names are offsets and values that pcap-filter(7) has names for.
var names = map[string]uint32{
	"tcpflags": 13, "tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08, "tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,
	"icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-redirect": 5, "icmp-echo": 8, "icmp-timxceed": 11,
	"icmp6type": 0, "icmp6code": 1, "icmp6-echo": 128, "icmp6-echoreply": 129,
	"icmp6-routersolicit": 133, "icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136,
}

// protocol is the condition of a protocol's name alone.
func protocol(name string) node {
	switch name {
	case "ip":
		return ofType(typeIP)
	case "ip6":
		return ofType(typeIP6)
	case "arp":
		return ofType(typeARP)
	case "rarp":
		return ofType(typeRARP)
	case "icmp":
		return all{ofType(typeIP), ofProtocol(protoICMP)}
	case "igmp":
		return all{ofType(typeIP), ofProtocol(protoIGMP)}
	case "icmp6":
		return overIP6(protoICMP6)
	}
	n := numbers(name)[0]
	return some{overIP6(n), all{ofType(typeIP), ofProtocol(n)}}
}

// overIP6 also finds the protocol behind a fragment header, as tcpdump does.
func overIP6(n uint32) node {
	const fragmentHeader = 44
	return all{ofType(typeIP6), some{ofNext(n), all{ofNext(fragmentHeader), octets(ip6Payload, 1, n)}}}
}

// numbers are the transport protocols that a name stands for; "" is each with
// ports.
func numbers(name string) []uint32 {
	switch name {
	case "tcp":
		return []uint32{protoTCP}
	case "udp":
		return []uint32{protoUDP}
	case "sctp":
		return []uint32{protoSCTP}
	}
	return []uint32{protoSCTP, protoTCP, protoUDP}
}

// group is a condition on group addresses.
func (p *parser) group(protocol, which string) (node, error) {
	switch {
	case which == "broadcast" && (protocol == "" || protocol == "ether"):
		return etherAddress(etherDestination, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), nil
	case which == "multicast" && (protocol == "" || protocol == "ether"):
		return check{base: frame, size: 1, mask: 1, is: different}, nil
	case which == "multicast" && protocol == "ip":
		c := octets(ipDestination, 1, 224)
		c.is = greaterEqual
		return all{ofType(typeIP), c}, nil
	case which == "multicast" && protocol == "ip6":
		return all{ofType(typeIP6), octets(ip6Destination, 1, 0xff)}, nil
	}
	return nil, p.failBefore("%s %s is not served", protocol, which)
}

func etherAddress(offset uint32, a []byte) node {
	return all{octets(offset+2, 4, binary.BigEndian.Uint32(a[2:])), octets(offset, 2, uint32(binary.BigEndian.Uint16(a)))}
}

// header is where a protocol's header is, and what a frame must be to have it.
func (p *parser) header(protocol string) (check, all, error) {
	c := check{base: frame}
	switch protocol {
	case "ether":
		return c, nil, nil
	case "ip", "ip6", "arp", "rarp":
		c.offset = network
		t := map[string]uint32{"ip": typeIP, "ip6": typeIP6, "arp": typeARP, "rarp": typeRARP}[protocol]
		return c, all{ofType(t)}, nil
	case "icmp6":
		c.offset = ip6Payload
		return c, all{ofType(typeIP6), ofNext(protoICMP6)}, nil
	}
	n := map[string]uint32{"tcp": protoTCP, "udp": protoUDP, "sctp": protoSCTP, "icmp": protoICMP, "igmp": protoIGMP}[protocol]
	c.base = transport
	return c, all{ofType(typeIP), ofProtocol(n), firstFragment()}, nil
}

// pair joins what holds of the source and what of the destination.
func (d direction) pair(src, dst node) node {
	switch d {
	case source:
		return src
	case destination:
		return dst
	case both:
		return all{src, dst}
	}
	return some{src, dst}
}

// identifier is an address, a network, a port or a protocol, as the qualifiers
// say.
func (p *parser) identifier(q qualifiers) (node, error) {
	text := p.peek()
	if text == "" {
		return nil, p.fail("ends where what follows %s is missing", p.tokens[p.at-1].text)
	}
	p.at++
	switch q.kind {
	case "host":
		return p.host(q, text)
	case "net":
		return p.net(q, text)
	case "port", "portrange":
		return p.ports(q, text)
	}
	return p.proto(q, text)
}

func (p *parser) host(q qualifiers, text string) (node, error) {
	if q.protocol == "ether" || strings.Count(text, ":") == 5 && len(text) <= 17 && q.protocol == "" {
		if mac, err := net.ParseMAC(text); err == nil && len(mac) == 6 {
			return q.direction.pair(etherAddress(etherSource, mac), etherAddress(etherDestination, mac)), nil
		}
		if q.protocol == "ether" {
			return nil, p.failBefore("%q is no MAC address", text)
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return nil, p.failBefore("%q is no address (names are not looked up)", text)
	}
	return p.addresses(q, netip.PrefixFrom(a, a.BitLen()))
}

func (p *parser) net(q qualifiers, text string) (node, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		a, failed := netip.ParseAddr(text)
		if failed != nil {
			return nil, p.failBefore("%q is no network: want one like 10.0.0.0/8", text)
		}
		if prefix = netip.PrefixFrom(a, a.BitLen()); p.take("mask") {
			if prefix, err = p.masked(a); err != nil {
				return nil, err
			}
		}
	}
	if prefix != prefix.Masked() {
		return nil, p.failBefore("%s has bits outside its mask: want %s", prefix, prefix.Masked())
	}
	return p.addresses(q, prefix)
}

// masked takes a mask of IPv4 whose bits stand together.
func (p *parser) masked(a netip.Addr) (netip.Prefix, error) {
	mask, err := netip.ParseAddr(p.peek())
	if err == nil && mask.Is4() && a.Is4() {
		if ones, bits := net.IPMask(mask.AsSlice()).Size(); bits != 0 {
			p.at++
			return netip.PrefixFrom(a, ones), nil
		}
	}
	return netip.Prefix{}, p.fail("%q is no mask of %s", p.peek(), a)
}

// addresses are the frames from or to the addresses of a network.
func (p *parser) addresses(q qualifiers, n netip.Prefix) (node, error) {
	if n.Addr().Is6() {
		if q.protocol != "" && q.protocol != "ip6" {
			return nil, p.failBefore("%s has no address of IPv6", q.protocol)
		}
		return all{ofType(typeIP6), q.direction.pair(prefix(ip6Source, n), prefix(ip6Destination, n))}, nil
	}
	ip := all{ofType(typeIP), q.direction.pair(prefix(ipSource, n), prefix(ipDestination, n))}
	arp := q.direction.pair(prefix(arpSource, n), prefix(arpTarget, n))
	switch q.protocol {
	case "":
		return some{ip, all{some{ofType(typeARP), ofType(typeRARP)}, arp}}, nil
	case "ip":
		return ip, nil
	case "arp":
		return all{ofType(typeARP), arp}, nil
	case "rarp":
		return all{ofType(typeRARP), arp}, nil
	}
	return nil, p.failBefore("%s has no address of IPv4: write %s and host …", q.protocol, q.protocol)
}

// prefix compares an address in the frame with a network's, in words.
func prefix(offset uint32, n netip.Prefix) node {
	var words all
	address := n.Addr().AsSlice()
	for bits := n.Bits(); bits > 0; bits -= 32 {
		at := uint32(4 * len(words))
		mask := ^uint32(0)
		if bits < 32 {
			mask <<= 32 - bits
		}
		words = append(words, check{
			base: frame, offset: offset + at, size: 4, mask: mask, value: binary.BigEndian.Uint32(address[at:]) & mask,
		})
	}
	return words
}

// ports are the frames from or to a port, or a range of ports.
func (p *parser) ports(q qualifiers, text string) (node, error) {
	low, high := text, text
	if q.kind == "portrange" {
		var ranged bool
		if low, high, ranged = strings.Cut(text, "-"); !ranged {
			return nil, p.failBefore("%q is no range of ports: want one like 80-90", text)
		}
	}
	from, err := port(low, q.protocol)
	to, failed := port(high, q.protocol)
	if err != nil || failed != nil || from > to {
		return nil, p.failBefore("%q is no port, nor a range of them: want 0 to 65535", text)
	}
	switch q.protocol {
	case "", "tcp", "udp", "sctp":
	default:
		return nil, p.failBefore("%s has no ports", q.protocol)
	}
	var protocols, next some
	for _, n := range numbers(q.protocol) {
		protocols, next = append(protocols, ofProtocol(n)), append(next, ofNext(n))
	}
	of := func(b base, offset uint32) node {
		return q.direction.pair(within(b, offset, from, to), within(b, offset+2, from, to))
	}
	return some{
		all{ofType(typeIP6), next, of(frame, ip6Payload)},
		all{ofType(typeIP), protocols, firstFragment(), of(transport, 0)},
	}, nil
}

// within compares a port with the bounds of a range.
func within(b base, offset, from, to uint32) node {
	c := check{base: b, offset: offset, size: 2, mask: 0xffff, value: from}
	if from == to {
		return c
	}
	low, high := c, c
	low.is, high.is, high.value = greaterEqual, lessEqual, to
	return all{low, high}
}

// port is a number or a name that is known everywhere.
func port(text, protocol string) (uint32, error) {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		return uint32(n), nil
	}
	if protocol == "" {
		protocol = "tcp"
	}
	n, err := net.LookupPort(protocol, text)
	if err != nil && protocol == "tcp" {
		n, err = net.LookupPort("udp", text)
	}
	return uint32(n), err
}

// proto is a number, or a name, of what a header says comes next.
func (p *parser) proto(q qualifiers, text string) (node, error) {
	text = strings.TrimPrefix(text, `\`)
	types := map[string]uint32{"ip": typeIP, "ip6": typeIP6, "arp": typeARP, "rarp": typeRARP}
	transports := map[string]uint32{
		"icmp": protoICMP, "igmp": protoIGMP, "tcp": protoTCP, "udp": protoUDP, "icmp6": protoICMP6, "sctp": protoSCTP,
	}
	table, most := transports, uint64(255)
	if q.protocol == "ether" {
		table, most = types, 65535
	}
	n, known := table[text]
	if !known {
		number, err := strconv.ParseUint(text, 0, 16)
		if err != nil || number > most {
			return nil, p.failBefore("%q is no protocol: want a name or a number to %d", text, most)
		}
		n = uint32(number)
	}
	switch {
	case q.direction != either:
		return nil, p.failBefore("a protocol has no direction")
	case q.protocol == "ether":
		return ofType(n), nil
	case q.protocol == "ip":
		return all{ofType(typeIP), ofProtocol(n)}, nil
	case q.protocol == "ip6":
		return overIP6(n), nil
	case q.protocol == "":
		return some{overIP6(n), all{ofType(typeIP), ofProtocol(n)}}, nil
	}
	return nil, p.failBefore("%s proto is not served", q.protocol)
}
