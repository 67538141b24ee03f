package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
	"github.com/tidwall/btree"
)

// sole reports that all leaves at and below a source's list are the source's:
// its rows are whole entries, to which nobody adds anything.
func (s shapes) sole(src *source) bool {
	if src.list == ocpath.Root {
		return false
	}
	for id := src.list + 1; id < ocpath.Get(src.list).End; id++ {
		if ocpath.Get(id).IsLeaf() && s[id].from != src {
			return false
		}
	}
	return true
}

// rowPaths gives the paths of a source's rows, one after another. What rows of
// one outer entry have in common is made once.
type rowPaths struct {
	lists  []ocpath.ID // from the root down to that of the rows
	outer  []string    // keys of the last row but for its own
	octets []byte
	head   int // of octets, those that stand for outer
}

func newRowPaths(list ocpath.ID) *rowPaths {
	return &rowPaths{lists: schema.Lists(list), head: -1}
}

// of gives the wire form of a row's path (gnmi.Path, field 3), until the next
// call.
func (p *rowPaths) of(keys []string) []byte {
	if len(p.lists) == 0 {
		return nil
	}
	last := p.lists[len(p.lists)-1]
	at := len(keys) - len(ocpath.Get(last).Keys)
	if p.head < 0 || !slices.Equal(p.outer, keys[:at]) {
		p.outer = append(p.outer[:0], keys[:at]...)
		p.octets = p.octets[:0]
		from := 0
		for _, list := range p.lists[:len(p.lists)-1] {
			size := len(ocpath.Get(list).Keys)
			p.octets = schema.AppendEntry(p.octets, list, keys[from:from+size])
			from += size
		}
		p.head = len(p.octets)
	}
	p.octets = schema.AppendEntry(p.octets[:p.head], last, keys[at:])
	return p.octets
}

// cell appends one leaf of a row as a field of the frame's Notification.
func (c *encoder) cell(f *wire.Frame, path []byte, n *ocpath.Node, value schema.Value) {
	c.scratch = value.AppendTyped(c.scratch[:0], n, c.enc)
	f.SetBuffer(wire.AppendLeafField(f.Buffer(), path, n.Suffix, c.scratch, c.duplicates))
}

// apart reports that a source's rows are added to an answer as they are read,
// behind what the tree has: each of their leaves is an Update of its own.
func (g *getter) apart(src *source) bool {
	return src.sole && g.enc != schema.JSON && g.enc != schema.JSONIETF && g.kind != gpb.GetRequest_CONFIG
}

// rows adds the rows that are apart.
func (g *getter) rows(ctx context.Context, p schema.Pattern) (err error) {
	g.e.each(p, func(src *source, own schema.Pattern) {
		if err != nil || !g.apart(src) {
			return
		}
		paths := newRowPaths(src.list)
		at, failed := src.Read(ctx, own.Keys(src.list), func(keys []string, values []schema.Value) error {
			path := paths.of(keys)
			for i, id := range src.leaves {
				if values[i].Valid() && own.Match(id, keys) {
					g.cell(&g.frame, path, ocpath.Get(id), values[i])
				}
			}
			return g.fits(0)
		})
		if err = failed; at.Before(g.at) {
			g.at = at
		}
	})
	return err
}

// fits is ErrTooLarge where the answer and so many octets more are too large.
func (g *getter) fits(more int) error {
	if g.tooLarge(more) {
		return fmt.Errorf("more than %d octets: %w", g.e.opts.GetBytes, ErrTooLarge)
	}
	return nil
}

// texts are entries of a list in JSON.
type texts struct {
	all    []text
	sorted bool
}

// text is one entry: what orders it among the others, and its JSON.
type text struct{ sort, json []byte }

// add adds an entry behind the others.
func (t *texts) add(one text) {
	if n := len(t.all); n > 0 && bytes.Compare(t.all[n-1].sort, one.sort) > 0 {
		t.sorted = false
	}
	t.all = append(t.all, one)
}

