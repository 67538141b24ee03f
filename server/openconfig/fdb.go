package openconfig

import (
	"cmp"
	"errors"
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
// database of a network instance.
func (c *Config) decodeStatics(name string, instance *instanceEntry) (map[spec.FDBKey]string, error) {
	list := statics(instance)
	if len(list) == 0 {
		return nil, nil
	}
	all := make(map[spec.FDBKey]string, len(list))
	var errs []error
	for _, key := range sortedStatics(list) {
		entry := list[key]
		mac, err := decodeStationMAC(key.MacAddress, func(reason string) error {
			return invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryConfigMacAddress, name, key), "%s", reason)
		})
		errs = append(errs, err)
		if vlanList(instance)[key.Vlan] == nil {
			errs = append(errs, invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryConfigVlan, name, key),
				"vlan %d is not configured: set %s first", key.Vlan,
				at(ocpath.NetworkInstancesNetworkInstanceVlansVlan, name, strconv.Itoa(int(key.Vlan)))))
		}
		port := stationPort(entry)
		errs = append(errs, c.checkStation(name, key, port))
		where := spec.FDBKey{VLAN: key.Vlan, MAC: mac}
		if _, twice := all[where]; twice && err == nil {
			errs = append(errs, invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, name, key),
				"the same address is configured twice, in capital and small letters"))
		}
		all[where] = port
	}
	return all, errors.Join(errs...)
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
	case entry.GetEthernet().GetSwitchedVlan().GetConfig() == nil:
		return invalid(path, "interface %s is no switch port: set %s", port,
			at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfig, port))
	case c.index.switchOf(port) != instance:
		return invalid(path, "interface %s is on switch %s", port, c.index.switchOf(port))
	}
	return nil
}

// checkStations wants a port that changes to stay one that the entries which
// name it can have.
func (c *Config) checkStations(port string, switched *spec.Switched) error {
	var errs []error
	for _, s := range c.index.statics[port] {
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
