package openconfig

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// index is what refers to an interface, by its name. It is immutable; a copy
// shares what does not differ.
type index struct {
	members *btree.Map[string, []listing] // in ascending order
	statics *btree.Map[string, []station]
	teams   *btree.Map[string, []string] // the members of an aggregate
	// qosPorts are the entries of /qos/interfaces that are about a port, and
	// qosUses those that refer to what qosUse.key names.
	qosPorts, qosUses *btree.Map[string, []string]
}

// listing is an entry of /network-instances/network-instance/interfaces.
type listing struct{ instance, id string }

func (a listing) compare(b listing) int {
	return cmp.Or(strings.Compare(a.instance, b.instance), strings.Compare(a.id, b.id))
}

// station is a configured entry of a filtering database.
type station struct {
	instance string
	key      staticKey
}

func (a station) compare(b station) int {
	return cmp.Or(strings.Compare(a.instance, b.instance), cmp.Compare(a.key.Vlan, b.key.Vlan), strings.Compare(a.key.MacAddress, b.key.MacAddress))
}

func newIndex() *index {
	return &index{new(btree.Map[string, []listing]), new(btree.Map[string, []station]), new(btree.Map[string, []string]), new(btree.Map[string, []string]), new(btree.Map[string, []string])}
}

// next is the index after a transaction.
func (x *index) next(before, after *oc.Device, touched Touched) *index {
	if len(touched.instances) == 0 && len(touched.Interfaces) == 0 && len(touched.qos.interfaces) == 0 {
		return x
	}
	y := &index{x.members.Copy(), x.statics.Copy(), x.teams.Copy(), x.qosPorts.Copy(), x.qosUses.Copy()}
	y.moveQoS(before, after, touched.qos.interfaces)
	for name := range touched.Interfaces {
		move(y.teams, aggregateOf(interfaces(before)[name]), aggregateOf(interfaces(after)[name]), name, strings.Compare)
	}
	for name, p := range touched.instances {
		a, b := instances(before)[name], instances(after)[name]
		for id := range p.members {
			move(y.members, memberPort(members(a)[id]), memberPort(members(b)[id]), listing{name, id}, listing.compare)
		}
		for key := range p.statics {
			move(y.statics, stationPort(statics(a)[key]), stationPort(statics(b)[key]), station{name, key}, station.compare)
		}
	}
	return y
}

// move takes an element from the list of one port to that of another; "" is
// none.
func move[E comparable](lists *btree.Map[string, []E], from, to string, element E, compare func(a, b E) int) {
	if from == to {
		return
	}
	if list, ok := lists.Get(from); ok {
		list = slices.DeleteFunc(slices.Clone(list), func(e E) bool { return e == element })
		if len(list) == 0 {
			lists.Delete(from)
		} else {
			lists.Set(from, list)
		}
	}
	if to != "" {
		list, _ := lists.Get(to)
		at, _ := slices.BinarySearchFunc(list, element, compare)
		lists.Set(to, slices.Insert(slices.Clone(list), at, element))
	}
}

// listings gives the entries that list a port.
func (x *index) listings(port string) []listing {
	list, _ := x.members.Get(port)
	return list
}

// stations gives the configured entries that refer to a port.
func (x *index) stations(port string) []station {
	list, _ := x.statics.Get(port)
	return list
}

// team gives the members of an aggregate, in ascending order.
func (x *index) team(aggregate string) []string {
	list, _ := x.teams.Get(aggregate)
	return list
}

// switchOf is the switch of a port: the network instance that lists it, else
// the default one.
func (x *index) switchOf(port string) string {
	if list := x.listings(port); len(list) > 0 {
		return list[0].instance
	}
	return spec.DefaultSwitch
}

// checkListed refuses a port that more than one entry lists.
func (x *index) checkListed(port string) error {
	list := x.listings(port)
	if len(list) < 2 {
		return nil
	}
	first := at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterface, list[0].instance, list[0].id)
	return invalid(at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, list[1].instance, list[1].id),
		"interface %s is listed by %s already: a port is on one switch", port, first)
}

// checkReferences refuses an interface that is gone while something refers to
// it.
func (x *index) checkReferences(port string) error {
	const reason = "interface %s is not configured in /interfaces: configure it, or remove this reference too"
	if list := x.listings(port); len(list) > 0 {
		return invalid(at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, list[0].instance, list[0].id), reason, port)
	}
	if list := x.stations(port); len(list) > 0 {
		return invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryInterfaceInterfaceRefConfigInterface, list[0].instance, list[0].key), reason, port)
	}
	return nil
}
