package property

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// node is a node that can be configured.
type node struct {
	name, module string
	keys         []string // of a list
	value        *leafType
	fallback     string // the default, "" for none
	children     []*node
}

// kind is what a value of a leaf looks like.
type kind uint8

const (
	text   kind = iota
	number      // unsigned
	truth
	name // of an enumeration or identity
)

// leafType is the type of a leaf or leaf-list.
type leafType struct {
	kind      kind
	low, high uint64         // of a number
	pattern   *regexp.Regexp // of a text; nil for any
	// names are those of an enumeration, or those identities that the test
	// knows, with their modules.
	names map[string]string
	// list is a leaf-list whose elements are numbers, or texts of the pattern.
	list bool
}

func leaf(name string, t leafType, fallback ...string) *node {
	n := &node{name: name, value: &t}
	if len(fallback) > 0 {
		n.fallback = fallback[0]
	}
	return n
}

func container(name string, children ...*node) *node { return &node{name: name, children: children} }

func list(name string, keys []string, children ...*node) *node {
	return &node{name: name, keys: keys, children: children}
}

// in is a node that another module than that of its parent defines.
func in(module string, n *node) *node {
	n.module = module
	return n
}

// The modules.
const (
	interfacesModule = "openconfig-interfaces"
	ethernetModule   = "openconfig-if-ethernet"
	vlanModule       = "openconfig-vlan"
	ratesModule      = "openconfig-if-rates"
	instanceModule   = "openconfig-network-instance"
	typesModule      = "openconfig-network-instance-types"
	switchModule     = "signalbox-switch"
	ianaModule       = "iana-if-type"
	aggregateModule  = "openconfig-if-aggregate"
	sdnModule        = "openconfig-if-sdn-ext"
	lacpModule       = "openconfig-lacp"
	teamingModule    = "signalbox-teaming"
	portModule       = "signalbox-switch-port"
)

func uintType(bits int) leafType { return leafType{kind: number, high: 1<<bits - 1} }

func enumType(names map[string]string) leafType { return leafType{kind: name, names: names} }

// enum is the type of an enumeration, whose names belong to no module.
func enum(names ...string) leafType {
	t := enumType(map[string]string{})
	for _, n := range names {
		t.names[n] = ""
	}
	return t
}

func macType() leafType {
	return leafType{pattern: regexp.MustCompile(`^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$`)}
}

func vlanType() leafType { return leafType{kind: number, low: 1, high: 4094} }

// models are the parts of the models that can be configured.
func models() *node {
	root := container("",
		in(interfacesModule, container("interfaces", interfaceNode())),
		in(lacpModule, container("lacp", lacpNodes()...)),
		in(instanceModule, container("network-instances", instanceNode())))
	root.spread()
	return root
}

func interfaceNode() *node {
	str, boolean := leafType{}, leafType{kind: truth}
	return list("interface", []string{"name"},
		leaf("name", str),
		container("config", leaf("name", str), leaf("description", str), leaf("enabled", boolean, "true"), leaf("mtu", uintType(16)),
			leaf("type", enumType(map[string]string{"ethernetCsmacd": ianaModule, "ieee8023adLag": ianaModule, "l2vlan": ianaModule})),
			in(sdnModule, leaf("forwarding-viable", boolean, "true"))),
		container("hold-time", container("config", leaf("down", uintType(32), "0"), leaf("up", uintType(32), "0"))),
		in(ethernetModule, container("ethernet",
			container("config", leaf("mac-address", macType()), in(aggregateModule, leaf("aggregate-id", str))),
			switchedNode())),
		in(aggregateModule, container("aggregation",
			container("config", leaf("lag-type", enum("LACP", "STATIC")), leaf("min-links", uintType(16))),
			switchedNode(),
			in(teamingModule, container("teaming", container("config",
				leaf("switch-independent", boolean), leaf("primary", str), leaf("standby-member", leafType{list: true}),
				leaf("up-delay", leafType{kind: number, high: 600_000}), leaf("speed-weighted", boolean),
				leaf("distribution", enum("TRANSPORT_PORTS", "IP_ADDRESSES", "MAC_ADDRESSES", "VLAN_SOURCE_MAC", "SWITCH_PORT", "DYNAMIC", "ACTIVE_BACKUP"))))))),
		in(portModule, container("switch-port", container("config", leaf("allow-teaming", boolean)))),
		in(ratesModule, container("rates", container("config", leaf("load-interval", uintType(16), "300")))))
}

