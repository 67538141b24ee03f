package property

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
)

// The lists.
const (
	interfaceList = "/interfaces/interface[name=*]"
	instanceList  = "/network-instances/network-instance[name=*]"
	lacpList      = "/lacp/interfaces/interface[name=*]"
	memberList    = instanceList + "/interfaces/interface[id=*]"
	vlanList      = instanceList + "/vlans/vlan[vlan-id=*]"
	stationList   = instanceList + "/fdb/mac-table/entries/entry[mac-address=*][vlan=*]"
)

// defaultSwitch is the network instance of the ports that none lists.
const defaultSwitch = "default"

// faults are what is wrong with a configuration: the codes of the answers that
// a Set which leads to it may have. None is a configuration that can be.
type faults map[codes.Code]string

func (f faults) add(code codes.Code, reason string) { f[code] = reason }

func (f faults) invalid(p path, reason string) { f.add(codes.InvalidArgument, p.String()+": "+reason) }

// check holds a configuration, each of whose leaves is right by its type,
// against what the models and the element say of how leaves go together.
func (t tree) check() faults {
	f := faults{}
	for _, p := range t.entries(interfaceList) {
		t.checkInterface(f, p)
	}
	for _, p := range t.entries(instanceList) {
		t.checkInstance(f, p)
	}
	t.checkMembers(f)
	t.checkStations(f)
	t.checkLACP(f)
	return f
}

func (t tree) checkInterface(f faults, p path) {
	name := p[len(p)-1].keys[0].value
	if name == "" || name == "lo" || len(name) > 15 || strings.ContainsAny(name, " /:\t\n") || name == "." || name == ".." {
		f.invalid(p, "no name of an interface")
	}
	switch kind := t.leaf(p, "config", "type"); kind {
	case "ethernetCsmacd":
		t.checkMember(f, p)
	case aggregateType:
		t.checkAggregate(f, p)
	default:
		f.invalid(p, "type "+kind)
	}
	if mtu := t.leaf(p, "config", "mtu"); mtu != "" && atoi(mtu) < 68 {
		f.invalid(p, "mtu "+mtu)
	}
	if len(t.leaf(p, "config", "description")) > 255 {
		f.invalid(p, "description")
	}
	if t.leaf(p, "rates", "config", "load-interval") == "0" {
		f.invalid(p, "load-interval")
	}
	if mac := t.leaf(p, "ethernet", "config", "mac-address"); mac != "" && !station(mac) {
		f.invalid(p, "mac-address "+mac)
	}
	t.checkSwitched(f, p)
}

// station reports the address of a single station.
func station(mac string) bool {
	first, err := strconv.ParseUint(mac[:2], 16, 8)
	return err == nil && first&1 == 0 && strings.Trim(mac, "0:") != ""
}

func (t tree) checkSwitched(f faults, p path) {
	config := t.switchedVLAN(p)
	access, native, trunk := t.leaf(config, "access-vlan"), t.leaf(config, "native-vlan"), t.leaf(config, "trunk-vlans")
	switch t.leaf(config, "interface-mode") {
	case "ACCESS":
		if access == "" || native != "" || trunk != "" {
			f.invalid(config, "not for ACCESS")
		}
	case "TRUNK":
		if access != "" {
			f.invalid(config, "not for TRUNK")
		}
	default:
		if access != "" || native != "" || trunk != "" {
			f.invalid(config, "no mode")
		}
	}
	seen := map[int]bool{}
	for _, e := range elements(trunk) {
		low, high := bounds(e)
		if strings.Contains(e, "..") && low >= high {
			f.invalid(config, e)
		}
		for v := low; v <= high; v++ {
			if seen[v] {
				f.invalid(config, e+" overlaps")
				break
			}
			seen[v] = true
		}
	}
}

// bounds are those of an element of trunk-vlans.
func bounds(element string) (low, high int) {
	first, last, isRange := strings.Cut(element, "..")
	if !isRange {
		last = first
	}
	return atoi(first), atoi(last)
}

// atoi is the number of a text that is one; the types are checked elsewhere.
func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func (t tree) checkInstance(f faults, p path) {
	name := p[1].keys[0].value
	kind := t.leaf(p, "config", "type")
	if kind != "L2VSI" && (kind != "DEFAULT_INSTANCE" || name != defaultSwitch) {
		f.invalid(p, "type "+kind)
	}
	if name == "" {
		f.invalid(p, "no name")
	}
	if t.leaf(p, "fdb", "config", "maximum-entries") == "0" {
		f.invalid(p, "maximum-entries")
	}
}

