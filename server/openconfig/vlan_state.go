package openconfig

import (
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// switchedVLANState adds openconfig-vlan's part of a port, which an aggregate
// has below aggregation and any other below ethernet. A trunk that carries
// every VLAN has no trunk-vlans, as in its configuration; which VLANs these are
// is in switch-port/state/carried-vlans.
func switchedVLANState(r *Row, p *spec.PortState, aggregate bool) {
	mode, access, native, trunk := ocpath.InterfacesInterfaceEthernetSwitchedVlanStateInterfaceMode,
		ocpath.InterfacesInterfaceEthernetSwitchedVlanStateAccessVlan,
		ocpath.InterfacesInterfaceEthernetSwitchedVlanStateNativeVlan,
		ocpath.InterfacesInterfaceEthernetSwitchedVlanStateTrunkVlans
	if aggregate {
		mode, access, native, trunk = ocpath.InterfacesInterfaceAggregationSwitchedVlanStateInterfaceMode,
			ocpath.InterfacesInterfaceAggregationSwitchedVlanStateAccessVlan,
			ocpath.InterfacesInterfaceAggregationSwitchedVlanStateNativeVlan,
			ocpath.InterfacesInterfaceAggregationSwitchedVlanStateTrunkVlans
	}
	switch p.Mode {
	case spec.Access:
		r.name(mode, "ACCESS")
		r.positive(access, uint64(p.PVID))
	case spec.Trunk:
		r.name(mode, "TRUNK")
		r.positive(native, uint64(p.PVID))
		if !p.AllVLANs {
			r.put(trunk, vlanRanges(&p.Tagged))
		}
	}
}

// vlanRanges is a set as a leaf-list of ids and ranges, in ascending order.
func vlanRanges(set *spec.VLANSet) schema.Value {
	var elems []schema.Value
	for low, high := range set.Ranges() {
		if low == high {
			elems = append(elems, schema.UintValue(uint64(low)))
		} else {
			elems = append(elems, schema.StringValue(fmt.Sprintf("%d..%d", low, high)))
		}
	}
	if elems == nil {
		return schema.Value{}
	}
	return schema.ListValue(elems)
}
