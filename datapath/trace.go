package datapath

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/filter"
	"github.com/signalbox/signalbox/datapath/spec"
)

// StartTrace begins to tell a receiver of frames that fit the session. tell is
// called by a goroutine of the session, one call after the other; it may take
// its time: what has no room meanwhile is counted as lost, and nobody else
// waits. It is called at least once a second, and for the last time with a state
// that is not TraceRunning. It must not call the datapath.
//
// A session with the id of a running one takes its place without losing a
// frame: the counts go on, and the old receiver is told that it was stopped.
// Sessions end with Close; they are not kept.
//
// A session that cannot be is a *spec.InvalidTrace: its filter does not compile,
// a port is not there, there are MaxTraces already.
func (d *Datapath) StartTrace(ctx context.Context, s spec.TraceSession, tell func(spec.TraceBatch)) error {
	if err := s.Check(); err != nil {
		return err
	}
	f, err := filter.Parse(s.Filter)
	if err != nil {
		return &spec.InvalidTrace{ID: s.ID, Field: "filter", Reason: err.Error()}
	}
	t := newTrace(s, tell)
	if strings.TrimSpace(s.Filter) != "" {
		t.filter = f
	}
	return d.do(ctx, func() error { return d.startTrace(t) })
}

// CheckTrace refuses a session that can never be: what of it is wrong by itself,
// and a filter that does not compile. Ports are looked for where it starts. Its
// errors are *spec.InvalidTrace.
func (d *Datapath) CheckTrace(s spec.TraceSession) error {
	if err := s.Check(); err != nil {
		return err
	}
	if _, err := filter.Parse(s.Filter); err != nil {
		return &spec.InvalidTrace{ID: s.ID, Field: "filter", Reason: err.Error()}
	}
	return nil
}

// StopTrace ends a session; that there is none is no error. When it returns,
// all frames until then were handed to the session's queue.
func (d *Datapath) StopTrace(ctx context.Context, id string) error {
	return d.do(ctx, func() error {
		t := d.traces.named(id)
		if t == nil {
			return nil
		}
		return d.endTraces(spec.TraceStopped, "", t)
	})
}

// Traces are the sessions that run, by their ids.
func (d *Datapath) Traces() []spec.TraceStatus {
	var all []spec.TraceStatus
	for _, t := range d.traces.running() {
		all = append(all, t.status())
	}
	slices.SortFunc(all, func(a, b spec.TraceStatus) int { return strings.Compare(a.Session.ID, b.Session.ID) })
	return all
}

// startTrace gives a session a place, or that of the one which has its id.
func (d *Datapath) startTrace(t *trace) error {
	old := d.traces.named(t.session.ID)
	place := slices.Index(d.traces.places[:], old) // a free one where old is nil
	if place < 0 {
		return &spec.InvalidTrace{ID: t.session.ID, Full: true, Reason: fmt.Sprintf("there are %d sessions already", spec.MaxTraces)}
	}
	if _, err := d.traceConditions(t); err != nil {
		return err
	}
	if err := d.openTracer(); err != nil {
		return err
	}
	t.place = place
	if old == nil {
		if err := d.traces.tracer.Reset(place); err != nil {
			return errors.Join(err, d.closeIdleTracer())
		}
	}
	if err := d.exchangeTraces(func(all *[spec.MaxTraces]*trace) { all[place] = t }); err != nil {
		if strings.Contains(err.Error(), "argument list too long") {
			err = &spec.InvalidTrace{ID: t.session.ID, Field: "filter", Reason: "the kernel finds the filter too long"}
		}
		return errors.Join(err, d.closeIdleTracer())
	}
	if t.session.KernelDrops {
		if err := d.watchKernel(true); err != nil {
			err = &spec.InvalidTrace{ID: t.session.ID, Field: "kernel-drops", Reason: err.Error()}
			return errors.Join(err, d.exchangeTraces(func(*[spec.MaxTraces]*trace) {}), d.closeIdleTracer())
		}
	}
	d.traces.put(place, t)
	if old != nil {
		d.traces.drain() // now nothing comes for the old one any more
		old.end(spec.TraceStopped, "another session took its place")
		t.follow(old)
	}
	go t.run()
	return d.watchKernel(d.traces.wantKernel())
}

