package property

import (
	"maps"
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
)

// transaction draws the operations of one Set, given the configuration that it
// meets, and the prefix that is sent.
func (d *dice) transaction(have tree) (all []operation, prefix path) {
	switch d.IntN(20) {
	case 0:
		all = d.union(have)
	case 1:
		all = []operation{d.whole(have)}
	case 2:
		all = d.stationOf(have)
	case 3, 4:
		all = d.team(have)
	default:
		for range 1 + d.IntN(1+d.IntN(6)) {
			all = append(all, d.operation(have))
		}
	}
	if d.one(12) && len(all) > 0 {
		i := d.IntN(len(all))
		all[i] = d.wrong(all[i])
	}
	return all, d.prefix(all)
}

// prefix draws what is put before the paths of all operations.
func (d *dice) prefix(all []operation) path {
	if len(all) == 0 || d.one(2) {
		return nil
	}
	common := all[0].path
	for _, o := range all {
		n := 0
		for n < len(common) && n < len(o.path) && common[:n+1].String() == o.path[:n+1].String() {
			n++
		}
		common = common[:n]
	}
	return common[:d.IntN(len(common)+1)]
}

// operation draws one operation.
func (d *dice) operation(have tree) operation {
	switch d.IntN(12) {
	case 0, 1, 2:
		name := d.port()
		return d.structure(d.writeOp(), entry(name), d.interfaceLeaves(name))
	case 3:
		if d.one(3) {
			name := d.aggregate()
			return d.structure(d.writeOp(), entry(name), d.aggregateLeaves(name, have))
		}
		name := d.instance()
		leaves := d.instanceLeaves(name, have)
		return d.structure(d.writeOp(), leaves[0].path[:2], leaves)
	case 4, 5:
		return d.write(d.leaf(d.keyed(pick(d, d.leaves...))))
	case 6:
		return d.existing(have)
	case 7:
		return d.subtree()
	case 8:
		return d.list(have)
	case 9:
		return d.patternDelete()
	}
	return d.delete(have)
}

// existing gives a leaf that is set, or one beside it, another value.
func (d *dice) existing(have tree) operation {
	if len(have) == 0 {
		return d.subtree()
	}
	at := parse(pick(d, slices.Sorted(maps.Keys(have))...))
	beside := d.models.at(at[:len(at)-1]).children
	p := at[:len(at)-1].below(pick(d, beside...).name)
	if n := d.models.at(p); n.value == nil {
		p = at
	}
	l := d.leaf(p)
	if mirrored(p) == nil && d.one(2) && p[0].name == "interfaces" && p[len(p)-2].name != "switched-vlan" {
		l.value = have[at.String()]
		l.path = at
	}
	return d.write(l)
}

// subtree writes some leaves of a container.
func (d *dice) subtree() operation {
	p := d.keyed(pick(d, d.leaves...))
	at := p[:len(p)-1]
	if d.one(3) {
		at = at[:len(at)-1]
	}
	var leaves []assignment
	for _, l := range d.leaves {
		if len(l) == len(p) && l[:len(p)-1].String() == p[:len(p)-1].unkeyed().String() && d.one(2) {
			leaves = append(leaves, d.leaf(p[:len(p)-1].below(l[len(p)-1].name)))
		}
	}
	o := d.structure(d.writeOp(), at, leaves)
	if isEntry := len(at[len(at)-1].keys) > 0; isEntry && len(leaves) == 0 && o.op == gpb.UpdateResult_REPLACE {
		o.code = codes.InvalidArgument // of an entry with nothing
	}
	return o
}

// unkeyed is the path without the keys of its lists.
func (p path) unkeyed() path {
	out := path{}
	for _, s := range p {
		out = append(out, step{name: s.name})
	}
	return out
}

