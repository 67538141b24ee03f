package openconfig

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// decodeSwitch translates one entry of openconfig-network-instance; nil where
// it is not configured. Of its lists it decodes what was touched, on top of
// what the configuration before has decoded.
func (c *Config) decodeSwitch(before *Config, name string, touched *parts) (*spec.Switch, error) {
	instance := instances(c.device)[name]
	if instance == nil {
		return nil, nil
	}
	config := instance.GetConfig()
	if config == nil {
		config = new(oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Config)
	}
	earlier := before.switches[name]
	if earlier == nil {
		earlier = new(spec.Switch)
	}
	s := spec.NewSwitch(name)
	s.Enabled = value(config.Enabled, s.Enabled)
	errs := []error{checkInstanceType(name, config.Type), checkMembers(name, instance, touched), decodeFDB(s, instance)}
	if name == "" {
		errs = append(errs, invalid(at(ocpath.NetworkInstancesNetworkInstance, name), "a network instance without a name"))
	}
	var err error
	s.VLANs, err = decodeVLANList(name, instance, earlier.VLANs, touched)
	errs = append(errs, err)
	s.Static, err = c.decodeStatics(name, earlier.Static, touched)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return s, nil
}

// checkInstanceType wants a kind of network instance that is served. The leaf
// is mandatory.
func checkInstanceType(name string, t oc.E_OpenconfigNetworkInstanceTypes_NETWORK_INSTANCE_TYPE) error {
	path := at(ocpath.NetworkInstancesNetworkInstanceConfigType, name)
	switch t {
	case oc.OpenconfigNetworkInstanceTypes_NETWORK_INSTANCE_TYPE_L2VSI:
		return nil
	case oc.OpenconfigNetworkInstanceTypes_NETWORK_INSTANCE_TYPE_DEFAULT_INSTANCE:
		if name == spec.DefaultSwitch {
			return nil
		}
		return invalid(path, "DEFAULT_INSTANCE is for %s only: use L2VSI", spec.DefaultSwitch)
	case oc.OpenconfigNetworkInstanceTypes_NETWORK_INSTANCE_TYPE_UNSET:
		if name == spec.DefaultSwitch {
			return invalid(path, "is missing: set it to DEFAULT_INSTANCE")
		}
		return invalid(path, "is missing: set it to L2VSI")
	}
	return invalid(path, "%s is not served: want L2VSI, or DEFAULT_INSTANCE for %s",
		t.ΛMap()["E_OpenconfigNetworkInstanceTypes_NETWORK_INSTANCE_TYPE"][int64(t)].Name, spec.DefaultSwitch)
}

// checkMembers wants each entry that lists an interface to name one. That it
// is configured, and listed once, is seen where the interface is decoded.
func checkMembers(name string, instance *instanceEntry, touched *parts) error {
	list := members(instance)
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(touched.members)) {
		if list[id] != nil && memberPort(list[id]) == "" {
			errs = append(errs, invalid(at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, name, id),
				"is missing: set it to the name of an interface"))
		}
	}
	return errors.Join(errs...)
}

// decodeFDB translates the settings of the filtering database.
func decodeFDB(s *spec.Switch, instance *instanceEntry) error {
	config := instance.GetFdb().GetConfig()
	if config == nil {
		return nil
	}
	s.Learning = value(config.MacLearning, s.Learning)
	if config.MacAgingTime != nil {
		s.Ageing = time.Duration(*config.MacAgingTime) * time.Second
	}
	if config.MaximumEntries == nil {
		return nil
	}
	s.MaxEntries = uint32(*config.MaximumEntries)
	if s.MaxEntries == 0 {
		return invalid(at(ocpath.NetworkInstancesNetworkInstanceFdbConfigMaximumEntries, s.Name),
			"0: want 1 or more; set mac-learning to false to learn nothing, remove the leaf for no limit")
	}
	return nil
}
