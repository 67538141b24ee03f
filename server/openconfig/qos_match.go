package openconfig

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// matcher decodes the conditions of a term, and keeps what is wrong with them.
type matcher struct {
	name, id, kind string
	errs           []error
}

func (m *matcher) refuse(node ocpath.ID, format string, args ...any) {
	m.errs = append(m.errs, invalid(at(node, m.name, m.id), format, args...))
}

// decode translates the conditions. A contradiction between them is refused at
// the conditions, one between a condition and the type at the condition.
func (m *matcher) decode(entry *termEntry) spec.Match {
	var match spec.Match
	c := entry.GetConditions()
	m.layer2(&match, c.GetL2().GetConfig())
	v4, v6 := ipConditions4(c.GetIpv4().GetConfig()), ipConditions6(c.GetIpv6().GetConfig())
	switch {
	case m.kind == ipv4Type && v6.any():
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsIpv6, "the classifier is of the type IPV4")
	case m.kind == ipv6Type && v4.any():
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsIpv4, "the classifier is of the type IPV6")
	case v4.any() && v6.any():
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsIpv6, "no packet is of IPv4 and of IPv6: make two terms")
	}
	m.layer3(&match, v4)
	m.layer3(&match, v6)
	switch m.kind {
	case ipv4Type:
		match.Version = 4
	case ipv6Type:
		match.Version = 6
	}
	m.layer4(&match, c.GetTransport().GetConfig())
	if len(m.errs) == 0 {
		if reason := match.Contradiction(); reason != "" {
			m.refuse(ocpath.QosClassifiersClassifierTermsTermConditions, "the term matches nothing: %s", reason)
		}
	}
	return match
}

func (m *matcher) layer2(match *spec.Match, config *oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_L2_Config) {
	if config == nil {
		return
	}
	match.Source, match.SourceMask = m.mac(config.SourceMac, config.SourceMacMask,
		ocpath.QosClassifiersClassifierTermsTermConditionsL2ConfigSourceMac, ocpath.QosClassifiersClassifierTermsTermConditionsL2ConfigSourceMacMask)
	match.Destination, match.DestinationMask = m.mac(config.DestinationMac, config.DestinationMacMask,
		ocpath.QosClassifiersClassifierTermsTermConditionsL2ConfigDestinationMac, ocpath.QosClassifiersClassifierTermsTermConditionsL2ConfigDestinationMacMask)
	match.VLAN = value(config.VlanId, 0)
	for _, pcp := range config.PcpSet {
		match.PCPs |= 1 << pcp
	}
	match.EtherType = m.etherType(config.Ethertype)
}

// mac gives an address and what of it is compared: all, without a mask.
func (m *matcher) mac(address, mask *string, addressNode, maskNode ocpath.ID) (a, b spec.MAC) {
	if address == nil {
		if mask != nil {
			m.refuse(maskNode, "there is no address that it is the mask of")
		}
		return a, b
	}
	a, err := spec.ParseMAC(*address)
	if err != nil {
		m.refuse(addressNode, "%s", err)
	}
	b = spec.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if mask != nil {
		if b, err = spec.ParseMAC(*mask); err != nil {
			m.refuse(maskNode, "%s", err)
		}
	}
	for i := range a {
		if a[i]&^b[i] != 0 {
			m.refuse(addressNode, "%s has bits that are not in the mask %s", a, b)
			break
		}
	}
	return a, b
}

// EtherTypes of what is in the way of those that a condition can name.
const (
	etherTypeCTag = 0x8100 // IEEE 802.1Q-2022, 9.6
	etherTypeSTag = 0x88a8
)

