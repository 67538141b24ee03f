package lldp

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

var epoch = time.Unix(1_000_000, 0)

// bench is an agent with a clock that stands until it is moved.
type bench struct {
	*Agent
	now  time.Time
	sent []time.Duration // when, since the epoch
	last *PDU
}

func newBench() *bench {
	return &bench{Agent: New(Config{Local: example().LLDPUnit, Interval: 30 * time.Second, Transmit: true, Receive: true}), now: epoch}
}

// until moves the clock, waking the agent when it wants to be.
func (b *bench) until(after time.Duration) {
	end := epoch.Add(after)
	b.collect() // what was queued at the moment that ends
	for next := b.Next(); !next.IsZero() && !next.After(end); next = b.Next() {
		b.now = next
		b.Advance(next)
		b.collect()
	}
	b.now = end
	b.collect()
}

func (b *bench) collect() {
	for _, octets := range b.Outbox() {
		p, err := Parse(octets)
		if err != nil {
			panic(err)
		}
		b.sent, b.last = append(b.sent, b.now.Sub(epoch)), p
	}
}

func neighbor(name string, ttl time.Duration) []byte {
	p := PDU{LLDPUnit: spec.LLDPUnit{Chassis: spec.LLDPID{Subtype: 7, Value: name}, Port: spec.LLDPID{Subtype: 5, Value: "p"}, TTL: ttl}}
	return p.Append(nil)
}

func (b *bench) wantSent(t *testing.T, want ...int) {
	t.Helper()
	var seconds []int
	for _, at := range b.sent {
		seconds = append(seconds, int(at/time.Second))
	}
	if fmt.Sprint(seconds) != fmt.Sprint(want) {
		t.Errorf("sent at seconds %v, want %v", seconds, want)
	}
	b.sent = nil
}

func TestInterval(t *testing.T) {
	b := newBench()
	b.until(10 * time.Second)
	b.wantSent(t)
	b.SetUp(b.now, true)
	b.until(100 * time.Second)
	b.wantSent(t, 10, 40, 70, 100)
	if b.last.TTL != 121*time.Second {
		t.Errorf("TTL %v, want 121 s", b.last.TTL)
	}
}

// TestFastStart: a new neighbor is told four times in four seconds.
func TestFastStart(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	b.until(5 * time.Second)
	b.Receive(b.now, neighbor("n", 120*time.Second))
	b.until(50 * time.Second)
	b.wantSent(t, 0, 6, 7, 8, 9, 39)
}

func TestChangesAreToldSoon(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	b.until(5 * time.Second)
	c := b.config
	c.Local.PortDescription = "elsewhere"
	b.Configure(b.now, c)
	b.until(6 * time.Second)
	b.wantSent(t, 0, 5)
	if b.last.PortDescription != "elsewhere" {
		t.Errorf("told %q", b.last.PortDescription)
	}
	b.Configure(b.now, c)
	b.until(7 * time.Second)
	b.wantSent(t) // nothing changed
}

// TestNeverMoreThanCredit: whatever happens, at most one data unit a second is
// sent beyond the first five.
func TestNeverMoreThanCredit(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	for i := range 100 {
		c := b.config
		c.Local.PortDescription = fmt.Sprint(i)
		b.Configure(b.now, c)
		b.until(time.Duration(i) * 50 * time.Millisecond)
	}
	if n := len(b.sent); n > maxCredit+5 || n < maxCredit {
		t.Errorf("%d data units in five seconds, want 5 to 10", n)
	}
	b.until(10 * time.Second)
	if b.last.PortDescription != "99" {
		t.Errorf("the last one told is %q", b.last.PortDescription)
	}
}

func TestNeighborsAgeOut(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	b.Receive(b.now, neighbor("short", 3*time.Second))
	b.Receive(b.now, neighbor("long", 60*time.Second))
	b.until(2 * time.Second)
	b.Receive(b.now, neighbor("short", 3*time.Second)) // again
	b.until(4 * time.Second)
	if n := len(b.Neighbors()); n != 2 {
		t.Fatalf("%d neighbors, want 2", n)
	}
	b.until(5 * time.Second)
	got := b.Neighbors()
	if len(got) != 1 || got[0].Chassis.Value != "long" || got[0].ID != 2 || b.Activity().Counters.AgedOut != 1 {
		t.Errorf("%+v, %+v; want the long one, the short one aged out", got, b.Activity().Counters)
	}
}

func TestNeighborsGo(t *testing.T) {
	tests := []struct {
		name string
		do   func(*bench)
	}{
		{"by their shutdown", func(b *bench) { b.Receive(b.now, neighbor("n", 0)) }},
		{"with the carrier", func(b *bench) { b.SetUp(b.now, false) }},
		{"with reception", func(b *bench) { c := b.config; c.Receive = false; b.Configure(b.now, c) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench()
			b.SetUp(b.now, true)
			b.Receive(b.now, neighbor("n", 60*time.Second))
			tt.do(b)
			if n := b.Neighbors(); len(n) != 0 {
				t.Errorf("neighbors %+v, want none", n)
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	b.until(time.Second)
	b.Shutdown()
	b.until(100 * time.Second)
	b.wantSent(t, 0, 1)
	if b.last.TTL != 0 || b.last.SystemName != "" {
		t.Errorf("the last one is %+v, want a shutdown", b.last)
	}
}

// TestSwitchedOffAndOn: neighbors are told, and the port waits before it begins
// anew.
func TestSwitchedOffAndOn(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	b.until(time.Second)
	on := b.config
	off := on
	off.Transmit = false
	b.Configure(b.now, off)
	b.until(50 * time.Second)
	b.wantSent(t, 0, 1)
	b.Configure(b.now, on)
	b.until(60 * time.Second)
	b.wantSent(t, 52)
}

func TestTooManyNeighbors(t *testing.T) {
	b := newBench()
	b.SetUp(b.now, true)
	for i := range MaxNeighbors + 3 {
		b.Receive(b.now, neighbor(fmt.Sprint(i), time.Minute))
	}
	if n := len(b.Neighbors()); n != MaxNeighbors || b.Activity().Counters.Discarded != 3 {
		t.Errorf("%d neighbors, %d discarded; want %d and 3", n, b.Activity().Counters.Discarded, MaxNeighbors)
	}
}

// FuzzAgent: nothing that comes in breaks the bounds.
func FuzzAgent(f *testing.F) {
	f.Add([]byte(neighbor("n", time.Minute)), uint64(1))
	f.Fuzz(func(t *testing.T, octets []byte, seed uint64) {
		b, r := newBench(), rand.New(rand.NewPCG(seed, seed))
		b.SetUp(b.now, true)
		for i := range 50 {
			b.Receive(b.now, octets)
			b.Receive(b.now, neighbor(fmt.Sprint(r.IntN(100)), time.Duration(r.IntN(100))*time.Second))
			b.until(b.now.Sub(epoch) + time.Duration(r.IntN(2000))*time.Millisecond)
			if len(b.Neighbors()) > MaxNeighbors {
				t.Fatalf("%d neighbors after %d rounds", len(b.Neighbors()), i)
			}
		}
		if most := int(b.now.Sub(epoch)/time.Second) + maxCredit + 1; len(b.sent) > most {
			t.Fatalf("%d data units in %v", len(b.sent), b.now.Sub(epoch))
		}
	})
}
