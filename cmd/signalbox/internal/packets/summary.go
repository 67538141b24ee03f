package packets

import (
	"fmt"
	"net"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Summary says in a few words what a packet is, from as much of it as there is.
// It takes what anybody sent: there is nothing in it but what can be printed.
func Summary(octets []byte) string {
	packet := decode(octets)
	if packet == nil {
		return ""
	}
	ether, ok := packet.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s > %s %s", address(ether.SrcMAC), address(ether.DstMAC), above(packet, ether))
}

// Flow names the flow that a packet is of: addresses and ports of its innermost
// headers, or its MAC addresses where it is not of IP. "" is no frame.
func Flow(octets []byte) string {
	packet := decode(octets)
	if packet == nil {
		return ""
	}
	from, to, kind := "", "", ""
	if link := packet.LinkLayer(); link != nil {
		from, to = link.LinkFlow().Src().String(), link.LinkFlow().Dst().String()
	}
	if ip := packet.NetworkLayer(); ip != nil {
		from, to, kind = ip.NetworkFlow().Src().String(), ip.NetworkFlow().Dst().String(), strings.ToLower(ip.LayerType().String())
	}
	if t := packet.TransportLayer(); t != nil {
		kind = strings.ToLower(t.LayerType().String())
		from, to = net.JoinHostPort(from, t.TransportFlow().Src().String()), net.JoinHostPort(to, t.TransportFlow().Dst().String())
	}
	return strings.TrimSpace(from + " > " + to + " " + kind)
}

// decode reads as much of a packet as there is; nil is no frame.
func decode(octets []byte) gopacket.Packet {
	if len(octets) < 14 {
		return nil
	}
	return gopacket.NewPacket(octets, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
}

// address is a MAC address; groups that people know have a name.
func address(mac net.HardwareAddr) string {
	if mac.String() == "ff:ff:ff:ff:ff:ff" {
		return "broadcast"
	}
	return mac.String()
}

// above says what is above Ethernet.
func above(packet gopacket.Packet, ether *layers.Ethernet) string {
	ports := transport(packet)
	if arp, ok := packet.Layer(layers.LayerTypeARP).(*layers.ARP); ok {
		return arpText(arp)
	}
	if ip, ok := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4); ok && len(ip.DstIP) == net.IPv4len {
		if ports == "" {
			ports = strings.ToLower(ip.Protocol.String())
		}
		return fmt.Sprintf("%s > %s %s", ip.SrcIP, ip.DstIP, ports)
	}
	if ip, ok := packet.Layer(layers.LayerTypeIPv6).(*layers.IPv6); ok && len(ip.DstIP) == net.IPv6len {
		if ports == "" {
			ports = strings.ToLower(ip.NextHeader.String())
		}
		return fmt.Sprintf("%s > %s %s", ip.SrcIP, ip.DstIP, ports)
	}
	kind := ether.EthernetType
	if tag, ok := packet.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q); ok {
		kind = tag.Type
	}
	if kind < 0x600 {
		return "llc"
	}
	return fmt.Sprintf("type 0x%04x", uint16(kind))
}

func arpText(arp *layers.ARP) string {
	if len(arp.SourceProtAddress) != 4 || len(arp.DstProtAddress) != 4 {
		return "arp"
	}
	from, to := net.IP(arp.SourceProtAddress), net.IP(arp.DstProtAddress)
	if arp.Operation == layers.ARPRequest {
		return fmt.Sprintf("arp who has %s, tell %s", to, from)
	}
	return fmt.Sprintf("arp %s is here", from)
}

// transport says what is above IP, "" where that is not known.
func transport(packet gopacket.Packet) string {
	for _, l := range packet.Layers() {
		switch l := l.(type) {
		case *layers.TCP:
			return fmt.Sprintf("tcp %d > %d%s", l.SrcPort, l.DstPort, tcpFlags(l))
		case *layers.UDP:
			return fmt.Sprintf("udp %d > %d", l.SrcPort, l.DstPort)
		case *layers.ICMPv4:
			return "icmp " + strings.ToLower(l.TypeCode.String())
		case *layers.ICMPv6:
			return "icmp6 " + strings.ToLower(l.TypeCode.String())
		}
	}
	return ""
}

func tcpFlags(tcp *layers.TCP) string {
	var set []string
	for _, f := range []struct {
		on   bool
		name string
	}{{tcp.SYN, "S"}, {tcp.FIN, "F"}, {tcp.RST, "R"}, {tcp.PSH, "P"}} {
		if f.on {
			set = append(set, f.name)
		}
	}
	if len(set) == 0 {
		return ""
	}
	return " [" + strings.Join(set, "") + "]"
}
