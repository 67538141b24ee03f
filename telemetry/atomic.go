package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// Atomic containers (specification, 2.1.1 and 3.5.2.5): whenever a leaf of one
// changes, all that a subscriber may see of it is told in one Notification,
// whose prefix is the container and which is marked as atomic. Where
// allow_aggregation is asked for, in JSON that is one object; in PROTO and
// ASCII, which have none, it is the leaves.

// whole adds the message that tells of an atomic container: what a pattern asks
// for of it, or, where nothing is left of that, a delete.
func (c *encoder) whole(out *packet, e *entry, node ocpath.ID, p schema.Pattern, time int64, duplicates uint32) {
	leaves := asks(e, node, p)
	if len(leaves) == 0 {
		frame := c.frame()
		frame.SetBuffer(wire.AppendDeleteField(frame.Buffer(), e.id.prefix, e.id.suffix(node)))
		out.add(&frame, time)
		return
	}
	suffix := e.id.suffix(node)
	frame := wire.NewAtomicFrame(c.target, e.id.prefix, suffix, c.size)
	if c.aggregate && (c.enc == schema.JSON || c.enc == schema.JSONIETF) {
		c.object(&frame, e, node, p, duplicates)
	} else {
		for _, l := range leaves {
			n := ocpath.Get(l.id)
			c.scratch = l.value.AppendTyped(c.scratch[:0], n, c.enc)
			frame.SetBuffer(wire.AppendLeafField(frame.Buffer(), "", n.Suffix[len(suffix):], c.scratch, duplicates))
		}
	}
	out.add(&frame, time)
}

// object appends an atomic container as one value.
func (c *encoder) object(frame *wire.Frame, e *entry, node ocpath.ID, p schema.Pattern, duplicates uint32) {
	w := jsonWriter{shapes: c.shapes, enc: c.enc, keep: p, buf: c.json, full: func(int) bool { return false }}
	c.json = append(c.json[:0], w.node(e, node)...)
	c.scratch = append(schema.AppendJSONHead(c.scratch[:0], len(c.json), c.enc), c.json...)
	frame.SetBuffer(wire.AppendLeafField(frame.Buffer(), "", "", c.scratch, duplicates))
}

// asks gives the leaves of an entry in a container that a pattern asks for.
func asks(e *entry, node ocpath.ID, p schema.Pattern) []*leaf {
	var out []*leaf
	i, _ := slices.BinarySearchFunc(e.leaves, node, compareLeaf)
	for end := ocpath.Get(node).End; i < len(e.leaves) && e.leaves[i].id < end; i++ {
		if p.Match(e.leaves[i].id, e.id.keys) {
			out = append(out, &e.leaves[i])
		}
	}
	return out
}

// container is an atomic container in an entry.
type container struct {
	entry *entry
	node  ocpath.ID
}

// of gives the atomic container that a leaf stands in; its node is Root where
// there is none.
func (s shapes) of(e *entry, leaf ocpath.ID) container {
	if node := s[leaf].atomic; node != ocpath.Root {
		return container{e, node}
	}
	return container{}
}

// newest is when a container changed last.
func (at container) newest() int64 {
	var time int64
	i, _ := slices.BinarySearchFunc(at.entry.leaves, at.node, compareLeaf)
	for end := ocpath.Get(at.node).End; i < len(at.entry.leaves) && at.entry.leaves[i].id < end; i++ {
		time = max(time, at.entry.leaves[i].time)
	}
	return time
}

// within gives the atomic container that all stands in that a pattern asks for
// of a tree; its entry is nil where that is not one. A Get has one Notification
// for each path (specification, 3.3.2), so that only such an answer is atomic.
func (s shapes) within(root *entry, p schema.Pattern) container {
	for _, node := range p.Ends() {
		if s[node].atomic == ocpath.Root {
			return container{}
		}
	}
	var found container
	several := false
	asked(root, p, func(e *entry, node ocpath.ID) {
		at := s.of(e, node)
		several = several || found.entry != nil && found != at
		found = at
	})
	if several {
		return container{}
	}
	return found
}

// cut gives the wire form of a node's path in two pieces: from the container
// on, or whole where there is none.
func (at container) cut(e *entry, node ocpath.ID) (prefix, suffix string) {
	suffix = e.id.suffix(node)
	if at.entry == nil {
		return e.id.prefix, suffix
	}
	return "", suffix[len(e.id.suffix(at.node)):]
}
