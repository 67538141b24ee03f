package datapath

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// Bounds of a frame that is explained.
const (
	minFrame = 14         // an Ethernet header
	maxFrame = 65535 + 18 // the largest MTU, a header and a tag
)

// Explain says what would become of a frame that came in at a port now, or, with
// a change, what would if that had been applied. The port is an interface, of an
// aggregate one of its members. The program itself is asked, on the maps as they
// are or on a copy with the change: no frame is sent or counted, and no address
// learned. The change is checked as Check does.
//
// What cannot be is a *spec.Invalid.
func (d *Datapath) Explain(ctx context.Context, port string, frame []byte, change *spec.Change) (x spec.Explanation, err error) {
	if len(frame) < minFrame || len(frame) > maxFrame {
		return x, &spec.Invalid{Port: port, Reason: fmt.Sprintf("a frame of %d octets: want %d to %d", len(frame), minFrame, maxFrame)}
	}
	if change != nil {
		if err := checkValues(*change); err != nil {
			return x, err
		}
	}
	if change == nil {
		err = d.do(ctx, func() error {
			q, err := d.ask(d.objects, port)
			if err == nil {
				x, err = q.explain(frame)
			}
			return err
		})
		return x, err
	}
	return d.explainChange(ctx, port, frame, *change)
}

// explainChange explains on a copy of the maps with a change. The owner has
// other things to do while the kernel looks at the program for it.
func (d *Datapath) explainChange(ctx context.Context, port string, frame []byte, c spec.Change) (x spec.Explanation, err error) {
	var q question
	err = d.do(ctx, func() error {
		if err := d.lookAtNamed(c); err != nil {
			return err
		}
		return d.propose(c, func() error {
			shadow, err := d.objects.Shadow()
			if err != nil {
				return err
			}
			if err = d.fill(shadow); err == nil {
				q, err = d.ask(shadow, port)
			}
			if err != nil {
				return errors.Join(err, shadow.CloseShadow())
			}
			return nil
		})
	})
	if err != nil {
		if q.objects != nil {
			err = errors.Join(err, q.objects.CloseShadow())
		}
		return x, err
	}
	if err = q.objects.LoadExplainer(); err == nil {
		err = d.do(ctx, func() error { // in the network namespace of the ports
			x, err = q.explain(frame)
			return err
		})
	}
	return x, errors.Join(err, q.objects.CloseShadow())
}

// question is what it takes to ask about frames that come in at a port.
type question struct {
	objects *fastpath.Objects
	ifindex uint32
	names   portNames
}

// ask finds a port, on maps that are as the model is.
func (d *Datapath) ask(o *fastpath.Objects, port string) (q question, err error) {
	fail := func(reason string) error { return &spec.Invalid{Port: port, Reason: reason} }
	p := d.model.ports[port]
	switch {
	case p == nil || p.number == 0:
		return q, fail("neither a switch port nor a member of an aggregate")
	case p.isAggregate():
		names := slices.Sorted(maps.Keys(d.model.aggregates[port].members))
		return q, fail(fmt.Sprintf("frames come in at its members: want one of %v", names))
	case d.model.byName[port] == nil:
		return q, fail("the interface is not there")
	}
	q.objects, q.ifindex = o, d.model.byName[port].Index
	q.names.queues = d.model.queueNames()
	for number, p := range d.model.byNumber {
		q.names.names[number] = p.cfg.Name
		if p.cfg.Member != nil {
			q.names.names[number] = memberKey(p.cfg.Member.Aggregate, p.cfg.Name)
		}
	}
	return q, nil
}

// explain asks about a frame.
func (q *question) explain(frame []byte) (x spec.Explanation, err error) {
	r, found, err := q.objects.Explain(q.ifindex, frame)
	if err != nil {
		return x, err
	}
	if !found { // of an aggregate that is on no switch
		return spec.Explanation{Verdict: spec.VerdictPunt}, nil
	}
	return q.names.explanation(r), nil
}

// propose does something while the model is as if a change had been applied.
func (d *Datapath) propose(c spec.Change, do func() error) error {
	type clock struct {
		hold hold
		due  time.Time
		up   bool
	}
	clocks := make(map[*port]clock)
	for _, p := range d.model.ports {
		clocks[p] = clock{p.hold, p.due, p.up}
	}
	defer d.model.begin()
	inverse, err := d.model.update(c)
	if err == nil {
		err = d.validate(c)
	}
	if err != nil {
		return errors.Join(err, d.model.revert(inverse))
	}
	given := d.giveBackMTUs(c)
	d.model.settle(time.Now())
	d.model.resolve()
	err = do()
	for device, mtu := range given {
		device.MTU = mtu
	}
	d.model.takeBack()
	err = errors.Join(err, d.model.revert(inverse))
	for p, c := range clocks {
		p.hold, p.due, p.up = c.hold, c.due, c.up
	}
	d.model.settle(time.Now())
	return err
}

// giveBackMTUs lets the interfaces of ports that no longer name an MTU have the
// one that they were found with. It gives what they have.
func (d *Datapath) giveBackMTUs(c spec.Change) map[*device]uint32 {
	given := make(map[*device]uint32)
	for name := range c.Ports {
		dev := d.model.byName[name]
		if dev == nil {
			continue
		}
		found := d.model.original[dev.Index]
		if _, named := d.model.wantMTU(dev.Index); named || found == nil || found.MTU == nil {
			continue
		}
		given[dev] = dev.MTU
		dev.MTU = *found.MTU
	}
	return given
}

// fill brings a shadow to what the model wants, where the change touches it.
func (d *Datapath) fill(o *fastpath.Objects) error {
	k := &d.model.touched
	if k.lost.Len()+k.leaving.Len()+k.down.Len() > 0 {
		if _, err := o.FDB().Delete(d.model.stale); err != nil {
			return fmt.Errorf("explain: %w", err)
		}
	}
	return errors.Join(
		refill(o.Classifiers(), &k.classifiers, d.model.wantClassifier),
		refill(o.Policers(), &k.policers, d.model.wantPolicer),
		refill(o.Switches(), &k.switches, d.model.wantSwitch),
		refill(o.FIDs(), &k.fids, d.model.wantFID),
		refill(o.Ports(), &k.ports, d.model.wantPort),
		refill(o.LAGs(), &k.lags, d.model.wantLAG),
		refill(o.Flood(), &k.flood, d.model.wantFlood),
		refill(o.Statics(), &k.addresses, d.model.wantStatic),
		refill(o.PortNumbers(), &k.links, d.model.wantNumber),
		refill(o.PortNumbers(), &k.detourEnds, d.model.wantNumber),
	)
}

// refill writes the touched keys of a table.
func refill[K, V comparable](t reconcile.Table[K, V], keys *reconcile.Keys[K], want func(K) (V, bool)) error {
	var errs []error
	for _, k := range keys.All() {
		if v, ok := want(k); ok {
			errs = append(errs, t.Put(k, v))
		} else {
			errs = append(errs, t.Delete(k))
		}
	}
	return errors.Join(errs...)
}
