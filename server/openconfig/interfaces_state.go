package openconfig

import (
	"math"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// InterfaceState is what openconfig-interfaces, with the modules that augment
// it, says of one interface as it was observed.
func InterfaceState(i *spec.Interface) *Row {
	r := row(ocpath.InterfacesInterface, i.Name)
	r.text(ocpath.InterfacesInterfaceName, i.Name)
	r.text(ocpath.InterfacesInterfaceStateName, i.Name)
	r.name(ocpath.InterfacesInterfaceStateType, interfaceType(i))
	r.text(ocpath.InterfacesInterfaceStateDescription, i.Description)
	if i.MTU <= math.MaxUint16 { // the loopback device's is 65536, which the leaf cannot hold
		r.positive(ocpath.InterfacesInterfaceStateMtu, uint64(i.MTU))
	}
	r.bool(ocpath.InterfacesInterfaceStateEnabled, i.AdminUp)
	r.positive(ocpath.InterfacesInterfaceStateIfindex, uint64(i.Index))
	r.name(ocpath.InterfacesInterfaceStateAdminStatus, upDown(i.AdminUp))
	r.name(ocpath.InterfacesInterfaceStateOperStatus, operStatus(i.Oper))
	if !i.LastChange.IsZero() {
		r.uint(ocpath.InterfacesInterfaceStateLastChange, uint64(i.LastChange.UnixNano()))
	}
	// No interface here is a processor's own or set aside for management.
	r.bool(ocpath.InterfacesInterfaceStateCpu, false)
	r.bool(ocpath.InterfacesInterfaceStateManagement, false)
	if i.Present {
		r.bool(ocpath.InterfacesInterfaceStateLogical, i.LinkKind != "" || i.Aggregate != nil)
	}
	if isPort(i) {
		r.text(ocpath.InterfacesInterfaceStateHardwarePort, PortComponentName(i.Name))
	}
	r.uint(ocpath.InterfacesInterfaceHoldTimeStateUp, uint64(i.HoldUp.Milliseconds()))
	r.uint(ocpath.InterfacesInterfaceHoldTimeStateDown, uint64(i.HoldDown.Milliseconds()))
	r.bool(ocpath.InterfacesInterfaceStateForwardingViable, i.Member == nil || !i.Member.Drained)
	ethernetState(r, i)
	if i.Port != nil {
		switchedVLANState(r, i.Port, i.Aggregate != nil)
		switchPortState(r, i.Port)
	}
	bandwidthState(r, i.QoS)
	if i.Aggregate != nil {
		aggregateState(r, i.Aggregate)
		teamingState(r, i.Aggregate)
	}
	if i.Member != nil {
		memberState(r, i.Member)
	}
	if i.SRIOV != nil {
		sriovState(r, i.SRIOV)
	}
	return r
}

func upDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

// operStatus is the name of a status in openconfig-interfaces.
func operStatus(s spec.OperStatus) string {
	switch s {
	case spec.OperUp:
		return "UP"
	case spec.OperDown:
		return "DOWN"
	case spec.OperTesting:
		return "TESTING"
	case spec.OperDormant:
		return "DORMANT"
	case spec.OperNotPresent:
		return "NOT_PRESENT"
	case spec.OperLowerLayerDown:
		return "LOWER_LAYER_DOWN"
	}
	return "UNKNOWN"
}

// interfaceType is the iana-if-type of what the kernel has; "" for an
// interface that is not there, of which nothing can be said.
func interfaceType(i *spec.Interface) string {
	switch {
	case !i.Present:
		return ""
	case i.LinkKind == "loopback":
		return "softwareLoopback"
	case i.LinkKind == "bridge":
		return "bridge"
	case i.Aggregate != nil, i.LinkKind == "bond", i.LinkKind == "team":
		return "ieee8023adLag"
	case i.LinkKind == "vlan":
		return "l2vlan"
	case i.MAC.IsZero(): // no Ethernet: a tunnel of network-layer packets
		return "tunnel"
	}
	return "ethernetCsmacd"
}

func macValue(m spec.MAC) schema.Value {
	if m.IsZero() {
		return schema.Value{}
	}
	return schema.StringValue(m.String())
}
