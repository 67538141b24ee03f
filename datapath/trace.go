package datapath

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

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
	d.traces.starting.Lock()
	defer d.traces.starting.Unlock()
	var p *tracePlan
	if err := d.do(ctx, func() error { p, err = d.planTrace(t); return err }); err != nil {
		return err
	}
	// The owner has other things to do while the kernel looks at the program.
	program, failed := p.tracer.Load(&p.sessions)
	err = d.do(context.WithoutCancel(ctx), func() error { return d.startTrace(t, p, program, failed) })
	if errors.Is(err, ErrClosed) && program != nil {
		err = errors.Join(err, program.Close())
	}
	return err
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

// tracePlan is what the program is to become when a session starts.
type tracePlan struct {
	tracer   *fastpath.Tracer
	place    int
	exchange uint64 // how often the program had been exchanged
	sessions [spec.MaxTraces]*fastpath.TraceSession
}

// planTrace finds a place for a session, that of the one which has its id.
// Until startTrace the tracer stays.
func (d *Datapath) planTrace(t *trace) (*tracePlan, error) {
	place := slices.Index(d.traces.places[:], d.traces.named(t.session.ID)) // a free one where there is none
	if place < 0 {
		return nil, &spec.InvalidTrace{ID: t.session.ID, Full: true, Reason: fmt.Sprintf("there are %d sessions already", spec.MaxTraces)}
	}
	if _, err := d.traceConditions(t); err != nil {
		return nil, err
	}
	if err := d.openTracer(); err != nil {
		return nil, err
	}
	t.place = place
	places := d.traces.places
	places[place] = t
	sessions, err := d.traceSessions(&places)
	if err != nil {
		return nil, errors.Join(err, d.closeIdleTracer())
	}
	d.traces.pending = true
	return &tracePlan{d.traces.tracer, place, d.traces.exchanges, *sessions}, nil
}

// startTrace gives a session its place, with the program that was loaded.
func (d *Datapath) startTrace(t *trace, p *tracePlan, program *ebpf.Program, err error) error {
	d.traces.pending = false
	old := d.traces.named(t.session.ID)
	if err == nil {
		err = d.placeTrace(t, p, program)
	}
	if err == nil && t.session.KernelDrops {
		if err = d.watchKernel(true); err != nil {
			err = &spec.InvalidTrace{ID: t.session.ID, Field: "kernel-drops", Reason: err.Error()}
			err = errors.Join(err, d.exchangeTraces(func(*[spec.MaxTraces]*trace) {}))
		}
	}
	if err != nil {
		if errors.Is(err, unix.E2BIG) {
			err = &spec.InvalidTrace{ID: t.session.ID, Field: "filter", Reason: "the kernel finds the filter too long"}
		}
		return errors.Join(err, d.closeIdleTracer())
	}
	d.traces.put(p.place, t)
	if old != nil {
		d.traces.drain() // now nothing comes for the old one any more
		old.end(spec.TraceStopped, "another session took its place")
		t.follow(old)
	}
	go t.run()
	return d.watchKernel(d.traces.wantKernel())
}

// placeTrace puts the program to work that was loaded for a session; or another
// one, where sessions ended or ports changed meanwhile.
func (d *Datapath) placeTrace(t *trace, p *tracePlan, program *ebpf.Program) error {
	if d.traces.places[p.place] == nil {
		if err := d.traces.tracer.Reset(p.place); err != nil {
			return errors.Join(err, program.Close())
		}
	}
	if d.traces.exchanges != p.exchange {
		err := program.Close()
		return errors.Join(err, d.exchangeTraces(func(all *[spec.MaxTraces]*trace) { all[p.place] = t }))
	}
	d.traces.exchanges++
	t.ports = p.sessions[p.place].Ports
	return d.traces.tracer.Use(program)
}

// exchangeTraces brings the program to what the sessions want after a change
// of their places.
func (d *Datapath) exchangeTraces(change func(*[spec.MaxTraces]*trace)) error {
	d.traces.exchanges++
	places := d.traces.places
	change(&places)
	all, err := d.traceSessions(&places)
	if err != nil {
		return err
	}
	if err := d.traces.tracer.Set(all); err != nil {
		return err
	}
	for i, t := range places {
		if t != nil {
			t.ports = all[i].Ports
		}
	}
	return nil
}

// traceSessions are the conditions of all sessions.
func (d *Datapath) traceSessions(places *[spec.MaxTraces]*trace) (*[spec.MaxTraces]*fastpath.TraceSession, error) {
	var all [spec.MaxTraces]*fastpath.TraceSession
	for i, t := range places {
		if t == nil {
			continue
		}
		var err error
		if all[i], err = d.traceConditions(t); err != nil {
			return nil, err
		}
	}
	return &all, nil
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
		d.traces.exchanges++
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
	d.traces.starting.Lock() // who has it learns that the owner has ended
	defer d.traces.starting.Unlock()
	d.traces.pending = false
	err := errors.Join(
		d.endTraces(spec.TraceStopped, "the datapath ends", d.traces.running()...),
		d.closeIdleTracer(),
	)
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
