package datapath

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// plan are the kernel's classes and queues that make a scheduler of an
// interface, by minor number:
//
//	ffff         all of it: the line
//	├─ ff00…     a group of several queues that has a rate of its own
//	│  └─ 1…     a queue, by its number
//	├─ 1…        any other queue
//	└─ 0fff      what is in no other: the default queue, or a class of its own
//
// A class has its rate in any case, and what is left goes by priority, and among
// those of one priority by quantum. The most urgent strict queue has as its rate
// all that the others are not guaranteed, so that it never waits until a long
// frame of theirs is paid for. Where the first group is
// not strict and asks for no minimum, its queues have it.
type plan struct {
	inner  map[uint16]netdev.Class // the line first in order
	leaves map[uint16]netdev.Class
	queues map[uint16]netdev.Queue
	names  map[uint16]string // of leaves; "" is the default class
	level  uint8             // of priority that comes next
	line   uint64            // bit/s
	free   uint64            // of it, that is guaranteed to nobody
}

const (
	lineClass  = 0xffff
	groupClass = netdev.FirstInner

	// plainLine is the speed of an interface that has none, or none that means
	// anything: veth pairs tell this one, taps tell 10 Mbit/s.
	plainLine = 10_000_000_000
	// quantumUnit is what a queue of the least weight sends in its turn: a GSO
	// frame with the headers of its segments. With less each turn would send one
	// frame, whatever its weight.
	quantumUnit = 70_000
	mostQuantum = 1 << 30

	// Of a queue whose limit nobody gives.
	queueTime    = 20 // of a second: 50 ms
	leastQueue   = 128 << 10
	mostQueue    = 1 << 20
	defaultShare = 100 // of the line: one percent
)

// lineRate is how fast a device takes frames, in bit/s.
func (d *device) lineRate() uint64 {
	if d.PortKind() == spec.KindNIC && d.speed != 0 {
		return uint64(d.speed) * 1_000_000
	}
	return plainLine
}

// newPlan translates a scheduler for a line of some speed. number gives the
// number of a queue's name. The error says in words what cannot be.
func newPlan(s *spec.Scheduler, speed uint64, number func(string) uint16) (*plan, error) {
	p := &plan{
		inner: map[uint16]netdev.Class{}, leaves: map[uint16]netdev.Class{},
		queues: map[uint16]netdev.Queue{}, names: map[uint16]string{}, line: speed,
	}
	if !s.Maximum.IsZero() {
		p.line = s.Maximum.Of(speed)
	}
	p.free = p.line
	p.inner[lineClass] = netdev.Class{Rate: p.line, Ceil: p.line, Burst: s.Burst, CeilBurst: s.Burst}.Normal(lineClass)
	for i := range s.Groups {
		if err := p.group(uint16(i), &s.Groups[i], s.DefaultQueue, number); err != nil {
			return nil, err
		}
	}
	if _, ok := p.leaves[netdev.DefaultClass]; !ok {
		share := p.spare(0, p.line)
		p.leaf(netdev.DefaultClass, "", netdev.Class{Parent: lineClass, Rate: share, Ceil: p.line, Priority: p.level, Quantum: quantumUnit}, spec.QueueLimit{})
		p.level++
	}
	if p.level > spec.MaxPriorities {
		return nil, fmt.Errorf("%d levels of priority: the kernel has %d; put queues into one group that share by weight", p.level, spec.MaxPriorities)
	}
	p.favour(s, number)
	return p, nil
}

// group adds the queues of a group.
func (p *plan) group(i uint16, g *spec.SchedulerGroup, defaultQueue string, number func(string) uint16) error {
	least, most := g.Minimum.Of(p.line), p.line
	if !g.Maximum.IsZero() {
		most = min(g.Maximum.Of(p.line), p.line)
	}
	if least > p.free {
		return fmt.Errorf("the minima up to that of sequence %d are %d bit/s together: the line has %d", g.Sequence, p.line-p.free+least, p.line)
	}
	if least > most {
		return fmt.Errorf("sequence %d: a minimum of %d bit/s is above its maximum of %d", g.Sequence, least, most)
	}
	p.free -= least
	parent := uint16(lineClass)
	if len(g.Queues) > 1 && (least > 0 || most < p.line) {
		parent = groupClass + i
		p.inner[parent] = netdev.Class{Parent: lineClass, Rate: max(least, spec.MinRate), Ceil: most, Burst: g.Burst, CeilBurst: g.ExcessBurst}.Normal(parent)
	}
	weights := newWeights(g)
	for n, q := range g.Queues {
		minor, rate := number(q.Queue), weights.of(least, n)
		if q.Queue == defaultQueue {
			minor, rate = netdev.DefaultClass, rate+p.spare(rate, most)
		}
		p.leaf(minor, q.Queue, netdev.Class{
			Parent: parent, Rate: rate, Ceil: most, Burst: g.Burst, CeilBurst: g.ExcessBurst,
			Priority: p.level, Quantum: weights.quantum(n),
		}, q.QueueLimit)
		if g.Strict {
			p.level++
		}
	}
	if !g.Strict && len(g.Queues) > 0 {
		p.level++
	}
	return nil
}

