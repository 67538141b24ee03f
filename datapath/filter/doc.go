// Package filter compiles the filter expressions of tcpdump
// (pcap-filter(7)) into eBPF.
//
// An expression becomes a tree of checks of the frame's octets, its outer VLAN
// tag and its length (lower.go); the tree is compiled into the body of a
// function of the switch's program (code.go), or asked directly (match.go),
// which the tests hold against each other and against tcpdump.
//
// The tag is not among the octets: the kernel takes it out of a frame. So
// "vlan 10 and tcp" and "tcp and vlan 10" are the same, and all offsets are
// those of an untagged frame, as in tcpdump on a live interface.
//
// Served are: host, net, port and portrange with src, dst and their
// combinations; ether host, src, dst, proto, broadcast and multicast; ip, ip6,
// arp, rarp, tcp, udp, sctp, icmp, icmp6, igmp and proto; vlan; less, greater
// and len; octets of a header such as tcp[tcpflags] & tcp-syn != 0; and, or,
// not and parentheses. As in tcpdump, and and or bind alike, from left to
// right. Everything else is an error that names its place.
package filter
