package datapath

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// Check reports whether a change could be applied, without touching anything:
// whether its values can be, fit together and with the interfaces that are
// there, and whether there is room. Each of the joined errors is a
// *spec.Invalid that names the object.
func (d *Datapath) Check(ctx context.Context, c spec.Change) error {
	if err := checkValues(c); err != nil {
		return err
	}
	if err := d.checkFunctions(c); err != nil {
		return err
	}
	return d.do(ctx, func() error {
		if err := d.lookAtNamed(c); err != nil {
			return err
		}
		if err := d.lookAtQdiscs(c); err != nil {
			return err
		}
		inverse, err := d.model.update(c)
		if err == nil {
			err = d.validate(c)
		}
		err = errors.Join(err, d.model.revert(inverse))
		d.model.settle(time.Now())
		d.model.begin()
		return err
	})
}

// Apply brings the kernel to what a change wants, or leaves it as it was and
// says why not. The first one after Open is the whole of what is wanted, also
// when it names nothing. A change that was applied already makes no call.
//
// A port whose interface is not there is accepted and joins when that appears.
// The values of the change must not be modified any more.
func (d *Datapath) Apply(ctx context.Context, c spec.Change) error {
	if err := checkValues(c); err != nil {
		return err
	}
	return d.applyWithFunctions(ctx, c)
}

// apply makes the owner's part of a change, and gives what takes it back.
func (d *Datapath) apply(c spec.Change) (inverse spec.Change, err error) {
	if err := d.lookAtNamed(c); err != nil {
		return inverse, err
	}
	if err := d.lookAtQdiscs(c); err != nil {
		return inverse, err
	}
	defer d.model.begin()
	inverse, err = d.model.update(c)
	if !d.ready {
		d.tables.touchAll(d.model)
	}
	if err == nil {
		err = d.validate(c)
	}
	if err != nil {
		return inverse, errors.Join(err, d.model.revert(inverse))
	}
	d.adoptHolds()
	d.resumeLACP()
	d.model.settle(time.Now())
	if err := d.transact(); err != nil {
		d.model.takeBack()
		err = errors.Join(err, d.model.revert(inverse))
		d.model.settle(time.Now())
		if d.ahead {
			err = errors.Join(err, d.save())
		}
		if d.ready {
			d.negotiate()
		}
		return inverse, err
	}
	d.commit()
	return inverse, nil
}

// lookAtNamed reads the interfaces that a change names: what is remembered of
// them before the first touch must not be what they were a moment ago.
func (d *Datapath) lookAtNamed(c spec.Change) error {
	var errs []error
	if len(c.Ports) >= dumpFrom {
		errs = append(errs, d.lookAtAll())
	} else {
		for name := range c.Ports {
			errs = append(errs, d.lookAtName(name))
		}
	}
	errs = append(errs, d.lookAtWantedDCB(c))
	d.follow(time.Now())
	return errors.Join(errs...)
}

// transact brings the tables to what the model wants, or back.
func (d *Datapath) transact() error {
	if err := d.prepare(); err != nil {
		d.giveBack()
		return err
	}
	var undo reconcile.Undo
	err := d.sync(&undo)
	if err == nil {
		return nil
	}
	if failed := undo.Rollback(); failed != nil {
		d.failed(fmt.Errorf("take back a change that failed: %w", failed))
		err = errors.Join(err, failed)
	}
	d.giveBack()
	return err
}

// giveBack forgets the originals of attributes that were not touched after all.
func (d *Datapath) giveBack() {
	for _, index := range d.model.touched.attributes.All() {
		for _, b := range d.tables.borrowers {
			b.giveBack(index)
		}
	}
}

// prepare writes down what the next instance must know before the kernel is
// touched, and clears the counters of ports that are new.
func (d *Datapath) prepare() error {
	for _, b := range d.tables.borrowers {
		b.begin()
	}
	dirty := len(d.model.portNumbers.fresh)+len(d.model.switchNumbers.fresh)+len(d.model.lagNumbers.fresh)+
		len(d.model.qos.queues.fresh)+len(d.model.qos.classifiers.fresh)+len(d.model.qos.instances.fresh) > 0
	for _, index := range d.model.touched.attributes.All() {
		dev := d.model.devices[index]
		for _, b := range d.tables.borrowers {
			if dev != nil && b.take(dev) {
				dirty = true
			}
		}
	}
	if dirty {
		if err := d.save(); err != nil {
			return err
		}
		d.ahead = true
	}
	for _, key := range d.model.qos.instances.fresh {
		if err := d.objects.ResetInstance(uint16(d.model.qos.instances.number(key))); err != nil {
			return err
		}
	}
	for _, name := range d.model.portNumbers.fresh {
		if err := d.objects.ResetCounters(uint16(d.model.portNumbers.number(name))); err != nil {
			return err
		}
	}
	return nil
}

