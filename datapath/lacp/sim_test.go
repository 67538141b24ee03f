package lacp

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// A world has several systems, each with one group, and links between their
// ports, in time that passes only when the world says so.
type world struct {
	t       testing.TB
	seed    uint64
	random  *rand.Rand
	now     time.Time
	systems []*system
	links   []*link
	flying  []*flight // in the order of arrival
	apart   map[*wire]time.Time
}

type system struct {
	group *Group
	ports []*wire
	off   bool      // its process is not running
	slow  time.Time // when it last had the long timeout
}

// wire is a port, and the way from it to the other end.
type wire struct {
	system *system
	name   string
	config PortConfig
	link   *link
	peer   *wire

	mute  bool          // what it sends is lost
	loss  float64       // of its PDUs, 0..1
	delay time.Duration // at most, of each PDU
	last  time.Time     // when what it sent last arrives
	sent  []time.Time   // LACPDUs
}

type link struct {
	ends [2]*wire
	cut  bool // no carrier
}

type flight struct {
	at  time.Time
	to  *wire
	pdu []byte
}

// build makes systems with these configurations. Each link names the systems at
// its ends.
func build(t testing.TB, seed uint64, configs []Config, links [][2]int) *world {
	w := &world{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), now: epoch(), apart: map[*wire]time.Time{}}
	for i, c := range configs {
		c.SystemID, c.Key = spec.MAC{2, 0, 0, 0, 0, byte(i + 1)}, 1
		w.systems = append(w.systems, &system{group: New(c)})
	}
	for _, ends := range links {
		l := &link{}
		for i, s := range ends {
			system := w.systems[s]
			n := len(system.ports) + 1
			e := &wire{system: system, name: fmt.Sprintf("m%02d", n), link: l, delay: time.Millisecond}
			e.config = PortConfig{Number: uint16(n), Priority: spec.DefaultPortPriority, SpeedMegabits: 10000, Up: true}
			system.ports = append(system.ports, e)
			l.ends[i] = e
		}
		l.ends[0].peer, l.ends[1].peer = l.ends[1], l.ends[0]
		w.links = append(w.links, l)
	}
	for _, s := range w.systems {
		for _, p := range s.ports {
			w.set(p)
		}
	}
	return w
}

// set tells a group about its port.
func (w *world) set(p *wire) {
	c := p.config
	c.Up = c.Up && !p.link.cut && p.peer.config.Up
	if !p.system.off {
		p.system.group.SetPort(w.now, p.name, c)
		w.collect(p.system)
	}
}

func (w *world) setBoth(p *wire) {
	w.set(p)
	w.set(p.peer)
}

// collect takes out what a group wants to send, and checks all that must hold.
func (w *world) collect(s *system) {
	for _, f := range s.group.Outbox() {
		p := s.ports[slices.IndexFunc(s.ports, func(p *wire) bool { return p.name == f.Port })]
		w.rate(p)
		if p.link.cut || p.mute || w.random.Float64() < p.loss {
			continue
		}
		at := later(w.now.Add(time.Duration(w.random.Int64N(int64(p.delay)+1))), p.last)
		p.last = at // a link keeps the order
		i, _ := slices.BinarySearchFunc(w.flying, at, func(f *flight, at time.Time) int {
			if f.at.After(at) {
				return 1
			}
			return -1 // behind all of the same time
		})
		w.flying = slices.Insert(w.flying, i, &flight{at, p.peer, f.PDU})
	}
	w.check(s)
}

