package trace

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Tracer is the device as far as it traces. datapath.Datapath satisfies it.
type Tracer interface {
	// CheckTrace refuses a session that StartTrace would refuse without looking
	// at the kernel, as a *spec.InvalidTrace.
	CheckTrace(spec.TraceSession) error
	// StartTrace starts a session, in the place of a running one with its id.
	// receive is called one batch at a time until one whose state is not
	// TraceRunning, and must not call the device.
	StartTrace(ctx context.Context, s spec.TraceSession, receive func(spec.TraceBatch)) error
	// StopTrace ends a session; one that does not run is no error.
	StopTrace(ctx context.Context, id string) error
}

// Teller tells subscribers. telemetry.Engine satisfies it.
type Teller interface {
	Publish(telemetry.Batch)
	Tell([]telemetry.Event)
}

// Options are what sessions need.
type Options struct {
	Device Tracer
	Told   Teller
	// Sampled is told what the sessions of sFlow saw; nil where there are none.
	Sampled func(spec.TraceBatch)
	// File remembers when sessions were started; "" remembers nothing.
	File string
	Log  *slog.Logger
}

// Sessions are the trace sessions that are configured. config.Store drives
// them.
type Sessions struct {
	options Options
	config  atomic.Pointer[openconfig.Config]

	turn sync.Mutex // held while sessions are started and stopped; guards notes
	// notes are those of the file, by id.
	notes map[string]note

	mu   sync.Mutex // guards runs and what is in them
	runs map[string]*run
}

// run is a session since it was configured as it is.
type run struct {
	session openconfig.Session
	status  spec.TraceStatus
	events  *numbers // of the run whose place it took, where there was one
}

// numbers are those of a session's events. They go on over a change of the
// session: what it saw before is told behind that, too.
type numbers struct {
	mu   sync.Mutex // guards last, and the order of events
	last uint64
}

// remaining is how long the session has still to run; 0 is for ever.
func (r *run) remaining() time.Duration {
	if r.status.Ends.IsZero() {
		return 0
	}
	return time.Until(r.status.Ends)
}

// New has no sessions.
func New(o Options) *Sessions {
	s := &Sessions{options: o, notes: map[string]note{}, runs: map[string]*run{}}
	s.config.Store(openconfig.NewConfig())
	return s
}

// Applied takes the configuration that the device has from now on.
func (s *Sessions) Applied(c *openconfig.Config) { s.config.Store(c) }

// Check refuses sessions that cannot be.
func (s *Sessions) Check(_ context.Context, change openconfig.Sessions) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(change)) {
		if change[id] != nil {
			errs = append(errs, refusal(id, s.options.Device.CheckTrace(change[id].TraceSession)))
		}
	}
	return errors.Join(errs...)
}

// refusal gives an error of the device the path of what was configured.
func refusal(id string, err error) error {
	var refused *spec.InvalidTrace
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return openconfig.FromTrace(id, refused)
	}
	return &openconfig.Error{
		Kind: openconfig.Unavailable, Path: schema.Path{Node: ocpath.TracesSessionsSession, Keys: []string{id}}.String(),
		Reason: err.Error(), Err: err,
	}
}

// Apply starts and stops sessions; where one cannot be started, all are as they
// were.
func (s *Sessions) Apply(ctx context.Context, change openconfig.Sessions) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	ids := slices.Sorted(maps.Keys(change))
	before, remembered := s.current(ids), maps.Clone(s.notes)
	err := s.make(ctx, ids, change)
	if err == nil {
		if err = s.remember(); err != nil {
			err = &openconfig.Error{Kind: openconfig.Unavailable, Reason: "trace sessions cannot be remembered: " + err.Error(), Err: err}
		}
	}
	if err != nil {
		s.notes = remembered
		return errors.Join(err, s.restore(ctx, ids, before))
	}
	s.publish(ids)
	return nil
}

// make brings sessions to what is configured; what has to end ends first, so
// that there is room.
func (s *Sessions) make(ctx context.Context, ids []string, change openconfig.Sessions) error {
	for _, id := range ids {
		if change[id] != nil && change[id].Enabled {
			continue
		}
		if err := s.options.Device.StopTrace(ctx, id); err != nil {
			return refusal(id, err)
		}
		delete(s.notes, id)
		s.replace(id, stopped(change[id]))
	}
	for _, id := range ids {
		if change[id] == nil || !change[id].Enabled {
			continue
		}
		n := newNote(change[id])
		if err := s.start(ctx, running(change[id], n), n.Session.Duration); err != nil {
			return refusal(id, err)
		}
		s.note(id, n)
	}
	return nil
}

