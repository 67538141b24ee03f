package datapath

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// stream sends numbered frames of several sources at a rate that the receivers
// keep up with, and counts what comes in at any of them.
type stream struct {
	sent, received atomic.Uint64
	quit, done     chan struct{}
	ended          chan struct{}
	dropped        int // by the machine, when the stream began
}

// startStream sends from one wire, and receives at others.
func startStream(from *lab.Wire, to []*lab.Wire, dst spec.MAC, sources int) *stream {
	s := &stream{quit: make(chan struct{}), done: make(chan struct{}), ended: make(chan struct{}), dropped: backlogDrops()}
	go s.send(from, dst, sources)
	go s.receive(to)
	return s
}

// send sends a frame each 50 µs, on average.
func (s *stream) send(w *lab.Wire, dst spec.MAC, sources int) {
	defer close(s.done)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
		for range 20 {
			n := s.sent.Load()
			if w.TrySend(frame(dst, spec.MAC{2, 0, 0, 7, dst[5], byte(n % uint64(sources))}, 0, uint32(n))) != nil {
				return
			}
			s.sent.Add(1)
		}
	}
}

// receive counts until what was sent has come in, or nothing more does.
func (s *stream) receive(wires []*lab.Wire) {
	defer close(s.ended)
	over := func() bool {
		select {
		case <-s.done:
			return true
		default:
			return false
		}
	}
	for idle := 0; ; {
		got := false
		for _, w := range wires {
			for nextTest(w, 0) != nil {
				s.received.Add(1)
				got = true
			}
		}
		switch {
		case got:
			idle = 0
		case over() && (s.received.Load() >= s.sent.Load() || idle > 200):
			return
		default:
			idle++
			time.Sleep(time.Millisecond)
		}
	}
}

// goes waits until some more frames are sent.
func (s *stream) goes(t testing.TB) {
	t.Helper()
	from := s.sent.Load()
	lab.Wait(t, "frames of the stream", func() bool { return s.sent.Load() > from+400 })
}

// onWire is how many frames may be on a wire when it is cut: they wait in the
// backlog of the CPU that receives them, which is long on a machine that tests
// with others at once. How many there are on a quiet one, integration/teaming and
// the benchmarks tell.
const onWire = 16

// stop ends the stream and tells how many frames were lost, without those that
// the machine was too busy for: the kernel counts these for all namespaces.
func (s *stream) stop() (lost int) {
	close(s.quit)
	<-s.ended
	lost = int(s.sent.Load()) - int(s.received.Load())
	return max(0, lost-(backlogDrops()-s.dropped))
}

// backlogDrops counts the frames that found a processor's queue full: the second
// column of /proc/net/softnet_stat (net/core/net-procfs.c).
func backlogDrops() (n int) {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 {
			dropped, _ := strconv.ParseInt(f[1], 16, 64)
			n += int(dropped)
		}
	}
	return n
}