// switchedNode is switched-vlan, of an interface or of an aggregate.
func switchedNode() *node {
	return in(vlanModule, container("switched-vlan", container("config",
		leaf("interface-mode", enum("ACCESS", "TRUNK")), leaf("access-vlan", vlanType()), leaf("native-vlan", vlanType()),
		leaf("trunk-vlans", leafType{low: 1, high: 4094, pattern: vlanRange(), list: true}))))
}

func lacpNodes() []*node {
	str := leafType{}
	return []*node{
		container("config", leaf("system-priority", uintType(16))),
		container("interfaces", list("interface", []string{"name"},
			leaf("name", str),
			container("config", leaf("name", str), leaf("interval", enum("FAST", "SLOW"), "SLOW"), leaf("lacp-mode", enum("ACTIVE", "PASSIVE"), "ACTIVE"),
				leaf("system-priority", uintType(16))),
			container("members", list("member", []string{"interface"},
				leaf("interface", str),
				container("config", leaf("interface", str), leaf("port-priority", uintType(16))))))),
	}
}

func instanceNode() *node {
	str, boolean := leafType{}, leafType{kind: truth}
	return list("network-instance", []string{"name"},
		leaf("name", str),
		container("config", leaf("name", str), in(switchModule, leaf("enabled", boolean, "true")),
			leaf("type", enumType(map[string]string{"L2VSI": typesModule, "DEFAULT_INSTANCE": typesModule, "L3VRF": typesModule}))),
		container("interfaces", list("interface", []string{"id"},
			leaf("id", str), container("config", leaf("id", str), leaf("interface", str)))),
		container("vlans", list("vlan", []string{"vlan-id"},
			leaf("vlan-id", vlanType()),
			container("config", leaf("vlan-id", vlanType()), leaf("name", str), leaf("status", enum("ACTIVE", "SUSPENDED"), "ACTIVE")))),
		container("fdb",
			container("config", leaf("mac-aging-time", uintType(16)), leaf("mac-learning", boolean), leaf("maximum-entries", uintType(16))),
			container("mac-table", container("entries", list("entry", []string{"mac-address", "vlan"},
				leaf("mac-address", macType()), leaf("vlan", vlanType()),
				container("config", leaf("mac-address", macType()), leaf("vlan", vlanType())),
				container("interface", container("interface-ref", container("config", leaf("interface", str)))))))))
}

// vlanRange is the pattern of a range in trunk-vlans (openconfig-vlan-types).
func vlanRange() *regexp.Regexp {
	const id = `(409[0-4]|40[0-8][0-9]|[1-3][0-9]{3}|[1-9][0-9]{1,2}|[1-9])`
	return regexp.MustCompile("^" + id + `\.\.` + id + "$")
}

// spread gives each node the module of its parent where it has none.
func (n *node) spread() {
	for _, c := range n.children {
		if c.module == "" {
			c.module = n.module
		}
		c.spread()
	}
}

// child is the node of that name below n, nil for none.
func (n *node) child(name string) *node {
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return n.children[i]
}

// at is the node of a path, nil where the models have none that can be
// configured.
func (n *node) at(p path) *node {
	for _, s := range p {
		if n = n.child(s.name); n == nil {
			return nil
		}
	}
	return n
}

// accepts reports whether the type has a value, in canonical text; of a
// leaf-list, of one element.
func (t *leafType) accepts(value string) bool {
	switch t.kind {
	case number:
		n, err := strconv.ParseUint(value, 10, 64)
		return err == nil && n >= t.low && n <= t.high
	case truth:
		return value == "true" || value == "false"
	case name:
		_, ok := t.names[value]
		return ok
	}
	if t.list && t.high > 0 {
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			return n >= t.low && n <= t.high
		}
	}
	return t.pattern == nil || t.pattern.MatchString(value)
}

// elements are the elements of a leaf-list.
func elements(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}
