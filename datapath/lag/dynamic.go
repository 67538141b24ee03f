package lag

import (
	"cmp"
	"math"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Move is a bucket whose flows go to another member at their next pause.
type Move struct {
	Bucket   int
	From, To string // members
}

// Two members whose loads differ by less than this part of the mean are even:
// each move costs caches and fairness something.
const evenWithin = 0.05

// Rebalance moves buckets from members with much load to such with little, by
// the octets that each bucket carried since the last time. It does nothing
// unless the distribution is Dynamic and two members are active. The moves stay
// until the next one, or until the members' configuration is another.
func (g *Group) Rebalance(octets *[spec.LAGBuckets]uint64) (moves []Move) {
	if g.cfg.Distribution != spec.Dynamic || !g.up {
		return nil
	}
	loads := g.placeLoads(octets)
	if len(loads) < 2 {
		return nil
	}
	for range spec.LAGBuckets {
		slices.SortStableFunc(loads, func(a, b *placeLoad) int { return cmp.Compare(a.relative(0), b.relative(0)) })
		from, to := loads[len(loads)-1], loads[0]
		b := bestMove(from, to, octets, evenWithin*mean(loads))
		if b < 0 {
			break
		}
		from.give(to, b, octets[b])
		g.moved[b] = to.owner
		moves = append(moves, Move{b, from.holder, to.holder})
	}
	if len(moves) > 0 {
		g.fill()
	}
	return moves
}

// placeLoad is a place with what it carries.
type placeLoad struct {
	place
	weight  float64
	octets  float64
	buckets []int
}

// relative is the load for the weight, with so much more.
func (l *placeLoad) relative(more float64) float64 { return (l.octets + more) / l.weight }

func (l *placeLoad) give(to *placeLoad, b int, octets uint64) {
	l.octets -= float64(octets)
	to.octets += float64(octets)
	l.buckets = slices.DeleteFunc(l.buckets, func(i int) bool { return i == b })
	to.buckets = append(to.buckets, b)
}

// placeLoads are the places that are held, with their loads.
func (g *Group) placeLoads(octets *[spec.LAGBuckets]uint64) []*placeLoad {
	var loads []*placeLoad
	of := make(map[string]*placeLoad)
	for _, p := range g.places {
		if m := g.members[p.holder]; m != nil {
			of[p.holder] = &placeLoad{place: p, weight: float64(max(1, m.speed))}
			loads = append(loads, of[p.holder])
		}
	}
	for b := range octets {
		first, _ := g.choose(b)
		if l := of[first]; l != nil {
			l.octets += float64(octets[b])
			l.buckets = append(l.buckets, b)
		}
	}
	return loads
}

func mean(loads []*placeLoad) float64 {
	sum, weight := 0.0, 0.0
	for _, l := range loads {
		sum, weight = sum+l.octets, weight+l.weight
	}
	return sum / weight
}

// bestMove is the bucket whose move brings the two nearest to each other; -1
// where none does, or they are even.
func bestMove(from, to *placeLoad, octets *[spec.LAGBuckets]uint64, even float64) int {
	best, least := -1, from.relative(0)-to.relative(0)
	if least <= even {
		return -1
	}
	for _, b := range from.buckets {
		load := float64(octets[b])
		if after := math.Abs(to.relative(load) - from.relative(-load)); load > 0 && after < least {
			best, least = b, after
		}
	}
	return best
}
