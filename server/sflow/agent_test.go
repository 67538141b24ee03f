package sflow

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// ports is a device with two ports.
type ports struct{}

func (ports) State() *spec.State {
	return &spec.State{Interfaces: map[string]*spec.Interface{
		"p1": {Name: "p1", Present: true, Index: 3, SpeedMegabits: 1000, Oper: spec.OperUp, AdminUp: true},
		"p2": {Name: "p2", Present: true, Index: 4},
	}}
}

func (ports) Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error) {
	c := &spec.Counters{In: spec.Direction{Octets: 1000, Unicast: 10}}
	return []spec.InterfaceCounters{{Name: "p1", Port: c}, {Name: "p2"}}, time.Now(), nil
}

// newAgent is one that samples one frame in ten for a collector.
func newAgent(t *testing.T) (*Agent, *collector, *[]telemetry.Batch) {
	t.Helper()
	c, at := newCollector(t)
	told := &[]telemetry.Batch{}
	a := New(Options{Device: ports{}, Publish: func(b telemetry.Batch) { *told = append(*told, b) }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	a.Applied(&openconfig.SFlow{
		Enabled: true, Agent: agent, SampleSize: 128, Rate: 10, Polling: time.Second,
		Interfaces: map[string]openconfig.SFlowInterface{"p1": {Enabled: true, Rate: 10, Polling: time.Second}},
		Collectors: []openconfig.SFlowCollector{{At: at, Datagram: maxDatagram}},
	})
	t.Cleanup(a.close)
	return a, c, told
}

// event is a frame that came in at p1 with a tag.
func event(verdict spec.Verdict, reason spec.DropReason, out ...string) spec.TraceEvent {
	e := spec.TraceEvent{In: "p1", VLAN: 10, Tag: 0x8100a00a, Length: 64, Verdict: verdict, Reason: reason, Frame: arp()}
	for _, port := range out {
		e.Steps = append(e.Steps, spec.TraceStep{Stage: spec.StageOutput, Verdict: spec.VerdictForward, Port: port, VLAN: 20})
	}
	return e
}

func TestAgentTellsSamples(t *testing.T) {
	a, c, _ := newAgent(t)
	a.Sampled(spec.TraceBatch{
		Events: []spec.TraceEvent{event(spec.VerdictForward, spec.DropNone, "p2"), event(spec.VerdictFlood, spec.DropNone, "p2", "p1")},
		Status: spec.TraceStatus{Session: spec.TraceSession{SampleOneIn: 10}, Lost: 2},
	})
	d, _ := c.next()
	if len(d.FlowSamples) != 2 {
		t.Fatalf("%d samples, want 2", len(d.FlowSamples))
	}
	one, flood := d.FlowSamples[0], d.FlowSamples[1]
	if one.SourceIDIndex != 3 || one.SamplingRate != 10 || one.SamplePool != 10 || one.Dropped != 2 || one.InputInterface != 3 || one.OutputInterface != 4 {
		t.Errorf("sample %+v", one)
	}
	if flood.SequenceNumber != 2 || flood.SamplePool != 20 || flood.OutputInterface != 2<<30|2 {
		t.Errorf("flooded sample %+v", flood)
	}
	if n := a.SampledBy()["p1"]; n != 2 {
		t.Errorf("p1 was sampled %d times, want 2", n)
	}
}

func TestAgentTellsDrops(t *testing.T) {
	a, c, _ := newAgent(t)
	a.Sampled(spec.TraceBatch{
		Events: []spec.TraceEvent{event(spec.VerdictDrop, spec.DropIngressVLAN)},
		Status: spec.TraceStatus{Session: spec.TraceSession{DropsOnly: true}},
	})
	b := make([]byte, 2000)
	n, err := c.conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	sample := b[28:n] // behind the header of an agent of IPv4
	want := words(nil, formatDrop, uint32(len(sample)-8), 1, 0, 3, 0, 3, 0, 265)
	if !bytes.HasPrefix(sample, want) || !bytes.Contains(sample, arp()) {
		t.Errorf("got %x, want it to begin with %x", sample, want)
	}
	if v := binary.BigEndian.Uint32(b); v != version {
		t.Errorf("version %d", v)
	}
}

func TestAgentTellsCounters(t *testing.T) {
	a, c, _ := newAgent(t)
	now := time.Unix(2000, 0)
	for range 3 {
		if err := a.poll(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	d, _ := c.next()
	if len(d.CounterSamples) != 1 || d.CounterSamples[0].SourceIDIndex != 3 {
		t.Fatalf("counters %+v, want those of p1: p2 is no port", d.CounterSamples)
	}
	if err := a.poll(t.Context(), now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if d, _ = c.next(); d.CounterSamples[0].SequenceNumber != 2 {
		t.Errorf("sequence %d, want 2", d.CounterSamples[0].SequenceNumber)
	}
	if sent := a.Sent(); len(sent) != 1 {
		t.Errorf("sent %v, want one collector", sent)
	}
}

// TestAgentStops: what is switched off sends nothing and tells nothing.
func TestAgentStops(t *testing.T) {
	a, c, told := newAgent(t)
	if n := len((*told)[0].Updates); n == 0 {
		t.Error("nothing is told of what is configured")
	}
	a.Applied(nil)
	if n := len((*told)[1].Updates); n != 0 {
		t.Errorf("%d leaves are told of nothing", n)
	}
	a.Sampled(spec.TraceBatch{Events: []spec.TraceEvent{event(spec.VerdictForward, spec.DropNone, "p2")}})
	if err := a.poll(t.Context(), time.Unix(3000, 0)); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.conn.Read(make([]byte, 100)); err == nil {
		t.Error("a datagram was sent")
	} else if e, ok := err.(net.Error); !ok || !e.Timeout() {
		t.Error(err)
	}
}
