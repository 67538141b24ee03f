package openconfig

import (
	"slices"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// index is what refers to an interface, by its name. It is immutable.
type index struct {
	members map[string][]listing
	statics map[string][]station
}

// listing is an entry of /network-instances/network-instance/interfaces.
type listing struct{ instance, id string }

// station is a configured entry of a filtering database.
type station struct {
	instance string
	key      staticKey
}

// newIndex looks at every reference.
func newIndex(d *oc.Device) *index {
	x := &index{map[string][]listing{}, map[string][]station{}}
	for name, instance := range instances(d) {
		for id, m := range members(instance) {
			if port := memberPort(m); port != "" {
				x.members[port] = append(x.members[port], listing{name, id})
			}
		}
		for key, e := range statics(instance) {
			if port := stationPort(e); port != "" {
				x.statics[port] = append(x.statics[port], station{name, key})
			}
		}
	}
	for _, list := range x.members {
		slices.SortFunc(list, func(a, b listing) int {
			return strings.Compare(a.instance+"\x00"+a.id, b.instance+"\x00"+b.id)
		})
	}
	return x
}

// switchOf is the switch of a port: the network instance that lists it, else
// the default one.
func (x *index) switchOf(port string) string {
	if list := x.members[port]; len(list) > 0 {
		return list[0].instance
	}
	return spec.DefaultSwitch
}

// checkListed refuses a port that more than one entry lists.
func (x *index) checkListed(port string) error {
	list := x.members[port]
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
	if list := x.members[port]; len(list) > 0 {
		return invalid(at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, list[0].instance, list[0].id), reason, port)
	}
	if list := x.statics[port]; len(list) > 0 {
		return invalid(staticPath(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryInterfaceInterfaceRefConfigInterface, list[0].instance, list[0].key), reason, port)
	}
	return nil
}
