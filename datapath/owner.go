package datapath

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
)

const (
	// drainEvery bounds how late a learned address or a move is told.
	drainEvery = 50 * time.Millisecond
	// countEvery bounds how often a switch's counts are told.
	countEvery = 200 * time.Millisecond
	// retryAfter is how long what failed without being asked for waits.
	retryAfter = 5 * time.Second
	// againAfter is when an interface that came to a configured port is looked at
	// once more: what was done to it while it was still being made may be lost.
	againAfter = time.Second
	// From so many interfaces on, all are read at once.
	dumpFrom = 64
)

// start makes the owner goroutine. It works in the network namespace of the
// calling thread: programs are attached by ifindex in the namespace of the
// thread that asks.
func (d *Datapath) start() error {
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	started := make(chan error)
	go func() {
		defer close(d.done)
		defer ns.Close()
		err := enter(ns)
		started <- err
		if err == nil {
			d.run()
		}
	}()
	return <-started
}

// enter gives the goroutine a thread of its own that stays in a network
// namespace.
func enter(ns *os.File) error {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	var want, have unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &want); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	if err := unix.Stat("/proc/thread-self/ns/net", &have); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	if want.Ino == have.Ino {
		return nil
	}
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}

// run is the owner: everything that reads or writes the model and the tables
// happens here, one after the other.
func (d *Datapath) run() {
	drain := time.NewTicker(drainEvery)
	defer drain.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer d.carriers.ticker.Stop()
	for {
		d.watchMembers()
		select {
		case <-d.quit:
			return
		case <-d.carriers.ticker.C:
			d.lookAtCarriers(time.Now())
		case <-d.lacp.changed:
			d.followLACP(time.Now())
		case <-d.functionsChanged():
			d.followFunctions(time.Now())
		case <-d.lldp.changed:
			d.followLLDP(time.Now())
		case request := <-d.requests:
			request()
		case <-d.watcher.C:
			d.look(d.watcher.Take())
		case <-d.dcb.watcher.C:
			d.lookAtChangedDCB(d.dcb.watcher.Take())
		case <-drain.C:
			d.tick(time.Now())
		case <-timer.C:
			d.wake(time.Now())
		}
		if next := d.next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// next is when wake has something to do; zero: never.
func (d *Datapath) next() time.Time {
	next := d.retry
	for _, at := range d.again {
		next = earliest(next, at)
	}
	for _, p := range d.model.waiting {
		if next.IsZero() || p.due.Before(next) {
			next = p.due
		}
	}
	for _, a := range d.model.aggregates {
		next = earliest(next, a.due)
	}
	for _, t := range d.traces.places {
		if t != nil {
			next = earliest(next, t.ends)
		}
	}
	return next
}

// wake does what the clock asks for: hold-times that end, and another attempt
// at what failed.
func (d *Datapath) wake(now time.Time) {
	d.model.touchDue(now)
	d.expireTraces(now)
	d.lookAgain(now)
	again := !d.retry.IsZero() && !now.Before(d.retry)
	if again {
		d.retry = time.Time{}
		if err := d.lookAtAll(); err != nil {
			d.failed(fmt.Errorf("look at the interfaces: %w", err))
		}
		d.tables.touchAll(d.model)
	}
	d.follow(now)
	if again && d.retry.IsZero() {
		d.failure = ""
		d.log.Info("the datapath is as wanted again")
	}
}

// lookAgain brings the attributes of interfaces that came a while ago to what is
// wanted, whatever became of them meanwhile.
func (d *Datapath) lookAgain(now time.Time) {
	for index, at := range d.again {
		if at.After(now) {
			continue
		}
		delete(d.again, index)
		if err := d.lookAt(index); err != nil {
			d.failed(fmt.Errorf("look at the interfaces: %w", err))
		}
		if d.model.devices[index] != nil {
			d.model.touched.attributes.Add(index)
		}
	}
}

// do runs f in the owner and waits for it. Before f has begun, the context
// ends the wait; then f is done whatever the context says.
func (d *Datapath) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case d.requests <- func() { result <- f() }:
		return <-result
	case <-d.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look reads the interfaces of which the kernel said something, and does what
// follows.
func (d *Datapath) look(c netdev.Changes) {
	for index, gone := range c.Links {
		if gone {
			d.removeDevice(index)
		}
	}
	if d.model.touched.names.Len() > 0 {
		// Before one that is there again under the same ifindex is taken up.
		d.follow(time.Now())
	}
	var err error
	if c.All || len(c.Links) >= dumpFrom || !d.retry.IsZero() {
		err = d.lookAtAll()
	} else {
		for index := range c.Links {
			err = errors.Join(err, d.lookAt(index))
		}
	}
	err = errors.Join(err, d.lookAtDetours(c.Detours))
	if err != nil {
		d.failed(fmt.Errorf("look at the interfaces: %w", err))
	}
	d.follow(time.Now())
}

// lookAtAll reads all interfaces.
func (d *Datapath) lookAtAll() error {
	links, err := d.conn.Links()
	if err != nil {
		return err
	}
	for index := range d.model.devices {
		if _, there := links[index]; !there {
			d.removeDevice(index)
		}
	}
	for _, l := range links {
		d.setDevice(l)
	}
	return d.lookAtAllDCB()
}

// lookAt reads one interface.
func (d *Datapath) lookAt(index uint32) error {
	l, err := d.conn.Link(index)
	if errors.Is(err, unix.ENODEV) {
		d.removeDevice(index)
		return nil
	}
	if err != nil {
		return err
	}
	d.setDevice(l)
	return nil
}

// lookAtName reads the interface of a name, and that which had the name.
func (d *Datapath) lookAtName(name string) error {
	l, err := d.conn.LinkNamed(name)
	if err == nil {
		d.setDevice(l)
	} else if !errors.Is(err, unix.ENODEV) {
		return err
	}
	if had := d.model.byName[name]; had != nil && had.Index != l.Index {
		return d.lookAt(had.Index)
	}
	return nil
}

func (d *Datapath) removeDevice(index uint32) {
	if dev := d.model.devices[index]; dev != nil && dev.Device != "" && d.functions != nil {
		d.functions.Gone(dev.Name)
	}
	if d.model.removeDevice(index) {
		d.tables.forget(index)
	}
}

// setDevice takes over an interface as it was seen now. Its speed is asked for
// when anything else about it is new: that takes the kernel's one lock of all
// network configuration.
func (d *Datapath) setDevice(l netdev.Link) {
	old := d.model.devices[l.Index]
	if old != nil && old.Link == l {
		d.tables.observe(&l)
		return
	}
	if old != nil && old.Name != l.Name {
		d.removeDevice(l.Index)
	}
	d.lookAtFunctions(&l)
	dev := device{Link: l}
	dev.speed, dev.fullDuplex = d.conn.Speed(l.Name)
	dev.dcb = d.knownDCB(&l)
	came := d.model.devices[l.Index] == nil
	if d.model.setDevice(dev) {
		d.tables.observe(&l)
	}
	if came && d.ready && d.model.ports[l.Name] != nil {
		d.again[l.Index] = time.Now().Add(againAfter)
	}
	if dev.dcb != nil {
		d.tables.dcb.observe(l.Index, dev.dcb)
	}
}

// follow brings the kernel to what the model wants after something happened
// that nobody asked for, and tells it. What fails is said once, and tried
// again later.
func (d *Datapath) follow(now time.Time) {
	if d.ready {
		d.model.settle(now)
		if err := errors.Join(d.prepare(), d.sync(nil)); err != nil {
			d.failed(err)
		}
		d.noteFailovers(now)
		d.negotiate()
		d.discover()
	}
	d.publish(now)
	d.carriers.stale = d.carriers.stale || d.model.touched.aggregates.Len() > 0
	d.followTraces()
	d.model.begin()
}

func (d *Datapath) failed(err error) {
	d.retry = time.Now().Add(retryAfter)
	if d.failure != err.Error() {
		d.failure = err.Error()
		d.log.Error("the datapath is not as wanted", "error", err)
	}
}

// purge removes the learned entries that have no place any more. It cannot be
// undone: after a change that failed, they are learned again.
func (d *Datapath) purge() error {
	t := &d.model.touched
	if t.lost.Len()+t.leaving.Len()+t.down.Len() == 0 || d.dynamic() == 0 {
		return nil
	}
	if err := d.deleteEntries(d.model.stale); err != nil {
		return err
	}
	t.lost, t.leaving, t.down = reconcile.Keys[fastpath.VLAN]{}, reconcile.Keys[uint16]{}, reconcile.Keys[uint16]{}
	return nil
}

// dynamic counts the learned entries of all switches.
func (d *Datapath) dynamic() (n uint64) {
	for number := range d.tables.switches.Each {
		n += uint64(d.objects.Switches().Stats(number).Dynamic)
	}
	return n
}

// deleteEntries removes the entries that match and notes them as gone. What
// was learned before is noted before.
func (d *Datapath) deleteEntries(match func(fastpath.Entry) bool) error {
	if err := d.drain(); err != nil {
		return err
	}
	_, err := d.objects.FDB().Delete(func(e fastpath.Entry) bool {
		if !match(e) {
			return false
		}
		d.noteGone(e)
		return true
	})
	if err != nil {
		return fmt.Errorf("remove learned addresses: %w", err)
	}
	return nil
}
