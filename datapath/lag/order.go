package lag

import (
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
)

// order is each bucket's order of preference over all places.
type order [spec.LAGBuckets][]uint8

// exactDepth is after how many failures at once the remaining places follow in
// turn: the balance is then no longer exact.
const exactDepth = 6

// newOrder makes the order from the weights of the places alone. Let F be a
// set of places that fail, and S(F) the buckets whose first choices are just
// these: they need the next choice only while all of F are away. Each of them
// goes to the place with the least load for its weight then. So the load is as
// even as can be for each set of failures, the empty one included: within one
// bucket where all weights are the same.
func newOrder(weights []uint64) *order {
	o := &order{}
	var failed [spec.LAGBuckets]uint32 // the choices of each bucket so far, as a set
	for depth := range min(len(weights), exactDepth) {
		loads := make(map[uint32]*[spec.MaxMembers]uint64)
		before := failed
		for b := range o {
			f := before[b]
			if loads[f] == nil {
				loads[f] = o.loads(&before, f, depth)
			}
			p := lightest(loads[f], weights, f, depth*(b+b/len(weights)))
			loads[f][p]++
			o[b] = append(o[b], p)
			failed[b] |= 1 << p
		}
	}
	for b := range o {
		for i := range weights {
			p := uint8((b + i) % len(weights))
			if !slices.Contains(o[b], p) {
				o[b] = append(o[b], p)
			}
		}
	}
	return o
}

// loads counts the buckets of each place while those in f fail, without the
// buckets that have no further choice yet.
func (o *order) loads(failed *[spec.LAGBuckets]uint32, f uint32, depth int) *[spec.MaxMembers]uint64 {
	var n [spec.MaxMembers]uint64
	for b := range o {
		if failed[b] == f {
			continue
		}
		for _, p := range o[b][:depth] {
			if f>>p&1 == 0 {
				n[p]++
				break
			}
		}
	}
	return &n
}

// lightest is the place outside f with the least load for its weight, once it
// has one bucket more; of several, the first one from a place on.
func lightest(loads *[spec.MaxMembers]uint64, weights []uint64, f uint32, from int) uint8 {
	best := -1
	for i := range weights {
		p := (from + i) % len(weights)
		if f>>p&1 != 0 {
			continue
		}
		if best < 0 || (loads[p]+1)*weights[best] < (loads[best]+1)*weights[p] {
			best = p
		}
	}
	return uint8(best)
}

// weigh are the weights of the places: their owners' speeds, or all the same.
// Where a speed is not known, it is taken for the lowest one that is.
func (g *Group) weigh() []uint64 {
	weights := make([]uint64, len(g.places))
	lowest := uint64(0)
	for i, p := range g.places {
		if g.cfg.SpeedWeighted && g.members[p.owner] != nil {
			weights[i] = uint64(g.members[p.owner].speed)
		}
		if w := weights[i]; w != 0 && (lowest == 0 || w < lowest) {
			lowest = w
		}
	}
	for i := range weights {
		if weights[i] == 0 {
			weights[i] = max(1, lowest)
		}
	}
	return weights
}

// reorder makes the order anew where the weights are others.
func (g *Group) reorder() {
	if weights := g.weigh(); g.order == nil || !slices.Equal(weights, g.spread) {
		g.spread, g.order = weights, newOrder(weights)
	}
}
