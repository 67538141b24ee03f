package datapath

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// pair is two elements, each with a host, and links between them.
type pair struct {
	a, b   *teamBench
	aw, bw *lab.Wire // of the hosts
	links  int
}

func newPair(t testing.TB, links int) *pair {
	p := &pair{a: &teamBench{bench: newBench(t)}, b: &teamBench{bench: newBench(t)}, links: links}
	p.aw, p.bw = p.a.bench.host("p1"), p.b.bench.host("p1")
	for i := range links {
		name := fmt.Sprint("m", i+1)
		p.a.ns.Veth(t, name, p.b.ns, name)
	}
	return p
}

// lacp is the configuration of one end.
func (p *pair) lacp(change func(*spec.Aggregate)) spec.Change {
	all := []*spec.Port{access("p1", "default", 10), team("lag", spec.LACPManaged, func(a *spec.Aggregate) {
		a.LACP.Fast = true
		a.Distribution = spec.VLANSourceMAC
		if change != nil {
			change(a)
		}
	})}
	for i := range p.links {
		all = append(all, member(fmt.Sprint("m", i+1), "lag"))
	}
	return ports(all...)
}

func (p *pair) up(t testing.TB, members ...string) {
	t.Helper()
	p.a.active(members...)
	p.b.active(members...)
	p.a.carries("p1", "lag")
	p.b.carries("p1", "lag")
}

// talk sends a frame each way.
func (p *pair) talk(t *testing.T, n uint32) {
	t.Helper()
	p.aw.Send(frame(station(2), station(1), 0, n))
	expect(t, p.bw, frame(station(2), station(1), 0, n))
	p.bw.Send(frame(station(1), station(2), 0, n))
	expect(t, p.aw, frame(station(1), station(2), 0, n))
}

func members(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("m", i+1))
	}
	slices.Sort(names)
	return names
}

func TestLACP(t *testing.T) {
	p := newPair(t, 3)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(func(a *spec.Aggregate) { a.LACP.Passive = true }))
	p.up(t, members(3)...)
	p.talk(t, 1)
	m := p.a.member("m1").LACP
	if m == nil || m.Actor.State != 0x3f || m.Partner.State != 0x3e || m.Partner.SystemID != p.b.lag().LACP.SystemID {
		t.Errorf("LACP at m1: %+v, want both ends in sync", m)
	}
	if p.a.lag().LACP.SystemID == p.b.lag().LACP.SystemID {
		t.Error("both elements have one system id")
	}
	p.b.ns.SetUp(t, "m2", false)
	p.up(t, "m1", "m3")
	p.talk(t, 2)
	p.b.ns.SetUp(t, "m2", true)
	p.up(t, members(3)...)
	p.talk(t, 3)
	lab.Wait(t, "the counters of LACP", func() bool { c := p.a.member("m1").LACP.Counters; return c.In > 3 && c.Out > 3 })

	c := p.lacp(nil)
	drained := member("m1", "lag")
	drained.Member.Drained = true
	c.Ports["m1"] = drained
	p.a.apply(c)
	p.a.active("m2", "m3")
	if m := p.a.member("m1"); !m.Collecting || m.Reason != spec.MemberDrained {
		t.Errorf("a drained member: %+v, want it to collect", m)
	}
	p.talk(t, 4)
}

// TestLACPRestart closes one end and opens it again under load: nothing is
// lost, and the other end sees nothing of it.
func TestLACPRestart(t *testing.T) {
	p := newPair(t, 2)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(nil))
	p.up(t, members(2)...)
	p.talk(t, 0)
	lab.Wait(t, "the learned addresses", func() bool { return len(p.a.entries()) >= 2 && len(p.b.entries()) >= 2 })
	was := p.b.member("m1")
	s := startStream(p.aw, []*lab.Wire{p.bw}, station(2), 10)
	for range 3 {
		before := p.a.readable()
		p.a.kill(t)
		s.goes(t)
		p.a.open()
		f := p.a.inject()
		p.a.apply(p.lacp(nil))
		if i := slices.IndexFunc(f.calls, func(c string) bool { return c != "put attachment" }); i >= 0 {
			t.Errorf("the same configuration after a restart: %s", f.calls[i])
		}
		p.a.active(members(2)...)
		if diff := cmp.Diff(before, p.a.readable()); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		in := p.b.member("m1").LACP.Counters.In
		lab.Wait(t, "PDUs of the new instance", func() bool { return p.b.member("m1").LACP.Counters.In > in+1 })
	}
	if lost := s.stop(); lost != 0 {
		t.Errorf("%d of %d frames lost", lost, s.sent.Load())
	}
	is := p.b.member("m1")
	if is.Transitions != was.Transitions || is.LACP.Counters.Timeouts != was.LACP.Counters.Timeouts ||
		is.LACP.Counters.PartnerChanges != was.LACP.Counters.PartnerChanges {
		t.Errorf("the partner saw a change: %+v, %+v before", is.LACP.Counters, was.LACP.Counters)
	}
	if n := p.a.member("m1").LACP.Counters.PartnerChanges; n != p.b.member("m1").LACP.Counters.PartnerChanges {
		t.Errorf("%d changes of the partner at the end that was restarted", n)
	}
}

