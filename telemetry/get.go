package telemetry

import (
	"context"
	"fmt"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
	"google.golang.org/protobuf/proto"
)

// Get answers one Notification for each path of the request, in its order, all
// from the same moment; a request without a path asks for its prefix. In JSON a
// container, or each entry of a list, is one value; in PROTO and ASCII it is
// its leaves.
//
// A path that holds nothing is ErrNotFound, an answer beyond Options.GetBytes
// ErrTooLarge; schema.ErrInvalid and schema.ErrUnimplemented are as Compile has
// them.
func (e *Engine) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	octets, err := e.GetWithin(ctx, req, nil)
	if err != nil {
		return nil, err
	}
	resp := new(gpb.GetResponse)
	return resp, proto.Unmarshal(octets, resp)
}

// GetWithin is Get for a reader who sees no more than a limit permits: the rest
// is left out of what the paths stand for. A path that the limit does not admit
// is ErrForbidden. nil permits all. The answer is the wire form of a
// GetResponse, and the caller's.
func (e *Engine) GetWithin(ctx context.Context, req *gpb.GetRequest, limit *schema.Limit) ([]byte, error) {
	if err := e.begin(); err != nil {
		return nil, err
	}
	defer e.tasks.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.ctx, func() { cancel(ErrClosed) })()

	if err := noHistory(req.GetExtension()); err != nil {
		return nil, err
	}
	if commits, err := configOnly(req.GetExtension()); commits || err != nil {
		return nil, fmt.Errorf("the config subscription extension is for Subscribe: %w", schema.ErrInvalid)
	}
	enc, err := schema.EncodingOf(req.GetEncoding())
	if err != nil {
		return nil, err
	}
	g := getter{
		e: e, snap: e.tree.Load(), at: time.Now(), kind: req.GetType(), limit: limit, encoder: encoder{form: form{enc: enc}},
		frame: wire.NewFrame(req.GetPrefix().GetTarget(), e.opts.FrameBytes),
	}
	if g.keep, err = e.kept(req); err != nil {
		return nil, err
	}
	paths := req.GetPath()
	if len(paths) == 0 {
		paths = []*gpb.Path{nil}
	}
	for _, path := range paths {
		if err := g.notification(ctx, req, path); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, e.cause(ctx)
		}
	}
	return g.answer, nil
}

// getter answers one Get.
type getter struct {
	encoder
	e    *Engine
	snap *snapshot
	at   time.Time // when the answer was true
	kind gpb.GetRequest_DataType
	keep func(*ocpath.Node) bool
	// texts is how many octets the rows take that are JSON already, with
	// something for what stands around them.
	texts int
	// limit is what the reader may see.
	limit *schema.Limit
	// frame is the Notification that is made now, answer those before it: it is
	// the same field in a GetResponse as in a SubscribeResponse.
	frame  wire.Frame
	answer []byte
}

// tooLarge reports that the answer and so many octets more are too large.
func (g *getter) tooLarge(more int) bool {
	return len(g.answer)+g.frame.Len()+more > g.e.opts.GetBytes
}

// kept gives the filter for the data type and models of a request.
func (e *Engine) kept(req *gpb.GetRequest) (func(*ocpath.Node) bool, error) {
	ofModels, err := models(req.GetUseModels())
	if err != nil {
		return nil, err
	}
	var ofKind func(*ocpath.Node) bool
	switch req.GetType() {
	case gpb.GetRequest_ALL:
		return ofModels, nil
	case gpb.GetRequest_CONFIG:
		ofKind = func(n *ocpath.Node) bool { return n.Config }
	case gpb.GetRequest_STATE:
		ofKind = func(n *ocpath.Node) bool { return !n.Config }
	case gpb.GetRequest_OPERATIONAL:
		ofKind = operational
	default:
		return nil, fmt.Errorf("data type %d: want ALL, CONFIG, STATE or OPERATIONAL: %w", req.GetType(), schema.ErrInvalid)
	}
	return func(n *ocpath.Node) bool { return ofKind(n) && ofModels(n) }, nil
}