func (m *matcher) etherType(union any) uint16 {
	node := ocpath.QosClassifiersClassifierTermsTermConditionsL2ConfigEthertype
	var t uint16
	switch x := union.(type) {
	case oc.UnionUint16:
		t = uint16(x)
	case oc.E_OpenconfigPacketMatchTypes_ETHERTYPE:
		t = map[oc.E_OpenconfigPacketMatchTypes_ETHERTYPE]uint16{
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_ARP:  0x0806,
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_IPV4: spec.EtherTypeIPv4,
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_IPV6: spec.EtherTypeIPv6,
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_LLDP: 0x88cc,
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_MPLS: 0x8847,
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_ROCE: 0x8915,
			oc.OpenconfigPacketMatchTypes_ETHERTYPE_ETHERTYPE_VLAN: etherTypeCTag,
		}[x]
	}
	if t == etherTypeCTag || t == etherTypeSTag {
		m.refuse(node, "the type behind the tags is compared: for a tag name the vlan-id or the pcp-set")
	}
	return t
}

// ipConditions are the conditions on IP of one version.
type ipConditions struct {
	version             uint8
	source, destination *string
	dscp, ttl           *uint8
	dscps               []uint8
	protocol            any // a union, nil for none
	nodes               ipNodes
}

// ipNodes are the leaves of one version.
type ipNodes struct{ source, destination, dscp, dscps, protocol ocpath.ID }

func ipConditions4(config *oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Ipv4_Config) *ipConditions {
	if config == nil {
		return &ipConditions{}
	}
	return &ipConditions{4, config.SourceAddress, config.DestinationAddress, config.Dscp, config.HopLimit, config.DscpSet, config.Protocol, ipNodes{
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv4ConfigSourceAddress,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv4ConfigDestinationAddress,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv4ConfigDscp,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv4ConfigDscpSet,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv4ConfigProtocol,
	}}
}

func ipConditions6(config *oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Ipv6_Config) *ipConditions {
	if config == nil {
		return &ipConditions{}
	}
	return &ipConditions{6, config.SourceAddress, config.DestinationAddress, config.Dscp, config.HopLimit, config.DscpSet, config.Protocol, ipNodes{
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv6ConfigSourceAddress,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv6ConfigDestinationAddress,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv6ConfigDscp,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv6ConfigDscpSet,
		ocpath.QosClassifiersClassifierTermsTermConditionsIpv6ConfigProtocol,
	}}
}

// any reports that there is a condition.
func (c *ipConditions) any() bool {
	return c.source != nil || c.destination != nil || c.dscp != nil || c.ttl != nil || len(c.dscps) > 0 || c.protocol != nil
}

func (m *matcher) layer3(match *spec.Match, c *ipConditions) {
	if !c.any() {
		return
	}
	match.Version = c.version
	match.SourcePrefix = m.prefix(c.source, c, c.nodes.source)
	match.DestinationPrefix = m.prefix(c.destination, c, c.nodes.destination)
	if c.dscp != nil {
		match.DSCPs |= 1 << *c.dscp
		if len(c.dscps) > 0 {
			m.refuse(c.nodes.dscps, "together with dscp: use one of them")
		}
	}
	for _, dscp := range c.dscps {
		match.DSCPs |= 1 << dscp
	}
	if c.ttl != nil {
		match.TTL, match.HasTTL = *c.ttl, true
	}
	if c.protocol != nil {
		match.Protocol, match.HasProtocol = ipProtocol(c.protocol), true
	}
}

