package datapath

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// traceLog is a receiver that keeps all it is told.
type traceLog struct {
	mu     sync.Mutex
	events []spec.TraceEvent
	status spec.TraceStatus
	block  chan struct{} // tell waits for it where it is set
}

func (l *traceLog) tell(b spec.TraceBatch) {
	if l.block != nil {
		<-l.block
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, b.Events...)
	l.status = b.Status
}

func (l *traceLog) all() ([]spec.TraceEvent, spec.TraceStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]spec.TraceEvent(nil), l.events...), l.status
}

// trace starts a session.
func (b *bench) trace(s spec.TraceSession) *traceLog {
	b.t.Helper()
	l := &traceLog{}
	if s.Level == 0 {
		s.Level = spec.TraceEvents
	}
	if err := b.StartTrace(context.Background(), s, l.tell); err != nil {
		b.t.Fatalf("trace: %v", err)
	}
	return l
}

// stop ends a session and gives all that it was told.
func (b *bench) stop(l *traceLog, id string) []spec.TraceEvent {
	b.t.Helper()
	if err := b.StopTrace(context.Background(), id); err != nil {
		b.t.Fatalf("stop trace: %v", err)
	}
	lab.Wait(b.t, "the last batch", func() bool { _, s := l.all(); return s.State == spec.TraceStopped })
	events, _ := l.all()
	return events
}

// way is an event in one line.
func way(e spec.TraceEvent) string {
	var steps []string
	for i := range e.Steps {
		steps = append(steps, fmt.Sprintf("%v %s", e.Steps[i].Stage, e.Steps[i].Text()))
	}
	return fmt.Sprintf("%s>%s %v %v vlan %d: %s", e.In, e.Out, e.Verdict, e.Reason, e.VLAN, strings.Join(steps, "; "))
}

func TestTraceSessions(t *testing.T) {
	b := newBench(t)
	w1, w2, up := b.host("p1"), b.host("p2"), b.host("up")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10), trunk("up", "default", 0)))
	b.carries("p1", "p2", "up")
	all := b.trace(spec.TraceSession{ID: "all", Filter: "ether proto 0x88b5", Level: spec.TracePackets, SnapLength: 20})
	drops := b.trace(spec.TraceSession{ID: "drops", Filter: "ether proto 0x88b5", DropsOnly: true, Duration: time.Hour})
	out := b.trace(spec.TraceSession{ID: "out", Filter: "ether proto 0x88b5", Ports: []string{"p2"}, Direction: spec.TraceOut})
	vlan := b.trace(spec.TraceSession{ID: "vlan", Filter: "ether src 02:00:00:00:00:04", VLANs: set(20)})

	w2.Send(frame(broadcast, station(2), 0, 1))
	expect(t, w1, frame(broadcast, station(2), 0, 1))
	w1.Send(frame(station(2), station(1), 0, 2))
	expect(t, w2, frame(station(2), station(1), 0, 2))
	w1.Send(frame(station(2), station(1), 10, 3)) // tagged at an access port
	up.Send(frame(broadcast, station(4), 20, 4))  // of a VLAN that is nowhere
	up.Send(frame(station(1), station(3), 10, 5))
	expect(t, w1, frame(station(1), station(3), 0, 5))

	want := []string{
		"p2> FLOOD NONE vlan 10: INGRESS port p2; CACHE unknown flow; GUARD ; VLAN VLAN 10; LEARN source is new at p2; LOOKUP destination is a group; FLOOD 2 copies; OUTPUT p1, untagged; OUTPUT up, tagged 10",
		"p1>p2 FORWARD NONE vlan 10: INGRESS port p1; CACHE unknown flow; GUARD ; VLAN VLAN 10; LEARN source is new at p1; LOOKUP destination is at p2; EGRESS p2, untagged; OUTPUT p2, untagged",
		"p1> DROP TAG_MISMATCH vlan 10: INGRESS port p1; CACHE unknown flow; GUARD ; VLAN TAG_MISMATCH",
		"up> DROP INGRESS_VLAN vlan 20: INGRESS port up; CACHE unknown flow; GUARD ; VLAN INGRESS_VLAN",
		"up>p1 FORWARD NONE vlan 10: INGRESS port up; CACHE unknown flow; GUARD ; VLAN VLAN 10; LEARN source is new at up; LOOKUP destination is at p1; EGRESS p1, untagged; OUTPUT p1, untagged",
	}
	packets := map[uint64]bool{}
	check := func(l *traceLog, id string, want ...string) {
		t.Helper()
		events := b.stop(l, id)
		for i, e := range events {
			packets[e.Packet] = true
			if i >= len(want) || way(e) != want[i] {
				t.Errorf("%s: event %d: %s", id, i, way(e))
			}
		}
		if len(events) != len(want) {
			t.Errorf("%s: %d events, want %v", id, len(events), want)
		}
	}
	check(all, "all", want...)
	events, status := all.all()
	if f := events[4]; string(f.Frame) != string(frame(station(1), station(3), 10, 5)[:24]) || f.Length != 66 || f.Tag != 0x8100<<16|10 {
		t.Errorf("captured % x, length %d, tag %#x", f.Frame, f.Length, f.Tag)
	}
	if status.Matched != 5 || status.Events != 5 || status.Lost != 0 {
		t.Errorf("status %+v; want 5 events", status)
	}
	check(drops, "drops", want[2], want[3])
	check(out, "out", want[1])
	check(vlan, "vlan", want[3])
	if len(packets) != 5 {
		t.Errorf("%d numbers of packets, want 5: they are the same in all sessions", len(packets))
	}
	if left := b.Traces(); len(left) != 0 || b.traces.tracer != nil {
		t.Errorf("sessions that are left: %v, or the tracer", left)
	}
}

