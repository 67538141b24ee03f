package property

import (
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
)

// assignment is a leaf with its value; of an entry that is only named, the
// path of the entry.
type assignment struct {
	path  path
	value string
}

// operation is one operation of a Set, and what it means.
type operation struct {
	op   gpb.UpdateResult_Operation
	path path
	// value is what is sent, nil of a delete.
	value *gpb.TypedValue
	// leaves are what the value says.
	leaves []assignment
	// code is what is wrong with the operation by itself; OK is nothing.
	code codes.Code
}

// order is the place of an operation in the order in which those of a Set are
// carried out.
func (o *operation) order() int {
	return slices.Index([]gpb.UpdateResult_Operation{
		gpb.UpdateResult_DELETE, gpb.UpdateResult_REPLACE, gpb.UpdateResult_UPDATE, gpb.UpdateResult_UNION_REPLACE,
	}, o.op)
}

// inOrder puts operations into the order in which they are carried out.
func inOrder(all []operation) []operation {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b operation) int { return a.order() - b.order() })
	return sorted
}

// request is the Set of operations, all of which begin with the prefix.
func request(all []operation, prefix path) *gpb.SetRequest {
	req := &gpb.SetRequest{}
	if len(prefix) > 0 {
		req.Prefix = prefix.proto()
		req.Prefix.Target = "element"
	}
	for _, o := range all {
		u := &gpb.Update{Path: o.path[len(prefix):].proto(), Val: o.value}
		switch o.op {
		case gpb.UpdateResult_DELETE:
			req.Delete = append(req.Delete, u.Path)
		case gpb.UpdateResult_REPLACE:
			req.Replace = append(req.Replace, u)
		case gpb.UpdateResult_UPDATE:
			req.Update = append(req.Update, u)
		case gpb.UpdateResult_UNION_REPLACE:
			req.UnionReplace = append(req.UnionReplace, u)
		}
	}
	return req
}

// carryOut gives the configuration after a Set, and what is wrong with it.
func carryOut(models *node, from tree, all []operation) (tree, faults) {
	all = inOrder(all)
	f := faults{}
	if len(all) > 0 && all[0].order() != all[len(all)-1].order() && all[len(all)-1].op == gpb.UpdateResult_UNION_REPLACE {
		f.add(codes.InvalidArgument, "union_replace beside other operations")
		return nil, f
	}
	if mistaken(models, f, all) {
		return nil, f
	}
	to := tree{}
	if len(all) > 0 && all[0].op == gpb.UpdateResult_UNION_REPLACE {
		to.union(models, f, all)
	} else {
		for leaf, value := range from {
			to[leaf] = value
		}
		for i := range all {
			all[i].carryOut(models, f, to)
		}
	}
	for code, reason := range to.check() {
		f.add(code, reason)
	}
	return to, f
}

// mistaken reports an operation that no element may take. Where another one has a
// value that its leaf cannot have, an element may say that first.
func mistaken(models *node, f faults, all []operation) bool {
	for i := range all {
		if all[i].code != codes.OK {
			f.add(all[i].code, all[i].op.String()+" "+all[i].path.String())
		}
	}
	if len(f) == 0 {
		return false
	}
	for i := range all {
		for _, l := range all[i].leaves {
			l.check(models, f)
		}
	}
	return true
}

func (o *operation) carryOut(models *node, f faults, t tree) {
	switch o.op {
	case gpb.UpdateResult_DELETE:
		t.deleteAll(o.path)
		return
	case gpb.UpdateResult_REPLACE:
		t.delete(o.path)
	}
	t.create(o.path)
	for _, l := range o.leaves {
		l.check(models, f)
		t.assign(o.op, l)
	}
}

// check holds a value against the type of its leaf, and that of a leaf which
// repeats a key against the key.
func (l assignment) check(models *node, f faults) {
	n := models.at(l.path)
	if n.keys != nil {
		return // an entry that is only named
	}
	all := []string{l.value}
	if n.value.list {
		all = elements(l.value)
	}
	for i, e := range all {
		if !n.value.accepts(e) || slices.Contains(all[:i], e) {
			f.invalid(l.path, l.value)
		}
	}
	if k := mirrored(l.path); k != nil && k.value != l.value {
		f.invalid(l.path, "contradicts the key")
	}
}

// assign sets a leaf. What an update says of a leaf-list is added to it.
func (t tree) assign(op gpb.UpdateResult_Operation, l assignment) {
	t.create(l.path)
	switch {
	case len(l.path[len(l.path)-1].keys) > 0 || mirrored(l.path) != nil:
	case isList(l.path) && op == gpb.UpdateResult_UPDATE:
		t.add(l.path, l.value)
	default:
		t.set(l.path, l.value)
	}
}

// mirrored is the key that a leaf repeats, nil for none.
func mirrored(p path) *key {
	at := len(p) - 2
	if len(p) > 2 && p[at].name == "config" {
		at--
	}
	for i := range p[max(at, 0)].keys {
		if k := &p[at].keys[i]; k.name == p[len(p)-1].name {
			return k
		}
	}
	return nil
}

// union puts the parts of a union_replace together: they must not say
// different things of a leaf.
func (t tree) union(models *node, f faults, parts []operation) {
	for i := range parts {
		part := tree{}
		parts[i].carryOut(models, f, part)
		for leaf, value := range part {
			if have, said := t[leaf]; said && have != value {
				f.add(codes.InvalidArgument, leaf+": "+have+" and "+value)
			}
			t[leaf] = value
		}
	}
}

// results are those that the answer to a Set must have.
func results(all []operation, prefix path) []string {
	var lines []string
	for _, o := range inOrder(all) {
		lines = append(lines, o.op.String()+" "+o.path[len(prefix):].String())
	}
	return lines
}

// describe is a Set for a failure's message.
func describe(all []operation) string {
	var b strings.Builder
	for _, o := range all {
		b.WriteString("  " + o.op.String() + " " + o.path.String())
		if o.value != nil {
			b.WriteString(" " + o.value.String())
		}
		b.WriteByte('\n')
	}
	return b.String()
}
