package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/tidwall/btree"
)

// leaf is one published leaf.
type leaf struct {
	id    ocpath.ID
	seq   uint64 // the transaction that gave the value
	time  int64  // when it changed, in nanoseconds since the epoch
	value schema.Value
}

// entry is one entry of a list, or the root: its own leaves and the lists in
// it. Entries that a snapshot refers to are never modified.
type entry struct {
	id     *ident
	gen    uint64 // the transaction that may modify it
	shared bool   // leaves still belong to the entry it was copied from
	leaves []leaf // by ID; the key leaves among them
	lists  []sublist
}

// sublist is one list in an entry.
type sublist struct {
	id      ocpath.ID
	gen     uint64 // the transaction that may modify entries
	entries *btree.Map[string, *entry]
	texts   *texts // in an answer: entries that are JSON already, in place of entries
}

// snapshot is the tree after a transaction.
type snapshot struct {
	root *entry
	seq  uint64
}

func emptySnapshot() *snapshot {
	return &snapshot{root: &entry{id: &ident{list: ocpath.Root}}}
}

func compareLeaf(l leaf, id ocpath.ID) int       { return int(l.id) - int(id) }
func compareSublist(l sublist, id ocpath.ID) int { return int(l.id) - int(id) }

// leaf finds a leaf of the entry itself.
func (e *entry) leaf(id ocpath.ID) (*leaf, bool) {
	i, ok := slices.BinarySearchFunc(e.leaves, id, compareLeaf)
	if !ok {
		return nil, false
	}
	return &e.leaves[i], true
}

// list finds a list of the entry itself.
func (e *entry) list(id ocpath.ID) (*sublist, bool) {
	i, ok := slices.BinarySearchFunc(e.lists, id, compareSublist)
	if !ok {
		return nil, false
	}
	return &e.lists[i], true
}

// entry finds the entry of a list by its own keys.
func (e *entry) entry(list ocpath.ID, own []string) *entry {
	l, ok := e.list(list)
	if !ok {
		return nil
	}
	var buf [64]byte
	child, _ := l.entries.Get(string(appendSortKey(buf[:0], list, own)))
	return child
}

// empty reports that nothing but keys is left.
func (e *entry) empty() bool {
	return len(e.leaves) <= len(ocpath.Get(e.id.list).Keys) && len(e.lists) == 0
}

// remains reports that the entry has a leaf, or an entry of a list, at the
// nodes from id to end.
func (e *entry) remains(id, end ocpath.ID) bool {
	i, _ := slices.BinarySearchFunc(e.leaves, id, compareLeaf)
	if i < len(e.leaves) && e.leaves[i].id < end {
		return true
	}
	i, _ = slices.BinarySearchFunc(e.lists, id, compareSublist)
	return i < len(e.lists) && e.lists[i].id < end
}

// find gives the entry that holds a node, or nil.
func (s shapes) find(root *entry, node ocpath.ID, keys []string) *entry {
	e, at := root, 0
	for _, list := range s[node].lists {
		size := len(ocpath.Get(list).Keys)
		if at+size > len(keys) {
			return nil
		}
		if e = e.entry(list, keys[at:at+size]); e == nil {
			return nil
		}
		at += size
	}
	return e
}

// walkFunc takes one leaf of the tree; false ends the walk.
type walkFunc func(e *entry, l *leaf) bool

// walk gives each leaf that the pattern asks for, entry by entry in the order
// of their keys, the leaves of an entry in the order of the schema and before
// those of the lists in it.
func walk(e *entry, p schema.Pattern, each walkFunc) bool {
	for i := range e.leaves {
		l := &e.leaves[i]
		if p.Match(l.id, e.id.keys) && !each(e, l) {
			return false
		}
	}
	for i := range e.lists {
		if !walkList(e, &e.lists[i], p, each) {
			return false
		}
	}
	return true
}

func walkList(e *entry, l *sublist, p schema.Pattern, each walkFunc) bool {
	if !p.Touches(e.id.path(l.id)) {
		return true
	}
	if own, one := p.Entry(l.id, e.id.keys); one {
		child := e.entry(l.id, own)
		return child == nil || walk(child, p, each)
	}
	more := true
	l.entries.Scan(func(_ string, child *entry) bool {
		if p.Touches(child.id.path(l.id)) {
			more = walk(child, p, each)
		}
		return more
	})
	return more
}
