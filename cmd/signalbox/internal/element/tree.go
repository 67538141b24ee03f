package element

import (
	"slices"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// Tree is a read-only view of leaves: a container, a list entry or a leaf. All
// methods work on nil, which is what is not there.
type Tree struct {
	keys     map[string]string // of a list entry
	value    *gpb.TypedValue   // of a leaf
	children map[string]*Tree
	lists    map[string]map[string]*Tree // entries by name and joined keys
}

func (t *Tree) insert(prefix *gpb.Path, u *gpb.Update) {
	for _, elem := range slices.Concat(prefix.GetElem(), u.GetPath().GetElem()) {
		t = t.descend(elem)
	}
	t.value = u.GetVal()
}

func (t *Tree) descend(elem *gpb.PathElem) *Tree {
	if len(elem.GetKey()) == 0 {
		if t.children == nil {
			t.children = map[string]*Tree{}
		}
		return make1(t.children, elem.GetName())
	}
	if t.lists == nil {
		t.lists = map[string]map[string]*Tree{}
	}
	if t.lists[elem.GetName()] == nil {
		t.lists[elem.GetName()] = map[string]*Tree{}
	}
	entry := make1(t.lists[elem.GetName()], joined(elem.GetKey()))
	entry.keys = elem.GetKey()
	return entry
}

// make1 gives the child of that name, a new one where there was none.
func make1(m map[string]*Tree, name string) *Tree {
	if m[name] == nil {
		m[name] = &Tree{}
	}
	return m[name]
}

func joined(keys map[string]string) string {
	var b strings.Builder
	for _, k := range sortedKeys(keys) {
		b.WriteString(keys[k])
		b.WriteByte(0)
	}
	return b.String()
}

// At is the node below, by names between slashes: "state/counters".
func (t *Tree) At(path string) *Tree {
	for name := range strings.SplitSeq(path, "/") {
		if t == nil {
			return nil
		}
		t = t.children[name]
	}
	return t
}

// List gives a list's entries, its names like those of At, ordered by their
// keys; numbers in keys count as numbers, so that eth2 stands before eth10.
func (t *Tree) List(path string) []*Tree {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		t, path = t.At(path[:i]), path[i+1:]
	}
	if t == nil {
		return nil
	}
	entries := make([]*Tree, 0, len(t.lists[path]))
	for _, e := range t.lists[path] {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *Tree) int { return CompareNatural(joined(a.keys), joined(b.keys)) })
	return entries
}

// Key is a key of a list entry.
func (t *Tree) Key(name string) string {
	if t == nil {
		return ""
	}
	return t.keys[name]
}

// Has reports whether the leaf is there.
func (t *Tree) Has(path string) bool { return t.At(path) != nil && t.At(path).value != nil }

// Text is a leaf as text, "" where it is not there.
func (t *Tree) Text(path string) string {
	leaf := t.At(path)
	if leaf == nil || leaf.value == nil {
		return ""
	}
	return FormatValue(leaf.value)
}

// Uint is a leaf as a number, 0 where it is none.
func (t *Tree) Uint(path string) uint64 {
	n, err := strconv.ParseUint(t.Text(path), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// True reports a boolean leaf that is there and true.
func (t *Tree) True(path string) bool { return t.Text(path) == "true" }

// Texts is a leaf-list.
func (t *Tree) Texts(path string) []string {
	leaf := t.At(path)
	if leaf == nil || leaf.value == nil {
		return nil
	}
	var out []string
	for _, v := range leaf.value.GetLeaflistVal().GetElement() {
		out = append(out, FormatValue(v))
	}
	return out
}

// CompareNatural orders text with runs of digits by their number.
func CompareNatural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			n, m := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if len(n) != len(m) {
				return len(n) - len(m)
			}
			if c := strings.Compare(n, m); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
