package telemetry

import (
	"container/list"
	"sync"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// itemOverhead is what one waiting change costs beside its bytes, in octets:
// its item, its place in the list and its group.
const itemOverhead = 256

// queue is what waits for one subscriber. Changes are coalesced: a newer value
// of a leaf replaces the one that waits and counts it as a duplicate, what
// went takes along what waits below it. Samples replace the waiting sample of
// the same view. What is left goes out in the order of the latest change.
type queue struct {
	limit  int
	ready  chan struct{} // has one token when something waits
	failed chan struct{} // closed when the limit is passed

	mu     sync.Mutex // guards the fields below
	items  list.List  // of *item, oldest first
	groups map[string]*group
	ticks  map[*view]*list.Element // full samples that wait
	bytes  int
	over   bool
}

// item is one thing that waits: a change, or a sample of a view.
type item struct {
	change     *change
	bytes      []byte
	duplicates uint32
	group      *group

	view   *view // of a full sample that may be replaced
	frames [][]byte
}

func (it *item) size() int {
	if it.change != nil {
		return len(it.bytes) + itemOverhead
	}
	if it.view != nil {
		return 0
	}
	size := itemOverhead
	for _, f := range it.frames {
		size += len(f)
	}
	return size
}

// group has the waiting changes of one list entry, and of the entries in it.
type group struct {
	id     *ident
	parent *group
	items  map[ocpath.ID]*list.Element
	inner  map[string]*group
}

func newQueue(limit int) *queue {
	return &queue{
		limit:  limit,
		ready:  make(chan struct{}, 1),
		failed: make(chan struct{}),
		groups: map[string]*group{},
		ticks:  map[*view]*list.Element{},
	}
}

// wake tells the reader that something waits.
func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
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
	} else if old := g.items[c.node]; old != nil {
		it.duplicates = old.Value.(*item).repeats()
		q.drop(old)
		g = q.group(c.id) // it may have gone with its last item
		it.group = g
	}
	g.items[c.node] = q.items.PushBack(it)
	q.grow(it.size())
}

// repeats is how many values the next one of the same leaf stands for besides
// itself.
func (it *item) repeats() uint32 {
	if it.change.gone {
		return 0
	}
	return it.duplicates + 1
}

// fold drops what waits at and below a node that went.
func (q *queue) fold(g *group, node ocpath.ID) {
	end := ocpath.Get(node).End
	for id, el := range g.items {
		if id >= node && id < end {
			q.items.Remove(el)
			q.bytes -= el.Value.(*item).size()
			delete(g.items, id)
		}
	}
	for name, inner := range g.inner {
		if list := inner.id.list; list >= node && list < end {
			q.fold(inner, list)
			delete(g.inner, name)
			delete(q.groups, name)
		}
	}
}

// group gives the group of an entry, made with those around it.
func (q *queue) group(id *ident) *group {
	if g := q.groups[id.name]; g != nil {
		return g
	}
	g := &group{id: id, items: map[ocpath.ID]*list.Element{}}
	q.groups[id.name] = g
	if id.parent != nil {
		g.parent = q.group(id.parent)
		if g.parent.inner == nil {
			g.parent.inner = map[string]*group{}
		}
		g.parent.inner[id.name] = g
	}
	return g
}

// drop takes one item out.
func (q *queue) drop(el *list.Element) {
	it := q.items.Remove(el).(*item)
	q.bytes -= it.size()
	if it.change == nil {
		if it.view != nil {
			delete(q.ticks, it.view)
		}
		return
	}
	g := it.group
	if g.items[it.change.node] == el {
		delete(g.items, it.change.node)
	}
	for g != nil && len(g.items) == 0 && len(g.inner) == 0 {
		delete(q.groups, g.id.name)
		if g.parent != nil {
			delete(g.parent.inner, g.id.name)
		}
		g = g.parent
	}
}

// sample adds the frames of one sample and wakes the reader. A full one
// replaces the full sample of the same view that waits.
func (q *queue) sample(v *view, frames [][]byte, full bool) {
	if len(frames) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	it := &item{frames: frames}
	if full {
		it.view = v
		if old := q.ticks[v]; old != nil {
			it.duplicates = old.Value.(*item).duplicates + 1
			q.drop(old)
		}
	}
	el := q.items.PushBack(it)
	if full {
		q.ticks[v] = el
	}
	q.grow(it.size())
	q.wake()
}

// grow counts bytes; past the limit the queue is given up, so that the client
// learns of it instead of missing changes.
func (q *queue) grow(bytes int) {
	q.bytes += bytes
	if q.bytes <= q.limit {
		return
	}
	q.over = true
	q.items.Init()
	q.groups, q.ticks, q.bytes = nil, nil, 0
	close(q.failed)
}

// next takes out frames to send: a sample's, or one with changes of the same
// time. None means that nothing waits.
func (q *queue) next(frame wire.Frame) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	front := q.items.Front()
	if front == nil {
		return nil
	}
	if it := front.Value.(*item); it.change == nil {
		q.drop(front)
		return repeated(it.frames, it.duplicates, frame)
	}
	time := front.Value.(*item).change.time
	for front != nil && !frame.Full() {
		it := front.Value.(*item)
		if it.change == nil || it.change.time != time {
			break
		}
		if it.change.gone {
			frame.SetBuffer(wire.AppendDeleteField(frame.Buffer(), it.bytes, ""))
		} else {
			frame.SetBuffer(wire.AppendUpdateField(frame.Buffer(), it.bytes, it.duplicates))
		}
		q.drop(front)
		front = q.items.Front()
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

// wakeIfAny wakes the reader where something waits.
func (q *queue) wakeIfAny() {
	q.mu.Lock()
	waits := q.items.Len() > 0
	q.mu.Unlock()
	if waits {
		q.wake()
	}
}
