package datapath

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// TestTwoSwitches has the same addresses and VLANs on two switches.
func TestTwoSwitches(t *testing.T) {
	b := newBench(t)
	a1, a2, c1, c2 := b.host("a1"), b.host("a2"), b.host("c1"), b.host("c2")
	b.apply(ports(access("a1", "a", 10), access("a2", "a", 10), access("c1", "c", 10), trunk("c2", "c", 10)))
	b.carries("a1", "a2", "c1", "c2")
	// The same two addresses, the other way round on the other switch.
	for i, w := range []*lab.Wire{a1, c2} {
		w.Send(frame(broadcast, station(1), 0, uint32(i)))
	}
	expect(t, a2, frame(broadcast, station(1), 0, 0))
	expect(t, c1, frame(broadcast, station(1), 0, 1))
	a2.Send(frame(station(1), station(2), 0, 3))
	c1.Send(frame(station(1), station(2), 0, 4))
	expect(t, a1, frame(station(1), station(2), 0, 3))
	expect(t, c2, frame(station(1), station(2), 0, 4))
	for _, w := range []*lab.Wire{a1, a2, c1, c2} {
		silent(t, w)
	}
}

// TestComeAndGo follows interfaces that are not there yet, vanish, are made
// again and are renamed.
func TestComeAndGo(t *testing.T) {
	b := newBench(t)
	w1 := b.host("p1")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10), access("p3", "default", 10)))
	b.carries("p1")
	present := func(i *spec.Interface) bool { return i != nil && i.Present }
	absent := func(i *spec.Interface) bool {
		return i != nil && !i.Present && i.Oper == spec.OperNotPresent && i.Port != nil && !i.Port.Forwarding
	}
	b.wait("p2 is told not present", absent, "p2")
	number := b.State().Interfaces["p2"].Port.Number

	w2 := b.host("p2")
	b.carries("p2")
	w1.Send(frame(broadcast, station(1), 0, 1))
	expect(t, w2, frame(broadcast, station(1), 0, 1))

	b.ns.Remove(t, "p2")
	b.wait("p2 vanished", absent, "p2")
	w2 = b.host("p2")
	b.carries("p2")
	w1.Send(frame(broadcast, station(1), 0, 2))
	expect(t, w2, frame(broadcast, station(1), 0, 2))
	if got := b.State().Interfaces["p2"].Port.Number; got != number {
		t.Errorf("port number %d after it was made again, want %d as before", got, number)
	}
	if c := b.counters("p2"); c.Port == nil || c.Port.Out.Broadcast != 2 {
		t.Errorf("counters of p2 %+v, want two broadcasts: they go on when the interface is made again", c.Port)
	}

	b.ns.Rename(t, "p2", "p3")
	b.wait("p2 left by its name", absent, "p2")
	b.carries("p3")
	w1.Send(frame(broadcast, station(1), 0, 3))
	expect(t, w2, frame(broadcast, station(1), 0, 3))

	b.ns.Rename(t, "p3", "other")
	b.wait("p3 left by its name", absent, "p3")
	b.wait("other is seen", present, "other")
	if i := b.State().Interfaces["other"]; i.Port != nil {
		t.Errorf("other is port %+v, want none: it is not configured", i.Port)
	}
	b.owner(func() {
		if all, err := b.objects.Attachments().List(); err != nil || len(all) != 1 {
			t.Errorf("attached to %v, %v; want p1 alone", all, err)
		}
	})
	b.ns.Remove(t, "other")
	b.wait("other is gone", func(i *spec.Interface) bool { return i == nil }, "other")
}

// TestMadeAgain replaces an interface by one of the same name and the same
// ifindex.
func TestMadeAgain(t *testing.T) {
	b := newBench(t)
	w1 := b.host("p1")
	b.host("p2")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	b.carries("p1", "p2")
	index := b.State().Interfaces["p2"].Index
	for i := range uint32(10) {
		b.ns.Remove(t, "p2")
		host := lab.New(t)
		b.ns.VethAt(t, int(index), "p2", host, "eth0")
		w2 := host.Wire(t, "eth0")
		lab.Wait(t, "a frame out of the new p2", func() bool {
			w1.Send(frame(broadcast, station(1), 0, i))
			return nextTest(w2, 10*time.Millisecond) != nil
		})
	}
}

func (b *bench) counters(name string) spec.InterfaceCounters {
	b.t.Helper()
	all, at, err := b.Counters(context.Background())
	if err != nil || at.IsZero() {
		b.t.Fatalf("counters: %v at %v", err, at)
	}
	for _, c := range all {
		if c.Name == name {
			return c
		}
	}
	b.t.Fatalf("no counters of %s", name)
	return spec.InterfaceCounters{}
}

