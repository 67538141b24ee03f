package datapath

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

const (
	// ageEvery bounds how much longer than its time an entry lives: a scan costs
	// a few milliseconds, and there is none where nothing can age.
	ageEvery    = time.Second
	contextEach = 1 << 12 // entries between looks at the context
)

// tick looks at what the program did: learned addresses, counts, entries that
// are too old.
func (d *Datapath) tick(now time.Time) {
	if err := d.drain(); err != nil {
		d.failed(err)
	}
	if err := d.age(now); err != nil {
		d.failed(err)
	}
	if now.Sub(d.counted) >= countEvery {
		d.counted = now
		d.touchCounted()
	}
	d.rebalance(now)
	d.tellLACP(now)
	if len(d.fdb) > 0 || d.fdbLost || d.model.touched.switchNames.Len()+d.model.touched.names.Len() > 0 {
		d.publish(now)
		d.model.begin()
	}
}

// drain notes what the program learned since the last time.
func (d *Datapath) drain() error {
	lost, err := d.objects.DrainEvents(func(e fastpath.Event) {
		if e.Kind != fastpath.Learned && e.Kind != fastpath.Moved {
			return
		}
		d.note(fastpath.Entry{VLAN: e.VLAN, FID: e.FID, MAC: e.MAC, Port: e.Port}, false)
	})
	d.fdbLost = d.fdbLost || lost
	if err != nil {
		return fmt.Errorf("filtering database: %w", err)
	}
	return nil
}

func (d *Datapath) noteGone(e fastpath.Entry) { d.note(e, true) }

// note puts a change of an entry before those who watch. An entry of a switch
// or port that is no more was told to be gone when it went.
func (d *Datapath) note(e fastpath.Entry, gone bool) {
	sw, port := d.model.switchNumbers.key(e.VLAN.Switch), d.model.portNumbers.key(e.Port)
	if sw == "" || port == "" {
		return
	}
	d.fdb = append(d.fdb, spec.FDBEvent{Entry: named(e, sw, port), Gone: gone})
}

func named(e fastpath.Entry, sw, port string) spec.FDBEntry {
	return spec.FDBEntry{
		Switch: sw, FDBKey: spec.FDBKey{VLAN: e.VLAN.ID, MAC: e.MAC},
		Port: port, Static: e.Static, Age: e.Age,
	}
}

// age removes what is too old, each second, where anything can be.
func (d *Datapath) age(now time.Time) error {
	if now.Sub(d.aged) < ageEvery || !d.canAge() {
		return nil
	}
	d.aged = now
	if _, err := d.objects.FDB().Age(d.noteGone); err != nil {
		return fmt.Errorf("age the filtering database: %w", err)
	}
	return nil
}

// canAge is whether a switch whose entries age has learned any.
func (d *Datapath) canAge() bool {
	for number, s := range d.tables.switches.Each {
		if s.AgeingSeconds > 0 && d.objects.Switches().Stats(number).Dynamic > 0 {
			return true
		}
	}
	return false
}

// FDB hands over the entries of the filtering databases of all switches, in no
// order, until yield returns false. An entry that comes, moves or goes
// meanwhile is or is not among them. It runs in the caller's goroutine.
func (d *Datapath) FDB(ctx context.Context, yield func(spec.FDBEntry) bool) error {
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed || d.objects == nil {
		return ErrClosed
	}
	d.seenMu.Lock()
	ports, switches := d.seen.ports, d.seen.vswitches
	d.seenMu.Unlock()
	n := 0
	for e := range d.objects.FDB().All() {
		if n++; n%contextEach == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if e.VLAN.Switch > spec.MaxSwitches || e.Port > spec.MaxPorts {
			continue
		}
		sw, port := switches[e.VLAN.Switch], ports[e.Port]
		if sw == "" || port == "" {
			continue // on its way out
		}
		if !yield(named(e, sw, port)) {
			return nil
		}
	}
	return ctx.Err()
}

// FDBFilter selects learned entries; a zero field selects all.
type FDBFilter struct {
	Switch string
	Port   string
	VLAN   uint16
	MAC    spec.MAC
}

// ClearFDB forgets the learned entries that the filter selects. Static entries
// stay.
func (d *Datapath) ClearFDB(ctx context.Context, f FDBFilter) error {
	return d.do(ctx, func() error {
		err := d.deleteEntries(func(e fastpath.Entry) bool {
			return !e.Static &&
				(f.Switch == "" || f.Switch == d.model.switchNumbers.key(e.VLAN.Switch)) &&
				(f.Port == "" || f.Port == d.model.portNumbers.key(e.Port)) &&
				(f.VLAN == 0 || f.VLAN == e.VLAN.ID) &&
				(f.MAC.IsZero() || f.MAC == e.MAC)
		})
		d.touchCounted()
		d.publish(time.Now())
		d.model.begin()
		return err
	})
}
