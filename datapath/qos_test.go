package datapath

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// byDSCP classifies by DSCP: 1 into the first queue, 2 into the second, and so on.
func byDSCP(queues ...string) *spec.Classifier {
	c := &spec.Classifier{Name: "by-dscp"}
	for i, q := range queues {
		c.Terms = append(c.Terms, spec.Term{ID: q, Match: spec.Match{DSCPs: 2 << i}, Queue: q, Remark: spec.Unmarked})
	}
	return c
}

func policer(sequence uint32, queues ...string) spec.Policer {
	keep := spec.PolicerAction{Remark: spec.Unmarked}
	return spec.Policer{Sequence: sequence, Queues: queues, Committed: 10e6, Conform: keep, Exceed: spec.PolicerAction{Drop: true, Remark: spec.Unmarked}, Violate: keep}
}

// shaped holds back to a rate.
func shaped(rate uint64) *spec.Scheduler {
	return &spec.Scheduler{Policy: "shaped", Maximum: spec.Rate{BitsPerSecond: rate}}
}

// shared has the first queue before the others, which share half of the line.
func shared(rate uint64, queues ...string) *spec.Scheduler {
	s := shaped(rate)
	s.Policy = "shared"
	s.Groups = []spec.SchedulerGroup{{Sequence: 1, Strict: true, Queues: []spec.SchedulerQueue{{Queue: queues[0]}}}}
	g := spec.SchedulerGroup{Sequence: 2, Minimum: spec.Rate{Percent: 50}}
	for i, q := range queues[1:] {
		g.Queues = append(g.Queues, spec.SchedulerQueue{Queue: q, Weight: uint64(i + 1)})
	}
	s.Groups = append(s.Groups, g)
	return s
}