// TestLostMessages lets the kernel's messages go unheard.
func TestLostMessages(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	b.carries("p1")
	b.owner(func() {
		b.host("p2")
		b.ns.Remove(t, "p1")
		b.watcher.Take() // nobody acts on what was said
		b.look(netdev.Changes{All: true})
	})
	s := b.State()
	if i := s.Interfaces["p1"]; i.Present || i.Oper != spec.OperNotPresent {
		t.Errorf("p1 is %+v, want not present", i)
	}
	if i := s.Interfaces["p2"]; !i.Present {
		t.Errorf("p2 is %+v, want present", i)
	}
	b.carries("p2")
}

// TestUnfit refuses interfaces that cannot be ports, and leaves alone those
// that turn out so later.
func TestUnfit(t *testing.T) {
	b := newBench(t)
	b.host("v0")
	b.ns.TUN(t, "tun0")
	b.ns.Bridge(t, "br0", "v0")
	b.wait("v0 in the bridge", func(i *spec.Interface) bool { return i != nil }, "v0")
	big := access("v1", "default", 10)
	big.MTU = 65535
	b.ns.TAP(t, "v1")
	tests := []struct {
		port   *spec.Port
		reason string
	}{
		{access("lo", "default", 10), "loopback"},
		{access("tun0", "default", 10), "no Ethernet"},
		{access("v0", "default", 10), "belongs to another device"},
		{big, "takes 68 to"},
		{access("sixteen-letters!", "default", 10), "name"},
		{access("p1", "default", 0), "without a vlan"},
		{access("p1", "default", 4095), "vlan 4095"},
	}
	b.wait("v1 is seen", func(i *spec.Interface) bool { return i != nil }, "v1")
	for _, tt := range tests {
		t.Run(tt.port.Name, func(t *testing.T) {
			for name, call := range map[string]func(context.Context, spec.Change) error{"check": b.Check, "apply": b.Apply} {
				err := call(context.Background(), ports(tt.port))
				var invalid *spec.Invalid
				if !errors.As(err, &invalid) || invalid.Port != tt.port.Name || !strings.Contains(invalid.Reason, tt.reason) {
					t.Errorf("%s: %v, want an *Invalid that names %s and says %q", name, err, tt.port.Name, tt.reason)
				}
			}
		})
	}
	for name, i := range b.State().Interfaces {
		if i.Port != nil {
			t.Errorf("%s is port %+v, want none", name, i.Port)
		}
	}
	t.Run("later", func(t *testing.T) {
		b.apply(ports(access("tun1", "default", 10), access("p1", "default", 10)))
		b.ns.TUN(t, "tun1")
		b.wait("tun1 is seen", func(i *spec.Interface) bool { return i.Present }, "tun1")
		if p := b.State().Interfaces["tun1"].Port; p == nil || p.Forwarding {
			t.Errorf("tun1 is port %+v, want one that does not forward", p)
		}
		b.host("p1")
		b.carries("p1")
	})
}

// TestHoldTime delays what is told and done about the carrier.
func TestHoldTime(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	p1 := access("p1", "default", 10)
	p1.HoldUp, p1.HoldDown = 300*time.Millisecond, time.Second
	b.apply(ports(p1, access("p2", "default", 10)))
	b.carries("p2")
	var events []spec.Event
	stop := b.Watch(func(e spec.Event) { events = append(events, e) })
	b.carries("p1")
	b.hosts["p1"].SetUp(t, "eth0", false)
	b.wait("p1 down", func(i *spec.Interface) bool { return i.Oper != spec.OperUp }, "p1")
	b.hosts["p1"].SetUp(t, "eth0", true)
	b.wait("p1 has a carrier and is held", func(i *spec.Interface) bool {
		return i.CarrierTransitions >= 4 && i.Oper == spec.OperDown && !i.Port.Forwarding
	}, "p1")
	w2.Send(frame(broadcast, station(2), 0, 1))
	b.carries("p1")
	w2.Send(frame(broadcast, station(2), 0, 2))
	expect(t, w1, frame(broadcast, station(2), 0, 2))
	stop()

	// While the carrier was away for less than hold-time, nothing was told.
	b.hosts["p1"].SetUp(t, "eth0", false)
	b.hosts["p1"].SetUp(t, "eth0", true)
	b.wait("the carrier came back", func(i *spec.Interface) bool { return i.CarrierTransitions >= 6 }, "p1")
	if i := b.State().Interfaces["p1"]; i.Oper != spec.OperUp || !i.Port.Forwarding {
		t.Errorf("p1 is told %v, forwarding %t; want up and forwarding", i.Oper, i.Port.Forwarding)
	}
	wantHeld(t, events)
}

