package openconfig

import (
	"strconv"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SwitchState is what openconfig-network-instance, with the modules that
// augment it, says of one switch as it was observed, its VLANs apart.
func SwitchState(s *spec.SwitchState) *Row {
	r := row(ocpath.NetworkInstancesNetworkInstance, s.Name)
	r.text(ocpath.NetworkInstancesNetworkInstanceName, s.Name)
	r.text(ocpath.NetworkInstancesNetworkInstanceStateName, s.Name)
	r.name(ocpath.NetworkInstancesNetworkInstanceStateType, instanceType(s.Name))
	r.bool(ocpath.NetworkInstancesNetworkInstanceStateEnabled, s.Enabled)
	r.bool(ocpath.NetworkInstancesNetworkInstanceFdbStateMacLearning, s.Learning)
	r.uint(ocpath.NetworkInstancesNetworkInstanceFdbStateMacAgingTime, uint64(s.Ageing/time.Second))
	r.positive(ocpath.NetworkInstancesNetworkInstanceFdbStateMaximumEntries, uint64(s.MaxEntries))
	r.uint(ocpath.NetworkInstancesNetworkInstanceFdbStateStaticEntries, uint64(s.Static))
	return r
}

// instanceType is the type of a switch. The one that takes the ports no other
// lists is the default instance of the model, which must have that type.
func instanceType(name string) string {
	if name == spec.DefaultSwitch {
		return "DEFAULT_INSTANCE"
	}
	return "L2VSI"
}

// VLANKey is the key of a VLAN in its switch's list.
func VLANKey(id uint16) string { return strconv.Itoa(int(id)) }

// VLANState is what openconfig-vlan, with the modules that augment it, says of
// one VLAN of a switch as it was observed.
func VLANState(instance string, v *spec.VLANState) *Row {
	id := uint64(v.ID)
	r := row(ocpath.NetworkInstancesNetworkInstanceVlansVlan, instance, VLANKey(v.ID))
	r.uint(ocpath.NetworkInstancesNetworkInstanceVlansVlanVlanId, id)
	r.uint(ocpath.NetworkInstancesNetworkInstanceVlansVlanStateVlanId, id)
	r.text(ocpath.NetworkInstancesNetworkInstanceVlansVlanStateName, v.Name)
	status := "ACTIVE"
	if v.Suspended {
		status = "SUSPENDED"
	}
	r.name(ocpath.NetworkInstancesNetworkInstanceVlansVlanStateStatus, status)
	if len(v.Members) > 0 {
		r.put(ocpath.NetworkInstancesNetworkInstanceVlansVlanStateMember, stringList(v.Members))
	}
	return r
}

// MemberState is the entry of a port in its switch's list of interfaces. The
// id is the one under which the configuration lists the port, and the port's
// name where it lists it not.
func MemberState(instance, id, port string) *Row {
	r := row(ocpath.NetworkInstancesNetworkInstanceInterfacesInterface, instance, id)
	r.text(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceId, id)
	r.text(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceStateId, id)
	r.text(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceStateInterface, port)
	return r
}

func stringList(texts []string) schema.Value {
	elems := make([]schema.Value, len(texts))
	for i, s := range texts {
		elems[i] = schema.StringValue(s)
	}
	return schema.ListValue(elems)
}
