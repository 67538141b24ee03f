package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// ErrNotKept is a request for a time of which nothing is kept any more, or was
// kept yet; it names what is kept.
var ErrNotKept = errors.New("not kept")

// history is a journal of what was published: configuration, and state that is
// told by events. Its oldest transactions go first when it is full. What is read
// when asked for is not in it.
type history struct {
	limit   int
	since   int64 // the first time of which all is kept
	records []*record
	bytes   int
}

// record is one transaction: what subscribers were told, and what undoes it.
type record struct {
	time    int64 // never before that of the record before it
	changes []*change
	undo    []undo
	bytes   int
}

// undo is a leaf as it was; the zero value is one that was not there.
type undo struct {
	id    *ident
	node  ocpath.ID
	time  int64
	value schema.Value
}

// What a transaction costs beside the values, in octets: itself, a leaf to undo,
// and a leaf of an entry that an atomic container keeps alive. A change costs
// what it does in a queue, and one that went keeps its entry's ident alive.
const (
	recordOverhead = 128
	undoOverhead   = 112
	leafOverhead   = 96
)

// add takes in a transaction.
func (h *history) add(t *tx, changes []*change, undo []undo) {
	r := &record{time: t.time, changes: changes, undo: undo, bytes: recordOverhead}
	if n := len(h.records); n > 0 {
		r.time = max(r.time, h.records[n-1].time)
	}
	r.time = max(r.time, h.since)
	var last *ident
	for _, c := range changes {
		r.bytes += slotOverhead + c.value.Size()
		if c.gone && c.id != last { // an entry that is there is the tree's
			last = c.id
			r.bytes += groupOverhead + c.id.octets()
		}
		if c.whole != nil {
			r.bytes += leafOverhead * len(c.whole.entry.leaves)
		}
	}
	for i := range undo {
		r.bytes += undoOverhead + undo[i].value.Size()
	}
	h.records = append(h.records, r)
	h.bytes += r.bytes
	gone := 0
	for ; h.bytes > h.limit && gone < len(h.records); gone++ {
		h.bytes -= h.records[gone].bytes
		h.since = h.records[gone].time + 1
		h.records[gone] = nil
	}
	h.records = h.records[gone:]
}

// from gives the records from a time on, and what is kept of time before them.
// Nobody modifies them.
func (h *history) from(at int64) ([]*record, error) {
	if at < h.since {
		return nil, fmt.Errorf("history of %s: kept are the changes from %s on (at most %d octets of them): %w",
			stamp(at), stamp(h.since), h.limit, ErrNotKept)
	}
	i, _ := slices.BinarySearchFunc(h.records, at, func(r *record, at int64) int {
		if r.time < at {
			return -1
		}
		return 1
	})
	return slices.Clone(h.records[i:]), nil
}

func stamp(nanoseconds int64) string {
	return time.Unix(0, nanoseconds).UTC().Format(time.RFC3339Nano)
}

// before gives the tree as it was before some records, the latest of which led
// to the snapshot.
func (s shapes) before(snap *snapshot, records []*record) *entry {
	t := s.begin(snap, 0)
	for _, r := range slices.Backward(records) {
		for i := range r.undo {
			u := &r.undo[i]
			if !u.value.Valid() {
				t.remove(schema.Path{Node: u.node, Keys: u.id.keys}, All)
				continue
			}
			t.time = u.time
			t.put(t.reach(u.node, u.id.keys), u.node, u.value)
		}
	}
	t.prune()
	return t.root
}

// undo gives what undoes a transaction whose changes were found.
func (t *tx) undo(pairs []pair, gone map[string]*entry) []undo {
	var all []undo
	for _, p := range pairs {
		if !p.after.shared {
			all = t.undoLeaves(all, p)
		}
	}
	for _, e := range gone {
		all = t.undoEntry(all, e)
	}
	return all
}

// undoLeaves adds the leaves of an entry that came, changed or went.
func (t *tx) undoLeaves(all []undo, p pair) []undo {
	for i := range p.after.leaves {
		l := &p.after.leaves[i]
		if l.seq != t.seq || t.shapes[l.id].isKey {
			continue
		}
		u := undo{id: p.after.id, node: l.id}
		if p.before != nil {
			if old, ok := p.before.leaf(l.id); ok {
				u.time, u.value = old.time, old.value
			}
		}
		all = append(all, u)
	}
	if p.before == nil {
		return all
	}
	for i := range p.before.leaves {
		l := &p.before.leaves[i]
		if _, there := p.after.leaf(l.id); !there && !t.shapes[l.id].isKey {
			all = append(all, undo{p.after.id, l.id, l.time, l.value})
		}
	}
	return all
}

// undoEntry adds the leaves of an entry that went.
func (t *tx) undoEntry(all []undo, e *entry) []undo {
	for i := range e.leaves {
		if l := &e.leaves[i]; !t.shapes[l.id].isKey {
			all = append(all, undo{e.id, l.id, l.time, l.value})
		}
	}
	return all
}