// wantHeld wants the told changes to lie as far apart as the hold-times say.
func wantHeld(t *testing.T, events []spec.Event) {
	t.Helper()
	var told []*spec.Interface
	for _, e := range events {
		i := e.Interfaces["p1"]
		if i != nil && (len(told) == 0 || told[len(told)-1].Oper != i.Oper) {
			told = append(told, i)
		}
	}
	var opers []spec.OperStatus
	for _, i := range told {
		opers = append(opers, i.Oper)
	}
	if len(told) != 4 {
		t.Fatalf("p1 was told %v, want down, up, down, up", opers)
	}
	if up := told[3].LastChange.Sub(told[2].LastChange); up < 300*time.Millisecond {
		t.Errorf("told up %v after down, want not before hold-time", up)
	}
}

// TestAdmin sets and observes the administrative state.
func TestAdmin(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	p1 := access("p1", "default", 10)
	b.apply(ports(p1))
	b.carries("p1")
	down := *p1
	down.Enabled = false
	b.apply(ports(&down))
	if i := b.State().Interfaces["p1"]; i.AdminUp || i.Oper != spec.OperDown || i.Port.Forwarding {
		t.Errorf("after the apply p1 is %+v, want it down", i)
	}
	b.apply(ports(p1))
	b.carries("p1")

	// What somebody else does is shown, and undone by a resync.
	b.ns.SetUp(t, "p1", false)
	b.wait("p1 set down by hand", func(i *spec.Interface) bool { return !i.AdminUp && i.Oper == spec.OperDown }, "p1")
	if err := b.Resync(context.Background()); err != nil {
		t.Errorf("resync: %v", err)
	}
	b.carries("p1")
}

// TestPeer moves the other end of a veth pair: frames go straight to it where
// it is in another namespace, and through the device where it is in ours.
func TestPeer(t *testing.T) {
	b := newBench(t)
	w1 := b.host("p1")
	there := lab.New(t)
	b.ns.Veth(t, "p2", b.ns, "eth0")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	b.carries("p1", "p2")
	near := b.ns.Wire(t, "eth0")
	near.Send(frame(broadcast, station(2), 0, 1)) // learned, so that frames to it are not flooded
	expect(t, w1, frame(broadcast, station(2), 0, 1))
	w1.Send(frame(station(2), station(1), 0, 2))
	expect(t, near, frame(station(2), station(1), 0, 2))

	b.ns.Move(t, "eth0", there)
	there.SetUp(t, "eth0", true)
	there.WaitUp(t, "eth0")
	b.carries("p1", "p2")
	far := there.Wire(t, "eth0")
	far.Send(frame(broadcast, station(2), 0, 3))
	expect(t, w1, frame(broadcast, station(2), 0, 3))
	w1.Send(frame(station(2), station(1), 0, 4))
	expect(t, far, frame(station(2), station(1), 0, 4))
	lab.Wait(t, "frames go straight to the peer of p2", func() (peer bool) {
		b.owner(func() {
			all, err := b.objects.Ports().List()
			peer = err == nil && all[b.model.ports["p2"].number].Peer
		})
		return peer
	})
	w1.Send(frame(station(2), station(1), 0, 5))
	expect(t, far, frame(station(2), station(1), 0, 5))
}

// TestTAP forwards to and from a virtual machine's tap.
func TestTAP(t *testing.T) {
	b := newBench(t)
	w1, tap := b.host("p1"), b.ns.OpenTAP(t, "tap0")
	b.apply(ports(access("p1", "default", 10), access("tap0", "default", 10)))
	b.carries("p1", "tap0")
	if p := b.State().Interfaces["tap0"].Port; p.Kind != spec.KindTAP {
		t.Errorf("tap0 is a %v, want a TAP", p.Kind)
	}
	if _, err := tap.Write(frame(broadcast, station(2), 0, 1)); err != nil {
		t.Fatal(err)
	}
	expect(t, w1, frame(broadcast, station(2), 0, 1))
	w1.Send(frame(station(2), station(1), 0, 2))
	buf := make([]byte, 2048)
	for {
		n, err := tap.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if string(buf[:n]) == string(frame(station(2), station(1), 0, 2)) {
			return
		}
	}
}
