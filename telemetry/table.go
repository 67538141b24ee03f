package telemetry

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// table is what a sampler last read of a source: it knows what changed between
// two reads and which rows went.
type table struct {
	src   *source
	limit int // of rows; 0 for none
	rows  map[string]*row
	order []*row // of the last read, as the source gave them
	keys  []string
	at    time.Time // of the last read
	count uint64    // of reads
	since uint64    // the last read before this one that succeeded
	good  uint64    // the last read that succeeded
	blank bool      // which rows were there before is not known
	key   []byte    // scratch
	// shared are the leaves of the last read, encoded for several views; nil
	// for an encoding that at most one view has.
	shared [schema.NumEncodings]*encoded
}

// row is one row of a source.
type row struct {
	id      *ident
	values  []schema.Value
	changed []uint64 // the read in which each value was new
	seen    uint64   // the last read that had the row
	place   int      // in the order of that read
}

func (s *source) name() string {
	if s.list == ocpath.Root {
		return ocpath.Path(s.leaves[0])
	}
	return ocpath.Path(s.list)
}

// touches reports that leaves of the source lie at or below a node.
func (s *source) touches(node ocpath.ID) bool {
	end := ocpath.Get(node).End
	return slices.ContainsFunc(s.leaves, func(id ocpath.ID) bool { return id >= node && id < end })
}

// forget takes rows out that subscribers know to be gone.
func (t *table) forget(gone []*change, all bool) {
	t.blank = all
	for _, c := range gone {
		if c.id.list == t.src.list && len(c.id.keys) > 0 {
			t.key = appendKeys(t.key[:0], c.id.keys)
			delete(t.rows, string(t.key))
			continue
		}
		path := c.id.path(c.node)
		for key, r := range t.rows {
			if r.id.path(t.src.list).Within(path) {
				delete(t.rows, key)
			}
		}
	}
}

// appendKeys appends a text that is unique for the keys.
func appendKeys(dst []byte, keys []string) []byte {
	for _, k := range keys {
		dst = binary.AppendUvarint(dst, uint64(len(k)))
		dst = append(dst, k...)
	}
	return dst
}

// read takes the source's rows that match keys.
func (t *table) read(ctx context.Context, keys []string) error {
	t.count++
	t.order = t.order[:0]
	at, err := t.src.Read(ctx, keys, t.take)
	if err != nil {
		return err
	}
	t.at, t.keys = at, keys
	t.since, t.good = t.good, t.count
	return nil
}

func (t *table) take(keys []string, values []schema.Value) error {
	if t.limit > 0 && len(t.order) == t.limit {
		return errHuge
	}
	t.key = appendKeys(t.key[:0], keys)
	r := t.rows[string(t.key)]
	if r == nil {
		ids := idents{root: &ident{list: ocpath.Root}}
		r = &row{id: ids.row(t.src.list, keys), values: make([]schema.Value, len(values)), changed: make([]uint64, len(values))}
		t.rows[string(t.key)] = r
	}
	for i, v := range values {
		if !v.Equal(r.values[i]) {
			r.values[i], r.changed[i] = v, t.count
		}
	}
	r.seen, r.place = t.count, len(t.order)
	t.order = append(t.order, r)
	return nil
}

// sweep drops the rows that the last read had no more. They are given, and
// those of which a value went.
func (t *table) sweep() []*row {
	var less []*row
	for key, r := range t.rows {
		if r.seen == t.count {
			if t.lostAny(r) {
				less = append(less, r)
			}
			continue
		}
		delete(t.rows, key)
		if !t.blank && covers(t.keys, r.id.keys) {
			less = append(less, r)
		}
	}
	return less
}

// lostAny reports that the last read had some value no more.
func (t *table) lostAny(r *row) bool {
	for i := range r.values {
		if t.lost(r, i) {
			return true
		}
	}
	return false
}

// lost reports that the last read had a value no more.
func (t *table) lost(r *row, column int) bool {
	return !r.values[column].Valid() && r.changed[column] > t.since
}