// operational keeps state that applies no configuration (specification,
// 3.3.1): leaves without a counterpart in the config container beside theirs.
func operational(n *ocpath.Node) bool {
	if n.Config {
		return false
	}
	holder := ocpath.Get(n.Parent)
	if holder.Name != "state" {
		return true
	}
	config, ok := ocpath.Child(holder.Parent, "config")
	if !ok {
		return true
	}
	_, applied := ocpath.Child(config, n.Name)
	return !applied
}

// notification adds the answer to one path.
func (g *getter) notification(ctx context.Context, req *gpb.GetRequest, path *gpb.Path) error {
	p, err := schema.Compile(req.GetPrefix(), path)
	if err != nil {
		return err
	}
	if err := admit(g.limit, p, req.GetPrefix(), path); err != nil {
		return err
	}
	leaves := p.Depth(depth(req.GetExtension())).Only(g.keep).Within(g.limit)
	g.texts = 0
	root, err := g.overlay(ctx, leaves)
	if err != nil {
		return err
	}
	plain := g.frame
	within := g.e.shapes.within(root, leaves)
	if within.entry != nil {
		g.frame = wire.NewAtomicFrame(req.GetPrefix().GetTarget(), within.entry.id.prefix, within.entry.id.suffix(within.node), g.e.opts.FrameBytes)
	}
	if g.enc == schema.JSON || g.enc == schema.JSONIETF {
		g.values(root, leaves, within)
	} else {
		g.leaves(root, leaves, within)
	}
	if err := g.rows(ctx, leaves); err != nil {
		return err
	}
	if err := g.fits(0); err != nil {
		return err
	}
	if g.frame.Empty() {
		text, err := schema.FormatProto(req.GetPrefix(), path)
		if err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", text, ErrNotFound)
	}
	octets := g.frame.Finish(g.at.UnixNano())
	if within.entry != nil {
		g.frame = plain
	}
	if g.answer == nil {
		g.answer = octets
	} else {
		g.answer = append(g.answer, octets...)
	}
	return nil
}

// overlay gives the tree with the rows of the sources that are asked for, in a
// copy that nobody else sees.
func (g *getter) overlay(ctx context.Context, leaves schema.Pattern) (*entry, error) {
	var t *tx
	var failed error
	g.e.each(leaves, func(src *source, own schema.Pattern) {
		if failed != nil || g.apart(src) {
			return
		}
		if t == nil {
			t = g.e.shapes.begin(g.snap, g.at.UnixNano())
		}
		rows := rowWriter{tx: t, src: src, json: g.enc == schema.JSON || g.enc == schema.JSONIETF}
		texts := g.textWriter(t, src, own)
		var at time.Time
		at, failed = src.Read(ctx, own.Keys(src.list), func(keys []string, values []schema.Value) error {
			if texts.takes(keys) {
				texts.put(keys, values)
				return g.fits(texts.size)
			}
			rows.put(own, keys, values)
			return nil
		})
		g.texts += texts.size + texts.size/8
		if at.Before(g.at) {
			g.at = at
		}
	})
	if t == nil || failed != nil {
		return g.snap.root, failed
	}
	return t.root, nil
}

// rowWriter puts the rows of one source into a tree that is thrown away after
// the answer. The rows of one entry come one after another, so that the list
// they are in is looked for once.
type rowWriter struct {
	*tx
	src  *source
	json bool
	// The list of the last row, and the keys of the entry that holds it.
	outer  []string
	holder *entry
	list   *sublist
	// inner says that the rows of the list are told within a value of JSON: they
	// need no path in wire form.
	inner bool
}

// put puts the leaves of a row that a pattern asks for.
func (w *rowWriter) put(p schema.Pattern, keys []string, values []schema.Value) {
	var e *entry
	for i, id := range w.src.leaves {
		if !values[i].Valid() || !p.Match(id, keys) {
			continue
		}
		if e == nil {
			e = w.entry(p, keys, values)
		}
		if !w.shapes[id].isKey {
			w.tx.put(e, id, values[i])
		}
	}
}

