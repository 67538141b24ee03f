package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/tidwall/btree"
)

// tx is one transaction on the tree: a copy of what it touches, and what it
// touched.
type tx struct {
	shapes shapes
	root   *entry
	seq    uint64
	time   int64
	// touched pairs each entry that was copied or made with what it was before
	// (nil for a new one).
	touched []pair
	gone    []*entry // entries that were dropped from their list
	asked   []place  // subtrees whose removal was asked for
	of      Scope    // what of them was to go
}

type pair struct{ before, after *entry }

// place is a node in an entry.
type place struct {
	id   *ident
	node ocpath.ID
}

func (s shapes) begin(from *snapshot, time int64) *tx {
	t := &tx{shapes: s, seq: from.seq + 1, time: time}
	t.root = t.own(from.root)
	return t
}

// own gives the copy of an entry that this transaction may modify.
func (t *tx) own(e *entry) *entry {
	if e.gen == t.seq {
		return e
	}
	c := &entry{id: e.id, gen: t.seq, shared: true, leaves: e.leaves, lists: slices.Clone(e.lists)}
	t.touched = append(t.touched, pair{e, c})
	return c
}

// reach gives the entry that holds a node, ready to be modified; what is not
// there is made.
func (t *tx) reach(node ocpath.ID, keys []string) *entry {
	e, at := t.root, 0
	for _, list := range t.shapes[node].lists {
		size := len(ocpath.Get(list).Keys)
		e = t.child(e, list, keys[at:at+size])
		at += size
	}
	return e
}

func (t *tx) child(e *entry, list ocpath.ID, own []string) *entry {
	l := t.list(e, list)
	var buf [64]byte
	key := appendSortKey(buf[:0], list, own)
	old, ok := l.entries.Get(string(key))
	if ok && old.gen == t.seq {
		return old
	}
	var made *entry
	if ok {
		made = t.own(old)
	} else {
		made = t.newEntry(e.id, list, own)
	}
	l.entries.Set(made.id.sort, made)
	return made
}

// list gives a list of an entry of this transaction, ready to be modified.
func (t *tx) list(e *entry, list ocpath.ID) *sublist {
	i, ok := slices.BinarySearchFunc(e.lists, list, compareSublist)
	if !ok {
		e.lists = slices.Insert(e.lists, i, sublist{id: list, gen: t.seq, entries: new(btree.Map[string, *entry])})
	}
	l := &e.lists[i]
	if l.gen != t.seq {
		// Copy writes to the map it copies, which readers share: it gets a
		// copy of the map's head.
		head := *l.entries
		l.entries, l.gen = head.Copy(), t.seq
	}
	return l
}

// newEntry makes an entry with its key leaves.
func (t *tx) newEntry(parent *ident, list ocpath.ID, own []string) *entry {
	e := &entry{id: newIdent(parent, list, own), gen: t.seq}
	for i, key := range ocpath.Get(list).Keys {
		t.put(e, key, keyValue(key, own[i]))
	}
	t.touched = append(t.touched, pair{nil, e})
	return e
}

// put sets a leaf of an entry of this transaction.
func (t *tx) put(e *entry, id ocpath.ID, value schema.Value) {
	if e.shared {
		e.leaves, e.shared = slices.Clone(e.leaves), false
	}
	l := leaf{id, t.seq, t.time, value}
	i, ok := slices.BinarySearchFunc(e.leaves, id, compareLeaf)
	if ok {
		e.leaves[i] = l
		return
	}
	e.leaves = slices.Insert(e.leaves, i, l)
}

// set gives a leaf a value; what does not change is not touched. An update of
// a key leaf is left away: the entry has it. A path that is no leaf, or lacks
// keys, is not one that a publisher may use.
func (t *tx) set(u Update) {
	sh := &t.shapes[u.Path.Node]
	if sh.isKey || !ocpath.Get(u.Path.Node).IsLeaf() || len(u.Path.Keys) != sh.keys || !u.Value.Valid() {
		return
	}
	if e := t.shapes.find(t.root, u.Path.Node, u.Path.Keys); e != nil {
		if l, ok := e.leaf(u.Path.Node); ok && l.value.Equal(u.Value) {
			return
		}
	}
	t.put(t.reach(u.Path.Node, u.Path.Keys), u.Path.Node, u.Value)
}

