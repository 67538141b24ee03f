package element

import gpb "github.com/openconfig/gnmi/proto/gnmi"

// Access makes an interface an untagged port of one VLAN.
func Access(name string, vlan int) *gpb.Update {
	return port(name, map[string]any{"interface-mode": "ACCESS", "access-vlan": vlan})
}

// Trunk makes an interface a tagged port. VLANs are numbers and ranges like
// "20..30", none of them all; native 0 is none.
func Trunk(name string, native int, vlans ...any) *gpb.Update {
	config := map[string]any{"interface-mode": "TRUNK"}
	if native != 0 {
		config["native-vlan"] = native
	}
	if len(vlans) > 0 {
		config["trunk-vlans"] = vlans
	}
	return port(name, config)
}

func port(name string, vlan map[string]any) *gpb.Update {
	return Update("/interfaces/interface[name="+name+"]", map[string]any{
		"config": map[string]any{"name": name, "type": "iana-if-type:ethernetCsmacd", "enabled": true},
		"openconfig-if-ethernet:ethernet": map[string]any{
			"openconfig-vlan:switched-vlan": map[string]any{"config": vlan},
		},
	})
}

// Switch makes a layer-2 switch with the given ports on it.
func Switch(name string, ports ...string) *gpb.Update {
	members := []any{}
	for _, p := range ports {
		members = append(members, map[string]any{"id": p, "config": map[string]any{"id": p, "interface": p}})
	}
	return Update("/network-instances/network-instance[name="+name+"]", map[string]any{
		"config":     map[string]any{"name": name, "type": "openconfig-network-instance-types:L2VSI"},
		"interfaces": map[string]any{"interface": members},
	})
}

// VLAN makes a VLAN of a switch.
func VLAN(sw string, id int) *gpb.Update {
	return Update("/network-instances/network-instance[name="+sw+"]/vlans", map[string]any{
		"vlan": []any{map[string]any{"vlan-id": id, "config": map[string]any{"vlan-id": id}}},
	})
}

// StaticEntry puts an address into a switch's filtering database for good.
func StaticEntry(sw, mac string, vlan int, port string) *gpb.Update {
	return Update("/network-instances/network-instance[name="+sw+"]/fdb/mac-table/entries", map[string]any{
		"entry": []any{map[string]any{
			"mac-address": mac, "vlan": vlan,
			"config":    map[string]any{"mac-address": mac, "vlan": vlan},
			"interface": map[string]any{"interface-ref": map[string]any{"config": map[string]any{"interface": port}}},
		}},
	})
}
