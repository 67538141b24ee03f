package spec

import "strconv"

// dropReasons holds the name and the sFlow code of each reason.
var dropReasons = [NumDropReasons]struct {
	name string
	code uint16
}{
	DropNone:            {"NONE", 0},
	DropPortDown:        {"PORT_DOWN", 512},
	DropSwitchDisabled:  {"SWITCH_DISABLED", 513},
	DropMalformed:       {"MALFORMED", 514},
	DropMulticastSource: {"MULTICAST_SOURCE", 263},
	DropSourceIsDest:    {"SOURCE_IS_DEST", 293},
	DropTagMismatch:     {"TAG_MISMATCH", 264},
	DropIngressVLAN:     {"INGRESS_VLAN", 265},
	DropUntagged:        {"UNTAGGED", 515},
	DropVLANSuspended:   {"VLAN_SUSPENDED", 516},
	DropReservedMAC:     {"RESERVED_MAC", 517},
	DropEmptyPortList:   {"EMPTY_PORT_LIST", 267},
	DropLoopback:        {"LOOPBACK", 268},
	DropEgressVLAN:      {"EGRESS_VLAN", 301},
	DropEgressDown:      {"EGRESS_DOWN", 518},
	DropTooBig:          {"TOO_BIG", 262},
	DropTransmit:        {"TRANSMIT", 519},

	DropLAGInactive:      {"LAG_INACTIVE", 520},
	DropLAGDuplicate:     {"LAG_DUPLICATE", 521},
	DropLAGReflection:    {"LAG_REFLECTION", 522},
	DropAddressElsewhere: {"ADDRESS_ELSEWHERE", 523},
	DropPoliced:          {"POLICED", 524},
}

// String is the reason in the words of signalbox-switch-port:drop-reason;
// "NONE" for DropNone, which the module has not, and the number for a reason
// that does not exist.
func (r DropReason) String() string {
	if r >= NumDropReasons {
		return "DropReason(" + strconv.Itoa(int(r)) + ")"
	}
	return dropReasons[r].name
}

// SFlowCode is the reason's code in sFlow's discarded-packet records
// (sflow.org, sFlow Dropped Packet Notification Structures): sFlow's own,
// 256..511, where it has one, and from 512 on the project's. It is 0 for
// DropNone and for a reason that does not exist.
func (r DropReason) SFlowCode() uint16 {
	if r >= NumDropReasons {
		return 0
	}
	return dropReasons[r].code
}

// Egress reports a reason for which a frame is dropped at the port it was to
// leave through, and so is in Counters.Out.Drops; all others are in
// Counters.In.Drops of the port it came in at.
func (r DropReason) Egress() bool {
	return r == DropEgressVLAN || r == DropEgressDown || r == DropTooBig || r == DropTransmit
}