// rate checks that no more PDUs go than may.
func (w *world) rate(p *wire) {
	p.sent = append(p.sent, w.now)
	if n := len(p.sent); n > PDUsPerSecond && w.now.Sub(p.sent[n-1-PDUsPerSecond]) < FastPeriod {
		w.fail("%s sends more than %d PDUs a second", p.name, PDUsPerSecond)
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, at %v: %s", w.seed, w.now.Sub(epoch()), fmt.Sprintf(format, args...))
}

// check looks at what must hold for one group at any time.
func (w *world) check(s *system) {
	w.t.Helper()
	var one *port
	for _, p := range s.group.ports {
		switch {
		case p.mux == distributing && !p.fallback && (p.rx != current || !p.inSync() || !p.collects()):
			w.fail("%s distributes, its partner is %s in %v", p.name, bits(p.partner.State), p.rx)
		case p.mux >= attached && p.selected != selected:
			w.fail("%s is %v and %v", p.name, p.mux, p.selected)
		case p.mux >= collecting && !p.config.Up:
			w.fail("%s collects and is down", p.name)
		}
		if p.mux < collecting {
			continue
		}
		if one != nil && (p.lagID() != one.lagID() || p.fallback || one.fallback) {
			w.fail("%s has partner %+v, %s has %+v", p.name, p.lagID(), one.name, one.lagID())
		}
		one = p
	}
}

// honest checks that no port distributes for long to one that does not collect:
// no longer than until its PDU must have come or its time has run out.
func (w *world) honest() {
	for _, s := range w.systems {
		if !s.group.config.Fast {
			s.slow = w.now
		}
	}
	for _, l := range w.links {
		for _, p := range l.ends {
			_, v := p.system.group.Member(p.name)
			_, peer := p.peer.system.group.Member(p.peer.name)
			if !v.Distributing || peer.Collecting || p.system.off || p.peer.system.off || p.system.group.FellBack() {
				delete(w.apart, p)
				continue
			}
			if w.apart[p].IsZero() {
				w.apart[p] = w.now
			}
			most := ShortTime + maxDelay
			if w.now.Sub(p.system.slow) < LongTime {
				most = LongTime + maxDelay
			}
			if since := w.now.Sub(w.apart[p]); since > most {
				w.fail("%s distributes for %v to one that does not collect", p.name, since)
			}
		}
	}
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := end
		for _, s := range w.systems {
			if t := s.group.Next(); !s.off && !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		if len(w.flying) > 0 && w.flying[0].at.Before(next) {
			next = w.flying[0].at
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step()
		if !w.now.Before(end) {
			return
		}
	}
}

// step hands over what has arrived and does what is due.
func (w *world) step() {
	for len(w.flying) > 0 && !w.flying[0].at.After(w.now) {
		f := w.flying[0]
		w.flying = w.flying[1:]
		if s := f.to.system; !s.off && !f.to.link.cut {
			s.group.Receive(w.now, f.to.name, f.pdu)
			w.collect(s)
		}
	}
	for _, s := range w.systems {
		if s.off {
			continue
		}
		s.group.Advance(w.now)
		if next := s.group.Next(); !next.IsZero() && !next.After(w.now) {
			w.fail("Next is not behind Advance")
		}
		w.collect(s)
	}
	w.honest()
}

// restart ends a system's process and lets another go on after some time.
func (w *world) restart(s *system, after time.Duration) {
	b, err := json.Marshal(s.group.Save(w.now))
	if err != nil {
		w.fail("%v", err)
	}
	s.off = true
	w.pass(after)
	var saved State
	if err := json.Unmarshal(b, &saved); err != nil {
		w.fail("%v", err)
	}
	s.group, s.off = New(s.group.config), false
	s.group.Restore(w.now, saved)
	for _, p := range s.ports {
		p.sent = nil
		w.set(p)
	}
}

// all says whether each port of both ends of the links carries traffic.
func (w *world) all(links ...*link) bool {
	for _, l := range links {
		for _, p := range l.ends {
			if _, v := p.system.group.Member(p.name); !v.Distributing || !v.Collecting {
				return false
			}
		}
	}
	return true
}

// traffic waits until all links carry traffic in both directions.
func (w *world) traffic(within time.Duration, links ...*link) time.Duration {
	w.t.Helper()
	begin := w.now
	for !w.all(links...) {
		if w.now.Sub(begin) > within {
			for _, l := range links {
				for _, p := range l.ends {
					m, v := p.system.group.Member(p.name)
					w.t.Logf("%s: %s %s %+v", p.name, bits(m.Actor.State), bits(m.Partner.State), v)
				}
			}
			w.fail("no traffic within %v", within)
		}
		w.pass(time.Millisecond)
	}
	return w.now.Sub(begin)
}

func TestTrafficSoonAfterCarrier(t *testing.T) {
	fast, slow, passive := Config{Fast: true}, Config{}, Config{Passive: true, Fast: true}
	for _, tt := range []struct {
		name    string
		configs []Config
	}{{"fast", []Config{fast, fast}}, {"slow", []Config{slow, slow}}, {"mixed", []Config{fast, slow}}, {"passive", []Config{passive, slow}}} {
		for _, n := range []int{1, 2, 8, 32} {
			t.Run(fmt.Sprintf("%s %d", tt.name, n), func(t *testing.T) {
				w := build(t, 1, tt.configs, slices.Repeat([][2]int{{0, 1}}, n))
				t.Logf("traffic after %v", w.traffic(100*time.Millisecond, w.links...))
				w.pass(FastPeriod)
				for _, s := range w.systems {
					for _, p := range s.ports {
						want := Aggregation | Synchronization | Collecting | Distributing
						if m, _ := s.group.Member(p.name); m.Actor.State&0xfc != want {
							t.Errorf("%s is %s", p.name, bits(m.Actor.State))
						}
					}
				}
			})
		}
	}
}

func TestSilentFailure(t *testing.T) {
	w := build(t, 1, []Config{{Fast: true}, {Fast: true}}, [][2]int{{0, 1}, {0, 1}})
	w.traffic(time.Second, w.links...)
	w.pass(10 * time.Second)
	silent := w.links[0].ends[1]
	silent.mute = true
	begin := w.now
	for w.all(w.links[0]) {
		w.pass(time.Millisecond)
	}
	if out := w.now.Sub(begin); out > ShortTime {
		t.Errorf("out after %v", out)
	}
	if !w.all(w.links[1]) {
		t.Error("the other member is out too")
	}
	silent.mute = false
	t.Logf("back after %v", w.traffic(FastPeriod+time.Second, w.links...))
}

func TestTwoPassive(t *testing.T) {
	w := build(t, 1, []Config{{Passive: true}, {Passive: true}}, [][2]int{{0, 1}})
	w.pass(100 * time.Second)
	for _, s := range w.systems {
		m, v := s.group.Member("m01")
		if !m.BothPassive || m.Counters.Out+m.Counters.In != 0 || v.Reason != spec.MemberNoPartner {
			t.Errorf("%+v %+v", m, v)
		}
	}
}

func TestRestartWithoutFlap(t *testing.T) {
	for _, away := range []time.Duration{0, 300 * time.Millisecond, 1900 * time.Millisecond} {
		t.Run(away.String(), func(t *testing.T) {
			w := build(t, 1, []Config{{Fast: true}, {Fast: true}}, slices.Repeat([][2]int{{0, 1}}, 4))
			w.traffic(time.Second, w.links...)
			w.pass(5500 * time.Millisecond)
			for range 5 {
				w.restart(w.systems[0], away)
				for range 3000 {
					w.pass(time.Millisecond)
					if !w.all(w.links...) {
						w.fail("a member flapped")
					}
				}
			}
			for _, p := range w.systems[1].ports {
				if m, _ := w.systems[1].group.Member(p.name); m.Counters.Timeouts != 0 || m.Counters.PartnerChanges != 0 {
					t.Errorf("the partner's counters are %+v", m.Counters)
				}
			}
		})
	}
}

// Options that only the protocol sees move no traffic.
func TestTimeoutsChangeWithoutFlap(t *testing.T) {
	w := build(t, 1, []Config{{Fast: true}, {}}, slices.Repeat([][2]int{{0, 1}}, 4))
	w.traffic(time.Second, w.links...)
	for i := range 40 {
		c := w.systems[i%2].group.config
		c.Fast = i/2%2 == 0
		if i%4 == 3 {
			c.Passive = !c.Passive && !w.systems[1-i%2].group.config.Passive
		}
		w.systems[i%2].group.Configure(w.now, c)
		w.collect(w.systems[i%2])
		for range 200 {
			w.pass(time.Duration(w.random.Int64N(int64(time.Second))))
			if !w.all(w.links...) {
				w.fail("a member flapped after change %d", i)
			}
		}
	}
}

// Whatever happens, nothing that must hold is broken; and when all is well
// again, all that can carry traffic does.
func TestRandomFaults(t *testing.T) {
	worlds := 100
	if testing.Short() {
		worlds = 30
	}
	for seed := range worlds {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		configs := []Config{anyConfig(r), anyConfig(r)}
		configs[1].Passive = configs[1].Passive && !configs[0].Passive
		w := build(t, uint64(seed), configs, slices.Repeat([][2]int{{0, 1}}, 1+r.IntN(6)))
		for range 60 {
			w.fault()
			w.pass(time.Duration(w.random.Int64N(int64(5 * time.Second))))
		}
		w.heal()
		w.traffic(2*LongTime, w.links...)
		w.pass(LongTime)
		if !w.all(w.links...) {
			w.fail("traffic ended")
		}
	}
}

// Three systems, wired at random: no aggregate ever has two partners.
func TestRandomCables(t *testing.T) {
	for seed := range 30 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		configs := []Config{anyConfig(r), anyConfig(r), anyConfig(r)}
		var cables [][2]int
		for range 2 + r.IntN(6) {
			a := r.IntN(3)
			cables = append(cables, [2]int{a, (a + 1 + r.IntN(2)) % 3})
		}
		configs[0].Passive, configs[1].Passive, configs[2].Passive = false, false, false
		w := build(t, uint64(seed), configs, cables)
		for range 40 {
			w.fault()
			w.pass(time.Duration(w.random.Int64N(int64(5 * time.Second))))
		}
		w.heal()
		w.pass(3 * LongTime)
		if !slices.ContainsFunc(w.links, func(l *link) bool { return w.all(l) }) {
			w.fail("no link carries traffic")
		}
	}
}

func anyConfig(r *rand.Rand) Config {
	return Config{
		SystemPriority: uint16(r.IntN(3)), Passive: r.IntN(4) == 0, Fast: r.IntN(3) != 0,
		Fallback: r.IntN(4) == 0, FallbackTimeout: time.Duration(r.IntN(10)) * time.Second,
	}
}

// maxDelay is the longest that a PDU takes.
const maxDelay = time.Second

// fault breaks or mends one thing.
func (w *world) fault() {
	p := w.links[w.random.IntN(len(w.links))].ends[w.random.IntN(2)]
	s := w.systems[w.random.IntN(len(w.systems))]
	c := s.group.config
	switch w.random.IntN(14) {
	case 0, 1:
		p.link.cut = !p.link.cut
	case 2:
		p.mute = !p.mute
	case 3:
		p.loss = w.random.Float64()
	case 4:
		p.delay = time.Duration(w.random.Int64N(int64(maxDelay)))
	case 5:
		p.config.Up = !p.config.Up
	case 6:
		p.config.Priority = uint16(w.random.IntN(3))
	case 7:
		c.SystemPriority = uint16(w.random.IntN(3))
	case 8:
		c.Fast = !c.Fast
	case 9:
		c.Key = uint8(1 + w.random.IntN(2))
	case 10:
		w.restart(s, time.Duration(w.random.Int64N(int64(4*time.Second))))
	case 11:
		p.config.Drained = !p.config.Drained
	case 12:
		p.config.Standby = !p.config.Standby
	case 13:
		p.system.group.RemovePort(w.now, p.name)
		w.collect(p.system)
		w.pass(time.Duration(w.random.Int64N(int64(2 * time.Second))))
		p.sent = nil
	}
	s.group.Configure(w.now, c)
	w.collect(s)
	w.setBoth(p)
}

// heal mends everything.
func (w *world) heal() {
	for _, l := range w.links {
		l.cut = false
		for _, p := range l.ends {
			p.mute, p.loss, p.delay = false, 0, time.Millisecond
			p.config.Up, p.config.Drained, p.config.Standby = true, false, false
		}
	}
	for _, l := range w.links {
		w.setBoth(l.ends[0])
	}
}
