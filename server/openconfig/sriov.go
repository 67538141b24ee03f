package openconfig

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Short names of the structs that are decoded.
type (
	sriovConfig = oc.OpenconfigInterfaces_Interfaces_Interface_Sriov_Config
	vfConfig    = oc.OpenconfigInterfaces_Interfaces_Interface_Sriov_Vfs_Vf_Config
	vfEntry     = oc.OpenconfigInterfaces_Interfaces_Interface_Sriov_Vfs_Vf
)

// virtualFunctions gives the list of an interface's virtual functions; it may be
// nil.
func virtualFunctions(entry *interfaceEntry) map[uint16]*vfEntry {
	if vfs := entry.GetSriov().GetVfs(); vfs != nil {
		return vfs.Vf
	}
	return nil
}

// decodeSRIOV translates signalbox-sriov's part of an interface; nil for none.
func decodeSRIOV(name string, entry *interfaceEntry) (*spec.SRIOV, error) {
	config, vfs := entry.GetSriov().GetConfig(), virtualFunctions(entry)
	if config == nil && len(vfs) == 0 {
		return nil, nil
	}
	if config == nil {
		config = new(sriovConfig)
	}
	if isAggregate(entry) {
		return nil, invalid(at(ocpath.InterfacesInterfaceSriov, name), "an aggregate has no virtual functions: its members may")
	}
	s := &spec.SRIOV{
		Number: config.NumVfs, Autoprobe: config.DriversAutoprobe,
		Eswitch: spec.Eswitch(config.EswitchMode), // in the same order; a test compares
		Force:   config.OnShrink == oc.SignalboxSriov_Shrink_FORCE, Repair: config.OnDrift == oc.SignalboxSriov_Drift_REPAIR,
	}
	if !value(config.Enabled, true) {
		s.Number = new(uint16) // what is set of virtual functions waits until there are any
		return s, nil
	}
	s.VFs = make(map[uint16]spec.VF, len(vfs))
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(vfs)) {
		v, err := decodeVF(name, id, vfs[id].GetConfig())
		errs = append(errs, err)
		s.VFs[id] = v
	}
	return s, errors.Join(errs...)
}

// decodeVF translates a virtual function; what is not set is not in Has.
func decodeVF(name string, id uint16, config *vfConfig) (v spec.VF, err error) {
	if config == nil {
		return v, nil
	}
	key := strconv.Itoa(int(id))
	if config.MacAddress != nil {
		mac, err := decodeStationMAC(*config.MacAddress, func(reason string) error {
			return invalid(at(ocpath.InterfacesInterfaceSriovVfsVfConfigMacAddress, name, key), "%s", reason)
		})
		if err != nil {
			return v, err
		}
		v.Take(spec.VF{MAC: mac}, spec.VFMAC)
	}
	if err := decodeVFTag(&v, name, key, config); err != nil {
		return v, err
	}
	if config.MinTxRate != nil {
		v.Take(spec.VF{MinRate: *config.MinTxRate}, spec.VFMinRate)
	}
	if config.MaxTxRate != nil {
		v.Take(spec.VF{MaxRate: *config.MaxTxRate}, spec.VFMaxRate)
	}
	if config.SpoofCheck != nil {
		v.Take(spec.VF{SpoofCheck: *config.SpoofCheck}, spec.VFSpoofCheck)
	}
	if config.Trust != nil {
		v.Take(spec.VF{Trust: *config.Trust}, spec.VFTrust)
	}
	if config.LinkState != oc.SignalboxSriov_LinkState_UNSET {
		link := spec.VFLink(config.LinkState - 1) // in the same order; a test compares
		v.Take(spec.VF{Link: link}, spec.VFLinkState)
	}
	return v, nil
}

// decodeVFTag translates the tag, whose parts mean nothing without a VLAN.
func decodeVFTag(v *spec.VF, name, key string, config *vfConfig) error {
	vlan := value(config.VlanId, 0)
	if vlan == 0 && config.VlanPcp != nil {
		return invalid(at(ocpath.InterfacesInterfaceSriovVfsVfConfigVlanPcp, name, key), "without a vlan-id there is no tag that could have a priority")
	}
	tag := spec.VF{VLAN: vlan, PCP: value(config.VlanPcp, 0), TPID: spec.TPIDCustomer}
	if vlan == 0 && config.VlanTpid != oc.SignalboxSriov_TagType_UNSET {
		return invalid(at(ocpath.InterfacesInterfaceSriovVfsVfConfigVlanTpid, name, key), "without a vlan-id there is no tag that could have a type")
	}
	if config.VlanTpid == oc.SignalboxSriov_TagType_TPID_0X88A8 {
		tag.TPID = spec.TPIDService
	}
	if config.VlanId != nil {
		v.Take(tag, spec.VFVLAN)
	}
	return nil
}

// sriovPath is the path of a part of an interface's SR-IOV.
func sriovPath(name string, ref *spec.VFRef) schema.Path {
	if ref.VF < 0 {
		if ref.Attribute == spec.VFNumber {
			return at(ocpath.InterfacesInterfaceSriovConfigNumVfs, name)
		}
		if ref.Attribute == spec.VFEswitch {
			return at(ocpath.InterfacesInterfaceSriovConfigEswitchMode, name)
		}
		return at(ocpath.InterfacesInterfaceSriov, name)
	}
	node := ocpath.InterfacesInterfaceSriovVfsVf
	switch ref.Attribute {
	case spec.VFMAC:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigMacAddress
	case spec.VFVLAN:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigVlanId
	case spec.VFMinRate:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigMinTxRate
	case spec.VFMaxRate:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigMaxTxRate
	case spec.VFSpoofCheck:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigSpoofCheck
	case spec.VFTrust:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigTrust
	case spec.VFLinkState:
		node = ocpath.InterfacesInterfaceSriovVfsVfConfigLinkState
	}
	return at(node, name, strconv.Itoa(ref.VF))
}
