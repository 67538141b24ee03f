package property

import (
	"slices"
	"strconv"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// aggregateType is the type of an aggregate.
const aggregateType = "ieee8023adLag"

// team are the members of an aggregate.
func (t tree) team(aggregate string) []string {
	var members []string
	for _, p := range t.entries(interfaceList) {
		if t.leaf(p, "ethernet", "config", "aggregate-id") == aggregate {
			members = append(members, p[1].keys[0].value)
		}
	}
	return members
}

// listed reports whether a network instance lists an interface.
func (t tree) listed(name string) bool {
	return slices.ContainsFunc(t.entries(memberList), func(p path) bool { return t.leaf(p, "config", "interface") == name })
}

// any reports a leaf at or below a node.
func (t tree) any(p path) bool {
	node := p.String()
	for leaf := range t {
		if holds(node, leaf) {
			return true
		}
	}
	return false
}

// checkMember holds an interface that is no aggregate against what it says of
// being a member of one.
func (t tree) checkMember(f faults, p path) {
	name, aggregate := p[1].keys[0].value, t.leaf(p, "ethernet", "config", "aggregate-id")
	if t.any(p.below("aggregation")) {
		f.invalid(p, "no aggregate")
	}
	t.checkTeamingOf(f, p)
	if aggregate == "" {
		if t.leaf(p, "config", "forwarding-viable") == "false" {
			f.invalid(p, "no member that could be drained")
		}
		return
	}
	if t.leaf(entry(aggregate), "config", "type") != aggregateType || t.any(p.below("ethernet", "switched-vlan")) || t.listed(name) {
		f.invalid(p, "member of "+aggregate)
	}
	own, all := t.leaf(p, "config", "mtu"), t.leaf(entry(aggregate), "config", "mtu")
	if own != "" && all != "" && own != all {
		f.invalid(p.below("config", "mtu"), own+" beside that of "+aggregate)
	}
}

// checkTeamingOf wants only a switch port to say whether addresses may move.
func (t tree) checkTeamingOf(f faults, p path) {
	if t.leaf(p, "switch-port", "config", "allow-teaming") != "" && t.switchOf(p[1].keys[0].value) == "" {
		f.invalid(p, "allow-teaming of no switch port")
	}
}

func (t tree) checkAggregate(f faults, p path) {
	name := p[1].keys[0].value
	members := t.team(name)
	config, teaming := p.below("aggregation", "config"), p.below("aggregation", "teaming", "config")
	lagType, independent := t.leaf(config, "lag-type"), t.leaf(teaming, "switch-independent") == "true"
	standby, primary := elements(t.leaf(teaming, "standby-member")), t.leaf(teaming, "primary")
	switch {
	case lagType == "", independent && lagType != "STATIC",
		independent && !slices.Contains([]string{"", "VLAN_SOURCE_MAC", "SWITCH_PORT", "ACTIVE_BACKUP"}, t.leaf(teaming, "distribution")):
		f.invalid(config, "lag-type "+lagType)
	case atoi(t.leaf(config, "min-links")) > max(1, len(members)):
		f.invalid(config, "min-links")
	case slices.ContainsFunc(standby, func(m string) bool { return !slices.Contains(members, m) }),
		primary != "" && (!slices.Contains(members, primary) || slices.Contains(standby, primary)):
		f.invalid(teaming, "members")
	case t.any(p.below("ethernet")):
		f.invalid(p, "not for an aggregate")
	case t.leaf(p, "config", "forwarding-viable") == "false":
		f.invalid(p, "no member that could be drained")
	}
	t.checkTeamingOf(f, p)
}

// checkLACP wants LACP to be set up for aggregates that speak it, and for their
// members.
func (t tree) checkLACP(f faults) {
	for _, p := range t.entries(lacpList) {
		name := p[2].keys[0].value
		if t.leaf(entry(name), "config", "type") != aggregateType || t.leaf(entry(name), "aggregation", "config", "lag-type") != "LACP" {
			f.invalid(p, "no aggregate with LACP")
		}
	}
	for _, p := range t.entries(lacpList + "/members/member[interface=*]") {
		if !slices.Contains(t.team(p[2].keys[0].value), p[4].keys[0].value) {
			f.invalid(p, "no member")
		}
	}
}

// aggregateLeaves are those of an aggregate as somebody may want it.
func (d *dice) aggregateLeaves(name string, have tree) []assignment {
	p := entry(name)
	all := []assignment{
		{p.below("config", "type"), aggregateType},
		{p.below("aggregation", "config", "lag-type"), pick(d, "LACP", "STATIC")},
	}
	teaming := p.below("aggregation", "teaming", "config")
	if members := have.team(name); len(members) > 0 {
		all = append(all, pick(d,
			assignment{p.below("aggregation", "config", "min-links"), strconv.Itoa(1 + d.IntN(len(members)))},
			assignment{teaming.below("primary"), pick(d, members...)},
			assignment{teaming.below("standby-member"), pick(d, members...)}))
	}
	if d.one(3) {
		all = append(all, d.leaf(teaming.below(pick(d, "distribution", "switch-independent", "up-delay", "speed-weighted"))))
	}
	vlan := p.below("aggregation", "switched-vlan", "config")
	switch d.IntN(3) {
	case 0:
		all = append(all, assignment{vlan.below("interface-mode"), "ACCESS"}, assignment{vlan.below("access-vlan"), d.vlan()})
	case 1:
		all = append(all, assignment{vlan.below("interface-mode"), "TRUNK"})
	}
	return once(all)
}

// team makes an interface a member of an aggregate that is there.
func (d *dice) team(have tree) []operation {
	name := d.aggregate()
	if have.leaf(entry(name), "config", "type") != aggregateType {
		return []operation{d.structure(gpb.UpdateResult_UPDATE, entry(name), d.aggregateLeaves(name, have))}
	}
	p := entry(pick(d, "p0", "p1", "p2", "p3"))
	all := []operation{d.structure(gpb.UpdateResult_REPLACE, p, []assignment{
		{p.below("config", "type"), "ethernetCsmacd"}, {p.below("ethernet", "config", "aggregate-id"), name},
	})}
	lacp := path{{name: "lacp"}, {name: "interfaces"}, {name: "interface", keys: []key{{"name", name}}}}
	switch {
	case have.leaf(entry(name), "aggregation", "config", "lag-type") != "LACP" || d.one(2):
	case d.one(2):
		all = append(all, d.write(d.leaf(lacp.below("config", pick(d, "interval", "lacp-mode", "system-priority")))))
	default:
		member := lacp.below("members", "member")
		member[len(member)-1].keys = []key{{"interface", p[1].keys[0].value}}
		all = append(all, d.write(assignment{member.below("config", "port-priority"), strconv.Itoa(d.IntN(1 << 16))}))
	}
	return all
}

func (d *dice) aggregate() string { return pick(d, "lag0", "lag1") }
