package property

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// dice makes random Sets over a few interfaces, switches, VLANs and addresses,
// so that they often meet. Most could be meant; some make no sense.
type dice struct {
	*rand.Rand
	models *node
	leaves []path // of the models, lists without keys
}

func newDice(seed uint64) *dice {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 25)), models: models()}
	d.collect(d.models, nil)
	return d
}

// collect gathers the leaves that can be written.
func (d *dice) collect(n *node, at path) {
	for _, c := range n.children {
		if p := at.below(c.name); c.value == nil {
			d.collect(c, p)
		} else if n.keys == nil {
			d.leaves = append(d.leaves, p)
		}
	}
}

func pick[E any](d *dice, of ...E) E { return of[d.IntN(len(of))] }

// one reports true in one of n cases.
func (d *dice) one(n int) bool { return d.IntN(n) == 0 }

// The names that are drawn. Interfaces p0 to p3 are there most of the time, p4
// when another one is renamed, and the last never.
func (d *dice) port() string { return pick(d, "p0", "p1", "p2", "p3", "p4", `q]\=[`, "lag0") }

func (d *dice) instance() string { return pick(d, defaultSwitch, defaultSwitch, "red", "blue") }

func (d *dice) vlan() string { return fmt.Sprint(10 + d.IntN(4)) }

func (d *dice) mac() string { return fmt.Sprintf("02:00:00:00:00:0%d", d.IntN(3)) }

// keyed fills the keys of the lists on a path.
func (d *dice) keyed(p path) path {
	p = slices.Clone(p)
	for i := range p {
		n := d.models.at(p[:i+1])
		for _, name := range n.keys {
			value := ""
			switch name {
			case "name":
				value = d.instance()
				switch {
				case p[0].name == "lacp":
					value = d.aggregate()
				case n.name == "interface":
					value = d.port()
				}
			case "interface":
				value = d.port()
			case "id":
				value = pick(d, "a", "b")
			case "mac-address":
				value = d.mac()
			default:
				value = d.vlan()
			}
			p[i].keys = append(slices.Clip(p[i].keys), key{name, value})
		}
	}
	return p
}

// value draws a value for a leaf: right by its type, and mostly of use.
func (d *dice) value(p path) string {
	if k := mirrored(p); k != nil {
		if d.one(20) {
			return pick(d, "p0", "red", "12", "a")
		}
		return k.value
	}
	switch last := p[len(p)-1].name; last {
	case "description":
		return pick(d, "", "a", "two words", `quo"te \ back/slash`, "line\nbreak\ttab", "grüße 信号箱", strings.Repeat("x", 200+d.IntN(60)))
	case "mac-address":
		return pick(d, "02:aa:00:00:00:0"+fmt.Sprint(d.IntN(9)), "02:AA:00:00:00:0C", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:aa")
	case "interface", "primary":
		return d.port()
	case "standby-member":
		return pick(d, "", d.port(), "p0,p1", "p1,p1")
	case "aggregate-id":
		return d.aggregate()
	case "name":
		return pick(d, "one", "two", "")
	case "type":
		if p[0].name == "interfaces" {
			return pick(d, "ethernetCsmacd", "ethernetCsmacd", "ethernetCsmacd", "l2vlan", aggregateType)
		}
		return pick(d, "L2VSI", "L2VSI", "L2VSI", "DEFAULT_INSTANCE", "L3VRF")
	case "trunk-vlans":
		return d.trunk()
	case "access-vlan", "native-vlan":
		return pick(d, d.vlan(), d.vlan(), d.vlan(), "4094", "4095", "0")
	}
	return d.plain(d.models.at(p))
}

// plain draws a value for a leaf of which only the type matters, or bounds that
// are those of its name.
func (d *dice) plain(n *node) string {
	switch n.value.kind {
	case truth:
		return pick(d, "true", "false")
	case name:
		return pick(d, slices.Sorted(maps.Keys(n.value.names))...)
	}
	switch n.name {
	case "mtu":
		return fmt.Sprint(pick(d, 1300+d.IntN(100), 9000, 68, d.IntN(70)))
	case "up", "down":
		return fmt.Sprint(pick(d, 0, 0, d.IntN(60)))
	case "up-delay":
		return fmt.Sprint(pick(d, 0, d.IntN(100), 700_000))
	case "mac-aging-time":
		return fmt.Sprint(d.IntN(600))
	case "load-interval", "maximum-entries":
		return fmt.Sprint(d.IntN(40))
	}
	return fmt.Sprint(d.IntN(4))
}

// trunk draws a list of VLANs; some overlap.
func (d *dice) trunk() string {
	return pick(d, "", d.vlan(), d.vlan()+",20..30", "20..30,40", "10..13", d.vlan()+","+d.vlan(), "25..20", "100..200,150")
}

// leaf assigns a random value to a leaf of an entry that a path is in.
func (d *dice) leaf(p path) assignment { return assignment{p, d.value(p)} }

// write makes an operation that gives one leaf a value.
func (d *dice) write(l assignment) operation {
	return operation{
		op: pick(d, gpb.UpdateResult_UPDATE, gpb.UpdateResult_REPLACE), path: l.path,
		value: encode(d.Rand, d.models.at(l.path), l.value), leaves: []assignment{l},
	}
}

// structure makes an operation that writes leaves below a node.
func (d *dice) structure(op gpb.UpdateResult_Operation, at path, leaves []assignment) operation {
	qualified := d.one(2)
	doc := document(d.models, at, leaves, qualified)
	v := &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: doc}}
	if qualified || d.one(2) {
		v = &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: doc}}
	}
	return operation{op: op, path: at, value: v, leaves: leaves}
}

