package openconfig

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// switchedVLAN is openconfig-vlan's switched-vlan of an interface, which an
// aggregate has below aggregation and any other below ethernet.
type switchedVLAN struct {
	vlanNodes
	mode   oc.E_OpenconfigVlanTypes_VlanModeType
	access *uint16
	native *uint16
	trunk  []any // unions
}

// vlanNodes are the nodes of one of both places.
type vlanNodes struct{ config, mode, access, native, trunk ocpath.ID }

func switchedVLANNodes(entry *interfaceEntry) vlanNodes {
	if isAggregate(entry) {
		return vlanNodes{
			ocpath.InterfacesInterfaceAggregationSwitchedVlanConfig, ocpath.InterfacesInterfaceAggregationSwitchedVlanConfigInterfaceMode,
			ocpath.InterfacesInterfaceAggregationSwitchedVlanConfigAccessVlan, ocpath.InterfacesInterfaceAggregationSwitchedVlanConfigNativeVlan,
			ocpath.InterfacesInterfaceAggregationSwitchedVlanConfigTrunkVlans,
		}
	}
	return vlanNodes{
		ocpath.InterfacesInterfaceEthernetSwitchedVlanConfig, ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigInterfaceMode,
		ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigAccessVlan, ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigNativeVlan,
		ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigTrunkVlans,
	}
}

// switchedVLANOf gives an interface's switched-vlan; nil where nothing of it
// is set, so that the interface is no port of a switch.
func switchedVLANOf(entry *interfaceEntry) *switchedVLAN {
	v := &switchedVLAN{vlanNodes: switchedVLANNodes(entry)}
	if isAggregate(entry) {
		config := entry.GetAggregation().GetSwitchedVlan().GetConfig()
		if config == nil {
			return nil
		}
		v.mode, v.access, v.native = config.InterfaceMode, config.AccessVlan, config.NativeVlan
		for _, element := range config.TrunkVlans {
			v.trunk = append(v.trunk, element)
		}
		return v
	}
	config := entry.GetEthernet().GetSwitchedVlan().GetConfig()
	if config == nil {
		return nil
	}
	v.mode, v.access, v.native = config.InterfaceMode, config.AccessVlan, config.NativeVlan
	for _, element := range config.TrunkVlans {
		v.trunk = append(v.trunk, element)
	}
	return v
}

// decodeSwitchedVLAN translates openconfig-vlan's switched-vlan of one
// interface; nil where nothing of it is set.
func decodeSwitchedVLAN(name, onSwitch string, entry *interfaceEntry) (*spec.Switched, error) {
	v := switchedVLANOf(entry)
	if v == nil {
		return nil, nil
	}
	s := &spec.Switched{Switch: onSwitch}
	var err error
	switch v.mode {
	case oc.OpenconfigVlanTypes_VlanModeType_ACCESS:
		s.Mode = spec.Access
		err = v.decodeAccess(s, name)
	case oc.OpenconfigVlanTypes_VlanModeType_TRUNK:
		s.Mode = spec.Trunk
		err = v.decodeTrunk(s, name)
	default:
		err = invalid(at(v.vlanNodes.mode, name), "is missing: set it to ACCESS or TRUNK")
	}
	return s, err
}

func (v *switchedVLAN) decodeAccess(s *spec.Switched, name string) error {
	const reason = "is for interface-mode TRUNK, and this interface is in ACCESS: use access-vlan"
	var errs []error
	if v.native != nil {
		errs = append(errs, invalid(at(v.vlanNodes.native, name), reason))
	}
	if len(v.trunk) > 0 {
		errs = append(errs, invalid(at(v.vlanNodes.trunk, name), reason))
	}
	path := at(v.vlanNodes.access, name)
	if v.access == nil {
		return errors.Join(append(errs, invalid(path, "is missing: an interface in ACCESS has one VLAN, %d to %d", spec.MinVLAN, spec.MaxVLAN))...)
	}
	s.PVID = *v.access
	return errors.Join(append(errs, checkVLAN(s.PVID, func(reason string) error { return invalid(path, "%s", reason) }))...)
}