// exchangeTraces brings the program to what the sessions want after a change
// of their places.
func (d *Datapath) exchangeTraces(change func(*[spec.MaxTraces]*trace)) error {
	places := d.traces.places
	change(&places)
	var all [spec.MaxTraces]*fastpath.TraceSession
	for i, t := range places {
		if t == nil {
			continue
		}
		var err error
		if all[i], err = d.traceConditions(t); err != nil {
			return err
		}
	}
	if err := d.traces.tracer.Set(&all); err != nil {
		return err
	}
	for i, t := range places {
		if t != nil {
			t.ports = all[i].Ports
		}
	}
	return nil
}

// traceConditions are what the program is to look for. A port that is not there
// any more, of a session that runs, is left out.
func (d *Datapath) traceConditions(t *trace) (*fastpath.TraceSession, error) {
	s := &t.session
	c := &fastpath.TraceSession{
		VLANs: s.VLANs, Sample: s.SampleOneIn, Limit: s.EventsPerSecond,
	}
	if t.filter != nil {
		c.Filter = t.filter
	}
	if s.Level == spec.TracePackets {
		c.Snap = s.SnapLength
	}
	for _, r := range s.Reasons {
		c.Reasons |= 1 << r
	}
	if c.Reasons == 0 && s.DropsOnly {
		c.Reasons = 1<<spec.NumDropReasons - 2
	}
	if len(s.Ports) == 0 {
		return c, nil
	}
	c.In, c.Out = s.Direction != spec.TraceOut, s.Direction != spec.TraceIn
	for _, name := range s.Ports {
		p := d.model.ports[name]
		if p != nil && p.number != 0 {
			c.Ports.Add(p.number)
		} else if t.place < 0 {
			return nil, &spec.InvalidTrace{ID: s.ID, Field: "interface", Reason: name + " is neither a switch port nor a member of an aggregate"}
		}
	}
	return c, nil
}

// followTraces lets sessions go on at ports whose numbers changed.
func (d *Datapath) followTraces() {
	if d.model.touched.ports.Len() == 0 {
		return
	}
	stale := false
	for _, t := range d.traces.places {
		if t == nil || len(t.session.Ports) == 0 {
			continue
		}
		c, err := d.traceConditions(t)
		stale = stale || err != nil || c.Ports != t.ports
	}
	if !stale {
		return
	}
	if err := d.exchangeTraces(func(*[spec.MaxTraces]*trace) {}); err != nil {
		d.log.Error("trace sessions look at the ports as they were", "error", err)
	}
}

// expireTraces ends the sessions whose time is over.
func (d *Datapath) expireTraces(now time.Time) {
	var over []*trace
	for _, t := range d.traces.places {
		if t != nil && !t.ends.IsZero() && !now.Before(t.ends) {
			over = append(over, t)
		}
	}
	if err := d.endTraces(spec.TraceExpired, "", over...); err != nil {
		d.log.Error("end trace sessions", "error", err)
	}
}

// endTraces ends sessions; with the last one nothing of tracing is left.
func (d *Datapath) endTraces(state spec.TraceState, reason string, over ...*trace) error {
	if len(over) == 0 {
		return nil
	}
	left := 0
	for _, t := range d.traces.places {
		if t != nil && !slices.Contains(over, t) {
			left++
		}
	}
	var err error
	if left > 0 {
		err = d.exchangeTraces(func(all *[spec.MaxTraces]*trace) {
			for _, t := range over {
				all[t.place] = nil
			}
		})
	} else {
		err = d.traces.tracer.Stop()
	}
	d.traces.drain()
	for _, t := range over {
		t.end(state, reason)
		d.traces.put(t.place, nil)
	}
	return errors.Join(err, d.watchKernel(d.traces.wantKernel()), d.closeIdleTracer())
}

// tracePatience bounds the wait for receivers when the datapath ends.
const tracePatience = 10 * time.Second

// endTracing ends all sessions and waits until their receivers know. The owner
// has ended.
func (d *Datapath) endTracing() error {
	err := d.endTraces(spec.TraceStopped, "the datapath ends", d.traces.running()...)
	patience := time.After(tracePatience)
	for t, done := range d.traces.ended {
		select {
		case <-done:
		case <-patience:
			return errors.Join(err, fmt.Errorf("trace session %s: its receiver does not return", t.session.ID))
		}
	}
	return err
}
