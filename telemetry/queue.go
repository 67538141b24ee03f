package telemetry

import (
	"fmt"
	"sync"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// itemOverhead is what one waiting change costs beside its bytes, in octets:
// its item, its group with its place in the map, and the change itself.
const itemOverhead = 640

// queue is what waits for one subscriber. Changes are coalesced: a newer value
// of a leaf replaces the one that waits and counts it as a duplicate, what
// went takes along what waits below it. Samples replace the waiting sample of
// the same view. What is left goes out in the order of the latest change.
type queue struct {
	limit  int
	ready  chan struct{} // has one token when something waits
	failed chan struct{} // closed when the queue is given up
	why    error         // written before failed is closed: why it is given up

	mu     sync.Mutex        // guards the fields below
	first  *item             // oldest
	last   *item             // newest
	groups map[string]*group // by the name of the entry
	ticks  map[*view]*item   // full samples that wait
	bytes  int
	over   bool
	held   [][]byte // ends of commits, until synced
	synced bool     // what the client starts with is sent or waits
}

// item is one thing that waits: a change, or a sample of a view.
type item struct {
	older, newer *item
	change       *change
	bytes        []byte
	duplicates   uint32
	group        *group
	sample       *sample
}

// sample is what a view got at a tick.
type sample struct {
	view   *view // nil where the sample has only what changed: it is not replaced
	frames [][]byte
	start  bool // it is what a subscription starts with
}

// group has the waiting changes of one list entry, and those of the entries in
// it.
type group struct {
	id     *ident
	items  []*item
	parent *group
	inner  *group // the first of the groups in it; they are linked
	next   *group
	prev   *group
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), failed: make(chan struct{})}
}

// wake tells the reader that something waits.
func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// wakeIfAny wakes the reader where something waits.
func (q *queue) wakeIfAny() {
	q.mu.Lock()
	waits := q.first != nil
	q.mu.Unlock()
	if waits {
		q.wake()
	}
}

// put adds a change. The reader is not woken.
func (q *queue) put(c *change, bytes []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	g := q.group(c.id)
	it := &item{change: c, bytes: bytes, group: g}
	if c.gone {
		q.fold(g, c.node)
	} else if old := g.find(c.node); old != nil {
		if !old.change.gone {
			it.duplicates = old.duplicates + 1
		}
		q.unlink(old)
		g.remove(old)
	}
	g.items = append(g.items, it)
	q.link(it)
}

// sampled adds the frames of one sample and wakes the reader. A full one
// replaces the full sample of the same view that waits.
func (q *queue) sampled(v *view, frames [][]byte) {
	if len(frames) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	it := &item{sample: &sample{frames: frames}}
	if !v.changes {
		it.sample.view = v
		if old := q.ticks[v]; old != nil {
			it.duplicates = old.duplicates + 1
			q.drop(old)
		}
		if q.ticks == nil {
			q.ticks = map[*view]*item{}
		}
		q.ticks[v] = it
	}
	q.link(it)
	q.wake()
}

// start adds frames that a subscription starts with: not changes, but what is
// there. They do not count against the limit.
func (q *queue) start(frames [][]byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over && len(frames) > 0 {
		q.link(&item{sample: &sample{frames: frames, start: true}})
	}
}

// size is what counts against the limit. A full sample does not: it is shared,
// and there is one of each view at most.
func (it *item) size() int {
	if it.change != nil {
		return len(it.bytes) + itemOverhead
	}
	if it.sample.view != nil || it.sample.start {
		return 0
	}
	size := itemOverhead
	for _, f := range it.sample.frames {
		size += len(f)
	}
	return size
}

// link puts an item at the end. Past the limit the queue is given up, so that
// the client learns of it instead of missing changes.
func (q *queue) link(it *item) {
	if it.older = q.last; it.older != nil {
		it.older.newer = it
	} else {
		q.first = it
	}
	q.last = it
	q.count(it.size())
}

// count adds to what waits.
func (q *queue) count(size int) {
	if q.bytes += size; q.bytes <= q.limit {
		return
	}
	q.give(fmt.Errorf("more than %d octets wait for it: %w", q.limit, ErrSlowReader))
}

