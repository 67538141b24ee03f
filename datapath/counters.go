package datapath

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Counters reads what the kernel and the datapath count of all interfaces, in
// one netlink dump and one batch read of the maps, in no order. An aggregate
// counts what its members count, and have counted. The time is that of the
// reading. It runs in the caller's goroutine.
func (d *Datapath) Counters(ctx context.Context) ([]spec.InterfaceCounters, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed || d.objects == nil {
		return nil, time.Time{}, ErrClosed
	}
	d.counting.RLock() // no counters move between the rows and the reading
	defer d.counting.RUnlock()
	r := d.rows()
	at, err := d.conn.Stats(func(index uint32, c *spec.LinkCounters) {
		if i, ok := r.byIndex[index]; ok {
			r.all[i].Link = *c
		}
	})
	if err != nil {
		return nil, at, err
	}
	if r.last > 0 {
		counters := make([]spec.Counters, r.last+1)
		if err := d.objects.ReadCounters(counters); err != nil {
			return nil, at, err
		}
		r.fill(counters)
	}
	for _, s := range r.sums {
		r.sum(s)
	}
	return r.all, at, nil
}

// rows are the interfaces whose counters are read.
type rows struct {
	all     []spec.InterfaceCounters
	numbers []uint16       // port numbers, beside all; 0 for none
	last    uint16         // the highest of them
	byIndex map[uint32]int // places in all, by ifindex
	byName  map[string]int
	sums    []sum
}

// sum is an aggregate at a place in all, with its members.
type sum struct {
	at      int
	members []string
}

func (d *Datapath) rows() *rows {
	d.seenMu.Lock()
	defer d.seenMu.Unlock()
	n := len(d.seen.interfaces)
	r := &rows{
		all: make([]spec.InterfaceCounters, 0, n), numbers: make([]uint16, 0, n),
		byIndex: make(map[uint32]int, n), byName: make(map[string]int, n),
	}
	for name, i := range d.seen.interfaces {
		at, number := len(r.all), uint16(0)
		if i.Present {
			r.byIndex[i.Index] = at
		}
		if i.Port != nil || i.Member != nil {
			number = d.seen.numbers[name]
		}
		if i.Aggregate != nil {
			r.sums = append(r.sums, sum{at, i.Aggregate.Members})
		}
		r.byName[name] = at
		r.all, r.numbers = append(r.all, spec.InterfaceCounters{Name: name}), append(r.numbers, number)
		r.last = max(r.last, number)
	}
	return r
}

// fill gives each port its counters.
func (r *rows) fill(counters []spec.Counters) {
	for i, n := range r.numbers {
		if n != 0 {
			r.all[i].Port = &counters[n]
		}
	}
}

// sum adds what the members of an aggregate count to what it counts itself:
// frames that no member carried, and what those carried that left.
func (r *rows) sum(s sum) {
	all := &r.all[s.at]
	for _, name := range s.members {
		i, ok := r.byName[name]
		if !ok {
			continue
		}
		member := &r.all[i]
		all.Link.Add(&member.Link)
		if all.Port != nil && member.Port != nil {
			all.Port.Add(member.Port)
		}
	}
}