// TestTeamUnderLoad changes what can be changed of an aggregate while frames go
// out by it: members join, leave, drain, the distribution and others become
// other ones. Nothing is lost.
func TestTeamUnderLoad(t *testing.T) {
	b := newTeamBench(t, 4)
	base := b.teamed(spec.StaticLAG, nil)
	b.apply(base)
	b.active("m1", "m2", "m3", "m4")
	b.carries("p1", "lag")
	s := startStream(b.host, b.wires, station(200), 50)
	changes := []struct {
		name   string
		change func() spec.Change
	}{
		{"leave", func() spec.Change { return spec.Change{Ports: map[string]*spec.Port{"m4": nil}} }},
		{"join", func() spec.Change { return ports(member("m4", "lag")) }},
		{"drain", func() spec.Change {
			m := member("m1", "lag")
			m.Member.Drained = true
			return ports(m)
		}},
		{"standby", func() spec.Change {
			m := member("m1", "lag")
			m.Member.Standby = true
			return ports(m)
		}},
		{"active", func() spec.Change { return ports(member("m1", "lag")) }},
		{"active-backup", func() spec.Change {
			return ports(team("lag", spec.StaticLAG, func(a *spec.Aggregate) { a.Distribution, a.Primary = spec.ActiveBackup, "m3" }))
		}},
		{"switch-independent", func() spec.Change { return ports(team("lag", spec.SwitchIndependent, nil)) }},
		{"dynamic", func() spec.Change {
			return ports(team("lag", spec.StaticLAG, func(a *spec.Aggregate) { a.Distribution = spec.Dynamic; a.RebalanceInterval = 20 * time.Millisecond }))
		}},
		{"weighted", func() spec.Change {
			return ports(team("lag", spec.StaticLAG, func(a *spec.Aggregate) { a.SpeedWeighted, a.MinLinks = true, 2 }))
		}},
		{"as at first", func() spec.Change { return base }},
	}
	for range 3 {
		for _, c := range changes {
			b.apply(c.change())
			s.goes(t)
		}
	}
	total := s.sent.Load()
	if lost := s.stop(); lost != 0 {
		t.Errorf("%d of %d frames lost", lost, total)
	}
	sum := b.counters("lag").Port
	if got := sum.Out.Frames(); got+uint64(backlogDrops()-s.dropped) < s.sent.Load() || got > s.sent.Load() || sum.Out.Discards() != 0 {
		t.Errorf("the aggregate counts %d frames out and %d discards, want %d and none", got, sum.Out.Discards(), s.sent.Load())
	}
}

// TestTeamCarrier lets members lose their carriers and get them back under load.
// While a carrier goes down, what is on the wire is lost; nothing else is, and
// nothing when it comes back.
func TestTeamCarrier(t *testing.T) {
	b := newTeamBench(t, 3)
	b.apply(b.teamed(spec.StaticLAG, nil))
	b.active("m1", "m2", "m3")
	b.carries("p1", "lag")
	s := startStream(b.host, b.wires, station(200), 50)
	const rounds = 8
	for i := range rounds {
		name := fmt.Sprint("m", i%3+1)
		// Another link's event just before lets the kernel tell this one late.
		b.far.SetUp(t, fmt.Sprint("m", (i+1)%3+1), true)
		b.far.SetUp(t, name, false)
		lab.Wait(t, name+" lost", func() bool { return b.member(name).Role == spec.MemberDown })
		s.goes(t)
		b.far.SetUp(t, name, true)
		b.active("m1", "m2", "m3")
		s.goes(t)
	}
	total := s.sent.Load()
	if lost := s.stop(); lost > rounds*onWire {
		t.Errorf("%d of %d frames lost in %d failures, want at most %d each", lost, total, rounds, onWire)
	}
	t.Logf("last failover within %v", b.lag().LastFailover)
}

// TestTeamMany has 32 members in one aggregate, and 128 aggregates.
func TestTeamMany(t *testing.T) {
	b := newTeamBench(t, spec.MaxMembers)
	b.apply(b.teamed(spec.StaticLAG, nil))
	lab.Wait(t, "32 active members", func() bool { return b.lag() != nil && len(b.lag().Active) == spec.MaxMembers })
	for i := range b.wires {
		if m := b.member(fmt.Sprint("m", i+1)); m.Buckets != spec.LAGBuckets/spec.MaxMembers {
			t.Errorf("m%d has %d buckets", i+1, m.Buckets)
		}
	}
	c := spec.Change{Ports: map[string]*spec.Port{"lag": nil}}
	for i := range b.wires {
		c.Ports[fmt.Sprint("m", i+1)] = nil
	}
	b.apply(c)
	c = ports()
	for i := range spec.MaxAggregates {
		name := fmt.Sprintf("l%03d", i)
		c.Ports[name] = team(name, spec.LACPManaged, nil)
		if i < len(b.wires) {
			m := fmt.Sprint("m", i+1)
			c.Ports[m] = member(m, name)
		}
	}
	b.apply(c)
	b.wants(t, "128 aggregates")
	lab.Wait(t, "PDUs of all", func() bool {
		for i := range b.wires {
			if m := b.member(fmt.Sprint("m", i+1)); m == nil || m.LACP == nil || m.LACP.Counters.Out == 0 {
				return false
			}
		}
		return true
	})
}