func (v *switchedVLAN) decodeTrunk(s *spec.Switched, name string) error {
	var errs []error
	if v.access != nil {
		errs = append(errs, invalid(at(v.vlanNodes.access, name),
			"is for interface-mode ACCESS, and this interface is in TRUNK: use native-vlan or trunk-vlans"))
	}
	if v.native != nil {
		s.PVID = *v.native
		errs = append(errs, checkVLAN(s.PVID, func(reason string) error {
			return invalid(at(v.vlanNodes.native, name), "%s", reason)
		}))
	}
	s.AllVLANs = len(v.trunk) == 0
	if err := decodeVLANs(&s.Tagged, v.trunk); err != nil {
		errs = append(errs, invalid(at(v.vlanNodes.trunk, name), "%s", err))
	}
	return errors.Join(errs...)
}

// decodeVLANs adds up a list of VLANs and ranges, none of which may repeat
// what another one says.
func decodeVLANs(set *spec.VLANSet, list []any) error {
	for _, element := range list {
		low, high, err := vlanRange(element)
		if err != nil {
			return err
		}
		for v := low; v <= high; v++ {
			if set.Has(v) {
				return fmt.Errorf("%v overlaps: vlan %d is in the list already", element, v)
			}
			set.Add(v)
		}
	}
	return nil
}

// vlanRange takes one element of trunk-vlans: a number, or a range "x..y" with
// x < y.
func vlanRange(element any) (low, high uint16, err error) {
	switch x := element.(type) {
	case oc.UnionUint16:
		low, high = uint16(x), uint16(x)
	case oc.UnionString:
		first, last, _ := strings.Cut(string(x), "..")
		a, errA := strconv.ParseUint(first, 10, 16)
		b, errB := strconv.ParseUint(last, 10, 16)
		if errA != nil || errB != nil || a >= b {
			return 0, 0, fmt.Errorf("%q is no range of VLANs: want x..y with x below y", string(x))
		}
		low, high = uint16(a), uint16(b)
	default:
		return 0, 0, fmt.Errorf("%v is neither a VLAN nor a range", element)
	}
	asIs := func(reason string) error { return errors.New(reason) }
	return low, high, errors.Join(checkVLAN(low, asIs), checkVLAN(high, asIs))
}

// checkVLAN wants a VLAN id that frames can have.
func checkVLAN(id uint16, refuse func(reason string) error) error {
	if id < spec.MinVLAN || id > spec.MaxVLAN {
		return refuse(fmt.Sprintf("vlan %d: want %d to %d", id, spec.MinVLAN, spec.MaxVLAN))
	}
	return nil
}

// decodeVLANList translates the VLANs of a network instance: those that were
// touched, on top of what was decoded before.
func decodeVLANList(name string, instance *instanceEntry, before map[uint16]spec.VLAN, touched *parts) (map[uint16]spec.VLAN, error) {
	if len(touched.vlans) == 0 && before != nil {
		return before, nil
	}
	all := maps.Clone(before)
	if all == nil {
		all = map[uint16]spec.VLAN{}
	}
	var errs []error
	for id := range touched.vlans {
		entry := vlanList(instance)[id]
		if entry == nil {
			delete(all, id)
			continue
		}
		errs = append(errs, checkVLAN(id, func(reason string) error {
			return invalid(at(ocpath.NetworkInstancesNetworkInstanceVlansVlan, name, strconv.Itoa(int(id))), "%s", reason)
		}))
		all[id] = decodeVLAN(id, entry)
	}
	return all, errors.Join(errs...)
}

func decodeVLAN(id uint16, entry *vlanEntry) spec.VLAN {
	v := spec.VLAN{ID: id}
	if config := entry.GetConfig(); config != nil {
		v.Name = value(config.Name, "")
		v.Suspended = config.Status == oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Vlans_Vlan_Config_Status_SUSPENDED
	}
	return v
}
