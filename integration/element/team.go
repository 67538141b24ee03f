package element

import (
	"maps"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Team is an aggregate to be configured.
type Team struct {
	Name    string
	Members []string
	// LACP has both ends agree; without it the aggregate is static, or what
	// Options say.
	LACP     bool
	MinLinks int // 0 leaves the default
	// VLAN is the configuration of aggregation/switched-vlan; nil is none, and
	// the aggregate is no port then.
	VLAN map[string]any
	// Options are those of aggregation/teaming, Protocol those of
	// /lacp/interfaces/interface.
	Options, Protocol map[string]any
}

// AccessVLAN is the configuration of an untagged port of one VLAN.
func AccessVLAN(vlan int) map[string]any {
	return map[string]any{"interface-mode": "ACCESS", "access-vlan": vlan}
}

// TrunkVLANs is the configuration of a tagged port; as Trunk.
func TrunkVLANs(native int, vlans ...any) map[string]any {
	config := map[string]any{"interface-mode": "TRUNK"}
	if native != 0 {
		config["native-vlan"] = native
	}
	if len(vlans) > 0 {
		config["trunk-vlans"] = vlans
	}
	return config
}

// Updates configure the aggregate and make its members members.
func (t Team) Updates() []*gpb.Update {
	kind := "STATIC"
	if t.LACP {
		kind = "LACP"
	}
	config := map[string]any{"lag-type": kind}
	if t.MinLinks != 0 {
		config["min-links"] = t.MinLinks
	}
	aggregation := map[string]any{"config": config}
	if t.VLAN != nil {
		aggregation["openconfig-vlan:switched-vlan"] = map[string]any{"config": t.VLAN}
	}
	if t.Options != nil {
		aggregation["signalbox-teaming:teaming"] = map[string]any{"config": t.Options}
	}
	updates := []*gpb.Update{Update("/interfaces/interface[name="+t.Name+"]", map[string]any{
		"config":                              map[string]any{"name": t.Name, "type": "iana-if-type:ieee8023adLag", "enabled": true},
		"openconfig-if-aggregate:aggregation": aggregation,
	})}
	for _, m := range t.Members {
		updates = append(updates, Member(m, t.Name))
	}
	if t.Protocol != nil {
		protocol := map[string]any{"name": t.Name}
		maps.Copy(protocol, t.Protocol)
		updates = append(updates, Update("/lacp/interfaces/interface[name="+t.Name+"]", map[string]any{"config": protocol}))
	}
	return updates
}

// Member makes an interface a member of an aggregate.
func Member(name, aggregate string) *gpb.Update {
	return Update("/interfaces/interface[name="+name+"]", map[string]any{
		"config": map[string]any{"name": name, "type": "iana-if-type:ethernetCsmacd", "enabled": true},
		"openconfig-if-ethernet:ethernet": map[string]any{
			"config": map[string]any{"openconfig-if-aggregate:aggregate-id": aggregate},
		},
	})
}
