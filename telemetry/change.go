package telemetry

import (
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// change is one leaf's new value, or one node that went with all below it. It
// is encoded once for each encoding and shared by all queues it is in.
type change struct {
	id    *ident
	node  ocpath.ID
	gone  bool
	time  int64
	value schema.Value
	// encoded are the contents of an Update, or of a Path for what went,
	// filled by bytes under the engine's lock.
	encoded [schema.NumEncodings][]byte
}

// bytes gives the change's wire form.
func (c *change) bytes(enc schema.Encoding) []byte {
	if c.gone {
		enc = 0
	}
	if c.encoded[enc] == nil {
		if c.gone {
			c.encoded[enc] = append([]byte(c.id.prefix), c.id.suffix(c.node)...)
		} else {
			n := ocpath.Get(c.node)
			value := c.value.AppendTyped(nil, n, enc)
			c.encoded[enc] = wire.AppendUpdate(make([]byte, 0, wire.SizeUpdate(len(c.id.prefix)+len(n.Suffix), len(value))),
				c.id.prefix, n.Suffix, value)
		}
	}
	return c.encoded[enc]
}
