package datapath

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// team is an aggregate that is a switch port of VLAN 10.
func team(name string, mode spec.AggregateMode, change func(*spec.Aggregate)) *spec.Port {
	p := access(name, "default", 10)
	p.Aggregate = spec.NewAggregate(mode)
	if change != nil {
		change(p.Aggregate)
	}
	return p
}

func member(name, aggregate string) *spec.Port {
	return &spec.Port{Name: name, Enabled: true, Member: &spec.Member{Aggregate: aggregate, Priority: spec.DefaultPortPriority}}
}

// teamBench has the host p1, and members m1… whose other ends are in one
// namespace.
type teamBench struct {
	*bench
	far   *lab.NS
	host  *lab.Wire
	wires []*lab.Wire // of the far ends of m1…
}

func newTeamBench(t testing.TB, members int) *teamBench {
	b := newBench(t)
	w := &teamBench{bench: b, far: lab.New(t), host: b.host("p1")}
	for i := range members {
		w.addMember(i + 1)
	}
	return w
}

func (b *teamBench) addMember(i int) {
	b.t.Helper()
	name := fmt.Sprint("m", i)
	b.ns.Veth(b.t, name, b.far, name)
	b.wires = append(b.wires, b.far.Wire(b.t, name))
}

// teamed is the configuration of p1, the aggregate and its members.
func (b *teamBench) teamed(mode spec.AggregateMode, change func(*spec.Aggregate)) spec.Change {
	all := []*spec.Port{access("p1", "default", 10), team("lag", mode, change)}
	for i := range b.wires {
		all = append(all, member(fmt.Sprint("m", i+1), "lag"))
	}
	return ports(all...)
}

func (b *teamBench) lag() *spec.AggregateState {
	if i := b.State().Interfaces["lag"]; i != nil {
		return i.Aggregate
	}
	return nil
}

// active waits until just these members are active, and the far ends may send.
func (b *teamBench) active(members ...string) {
	b.t.Helper()
	lab.Wait(b.t, fmt.Sprint(members, " active"), func() bool {
		return b.lag() != nil && slices.Equal(b.lag().Active, members)
	})
	for _, m := range members {
		if i := slices.IndexFunc(b.wires, func(w *lab.Wire) bool { return strings.HasPrefix(m, "m") }); i >= 0 {
			b.far.WaitUp(b.t, m)
		}
	}
}

// leaves sends a frame from the host and tells the member that it left by.
func (b *teamBench) leaves(dst, src spec.MAC, number uint32) int {
	b.t.Helper()
	want := frame(dst, src, 0, number)
	b.host.Send(want)
	by := -1
	lab.Wait(b.t, fmt.Sprintf("frame %d", number), func() bool {
		for i, w := range b.wires {
			if got := nextTest(w, 0); got != nil {
				if string(got) != string(want) {
					b.t.Fatalf("m%d: received % x, want % x", i+1, got, want)
				}
				by = i
				return true
			}
		}
		return false
	})
	return by
}

func TestTeamStatic(t *testing.T) {
	b := newTeamBench(t, 3)
	b.apply(b.teamed(spec.StaticLAG, func(a *spec.Aggregate) { a.Distribution = spec.MACAddresses }))
	b.active("m1", "m2", "m3")
	b.carries("p1", "lag")

	if i := b.State().Interfaces["lag"]; i.Port.Kind != spec.KindLAG || i.SpeedMegabits != 30000 || i.MTU != 1500 || !i.Present {
		t.Errorf("the aggregate is told %+v", i)
	}
	left := make(map[int]int)
	for n := range uint32(64) {
		left[b.leaves(station(byte(n+100)), station(1), n)]++
	}
	if len(left) != 3 {
		t.Errorf("64 flows left by members %v, want all three", left)
	}
	for i, w := range b.wires {
		in := frame(station(1), station(50), 0, uint32(i))
		w.Send(in)
		expect(t, b.host, in)
	}
	b.host.Send(frame(broadcast, station(1), 0, 99))
	b.one(frame(broadcast, station(1), 0, 99))
	b.wires[0].Send(frame(broadcast, station(50), 0, 98))
	expect(t, b.host, frame(broadcast, station(50), 0, 98))
	b.quiet()
	sum := b.counters("lag").Port
	if sum.Out.Unicast+sum.Out.Multicast != 64 || sum.Out.Broadcast != 1 || sum.In.Unicast != 3 || sum.In.Broadcast != 1 {
		t.Errorf("the aggregate counts %+v", sum)
	}
	for i := range b.wires {
		if c := b.counters(fmt.Sprint("m", i+1)).Port; c == nil || int(c.Out.Unicast) != left[i] {
			t.Errorf("m%d counts %+v, want %d frames out", i+1, c, left[i])
		}
	}
}

