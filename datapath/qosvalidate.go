package datapath

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// validateQoS reports what of a port's classes and rates cannot be.
func (m *model) validateQoS(p *port) error {
	q := p.cfg.QoS
	if q == nil {
		return nil
	}
	fail := func(format string, args ...any) error {
		return &spec.Invalid{Port: p.cfg.Name, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case p.isAggregate() && (q.Input != nil || q.Output != nil || q.Sharing != spec.ShareNone):
		return fail("an aggregate has no queues of its own: give each member an output policy")
	case p.cfg.Member != nil && (q.Classifier != nil || q.Input != nil || len(q.Policers) > 0 || q.Sharing != spec.ShareNone || q.Share != spec.Share{}):
		return fail("a member of %s has an output policy only: what comes in is classified at the aggregate", p.cfg.Member.Aggregate)
	case q.Classifier != nil && q.Share != (spec.Share{}):
		return fail("a frame has one class: a port that is to have a share where others compete cannot classify, or its frames would miss that share")
	case p.number == 0:
		return fail("classes and rates are of switch ports and members of aggregates: configure its VLANs")
	}
	for _, s := range []*spec.Scheduler{q.Input, q.Output} {
		if err := m.validateScheduler(p, s); err != nil {
			return fail("%v", err)
		}
	}
	if d := m.switched(p); d != nil && (q.Output != nil || q.Sharing != spec.ShareNone) && m.qos.foreign[d.Index] != nil {
		return fail("%v", m.qos.foreign[d.Index])
	}
	return nil
}

// validateScheduler plans a scheduler for the port's interface, or for a plain
// one where that is not there.
func (m *model) validateScheduler(p *port, s *spec.Scheduler) error {
	if s == nil {
		return nil
	}
	speed := uint64(plainLine)
	d := m.switched(p)
	if d != nil {
		speed = d.lineRate()
	}
	if line := s.Maximum.Of(speed); d != nil && d.PortKind() == spec.KindNIC && line > speed {
		return fmt.Errorf("a maximum of %d bit/s is above the %d of the link", line, speed)
	}
	for _, g := range s.Groups {
		for _, queue := range g.Queues {
			if queue.RED != nil && !m.qos.hasRED {
				return fmt.Errorf("queue %s: this kernel has no random early detection (module sch_red)", queue.Queue)
			}
		}
	}
	_, err := newPlan(s, speed, m.queue)
	return err
}

// validateSharing wants the ports that compete at one to fit its line.
func (m *model) validateSharing() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(m.qos.sharing)) {
		p := m.ports[name]
		if !p.isSwitchPort() || !m.touched.names.Has(name) {
			continue
		}
		if err := m.validateScheduler(p, m.outputOf(p)); err != nil {
			errs = append(errs, &spec.Invalid{Port: name, Reason: fmt.Sprintf("what the ports of its switch are guaranteed here: %v", err)})
		}
	}
	return errors.Join(errs...)
}

// lookAtQdiscs finds what is in the way of queues at the interfaces of a change.
func (d *Datapath) lookAtQdiscs(c spec.Change) error {
	clear(d.model.qos.foreign)
	var found []*device // whose root is not ours yet
	for name, p := range c.Ports {
		dev := d.model.byName[name]
		if dev == nil || p == nil || p.QoS == nil || p.QoS.Output == nil && p.QoS.Sharing == spec.ShareNone {
			continue
		}
		if _, ours := d.tables.schedulers.Get(dev.Index); !ours {
			found = append(found, dev)
		}
	}
	if len(found) == 0 {
		return nil
	}
	roots, err := d.rootQdiscs(found)
	for _, dev := range found {
		if root := roots[dev.Index]; root.Foreign() {
			d.model.qos.foreign[dev.Index] = root.ForeignAt(dev.Name)
		}
	}
	return err
}

// rootQdiscs reads those of some interfaces, of many in one dump.
func (d *Datapath) rootQdiscs(some []*device) (map[uint32]netdev.Qdisc, error) {
	if len(some) >= dumpFrom {
		return d.conn.RootQdiscs()
	}
	roots := make(map[uint32]netdev.Qdisc, len(some))
	for _, dev := range some {
		kind, handle, err := d.conn.RootQdisc(dev.Index)
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENOENT) {
			return nil, err
		}
		roots[dev.Index] = netdev.Qdisc{Kind: kind, Handle: handle}
	}
	return roots, nil
}

// lookAtDetours finds the detours that somebody took away, or took down: they are
// made again.
func (d *Datapath) lookAtDetours(some map[uint16]bool) error {
	if len(some) == 0 {
		return nil
	}
	all, err := d.conn.Detours().List()
	if err != nil {
		return err
	}
	for number := range some {
		have, there := all[number]
		if _, ours := d.tables.detours.Get(number); !ours || there && have == (netdev.Detour{}) {
			continue
		}
		d.tables.detours.Forget(number)
		for _, index := range []uint32{netdev.DetourIn(number), netdev.DetourOut(number)} {
			d.tables.forgetQueues(index)
			d.tables.attachments.Forget(index)
			d.model.touchPlan(index, d.model.qos.plans[index])
		}
		d.model.touchDetour(number)
		d.log.Warn("the detour of a port was taken away by somebody, and is made again", "number", number)
	}
	return nil
}