// writeOp draws one of the operations that write.
func (d *dice) writeOp() gpb.UpdateResult_Operation {
	return pick(d, gpb.UpdateResult_UPDATE, gpb.UpdateResult_UPDATE, gpb.UpdateResult_REPLACE)
}

// interfaceLeaves are those of an interface as somebody may want it.
func (d *dice) interfaceLeaves(name string) []assignment {
	p := entry(name)
	all := []assignment{{p.below("config", "type"), "ethernetCsmacd"}}
	for _, names := range [][]string{{"config", "mtu"}, {"config", "description"}, {"config", "enabled"}, {"hold-time", "config", "up"},
		{"rates", "config", "load-interval"}, {"ethernet", "config", "mac-address"}} {
		if d.one(4) {
			all = append(all, d.sane(d.leaf(p.below(names...))))
		}
	}
	vlan := p.below("ethernet", "switched-vlan", "config")
	switch d.IntN(4) {
	case 0, 1:
		return append(all, assignment{vlan.below("interface-mode"), "ACCESS"}, assignment{vlan.below("access-vlan"), d.vlan()})
	case 2:
		all = append(all, assignment{vlan.below("interface-mode"), "TRUNK"})
		if d.one(2) {
			all = append(all, assignment{vlan.below("native-vlan"), d.vlan()})
		}
		if d.one(2) {
			all = append(all, assignment{vlan.below("trunk-vlans"), pick(d, d.vlan(), "20..30,"+d.vlan(), "10..13")})
		}
	}
	return all
}

// sane draws again until a value of a single leaf can be.
func (d *dice) sane(l assignment) assignment {
	for {
		f, t := faults{}, tree{}
		l.check(d.models, f)
		t.set(l.path, l.value)
		t.set(l.path[:2].below("config", "type"), "ethernetCsmacd")
		if len(f) == 0 && len(t.check()) == 0 {
			return l
		}
		l = d.leaf(l.path)
	}
}

// instanceLeaves are those of a network instance as somebody may want it.
func (d *dice) instanceLeaves(name string, have tree) []assignment {
	p := path{{name: "network-instances"}, {name: "network-instance", keys: []key{{"name", name}}}}
	all := []assignment{{p.below("config", "type"), "L2VSI"}}
	if d.one(3) {
		all = append(all, assignment{p.below("config", "enabled"), pick(d, "true", "false")})
	}
	if d.one(3) {
		all = append(all, assignment{p.below("fdb", "config", "mac-aging-time"), fmt.Sprint(d.IntN(300))})
	}
	for range d.IntN(3) {
		vlan := p.below("vlans", "vlan")
		vlan[len(vlan)-1].keys = []key{{"vlan-id", d.vlan()}}
		all = append(all, pick(d, assignment{vlan, ""}, assignment{vlan.below("config", "name"), "v"}, assignment{vlan.below("config", "status"), "SUSPENDED"}))
	}
	if ports := have.entries(interfaceList); d.one(3) && len(ports) > 0 {
		member := p.below("interfaces", "interface")
		member[len(member)-1].keys = []key{{"id", pick(d, "a", "b")}}
		all = append(all, assignment{member.below("config", "interface"), pick(d, ports...)[1].keys[0].value})
	}
	return once(all)
}

// once keeps the first of the assignments to each leaf.
func once(all []assignment) []assignment {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(l assignment) bool {
		text := l.path.String()
		defer func() { seen[text] = true }()
		return seen[text]
	})
}

// stationOf puts an address behind a port, if there is one with a VLAN.
func (d *dice) stationOf(have tree) []operation {
	var ports []string
	for _, p := range have.entries(interfaceList) {
		if name := p[1].keys[0].value; have.switchOf(name) != "" && len(have.carried(name)) > 0 {
			ports = append(ports, name)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	name := pick(d, ports...)
	vlan := fmt.Sprint(pick(d, have.carried(name)...))
	p := path{{name: "network-instances"}, {name: "network-instance", keys: []key{{"name", have.switchOf(name)}}}}
	vlans, station := p.below("vlans", "vlan"), p.below("fdb", "mac-table", "entries", "entry")
	vlans[len(vlans)-1].keys = []key{{"vlan-id", vlan}}
	station[len(station)-1].keys = []key{{"mac-address", d.mac()}, {"vlan", vlan}}
	return []operation{
		d.structure(gpb.UpdateResult_UPDATE, p, []assignment{{p.below("config", "type"), "L2VSI"}, {vlans, ""}}),
		d.write(assignment{station.below("interface", "interface-ref", "config", "interface"), name}),
	}
}