// running is a session that runs as noted.
func running(c *openconfig.Session, n note) *run {
	return &run{session: *c, status: spec.TraceStatus{
		Session: c.TraceSession, State: spec.TraceRunning, Started: n.Started, Ends: n.Ends,
	}}
}

// stopped is a session that is configured and does not run; nil is none.
func stopped(c *openconfig.Session) *run {
	if c == nil {
		return nil
	}
	return &run{session: *c, status: spec.TraceStatus{Session: c.TraceSession, State: spec.TraceStopped}}
}

// start runs a session for so long.
func (s *Sessions) start(ctx context.Context, r *run, remaining time.Duration) error {
	id := r.session.ID
	was := s.replace(id, r)
	wanted := r.session.TraceSession
	wanted.Duration = remaining
	err := s.options.Device.StartTrace(ctx, wanted, func(b spec.TraceBatch) { s.received(r, b) })
	if err != nil {
		s.replace(id, was)
	}
	return err
}

// replace makes a run that of a session; nil is none.
func (s *Sessions) replace(id string, r *run) (was *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was = s.runs[id]
	if r == nil {
		delete(s.runs, id)
		return was
	}
	if was != nil && r.events == nil {
		r.events = was.events
	}
	if r.events == nil {
		r.events = &numbers{}
	}
	s.runs[id] = r
	return was
}

// current gives the runs of some sessions.
func (s *Sessions) current(ids []string) map[string]*run {
	s.mu.Lock()
	defer s.mu.Unlock()
	runs := map[string]*run{}
	for _, id := range ids {
		runs[id] = s.runs[id]
	}
	return runs
}

// restore brings sessions back to what they were.
func (s *Sessions) restore(ctx context.Context, ids []string, before map[string]*run) error {
	var errs []error
	for _, id := range ids {
		was := before[id]
		s.mu.Lock()
		same, running := s.runs[id] == was, was != nil && was.status.State == spec.TraceRunning
		s.mu.Unlock()
		switch {
		case same:
		case running:
			errs = append(errs, s.start(ctx, was, was.remaining()))
		default:
			errs = append(errs, s.options.Device.StopTrace(ctx, id))
			s.replace(id, was)
		}
	}
	return errors.Join(errs...)
}

// received tells what a session saw, and how it stands.
func (s *Sessions) received(r *run, b spec.TraceBatch) {
	if r.session.Samples() {
		s.options.Sampled(b)
		return
	}
	r.events.mu.Lock()
	defer r.events.mu.Unlock()
	current, ended := s.standing(r, &b.Status)
	if !current {
		return
	}
	var events []telemetry.Event
	config := s.config.Load()
	for i := range b.Events {
		events = append(events, openconfig.TraceEvents(&r.session.TraceSession, r.events.last+1, &b.Events[i], config)...)
		r.events.last += uint64(len(b.Events[i].Steps))
	}
	s.options.Told.Tell(events)
	if ended {
		s.publish([]string{r.session.ID})
	}
}

// standing takes how a run stands, unless another one has its place. It reports
// whether that is of the same session, and whether the session ended.
func (s *Sessions) standing(r *run, status *spec.TraceStatus) (current, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.runs[r.session.ID]
	if now != r {
		return now != nil && now.events == r.events, false
	}
	ended = status.State != r.status.State
	started, ends := r.status.Started, r.status.Ends
	r.status = *status
	r.status.Session, r.status.Started, r.status.Ends = r.session.TraceSession, started, ends
	return true, ended
}

// publish tells how sessions stand.
func (s *Sessions) publish(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := telemetry.Batch{Of: telemetry.State}
	for _, id := range ids {
		if strings.HasPrefix(id, openconfig.SFlowSessions) {
			continue
		}
		b.Deletes = append(b.Deletes, schema.Path{Node: ocpath.TracesSessionsSession, Keys: []string{id}})
		r := s.runs[id]
		if r == nil {
			continue
		}
		row := openconfig.SessionState(&r.status)
		for _, leaf := range row.Leaves {
			b.Updates = append(b.Updates, telemetry.Update{Path: schema.Path{Node: leaf.ID, Keys: row.Keys}, Value: leaf.Value})
		}
	}
	s.options.Told.Publish(b)
}

// SessionStatus tells how each session stands that was started.
func (s *Sessions) SessionStatus() []spec.TraceStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []spec.TraceStatus
	for _, id := range slices.Sorted(maps.Keys(s.runs)) {
		if !s.runs[id].session.Samples() {
			all = append(all, s.runs[id].status)
		}
	}
	return all
}
