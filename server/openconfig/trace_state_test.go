package openconfig

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// fullSession has each condition that a trace session can have.
func fullSession(state spec.TraceState) *spec.TraceStatus {
	s := spec.TraceSession{
		ID: "s", Level: spec.TracePackets, Ports: []string{"p1"}, Direction: spec.TraceOut, Filter: "arp", DropsOnly: true,
		Reasons: []spec.DropReason{spec.DropTooBig}, SampleOneIn: 2, EventsPerSecond: 3, SnapLength: 64, Duration: time.Minute, KernelDrops: true,
	}
	s.VLANs.Add(10)
	return &spec.TraceStatus{Session: s, State: state, Reason: "why", Started: time.Unix(1, 0), Ends: time.Unix(2, 0)}
}

// eventRow has each leaf that an event can have.
func eventRow() *Row {
	e := &spec.TraceEvent{
		Time: time.Unix(1, 0), Packet: 1, In: "m1", Aggregate: "lag1", Out: "p2", VLAN: 10, Tag: 0x8100000a, Length: 64,
		Verdict: spec.VerdictDrop, Reason: spec.DropTooBig, Kernel: "NO_SOCKET", Cut: true, Frame: []byte{1, 2},
		Steps: []spec.TraceStep{
			{Stage: spec.StageKernel, Verdict: spec.VerdictDrop},
			{Stage: spec.StageEgress, Verdict: spec.VerdictDrop, Reason: spec.DropTooBig, Port: "p2", VLAN: 10, Tagged: true},
		},
	}
	r := row(ocpath.TracesSessionsSessionEventsEvent, "s", "1")
	seen := map[ocpath.ID]bool{}
	for _, event := range TraceEvents(&fullSession(spec.TraceRunning).Session, 1, e, NewConfig()) {
		for _, u := range event.Updates {
			if !seen[u.Path.Node] {
				r.put(u.Path.Node, u.Value)
			}
			seen[u.Path.Node] = true
		}
	}
	return r
}

// explained is a packet test whose answer has everything.
type explained struct{}

func (explained) Explain(context.Context, Question) (*Answer, error) {
	return &Answer{Config: NewConfig(), Explanation: spec.Explanation{
		Verdict: spec.VerdictDrop, Reason: spec.DropTooBig, VLAN: 10,
		Steps: []spec.TraceStep{
			{Stage: spec.StageIngress, Verdict: spec.VerdictPass, Port: "p1"},
			{Stage: spec.StageEgress, Verdict: spec.VerdictDrop, Reason: spec.DropTooBig, Port: "p2", VLAN: 10, Tagged: true},
		},
		Outputs: []spec.TraceOutput{{Port: "lag1", Member: "m1", Tagged: true, VLAN: 10, Reason: spec.DropTooBig}},
	}}, nil
}

// traced has the counters of one session.
type traced struct{}

func (traced) SessionStatus() []spec.TraceStatus {
	return []spec.TraceStatus{*fullSession(spec.TraceRunning)}
}

func TestDecodeSession(t *testing.T) {
	const all = `{"signalbox-trace:traces":{"sessions":{"session":[
		{"id":"a","config":{"id":"a"}},
		{"id":"b","config":{"id":"b","enabled":false,"level":"PACKETS","interface":["p2","p1"],"direction":"OUT","vlan":[10,20],"filter":"arp",
		"drops-only":true,"drop-reason":["TOO_BIG","PORT_DOWN"],"sample-one-in":2,"max-events-per-second":3,"snap-length":64,"duration":5,"kernel-drops":true}}]}}}`
	c, _, err := decode(tree(t, all))
	if err != nil {
		t.Fatal(err)
	}
	b := spec.TraceSession{
		ID: "b", Level: spec.TracePackets, Ports: []string{"p1", "p2"}, Direction: spec.TraceOut, Filter: "arp", DropsOnly: true,
		Reasons: []spec.DropReason{spec.DropTooBig, spec.DropPortDown}, SampleOneIn: 2, EventsPerSecond: 3, SnapLength: 64, Duration: 5 * time.Second, KernelDrops: true,
	}
	b.VLANs.Add(10)
	b.VLANs.Add(20)
	want := Sessions{
		"a": {Enabled: true, TraceSession: spec.TraceSession{ID: "a", Level: spec.TraceEvents, SampleOneIn: 1, EventsPerSecond: 1000, SnapLength: 128, Duration: time.Minute}},
		"b": {TraceSession: b},
	}
	got := c.Sessions(NewConfig())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if err := c.CheckSessions(got); err == nil || !strings.Contains(err.Error(), "/traces/sessions/session[id=b]/config/interface: interface p1 is not configured") {
		t.Errorf("interfaces that are not there: %v", err)
	}
	to := tree(t, strings.Replace(all, `{"id":"a","config":{"id":"a"}},`, "", 1))
	touched := NewTouched()
	touched.Add(schema.Path{Node: ocpath.TracesSessionsSession, Keys: []string{"a"}})
	next, _, err := c.Next(to, touched)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Sessions{"a": nil}, next.Sessions(c)); diff != "" {
		t.Errorf("one goes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Sessions{"a": want["a"]}, c.Sessions(next)); diff != "" {
		t.Errorf("and back (-want +got):\n%s", diff)
	}
}

func TestNoTestForAny(t *testing.T) {
	for _, keys := range [][]string{nil, {"", "", ""}, {"p1", "", ""}, {"", "00", ""}, {"", "", "RUNNING"}} {
		for _, s := range []source{NewPacketTests(explained{}), NewPacketTestSteps(explained{}), NewPacketTestOutputs(explained{})} {
			if len(keys) == 3 {
				keys = append(keys, "")
			}
			_, err := s.Read(t.Context(), keys, func(keys []string, _ []schema.Value) error {
				t.Errorf("%T answers %q", s, keys)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}