// one wants a frame to come in at one member only, and nothing else.
func (b *teamBench) one(want []byte) {
	b.t.Helper()
	lab.Wait(b.t, "one copy", func() bool {
		for _, w := range b.wires {
			if got := nextTest(w, 0); string(got) == string(want) {
				return true
			}
		}
		return false
	})
}

// quiet wants no frame to wait at a member.
func (b *teamBench) quiet() {
	b.t.Helper()
	for i, w := range b.wires {
		if got := nextTest(w, 0); got != nil {
			b.t.Errorf("m%d: received % x, want nothing", i+1, got)
		}
	}
}

func (b *teamBench) member(name string) *spec.MemberState { return b.State().Interfaces[name].Member }

func TestTeamFailover(t *testing.T) {
	for _, mode := range []spec.AggregateMode{spec.StaticLAG, spec.SwitchIndependent} {
		t.Run(fmt.Sprint("mode ", mode), func(t *testing.T) {
			b := newTeamBench(t, 2)
			b.apply(b.teamed(mode, func(a *spec.Aggregate) { a.Distribution = spec.VLANSourceMAC }))
			b.active("m1", "m2")
			b.carries("p1")
			b.far.SetUp(t, "m2", false)
			b.active("m1")
			lab.Wait(t, "m2 is told lost", func() bool {
				i := b.State().Interfaces["m2"]
				m := i.Member
				lost := m.Reason == spec.MemberNoCarrier && m.Role == spec.MemberDown && !m.Collecting
				if lost && i.Oper != spec.OperDown {
					t.Errorf("m2 is told lost with status %v, want %v", i.Oper, spec.OperDown)
				}
				return lost
			})
			if a := b.lag(); a.Failovers != 1 || a.LastReason != spec.MemberNoCarrier || a.LastFailover <= 0 {
				t.Errorf("aggregate %+v, want one failover with its duration", a)
			}
			for n := range uint32(20) {
				if by := b.leaves(station(100), station(byte(n+1)), n); by != 0 {
					t.Errorf("frame %d left by m%d", n, by+1)
				}
			}
			b.far.SetUp(t, "m1", false)
			b.wait("the aggregate is down", func(i *spec.Interface) bool {
				return i.Oper == spec.OperLowerLayerDown && !i.Port.Forwarding
			}, "lag")
			b.far.SetUp(t, "m2", true)
			b.active("m2")
			b.carries("lag")
			b.far.SetUp(t, "m1", true)
			b.active("m1", "m2")
			if m := b.member("m1"); m.Buckets != 128 || m.Transitions != 3 {
				t.Errorf("m1 %+v, want its 128 buckets back after 3 transitions", m)
			}
		})
	}
}