// checkMembers wants each interface that is listed to be configured, and to be
// listed once.
func (t tree) checkMembers(f faults) {
	listed := map[string]bool{}
	for _, p := range t.entries(memberList) {
		name := t.leaf(p, "config", "interface")
		if name == "" || listed[name] || !t.has(name) {
			f.invalid(p, "interface "+name)
		}
		listed[name] = true
	}
}

// has reports whether an interface is configured.
func (t tree) has(name string) bool {
	return t.leaf(entry(name), "config", "name") != ""
}

// switchedVLAN is the path of what makes an interface a switch port: that of an
// aggregate is another than that of others.
func (t tree) switchedVLAN(p path) path {
	if t.leaf(p, "config", "type") == aggregateType {
		return p.below("aggregation", "switched-vlan", "config")
	}
	return p.below("ethernet", "switched-vlan", "config")
}

// entry is the path of an interface.
func entry(name string) path {
	return path{{name: "interfaces"}, {name: "interface", keys: []key{{"name", name}}}}
}

// checkStations wants each configured address to be behind a port of its
// switch that carries its VLAN.
func (t tree) checkStations(f faults) {
	twice := map[string]bool{}
	for _, p := range t.entries(stationList) {
		instance, mac, vlan := p[1].keys[0].value, p[len(p)-1].keys[0].value, p[len(p)-1].keys[1].value
		name := t.leaf(p, "interface", "interface-ref", "config", "interface")
		where := strings.ToLower(instance + " " + mac + " " + vlan)
		vlans := path{p[0], p[1]}.below("vlans", "vlan")
		vlans[len(vlans)-1].keys = []key{{"vlan-id", vlan}}
		switch {
		case len(mac) == 17 && !station(mac), twice[where],
			t.leaf(vlans, "config", "vlan-id") == "",
			name == "", !t.has(name), t.switchOf(name) != instance, !slices.Contains(t.carried(name), atoi(vlan)):
			f.invalid(p, "interface "+name)
		}
		twice[where] = true
	}
}

// switchOf is the switch that an interface is a port of, "" for none.
func (t tree) switchOf(name string) string {
	if t.leaf(t.switchedVLAN(entry(name)), "interface-mode") == "" {
		return ""
	}
	for _, p := range t.entries(memberList) {
		if t.leaf(p, "config", "interface") == name {
			return p[1].keys[0].value
		}
	}
	return defaultSwitch
}

// ports are the switch ports of an instance, in ascending order.
func (t tree) ports(instance string) []string {
	var names []string
	for _, p := range t.entries(interfaceList) {
		if name := p[1].keys[0].value; t.switchOf(name) == instance {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// named are the VLANs that a port names: those of an access port or a native
// one, and those of a trunk. all reports a trunk that names none, and carries
// each that is on its switch.
func (t tree) named(name string) (untagged int, tagged []int, all bool) {
	config := t.switchedVLAN(entry(name))
	if t.leaf(config, "interface-mode") == "ACCESS" {
		return atoi(t.leaf(config, "access-vlan")), nil, false
	}
	trunk := elements(t.leaf(config, "trunk-vlans"))
	for _, e := range trunk {
		low, high := bounds(e)
		for v := low; v <= high; v++ {
			tagged = append(tagged, v)
		}
	}
	slices.Sort(tagged)
	return atoi(t.leaf(config, "native-vlan")), tagged, len(trunk) == 0
}

// vlans are those that are on a switch: configured, or named by a port.
func (t tree) vlans(instance string) []int {
	on := map[int]bool{}
	for _, p := range t.entries(vlanList) {
		if p[1].keys[0].value == instance {
			on[atoi(p[3].keys[0].value)] = true
		}
	}
	for _, name := range t.ports(instance) {
		untagged, tagged, _ := t.named(name)
		for _, v := range append(tagged, untagged) {
			on[v] = v != 0
		}
	}
	delete(on, 0)
	return sortedKeys(on)
}

// carried are the VLANs of a port, in ascending order.
func (t tree) carried(name string) []int {
	untagged, tagged, all := t.named(name)
	carries := map[int]bool{}
	if all {
		tagged = t.vlans(t.switchOf(name))
	}
	for _, v := range append(tagged, untagged) {
		carries[v] = true
	}
	delete(carries, 0)
	return sortedKeys(carries)
}

func sortedKeys(set map[int]bool) []int {
	var all []int
	for v := range set {
		all = append(all, v)
	}
	slices.Sort(all)
	return all
}
