package tree

import (
	"reflect"
	"slices"
	"strings"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Get gives the value of a leaf or leaf-list, the zero Value where it is not
// set.
func (s *Schema) Get(d *oc.Device, path schema.Path) schema.Value {
	holder := s.find(d, ocpath.Get(path.Node).Parent, path.Keys)
	if !holder.IsValid() {
		return schema.Value{}
	}
	f := &s.fields[path.Node]
	return f.leaf.get(holder.Field(f.index))
}

// Exists reports whether anything is at or below a path.
func (s *Schema) Exists(d *oc.Device, path schema.Path) bool { return s.exists(d, path) }

func (s *Schema) exists(d *oc.Device, path schema.Path) bool {
	n := ocpath.Get(path.Node)
	if path.Node == ocpath.Root {
		return !reflect.ValueOf(d).Elem().IsZero()
	}
	if n.IsLeaf() {
		return s.Get(d, path).Valid()
	}
	if n.Kind == ocpath.List && !path.IsEntry() {
		holder := s.find(d, n.Parent, path.Keys)
		return holder.IsValid() && holder.Field(s.fields[n.ID].index).Len() > 0
	}
	return s.find(d, path.Node, path.Keys).IsValid()
}

// find gives the struct of a container or list entry, the zero Value where it
// is not there.
func (s *Schema) find(d *oc.Device, id ocpath.ID, keys []string) reflect.Value {
	holder := reflect.ValueOf(d).Elem()
	used := 0
	for _, step := range way(id) {
		n := ocpath.Get(step)
		next := holder.Field(s.fields[step].index)
		if n.Kind == ocpath.List {
			end := used + len(n.Keys)
			k, err := s.mapKey(n, keys[used:end])
			if err != nil {
				return reflect.Value{}
			}
			next, used = next.MapIndex(k), end
		}
		if !next.IsValid() || next.IsNil() {
			return reflect.Value{}
		}
		holder = next.Elem()
	}
	return holder
}

// Leaf is a leaf or leaf-list with its value.
type Leaf struct {
	Path  schema.Path
	Value schema.Value
}

// Leaves gives every leaf that is set, in the order of the schema and of the
// keys, without the key leaves of lists (the leaves below config that repeat
// them are given).
func (s *Schema) Leaves(d *oc.Device) []Leaf {
	w := walker{schema: s}
	w.children(ocpath.Root, reflect.ValueOf(d).Elem(), nil)
	return w.leaves
}

// walker collects leaves.
type walker struct {
	schema *Schema
	leaves []Leaf
}

func (w *walker) children(parent ocpath.ID, holder reflect.Value, keys []string) {
	for id := range children(parent) {
		if n := ocpath.Get(id); n.Config {
			w.node(n, holder.Field(w.schema.fields[id].index), keys)
		}
	}
}

func (w *walker) node(n *ocpath.Node, value reflect.Value, keys []string) {
	switch n.Kind {
	case ocpath.Container:
		if !value.IsNil() {
			w.children(n.ID, value.Elem(), keys)
		}
	case ocpath.List:
		for _, e := range w.schema.entries(n, value, keys) {
			w.children(n.ID, e.value.Elem(), e.keys)
		}
	default:
		if ocpath.Get(n.Parent).Kind == ocpath.List {
			return // a key leaf
		}
		if v := w.schema.fields[n.ID].leaf.get(value); v.Valid() {
			w.leaves = append(w.leaves, Leaf{schema.Path{Node: n.ID, Keys: keys}, v})
		}
	}
}

// entry is one entry of a list.
type entry struct {
	keys  []string // outer keys included
	value reflect.Value
	key   reflect.Value
}

// entries gives the entries of a list by ascending keys, numbers by value.
func (s *Schema) entries(list *ocpath.Node, m reflect.Value, outer []string) []entry {
	all := make([]entry, 0, m.Len())
	for iter := m.MapRange(); iter.Next(); {
		keys := s.keyText(slices.Clip(slices.Clone(outer)), list, iter.Key())
		all = append(all, entry{keys, iter.Value(), iter.Key()})
	}
	slices.SortFunc(all, func(a, b entry) int { return compareKeys(a.keys, b.keys) })
	return all
}

// compareKeys orders numbers by value: of two texts of digits the longer one
// is larger.
func compareKeys(a, b []string) int {
	for i := range a {
		if c := compareKey(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

func compareKey(a, b string) int {
	if digits(a) && digits(b) && len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && s[0] != '0'
}

// Match gives the topmost nodes that are there, configurable, and asked for
// with everything below them; the leaves that repeat a key are left out.
func (s *Schema) Match(d *oc.Device, p schema.Pattern) []schema.Path {
	m := matcher{schema: s, pattern: p}
	if p.IsEnd(ocpath.Root, nil) {
		return []schema.Path{{Node: ocpath.Root}}
	}
	m.children(ocpath.Root, reflect.ValueOf(d).Elem(), nil)
	return m.paths
}

type matcher struct {
	schema  *Schema
	pattern schema.Pattern
	paths   []schema.Path
}

func (m *matcher) children(parent ocpath.ID, holder reflect.Value, keys []string) {
	for id := range children(parent) {
		n := ocpath.Get(id)
		if !n.Config || m.pattern.Next(id, n.End) >= n.End {
			continue
		}
		m.node(n, holder.Field(m.schema.fields[id].index), keys)
	}
}

func (m *matcher) node(n *ocpath.Node, value reflect.Value, keys []string) {
	switch n.Kind {
	case ocpath.Container:
		if value.IsNil() {
			return
		}
		if !m.take(n, keys) {
			m.children(n.ID, value.Elem(), keys)
		}
	case ocpath.List:
		for _, e := range m.schema.entries(n, value, keys) {
			if !m.take(n, e.keys) {
				m.children(n.ID, e.value.Elem(), e.keys)
			}
		}
	default:
		if !m.schema.IsKey(n.ID) && m.schema.fields[n.ID].leaf.get(value).Valid() {
			m.take(n, keys)
		}
	}
}

func (m *matcher) take(n *ocpath.Node, keys []string) bool {
	if !m.pattern.IsEnd(n.ID, keys) {
		return false
	}
	m.paths = append(m.paths, schema.Path{Node: n.ID, Keys: keys})
	return true
}
