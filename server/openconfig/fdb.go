package openconfig

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// staticPath is the path of a node of a configured entry.
func staticPath(node ocpath.ID, instance string, key staticKey) schema.Path {
	return at(node, instance, key.MacAddress, strconv.Itoa(int(key.Vlan)))
}

// decodeStatics translates the entries that are configured in the filtering
// database of a network instance: those that were touched, on top of what was
// decoded before.
func (c *Config) decodeStatics(name string, before map[spec.FDBKey]string, touched *parts) (map[spec.FDBKey]string, error) {
	instance := instances(c.device)[name]
	errs := []error{checkStationVLANs(name, instance, before, touched)}
	if len(touched.statics) == 0 {
		return before, errors.Join(errs...)
	}
	all := make(map[spec.FDBKey]string, len(before)+len(touched.statics))
	maps.Copy(all, before)
	for key := range touched.statics {
		if mac, err := spec.ParseMAC(key.MacAddress); err == nil {
			delete(all, spec.FDBKey{VLAN: key.Vlan, MAC: mac})
		}
	}
	for _, key := range sortedStatics(touched.statics) {
		entry := statics(instance)[key]
		if entry == nil {
			continue
		}
		mac, err := decodeStationMAC(key.MacAddress, func(reason string) error {
			return invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryConfigMacAddress, name, key), "%s", reason)
		})
		where := spec.FDBKey{VLAN: key.Vlan, MAC: mac}
		if _, twice := all[where]; twice && err == nil {
			err = invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, name, key),
				"the same address is configured twice, in capital and small letters")
		}
		all[where] = stationPort(entry)
		errs = append(errs, err, checkStationVLAN(name, instance, key), c.checkStation(name, key, all[where]))
	}
	if len(all) == 0 {
		all = nil
	}
	return all, errors.Join(errs...)
}

// checkStationVLANs wants no entry to be left on a VLAN that is gone.
func checkStationVLANs(name string, instance *instanceEntry, before map[spec.FDBKey]string, touched *parts) error {
	gone := false
	for id := range touched.vlans {
		gone = gone || vlanList(instance)[id] == nil
	}
	if !gone || len(before) == 0 {
		return nil
	}
	var errs []error
	for _, key := range sortedStatics(statics(instance)) {
		if _, also := touched.statics[key]; !also {
			errs = append(errs, checkStationVLAN(name, instance, key))
		}
	}
	return errors.Join(errs...)
}

// checkStationVLAN wants the VLAN of an entry to be configured: the leaf
// refers to it.
func checkStationVLAN(name string, instance *instanceEntry, key staticKey) error {
	if vlanList(instance)[key.Vlan] != nil {
		return nil
	}
	return invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryConfigVlan, name, key),
		"vlan %d is not configured: set %s, or remove this entry too", key.Vlan,
		at(ocpath.NetworkInstancesNetworkInstanceVlansVlan, name, strconv.Itoa(int(key.Vlan))))
}

// checkStation wants the port of an entry to be on the switch.
func (c *Config) checkStation(instance string, key staticKey, port string) error {
	path := staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryInterfaceInterfaceRefConfigInterface, instance, key)
	entry := interfaces(c.device)[port]
	switch {
	case port == "":
		return invalid(path, "is missing: set it to the port that the address is behind")
	case entry == nil:
		return invalid(path, "interface %s is not configured in /interfaces: configure it, or remove this reference too", port)
	case switchedVLANOf(entry) == nil:
		return invalid(path, "interface %s is no switch port: set %s", port, at(switchedVLANNodes(entry).config, port))
	case c.index.switchOf(port) != instance:
		return invalid(path, "interface %s is on switch %s", port, c.index.switchOf(port))
	}
	return nil
}

// checkStations wants a port that changes to stay one that the entries which
// name it can have.
func (c *Config) checkStations(port string, switched *spec.Switched) error {
	var errs []error
	for _, s := range c.index.stations(port) {
		if switched == nil || switched.Switch != s.instance {
			errs = append(errs, c.checkStation(s.instance, s.key, port))
		}
	}
	return errors.Join(errs...)
}

func sortedStatics[V any](list map[staticKey]V) []staticKey {
	keys := make([]staticKey, 0, len(list))
	for key := range list {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b staticKey) int {
		return cmp.Or(cmp.Compare(a.Vlan, b.Vlan), cmp.Compare(a.MacAddress, b.MacAddress))
	})
	return keys
}
