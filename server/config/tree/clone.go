package tree

import (
	"maps"
	"reflect"

	"github.com/signalbox/signalbox/gen/oc"
)

// cloneMap copies a list's map. The known lists, which may be long, are copied
// as what they are: by reflection it takes twenty times as long.
func cloneMap(m reflect.Value) reflect.Value {
	switch x := m.Interface().(type) {
	case map[string]*oc.OpenconfigInterfaces_Interfaces_Interface:
		return reflect.ValueOf(maps.Clone(x))
	case map[string]*oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance:
		return reflect.ValueOf(maps.Clone(x))
	case map[string]*oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Interfaces_Interface:
		return reflect.ValueOf(maps.Clone(x))
	case map[uint16]*oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Vlans_Vlan:
		return reflect.ValueOf(maps.Clone(x))
	case map[oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Fdb_MacTable_Entries_Entry_Key]*oc.OpenconfigNetworkInstance_NetworkInstances_NetworkInstance_Fdb_MacTable_Entries_Entry:
		return reflect.ValueOf(maps.Clone(x))
	}
	c := reflect.MakeMapWithSize(m.Type(), m.Len())
	for iter := m.MapRange(); iter.Next(); {
		c.SetMapIndex(iter.Key(), iter.Value())
	}
	return c
}
