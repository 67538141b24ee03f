package telemetry

import (
	"slices"
	"time"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// Event is something that happened once, such as a step of a packet's way: an
// atomic container of a list entry that is told to those who follow it and kept
// for nobody.
type Event struct {
	// Path is the atomic container, with the keys of all lists above it.
	Path schema.Path
	// Time is when it happened.
	Time time.Time
	// Updates are the leaves of the container, in the order of the schema; of
	// their paths only the nodes are looked at. Nobody modifies them any more.
	Updates []Update
}

// eventShare is the part of a queue's bound that events may fill: they never
// end a subscription, because those that come to a full queue are lost.
const eventShare = 2

// Tell tells of events, in their order. A subscriber that does not keep up
// misses some: Stats.EventsLost counts them. Tell never waits for a subscriber.
func (e *Engine) Tell(events []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	root := e.tree.Load().root
	ids := idents{root: root.id, tree: root}
	woken := map[*queue]struct{}{}
	for i := range events {
		c := &change{node: events[i].Path.Node, whole: &whole{}}
		following := e.following(c)
		if len(following) == 0 {
			continue
		}
		size := c.happened(&events[i], &ids)
		for _, f := range following {
			if c.touches(f.updates) {
				f.queue.event(c, size)
				woken[f.queue] = struct{}{}
			}
		}
	}
	for q := range woken {
		q.wake()
	}
}

// happened makes a change of an event, and tells its size in a queue.
func (c *change) happened(ev *Event, ids *idents) (size int) {
	c.id, c.time = ids.of(ev.Path.Node, ev.Path.Keys), nanoseconds(ev.Time)
	en := &entry{id: c.id, leaves: make([]leaf, 0, len(ev.Updates))}
	for _, u := range ev.Updates {
		en.leaves = append(en.leaves, leaf{id: u.Path.Node, time: c.time, value: u.Value})
		c.whole.touched = append(c.whole.touched, u.Path.Node)
		size += leafOverhead + u.Value.Size()
	}
	slices.SortFunc(en.leaves, func(a, b leaf) int { return int(a.id) - int(b.id) })
	c.whole.entry, c.whole.size = en, size
	return size + slotOverhead + groupOverhead + c.id.octets()
}

// event adds an event, or loses it where too much waits. The reader is not
// woken.
func (q *queue) event(c *change, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	if q.bytes+size > q.bounds.limit/eventShare {
		q.lost++
		return
	}
	s := slot{change: c}
	g := q.group(q.entry(c.id), c.time)
	g.slots = append(g.slots, s)
	q.updates++
	q.count(s.size())
}