// commit ends a transaction that was made: it looks at the interfaces that
// were touched, so that what is told is what the kernel says.
func (d *Datapath) commit() {
	first := !d.ready
	d.ready = true
	d.ahead = false
	given := len(d.model.original)
	if err := d.fold(); err != nil {
		d.failed(err)
	}
	d.model.found = nil
	if d.model.commit() || first {
		d.saveOrSay()
	}
	attributes := d.model.touched.attributes.All()
	var err error
	if len(attributes) >= dumpFrom {
		err = d.lookAtAll()
	} else {
		for _, index := range attributes {
			err = errors.Join(err, d.lookAt(index), d.lookAtDCB(index))
		}
	}
	if err != nil {
		d.failed(fmt.Errorf("look at the interfaces: %w", err))
	}
	d.follow(time.Now())
	if len(d.model.original) < given {
		d.saveOrSay()
	}
}

// saveOrSay writes the record down where nothing hangs on it: it then still
// has what is over.
func (d *Datapath) saveOrSay() {
	if err := d.save(); err != nil {
		d.log.Warn("the record keeps what is over", "error", err)
	}
}

// adoptHolds lets a hold-time go on that ran when an earlier instance ended:
// its port is up and does not forward.
func (d *Datapath) adoptHolds() {
	if d.ready {
		return
	}
	for _, p := range d.model.ports {
		have, ok := d.tables.ports.Get(p.number)
		if !p.isSwitchPort() || !ok || p.cfg.HoldUp == 0 {
			continue
		}
		if p.isAggregate() || have.IfIndex != 0 && !have.Forwarding {
			p.hold.reset(have.Forwarding)
		}
	}
}

// Resync reads everything from the kernel again, interfaces and maps, and
// brings it to what is wanted, attributes that somebody else changed included.
// All is attempted; the errors are joined. Before the first Apply it only
// looks.
func (d *Datapath) Resync(ctx context.Context) error {
	return errors.Join(d.resyncFunctions(), d.do(ctx, func() error {
		err := errors.Join(d.lookAtAll(), d.tables.load(d.model))
		if d.ready {
			d.tables.touchAll(d.model)
			d.model.settle(time.Now())
			err = errors.Join(err, d.prepare(), d.sync(nil))
			d.noteFailovers(time.Now())
			d.negotiate()
			d.discover()
			d.carriers.stale = true
		}
		d.takeFunctions()
		d.publish(time.Now())
		d.model.begin()
		return err
	}))
}

// Flush gives the host back as it was found: no program attached, no map and
// no pin left, attributes of interfaces as they were before the first touch.
// It ends the datapath as Close does, also when a part fails: all of it is
// attempted, and the errors are joined.
func (d *Datapath) Flush() error {
	err := d.do(context.Background(), func() error {
		d.ready = true
		c := spec.Change{Ports: make(map[string]*spec.Port), Switches: make(map[string]*spec.Switch)}
		for name := range d.model.ports {
			c.Ports[name] = nil
		}
		for name := range d.model.switches {
			c.Switches[name] = nil
		}
		d.model.begin()
		_, err := d.model.update(c)
		d.tables.touchAll(d.model)
		d.model.settle(time.Now())
		err = errors.Join(err, d.sync(nil))
		d.negotiate()
		d.discover()
		d.model.commit()
		d.publish(time.Now())
		return err
	})
	if errors.Is(err, ErrClosed) {
		return err
	}
	err = errors.Join(err, d.functions.Flush())
	d.quitOnce.Do(func() { close(d.quit) })
	<-d.done
	return errors.Join(err, d.endTeaming(), d.endTracing(), d.removeObjects(err == nil), d.release())
}

// removeObjects removes the maps, the programs and the pins. The record goes
// only where all was given back.
func (d *Datapath) removeObjects(clean bool) error {
	d.alive.Lock()
	defer d.alive.Unlock()
	if d.closed {
		return nil
	}
	var objects *fastpath.Objects
	objects, d.objects = d.objects, nil
	err := objects.Remove()
	if clean && err == nil {
		return d.record.remove()
	}
	return errors.Join(err, d.save())
}
