package telemetry

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// queue is what waits for one subscriber. Changes are kept by reference and
// encoded when they are sent. They are coalesced: a newer value of a leaf
// replaces the one that waits and counts it as a duplicate, what went takes
// along what waits below it. Samples replace the waiting sample of the same
// view. What is left goes out in the order of the latest change.
//
// What waits stands in segments, the oldest first:
//
//	segment ── changes of one time: group (entry) ── slot, slot …
//	   │                            group (entry) ── slot …
//	segment ── a sample
//	segment ── changes of a later time …
type queue struct {
	bounds bounds
	ready  chan struct{} // has one token when something waits
	failed chan struct{} // closed when the queue is given up
	why    error         // written before failed is closed: why it is given up
	// taken is when the reader last took something, in nanoseconds since the
	// epoch.
	taken atomic.Int64

	mu      sync.Mutex          // guards the fields below
	first   *segment            // oldest
	last    *segment            // newest
	waiting map[string]*waiting // entries by their name
	ticks   map[*view]*segment  // full samples that wait
	bytes   int
	peak    int    // of bytes
	updates int    // changes and samples' updates that wait
	merged  uint64 // changes that were replaced
	lost    uint64 // events for which there was no room
	over    bool
	alarm   *time.Timer // looks whether the reader stalls, while more waits than may wait for a stalled one
	held    [][]byte    // ends of commits, until synced
	synced  bool        // what the client starts with is sent or waits
}

// bounds are those of a queue, in octets: limit for a reader that takes
// nothing for as long as stall, burst for any.
type bounds struct {
	limit, burst int
	stall        time.Duration
}

// What waits costs beside the values, in octets: a slot with its change; a
// group with its segment's share, its entry, their places in maps, and the
// ident that the change may keep alive.
const (
	slotOverhead  = 144
	groupOverhead = 440
	markOverhead  = 640 // a sample, or the end of a commit
)

// sample is what a view got at a tick.
type sample struct {
	packet
	view  *view   // nil where the sample has only what changed: it is not replaced
	read  *source // of a huge table: the reader reads it by itself
	start bool    // it is what a subscription starts with
}

func newQueue(b bounds) *queue {
	q := &queue{bounds: b, ready: make(chan struct{}, 1), failed: make(chan struct{})}
	q.touch()
	return q
}

// touch notes that the reader has taken something.
func (q *queue) touch() { q.taken.Store(time.Now().UnixNano()) }

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
func (q *queue) put(c *change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	w := q.entry(c.id)
	if c.id != w.id { // the changes of an entry keep one ident alive
		same := *c
		same.id = w.id
		c = &same
	}
	s := slot{change: c}
	if c.gone {
		q.fold(w, c.node)
	} else if old, ok := q.take(w, c.node); ok && !old.change.gone {
		s.duplicates = old.duplicates + 1
		q.merged++
	}
	q.group(w, c.time).slots = append(w.newest.slots, s)
	q.updates++
	q.count(s.size())
}

// sampled adds the frames of one sample and wakes the reader. A full one
// replaces the full sample of the same view that waits.
func (q *queue) sampled(v *view, p packet) {
	if len(p.frames) > 0 {
		q.sample(v, &sample{packet: p}, !v.changes)
	}
}

func (q *queue) sample(v *view, what *sample, replaces bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	s := &segment{sample: what}
	if replaces {
		what.view = v
		if old := q.ticks[v]; old != nil {
			s.duplicates = old.duplicates + 1
			q.drop(old)
			q.merged += uint64(old.sample.updates)
		}
		if q.ticks == nil {
			q.ticks = map[*view]*segment{}
		}
		q.ticks[v] = s
	}
	q.add(s)
	q.wake()
}

// start adds frames that a subscription starts with: not changes, but what is
// there. They do not count against the limit.
func (q *queue) start(p packet) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over && len(p.frames) > 0 {
		q.add(&segment{sample: &sample{packet: p, start: true}})
	}
}

// count adds to what waits. Where that is more than may wait the queue is given
// up, so that the client learns of it instead of missing changes: more than
// the limit may wait only for a reader that takes something now and then.
func (q *queue) count(size int) {
	q.bytes += size
	q.peak = max(q.peak, q.bytes)
	if q.bytes > q.bounds.limit && !q.over {
		q.judge()
	}
}

// judge looks at a queue in which more waits than may wait for a reader that
// has stalled.
func (q *queue) judge() {
	idle := time.Duration(time.Now().UnixNano() - q.taken.Load())
	switch {
	case q.bytes > q.bounds.burst:
		q.give(fmt.Errorf("more than %d octets wait for it: %w", q.bounds.burst, ErrSlowReader))
	case idle >= q.bounds.stall:
		q.give(fmt.Errorf("more than %d octets wait for it, and it has taken nothing for %v: %w", q.bounds.limit, idle.Round(time.Millisecond), ErrSlowReader))
	case q.alarm == nil:
		q.alarm = time.AfterFunc(q.bounds.stall-idle, q.look)
	}
}

// look judges the queue again, once the reader had time to take something.
func (q *queue) look() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.alarm = nil
	if !q.over && q.bytes > q.bounds.limit {
		q.judge()
	}
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
	q.why = why
	q.empty()
	close(q.failed)
}

// close lets go of all that waits: nobody reads any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.empty()
}

func (q *queue) empty() {
	q.over = true
	q.first, q.last, q.waiting, q.ticks, q.bytes, q.updates, q.held = nil, nil, nil, nil, 0, 0, nil
	if q.alarm != nil {
		q.alarm.Stop()
		q.alarm = nil
	}
}

// portion is what the reader takes out at once: the frames of a sample, or
// changes of one time.
type portion struct {
	sample     *sample
	duplicates uint32
	time       int64
	slots      []slot
}

// next takes out what is oldest: a sample, or changes that make about size
// octets, in the slice that is given. None means that nothing waits.
func (q *queue) next(into []slot, size int) (b portion, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.first
	if s == nil {
		return b, false
	}
	if s.sample != nil {
		q.drop(s)
		return portion{sample: s.sample, duplicates: s.duplicates}, true
	}
	b = portion{time: s.time, slots: into[:0]}
	for octets := 0; octets < size && s.first != nil; {
		g := s.first
		w := g.of
		for octets < size && len(g.slots) > 0 {
			b.slots = append(b.slots, g.slots[0])
			octets += g.slots[0].wire()
			q.bytes -= g.slots[0].size()
			q.updates--
			g.slots[0] = slot{}
			g.slots = g.slots[1:]
		}
		if len(g.slots) == 0 {
			q.leave(g)
			q.tidy(w)
		}
	}
	return b, true
}
