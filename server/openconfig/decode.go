package openconfig

import (
	"errors"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Short names of the structs that are decoded.
type (
	interfaceEntry = oc.OpenconfigInterfaces_Interfaces_Interface
	instanceEntry  = oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance
	memberEntry    = oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Interfaces_Interface
	vlanEntry      = oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Vlans_Vlan
	staticEntry    = oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Fdb_MacTable_Entries_Entry
	staticKey      = oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Fdb_MacTable_Entries_Entry_Key
)

// Touched names the list entries at or below which a transaction changed
// anything.
type Touched struct {
	Interfaces map[string]struct{}
	Instances  map[string]struct{}
}

// NewTouched is an empty set.
func NewTouched() Touched {
	return Touched{map[string]struct{}{}, map[string]struct{}{}}
}

// Add notes one path that was set or deleted. A path above the lists touches
// nothing by itself.
func (t Touched) Add(path schema.Path) {
	if len(path.Keys) == 0 {
		return
	}
	switch top := schema.Lists(path.Node)[0]; top {
	case ocpath.InterfacesInterface:
		t.Interfaces[path.Keys[0]] = struct{}{}
	case ocpath.NetworkInstancesNetworkInstance:
		t.Instances[path.Keys[0]] = struct{}{}
	}
}

// Config is a configuration with what is needed to decode parts of it. It is
// immutable.
type Config struct {
	device *oc.Device
	index  *index
}

// NewConfig prepares a configuration. The device must not be modified.
func NewConfig(d *oc.Device) *Config { return &Config{d, newIndex(d)} }

// Next prepares the configuration that a transaction makes of this one. What
// refers to what is looked up anew only where the transaction touches that.
func (c *Config) Next(d *oc.Device, touched Touched) *Config {
	for name := range touched.Instances {
		before, after := instances(c.device)[name], instances(d)[name]
		if before.GetInterfaces() != after.GetInterfaces() || before.GetFdb().GetMacTable() != after.GetFdb().GetMacTable() {
			return NewConfig(d)
		}
	}
	return &Config{d, c.index}
}

// All names everything that is configured.
func (c *Config) All() Touched {
	t := NewTouched()
	for name := range interfaces(c.device) {
		t.Interfaces[name] = struct{}{}
	}
	for name := range instances(c.device) {
		t.Instances[name] = struct{}{}
	}
	return t
}

// Decode validates what a transaction touches and translates it for the
// datapath. Before is the configuration that the transaction began with, nil
// for none. An error joins an *Error for each thing that is wrong.
func Decode(before, after *Config, touched Touched) (spec.Change, error) {
	if before == nil {
		before = NewConfig(new(oc.Device))
	}
	ports := maps.Clone(touched.Interfaces)
	for name := range touched.Instances {
		addMoved(ports, instances(before.device)[name], instances(after.device)[name])
	}
	change := spec.Change{Ports: map[string]*spec.Port{}, Switches: map[string]*spec.Switch{}}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(ports)) {
		port, err := after.decodePort(name)
		errs = append(errs, err)
		if port != nil || interfaces(before.device)[name] != nil {
			change.Ports[name] = port
		}
	}
	for _, name := range slices.Sorted(maps.Keys(touched.Instances)) {
		sw, err := after.decodeSwitch(name)
		errs = append(errs, err)
		if sw != nil || instances(before.device)[name] != nil {
			change.Switches[name] = sw
		}
	}
	return change, errors.Join(errs...)
}

// addMoved adds the ports whose listing differs between two states of one
// network instance.
func addMoved(ports map[string]struct{}, before, after *instanceEntry) {
	a, b := members(before), members(after)
	for id, m := range a {
		if b[id] != m {
			ports[memberPort(m)] = struct{}{}
		}
	}
	for id, m := range b {
		if a[id] != m {
			ports[memberPort(m)] = struct{}{}
		}
	}
	delete(ports, "")
}

// interfaces gives the list of interfaces; it may be nil.
func interfaces(d *oc.Device) map[string]*interfaceEntry {
	if i := d.GetInterfaces(); i != nil {
		return i.Interface
	}
	return nil
}

// instances gives the list of network instances; it may be nil.
func instances(d *oc.Device) map[string]*instanceEntry {
	if n := d.GetNetworkInstances(); n != nil {
		return n.NetworkInstance
	}
	return nil
}

// members gives the interfaces that a network instance lists; it may be nil.
func members(n *instanceEntry) map[string]*memberEntry {
	if i := n.GetInterfaces(); i != nil {
		return i.Interface
	}
	return nil
}

// statics gives the entries that a network instance configures in its
// filtering database; it may be nil.
func statics(n *instanceEntry) map[staticKey]*staticEntry {
	if e := n.GetFdb().GetMacTable().GetEntries(); e != nil {
		return e.Entry
	}
	return nil
}

// memberPort is the interface that an entry of a network instance lists, ""
// for none.
func memberPort(m *memberEntry) string {
	if config := m.GetConfig(); config != nil {
		return value(config.Interface, "")
	}
	return ""
}

// stationPort is the interface that a configured entry of a filtering database
// refers to, "" for none.
func stationPort(e *staticEntry) string {
	if config := e.GetInterface().GetInterfaceRef().GetConfig(); config != nil {
		return value(config.Interface, "")
	}
	return ""
}

// vlanList gives the VLANs of a network instance; it may be nil.
func vlanList(n *instanceEntry) map[uint16]*vlanEntry {
	if v := n.GetVlans(); v != nil {
		return v.Vlan
	}
	return nil
}

// at is the path of a node below an entry with these keys.
func at(node ocpath.ID, keys ...string) schema.Path { return schema.Path{Node: node, Keys: keys} }

// value is what a leaf holds, or its default where it is not set.
func value[T any](leaf *T, otherwise T) T {
	if leaf == nil {
		return otherwise
	}
	return *leaf
}