func (m *matcher) prefix(text *string, c *ipConditions, node ocpath.ID) netip.Prefix {
	if text == nil {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(*text)
	switch {
	case err != nil:
		m.refuse(node, "%q is no prefix of IPv%d", *text, c.version)
	case p.Addr().Is4() != (c.version == 4), p.Addr().Is4In6():
		m.refuse(node, "%s is no prefix of IPv%d", p, c.version)
	}
	return p.Masked()
}

// ipProtocol is the number of a protocol (IANA, Protocol Numbers).
func ipProtocol(union any) uint8 {
	switch x := union.(type) {
	case oc.UnionUint8:
		return uint8(x)
	case oc.E_OpenconfigPacketMatchTypes_IP_PROTOCOL:
		return map[oc.E_OpenconfigPacketMatchTypes_IP_PROTOCOL]uint8{
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_AUTH:  51,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_GRE:   47,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_ICMP:  1,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_IGMP:  2,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_IN_IP: 4,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_L2TP:  115,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_PIM:   103,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_RSVP:  46,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_TCP:   spec.ProtocolTCP,
			oc.OpenconfigPacketMatchTypes_IP_PROTOCOL_IP_UDP:   spec.ProtocolUDP,
		}[x]
	}
	return 0
}

func (m *matcher) layer4(match *spec.Match, config *oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Transport_Config) {
	if config == nil {
		return
	}
	match.SourcePorts = m.ports(config.SourcePort, ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigSourcePort)
	match.DestinationPorts = m.ports(config.DestinationPort, ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigDestinationPort)
	m.tcpFlags(match, config)
}

// ports gives a port, a range "low..high", or ANY.
func (m *matcher) ports(union any, node ocpath.ID) spec.PortRange {
	var r spec.PortRange
	switch x := union.(type) {
	case oc.UnionUint16:
		r = spec.PortRange{First: uint16(x), Last: uint16(x)}
	case oc.UnionString:
		var ok bool
		if r, ok = portRange(string(x)); !ok {
			m.refuse(node, "%q is no range of ports: want x..y with x not above y", string(x))
			return r
		}
	default: // ANY
		return r
	}
	if r.IsZero() {
		m.refuse(node, "no frame has port 0 on purpose: want 1 to 65535, a range, or ANY")
	}
	return r
}

func portRange(text string) (spec.PortRange, bool) {
	low, high, _ := strings.Cut(text, "..")
	first, errFirst := strconv.ParseUint(low, 10, 16)
	last, errLast := strconv.ParseUint(high, 10, 16)
	return spec.PortRange{First: uint16(first), Last: uint16(last)}, errFirst == nil && errLast == nil && first <= last
}

func (m *matcher) tcpFlags(match *spec.Match, config *oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Transport_Config) {
	const (
		explicit = oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Transport_Config_DetailMode_EXPLICIT
		builtin  = oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Transport_Config_DetailMode_BUILTIN
		anyOf    = oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Transport_Config_ExplicitDetailMatchMode_ANY
		allOf    = oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term_Conditions_Transport_Config_ExplicitDetailMatchMode_ALL
	)
	switch flags, mode := len(config.ExplicitTcpFlags), config.ExplicitDetailMatchMode; {
	case config.DetailMode == builtin:
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigDetailMode, "BUILTIN is not served: use EXPLICIT")
	case config.DetailMode != explicit && flags > 0:
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigExplicitTcpFlags, "want detail-mode EXPLICIT with it")
	case config.DetailMode != explicit && (mode == anyOf || mode == allOf):
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigExplicitDetailMatchMode, "want detail-mode EXPLICIT with it")
	case config.DetailMode == explicit && flags == 0:
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigDetailMode, "want explicit-tcp-flags with EXPLICIT")
	case mode == anyOf && flags > 1:
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigExplicitDetailMatchMode, "ANY of several flags is not served: make a term for each, or use ALL")
	case flags > 0 && mode != anyOf && mode != allOf:
		m.refuse(ocpath.QosClassifiersClassifierTermsTermConditionsTransportConfigExplicitDetailMatchMode, "is missing: want ALL")
	}
	for _, flag := range config.ExplicitTcpFlags {
		match.TCPFlags |= tcpFlag(flag)
	}
}

// tcpFlag is the bit of a flag in the 13th octet of the header (RFC 9293, 3.1).
func tcpFlag(flag oc.E_OpenconfigPacketMatchTypes_TCP_FLAGS) uint8 {
	switch flag {
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_FIN:
		return 1 << 0
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_SYN:
		return 1 << 1
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_RST:
		return 1 << 2
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_PSH:
		return 1 << 3
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_ACK:
		return 1 << 4
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_URG:
		return 1 << 5
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_ECE:
		return 1 << 6
	case oc.OpenconfigPacketMatchTypes_TCP_FLAGS_TCP_CWR:
		return 1 << 7
	}
	return 0
}
