package datapath

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/datapath/sriov"
)

// What the datapath does for virtual functions: their keeper works beside the
// owner, since a device may take seconds for a change, and tells it what is
// there now.

// openFunctions lets the keeper begin. It has a connection of its own: an answer
// of a device may take long.
func (d *Datapath) openFunctions() error {
	file := functionsFileOf(d.record)
	originals, err := file.load()
	if err != nil {
		d.log.Error("nobody knows any more what virtual functions were like: they stay as they are", "error", err)
	}
	if d.functionsConn, err = netdev.Dial(); err != nil {
		return err
	}
	if d.functionsDevlink, err = netdev.DialDevlink(); err != nil {
		return err
	}
	d.functions = sriov.New(sriov.Options{Conn: d.functionsConn, Devlink: d.functionsDevlink, Log: d.log, Originals: originals, Save: file.save})
	for _, dev := range d.model.devices {
		d.lookAtFunctions(&dev.Link)
	}
	return nil
}

// endFunctions ends the keeper. d.alive is held, so that nobody asks it for
// anything any more.
func (d *Datapath) endFunctions() error {
	var errs []error
	if d.functions != nil {
		errs = append(errs, d.functions.Close())
	}
	if d.functionsConn != nil {
		errs = append(errs, d.functionsConn.Close())
	}
	if d.functionsDevlink != nil {
		errs = append(errs, d.functionsDevlink.Close())
	}
	return errors.Join(errs...)
}

// lookAtFunctions has the keeper look at an interface with a device behind it.
func (d *Datapath) lookAtFunctions(l *netdev.Link) {
	if d.functions != nil && l.Device != "" {
		d.functions.Look(l.Name)
	}
}

// functionsChanged is what the owner hears the keeper by; nil before there is
// one, which never has anything to receive.
func (d *Datapath) functionsChanged() <-chan struct{} {
	if d.functions == nil {
		return nil
	}
	return d.functions.C
}

// followFunctions takes over what the keeper observed, and tells it.
func (d *Datapath) followFunctions(now time.Time) {
	d.takeFunctions()
	d.follow(now)
}

// takeFunctions takes over what the keeper observed.
func (d *Datapath) takeFunctions() {
	for _, name := range d.functions.Take() {
		if state := d.functions.View(name); state != nil {
			d.model.sriov[name] = state
		} else {
			delete(d.model.sriov, name)
		}
		d.model.touched.names.Add(name)
	}
}

// functionsOf is a change's part for the keeper.
func functionsOf(c spec.Change) map[string]*spec.SRIOV {
	part := make(map[string]*spec.SRIOV, len(c.Ports))
	for name, p := range c.Ports {
		part[name] = nil
		if p != nil {
			part[name] = p.SRIOV
		}
	}
	return part
}

// applyWithFunctions makes a change: the owner's part first, so that a physical
// function is up when it is to have a carrier, then the keeper's. Where that
// fails, the owner takes back its part.
func (d *Datapath) applyWithFunctions(ctx context.Context, c spec.Change) error {
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed {
		return ErrClosed
	}
	t, err := d.functions.Begin(functionsOf(c))
	defer func() {
		t.End()
		if t.Concerned() {
			d.settleFunctions()
		}
	}()
	if err != nil {
		return err
	}
	var back spec.Change
	err = d.do(ctx, func() (err error) {
		back, err = d.apply(c)
		return err
	})
	if err != nil {
		return err
	}
	if err = t.Commit(); err != nil {
		back := d.do(context.Background(), func() error {
			_, err := d.apply(back)
			return err
		})
		return errors.Join(err, back, t.TakeBack())
	}
	return nil
}

// checkFunctions reports whether the keeper's part of a change could be made.
func (d *Datapath) checkFunctions(c spec.Change) error {
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed {
		return ErrClosed
	}
	return d.functions.Check(functionsOf(c))
}

// resyncFunctions brings the keeper's part to what is wanted.
func (d *Datapath) resyncFunctions() error {
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed {
		return ErrClosed
	}
	return d.functions.Resync()
}

// settleFunctions has what the keeper did told before a change is answered.
func (d *Datapath) settleFunctions() {
	_ = d.do(context.Background(), func() error { // after Close there is nobody to tell
		d.followFunctions(time.Now())
		return nil
	})
}

// VFCounters reads what virtual functions received and sent, by interface of the
// physical function: as their own interfaces count it where those are in this
// namespace, else as the physical function's driver does, where it does. It runs
// in the caller's goroutine.
func (d *Datapath) VFCounters(ctx context.Context) (map[string]map[uint16]spec.VFCounters, time.Time, error) {
	now := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, now, err
	}
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed || d.objects == nil {
		return nil, now, ErrClosed
	}
	type place struct {
		name string
		id   uint16
	}
	own := make(map[uint32]place) // by ifindex
	for name, i := range d.State().Interfaces {
		for id := 0; i.SRIOV != nil && id < len(i.SRIOV.VFs); id++ {
			own[i.SRIOV.VFs[id].Index] = place{name, uint16(id)}
		}
	}
	if len(own) == 0 {
		return nil, now, nil
	}
	delete(own, 0) // those without an interface here
	all, err := d.functions.Counters()
	if err != nil || len(own) == 0 {
		return all, now, err
	}
	at, err := d.conn.Stats(func(index uint32, c *spec.LinkCounters) {
		p, ok := own[index]
		if !ok {
			return
		}
		if all[p.name] == nil {
			all[p.name] = make(map[uint16]spec.VFCounters)
		}
		all[p.name][p.id] = spec.VFCounters{
			InFrames: c.InFrames, InOctets: c.InOctets, InMulticast: c.InMulticast, InDiscards: c.InDiscards,
			OutFrames: c.OutFrames, OutOctets: c.OutOctets, OutDiscards: c.OutDiscards,
		}
	})
	return all, at, err
}
