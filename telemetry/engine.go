package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Options of an engine; the zero value has the defaults.
type Options struct {
	// QueueBytes bounds what waits for a subscriber that takes nothing for
	// StallTime, in octets of memory: of changes their values and bookkeeping;
	// where more waits it gets ErrSlowReader. The newest sample of each table is
	// on top of it: it is shared by all that wait for it, and replaces the one
	// before. Default 32 MiB, which is about 100,000 changed leaves.
	QueueBytes int
	// BurstBytes bounds what waits for a subscriber that reads: much can change
	// at once. Default 4 × QueueBytes.
	BurstBytes int
	// StallTime is how long a subscriber for which more than QueueBytes waits
	// may take nothing. Default 1 s.
	StallTime time.Duration
	// GetBytes bounds the answer to one Get, in octets of protobuf: it is built
	// as a whole in memory. A larger one is ErrTooLarge. Default 64 MiB.
	GetBytes int
	// HistoryBytes bounds what is kept for the history extension, in octets of
	// memory. Default 16 MiB, which is about 40,000 changes of a leaf.
	HistoryBytes int
	// TableRows is how many rows of an event source are held to share samples of
	// it; of a larger one each subscriber reads the rows by itself at each tick.
	// Default 131,072, which is more than all discards of 4,000 ports.
	TableRows int
	// FrameBytes is the size that one SubscribeResponse is meant to have; only
	// a single larger value makes it larger. Default 64 KiB.
	FrameBytes int
	// MinInterval is the shortest sample and heartbeat interval that is served,
	// and what a sample interval of 0 means. Default 100 ms.
	MinInterval time.Duration
	// SampleInterval is that of sampled leaves in TARGET_DEFINED where the
	// client names none. Default 10 s.
	SampleInterval time.Duration
	// LookInterval is how often leaves of a source that tells of no events are
	// looked at for ON_CHANGE. Default 1 s.
	LookInterval time.Duration
	// Who tells the address of the client of an RPC and the name of its user, ""
	// for what is not known. Default: nobody is known.
	Who func(context.Context) (address, user string)
	// Opened is told of each Subscribe that begins, Ended of each that is over.
	// Default: nobody is told.
	Opened, Ended func(*Subscription)
	// Log tells of sources that cannot be read for a sample, and of panics.
	// Default: nowhere.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.QueueBytes, 32<<20)
	setDefault(&o.BurstBytes, 4*o.QueueBytes)
	setDefault(&o.StallTime, time.Second)
	setDefault(&o.GetBytes, 64<<20)
	setDefault(&o.HistoryBytes, 16<<20)
	setDefault(&o.TableRows, 128<<10)
	setDefault(&o.FrameBytes, 64<<10)
	setDefault(&o.MinInterval, 100*time.Millisecond)
	setDefault(&o.SampleInterval, 10*time.Second)
	setDefault(&o.LookInterval, time.Second)
	if o.Who == nil {
		o.Who = func(context.Context) (string, string) { return "", "" }
	}
	if o.Opened == nil {
		o.Opened = func(*Subscription) {}
	}
	if o.Ended == nil {
		o.Ended = func(*Subscription) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) bounds() bounds { return bounds{o.QueueBytes, o.BurstBytes, o.StallTime} }

func setDefault[T int | time.Duration](v *T, value T) {
	if *v == 0 {
		*v = value
	}
}

// Engine holds the published leaves and serves Get and Subscribe. Get and ONCE
// take no lock; everything that alters or follows the tree takes mu for as
// long as the change is spread.
type Engine struct {
	opts    Options
	shapes  shapes
	sources []*source
	tree    atomic.Pointer[snapshot]

	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	tasks  sync.WaitGroup // goroutines of subscriptions and samplers

	life   sync.Mutex // guards closed
	closed bool

	mu        sync.Mutex // guards the fields below and orders all changes
	followers map[*follower]struct{}
	index     followerIndex
	recorders map[*recorder]struct{}
	told      map[string]struct{} // entries told to be gone before their source said so, by name

	history history // guarded by mu

	samplers samplers

	subscriptions subscriptions
}

// source is a Source with what the engine knows of it.
type source struct {
	Source
	leaves []ocpath.ID
	list   ocpath.ID // the nearest list above all leaves, or Root
	top    ocpath.ID // the nearest node above all leaves
	keys   []bool    // which leaves are keys of the list
	rows   bool      // it makes entries of the list: some are
	sole   bool      // it alone does: as shapes.sole has it
	order  []int     // leaves by ID
	events bool
	// huge says that it had too many rows to be held, when it was read last.
	huge atomic.Bool
	// unlooked is as Unlooked has it.
	unlooked bool
	// reading is held from a read until what was read is in the queues: what
	// one sampler reads later is not overtaken by what another read before.
	reading sync.Mutex
}

// New makes an engine with an empty tree.
func New(opts Options) *Engine {
	e := &Engine{
		opts:          opts.withDefaults(),
		shapes:        newShapes(),
		followers:     map[*follower]struct{}{},
		recorders:     map[*recorder]struct{}{},
		told:          map[string]struct{}{},
		subscriptions: subscriptions{open: map[uint64]*Subscription{}},
	}
	e.history = history{limit: e.opts.HistoryBytes, since: time.Now().UnixNano()}
	e.tree.Store(emptySnapshot())
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// Manner says how a source is served.
type Manner uint8

// Unlooked is for an event source whose leaves change by being told, such as
// what a subscription was sent: ON_CHANGE tells rows that come, with the values
// they have then, and that go, and does not look at its other leaves.
const Unlooked Manner = 1

// Add takes a source. It is called before the first Get, Subscribe or Publish,
// not concurrently. Leaves that are no leaves, lie below different lists, belong
// to another source or stand in an atomic container, which only what is
// published can be told of as a whole, are a mistake of the caller and panic.
func (e *Engine) Add(s Source, manners ...Manner) {
	src := &source{Source: s, leaves: s.Leaves(), events: s.Events(), unlooked: slices.Contains(manners, Unlooked)}
	for i, id := range src.leaves {
		n := ocpath.Get(id)
		list := schema.NearestList(id)
		if i == 0 {
			src.list = list
		}
		if !n.IsLeaf() || list != src.list || e.shapes[id].from != nil || e.shapes[id].atomic != ocpath.Root {
			panic(fmt.Sprintf("telemetry: source leaf %s: no leaf, below another list, of another source, or in an atomic container", ocpath.Path(id)))
		}
		e.shapes[id].from = src
		src.keys = append(src.keys, e.shapes[id].isKey)
		src.rows = src.rows || e.shapes[id].isKey
	}
	src.top, src.sole = above(src.leaves), e.shapes.sole(src)
	src.order = make([]int, len(src.leaves))
	for i := range src.order {
		src.order[i] = i
	}
	slices.SortFunc(src.order, func(a, b int) int { return int(src.leaves[a]) - int(src.leaves[b]) })
	e.sources = append(e.sources, src)
}

// above is the nearest node above all of some nodes.
func above(nodes []ocpath.ID) ocpath.ID {
	top := ocpath.Get(nodes[0]).Parent
	for _, id := range nodes {
		for id < top || id >= ocpath.Get(top).End {
			top = ocpath.Get(top).Parent
		}
	}
	return top
}

// Publish carries out one event: the tree changes as a whole, then each
// subscriber that asked for what changed gets it. Values that stay the same
// are dropped. Publish never waits for a subscriber.
func (e *Engine) Publish(b Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.shapes.begin(e.tree.Load(), nanoseconds(b.Time))
	t.of = b.Of
	for _, p := range b.Deletes {
		t.remove(p, b.Of)
	}
	for _, u := range b.Updates {
		t.set(u)
	}
	changes, undo := t.changes()
	if len(changes) == 0 {
		return
	}
	e.history.add(t, changes, undo)
	e.tree.Store(&snapshot{t.root, t.seq})
	e.spread(changes)
	e.restoreAll(e.orphans(changes))
}

// Notify tells of changes to the rows of a source: they are delivered and not
// kept. Deletes name rows by their list entry, or all rows by the list without
// keys; Of is not looked at. Where an entry also has published leaves, only the
// source's part is told to be gone.
func (e *Engine) Notify(b Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := nanoseconds(b.Time)
	var changes []*change
	root := e.tree.Load().root
	ids := idents{root: root.id, tree: root}
	for _, p := range b.Deletes {
		changes = e.rowsGone(changes, &ids, root, p, now)
	}
	for _, u := range b.Updates {
		if !ocpath.Get(u.Path.Node).IsLeaf() || len(u.Path.Keys) != e.shapes[u.Path.Node].keys || !u.Value.Valid() {
			continue
		}
		id := ids.of(u.Path.Node, u.Path.Keys)
		delete(e.told, id.name)
		changes = append(changes, &change{id: id, node: u.Path.Node, time: now, value: u.Value})
	}
	e.spread(changes)
}

// rowsGone adds the removal of rows of a source.
func (e *Engine) rowsGone(changes []*change, ids *idents, root *entry, p schema.Path, now int64) []*change {
	n := ocpath.Get(p.Node)
	if len(p.Keys) < e.shapes[p.Node].keys {
		// A list without keys: a delete of its container says the same, but for
		// what is published in it.
		changes = append(changes, &change{id: ids.of(n.Parent, p.Keys), node: n.Parent, gone: true, time: now})
		return e.shapes.published(changes, e.shapes.find(root, n.Parent, p.Keys), p.Node)
	}
	id := ids.of(p.Node, p.Keys)
	if _, told := e.told[id.name]; told && p.Node == id.list {
		delete(e.told, id.name)
		return changes
	}
	published := e.shapes.find(root, p.Node, p.Keys)
	if n.Kind != ocpath.List || published == nil {
		return append(changes, &change{id: id, node: p.Node, gone: true, time: now})
	}
	for _, node := range e.shapes.unpublished(published, p.Node, nil) {
		changes = append(changes, &change{id: id, node: node, gone: true, time: now})
	}
	return changes
}

// published adds what is published in the entries of a list, to be told again.
func (s shapes) published(changes []*change, holder *entry, list ocpath.ID) []*change {
	if holder == nil {
		return changes
	}
	entries, ok := holder.list(list)
	if !ok {
		return changes
	}
	entries.entries.Scan(func(_ string, child *entry) bool {
		for _, l := range child.leaves {
			changes = append(changes, &change{id: child.id, node: l.id, time: l.time, value: l.value})
		}
		for _, inner := range child.lists {
			changes = s.published(changes, child, inner.id)
		}
		return true
	})
	return changes
}

// unpublished adds the topmost nodes below node that hold leaves of sources
// and none that are published in an entry.
func (s shapes) unpublished(e *entry, node ocpath.ID, nodes []ocpath.ID) []ocpath.ID {
	n := ocpath.Get(node)
	for child := node + 1; child < n.End; child = ocpath.Get(child).End {
		end := ocpath.Get(child).End
		switch {
		case !s.hasSource(child, end) || ocpath.Get(child).Kind == ocpath.List:
		case !e.remains(child, end):
			nodes = append(nodes, child)
		default:
			nodes = s.unpublished(e, child, nodes)
		}
	}
	return nodes
}

func (s shapes) hasSource(id, end ocpath.ID) bool {
	return slices.ContainsFunc(s[id:end], func(sh shape) bool { return sh.from != nil })
}

// idents makes the idents of rows, one for consecutive changes of one row.
type idents struct {
	root *ident
	tree *entry // may be nil: the idents of entries that are published are used
	last *ident
}

// of gives the ident of the entry that holds a node.
func (s *idents) of(node ocpath.ID, keys []string) *ident {
	return s.row(schema.NearestList(node), keys)
}

// row gives the ident of an entry of a list; keys are those of all lists from
// the root down, and are copied.
func (s *idents) row(list ocpath.ID, keys []string) *ident {
	if list == ocpath.Root {
		return s.root
	}
	if s.last != nil && s.last.list == list && slices.Equal(s.last.keys, keys) {
		return s.last
	}
	id, e, at := s.root, s.tree, 0
	for _, l := range schema.Lists(list) {
		own := keys[at : at+len(ocpath.Get(l).Keys)]
		if e != nil {
			e = e.entry(l, own)
		}
		if e != nil {
			id = e.id
		} else {
			id = newIdent(id, l, own)
		}
		at += len(own)
	}
	s.last = id
	return id
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UnixNano()
}

// Close ends every Get, subscription and sampler with ErrClosed and waits until
// they are gone. What is published afterwards is kept and told to nobody.
func (e *Engine) Close() {
	e.life.Lock()
	e.closed = true
	e.life.Unlock()
	e.cancel(ErrClosed)
	e.tasks.Wait()
}

// begin counts a goroutine of the engine, unless the engine is closed.
func (e *Engine) begin() error {
	e.life.Lock()
	defer e.life.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.tasks.Add(1)
	return nil
}

// cause is why a context ended, as an error that callers tell apart.
func (e *Engine) cause(ctx context.Context) error {
	if e.ctx.Err() != nil {
		return ErrClosed
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return errors.New("the subscription ended")
}
