package telemetry

import (
	"github.com/signalbox/signalbox/gen/ocpath"
)

// segment is a part of a queue: a sample, or changes of one time.
type segment struct {
	older, newer *segment
	sample       *sample
	duplicates   uint32 // samples that it stands for beside itself
	time         int64
	first, last  *group
}

// size is what a sample counts against the limit. A full sample does not: it is
// shared, and there is one of each view at most.
func (s *segment) size() int {
	if s.sample == nil || s.sample.view != nil || s.sample.start {
		return 0
	}
	size := markOverhead
	for _, f := range s.sample.frames {
		size += len(f)
	}
	return size
}

// group has the changes of one entry in a segment, in their order.
type group struct {
	of         *waiting
	segment    *segment
	prev, next *group // in the segment
	older      *group // of the same entry in an earlier segment
	slots      []slot
}

// size is what a group counts beside its slots.
func (g *group) size() int { return groupOverhead + g.of.id.octets() }

// slot is one change that waits.
type slot struct {
	change     *change
	duplicates uint32
}

// size is what a slot counts against the limit.
func (s slot) size() int { return slotOverhead + s.change.size() }

// wire is about what a slot takes in a frame.
func (s slot) wire() int {
	return len(s.change.id.prefix) + len(ocpath.Get(s.change.node).Suffix) + 16 + s.change.size()
}

// waiting is an entry of which changes wait, or around one.
type waiting struct {
	id     *ident
	newest *group
	parent *waiting
	inner  *waiting // the first of the entries in it; they are linked
	next   *waiting
	prev   *waiting
}

// add puts a segment at the end.
func (q *queue) add(s *segment) {
	if s.older = q.last; s.older != nil {
		s.older.newer = s
	} else {
		q.first = s
	}
	q.last = s
	if s.sample != nil {
		q.updates += s.sample.updates
	}
	q.count(s.size())
}

// drop takes a segment out.
func (q *queue) drop(s *segment) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		q.first = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		q.last = s.older
	}
	q.bytes -= s.size()
	if s.sample == nil {
		return
	}
	q.updates -= s.sample.updates
	if s.sample.view != nil {
		delete(q.ticks, s.sample.view)
	}
}

// entry gives what waits of an entry, made with those around it.
func (q *queue) entry(id *ident) *waiting {
	if w := q.waiting[id.name]; w != nil {
		return w
	}
	w := &waiting{id: id}
	if q.waiting == nil {
		q.waiting = map[string]*waiting{}
	}
	q.waiting[id.name] = w
	if id.parent != nil {
		w.parent = q.entry(id.parent)
		if w.next = w.parent.inner; w.next != nil {
			w.next.prev = w
		}
		w.parent.inner = w
	}
	return w
}

// group gives the newest group of an entry, which is in the last segment, with
// changes of a time.
func (q *queue) group(w *waiting, time int64) *group {
	s := q.last
	if s == nil || s.sample != nil || s.time != time {
		s = &segment{time: time}
		q.add(s)
	}
	if w.newest != nil && w.newest.segment == s {
		return w.newest
	}
	g := &group{of: w, segment: s, prev: s.last, older: w.newest}
	if s.last != nil {
		s.last.next = g
	} else {
		s.first = g
	}
	s.last, w.newest = g, g
	q.count(g.size())
	return g
}

// take takes out what waits of one node.
func (q *queue) take(w *waiting, node ocpath.ID) (slot, bool) {
	for g := w.newest; g != nil; g = g.older {
		for i, s := range g.slots {
			if s.change.node != node {
				continue
			}
			copy(g.slots[i:], g.slots[i+1:])
			g.slots[len(g.slots)-1] = slot{}
			g.slots = g.slots[:len(g.slots)-1]
			q.updates--
			q.bytes -= s.size()
			if len(g.slots) == 0 {
				q.leave(g)
			}
			return s, true
		}
	}
	return slot{}, false
}

// fold drops what waits at and below a node that went.
func (q *queue) fold(w *waiting, node ocpath.ID) {
	end := ocpath.Get(node).End
	for g := w.newest; g != nil; g = g.older {
		kept := g.slots[:0]
		for _, s := range g.slots {
			if id := s.change.node; id >= node && id < end {
				q.updates--
				q.bytes -= s.size()
			} else {
				kept = append(kept, s)
			}
		}
		clear(g.slots[len(kept):])
		if g.slots = kept; len(kept) == 0 {
			q.leave(g)
		}
	}
	for inner := w.inner; inner != nil; inner = inner.next {
		if list := inner.id.list; list >= node && list < end {
			q.fold(inner, list)
			delete(q.waiting, inner.id.name)
			inner.leave()
		}
	}
}

// leave takes a group that is empty out of its segment and its entry, and the
// segment out where that is empty then.
func (q *queue) leave(g *group) {
	s := g.segment
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		s.first = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		s.last = g.prev
	}
	at := &g.of.newest
	for *at != g {
		at = &(*at).older
	}
	*at = g.older
	q.bytes -= g.size()
	if s.first == nil {
		q.drop(s)
	}
}

// tidy forgets an entry of which nothing waits, and those around it.
func (q *queue) tidy(w *waiting) {
	for w != nil && w.newest == nil && w.inner == nil {
		delete(q.waiting, w.id.name)
		w.leave()
		w = w.parent
	}
}

// leave takes an entry out of the one around it.
func (w *waiting) leave() {
	if w.parent == nil {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		w.parent.inner = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
}