// fail gives the queue up, so that the client learns why nothing more comes.
func (q *queue) fail(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.give(why)
	}
}

func (q *queue) give(why error) {
	q.over, q.why = true, why
	q.first, q.last, q.groups, q.ticks, q.bytes, q.held = nil, nil, nil, nil, 0, nil
	close(q.failed)
}

// unlink takes an item out of the order.
func (q *queue) unlink(it *item) {
	if it.older != nil {
		it.older.newer = it.newer
	} else {
		q.first = it.newer
	}
	if it.newer != nil {
		it.newer.older = it.older
	} else {
		q.last = it.older
	}
	q.bytes -= it.size()
}

// drop takes an item out, and the groups that are empty then.
func (q *queue) drop(it *item) {
	q.unlink(it)
	if it.change == nil {
		if it.sample.view != nil {
			delete(q.ticks, it.sample.view)
		}
		return
	}
	g := it.group
	g.remove(it)
	for g != nil && len(g.items) == 0 && g.inner == nil {
		delete(q.groups, g.id.name)
		g.leave()
		g = g.parent
	}
}

// fold drops what waits at and below a node that went.
func (q *queue) fold(g *group, node ocpath.ID) {
	end := ocpath.Get(node).End
	kept := g.items[:0]
	for _, it := range g.items {
		if id := it.change.node; id >= node && id < end {
			q.unlink(it)
		} else {
			kept = append(kept, it)
		}
	}
	clear(g.items[len(kept):])
	g.items = kept
	for inner := g.inner; inner != nil; inner = inner.next {
		if list := inner.id.list; list >= node && list < end {
			q.fold(inner, list)
			delete(q.groups, inner.id.name)
			inner.leave()
		}
	}
}

// group gives the group of an entry, made with those around it.
func (q *queue) group(id *ident) *group {
	if g := q.groups[id.name]; g != nil {
		return g
	}
	g := &group{id: id}
	if q.groups == nil {
		q.groups = map[string]*group{}
	}
	q.groups[id.name] = g
	if id.parent != nil {
		g.parent = q.group(id.parent)
		if g.next = g.parent.inner; g.next != nil {
			g.next.prev = g
		}
		g.parent.inner = g
	}
	return g
}

// leave takes a group out of the one around it.
func (g *group) leave() {
	if g.parent == nil {
		return
	}
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		g.parent.inner = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	}
}

// find gives what waits for one node.
func (g *group) find(node ocpath.ID) *item {
	for _, it := range g.items {
		if it.change.node == node {
			return it
		}
	}
	return nil
}

func (g *group) remove(it *item) {
	for i := range g.items {
		if g.items[i] == it {
			last := len(g.items) - 1
			g.items[i], g.items[last] = g.items[last], nil
			g.items = g.items[:last]
			return
		}
	}
}

// next takes out frames to send: a sample's, or one with changes of the same
// time. None means that nothing waits.
func (q *queue) next(frame wire.Frame) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	it := q.first
	if it == nil {
		return nil
	}
	if it.change == nil {
		q.drop(it)
		return repeated(it.sample.frames, it.duplicates, frame)
	}
	time := it.change.time
	for it != nil && it.change != nil && it.change.time == time && !frame.Full() {
		if it.change.gone {
			frame.SetBuffer(wire.AppendDeleteField(frame.Buffer(), it.bytes, ""))
		} else {
			frame.SetBuffer(wire.AppendUpdateField(frame.Buffer(), it.bytes, it.duplicates))
		}
		q.drop(it)
		it = q.first
	}
	return [][]byte{frame.Finish(time)}
}

// repeated gives the frames of a sample that stands for others that were
// replaced; the shared frames stay as they are.
func repeated(frames [][]byte, duplicates uint32, frame wire.Frame) [][]byte {
	if duplicates == 0 {
		return frames
	}
	out := make([][]byte, len(frames))
	for i, f := range frames {
		time := wire.Split(f, func(update []byte) {
			frame.SetBuffer(wire.AppendUpdateField(frame.Buffer(), update, duplicates))
		})
		out[i] = frame.Finish(time)
	}
	return out
}