// removals tell what went, but not of rows of which others told while the
// table was read. The tree is the one of the moment in which they are told.
func (t *table) removals(less []*row, told []*change, shapes shapes, published *entry) []*change {
	now := t.at.UnixNano()
	var gone []*change
	if len(less) == 0 {
		return nil
	}
	toldOf := about(t.src, told)
	for _, r := range less {
		if toldOf(r.id) {
			continue
		}
		for _, node := range t.removed(shapes, published, r) {
			gone = append(gone, &change{id: r.id, node: node, gone: true, time: now})
		}
	}
	return gone
}

// tells reports that the last read has something of what a change is about: a
// row below what went, or the row of a new value.
func (t *table) tells(c *change) bool {
	switch {
	case !t.src.touches(c.node):
		return false
	case c.id.list == t.src.list:
		t.key = appendKeys(t.key[:0], c.id.keys)
		r := t.rows[string(t.key)]
		return r != nil && r.seen == t.count
	}
	path := c.id.path(c.node)
	return slices.ContainsFunc(t.order, func(r *row) bool { return r.id.path(t.src.list).Within(path) })
}

// removed are the topmost nodes that a row took with it: its list entry where
// nothing else is known of that. Of a row that is still there, they are the
// values that it has no more.
func (t *table) removed(shapes shapes, published *entry, r *row) []ocpath.ID {
	if r.seen == t.count {
		var nodes []ocpath.ID
		for i, leaf := range t.src.leaves {
			if t.lost(r, i) {
				nodes = append(nodes, leaf)
			}
		}
		return nodes
	}
	e := shapes.find(published, t.src.list, r.id.keys)
	if e == nil {
		if t.src.list != ocpath.Root {
			return []ocpath.ID{t.src.list}
		}
		e = published
	}
	if top := t.src.top; top != t.src.list && shapes.alone(t.src, e, top) {
		return []ocpath.ID{top}
	}
	return shapes.only(t.src, e, t.src.top, nil)
}

// only adds the topmost nodes below node that hold leaves of one source, no
// leaf of another and none that is published in an entry.
func (s shapes) only(src *source, e *entry, node ocpath.ID, nodes []ocpath.ID) []ocpath.ID {
	n := ocpath.Get(node)
	for child := node + 1; child < n.End; child = ocpath.Get(child).End {
		switch {
		case !src.touches(child):
		case s.alone(src, e, child):
			nodes = append(nodes, child)
		default:
			nodes = s.only(src, e, child, nodes)
		}
	}
	return nodes
}

// alone reports that nothing is published in an entry at or below a node, and
// no other source has leaves there.
func (s shapes) alone(src *source, e *entry, node ocpath.ID) bool {
	end := ocpath.Get(node).End
	return !e.remains(node, end) &&
		!slices.ContainsFunc(s[node:end], func(sh shape) bool { return sh.from != nil && sh.from != src })
}

// frames encodes what a view asks for of the rows, or of those values alone
// that changed with the last read.
func (t *table) frames(v *view, changes bool) packet {
	var out packet
	now := t.at.UnixNano()
	enc, frame := encoder{form: v.form}, v.frame()
	shared := t.shared[v.enc]
	for _, r := range t.asked(v) {
		if !v.pattern.Touches(r.id.path(t.src.list)) {
			continue
		}
		for _, i := range v.cols {
			leaf := t.src.leaves[i]
			if !r.values[i].Valid() || changes && r.changed[i] <= t.since || !v.pattern.Match(leaf, r.id.keys) {
				continue
			}
			if shared != nil {
				frame.SetBuffer(append(frame.Buffer(), shared.leaf(r, i)...))
				continue
			}
			enc.leaf(&frame, r.id, ocpath.Get(leaf), r.values[i])
		}
		if frame.Full() {
			out.add(&frame, now)
		}
	}
	out.add(&frame, now)
	return out
}

// asked are the rows of the last read among which are those of a view.
func (t *table) asked(v *view) []*row {
	if v.row == "" {
		return t.order
	}
	if r := t.rows[v.row]; r != nil && r.seen == t.count {
		return []*row{r}
	}
	return nil
}
