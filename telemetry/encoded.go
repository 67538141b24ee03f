package telemetry

import (
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// encoded are the leaves of a read in wire form: views that ask for different
// parts of a table in one encoding copy from it what they ask for.
type encoded struct {
	columns int
	octets  []byte
	ends    []uint32 // of each leaf of each row; an absent leaf is empty
}

// leaf is one leaf of a row as a field of a Notification.
func (e *encoded) leaf(r *row, column int) []byte {
	i := r.place*e.columns + column
	start := uint32(0)
	if i > 0 {
		start = e.ends[i-1]
	}
	return e.octets[start:e.ends[i]]
}

// share encodes the leaves of the last read once for all views of an encoding,
// where several ask for most of them.
func (t *table) share(views map[string]*view) {
	leaves := map[*view]int{}
	for _, v := range views {
		leaves[v] = len(t.order) * len(v.cols)
		if v.row != "" || v.changes {
			leaves[v] = 0
		}
	}
	var asked [len(t.shared)]int
	for v, n := range leaves {
		asked[v.enc] += n
	}
	all := len(t.order) * len(t.src.leaves)
	for enc, n := range asked {
		if all > 0 && n >= 2*all {
			t.shared[enc] = t.encode(&encoder{form: form{enc: schema.Encoding(enc)}})
		}
	}
}

// unshare lets go of what was encoded.
func (t *table) unshare() { clear(t.shared[:]) }

func (t *table) encode(enc *encoder) *encoded {
	out := &encoded{columns: len(t.src.leaves), ends: make([]uint32, 0, len(t.order)*len(t.src.leaves))}
	for _, r := range t.order {
		for i, leaf := range t.src.leaves {
			if r.values[i].Valid() {
				n := ocpath.Get(leaf)
				enc.scratch = r.values[i].AppendTyped(enc.scratch[:0], n, enc.enc)
				out.octets = wire.AppendLeafField(out.octets, r.id.prefix, n.Suffix, enc.scratch, 0)
			}
			out.ends = append(out.ends, uint32(len(out.octets)))
		}
	}
	return out
}
