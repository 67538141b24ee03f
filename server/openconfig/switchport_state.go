package openconfig

import (
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// switchPortState adds signalbox-switch-port's part of a port.
func switchPortState(r *Row, p *spec.PortState) {
	r.text(ocpath.InterfacesInterfaceSwitchPortStateSwitch, p.Switch)
	r.positive(ocpath.InterfacesInterfaceSwitchPortStateNumber, uint64(p.Number))
	r.name(ocpath.InterfacesInterfaceSwitchPortStateKind, p.Kind.String())
	r.bool(ocpath.InterfacesInterfaceSwitchPortStateAllowTeaming, !p.NoTeaming)
	r.bool(ocpath.InterfacesInterfaceSwitchPortStateForwarding, p.Forwarding)
	r.bool(ocpath.InterfacesInterfaceSwitchPortStateAllVlans, p.AllVLANs)
	carried := p.Tagged
	if p.PVID != 0 {
		carried.Add(p.PVID)
	}
	r.put(ocpath.InterfacesInterfaceSwitchPortStateCarriedVlans, vlanRanges(&carried))
}
