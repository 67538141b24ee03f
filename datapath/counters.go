package datapath

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Counters reads what the kernel and the datapath count of all interfaces, in
// one netlink dump and one batch read of the maps, in no order. The time is
// that of the reading. It runs in the caller's goroutine.
func (d *Datapath) Counters(ctx context.Context) ([]spec.InterfaceCounters, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed || d.objects == nil {
		return nil, time.Time{}, ErrClosed
	}
	all, byIndex, numbers := d.rows()
	at, err := d.conn.Stats(func(index uint32, c *spec.LinkCounters) {
		if i, ok := byIndex[index]; ok {
			all[i].Link = *c
		}
	})
	if err != nil {
		return nil, at, err
	}
	last := uint16(0)
	for _, n := range numbers {
		last = max(last, n)
	}
	if last == 0 {
		return all, at, nil
	}
	counters := make([]spec.Counters, last+1)
	if err := d.objects.ReadCounters(counters); err != nil {
		return nil, at, err
	}
	for i, n := range numbers {
		if n != 0 {
			all[i].Port = &counters[n]
		}
	}
	return all, at, nil
}

// rows lists the interfaces, where each stands by its ifindex, and beside each
// its port number, 0 for none.
func (d *Datapath) rows() (all []spec.InterfaceCounters, byIndex map[uint32]int, numbers []uint16) {
	d.seenMu.Lock()
	defer d.seenMu.Unlock()
	n := len(d.seen.interfaces)
	all, numbers = make([]spec.InterfaceCounters, 0, n), make([]uint16, 0, n)
	byIndex = make(map[uint32]int, n)
	for name, i := range d.seen.interfaces {
		if i.Present {
			byIndex[i.Index] = len(all)
		}
		number := uint16(0)
		if i.Port != nil {
			number = i.Port.Number
		}
		all, numbers = append(all, spec.InterfaceCounters{Name: name}), append(numbers, number)
	}
	return all, byIndex, numbers
}