// remove takes away a leaf or a subtree.
func (t *tx) remove(p schema.Path, of Scope) {
	sh := &t.shapes[p.Node]
	own := len(ocpath.Get(p.Node).Keys)
	if len(p.Keys) != sh.keys && own > 0 && len(p.Keys) == sh.keys-own {
		t.removeList(p, of)
		return
	}
	if sh.isKey || t.shapes.find(t.root, p.Node, p.Keys) == nil {
		return
	}
	e := t.reach(p.Node, p.Keys)
	if n := ocpath.Get(p.Node); n.IsLeaf() {
		t.removeLeaves(e, p.Node, p.Node+1, of)
	} else {
		t.clear(e, p.Node, of)
	}
}

// removeList takes away all entries of a list.
func (t *tx) removeList(p schema.Path, of Scope) {
	parent := ocpath.Get(p.Node).Parent
	outer := t.shapes.find(t.root, parent, p.Keys)
	if outer == nil {
		return
	}
	e := t.reach(parent, p.Keys)
	if _, ok := e.list(p.Node); ok {
		t.clearList(e, p.Node, of)
	}
}

// clear takes away what an entry has at or below a node.
func (t *tx) clear(e *entry, node ocpath.ID, of Scope) {
	end := ocpath.Get(node).End
	t.asked = append(t.asked, place{e.id, node})
	t.removeLeaves(e, node, end, of)
	for i := 0; i < len(e.lists); i++ {
		if id := e.lists[i].id; id >= node && id < end && t.clearList(e, id, of) {
			i--
		}
	}
}

// clearList takes away what the entries of a list have; true says that the
// list itself is gone.
func (t *tx) clearList(e *entry, list ocpath.ID, of Scope) bool {
	l := t.list(e, list)
	if of == All {
		l.entries.Scan(func(_ string, child *entry) bool {
			t.drop(child)
			return true
		})
		i, _ := slices.BinarySearchFunc(e.lists, list, compareSublist)
		e.lists = slices.Delete(e.lists, i, i+1)
		return true
	}
	for _, child := range l.entries.Values() {
		owned := t.own(child)
		l.entries.Set(owned.id.sort, owned)
		t.clear(owned, list, of)
	}
	return false
}

// drop notes that an entry is gone, and those in it.
func (t *tx) drop(e *entry) {
	t.gone = append(t.gone, e)
	for i := range e.lists {
		e.lists[i].entries.Scan(func(_ string, child *entry) bool {
			t.drop(child)
			return true
		})
	}
}

func (t *tx) removeLeaves(e *entry, from, end ocpath.ID, of Scope) {
	keep := make([]leaf, 0, len(e.leaves))
	for _, l := range e.leaves {
		n := ocpath.Get(l.id)
		inside := l.id >= from && l.id < end && !t.shapes[l.id].isKey
		if !inside || of == Config && !n.Config || of == State && n.Config {
			keep = append(keep, l)
		}
	}
	if len(keep) < len(e.leaves) {
		e.leaves, e.shared = keep, false
	}
}

// prune drops the entries that became empty, innermost first.
func (t *tx) prune() {
	for i := len(t.touched) - 1; i >= 0; i-- {
		e := t.touched[i].after
		if e.id.list == ocpath.Root || !e.empty() {
			continue
		}
		outer := t.shapes.find(t.root, ocpath.Get(e.id.list).Parent, e.id.parent.keys)
		if outer == nil || outer.entry(e.id.list, e.id.keys[len(e.id.parent.keys):]) != e {
			continue
		}
		l := t.list(outer, e.id.list)
		l.entries.Delete(e.id.sort)
		if l.entries.Len() == 0 {
			at, _ := slices.BinarySearchFunc(outer.lists, e.id.list, compareSublist)
			outer.lists = slices.Delete(outer.lists, at, at+1)
		}
		if before := t.touched[i].before; before != nil {
			t.gone = append(t.gone, before)
		}
	}
}
