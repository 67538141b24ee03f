package tree

import (
	"maps"
	"reflect"
	"slices"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Difference is what leads from one tree to another: first the deletes, then
// the updates. It has neither a delete nor an update below a list entry that
// it deletes.
type Difference struct {
	// Deletes are leaves and whole list entries.
	Deletes []schema.Path
	// Updates are leaves that are new or have another value.
	Updates []Leaf
	// Created are the list entries that are new.
	Created []schema.Path
}

// Empty reports two trees that hold the same.
func (d *Difference) Empty() bool { return len(d.Deletes) == 0 && len(d.Updates) == 0 }

// Difference compares the tree that the Editor began with with what it made of
// it. Its cost is that of what was touched.
func (e *Editor) Difference() Difference {
	c := comparer{schema: e.schema, editor: e}
	c.children(ocpath.Root, reflect.ValueOf(e.base).Elem(), reflect.ValueOf(e.root).Elem(), nil)
	return c.Difference
}

// Compare gives the difference between two trees of any origin; what they
// share costs nothing.
func (s *Schema) Compare(from, to *oc.Device) Difference {
	c := comparer{schema: s}
	c.children(ocpath.Root, reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem(), nil)
	return c.Difference
}

type comparer struct {
	schema *Schema
	editor *Editor // nil where no Editor made the second tree
	Difference
}

// children compares two structs of one node; either may be the zero Value for
// one that is not there.
func (c *comparer) children(parent ocpath.ID, from, to reflect.Value, keys []string) {
	for id := range children(parent) {
		if n := ocpath.Get(id); n.Config {
			index := c.schema.fields[id].index
			c.node(n, member(from, index), member(to, index), to, keys)
		}
	}
}

func member(holder reflect.Value, index int) reflect.Value {
	if !holder.IsValid() {
		return reflect.Value{}
	}
	return holder.Field(index)
}

// node compares one node; holder is the struct that the second tree has it in.
func (c *comparer) node(n *ocpath.Node, from, to, holder reflect.Value, keys []string) {
	switch n.Kind {
	case ocpath.Container:
		if !same(from, to) {
			c.children(n.ID, target(from), target(to), keys)
		}
	case ocpath.List:
		if !same(from, to) {
			c.list(n, from, to, holder, keys)
		}
	default:
		if ocpath.Get(n.Parent).Kind != ocpath.List {
			c.leaf(n, from, to, keys)
		}
	}
}

// same reports pointers or maps that are shared, or both not there.
func same(a, b reflect.Value) bool {
	return address(a) == address(b)
}

func address(v reflect.Value) uintptr {
	if !v.IsValid() || v.IsNil() {
		return 0
	}
	return v.Pointer()
}

// target is the struct behind a pointer, the zero Value for none.
func target(pointer reflect.Value) reflect.Value {
	if !pointer.IsValid() || pointer.IsNil() {
		return reflect.Value{}
	}
	return pointer.Elem()
}

func (c *comparer) leaf(n *ocpath.Node, from, to reflect.Value, keys []string) {
	f := &c.schema.fields[n.ID]
	var a, b schema.Value
	if from.IsValid() {
		a = f.leaf.get(from)
	}
	if to.IsValid() {
		b = f.leaf.get(to)
	}
	path := schema.Path{Node: n.ID, Keys: keys}
	switch {
	case a.Valid() && !b.Valid():
		c.Deletes = append(c.Deletes, path)
	case b.Valid() && (!a.Valid() || !a.Equal(b)):
		c.Updates = append(c.Updates, Leaf{path, b})
	}
}

func (c *comparer) list(n *ocpath.Node, from, to, holder reflect.Value, outer []string) {
	for _, e := range c.candidates(n, from, to, holder, outer) {
		a, b := lookup(from, e.key), lookup(to, e.key)
		switch {
		case same(a, b):
		case !b.IsValid():
			c.Deletes = append(c.Deletes, schema.Path{Node: n.ID, Keys: e.keys})
		default:
			if !a.IsValid() {
				c.Created = append(c.Created, schema.Path{Node: n.ID, Keys: e.keys})
			}
			c.children(n.ID, target(a), target(b), e.keys)
		}
	}
}

func lookup(m, key reflect.Value) reflect.Value {
	if !m.IsValid() || m.IsNil() {
		return reflect.Value{}
	}
	return m.MapIndex(key)
}

// candidates are the entries that may differ: those that the Editor touched,
// where it made the one map from the other, else all of both.
func (c *comparer) candidates(n *ocpath.Node, from, to, holder reflect.Value, outer []string) []entry {
	keys := map[string]entry{}
	add := func(k reflect.Value) {
		text := c.schema.keyText(slices.Clip(slices.Clone(outer)), n, k)
		keys[joinKeys(text)] = entry{keys: text, key: k}
	}
	if state := c.copied(n, from, holder); state != nil {
		for _, k := range state.touched {
			add(k)
		}
	} else {
		for _, m := range []reflect.Value{from, to} {
			if address(m) == 0 {
				continue
			}
			for iter := m.MapRange(); iter.Next(); {
				add(iter.Key())
			}
		}
	}
	return slices.SortedFunc(maps.Values(keys), func(a, b entry) int { return compareKeys(a.keys, b.keys) })
}

// copied gives what the Editor knows of a map that it copied from another.
func (c *comparer) copied(n *ocpath.Node, from, holder reflect.Value) *ownedList {
	if c.editor == nil || !holder.IsValid() || address(from) == 0 {
		return nil
	}
	state := c.editor.lists[listField{holder.Addr().Interface(), n.ID}]
	if state == nil || state.source != address(from) {
		return nil
	}
	return state
}
