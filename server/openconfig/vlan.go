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

// decodeSwitchedVLAN translates openconfig-vlan's switched-vlan of one
// interface; nil where nothing of it is set.
func decodeSwitchedVLAN(name, onSwitch string, entry *interfaceEntry) (*spec.Switched, error) {
	config := entry.GetEthernet().GetSwitchedVlan().GetConfig()
	if config == nil {
		return nil, nil
	}
	s := &spec.Switched{Switch: onSwitch}
	var err error
	switch config.InterfaceMode {
	case oc.OpenconfigVlanTypes_VlanModeType_ACCESS:
		s.Mode = spec.Access
		err = decodeAccess(s, name, entry)
	case oc.OpenconfigVlanTypes_VlanModeType_TRUNK:
		s.Mode = spec.Trunk
		err = decodeTrunk(s, name, entry)
	default:
		err = invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigInterfaceMode, name),
			"is missing: set it to ACCESS or TRUNK")
	}
	return s, err
}

func decodeAccess(s *spec.Switched, name string, entry *interfaceEntry) error {
	config := entry.GetEthernet().GetSwitchedVlan().GetConfig()
	const reason = "is for interface-mode TRUNK, and this interface is in ACCESS: use access-vlan"
	var errs []error
	if config.NativeVlan != nil {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigNativeVlan, name), reason))
	}
	if len(config.TrunkVlans) > 0 {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigTrunkVlans, name), reason))
	}
	path := at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigAccessVlan, name)
	if config.AccessVlan == nil {
		return errors.Join(append(errs, invalid(path, "is missing: an interface in ACCESS has one VLAN, %d to %d", spec.MinVLAN, spec.MaxVLAN))...)
	}
	s.PVID = *config.AccessVlan
	return errors.Join(append(errs, checkVLAN(s.PVID, func(reason string) error { return invalid(path, "%s", reason) }))...)
}

func decodeTrunk(s *spec.Switched, name string, entry *interfaceEntry) error {
	config := entry.GetEthernet().GetSwitchedVlan().GetConfig()
	var errs []error
	if config.AccessVlan != nil {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigAccessVlan, name),
			"is for interface-mode ACCESS, and this interface is in TRUNK: use native-vlan or trunk-vlans"))
	}
	if config.NativeVlan != nil {
		s.PVID = *config.NativeVlan
		errs = append(errs, checkVLAN(s.PVID, func(reason string) error {
			return invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigNativeVlan, name), "%s", reason)
		}))
	}
	s.AllVLANs = len(config.TrunkVlans) == 0
	if err := decodeVLANs(&s.Tagged, config.TrunkVlans); err != nil {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigTrunkVlans, name), "%s", err))
	}
	return errors.Join(errs...)
}

// decodeVLANs adds up a list of VLANs and ranges, none of which may repeat
// what another one says.
func decodeVLANs(set *spec.VLANSet, list []oc.OpenconfigInterfaces_Interfaces_Interface_Ethernet_SwitchedVlan_Config_TrunkVlans_Union) error {
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