// entry gives the entry of a row, ready to be modified.
func (w *rowWriter) entry(p schema.Pattern, keys []string, values []schema.Value) *entry {
	id := w.src.list
	if id == ocpath.Root {
		return w.root
	}
	n := ocpath.Get(id)
	outer, own := keys[:len(keys)-len(n.Keys)], keys[len(keys)-len(n.Keys):]
	if w.list == nil || !slices.Equal(w.outer, outer) {
		w.outer = slices.Clone(outer)
		w.holder = w.reach(n.Parent, w.outer)
		w.list = w.tx.list(w.holder, id)
		w.inner = w.json && p.Below(id, w.outer)
	}
	var buf [64]byte
	key := appendSortKey(buf[:0], id, own)
	old, ok := w.list.entries.Get(string(key))
	switch {
	case ok && old.gen == w.seq:
		return old
	case ok:
		old = w.own(old)
	default:
		old = w.made(string(key), own, values)
	}
	w.list.entries.Set(old.id.sort, old)
	return old
}

// made is a new entry with its key leaves and room for those of a row.
func (w *rowWriter) made(sort string, own []string, values []schema.Value) *entry {
	id := w.src.list
	e := &entry{gen: w.seq, leaves: make([]leaf, 0, len(own)+len(w.src.leaves))}
	if w.inner {
		e.id = &ident{parent: w.holder.id, list: id, keys: slices.Concat(w.outer, own), sort: sort}
	} else {
		e.id = newIdent(w.holder.id, id, own)
	}
	for i, key := range ocpath.Get(id).Keys {
		if at := slices.Index(w.src.leaves, key); at >= 0 && values[at].Valid() {
			w.tx.put(e, key, values[at])
		} else {
			w.tx.put(e, key, keyValue(key, own[i]))
		}
	}
	return e
}

// keyValue is the value of a key leaf.
func keyValue(key ocpath.ID, text string) schema.Value {
	value, err := schema.ParseKey(key, text)
	if err != nil {
		return schema.StringValue(text)
	}
	return value
}

// leaves adds an Update for each leaf.
func (g *getter) leaves(root *entry, p schema.Pattern, within container) {
	walk(root, p, func(e *entry, l *leaf) bool {
		if g.kind == gpb.GetRequest_CONFIG && g.e.shapes[l.id].isKey && !g.e.shapes.configured(e) {
			return true
		}
		g.scratch = l.value.AppendTyped(g.scratch[:0], ocpath.Get(l.id), g.enc)
		prefix, suffix := within.cut(e, l.id)
		g.frame.SetBuffer(wire.AppendLeafField(g.frame.Buffer(), prefix, suffix, g.scratch, 0))
		return !g.tooLarge(0)
	})
}

// configured reports that an entry holds configuration besides its keys.
func (s shapes) configured(e *entry) bool {
	for i := range e.leaves {
		if id := e.leaves[i].id; ocpath.Get(id).Config && !s[id].isKey {
			return true
		}
	}
	for i := range e.lists {
		if slices.ContainsFunc(e.lists[i].entries.Values(), s.configured) {
			return true
		}
	}
	return false
}

// values adds an Update for each node that was asked for, with all below it.
func (g *getter) values(root *entry, p schema.Pattern, within container) {
	w := jsonWriter{shapes: g.e.shapes, enc: g.enc, keep: p, config: g.kind == gpb.GetRequest_CONFIG, full: g.tooLarge, buf: make([]byte, 0, g.texts)}
	asked(root, p, func(e *entry, node ocpath.ID) {
		if g.tooLarge(0) {
			return
		}
		if text := w.node(e, node); text != nil {
			g.scratch = schema.AppendJSONHead(g.scratch[:0], len(text), g.enc)
			prefix, suffix := within.cut(e, node)
			g.frame.SetBuffer(wire.AppendValueField(g.frame.Buffer(), prefix, suffix, g.scratch, text))
		}
	})
}
