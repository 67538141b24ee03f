package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// change is one leaf's new value, one atomic container that is told anew as a
// whole, or one node that went with all below it. It is shared by all queues it
// is in, and encoded by each reader when it is sent.
type change struct {
	id    *ident
	node  ocpath.ID
	gone  bool
	time  int64
	value schema.Value
	whole *whole // of an atomic container
}

// whole is what is told of an atomic container: its entry as it was at the
// time of the change, and which of its leaves changed or went.
type whole struct {
	entry   *entry
	touched []ocpath.ID
	size    int // of an event: its leaves, which nobody else holds
}

// size is what a change holds that counts against a queue's limit.
func (c *change) size() int {
	if c.whole != nil {
		return c.whole.size
	}
	return c.value.Size()
}

// touches reports that a change is of something a pattern asks for.
func (c *change) touches(p schema.Pattern) bool {
	switch {
	case c.gone:
		return p.Touches(c.id.path(c.node))
	case c.whole != nil:
		return slices.ContainsFunc(c.whole.touched, func(leaf ocpath.ID) bool { return p.Match(leaf, c.id.keys) })
	}
	return p.Match(c.node, c.id.keys)
}

// has reports that a pattern may ask for what a change is about in some entry.
func (c *change) has(p schema.Pattern) bool {
	switch {
	case c.gone:
		return p.Touches(schema.Path{Node: c.node})
	case c.whole != nil:
		end := ocpath.Get(c.node).End
		return p.Next(c.node, end) < end
	}
	return p.Has(c.node)
}
