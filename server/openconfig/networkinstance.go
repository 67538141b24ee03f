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
// it is not configured.
func (c *Config) decodeSwitch(name string) (*spec.Switch, error) {
	instance := instances(c.device)[name]
	if instance == nil {
		return nil, nil
	}
	s := spec.NewSwitch(name)
	config := instance.GetConfig()
	if config == nil {
		config = new(oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Config)
	}
	s.Enabled = value(config.Enabled, s.Enabled)
	errs := []error{checkInstanceType(name, config.Type), c.checkMembers(name, instance), decodeFDB(s, instance)}
	var err error
	s.VLANs, err = decodeVLANList(name, instance)
	errs = append(errs, err)
	s.Static, err = c.decodeStatics(name, instance)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil { // what the checks above leave to it
		return nil, FromDevice(err)
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
		return invalid(path, "is missing: set it to L2VSI")
	}
	return invalid(path, "%s is not served: want L2VSI, or DEFAULT_INSTANCE for %s",
		t.ΛMap()["E_OpenconfigNetworkInstanceTypes_NETWORK_INSTANCE_TYPE"][int64(t)].Name, spec.DefaultSwitch)
}

// checkMembers wants each interface that an instance lists to be configured,
// and listed nowhere else.
func (c *Config) checkMembers(name string, instance *instanceEntry) error {
	list := members(instance)
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(list)) {
		path := at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, name, id)
		port := memberPort(list[id])
		switch {
		case port == "":
			errs = append(errs, invalid(path, "is missing: set it to the name of an interface"))
		case interfaces(c.device)[port] == nil:
			errs = append(errs, invalid(path, "interface %s is not configured in /interfaces: configure it, or remove this reference too", port))
		default:
			errs = append(errs, c.index.checkListed(port))
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