// list writes several interfaces at once, by the list or the container around
// it.
func (d *dice) list(have tree) operation {
	var leaves []assignment
	for range 1 + d.IntN(3) {
		leaves = append(leaves, d.interfaceLeaves(d.port())...)
	}
	at := path{{name: "interfaces"}, {name: "interface"}}
	op := d.writeOp()
	if op == gpb.UpdateResult_REPLACE && !d.one(4) {
		op = gpb.UpdateResult_UPDATE
	}
	return d.structure(op, at[:1+d.IntN(2)], once(leaves))
}

// whole replaces the configuration by one of its leaves and some others.
func (d *dice) whole(have tree) operation {
	return d.structure(gpb.UpdateResult_REPLACE, path{}, d.another(have))
}

// another draws a configuration that has something of the one given.
func (d *dice) another(have tree) []assignment {
	var leaves []assignment
	for _, leaf := range slices.Sorted(maps.Keys(have)) {
		p := parse(leaf)
		if mirror(p) {
			leaves = append(leaves, assignment{p[:len(p)-2], ""})
		} else if !d.one(40) {
			leaves = append(leaves, assignment{p, have[leaf]})
		}
	}
	if d.one(2) {
		name := d.port()
		gone := entry(name).String()
		leaves = slices.DeleteFunc(leaves, func(l assignment) bool { return holds(gone, l.path.String()) })
		leaves = append(leaves, d.interfaceLeaves(name)...)
	}
	return once(leaves)
}

// union divides a configuration among the parts of a union_replace. Some parts
// say the same, and few say different things.
func (d *dice) union(have tree) []operation {
	parts := make([][]assignment, 1+d.IntN(3))
	for _, l := range d.another(have) {
		i := d.IntN(len(parts))
		parts[i] = append(parts[i], l)
		if len(l.path[len(l.path)-1].keys) == 0 && d.one(8) {
			other := d.IntN(len(parts))
			if d.one(6) {
				l = d.leaf(l.path)
			}
			if other != i {
				parts[other] = append(parts[other], l)
			}
		}
	}
	var all []operation
	for _, leaves := range parts {
		all = append(all, d.structure(gpb.UpdateResult_UNION_REPLACE, path{}, once(leaves)))
	}
	return all
}

// delete draws a path that is there, or may be.
func (d *dice) delete(have tree) operation {
	p := d.keyed(pick(d, d.leaves...))
	if len(have) > 0 && !d.one(4) {
		p = parse(pick(d, slices.Sorted(maps.Keys(have))...))
	}
	p = p[:1+d.IntN(len(p))]
	if d.one(300) {
		p = path{}
	}
	o := operation{op: gpb.UpdateResult_DELETE, path: p}
	if len(p) > 1 && mirrored(p) != nil {
		o.code = codes.InvalidArgument // a key goes with its entry only
	}
	return o
}

// patternDelete draws a path with wildcards.
func (d *dice) patternDelete() operation {
	p := d.keyed(pick(d, d.leaves...))
	p = p[:2+d.IntN(len(p)-1)]
	wild := 0
	for i := range p {
		if len(p[i].keys) > 0 && d.one(2) {
			j := d.IntN(len(p[i].keys))
			p[i].keys[j].value = "*"
			wild++
		}
		if i > 1 && d.one(6) {
			p[i] = step{name: "*"}
			wild++
		}
	}
	if wild == 0 || d.one(3) {
		p = pick(d, parse("/interfaces/interface/config/mtu"), parse("/.../config/description"), parse("/interfaces/.../access-vlan"),
			parse("/network-instances/network-instance[name=*]/vlans/vlan[vlan-id=*]"), parse("/interfaces/interface[name=*]/hold-time/config/*"),
			parse("/network-instances/network-instance/fdb/mac-table/entries/entry[mac-address="+d.mac()+"]"), parse("/.../interface-ref"),
			parse("/network-instances/*/interfaces"), parse("/interfaces/interface/*/config"), parse("/interfaces/interface[name=*]/config/name"))
	}
	return operation{op: gpb.UpdateResult_DELETE, path: p}
}