func TestTeamInvalid(t *testing.T) {
	b := newTeamBench(t, 2)
	b.ns.Bridge(t, "br0")
	b.ns.Veth(t, "taken", b.far, "taken")
	if err := b.ns.LinkSetMaster(b.ns.Link(t, "taken"), b.ns.Link(t, "br0")); err != nil {
		t.Fatal(err)
	}
	b.apply(b.teamed(spec.StaticLAG, nil))
	b.active("m1", "m2")
	was := b.readable()
	many := func() spec.Change {
		var all []*spec.Port
		for i := range spec.MaxMembers + 1 {
			all = append(all, member(fmt.Sprintf("x%02d", i), "lag"))
		}
		return ports(all...)
	}
	aggregates := func() spec.Change {
		var all []*spec.Port
		for i := range spec.MaxAggregates {
			all = append(all, team(fmt.Sprintf("l%03d", i), spec.StaticLAG, nil))
		}
		return ports(all...)
	}
	itself := access("m1", "default", 10)
	itself.Member = &spec.Member{Aggregate: "lag"}
	tests := []struct {
		name   string
		change spec.Change
		port   string
		reason string
	}{
		{"no aggregate of that name", ports(member("x", "other")), "x", "no aggregate"},
		{"a member of a plain port", ports(member("x", "p1")), "x", "no aggregate"},
		{"a member of a member", ports(member("x", "m1")), "x", "no aggregate"},
		{"an aggregate that goes and has members", spec.Change{Ports: map[string]*spec.Port{"lag": nil}}, "m1", "no aggregate"},
		{"a member that is a switch port", ports(itself), "m1", "cannot be a switch port itself"},
		{"33 members", many(), "x30", "32 members"},
		{"129 aggregates", aggregates(), "l127", "128 aggregates"},
		{"the name of an interface", ports(team("br0", spec.StaticLAG, nil)), "br0", "name of a network interface"},
		{"a primary that is no member", ports(team("lag", spec.StaticLAG, func(a *spec.Aggregate) { a.Primary = "x" })), "lag", "primary member x"},
		{"the primary leaves", func() spec.Change {
			c := ports(team("lag", spec.StaticLAG, func(a *spec.Aggregate) { a.Primary = "m1" }))
			c.Ports["m1"] = nil
			return c
		}(), "lag", "primary member m1"},
		{"a member of a bridge", ports(member("taken", "lag")), "taken", "belongs to another device"},
		{"an aggregate in an aggregate", func() spec.Change {
			p := team("lag", spec.StaticLAG, nil)
			p.Member = &spec.Member{Aggregate: "other"}
			return ports(p)
		}(), "lag", "cannot be a member"},
		{"a distribution that moves addresses about", ports(team("lag", spec.SwitchIndependent, func(a *spec.Aggregate) {
			a.Distribution = spec.TransportPorts
		})), "lag", "know nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for what, err := range map[string]error{
				"check": b.Check(context.Background(), tt.change), "apply": b.Apply(context.Background(), tt.change),
			} {
				var invalid *spec.Invalid
				if !errors.As(err, &invalid) || invalid.Port != tt.port || !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("%s: %v, want %q about %s", what, err, tt.reason, tt.port)
				}
			}
			if diff := cmp.Diff(was, b.readable()); diff != "" {
				t.Errorf("something changed (-want +got):\n%s", diff)
			}
		})
	}
	b.wants(t, "at the end")
	b.active("m1", "m2")
}

// TestTeamRestart goes on with the same table.
func TestTeamRestart(t *testing.T) {
	b := newTeamBench(t, 3)
	config := b.teamed(spec.SwitchIndependent, func(a *spec.Aggregate) { a.Distribution = spec.ActiveBackup })
	b.apply(config)
	b.active("m1")
	b.far.SetUp(t, "m1", false)
	b.active("m2")
	b.far.SetUp(t, "m1", true)
	lab.Wait(t, "m1 waits", func() bool { return b.member("m1").Role == spec.MemberStandby })
	was := b.readable()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.open()
	f := b.inject()
	b.apply(config)
	if diff := cmp.Diff(was, b.readable()); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	for _, call := range f.calls {
		if call != "put attachment" {
			t.Errorf("the same configuration after a restart: %s", call)
		}
	}
	b.active("m2")
	b.wants(t, "after a restart")
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	b.Datapath = nil
}

