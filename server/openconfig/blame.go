package openconfig

import (
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// Drop is a frame that was dropped, as far as it matters for which line of
// configuration that follows from.
type Drop struct {
	Reason spec.DropReason
	// Interface is where the frame came in or, of reasons of the way out, where
	// it was to leave; of an aggregate the aggregate or the member.
	Interface string
	VLAN      uint16 // 0 for none
	// Policer is, of POLICED, which of the port's policers it was, from 1 in
	// their order; 0 where that is not known.
	Policer int
}

// Blame is what a drop follows from.
type Blame struct {
	// Path is that of the configuration; "" where it is none: then the drop
	// follows from a standard, or from the kernel.
	Path string
	// Text says it in words, and names the standard.
	Text string
}

// Blame finds the line of configuration that a drop follows from: one that is
// set, or the place where another one would be.
func (c *Config) Blame(d Drop) Blame {
	port := d.Interface
	if aggregate := aggregateOf(interfaces(c.device)[port]); aggregate != "" && d.Reason != spec.DropLAGInactive {
		port = aggregate
	}
	entry := interfaces(c.device)[port]
	nodes := switchedVLANNodes(entry)
	text := blameText(d.Reason)
	switch d.Reason {
	case spec.DropPortDown, spec.DropEgressDown:
		return c.blameDown(port, text)
	case spec.DropSwitchDisabled:
		return Blame{at(ocpath.NetworkInstancesNetworkInstanceConfigEnabled, c.index.switchOf(port)).String(), text}
	case spec.DropTagMismatch:
		return Blame{at(nodes.mode, port).String(), text}
	case spec.DropUntagged:
		return Blame{at(nodes.native, port).String(), text}
	case spec.DropIngressVLAN, spec.DropEgressVLAN:
		return Blame{c.blameVLAN(port, d.VLAN), text}
	case spec.DropVLANSuspended:
		return Blame{at(ocpath.NetworkInstancesNetworkInstanceVlansVlanConfigStatus, c.index.switchOf(port), strconv.Itoa(int(d.VLAN))).String(), text}
	case spec.DropEmptyPortList:
		return Blame{c.blameMembership(port, d.VLAN), text}
	case spec.DropTooBig:
		return Blame{at(ocpath.InterfacesInterfaceConfigMtu, port).String(), text}
	case spec.DropLAGInactive:
		return c.blameInactive(d.Interface, text)
	case spec.DropLAGDuplicate, spec.DropLAGReflection:
		return Blame{at(ocpath.InterfacesInterfaceAggregationTeamingConfigSwitchIndependent, port).String(), text}
	case spec.DropAddressElsewhere:
		return Blame{at(ocpath.InterfacesInterfaceSwitchPortConfigAllowTeaming, port).String(), text}
	case spec.DropPoliced:
		return Blame{c.blamePolicer(port, d.Policer), text}
	}
	return Blame{Text: text}
}

// blameText says in words why a frame is dropped. The reasons that no
// configuration causes name who says so.
func blameText(reason spec.DropReason) string {
	switch reason {
	case spec.DropPortDown:
		return "the port it came in at is down, or held down"
	case spec.DropSwitchDisabled:
		return "the switch of the port is disabled"
	case spec.DropMalformed:
		return "shorter than an Ethernet header (IEEE 802.3-2022, 3.1.1)"
	case spec.DropMulticastSource:
		return "a source is no group (IEEE 802.3-2022, 3.2.3)"
	case spec.DropSourceIsDest:
		return "source and destination are the same: its station is where it came from (IEEE 802.1Q-2022, 8.6.1)"
	case spec.DropTagMismatch:
		return "a tagged frame at an access port"
	case spec.DropIngressVLAN:
		return "the port it came in at does not carry its VLAN"
	case spec.DropUntagged:
		return "an untagged frame at a trunk without a native VLAN"
	case spec.DropVLANSuspended:
		return "its VLAN is suspended"
	case spec.DropReservedMAC:
		return "01:80:C2:00:00:00-0F is never forwarded (IEEE 802.1Q-2022, 8.6.3)"
	case spec.DropEmptyPortList:
		return "no other port of its VLAN forwards"
	case spec.DropLoopback:
		return "its destination is behind the port it came in at (IEEE 802.1Q-2022, 8.6.1)"
	case spec.DropEgressVLAN:
		return "the port it was to leave through does not carry its VLAN"
	case spec.DropEgressDown:
		return "the port it was to leave through is down, or held down"
	case spec.DropTooBig:
		return "longer than the MTU of the port it was to leave through"
	case spec.DropTransmit:
		return "the kernel refused it"
	case spec.DropLAGInactive:
		return "the member it came in at takes nothing in"
	case spec.DropLAGDuplicate:
		return "another copy comes in at the designated member"
	case spec.DropLAGReflection:
		return "it came back: its source is behind another port"
	case spec.DropAddressElsewhere:
		return "its source is behind another port and may not move here"
	case spec.DropPoliced:
		return "it is above the rate of a policer of the port it came in at"
	}
	return ""
}

// blameDown tells what keeps a port down: itself, its hold-time, or, where
// neither is configured to, its carrier or too few members.
func (c *Config) blameDown(port, text string) Blame {
	entry := interfaces(c.device)[port]
	config := interfaceConfig(entry)
	hold := entry.GetHoldTime().GetConfig()
	switch {
	case entry == nil:
		return Blame{at(ocpath.InterfacesInterface, port).String(), text + ": it is not configured"}
	case !value(config.Enabled, true):
		return Blame{at(ocpath.InterfacesInterfaceConfigEnabled, port).String(), text}
	case isAggregate(entry) && entry.GetAggregation().GetConfig() != nil && entry.GetAggregation().GetConfig().MinLinks != nil:
		return Blame{at(ocpath.InterfacesInterfaceAggregationConfigMinLinks, port).String(), text + ": too few members carry traffic"}
	case hold != nil && value(hold.Up, 0) > 0:
		return Blame{at(ocpath.InterfacesInterfaceHoldTimeConfigUp, port).String(), text}
	}
	return Blame{Text: text + ": it has no carrier, and no configuration says so"}
}

// blameVLAN tells what keeps a port from carrying a VLAN: its list, or where a
// trunk has none, that the VLAN is not on its switch.
func (c *Config) blameVLAN(port string, vlan uint16) string {
	entry := interfaces(c.device)[port]
	v := switchedVLANOf(entry)
	switch {
	case v == nil:
		return at(switchedVLANNodes(entry).config, port).String()
	case v.mode == oc.OpenconfigVlanTypes_VlanModeType_ACCESS:
		return at(v.vlanNodes.access, port).String()
	case len(v.trunk) == 0 && vlan != 0:
		return at(ocpath.NetworkInstancesNetworkInstanceVlansVlan, c.index.switchOf(port), strconv.Itoa(int(vlan))).String()
	}
	return at(v.vlanNodes.trunk, port).String()
}

// blameMembership tells what puts a port into a VLAN.
func (c *Config) blameMembership(port string, vlan uint16) string {
	v := switchedVLANOf(interfaces(c.device)[port])
	if v != nil && v.mode == oc.OpenconfigVlanTypes_VlanModeType_TRUNK && v.native != nil && *v.native == vlan {
		return at(v.vlanNodes.native, port).String()
	}
	return c.blameVLAN(port, vlan)
}

// blameInactive tells what keeps a member of an aggregate from taking frames
// in.
func (c *Config) blameInactive(member, text string) Blame {
	entry := interfaces(c.device)[member]
	name := aggregateOf(entry)
	aggregate := interfaces(c.device)[name]
	teaming, config := aggregate.GetAggregation().GetTeaming().GetConfig(), aggregate.GetAggregation().GetConfig()
	switch {
	case entry != nil && !value(interfaceConfig(entry).Enabled, true):
		return Blame{at(ocpath.InterfacesInterfaceConfigEnabled, member).String(), text + ": it is disabled"}
	case aggregate != nil && !value(interfaceConfig(aggregate).Enabled, true):
		return Blame{at(ocpath.InterfacesInterfaceConfigEnabled, name).String(), text + ": the aggregate is disabled"}
	case teaming != nil && slices.Contains(teaming.StandbyMember, member):
		return Blame{at(ocpath.InterfacesInterfaceAggregationTeamingConfigStandbyMember, name).String(), text + ": it stands by"}
	case config != nil && config.LagType == oc.OpenconfigIfAggregate_AggregationType_LACP:
		return Blame{at(ocpath.InterfacesInterfaceAggregationConfigLagType, name).String(), text + ": LACP has not brought it up"}
	}
	return Blame{at(ocpath.InterfacesInterfaceEthernetConfigAggregateId, member).String(), text}
}
