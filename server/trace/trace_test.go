package trace

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// fake is a device that traces nothing; the test says what it sees.
type fake struct {
	mu      sync.Mutex
	running map[string]spec.TraceSession
	receive map[string]func(spec.TraceBatch)
	refuse  map[string]error // StartTrace, by id
	asked   []spec.Change
	explain spec.Explanation
}

func newFake() *fake {
	return &fake{running: map[string]spec.TraceSession{}, receive: map[string]func(spec.TraceBatch){}, refuse: map[string]error{}}
}

func (f *fake) CheckTrace(s spec.TraceSession) error {
	if strings.Contains(s.Filter, "(") {
		return &spec.InvalidTrace{ID: s.ID, Field: "filter", Reason: "at 1: no"}
	}
	return s.Check()
}

func (f *fake) StartTrace(_ context.Context, s spec.TraceSession, receive func(spec.TraceBatch)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refuse[s.ID]; err != nil {
		return err
	}
	f.running[s.ID], f.receive[s.ID] = s, receive
	return nil
}

func (f *fake) StopTrace(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, id)
	return nil
}

func (f *fake) Explain(_ context.Context, _ string, _ []byte, proposed *spec.Change) (spec.Explanation, error) {
	if proposed != nil {
		f.asked = append(f.asked, *proposed)
	}
	return f.explain, nil
}

func (f *fake) ids() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for id := range f.running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// told keeps what subscribers would be told.
type told struct {
	mu     sync.Mutex
	state  map[string]string // status by id
	events []telemetry.Event
}

func (t *told) Publish(b telemetry.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range b.Deletes {
		delete(t.state, p.Keys[0])
	}
	for _, u := range b.Updates {
		if u.Path.Node == ocpath.TracesSessionsSessionStateStatus {
			t.state[u.Path.Keys[0]] = u.Value.String()
		}
	}
}

func (t *told) Tell(events []telemetry.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
}

func newSessions(t *testing.T, f *fake, file string) (*Sessions, *told) {
	tl := &told{state: map[string]string{}}
	return New(Options{Device: f, Told: tl, File: file, Log: slog.New(slog.DiscardHandler)}), tl
}

func wanted(id string, adjust ...func(*openconfig.Session)) *openconfig.Session {
	s := &openconfig.Session{Enabled: true, TraceSession: spec.TraceSession{ID: id, Level: spec.TraceEvents, Duration: time.Hour, EventsPerSecond: 1000, SnapLength: 64}}
	for _, f := range adjust {
		f(s)
	}
	return s
}

func disabled(s *openconfig.Session) { s.Enabled = false }

func TestSessionsFollowTheConfiguration(t *testing.T) {
	f := newFake()
	s, tl := newSessions(t, f, filepath.Join(t.TempDir(), "traces.json"))
	apply := func(change openconfig.Sessions) error { return s.Apply(t.Context(), change) }
	if err := apply(openconfig.Sessions{"a": wanted("a"), "b": wanted("b", disabled)}); err != nil {
		t.Fatal(err)
	}
	if got := f.ids(); got != "a" || tl.state["a"] != "RUNNING" || tl.state["b"] != "STOPPED" {
		t.Errorf("%q run, %v; want a", got, tl.state)
	}
	f.refuse["c"] = &spec.InvalidTrace{ID: "c", Reason: "16 sessions run already", Full: true}
	err := apply(openconfig.Sessions{"a": nil, "b": wanted("b"), "c": wanted("c")})
	var refused *openconfig.Error
	if !errors.As(err, &refused) || refused.Kind != openconfig.Exhausted || !strings.HasPrefix(refused.Path, "/traces/sessions/session[id=c]") {
		t.Errorf("error %v, want one that names the session c", err)
	}
	if got := f.ids(); got != "a" || tl.state["a"] != "RUNNING" || tl.state["b"] != "STOPPED" {
		t.Errorf("after a refusal %q run, %v; want a as before", got, tl.state)
	}
	if err := apply(openconfig.Sessions{"a": nil, "b": wanted("b")}); err != nil || f.ids() != "b" || tl.state["a"] != "" {
		t.Errorf("%v, %q run, %v; want b", err, f.ids(), tl.state)
	}
	if err := s.Check(t.Context(), openconfig.Sessions{"d": wanted("d", func(s *openconfig.Session) { s.Filter = "(" })}); err == nil ||
		!strings.Contains(err.Error(), "/traces/sessions/session[id=d]/config/filter: at 1") {
		t.Errorf("bad filter: %v, want an error at its leaf that names the place", err)
	}
}