func TestPlan(t *testing.T) {
	number := func(name string) uint16 { return uint16(name[0] - 'a' + 1) }
	three := shared(1e9, "a", "b", "c")
	p, err := newPlan(three, plainLine, number)
	if err != nil {
		t.Fatal(err)
	}
	for minor, want := range map[uint16]netdev.Class{
		1:                   {Parent: lineClass, Rate: 490e6, Ceil: 1e9, Priority: 0, Quantum: quantumUnit},
		2:                   {Parent: groupClass + 1, Rate: 166_666_666, Ceil: 1e9, Priority: 1, Quantum: quantumUnit},
		3:                   {Parent: groupClass + 1, Rate: 333_333_333, Ceil: 1e9, Priority: 1, Quantum: 2 * quantumUnit},
		netdev.DefaultClass: {Parent: lineClass, Rate: 10e6, Ceil: 1e9, Priority: 2, Quantum: quantumUnit},
	} {
		if got := p.leaves[minor]; got != want.Normal(minor) {
			t.Errorf("class %x: %+v, want %+v", minor, got, want.Normal(minor))
		}
	}
	if len(p.leaves) != 4 || len(p.inner) != 2 || p.inner[groupClass+1].Rate != 500e6 || p.inner[lineClass].Ceil != 1e9 {
		t.Errorf("plan %+v", p)
	}
	three.DefaultQueue = "c"
	if p, err = newPlan(three, plainLine, number); err != nil || p.names[netdev.DefaultClass] != "c" || len(p.leaves) != 3 {
		t.Errorf("with a default queue: %v, %v; want it in the default class", p.names, err)
	}
	three.Groups[1].Minimum = spec.Rate{}
	if p, err = newPlan(three, plainLine, number); err != nil || p.leaves[netdev.DefaultClass].Rate != 10e6 {
		t.Errorf("a default queue that asks for nothing: %+v, %v; want a percent of the line", p.leaves[netdev.DefaultClass], err)
	}
	for _, c := range []struct {
		name, want string
		change     func(*spec.Scheduler)
	}{
		{"minima above the line", "the line has 1000000000", func(s *spec.Scheduler) {
			s.Groups[0].Minimum = spec.Rate{BitsPerSecond: 600e6}
		}},
		{"minimum above the maximum", "above its maximum", func(s *spec.Scheduler) { s.Groups[1].Maximum = spec.Rate{BitsPerSecond: 1e6} }},
		{"too many levels", "10 levels of priority", func(s *spec.Scheduler) {
			s.Groups[0].Queues = make([]spec.SchedulerQueue, 8)
			for i := range s.Groups[0].Queues {
				s.Groups[0].Queues[i].Queue = string(rune('h' + i))
			}
		}},
	} {
		s := shared(1e9, "a", "b", "c")
		c.change(s)
		if _, err := newPlan(s, plainLine, number); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestQoSIsApplied has a guest that sends by a detour and receives by queues.
func TestQoSIsApplied(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	p1 := access("p1", "default", 10)
	p1.QoS = &spec.QoS{Classifier: byDSCP("voice"), Input: shaped(100e6), Output: shared(1e9, "voice", "bulk")}
	b.apply(ports(p1, access("p2", "default", 10)))
	b.carries("p1", "p2")
	for n := range uint32(3) {
		w1.Send(frame(station(2), station(1), 0, n))
		expect(t, w2, frame(station(2), station(1), 0, n))
		w2.Send(frame(station(1), station(2), 0, n))
		expect(t, w1, frame(station(1), station(2), 0, n))
	}
	w1.Send(frame(broadcast, station(1), 0, 9))
	expect(t, w2, frame(broadcast, station(1), 0, 9))
	state := b.State().Interfaces["p1"].QoS
	if state == nil || !state.Classified || state.Input == nil || state.Input.Rate != 100e6 || state.Output.Queues["bulk"].Guaranteed != 500e6 {
		t.Fatalf("state %+v, want what was applied", state)
	}
	for name := range b.State().Interfaces {
		if strings.HasPrefix(name, "sbq") {
			t.Errorf("interface %s is shown", name)
		}
	}
	var counts spec.QoSCounters
	lab.Wait(t, "frames in the queues", func() bool {
		all, _, err := b.QoSCounters(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		counts = all["p1"]
		return counts.Input[""].Packets >= 4 && counts.Output[""].Packets >= 3
	})
	if len(counts.Terms) != 1 || counts.Terms[0].ID != "voice" || len(counts.Output) != 3 {
		t.Errorf("counters %+v", counts)
	}
	// Applied again after a restart: nothing is due.
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.open()
	f := b.inject()
	b.apply(ports(p1, access("p2", "default", 10)))
	if calls := slices.DeleteFunc(f.calls, func(c string) bool { return c == "put attachment" }); len(calls) > 0 { // the new program's
		t.Errorf("applied again after a restart: calls %q, want none", calls)
	}
	w1.Send(frame(station(2), station(1), 0, 10))
	expect(t, w2, frame(station(2), station(1), 0, 10))
	p1 = access("p1", "default", 10)
	b.apply(ports(p1))
	if text := b.readable(); strings.Contains(text, "detour") || strings.Contains(text, "leaf") || strings.Contains(text, "classifier") {
		t.Errorf("left behind:\n%s", text)
	}
}

// TestDetourIsMadeAgain takes the interfaces of a detour away.
func TestDetourIsMadeAgain(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	p1 := access("p1", "default", 10)
	p1.QoS = &spec.QoS{Input: shaped(100e6)}
	b.apply(ports(p1, access("p2", "default", 10)))
	b.carries("p1", "p2")
	was := b.readable()
	b.ns.Remove(t, fmt.Sprintf("sbq%di", b.State().Interfaces["p1"].Port.Number))
	lab.Wait(t, "the detour again", func() bool { return b.readable() == was })
	w1.Send(frame(broadcast, station(1), 0, 1))
	expect(t, w2, frame(broadcast, station(1), 0, 1))
}

// TestQoSGoesWithoutLoss takes queues away and brings them back below frames.
func TestQoSGoesWithoutLoss(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	with, without := access("p2", "default", 10), access("p2", "default", 10)
	with.QoS = &spec.QoS{Input: shaped(1e9), Output: shared(1e9, "voice", "bulk")}
	sender, free := access("p1", "default", 10), access("p1", "default", 10)
	sender.QoS = &spec.QoS{Input: shaped(1e9)}
	b.apply(ports(free, without))
	b.carries("p1", "p2")
	w2.Send(frame(broadcast, station(2), 0, 0))
	expect(t, w1, frame(broadcast, station(2), 0, 0))
	done, sent := make(chan bool), make(chan uint32)
	go func() {
		for n := uint32(1); ; n++ {
			select {
			case <-done:
				sent <- n - 1
				return
			default:
				w1.Send(frame(station(2), station(1), 0, n))
				time.Sleep(50 * time.Microsecond)
			}
		}
	}()
	received := make(chan uint32)
	go func() {
		n := uint32(0)
		for nextTest(w2, time.Second) != nil {
			n++
		}
		received <- n
	}()
	for range 4 {
		b.apply(ports(sender, with))
		b.apply(ports(free, without))
	}
	close(done)
	if s, r := <-sent, <-received; s != r || s == 0 {
		t.Errorf("%d frames of %d arrived", r, s)
	}
}

func TestQoSIsRefused(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.host("p2")
	b.host("m1")
	b.apply(ports(access("p1", "default", 10), team("lag", spec.StaticLAG, nil), member("m1", "lag")))
	was := b.readable()
	over := shared(1e9, "voice", "bulk")
	over.Groups[0].Minimum = spec.Rate{BitsPerSecond: 600e6}
	early := shared(1e9, "voice", "bulk")
	early.Groups[0].Queues[0].RED = &spec.RED{Min: 10000, Max: 30000}
	queued := func(p *spec.Port, q *spec.QoS) *spec.Port { p.QoS = q; return p }
	b.ns.Do(t, func() {
		if out, err := exec.Command("tc", "qdisc", "add", "dev", "p2", "root", "handle", "7:", "tbf", "rate", "1mbit", "burst", "10k", "latency", "10ms").CombinedOutput(); err != nil {
			t.Errorf("tc: %v: %s", err, out)
		}
	})
	hostOnly := &spec.Port{Name: "p1", Enabled: true, QoS: &spec.QoS{Output: shaped(1e6)}}
	cases := []struct {
		name, want string
		port       *spec.Port
	}{
		{"minima above the line", "the line has 1000000000", queued(access("p1", "default", 10), &spec.QoS{Output: over})},
		{"an aggregate", "no queues of its own", queued(team("lag", spec.StaticLAG, nil), &spec.QoS{Output: shaped(1e6)})},
		{"a member that classifies", "classified at lag", queued(member("m1", "lag"), &spec.QoS{Classifier: byDSCP("voice")})},
		{"no switch port", "switch ports and members", hostOnly},
		{"a qdisc of somebody else", "tc qdisc del dev p2 root", queued(access("p2", "default", 10), &spec.QoS{Output: shaped(1e6)})},
	}
	if !b.model.qos.hasRED {
		cases = append(cases, struct {
			name, want string
			port       *spec.Port
		}{"no RED in the kernel", "sch_red", queued(access("p1", "default", 10), &spec.QoS{Output: early})})
	}
	for _, c := range cases {
		var invalid *spec.Invalid
		err := b.Apply(context.Background(), ports(c.port))
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) || invalid.Port != c.port.Name {
			t.Errorf("%s: %v, want an error about %s that says %q", c.name, err, c.port.Name, c.want)
		}
	}
	if is := b.readable(); is != was {
		t.Errorf("refused changes changed something:\n%s\nwas\n%s", is, was)
	}
}

// TestShares has an uplink at which two ports compete, by weight and by rate.
func TestShares(t *testing.T) {
	b := newBench(t)
	wires := map[string]*lab.Wire{}
	for _, p := range []string{"p1", "p2", "p3", "up"} {
		wires[p] = b.host(p)
	}
	port := func(name string, q *spec.QoS) *spec.Port { p := access(name, "default", 10); p.QoS = q; return p }
	line := shaped(1e9)
	b.apply(ports(port("up", &spec.QoS{Sharing: spec.ShareWeight, Output: line}),
		port("p1", &spec.QoS{Share: spec.Share{Weight: 30, Rate: 700e6}}), port("p2", &spec.QoS{Share: spec.Share{Weight: 10, Rate: 100e6}}), port("p3", nil)))
	guaranteed := func(queue string) uint64 { return b.State().Interfaces["up"].QoS.Output.Queues[queue].Guaranteed }
	if a, z := guaranteed("p1"), guaranteed("p2"); a != 742_500_000 || z != 247_500_000 || guaranteed("p3") != 0 {
		t.Errorf("by weight: %d and %d bit/s, want 3 to 1 of 99 percent", a, z)
	}
	b.apply(ports(port("up", &spec.QoS{Sharing: spec.ShareAbsolute, Output: line})))
	if a, z := guaranteed("p1"), guaranteed("p2"); a/1000 != 700e3 || z/1000 != 100e3 {
		t.Errorf("by rate: %d and %d bit/s, want 700 and 100 million", a, z)
	}
	err := b.Apply(context.Background(), ports(port("p3", &spec.QoS{Share: spec.Share{Rate: 300e6}})))
	var invalid *spec.Invalid
	if !errors.As(err, &invalid) || invalid.Port != "up" {
		t.Errorf("more than the line: %v, want an error about the port where they compete", err)
	}
	// What each port sends waits in its own class.
	b.carries("p1", "p2", "p3", "up")
	for n, name := range []string{"p1", "p2", "p3"} {
		for i := range uint32(2 + n) {
			wires[name].Send(frame(broadcast, station(byte(n+1)), 0, i))
			expect(t, wires["up"], frame(broadcast, station(byte(n+1)), 0, i))
			wires[name].Send(frame(station(9), station(byte(n+1)), 0, i))
			expect(t, wires["up"], frame(station(9), station(byte(n+1)), 0, i))
		}
	}
	all, _, err := b.QoSCounters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if q := all["up"].Output; q["p1"].Packets != 4 || q["p2"].Packets != 6 || q[""].Packets < 8 {
		t.Errorf("counted %+v: want 4 of p1, 6 of p2 and those of p3 in the default class", q)
	}
	b.apply(ports(port("p1", nil)))
	if guaranteed("p1") != 0 || guaranteed("p2") == 0 {
		t.Errorf("p1 without a share: %+v", b.State().Interfaces["up"].QoS.Output)
	}
}
