package property

import (
	"maps"
	"slices"
	"strings"
)

// tree is a configuration: the lexical values of leaves by the text of their
// paths; the elements of a leaf-list are separated by commas. An entry of a
// list is there where the leaf below config is that repeats its key. Key
// leaves themselves, and defaults, are not in it.
type tree map[string]string

// create makes sure of the entries on a path.
func (t tree) create(p path) {
	for i, s := range p {
		for _, k := range s.keys {
			t[p[:i+1].below("config", k.name).String()] = k.value
		}
	}
}

// set sets a leaf.
func (t tree) set(p path, value string) {
	t.create(p)
	if value == "" && isList(p) {
		delete(t, p.String())
	} else if len(p) > 2 && len(p[len(p)-2].keys) == 0 {
		t[p.String()] = value
	}
}

// isList reports a leaf-list, whose empty value is none.
func isList(p path) bool {
	last := p[len(p)-1].name
	return last == "trunk-vlans" || last == "standby-member"
}

// add adds to a leaf-list what it lacks.
func (t tree) add(p path, value string) {
	have := elements(t[p.String()])
	for _, e := range elements(value) {
		if !slices.Contains(have, e) {
			have = append(have, e)
		}
	}
	t.set(p, strings.Join(have, ","))
}

// delete removes what is at and below a path without wildcards. A leaf that
// repeats a key goes with its entry only.
func (t tree) delete(p path) {
	gone := p.String()
	for leaf := range t {
		if !holds(gone, leaf) {
			continue
		}
		if q := parse(leaf); mirror(q) && !holds(gone, q[:len(q)-2].String()) {
			continue
		}
		delete(t, leaf)
	}
}

// mirror reports a leaf below config that repeats a key.
func mirror(p path) bool {
	if len(p) < 3 || p[len(p)-2].name != "config" {
		return false
	}
	return slices.ContainsFunc(p[len(p)-3].keys, func(k key) bool { return k.name == p[len(p)-1].name })
}

// deleteAll removes all that a pattern matches.
func (t tree) deleteAll(pattern path) {
	var gone []path
	for leaf := range t {
		q := parse(leaf)
		for i := range len(q) + 1 {
			if matches(pattern, q[:i]) && (i < len(q) || !mirror(q)) {
				gone = append(gone, q[:i])
				break
			}
		}
	}
	for _, p := range gone {
		t.delete(p)
	}
}

// matches reports whether a pattern names a node: "*" is any name and any
// value of a key, a key left away is any, "..." is any number of elements.
func matches(pattern, p path) bool {
	if len(pattern) == 0 {
		return len(p) == 0
	}
	if pattern[0].name == "..." {
		for i := range len(p) + 1 {
			if matches(pattern[1:], p[i:]) {
				return true
			}
		}
		return false
	}
	if len(p) == 0 || pattern[0].name != "*" && pattern[0].name != p[0].name {
		return false
	}
	for _, k := range pattern[0].keys {
		i := slices.IndexFunc(p[0].keys, func(have key) bool { return have.name == k.name })
		if i < 0 || k.value != "*" && k.value != p[0].keys[i].value {
			return false
		}
	}
	return matches(pattern[1:], p[1:])
}

// entries are the keys of the entries of a list, by the path of the list
// without its keys; outer entries are any.
func (t tree) entries(list string) []path {
	var all []path
	want := parse(list)
	suffix := "/config/" + want[len(want)-1].keys[0].name
	for leaf := range t {
		if !strings.HasSuffix(leaf, suffix) {
			continue
		}
		q := parse(leaf)
		if len(q) == len(want)+2 && mirror(q) && q[len(q)-1].name == q[len(want)-1].keys[0].name && matches(want, q[:len(want)]) {
			all = append(all, q[:len(want)])
		}
	}
	slices.SortFunc(all, func(a, b path) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// leaf is the value of a leaf below a node.
func (t tree) leaf(p path, names ...string) string { return t[p.below(names...).String()] }

// seen is what a client is shown of a configuration: with key leaves, and with
// the defaults of the entries that are there.
func (t tree) seen(models *node) tree {
	all := maps.Clone(t)
	for leaf := range t {
		q := parse(leaf)
		for i, s := range q {
			for _, k := range s.keys {
				all[q[:i+1].below(k.name).String()] = k.value
			}
		}
		if mirror(q) {
			entry := q[:len(q)-2]
			models.at(entry).defaults(entry, all)
		}
	}
	return all
}

// defaults adds those of the leaves of an entry that are not set, without
// those in lists below it.
func (n *node) defaults(at path, all tree) {
	for _, c := range n.children {
		p := at.below(c.name)
		switch {
		case c.keys != nil:
		case c.value == nil:
			c.defaults(p, all)
		case c.fallback != "":
			if _, set := all[p.String()]; !set {
				all[p.String()] = c.fallback
			}
		}
	}
}

func sortedLeaves(t tree) []string { return slices.Sorted(maps.Keys(t)) }
