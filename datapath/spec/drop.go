package spec

// DropReason says why a frame was dropped. The numbers are those of enum
// drop_reason in datapath/bpf/abi.h, where the reasons are defined; the codes
// are sFlow's discard reasons where one exists (sflow.org, discard_reason),
// and from 512 on the project's own.
type DropReason uint8

// The reasons, in the order of enum drop_reason.
const (
	DropNone             DropReason = iota // not dropped
	DropPortDown                           // the port is administratively or held down
	DropSwitchDisabled                     // the switch is disabled
	DropMalformed                          // shorter than an Ethernet header
	DropMulticastSource                    // the source is a group address
	DropSourceIsDest                       // source and destination are the same
	DropTagMismatch                        // a tagged frame at an access port
	DropIngressVLAN                        // the port does not carry the frame's VLAN
	DropUntagged                           // untagged at a trunk without a native VLAN
	DropVLANSuspended                      // the VLAN is suspended
	DropReservedMAC                        // to 01:80:C2:00:00:00-0F, not for forwarding
	DropEmptyPortList                      // no port to send to
	DropLoopback                           // the destination is behind the ingress port
	DropEgressVLAN                         // the output port does not carry the VLAN
	DropEgressDown                         // the output port is down
	DropTooBig                             // longer than the output port's MTU
	DropTransmit                           // the kernel refused the frame or its copy
	DropLAGInactive                        // came in at a member of an aggregate that takes nothing in
	DropLAGDuplicate                       // a second copy, at a member that takes no broadcasts in
	DropLAGReflection                      // came back from the network, its source is at another port
	DropAddressElsewhere                   // the source is at another port and may not move here
	DropPoliced                            // above the rate of a policer of the port
	NumDropReasons                         // how many there are, DropNone included
)
