package schema

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// Pattern is what a path with wildcards stands for: nodes of the schema, and
// what is asked of the keys of the lists above them. It is immutable. The zero
// value matches nothing.
type Pattern struct {
	alts  []alternative // any of them may match
	index *index        // of many alternatives; nil for few
}

// alternative is a set of nodes under the same conditions.
type alternative struct {
	nodes set
	ends  []ocpath.ID // topmost nodes asked for, ascending, none below another
	conds []condition
	limit *Limit // nil for none
}

// condition asks one key for one value.
type condition struct {
	at    int // index in Path.Keys
	value string
}

// set is a set of schema nodes, one bit for each.
type set []uint64

func newSet() set { return make(set, (ocpath.Len()+63)/64) }

func (s set) has(id ocpath.ID) bool { return s[id/64]&(1<<(id%64)) != 0 }
func (s set) put(id ocpath.ID)      { s[id/64] |= 1 << (id % 64) }

// next is the first member from id on, or end if there is none below it.
func (s set) next(id, end ocpath.ID) ocpath.ID {
	for id < end {
		if w := s[id/64] >> (id % 64); w != 0 {
			return min(id+ocpath.ID(bits.TrailingZeros64(w)), end)
		}
		id = (id/64 + 1) * 64
	}
	return end
}

func (s set) intersects(id, end ocpath.ID) bool { return s.next(id, end) < end }

// add puts a whole subtree into the set.
func (a *alternative) add(node ocpath.ID) {
	if a.nodes.has(node) {
		return
	}
	end := ocpath.Get(node).End
	for id := node; id < end; id++ {
		a.nodes.put(id)
	}
	a.ends = slices.DeleteFunc(a.ends, func(id ocpath.ID) bool { return id > node && id < end })
	at, _ := slices.BinarySearch(a.ends, node)
	a.ends = slices.Insert(a.ends, at, node)
}

// holds reports that no key contradicts the conditions. Keys may be those of
// an outer list only: conditions on inner ones are then open.
func (a *alternative) holds(keys []string) bool {
	for _, c := range a.conds {
		if c.at < len(keys) && keys[c.at] != c.value {
			return false
		}
	}
	return true
}

// Empty reports that nothing can match.
func (p Pattern) Empty() bool { return len(p.alts) == 0 }

// Match reports whether a node is asked for; keys are those of all lists above
// it, as in Path.
func (p Pattern) Match(node ocpath.ID, keys []string) bool {
	if p.index != nil {
		open, keyed := p.split(keys)
		return match(open, node, keys) || match(keyed, node, keys)
	}
	return match(p.alts, node, keys)
}

func match(alts []alternative, node ocpath.ID, keys []string) bool {
	for i := range alts {
		a := &alts[i]
		if a.nodes.has(node) && a.holds(keys) && (a.limit == nil || a.limit.allows(node, keys)) {
			return true
		}
	}
	return false
}

// Touches reports whether anything at or below a path may be asked for.
func (p Pattern) Touches(path Path) bool {
	if p.index != nil {
		open, keyed := p.split(path.Keys)
		return touches(open, path) || touches(keyed, path)
	}
	return touches(p.alts, path)
}

func touches(alts []alternative, path Path) bool {
	end := ocpath.Get(path.Node).End
	for i := range alts {
		a := &alts[i]
		if a.nodes.intersects(path.Node, end) && a.holds(path.Keys) && (a.limit == nil || a.limit.Touches(path)) {
			return true
		}
	}
	return false
}

// Has reports whether a node is asked for in any entry.
func (p Pattern) Has(node ocpath.ID) bool { return p.Match(node, nil) }

// Next is the first node from id on that is asked for in some entry, or end if
// there is none below it.
func (p Pattern) Next(id, end ocpath.ID) ocpath.ID {
	first := end
	for i := range p.alts {
		first = min(first, p.alts[i].nodes.next(id, end))
	}
	return first
}

// Entry tells whether only one entry of a list is asked for, below the outer
// keys: then its own keys come back.
func (p Pattern) Entry(list ocpath.ID, outer []string) (keys []string, one bool) {
	n := ocpath.Get(list)
	for i := range p.alts {
		a := &p.alts[i]
		if !a.nodes.intersects(list, n.End) || !a.holds(outer) {
			continue
		}
		own := a.literals(len(outer), len(n.Keys))
		if slices.Contains(own, "") || keys != nil && !slices.Equal(keys, own) {
			return nil, false
		}
		keys = own
	}
	return keys, keys != nil
}

// Keys gives for each key of the lists down to a node the one value that is
// asked for, or "" where it is more than one.
func (p Pattern) Keys(node ocpath.ID) []string {
	var all []string
	for i := range p.alts {
		a := &p.alts[i]
		if !a.nodes.intersects(node, ocpath.Get(node).End) {
			continue
		}
		own := a.literals(0, KeyCount(node))
		if all == nil {
			all = own
			continue
		}
		for k := range all {
			if all[k] != own[k] {
				all[k] = ""
			}
		}
	}
	return all
}

