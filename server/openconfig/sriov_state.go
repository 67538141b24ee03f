package openconfig

import (
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// sriovState adds signalbox-sriov's part of an interface, its virtual functions
// apart.
func sriovState(r *Row, s *spec.SRIOVState) {
	there := s.Pending != spec.VFPendingDevice
	if there {
		r.bool(ocpath.InterfacesInterfaceSriovStateEnabled, len(s.VFs) > 0)
		r.uint(ocpath.InterfacesInterfaceSriovStateNumVfs, uint64(len(s.VFs)))
		r.uint(ocpath.InterfacesInterfaceSriovStateFreeVfs, uint64(s.Free()))
	}
	r.positive(ocpath.InterfacesInterfaceSriovStateTotalVfs, uint64(s.Total))
	if s.Autoprobe != nil {
		r.bool(ocpath.InterfacesInterfaceSriovStateDriversAutoprobe, *s.Autoprobe)
	}
	r.text(ocpath.InterfacesInterfaceSriovStatePciAddress, s.PCI)
	if s.NUMANode != nil {
		r.uint(ocpath.InterfacesInterfaceSriovStateNumaNode, uint64(*s.NUMANode))
	}
	r.text(ocpath.InterfacesInterfaceSriovStateDriver, s.Driver)
	r.text(ocpath.InterfacesInterfaceSriovStateFirmwareVersion, s.Firmware)
	r.name(ocpath.InterfacesInterfaceSriovStateEswitchMode, s.Eswitch.String())
	r.put(ocpath.InterfacesInterfaceSriovStateCapability, capabilities(s))
	if s.Configured {
		r.name(ocpath.InterfacesInterfaceSriovStateOnShrink, choice(s.Force, "FORCE", "REJECT_IF_IN_USE"))
		r.name(ocpath.InterfacesInterfaceSriovStateOnDrift, choice(s.Repair, "REPAIR", "SHOW"))
		r.name(ocpath.InterfacesInterfaceSriovStatePendingAction, s.Pending.String())
		r.text(ocpath.InterfacesInterfaceSriovStateFault, s.Fault)
	}
}

func choice(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// capabilities is what a driver is known to do; no value for nothing.
func capabilities(s *spec.SRIOVState) schema.Value {
	var elems []schema.Value
	for _, c := range []struct {
		has  bool
		name string
	}{
		{s.Can&spec.VFSpoofCheck != 0, "VF_SPOOF_CHECK"},
		{s.Can&spec.VFTrust != 0, "VF_TRUST"},
		{s.Can&spec.VFLinkState != 0, "VF_LINK_STATE"},
		{s.Can&spec.VFMaxRate != 0, "VF_MAX_TX_RATE"},
		{s.Can&spec.VFMinRate != 0, "VF_MIN_TX_RATE"},
		{s.QinQ, "VF_QINQ"},
		{s.Eswitch != spec.EswitchNone, "ESWITCH_MODE"},
	} {
		if c.has {
			elems = append(elems, schema.EnumValue(c.name))
		}
	}
	if elems == nil {
		return schema.Value{}
	}
	return schema.ListValue(elems)
}

// VFKey is the key of a virtual function.
func VFKey(id uint16) string { return strconv.Itoa(int(id)) }

// VirtualFunctions are the virtual functions of an interface, in the order of
// their numbers.
func VirtualFunctions(i *spec.Interface) []*Row {
	if i == nil || i.SRIOV == nil {
		return nil
	}
	rows := make([]*Row, len(i.SRIOV.VFs))
	for id := range rows {
		rows[id] = virtualFunction(i.Name, uint16(id), &i.SRIOV.VFs[id])
	}
	return rows
}

func virtualFunction(name string, id uint16, v *spec.VFState) *Row {
	r := row(ocpath.InterfacesInterfaceSriovVfsVf, name, VFKey(id))
	r.uint(ocpath.InterfacesInterfaceSriovVfsVfId, uint64(id))
	r.uint(ocpath.InterfacesInterfaceSriovVfsVfStateId, uint64(id))
	if v.Has&spec.VFMAC != 0 {
		r.put(ocpath.InterfacesInterfaceSriovVfsVfStateMacAddress, macValue(v.MAC))
	}
	if v.Has&spec.VFVLAN != 0 {
		r.uint(ocpath.InterfacesInterfaceSriovVfsVfStateVlanId, uint64(v.VLAN))
		if v.VLAN != 0 {
			r.uint(ocpath.InterfacesInterfaceSriovVfsVfStateVlanPcp, uint64(v.PCP))
			r.name(ocpath.InterfacesInterfaceSriovVfsVfStateVlanTpid, choice(v.TPID == spec.TPIDService, "TPID_0X88A8", "TPID_0X8100"))
		}
	}
	if v.Has&spec.VFMinRate != 0 {
		r.uint(ocpath.InterfacesInterfaceSriovVfsVfStateMinTxRate, uint64(v.MinRate))
	}
	if v.Has&spec.VFMaxRate != 0 {
		r.uint(ocpath.InterfacesInterfaceSriovVfsVfStateMaxTxRate, uint64(v.MaxRate))
	}
	if v.Has&spec.VFSpoofCheck != 0 {
		r.bool(ocpath.InterfacesInterfaceSriovVfsVfStateSpoofCheck, v.SpoofCheck)
	}
	if v.Has&spec.VFTrust != 0 {
		r.bool(ocpath.InterfacesInterfaceSriovVfsVfStateTrust, v.Trust)
	}
	if v.Has&spec.VFLinkState != 0 {
		r.name(ocpath.InterfacesInterfaceSriovVfsVfStateLinkState, v.Link.String())
	}
	virtualDevice(r, v)
	return r
}

// virtualDevice adds what stands behind a virtual function.
func virtualDevice(r *Row, v *spec.VFState) {
	r.text(ocpath.InterfacesInterfaceSriovVfsVfStatePciAddress, v.PCI)
	r.text(ocpath.InterfacesInterfaceSriovVfsVfStateDriver, v.Driver)
	r.text(ocpath.InterfacesInterfaceSriovVfsVfStateNetdev, v.Netdev)
	r.text(ocpath.InterfacesInterfaceSriovVfsVfStateRepresentor, v.Representor)
	r.name(ocpath.InterfacesInterfaceSriovVfsVfStateUsedBy, v.Use.String())
	if v.Netdev != "" {
		r.bool(ocpath.InterfacesInterfaceSriovVfsVfStateLinkUp, v.LinkUp)
		r.bool(ocpath.InterfacesInterfaceSriovVfsVfStateRebindPending, v.RebindPending)
	}
}