func set(vlans ...uint16) (s spec.VLANSet) {
	for _, v := range vlans {
		s.Add(v)
	}
	return s
}

func TestTraceRefuses(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.apply(ports(access("p1", "default", 10)))
	start := func(s spec.TraceSession) *spec.InvalidTrace {
		t.Helper()
		if s.Level == 0 {
			s.Level = spec.TraceEvents
		}
		err := b.StartTrace(context.Background(), s, func(spec.TraceBatch) {})
		var invalid *spec.InvalidTrace
		if err != nil && !errors.As(err, &invalid) {
			t.Fatalf("%s: %v", s.ID, err)
		}
		return invalid
	}
	for _, c := range []struct {
		session     spec.TraceSession
		field, text string
	}{
		{spec.TraceSession{ID: "f", Filter: "tcp and port"}, "filter", "at "},
		{spec.TraceSession{ID: "p", Ports: []string{"p1", "p9"}}, "interface", "p9"},
		{spec.TraceSession{ID: "s", Level: spec.TracePackets}, "snap-length", "want 1 to 65535"},
		{spec.TraceSession{ID: "l", Level: spec.TracePackets, SnapLength: 1 << 30}, "snap-length", "want 1 to 65535"},
		{spec.TraceSession{ID: ""}, "id", "octets"},
	} {
		e := start(c.session)
		if e == nil || e.Field != c.field || !strings.Contains(e.Reason, c.text) {
			t.Errorf("session %q: %v; want %s and %q", c.session.ID, e, c.field, c.text)
		}
	}
	if b.traces.tracer != nil {
		t.Error("a session that was refused left a tracer")
	}
	for i := range spec.MaxTraces {
		if e := start(spec.TraceSession{ID: fmt.Sprint(i)}); e != nil {
			t.Fatal(e)
		}
	}
	if e := start(spec.TraceSession{ID: "one more"}); e == nil || !e.Full {
		t.Errorf("session %d: %v; want that there is no room", spec.MaxTraces+1, e)
	}
	if e := start(spec.TraceSession{ID: "3", DropsOnly: true}); e != nil {
		t.Errorf("another session of a name that runs: %v", e)
	}
	if n := len(b.Traces()); n != spec.MaxTraces {
		t.Errorf("%d sessions run, want %d", n, spec.MaxTraces)
	}
}

// TestTraceEndsByItself has sessions whose time is over, a receiver that does
// not return, and a port that gets another number.
func TestTraceEndsByItself(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	b.carries("p1", "p2")
	slow := &traceLog{block: make(chan struct{})}
	if err := b.StartTrace(context.Background(), spec.TraceSession{ID: "slow", Level: spec.TraceEvents}, slow.tell); err != nil {
		t.Fatal(err)
	}
	short := b.trace(spec.TraceSession{ID: "short", Duration: time.Millisecond})
	lab.Wait(t, "the session is over", func() bool { _, s := short.all(); return s.State == spec.TraceExpired })
	stays := b.trace(spec.TraceSession{ID: "stays", Ports: []string{"p1"}, Filter: "ether proto 0x88b5"})

	b.apply(spec.Change{Ports: map[string]*spec.Port{"p1": nil}})
	b.apply(ports(access("p3", "default", 10), access("p1", "default", 10)))
	b.carries("p1", "p2")
	w1.Send(frame(broadcast, station(1), 0, 1))
	expect(t, w2, frame(broadcast, station(1), 0, 1))
	if events := b.stop(stays, "stays"); len(events) != 1 || events[0].In != "p1" {
		t.Errorf("events at the port that was made anew: %v; want one", events)
	}
	for range 4 * traceQueue / 1000 {
		for range 1000 {
			w1.Send(frame(station(2), station(1), 0, 1))
		}
		if all := b.Traces(); len(all) == 1 && all[0].Lost > 0 {
			break
		}
	}
	lab.Wait(t, "loss is counted", func() bool { return b.Traces()[0].Lost > 0 })
	close(slow.block)
	b.stop(slow, "slow")
}

