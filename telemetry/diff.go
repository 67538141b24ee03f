package telemetry

import (
	"maps"
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// changes is what a finished transaction altered in the end: first what went,
// each subtree once, then the new values; and what undoes it.
func (t *tx) changes() ([]*change, []undo) {
	t.prune()
	pairs, gone := t.settle()
	d := newDiff(t, gone)
	for _, p := range pairs {
		d.removals(p)
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		e := gone[name]
		if d.told[e] || gone[e.id.parent.name] != nil {
			continue
		}
		d.out = append(d.out, t.removal(e.id, e.id.list))
	}
	for _, p := range pairs {
		d.updates(p)
	}
	return append(d.out, d.wholes...), t.undo(pairs, gone)
}

// settle pairs what was with what is: entries that went and came back in the
// same transaction are changed ones. gone is by the entry's name.
func (t *tx) settle() (pairs []pair, gone map[string]*entry) {
	before := map[*entry]*entry{}
	for _, p := range t.touched {
		before[p.after] = p.before
	}
	gone = map[string]*entry{}
	for _, e := range t.gone {
		if b, owned := before[e]; owned {
			e = b
		}
		if e != nil {
			gone[e.id.name] = e
		}
	}
	for _, p := range t.touched {
		if !t.holds(p.after) {
			continue
		}
		if p.before == nil {
			p.before = gone[p.after.id.name]
		}
		delete(gone, p.after.id.name)
		pairs = append(pairs, p)
	}
	return pairs, gone
}

// holds reports that an entry is in the tree.
func (t *tx) holds(e *entry) bool {
	return t.shapes.find(t.root, e.id.list, e.id.keys) == e
}

// removal is the change that tells of a node that went.
func (t *tx) removal(id *ident, node ocpath.ID) *change {
	return &change{id: id, node: node, gone: true, time: t.time}
}

// diff collects the changes of a transaction.
type diff struct {
	*tx
	asked map[string][]ocpath.ID // by the name of the entry
	gone  map[string][]*entry    // by the name of the entry around them
	told  map[*entry]bool        // gone entries that a removal further up covers
	out   []*change
	// wholes tell of atomic containers of which something changed; whole finds
	// one.
	wholes []*change
	whole  map[container]*change
}

func newDiff(t *tx, gone map[string]*entry) *diff {
	d := &diff{tx: t, asked: map[string][]ocpath.ID{}, gone: map[string][]*entry{}, told: map[*entry]bool{}, whole: map[container]*change{}}
	for _, a := range t.asked {
		d.asked[a.id.name] = append(d.asked[a.id.name], a.node)
	}
	for _, e := range gone {
		outer := e.id.parent.name
		d.gone[outer] = append(d.gone[outer], e)
	}
	return d
}

// updates adds the leaves that are new or have another value.
func (d *diff) updates(p pair) {
	if p.after.shared {
		return
	}
	for i := range p.after.leaves {
		l := &p.after.leaves[i]
		if l.seq != d.seq {
			continue
		}
		if p.before != nil {
			if old, ok := p.before.leaf(l.id); ok && old.value.Equal(l.value) {
				l.seq, l.time = old.seq, old.time // it went and came back
				continue
			}
		}
		if !d.wholly(p.after, l.id) {
			d.out = append(d.out, &change{id: p.after.id, node: l.id, time: d.time, value: l.value})
		}
	}
}

// removals adds what an entry lost: the subtrees that were asked for where
// nothing is left of them, else what is gone of them, and leaves.
func (d *diff) removals(p pair) {
	if p.before == nil {
		return
	}
	lost := d.lost(p)
	for _, node := range d.asked[p.after.id.name] {
		lost = d.fold(p, node, lost)
	}
	for _, id := range lost {
		if !d.partly(p.after, id) {
			d.out = append(d.out, d.removal(p.after.id, id))
		}
	}
}

// wholly notes a leaf that changed in an atomic container, and tells whether it
// stands in one.
func (d *diff) wholly(e *entry, leaf ocpath.ID) bool {
	node := d.shapes[leaf].atomic
	if node == ocpath.Root {
		return false
	}
	c := d.whole[container{e, node}]
	if c == nil {
		c = &change{id: e.id, node: node, time: d.time, whole: &whole{entry: e}}
		d.whole[container{e, node}] = c
		d.wholes = append(d.wholes, c)
	}
	c.whole.touched = append(c.whole.touched, leaf)
	return true
}

// partly is wholly for a leaf that went: of a container of which nothing is
// left, that is told once.
func (d *diff) partly(e *entry, leaf ocpath.ID) bool {
	node := d.shapes[leaf].atomic
	if node == ocpath.Root {
		return false
	}
	if e.remains(node, ocpath.Get(node).End) {
		return d.wholly(e, leaf)
	}
	if n := len(d.out); n == 0 || d.out[n-1].id != e.id || d.out[n-1].node != node {
		d.out = append(d.out, d.removal(e.id, node))
	}
	return true
}

// lost gives the leaves that an entry has no more, by ID.
func (d *diff) lost(p pair) []ocpath.ID {
	if p.after.shared {
		return nil
	}
	var lost []ocpath.ID
	for i := range p.before.leaves {
		if id := p.before.leaves[i].id; !d.isThere(p.after, id) && !d.shapes[id].isKey {
			lost = append(lost, id)
		}
	}
	return lost
}

func (d *diff) isThere(e *entry, id ocpath.ID) bool {
	_, ok := e.leaf(id)
	return ok
}

// fold adds one removal for each topmost subtree at or below node of which
// something went and nothing is left, and gives the lost leaves that are in
// none of them. A subtree is no more than what went: what an earlier
// transaction took is not told again.
func (d *diff) fold(p pair, node ocpath.ID, lost []ocpath.ID) []ocpath.ID {
	n := ocpath.Get(node)
	from, _ := slices.BinarySearch(lost, node)
	to, _ := slices.BinarySearch(lost, n.End)
	entries := d.goneIn(p.before.id, node, n.End)
	if from == to && len(entries) == 0 || n.IsLeaf() {
		return lost
	}
	own := n.Kind == ocpath.List
	if !own && !p.after.remains(node, n.End) && !d.shapes.sourced(node, n.End) && d.shapes[node].only(d.of) {
		if part, ok := partOf(n, lost[from:to], entries); ok {
			return d.fold(p, part, lost)
		}
		d.out = append(d.out, d.removal(p.after.id, node))
		for _, e := range entries {
			d.told[e] = true
		}
		return slices.Delete(lost, from, to)
	}
	if own && node != p.after.id.list {
		return lost // a list in the entry: each of its entries is told
	}
	for child := node + 1; child < n.End; child = ocpath.Get(child).End {
		lost = d.fold(p, child, lost)
	}
	return lost
}

// partOf finds the container in a container that holds all that went of it.
func partOf(n *ocpath.Node, lost []ocpath.ID, entries []*entry) (ocpath.ID, bool) {
	first := n.End
	if len(lost) > 0 {
		first = lost[0]
	}
	for _, e := range entries {
		first = min(first, e.id.list)
	}
	child := n.ID + 1
	for ocpath.Get(child).End <= first {
		child = ocpath.Get(child).End
	}
	end := ocpath.Get(child).End
	outside := func(e *entry) bool { return e.id.list >= end }
	if ocpath.Get(child).Kind != ocpath.Container || len(lost) > 0 && lost[len(lost)-1] >= end || slices.ContainsFunc(entries, outside) {
		return 0, false
	}
	return child, true
}

// only reports that the models have nothing at or below a node but what a scope
// is about. Where configuration goes, state that went before it was told, and
// the other way round: a node around both would tell that again.
func (s *shape) only(of Scope) bool {
	switch of {
	case Config:
		return !s.state
	case State:
		return !s.config
	}
	return true
}

// goneIn gives the gone entries of the lists that an entry has between two
// nodes.
func (d *diff) goneIn(outer *ident, node, end ocpath.ID) []*entry {
	var in []*entry
	for _, e := range d.gone[outer.name] {
		if e.id.list >= node && e.id.list < end {
			in = append(in, e)
		}
	}
	return in
}

// sourced reports that a leaf between two nodes belongs to a source that tells
// of its rows by events.
func (s shapes) sourced(node, end ocpath.ID) bool {
	for id := node; id < end; id++ {
		if from := s[id].from; from != nil && from.events {
			return true
		}
	}
	return false
}