// TestSourceBucket compares the bucket that is announced by with the member
// that the program sends by.
func TestSourceBucket(t *testing.T) {
	b := newTeamBench(t, 4)
	for _, d := range []spec.Distribution{spec.VLANSourceMAC, spec.SwitchPort, spec.ActiveBackup} {
		b.apply(b.teamed(spec.SwitchIndependent, func(a *spec.Aggregate) { a.Distribution = d }))
		lab.Wait(t, "active", func() bool { return b.lag().Distribution == d && len(b.lag().Active) > 0 })
		for i := range b.wires {
			b.far.WaitUp(t, fmt.Sprint("m", i+1))
		}
		b.carries("p1", "lag")
		lab.Wait(t, "all can carry", func() bool {
			return !slices.ContainsFunc([]string{"m1", "m2", "m3", "m4"}, func(m string) bool { return b.member(m).Role == spec.MemberDown })
		})
		var table fastpath.LAG
		b.owner(func() { table, _ = b.tables.lags.Get(b.lag().Number) })
		port := b.State().Interfaces["p1"].Port.Number
		for n := range uint32(40) {
			src := spec.MAC{2, byte(n * 7), byte(n), 3, byte(n * 31), byte(n * 13)}
			by := b.leaves(station(200), src, n)
			want := carrier(&table, &fastpath.Entry{VLAN: fastpath.VLAN{ID: 10}, MAC: src, Port: port})
			if got := uint32(b.ns.Link(t, fmt.Sprint("m", by+1)).Attrs().Index); got != want {
				t.Errorf("%s: frames of %s leave by interface %d, want %d", d, src, got, want)
			}
		}
	}
}

// TestTeamAnnounces wants the addresses that moved to be announced by the
// member that they moved to.
func TestTeamAnnounces(t *testing.T) {
	b := newTeamBench(t, 2)
	b.apply(b.teamed(spec.SwitchIndependent, func(a *spec.Aggregate) { a.Announcements = 2 }))
	b.active("m1", "m2")
	b.carries("p1", "lag")
	by := make(map[spec.MAC]int)
	for n := range uint32(200) {
		src := spec.MAC{2, 0, 0, 9, byte(n >> 8), byte(n)}
		by[src] = b.leaves(station(200), src, n)
	}
	lab.Wait(t, "the learned addresses", func() bool { return len(b.entries()) == 200 })
	base := b.lag().Announced // what was learned while the members came up
	b.far.SetUp(t, "m2", false)
	want := make(map[spec.MAC]int)
	for mac, m := range by {
		if m == 1 {
			want[mac] = 2
		}
	}
	got := make(map[spec.MAC]int)
	lab.Wait(t, "the announcements", func() bool {
		for f := b.wires[0].Receive(0); f != nil; f = b.wires[0].Receive(0) {
			if f[12] == 0x80 && f[13] == 0x35 {
				got[spec.MAC(f[6:12])]++
			}
		}
		for mac, n := range want {
			if got[mac] < n {
				return false
			}
		}
		return true
	})
	lab.Wait(t, "the count", func() bool { return b.lag().Announced == base+uint64(len(want)) })
}

// TestTeamLimits wants an aggregate to be up by its min-links and hold-times.
func TestTeamLimits(t *testing.T) {
	b := newTeamBench(t, 2)
	c := b.teamed(spec.StaticLAG, func(a *spec.Aggregate) { a.MinLinks = 2 })
	b.apply(c)
	b.active("m1", "m2")
	b.carries("p1", "lag")
	b.wires[0].Send(frame(station(1), station(50), 0, 1))
	expect(t, b.host, frame(station(1), station(50), 0, 1))
	lab.Wait(t, "the learned address", func() bool { return len(b.entries()) > 0 })

	b.far.SetUp(t, "m2", false)
	b.wait("the aggregate is down", func(i *spec.Interface) bool {
		return i.Oper == spec.OperLowerLayerDown && !i.Port.Forwarding && i.AdminUp
	}, "lag")
	lab.Wait(t, "m1 is one of too few", func() bool {
		m := b.member("m1")
		return m.Reason == spec.MemberTooFewLinks && !m.Collecting && !m.Distributing
	})
	lab.Wait(t, "no address behind the aggregate", func() bool {
		return !slices.ContainsFunc(b.entries(), func(e string) bool { return strings.Contains(e, "lag") })
	})
	b.wires[0].Send(frame(station(1), station(50), 0, 2))
	lab.Wait(t, "the drop", func() bool {
		return b.counters("m1").Port.In.Drops[spec.DropLAGInactive]+b.counters("lag").Port.In.Drops[spec.DropPortDown] > 0
	})
	b.far.SetUp(t, "m2", true)
	b.carries("lag")

	held := team("lag", spec.StaticLAG, nil)
	held.HoldDown = time.Hour
	b.apply(ports(held))
	b.far.SetUp(t, "m1", false)
	b.far.SetUp(t, "m2", false)
	lab.Wait(t, "nobody active", func() bool { return len(b.lag().Active) == 0 })
	if i := b.State().Interfaces["lag"]; i.Oper != spec.OperUp || i.Port.Forwarding {
		t.Errorf("the aggregate is told %+v, %+v; want it held up, and forwarding nothing", i, i.Port)
	}
	off := team("lag", spec.StaticLAG, nil)
	off.Enabled = false
	b.apply(ports(off))
	if i, m := b.State().Interfaces["lag"], b.member("m1"); i.Oper != spec.OperDown || i.AdminUp || m.Reason != spec.MemberDisabled {
		t.Errorf("disabled: %+v, m1 %+v", i, m)
	}
}