// kill ends the datapath without what it writes down when it is closed.
func (b *teamBench) kill(t *testing.T) {
	t.Helper()
	path := lacpFileOf(b.record).path
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, kept, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLACPMember lets a member fail and come back under load. What is on the
// wire when it fails is lost; nothing else is, at either end.
func TestLACPMember(t *testing.T) {
	p := newPair(t, 3)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(nil))
	p.up(t, members(3)...)
	p.talk(t, 0)
	there := startStream(p.aw, []*lab.Wire{p.bw}, station(2), 20)
	back := startStream(p.bw, []*lab.Wire{p.aw}, station(1), 20)
	const rounds = 4
	for range rounds {
		p.b.ns.SetUp(t, "m2", false)
		p.up(t, "m1", "m3")
		there.goes(t)
		p.b.ns.SetUp(t, "m2", true)
		p.up(t, members(3)...)
		there.goes(t)
	}
	for way, s := range map[string]*stream{"there": there, "back": back} {
		if lost := s.stop(); lost > rounds*onWire {
			t.Errorf("%s: %d of %d frames lost in %d failures, want at most %d each", way, lost, s.sent.Load(), rounds, onWire)
		}
	}
}

// TestLACPMute lets one end fall silent while the carrier stays.
func TestLACPMute(t *testing.T) {
	p := newPair(t, 2)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(nil))
	p.up(t, members(2)...)
	if err := p.b.Close(); err != nil {
		t.Fatal(err)
	}
	p.a.wait("the aggregate is down", func(i *spec.Interface) bool { return i.Oper == spec.OperLowerLayerDown }, "lag")
	if m := p.a.member("m1"); m.Reason != spec.MemberNoPartner || p.a.lag().LastReason != spec.MemberNoPartner {
		t.Errorf("m1 %+v, want it to miss its partner", m)
	}
	p.b.open()
	p.b.apply(p.lacp(nil))
	p.up(t, members(2)...)
	p.talk(t, 1)
}

// TestLACPPassive has two ends that both wait.
func TestLACPPassive(t *testing.T) {
	p := newPair(t, 1)
	passive := func(a *spec.Aggregate) { a.LACP.Passive = true }
	p.a.apply(p.lacp(passive))
	p.b.apply(p.lacp(passive))
	p.a.wait("that both are passive is told", func(i *spec.Interface) bool {
		return i.Member != nil && i.Member.LACP != nil && i.Member.LACP.BothPassive && i.Member.Role == spec.MemberDown
	}, "m1")
	p.a.apply(p.lacp(nil))
	p.up(t, "m1")
	p.talk(t, 1)
}

// TestLACPLeaves takes an aggregate away: the partner is told, and does not
// wait.
func TestLACPLeaves(t *testing.T) {
	p := newPair(t, 2)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(nil))
	p.up(t, members(2)...)
	leaves := ports()
	leaves.Ports["m1"] = nil
	p.a.apply(leaves)
	p.b.active("m2")
	if m := p.b.member("m1"); m.LACP.Counters.Timeouts != 0 {
		t.Errorf("m1 %+v %+v: want the partner to be told", m, m.LACP)
	}
	off := p.lacp(nil).Ports["lag"]
	off.Enabled = false
	p.a.apply(ports(off))
	p.b.wait("the aggregate is down", func(i *spec.Interface) bool { return i.Oper == spec.OperLowerLayerDown }, "lag")
	p.a.apply(ports(p.lacp(nil).Ports["lag"]))
	p.up(t, "m2")
	was := p.b.member("m2").LACP.Counters.Timeouts
	if err := p.a.Flush(); err != nil {
		t.Fatal(err)
	}
	p.a.Datapath = nil
	p.b.wait("the aggregate is down", func(i *spec.Interface) bool { return i.Oper == spec.OperLowerLayerDown }, "lag")
	if m := p.b.member("m2"); m.LACP.Counters.Timeouts != was {
		t.Errorf("m2 %+v: want the partner to be told", m.LACP)
	}
}

// TestLACPLeavesUnderLoad takes a member out and puts it in again while frames
// go both ways: none is lost.
func TestLACPLeavesUnderLoad(t *testing.T) {
	p := newPair(t, 3)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(nil))
	p.up(t, members(3)...)
	p.talk(t, 0)
	there := startStream(p.aw, []*lab.Wire{p.bw}, station(2), 20)
	back := startStream(p.bw, []*lab.Wire{p.aw}, station(1), 20)
	for range 4 {
		p.a.apply(spec.Change{Ports: map[string]*spec.Port{"m2": nil}})
		p.up(t, "m1", "m3")
		there.goes(t)
		p.a.apply(ports(member("m2", "lag")))
		p.up(t, members(3)...)
		there.goes(t)
	}
	for way, s := range map[string]*stream{"there": there, "back": back} {
		if lost := s.stop(); lost != 0 {
			t.Errorf("%s: %d of %d frames lost", way, lost, s.sent.Load())
		}
	}
}

// TestLACPVanish takes a member's interface away and makes it anew: it takes
// part again, with LACP at the new one.
func TestLACPVanish(t *testing.T) {
	p := newPair(t, 2)
	p.a.apply(p.lacp(nil))
	p.b.apply(p.lacp(nil))
	p.up(t, members(2)...)
	p.a.ns.Remove(t, "m1")
	p.up(t, "m2")
	p.a.wait("m1 is missed", func(i *spec.Interface) bool {
		return !i.Present && i.Member.Reason == spec.MemberNotPresent && i.Oper == spec.OperNotPresent
	}, "m1")
	p.talk(t, 1)
	p.a.ns.Veth(t, "m1", p.b.ns, "m1")
	p.up(t, members(2)...)
	p.talk(t, 2)
	p.a.wants(t, "after a member came anew")
	p.b.wants(t, "after a member came anew")
}
