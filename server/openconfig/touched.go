package openconfig

import (
	"strconv"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Touched names the list entries at or below which a transaction changed
// anything.
type Touched struct {
	Interfaces map[string]struct{}
	instances  map[string]*parts
	// lacp are entries of /lacp/interfaces, by aggregate; "" is what holds for
	// all aggregates.
	lacp map[string]struct{}
	// lldp are entries of /lldp/interfaces, by interface; "" is what holds for
	// all of them.
	lldp map[string]struct{}
	// sessions are trace sessions, by id.
	sessions map[string]struct{}
	// sflow has "" where anything of sFlow was touched.
	sflow map[string]struct{}
	// qos is what was touched below /qos.
	qos *qosTouched
}

// parts are the entries that were touched within a network instance.
type parts struct {
	members map[string]struct{} // by id
	vlans   map[uint16]struct{}
	statics map[staticKey]struct{}
}

// NewTouched is an empty set.
func NewTouched() Touched {
	return Touched{map[string]struct{}{}, map[string]*parts{}, map[string]struct{}{}, map[string]struct{}{}, map[string]struct{}{}, map[string]struct{}{}, newQoSTouched()}
}

// Add notes the path of a leaf or list entry that was set or deleted, with
// canonical keys. Above the lists only /lacp/config, /lldp/config and
// /sampling/sflow/config touch anything.
func (t Touched) Add(path schema.Path) {
	if path.Node >= ocpath.Qos && path.Node < ocpath.Get(ocpath.Qos).End {
		t.qos.add(path)
		return
	}
	switch list := schema.NearestList(path.Node); list {
	case ocpath.InterfacesInterface, ocpath.InterfacesInterfaceSriovVfsVf, ocpath.InterfacesInterfaceDcbEtsTrafficClassesTrafficClass,
		ocpath.InterfacesInterfaceDcbEtsPrioritiesPriority, ocpath.InterfacesInterfaceDcbApplicationsApplication:
		t.Interfaces[path.Keys[0]] = struct{}{}
	case ocpath.NetworkInstancesNetworkInstance:
		t.instance(path.Keys[0])
	case ocpath.NetworkInstancesNetworkInstanceInterfacesInterface:
		t.instance(path.Keys[0]).members[path.Keys[1]] = struct{}{}
	case ocpath.NetworkInstancesNetworkInstanceVlansVlan:
		t.instance(path.Keys[0]).vlans[number(path.Keys[1])] = struct{}{}
	case ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry:
		key := staticKey{MacAddress: path.Keys[1], Vlan: number(path.Keys[2])}
		t.instance(path.Keys[0]).statics[key] = struct{}{}
	case ocpath.LacpInterfacesInterface, ocpath.LacpInterfacesInterfaceMembersMember:
		t.lacp[path.Keys[0]] = struct{}{}
	case ocpath.LldpInterfacesInterface:
		t.lldp[path.Keys[0]] = struct{}{}
	case ocpath.TracesSessionsSession:
		t.sessions[path.Keys[0]] = struct{}{}
	case ocpath.SamplingSflowCollectorsCollector, ocpath.SamplingSflowInterfacesInterface:
		t.sflow[""] = struct{}{}
	case ocpath.Root:
		if path.Node == ocpath.LacpConfigSystemPriority {
			t.lacp[""] = struct{}{}
		}
		if lldpLeaf(path.Node) {
			t.lldp[""] = struct{}{}
		}
		if path.Node >= ocpath.SamplingSflow && path.Node < ocpath.Get(ocpath.SamplingSflow).End {
			t.sflow[""] = struct{}{}
		}
	}
}

// number reads a canonical uint16.
func number(text string) uint16 {
	n, _ := strconv.ParseUint(text, 10, 16) // canonical: it has been one before
	return uint16(n)
}

func (t Touched) instance(name string) *parts {
	p := t.instances[name]
	if p == nil {
		p = &parts{map[string]struct{}{}, map[uint16]struct{}{}, map[staticKey]struct{}{}}
		t.instances[name] = p
	}
	return p
}

// complete adds everything that was within the network instances that are
// gone: a transaction names only the instance.
func (t Touched) complete(before, after *oc.Device) {
	for name, p := range t.instances {
		if instances(after)[name] != nil {
			continue
		}
		gone := instances(before)[name]
		for id := range members(gone) {
			p.members[id] = struct{}{}
		}
		for key := range statics(gone) {
			p.statics[key] = struct{}{}
		}
	}
}
