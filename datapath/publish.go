package datapath

import (
	"context"
	"maps"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

// watcher is one who is told of changes.
type watcher struct {
	tell func(spec.Event)
}

// Watch calls tell for everything that is there now, before it returns, and
// then for each change, in order, from the owner's goroutine: tell must not
// block for long and must not call the datapath, stop included. After stop has
// returned, tell is not called any more. After Close it does nothing.
func (d *Datapath) Watch(tell func(spec.Event)) (stop func()) {
	w := &watcher{tell}
	err := d.do(context.Background(), func() error {
		s := d.State()
		d.watchers[w] = struct{}{}
		tell(spec.Event{Time: time.Now(), Interfaces: s.Interfaces, Switches: s.Switches, FDBLost: true})
		return nil
	})
	if err != nil {
		return func() {}
	}
	return func() {
		// Once the owner has ended, nobody is told anything.
		_ = d.do(context.Background(), func() error {
			delete(d.watchers, w)
			return nil
		})
	}
}

func (s *seen) copy() *spec.State {
	return &spec.State{Interfaces: maps.Clone(s.interfaces), Switches: maps.Clone(s.switches)}
}

// publish looks at what was touched and tells what differs.
func (d *Datapath) publish(now time.Time) {
	t := &d.model.touched
	e := spec.Event{Time: now, FDB: append(d.fdb, t.fdb...), FDBLost: d.fdbLost}
	d.fdb, d.fdbLost, t.fdb = nil, false, nil
	d.seenMu.Lock()
	for _, name := range t.names.All() {
		d.seeInterface(name, now, &e)
	}
	for _, name := range t.switchNames.All() {
		d.seeSwitch(name, &e)
	}
	for _, n := range t.ports.All() {
		d.seen.ports[n], _ = d.model.portNumbers.used(int(n))
		d.seen.named++
	}
	if t.queues {
		d.seen.queues = d.model.queueNames()
		d.seen.named++
	}
	for _, n := range t.switches.All() {
		d.seen.vswitches[n], _ = d.model.switchNumbers.used(int(n))
	}
	changed := len(e.Interfaces)+len(e.Switches) > 0
	if changed {
		d.seen.snapshot = nil
	}
	d.seenMu.Unlock()
	if !changed && len(e.FDB) == 0 && !e.FDBLost {
		return
	}
	for w := range d.watchers {
		w.tell(e)
	}
}

// seeInterface compares an interface with what was told of it.
func (d *Datapath) seeInterface(name string, now time.Time, e *spec.Event) {
	old, is := d.seen.interfaces[name], d.model.observeInterface(name, now)
	delete(d.seen.numbers, name)
	if p := d.model.ports[name]; p != nil && p.number != 0 {
		d.seen.numbers[name] = p.number
	}
	delete(d.seen.qos, name)
	if is != nil {
		var seen *seenQoS
		if is.QoS, seen = d.observeQoS(name); seen != nil {
			d.seen.qos[name] = seen
		}
	}
	if sameInterface(old, is) {
		return
	}
	if e.Interfaces == nil {
		e.Interfaces = make(map[string]*spec.Interface)
	}
	e.Interfaces[name] = is
	if is == nil {
		delete(d.seen.interfaces, name)
		return
	}
	if old != nil && old.Oper == is.Oper {
		is.LastChange = old.LastChange
	}
	d.seen.interfaces[name] = is
	d.warnUnfit(name)
	d.warnNoDCB(name)
}

// warnUnfit says once that the interface of a switch port cannot be one.
func (d *Datapath) warnUnfit(name string) {
	p, dev := d.model.ports[name], d.model.byName[name]
	if p == nil {
		return
	}
	reason := ""
	if p.isAggregate() && dev != nil {
		reason = "an aggregate has the same name"
	} else if p.number != 0 && dev != nil {
		reason = unfit(&dev.Link)
	}
	if reason != "" && reason != p.unfit {
		d.log.Warn("an interface cannot be a switch port or member", "interface", name, "reason", reason)
	}
	p.unfit = reason
}

// seeSwitch compares a switch with what was told of it.
func (d *Datapath) seeSwitch(name string, e *spec.Event) {
	old := d.seen.switches[name]
	is := d.model.observeSwitch(name, old, &d.model.touched)
	if is != nil {
		d.count(is, d.model.switches[name].number)
	}
	if sameSwitch(old, is) {
		return
	}
	if e.Switches == nil {
		e.Switches = make(map[string]*spec.SwitchState)
	}
	e.Switches[name] = is
	if is == nil {
		delete(d.seen.switches, name)
		return
	}
	d.seen.switches[name] = is
}

// count takes the counts of a switch's filtering database over.
func (d *Datapath) count(s *spec.SwitchState, number uint16) {
	c := d.objects.Switches().Stats(number)
	s.Dynamic, s.Moves, s.Refused = c.Dynamic, c.Moves, c.Refused
}

// touchCounted marks the switches whose counts changed.
func (d *Datapath) touchCounted() {
	for name, s := range d.model.switches {
		told := d.seen.switches[name] // only the owner writes it
		if told == nil {
			continue
		}
		c := d.objects.Switches().Stats(s.number)
		if c != (fastpath.SwitchStats{Dynamic: told.Dynamic, Static: c.Static, Moves: told.Moves, Refused: told.Refused}) {
			d.model.touched.switchNames.Add(name)
		}
	}
}