// TestTeamCheck checks a change that would end an aggregate, and wants nothing
// to be other than before.
func TestTeamCheck(t *testing.T) {
	b := newTeamBench(t, 2)
	b.apply(b.teamed(spec.StaticLAG, nil))
	b.active("m1", "m2")
	b.apply(b.teamed(spec.StaticLAG, func(a *spec.Aggregate) { a.UpDelay = spec.MaxLinkDelay })) // it has stood
	was := b.readable()
	c := spec.Change{Ports: map[string]*spec.Port{"lag": nil, "m1": nil, "m2": nil}}
	if err := b.Check(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	b.wants(t, "after a check")
	if diff := cmp.Diff(was, b.readable()); diff != "" || len(b.lag().Active) != 2 {
		t.Errorf("after a check %v active (-want +got):\n%s", b.lag().Active, diff)
	}
	b.apply(c)
	if i := b.State().Interfaces["lag"]; i != nil {
		t.Errorf("the aggregate that went is told %+v", i)
	}
	if m := b.State().Interfaces["m1"]; m.Member != nil || m.AdminUp {
		t.Errorf("m1 that was a member is told %+v", m)
	}
}

// TestTeamMTU wants members to follow their aggregate, and to get back what
// they had.
func TestTeamMTU(t *testing.T) {
	b := newTeamBench(t, 2)
	c := b.teamed(spec.StaticLAG, nil)
	c.Ports["lag"].MTU = 1400
	b.apply(c)
	for _, name := range []string{"m1", "m2", "lag"} {
		b.wait("the mtu of "+name, func(i *spec.Interface) bool { return i.MTU == 1400 }, name)
	}
	b.apply(spec.Change{Ports: map[string]*spec.Port{"m2": nil}})
	b.apply(ports(team("lag", spec.StaticLAG, nil)))
	for _, name := range []string{"m1", "m2", "lag"} {
		b.wait("the mtu of "+name, func(i *spec.Interface) bool { return i.MTU == 1500 }, name)
	}
	long := team("lag", spec.StaticLAG, nil)
	long.MTU = spec.MaxMTU
	b.ns.TAP(t, "t0")
	b.apply(ports(member("t0", "lag")))
	var invalid *spec.Invalid
	if err := b.Apply(context.Background(), ports(long)); !errors.As(err, &invalid) || invalid.Port != "lag" {
		t.Errorf("an mtu that a member can't have: %v", err)
	}
}

// TestTeamDynamic wants flows to move away from the member that has most load.
func TestTeamDynamic(t *testing.T) {
	b := newTeamBench(t, 2)
	b.apply(b.teamed(spec.StaticLAG, func(a *spec.Aggregate) {
		a.Distribution, a.RebalanceInterval = spec.Dynamic, 100*time.Millisecond
	}))
	b.active("m1", "m2")
	b.carries("p1", "lag")
	// Two flows that leave by the same member.
	first := b.leaves(station(200), station(1), 0)
	second := byte(2)
	for b.leaves(station(200), station(second), 1) != first {
		second++
	}
	lab.Wait(t, "a move", func() bool {
		for range 20 {
			b.leaves(station(200), station(1), 2)
			b.leaves(station(200), station(second), 2)
		}
		return b.lag().Moved > 0
	})
	lab.Wait(t, "both members", func() bool {
		return b.leaves(station(200), station(1), 3) != b.leaves(station(200), station(second), 3)
	})
}