// TestTraceTellsKernelDrops has the kernel drop a frame behind the switch.
func TestTraceTellsKernelDrops(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	b.apply(ports(access("p1", "default", 10), trunk("p2", "default", 0)))
	b.carries("p1", "p2")
	l := b.trace(spec.TraceSession{ID: "kernel", Filter: "ether proto 0x88b5", Ports: []string{"p2"}, KernelDrops: true, DropsOnly: true})
	quiet := b.trace(spec.TraceSession{ID: "quiet", Filter: "ether proto 0x88b5", Ports: []string{"p2"}, DropsOnly: true})
	b.blackhole("p2")
	w1.Send(frame(broadcast, station(1), 0, 1))
	lab.Wait(t, "the kernel's drop", func() bool { events, _ := l.all(); return len(events) > 0 })
	e := spec.TraceEvent{Time: time.Unix(100, 0), Out: "p2"}
	bounded := newTrace(spec.TraceSession{ID: "bounded", EventsPerSecond: 2, KernelDrops: true}, nil)
	for i, want := range []bool{true, true, false, false} {
		if got := bounded.allowKernel(e.Time.Unix()); got != want {
			t.Errorf("drop %d in a second of a session of 2: told %t", i, got)
		}
	}
	if !bounded.allowKernel(101) || bounded.status().Limited != 2 {
		t.Errorf("the second after: %+v; want it told and 2 held back", bounded.status())
	}
	events := b.stop(l, "kernel")
	e = events[0]
	if len(events) != 1 || e.Kernel == "" || e.Out != "p2" || e.Verdict != spec.VerdictDrop || e.Steps[0].Stage != spec.StageKernel {
		t.Errorf("events %+v; want one of the kernel at p2", events)
	}
	if len(b.stop(quiet, "quiet")) != 0 || b.traces.kernel != nil {
		t.Error("a session that did not ask was told, or the watch goes on")
	}
	silent(t, w2)
}

// blackhole lets the kernel drop all that leaves by an interface.
func (b *bench) blackhole(name string) {
	b.t.Helper()
	q := &netlink.GenericQdisc{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: b.ns.Link(b.t, name).Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0)}, QdiscType: "blackhole"}
	if err := b.ns.QdiscAdd(q); err != nil {
		b.t.Skipf("no blackhole queue: %v", err)
	}
}

// TestTraceChangesWithoutLoss changes a session again and again while frames
// pass: each frame is told once, to one of its receivers. The sender stays a
// few hundred frames ahead of them, for a ring that runs over loses events with
// or without a change.
func TestTraceChangesWithoutLoss(t *testing.T) {
	const window = 512
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	b.carries("p1", "p2")
	var logs []*traceLog
	var heard atomic.Int64 // events told, to all receivers
	start := func() {
		l := &traceLog{}
		tell := func(b spec.TraceBatch) {
			l.tell(b)
			heard.Add(int64(len(b.Events)))
		}
		s := spec.TraceSession{ID: "one", Level: spec.TracePackets, SnapLength: uint32(20 + len(logs)), Filter: "ether proto 0x88b5"}
		if err := b.StartTrace(context.Background(), s, tell); err != nil {
			t.Error(err)
		}
		logs = append(logs, l)
	}
	start()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 8 {
			start()
		}
	}()
	sent := uint32(0)
	for running := true; running; sent++ {
		select {
		case <-done:
			running = false
		default:
		}
		w1.Send(frame(broadcast, station(1), 0, sent))
		expect(t, w2, frame(broadcast, station(1), 0, sent))
		for wait := time.Now(); int64(sent)-heard.Load() > window; time.Sleep(time.Millisecond) {
			if time.Since(wait) > 10*time.Second {
				t.Fatalf("%d frames, %d told, and no more within 10 s", sent+1, heard.Load())
			}
		}
	}
	last := logs[len(logs)-1]
	b.stop(last, "one")
	told := map[uint64]int{}
	for i, l := range logs {
		events, status := l.all()
		for _, e := range events {
			told[e.Packet]++
		}
		if status.State != spec.TraceStopped {
			t.Errorf("receiver %d was not told the end: %v", i, status.State)
		}
	}
	for packet, n := range told {
		if n != 1 {
			t.Errorf("packet %d was told %d times", packet, n)
		}
	}
	if _, status := last.all(); len(told) != int(sent) || status.Events != uint64(sent) || status.Lost != 0 {
		t.Errorf("%d frames, %d told, status %+v", sent, len(told), status)
	}
}
