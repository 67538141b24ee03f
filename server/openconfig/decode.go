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

// Config is a configuration as the datapath wants it, with what is needed to
// follow a transaction at the cost of what it touches. It is immutable.
type Config struct {
	device   *oc.Device
	index    *index
	switches map[string]*spec.Switch // by name, as they were decoded
	sessions Sessions                // of traces, by id, as they were decoded
	sflow    *SFlow                  // nil where nothing of it is configured
	lldp     spec.LLDP               // what holds for the whole system
	qos      *qos                    // classifiers, policies and what they refer to
	renamed  []string                // see Renamed
}

// NewConfig is the configuration of nothing.
func NewConfig() *Config {
	return &Config{device: new(oc.Device), index: newIndex(), switches: map[string]*spec.Switch{}, sessions: Sessions{}, lldp: spec.LLDP{Enabled: true}, qos: newQoS()}
}

// Next validates what a transaction touches, and translates it for the
// datapath. The device is the configuration after the transaction; it must not
// be modified any more. An error joins an *Error for each thing that is wrong.
func (c *Config) Next(d *oc.Device, touched Touched) (*Config, spec.Change, error) {
	touched.complete(c.device, d)
	next := &Config{device: d, index: c.index.next(c.device, d, touched), switches: c.switches, sessions: c.sessions}
	change := spec.Change{Ports: map[string]*spec.Port{}, Switches: map[string]*spec.Switch{}}
	uses, err := next.decodeQoSObjects(c, touched.qos)
	err = errors.Join(err, next.decodeLLDPSystem(c, touched), next.decodePorts(c, touched, uses, change), next.decodeSwitches(c, touched, change), next.decodeSessions(c, touched), next.decodeSFlow(c, touched))
	if err != nil {
		return nil, spec.Change{}, once(err)
	}
	return next, change, nil
}

// once joins the errors that err joins, without those that say the same: what
// refers to each other is looked at from both sides.
func once(err error) error {
	var errs []error
	seen := map[string]bool{}
	walkErrors(err, func(err error) {
		if text := err.Error(); !seen[text] {
			seen[text] = true
			errs = append(errs, err)
		}
	})
	return errors.Join(errs...)
}

// Of is what the configuration wants of those ports and switches that a change
// names: a change from it that was made is taken back by that.
func (c *Config) Of(change spec.Change) (spec.Change, error) {
	back := spec.Change{Ports: map[string]*spec.Port{}, Switches: map[string]*spec.Switch{}}
	var errs []error
	for name := range change.Ports {
		port, err := c.decodePort(name)
		errs = append(errs, err)
		back.Ports[name] = port
	}
	for name := range change.Switches {
		back.Switches[name] = c.switches[name]
	}
	return back, errors.Join(errs...)
}

// decodePorts decodes the interfaces that were touched, and those whose switch
// may be another one now, or that use what is another one now.
func (c *Config) decodePorts(before *Config, touched Touched, uses []qosUse, change spec.Change) error {
	names := maps.Clone(touched.Interfaces)
	for name, parts := range touched.instances {
		for id := range parts.members {
			for _, d := range []*oc.Device{before.device, c.device} {
				if port := memberPort(members(instances(d)[name])[id]); port != "" {
					names[port] = struct{}{}
				}
			}
		}
	}
	for _, config := range []*Config{before, c} {
		config.addTeams(names, touched)
	}
	c.addLLDP(names, touched)
	c.addQoS(names, before, touched.qos, uses)
	c.renamed = slices.Sorted(maps.Keys(names))
	var errs []error
	for _, name := range c.renamed {
		port, err := c.decodePort(name)
		errs = append(errs, err)
		if port != nil || interfaces(before.device)[name] != nil {
			change.Ports[name] = port
		}
	}
	return errors.Join(errs...)
}

// addTeams adds to the interfaces that are touched those that are decoded with
// them: to a member its aggregate, to an aggregate its members, and to an entry
// of LACP both.
func (c *Config) addTeams(names map[string]struct{}, touched Touched) {
	for name := range touched.Interfaces {
		if aggregate := aggregateOf(interfaces(c.device)[name]); aggregate != "" {
			names[aggregate] = struct{}{}
		}
		c.addMembers(names, name)
	}
	for name := range touched.lacp {
		names[name] = struct{}{}
		c.addMembers(names, name)
	}
	if _, all := touched.lacp[""]; !all {
		return
	}
	for name, entry := range interfaces(c.device) {
		if isAggregate(entry) {
			names[name] = struct{}{}
		}
	}
}

func (c *Config) addMembers(names map[string]struct{}, aggregate string) {
	for _, member := range c.index.team(aggregate) {
		names[member] = struct{}{}
	}
}

// decodeSwitches decodes the network instances that were touched.
func (c *Config) decodeSwitches(before *Config, touched Touched, change spec.Change) error {
	if len(touched.instances) == 0 {
		return nil
	}
	c.switches = maps.Clone(before.switches)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(touched.instances)) {
		sw, err := c.decodeSwitch(before, name, touched.instances[name])
		errs = append(errs, err)
		if sw == nil {
			delete(c.switches, name)
		} else {
			c.switches[name] = sw
		}
		if sw != nil || before.switches[name] != nil {
			change.Switches[name] = sw
		}
	}
	return errors.Join(errs...)
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
