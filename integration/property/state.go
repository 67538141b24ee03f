package property

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/integration/topology"
	"github.com/vishvananda/netlink"
)

// observed is the state that follows from a configuration and from what the
// kernel says of the interfaces: of those leaves that the test knows.
func (t tree) observed(n *topology.Namespace) (tree, error) {
	all := tree{}
	list, err := n.Links()
	if err != nil {
		return nil, err
	}
	there := map[string]*netlink.LinkAttrs{}
	for _, l := range list {
		there[l.Attrs().Name] = l.Attrs()
		all.link(l.Attrs())
		t.settings(all, entry(l.Attrs().Name))
	}
	for _, p := range t.entries(interfaceList) {
		name := p[1].keys[0].value
		if isTeam(p.String()) {
			continue
		}
		if there[name] == nil {
			all[p.below("state", "name").String()] = name
			all[p.below("state", "oper-status").String()] = "NOT_PRESENT"
			all[p.below("state", "admin-status").String()] = "DOWN"
			all[p.below("state", "enabled").String()] = "false"
		}
		t.settings(all, p)
		if t.switchOf(name) != "" {
			t.switched(all, p, name)
		}
	}
	for _, instance := range t.instances() {
		t.instance(all, instance)
	}
	return all, nil
}

// settings adds what an interface has of its configuration, or by default.
func (t tree) settings(all tree, p path) {
	for _, side := range []string{"up", "down"} {
		all[p.below("hold-time", "state", side).String()] = orElse(t.leaf(p, "hold-time", "config", side), "0")
	}
	all[p.below("rates", "state", "load-interval").String()] = orElse(t.leaf(p, "rates", "config", "load-interval"), "300")
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// link adds what the kernel says of an interface.
func (t tree) link(a *netlink.LinkAttrs) {
	p := entry(a.Name).below("state")
	up, admin := a.Flags&net.FlagUp != 0, "DOWN"
	if up {
		admin = "UP"
	}
	oper := map[netlink.LinkOperState]string{
		netlink.OperUp: "UP", netlink.OperDown: "DOWN", netlink.OperLowerLayerDown: "LOWER_LAYER_DOWN",
		netlink.OperUnknown: "UP", // of the loopback interface
	}[a.OperState]
	t[p.below("name").String()] = a.Name
	t[p.below("ifindex").String()] = strconv.Itoa(a.Index)
	t[p.below("enabled").String()] = strconv.FormatBool(up)
	t[p.below("admin-status").String()] = admin
	if oper != "" {
		t[p.below("oper-status").String()] = oper
	}
	if a.MTU < 1<<16 {
		t[p.below("mtu").String()] = strconv.Itoa(a.MTU)
	}
	if a.Alias != "" {
		t[p.below("description").String()] = a.Alias
	}
	if len(a.HardwareAddr) == 6 && a.Flags&net.FlagLoopback == 0 {
		t[entry(a.Name).below("ethernet", "state", "mac-address").String()] = a.HardwareAddr.String()
	}
}

// switched adds what is told of a switch port.
func (t tree) switched(all tree, p path, name string) {
	config := t.switchedVLAN(p)
	state := config[:len(config)-1].below("state")
	put := func(value string, names ...string) {
		if value != "" && value != "0" {
			all[state.below(names...).String()] = value
		}
	}
	untagged, tagged, carriesAll := t.named(name)
	mode := t.leaf(config, "interface-mode")
	put(mode, "interface-mode")
	if mode == "ACCESS" {
		put(strconv.Itoa(untagged), "access-vlan")
	} else {
		put(strconv.Itoa(untagged), "native-vlan")
		var without []int
		for _, v := range tagged {
			if v != untagged {
				without = append(without, v)
			}
		}
		put(ranges(without), "trunk-vlans")
	}
	state = p.below("switch-port", "state")
	put(t.switchOf(name), "switch")
	put(strconv.FormatBool(carriesAll), "all-vlans")
	put(ranges(t.carried(name)), "carried-vlans")
}

// ranges are VLANs, in ascending order, as a leaf-list of ids and ranges.
func ranges(vlans []int) string {
	var parts []string
	for i := 0; i < len(vlans); {
		j := i
		for j+1 < len(vlans) && vlans[j+1] == vlans[j]+1 {
			j++
		}
		if part := strconv.Itoa(vlans[i]); j > i {
			parts = append(parts, fmt.Sprintf("%s..%d", part, vlans[j]))
		} else {
			parts = append(parts, part)
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// instances are the switches: those that are configured, and the default one
// where a port is on it.
func (t tree) instances() []string {
	var names []string
	seen := map[string]bool{}
	for _, p := range t.entries(instanceList) {
		names = append(names, p[1].keys[0].value)
		seen[names[len(names)-1]] = true
	}
	if !seen[defaultSwitch] && len(t.ports(defaultSwitch)) > 0 {
		names = append(names, defaultSwitch)
	}
	return names
}

// instance adds what is told of a switch.
func (t tree) instance(all tree, name string) {
	p := path{{name: "network-instances"}, {name: "network-instance", keys: []key{{"name", name}}}}
	put := func(value string, names ...string) {
		if value != "" {
			all[p.below(names...).String()] = value
		}
	}
	kind := "L2VSI"
	if name == defaultSwitch {
		kind = "DEFAULT_INSTANCE"
	}
	put(name, "state", "name")
	put(kind, "state", "type")
	put(orElse(t.leaf(p, "config", "enabled"), "true"), "state", "enabled")
	put(orElse(t.leaf(p, "fdb", "config", "mac-learning"), "true"), "fdb", "state", "mac-learning")
	put(orElse(t.leaf(p, "fdb", "config", "mac-aging-time"), "300"), "fdb", "state", "mac-aging-time")
	put(t.leaf(p, "fdb", "config", "maximum-entries"), "fdb", "state", "maximum-entries")
	stations := 0
	for _, s := range t.entries(stationList) {
		if s[1].keys[0].value == name {
			stations++
			t.station(all, s)
		}
	}
	put(strconv.Itoa(stations), "fdb", "state", "static-entries")
	for _, v := range t.vlans(name) {
		t.vlan(all, p, v)
	}
	for _, port := range t.ports(name) {
		t.member(all, p, port)
	}
}

func (t tree) station(all tree, s path) {
	name := t.leaf(s, "interface", "interface-ref", "config", "interface")
	last := &s[len(s)-1]
	all[s.below("state", "mac-address").String()] = last.keys[0].value
	all[s.below("state", "vlan").String()] = last.keys[1].value
	all[s.below("state", "entry-type").String()] = "STATIC"
	all[s.below("interface", "interface-ref", "state", "interface").String()] = name
}

func (t tree) vlan(all tree, instance path, id int) {
	p := instance.below("vlans", "vlan")
	p[len(p)-1].keys = []key{{"vlan-id", strconv.Itoa(id)}}
	var members []string
	for _, port := range t.ports(instance[1].keys[0].value) {
		for _, v := range t.carried(port) {
			if v == id {
				members = append(members, port)
			}
		}
	}
	all[p.below("state", "vlan-id").String()] = strconv.Itoa(id)
	all[p.below("state", "status").String()] = orElse(t.leaf(p, "config", "status"), "ACTIVE")
	if name := t.leaf(p, "config", "name"); name != "" {
		all[p.below("state", "name").String()] = name
	}
	if len(members) > 0 {
		all[p.below("state", "member").String()] = strings.Join(members, ",")
	}
}

// member adds the entry of a port in its switch, whose id is the port's name
// where nothing lists it.
func (t tree) member(all tree, instance path, port string) {
	id := port
	for _, m := range t.entries(memberList) {
		if m[1].keys[0].value == instance[1].keys[0].value && t.leaf(m, "config", "interface") == port {
			id = m[3].keys[0].value
		}
	}
	p := instance.below("interfaces", "interface")
	p[len(p)-1].keys = []key{{"id", id}}
	all[p.below("state", "id").String()] = id
	all[p.below("state", "interface").String()] = port
}

// isTeam reports leaves of the interfaces that may be aggregates: what is
// observed of them, and of their members, has tests of its own.
func isTeam(leaf string) bool {
	return strings.HasPrefix(leaf, "/interfaces/interface[name=lag") || strings.Contains(leaf, "/team-member/")
}

// unchecked are the leaves of state below interfaces and network instances
// that observed does not tell.
func unchecked(leaf string) bool {
	p := parse(leaf)
	last := p[len(p)-1].name
	switch {
	case len(p) < 2 || p[len(p)-2].name != "state", isTeam(leaf):
		return true
	case strings.Contains(leaf, "/rates/state/") && last != "load-interval":
		return true
	}
	switch last {
	case "forwarding-viable", "aggregate-id", "allow-teaming", "cpu", "management", "logical", "hardware-port", "last-change", "type", "hw-mac-address", "negotiated-port-speed", "negotiated-duplex-mode",
		"number", "kind", "forwarding", "age", "dynamic-entries", "moves", "refused", "direction", "reason", "pkts", "sflow-code":
		return strings.HasPrefix(leaf, "/interfaces/") || last != "type"
	}
	return strings.Contains(leaf, "/counters/")
}

// kernel reports what the kernel has of the attributes of interfaces that are
// configured, "" where it is all as it should be: made are the interfaces that
// have their first name, with the address they were made with.
func (t tree) kernel(n *topology.Namespace, made map[string]string) (string, error) {
	list, err := n.Links()
	if err != nil {
		return "", err
	}
	want, got := tree{}, tree{}
	for _, l := range list {
		a := l.Attrs()
		p := entry(a.Name)
		if t.leaf(p, "ethernet", "config", "aggregate-id") != "" {
			continue
		}
		first, own := made[a.Name]
		put := func(what, configured, found, is string) {
			switch {
			case configured != "":
				want[a.Name+" "+what] = configured
			case own:
				want[a.Name+" "+what] = found
			default:
				return // what it was when it was renamed
			}
			got[a.Name+" "+what] = is
		}
		up := ""
		if t.has(a.Name) {
			up = orElse(t.leaf(p, "config", "enabled"), "true")
		}
		put("up", up, "false", strconv.FormatBool(a.Flags&net.FlagUp != 0))
		put("mtu", t.leaf(p, "config", "mtu"), "1500", strconv.Itoa(a.MTU))
		put("alias", t.leaf(p, "config", "description"), "", a.Alias)
		put("address", strings.ToLower(t.leaf(p, "ethernet", "config", "mac-address")), first, a.HardwareAddr.String())
	}
	return difference(want, got), nil
}
