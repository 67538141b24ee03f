package telemetry

import (
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// form is how the answers to one subscriber look.
type form struct {
	enc    schema.Encoding
	target string // echoed in each Notification's prefix
	size   int    // of one frame, in octets
	// aggregate makes one update of an atomic container (allow_aggregation).
	aggregate bool
}

func (f form) frame() wire.Frame { return wire.NewFrame(f.target, f.size) }

// packet is a number of messages.
type packet struct {
	frames  [][]byte
	updates int // in all of them, deletes included
}

// add finishes a frame that is not empty.
func (p *packet) add(f *wire.Frame, time int64) {
	if f.Empty() {
		return
	}
	p.updates += f.Fields()
	p.frames = append(p.frames, f.Finish(time))
}

// encoder appends leaves to frames.
type encoder struct {
	form
	shapes  shapes
	scratch []byte
	// duplicates is what each leaf tells of itself.
	duplicates uint32
	json       []byte
}

// leaf appends one leaf's Update as a field of the frame's Notification.
func (c *encoder) leaf(f *wire.Frame, id *ident, n *ocpath.Node, value schema.Value) {
	c.scratch = value.AppendTyped(c.scratch[:0], n, c.enc)
	f.SetBuffer(wire.AppendLeafField(f.Buffer(), id.prefix, n.Suffix, c.scratch, c.duplicates))
}

// slot appends a change that is no atomic container.
func (c *encoder) slot(f *wire.Frame, s *slot) {
	id, n := s.change.id, ocpath.Get(s.change.node)
	if s.change.gone {
		f.SetBuffer(wire.AppendDeleteField(f.Buffer(), id.prefix, id.suffix(n.ID)))
		return
	}
	c.scratch = s.change.value.AppendTyped(c.scratch[:0], n, c.enc)
	f.SetBuffer(wire.AppendLeafField(f.Buffer(), id.prefix, n.Suffix, c.scratch, s.duplicates))
}

// slots gives the messages for changes of one time, as a pattern asks for them.
func (c *encoder) slots(all []slot, time int64, p schema.Pattern) packet {
	var out packet
	frame := c.frame()
	for i := range all {
		if s := &all[i]; s.change.whole != nil {
			out.add(&frame, time)
			c.whole(&out, s.change.whole.entry, s.change.node, p, time, s.duplicates)
		} else {
			c.slot(&frame, s)
		}
	}
	out.add(&frame, time)
	return out
}