// literals are the values that the conditions ask of count keys from at on, ""
// where none is asked for (an empty key value is not told apart, which only
// costs a look at every entry).
func (a *alternative) literals(at, count int) []string {
	own := make([]string, count)
	for _, c := range a.conds {
		if c.at >= at && c.at < at+count {
			own[c.at-at] = c.value
		}
	}
	return own
}

// IsEnd reports that a node is the last element of what was asked for, and not
// only below it.
func (p Pattern) IsEnd(node ocpath.ID, keys []string) bool {
	for i := range p.alts {
		if _, ok := slices.BinarySearch(p.alts[i].ends, node); ok && p.alts[i].holds(keys) {
			return true
		}
	}
	return false
}

// Only is the pattern for those leaves alone that are to be kept; nodes that
// are no leaves match no more.
func (p Pattern) Only(keep func(*ocpath.Node) bool) Pattern {
	var out Pattern
	for _, a := range p.alts {
		nodes, some := newSet(), false
		limit := ocpath.ID(ocpath.Len())
		for id := a.nodes.next(0, limit); id < limit; id = a.nodes.next(id+1, limit) {
			if n := ocpath.Get(id); n.IsLeaf() && keep(n) {
				nodes.put(id)
				some = true
			}
		}
		if some {
			out.alts = append(out.alts, alternative{nodes, a.ends, a.conds, a.limit})
		}
	}
	return out.indexed()
}

// Depth is the pattern for the leaves at most level nodes below what was asked
// for (gnmi-depth: 1 is its own leaves); 0 leaves the pattern as it is.
func (p Pattern) Depth(level uint32) Pattern {
	if level == 0 {
		return p
	}
	var out Pattern
	for _, a := range p.alts {
		b := alternative{newSet(), a.ends, a.conds, a.limit}
		for _, end := range a.ends {
			a.putDepth(b.nodes, end, level)
		}
		out.alts = append(out.alts, b)
	}
	return out.indexed()
}

func (a *alternative) putDepth(nodes set, node ocpath.ID, level uint32) {
	if ocpath.Get(node).IsLeaf() {
		if a.nodes.has(node) {
			nodes.put(node)
		}
		return
	}
	if level == 0 {
		return
	}
	for child := range children(node) {
		a.putDepth(nodes, child, level-1)
	}
}

// Union is the pattern for what any of the patterns asks for.
func Union(patterns ...Pattern) Pattern {
	var out Pattern
	at := map[string]int{} // alternatives by their conditions and limit
	for _, p := range patterns {
		for _, a := range p.alts {
			key := a.limit.ID() + conditionsID(a.conds)
			if i, known := at[key]; known {
				out.alts[i] = out.alts[i].union(a)
				continue
			}
			at[key] = len(out.alts)
			out.alts = append(out.alts, a)
		}
	}
	return out.indexed()
}

// union joins two alternatives with the same conditions and limit.
func (a alternative) union(b alternative) alternative {
	nodes := slices.Clone(a.nodes)
	for w := range nodes {
		nodes[w] |= b.nodes[w]
	}
	ends := slices.Concat(a.ends, b.ends)
	slices.Sort(ends)
	return alternative{nodes, slices.Compact(ends), a.conds, a.limit}
}

// conditionsID is a text that is the same for the same conditions.
func conditionsID(conds []condition) string {
	sorted := conds
	if len(conds) > 1 {
		sorted = slices.SortedFunc(slices.Values(conds), func(x, y condition) int { return x.at - y.at })
	}
	var text []byte
	for _, c := range sorted {
		text = strconv.AppendInt(text, int64(c.at), 10)
		text = strconv.AppendQuote(append(text, '='), c.value)
	}
	return string(text)
}

// ID is a text that is the same for two patterns that ask for the same.
func (p Pattern) ID() string {
	parts := make([]string, len(p.alts))
	for i, a := range p.alts {
		parts[i] = fmt.Sprintf("%x[%s]%s", []uint64(a.nodes), conditionsID(a.conds), a.limit.ID())
	}
	slices.Sort(parts)
	return strings.Join(parts, "|")
}

// Ends are the last nodes of what was asked for, ascending.
func (p Pattern) Ends() []ocpath.ID {
	if len(p.alts) == 1 {
		return p.alts[0].ends
	}
	var all []ocpath.ID
	for i := range p.alts {
		all = append(all, p.alts[i].ends...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Below reports that a node above id, itself not, is the last of what was asked
// for; keys are those of the lists above it.
func (p Pattern) Below(id ocpath.ID, keys []string) bool {
	for id != ocpath.Root {
		id = ocpath.Get(id).Parent
		if p.IsEnd(id, keys) {
			return true
		}
	}
	return false
}

// At is the pattern for one path and all below it.
func At(p Path) Pattern {
	a := alternative{nodes: newSet()}
	for i, key := range p.Keys {
		a.conds = append(a.conds, condition{i, key})
	}
	a.add(p.Node)
	return Pattern{alts: []alternative{a}}
}