// inOrder gives the entries in the order of their keys.
func (t *texts) inOrder() []text {
	if !t.sorted {
		slices.SortStableFunc(t.all, func(a, b text) int { return bytes.Compare(a.sort, b.sort) })
		t.sorted = true
	}
	return t.all
}

// textWriter puts the rows of a source that are whole entries into the tree of
// an answer as JSON: neither entries nor leaves are made of them.
type textWriter struct {
	*tx
	src  *source
	json jsonWriter
	p    schema.Pattern
	row  entry // the row that is written, as an entry
	size int   // of all texts, in octets
	// outer are the keys of the entry around the last row, here says that its
	// rows are written, list is where they go, once there is one.
	outer []string
	known bool
	here  bool
	list  *texts
	most  int // how many rows an entry had at most
}

// textChunk is how much room is made for texts at once, textRoom what is free
// when one is begun, in octets.
const (
	textChunk = 64 << 10
	textRoom  = 1 << 10
)

func (g *getter) textWriter(t *tx, src *source, own schema.Pattern) *textWriter {
	return &textWriter{
		tx: t, src: src, p: own, row: entry{id: &ident{list: src.list}},
		json: jsonWriter{shapes: g.e.shapes, enc: g.enc, keep: own, config: g.kind == gpb.GetRequest_CONFIG, full: g.tooLarge},
	}
}

// takes reports that a row is written by it: it is told within a larger value,
// and nothing else is known of its list.
func (w *textWriter) takes(keys []string) bool {
	if !w.src.sole {
		return false
	}
	n := ocpath.Get(w.src.list)
	outer := keys[:len(keys)-len(n.Keys)]
	if w.known && slices.Equal(w.outer, outer) {
		return w.here
	}
	w.outer, w.known, w.list = append(w.outer[:0], outer...), true, nil
	w.here = w.json.enc <= schema.JSONIETF && w.p.Below(w.src.list, outer)
	if holder := w.shapes.find(w.root, n.Parent, outer); w.here && holder != nil {
		l, ok := holder.list(w.src.list)
		if ok && l.texts != nil {
			w.list = l.texts
		}
		w.here = !ok || l.texts != nil
	}
	return w.here
}

// put writes a row, where something of it is asked for.
func (w *textWriter) put(keys []string, values []schema.Value) {
	own := keys[len(w.outer):]
	w.fill(keys, values)
	if cap(w.json.buf)-len(w.json.buf) < textRoom {
		w.json.buf = make([]byte, 0, textChunk)
	}
	start := len(w.json.buf)
	w.json.buf = appendSortKey(w.json.buf, w.src.list, own)
	from := len(w.json.buf)
	if !w.json.object(&w.row, w.src.list, false) {
		w.json.buf = w.json.buf[:start]
		return
	}
	if w.list == nil {
		w.list = w.made()
	}
	w.list.add(text{w.json.buf[start:from:from], w.json.buf[from:len(w.json.buf):len(w.json.buf)]})
	w.size += len(w.json.buf) - from
	w.most = max(w.most, len(w.list.all))
}

// fill makes the row an entry.
func (w *textWriter) fill(keys []string, values []schema.Value) {
	w.row.id.keys, w.row.leaves = keys, w.row.leaves[:0]
	for _, i := range w.src.order {
		id, value := w.src.leaves[i], values[i]
		switch {
		case value.Valid():
		case w.src.keys[i]:
			value = keyValue(id, keys[len(w.outer)+slices.Index(ocpath.Get(w.src.list).Keys, id)])
		default:
			continue
		}
		w.row.leaves = append(w.row.leaves, leaf{id: id, value: value})
	}
}

// made is a new list in the entry around the last row.
func (w *textWriter) made() *texts {
	made := &texts{all: make([]text, 0, w.most), sorted: true}
	holder := w.reach(ocpath.Get(w.src.list).Parent, w.outer)
	i, _ := slices.BinarySearchFunc(holder.lists, w.src.list, compareSublist)
	holder.lists = slices.Insert(holder.lists, i, sublist{id: w.src.list, gen: w.seq, entries: new(btree.Map[string, *entry]), texts: made})
	return made
}