// spare takes out of what is guaranteed to nobody what the default class lacks
// to its share of the line, so that it is never starved.
func (p *plan) spare(has, most uint64) uint64 {
	share := min(p.line/defaultShare, most)
	if has >= share {
		return 0
	}
	more := min(share-has, p.free)
	p.free -= more
	return more
}

// weights are those of the queues of a group. In a strict group they are no
// shares but an order: then all are alike.
type weights struct {
	each       []uint64
	least, sum uint64
}

func newWeights(g *spec.SchedulerGroup) weights {
	w := weights{each: make([]uint64, len(g.Queues))}
	for i, q := range g.Queues {
		w.each[i] = max(q.Weight, 1)
		if g.Strict {
			w.each[i] = 1
		}
		w.sum += w.each[i]
	}
	if len(w.each) > 0 {
		w.least = slices.Min(w.each)
	}
	return w
}

// of is the share of a queue in a rate.
func (w weights) of(rate uint64, i int) uint64 {
	return uint64(float64(rate) * (float64(w.each[i]) / float64(w.sum)))
}

// quantum is what a queue sends in its turn, in octets.
func (w weights) quantum(i int) uint32 {
	return uint32(min(float64(quantumUnit)*(float64(w.each[i])/float64(w.least)), mostQuantum))
}

// leaf adds a queue.
func (p *plan) leaf(minor uint16, name string, c netdev.Class, limit spec.QueueLimit) {
	c.Rate = max(c.Rate, spec.MinRate)
	c = c.Normal(minor)
	p.leaves[minor], p.queues[minor], p.names[minor] = c, newQueue(limit, c.Ceil), name
}

// favour gives what is guaranteed to nobody to the most urgent group: where it is
// strict to its first queue, else, where it asks for no minimum itself, to its
// queues by weight.
func (p *plan) favour(s *spec.Scheduler, number func(string) uint16) {
	if len(s.Groups) == 0 || len(s.Groups[0].Queues) == 0 {
		return
	}
	g := &s.Groups[0]
	if !g.Strict && !g.Minimum.IsZero() {
		return // it has what it asks for; the rest is lent to all alike
	}
	least, weights := g.Minimum.Of(p.line), newWeights(g)
	for i, q := range g.Queues {
		minor := number(q.Queue)
		if q.Queue == s.DefaultQueue {
			minor = netdev.DefaultClass
		}
		rate := weights.of(least+p.free, i)
		if g.Strict {
			rate = weights.of(least, i) + p.free
		}
		c := p.leaves[minor]
		c.Rate, c.Burst = max(min(rate, c.Ceil), c.Rate), g.Burst
		p.leaves[minor] = c.Normal(minor)
		if g.Strict {
			break
		}
	}
	if c, ok := p.inner[groupClass]; ok {
		c.Rate, c.Burst = min(least+p.free, c.Ceil), g.Burst
		p.inner[groupClass] = c.Normal(groupClass)
	}
}

// newQueue is where frames of a class wait that may have a rate at most.
func newQueue(limit spec.QueueLimit, most uint64) netdev.Queue {
	q := netdev.Queue{Octets: limit.Octets, Packets: limit.Packets}
	if q.Octets == 0 && q.Packets == 0 {
		q.Octets = uint32(min(max(most/8/queueTime, leastQueue), mostQueue))
	}
	if r := limit.RED; r != nil {
		q.RedMin, q.RedMax, q.ECN = r.Min, r.Max, r.ECN
		if q.Packets != 0 || q.Octets < r.Max {
			q.Packets, q.Octets = 0, max(q.Octets, 2*r.Max)
		}
	}
	return q
}

// minors are those of the classes, each behind the one above it.
func (p *plan) minors() []uint16 {
	if p == nil {
		return nil
	}
	all := slices.Sorted(maps.Keys(p.inner))
	slices.Reverse(all)
	return append(all, slices.Sorted(maps.Keys(p.leaves))...)
}

// same reports plans that make the same of an interface.
func (p *plan) same(other *plan) bool {
	if p == nil || other == nil {
		return p == other
	}
	return maps.Equal(p.inner, other.inner) && maps.Equal(p.leaves, other.leaves) &&
		maps.Equal(p.queues, other.queues) && maps.Equal(p.names, other.names)
}