// dropped is a packet that was dropped for the reason in its second step.
func dropped(packet uint64, reason spec.DropReason) spec.TraceEvent {
	return spec.TraceEvent{
		Time: time.Unix(1, 0), Packet: packet, In: "p1", Length: 64, Verdict: spec.VerdictDrop, Reason: reason, Frame: make([]byte, 64),
		Steps: []spec.TraceStep{
			{Stage: spec.StageIngress, Verdict: spec.VerdictPass, Port: "p1"},
			{Stage: spec.StageVLAN, Verdict: spec.VerdictDrop, Reason: reason},
		},
	}
}

func TestEventsAreNumberedAndBlamed(t *testing.T) {
	f := newFake()
	s, tl := newSessions(t, f, "")
	if err := s.Apply(t.Context(), openconfig.Sessions{"a": wanted("a", func(s *openconfig.Session) { s.Level, s.SnapLength = spec.TracePackets, 20 })}); err != nil {
		t.Fatal(err)
	}
	receive := f.receive["a"]
	receive(spec.TraceBatch{Events: []spec.TraceEvent{dropped(7, spec.DropTagMismatch)}, Status: spec.TraceStatus{State: spec.TraceRunning, Events: 1}})
	receive(spec.TraceBatch{Events: []spec.TraceEvent{dropped(8, spec.DropReservedMAC)}, Status: spec.TraceStatus{State: spec.TraceExpired, Events: 2, Lost: 3}})
	if len(tl.events) != 4 {
		t.Fatalf("%d events, want 4", len(tl.events))
	}
	leaf := func(i int, id ocpath.ID) string {
		for _, u := range tl.events[i].Updates {
			if u.Path.Node == id {
				return u.Value.String()
			}
		}
		return ""
	}
	for i, want := range []string{"1", "2", "3", "4"} {
		if got := leaf(i, ocpath.TracesSessionsSessionEventsEventStateSequence); got != want || tl.events[i].Path.Keys[1] != want {
			t.Errorf("event %d has the sequence %s, path %v", i, got, tl.events[i].Path)
		}
	}
	if got := leaf(1, ocpath.TracesSessionsSessionEventsEventStateConfigPath); got != "/interfaces/interface[name=p1]/ethernet/switched-vlan/config/interface-mode" {
		t.Errorf("config-path %q", got)
	}
	if path, text := leaf(3, ocpath.TracesSessionsSessionEventsEventStateConfigPath), leaf(3, ocpath.TracesSessionsSessionEventsEventStateDetail); path != "" || !strings.Contains(text, "802.1Q") {
		t.Errorf("reserved address: path %q, %q; want a standard", path, text)
	}
	if tl.state["a"] != "EXPIRED" {
		t.Errorf("status %q, want EXPIRED", tl.state["a"])
	}
	if st := s.SessionStatus(); len(st) != 1 || st[0].Lost != 3 || st[0].Events != 2 {
		t.Errorf("status %+v", st)
	}
	if err := s.Apply(t.Context(), openconfig.Sessions{"a": wanted("a")}); err != nil {
		t.Fatal(err)
	}
	f.receive["a"](spec.TraceBatch{Events: []spec.TraceEvent{dropped(9, spec.DropTagMismatch)}, Status: spec.TraceStatus{State: spec.TraceRunning}})
	receive(spec.TraceBatch{Events: []spec.TraceEvent{dropped(8, spec.DropTagMismatch)}, Status: spec.TraceStatus{State: spec.TraceStopped}})
	if n := leaf(len(tl.events)-1, ocpath.TracesSessionsSessionEventsEventStateSequence); n != "8" || tl.state["a"] != "RUNNING" {
		t.Errorf("after a change the last event, seen before it, has the sequence %s, the session is %s; want 8, RUNNING", n, tl.state["a"])
	}
	if err := s.Apply(t.Context(), openconfig.Sessions{"a": nil}); err != nil {
		t.Fatal(err)
	}
	receive(spec.TraceBatch{Events: []spec.TraceEvent{dropped(9, spec.DropTagMismatch)}})
	if len(tl.events) != 8 {
		t.Error("a session that is gone is still heard")
	}
}

func TestARestartGoesOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "traces.json")
	long, short := wanted("long"), wanted("short", func(s *openconfig.Session) { s.Duration = time.Nanosecond })
	f := newFake()
	s, _ := newSessions(t, f, file)
	if err := s.Apply(t.Context(), openconfig.Sessions{"long": long, "short": short}); err != nil {
		t.Fatal(err)
	}
	f = newFake()
	s, tl := newSessions(t, f, file)
	f.refuse["odd"] = errors.New("no such port")
	changed := *short
	s.Load(t.Context(), openconfig.Sessions{"long": long, "short": &changed, "odd": wanted("odd"), "off": wanted("off", disabled)})
	if got := f.ids(); got != "long" || f.running["long"].Duration >= time.Hour {
		t.Errorf("%q run for %v; want long, for less than an hour", got, f.running["long"].Duration)
	}
	for id, want := range map[string]string{"long": "RUNNING", "short": "EXPIRED", "odd": "ERROR", "off": "STOPPED"} {
		if tl.state[id] != want {
			t.Errorf("%s is %q, want %s", id, tl.state[id], want)
		}
	}
	s.Load(t.Context(), openconfig.Sessions{"long": nil})
	if f.ids() != "" || tl.state["long"] != "" {
		t.Errorf("%q run after what is restored is without; %v", f.ids(), tl.state)
	}
	changed.Duration = time.Hour
	f = newFake()
	s, _ = newSessions(t, f, file)
	s.Load(t.Context(), openconfig.Sessions{"short": &changed})
	if f.ids() != "short" {
		t.Error("a session that is another one now does not start")
	}
}

type previews struct{ err error }

func (p previews) Preview(context.Context, string) (*openconfig.Config, spec.Change, error) {
	return openconfig.NewConfig(), spec.Change{Ports: map[string]*spec.Port{"p9": nil}}, p.err
}

func TestExplain(t *testing.T) {
	f := newFake()
	f.explain = spec.Explanation{Verdict: spec.VerdictDrop, Reason: spec.DropTagMismatch}
	s, _ := newSessions(t, f, "")
	tests := NewTests(f, s)
	ctx := Once(t.Context())
	q := openconfig.Question{Interface: "p1", Frame: "0200", Against: openconfig.Running}
	first, err := tests.Explain(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := tests.Explain(ctx, q); again != first {
		t.Error("the same question is answered twice in a call")
	}
	q.Against = "set /x 1"
	if _, err := tests.Explain(ctx, q); err == nil {
		t.Error("no error without a configuration to propose to")
	}
	tests.Against(previews{})
	if _, err := tests.Explain(ctx, q); err != nil || len(f.asked) != 1 {
		t.Errorf("%v, %d changes asked about; want 1", err, len(f.asked))
	}
	for _, frame := range []string{"0", "0x", "zz"} {
		_, err := tests.Explain(ctx, openconfig.Question{Interface: "p1", Frame: frame, Against: openconfig.Running})
		var refused *openconfig.Error
		if !errors.As(err, &refused) || refused.Kind != openconfig.Invalid || !strings.Contains(refused.Reason, "hexadecimal") {
			t.Errorf("frame %q: %v, want it refused", frame, err)
		}
	}
}
