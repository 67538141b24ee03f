package netdev_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

func dial(t *testing.T, ns *lab.NS) *netdev.Conn {
	t.Helper()
	var c *netdev.Conn
	ns.Do(t, func() {
		var err error
		if c, err = netdev.Dial(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { c.Close() })
	return c
}

func watch(t *testing.T, ns *lab.NS, begin func() (*netdev.Watcher, error)) *netdev.Watcher {
	t.Helper()
	var w *netdev.Watcher
	ns.Do(t, func() {
		var err error
		if w, err = begin(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { w.Close() })
	return w
}

// link finds an interface by name among all.
func link(t *testing.T, c *netdev.Conn, name string) netdev.Link {
	t.Helper()
	links, err := c.Links()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no interface %s among %d", name, len(links))
	return netdev.Link{}
}

func TestLinks(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	here.Veth(t, "far", there, "eth0")
	here.Veth(t, "near", here, "near-peer")
	here.TAP(t, "tap0")
	here.TUN(t, "tun0")
	here.Bridge(t, "br0", "near")
	tests := []struct {
		name      string
		kind      string
		port      spec.PortKind
		ethernet  bool
		elsewhere bool
		enslaved  bool
	}{
		{name: "lo"},
		{name: "far", kind: "veth", port: spec.KindVeth, ethernet: true, elsewhere: true},
		{name: "near", kind: "veth", port: spec.KindVeth, ethernet: true, enslaved: true},
		{name: "near-peer", kind: "veth", port: spec.KindVeth, ethernet: true},
		{name: "tap0", kind: "tun", port: spec.KindTAP, ethernet: true},
		{name: "tun0", kind: "tun"},
		{name: "br0", kind: "bridge", port: spec.KindNIC, ethernet: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := link(t, c, tt.name)
			one, err := c.Link(l.Index)
			if err != nil || one != l {
				t.Errorf("asked alone: %+v, %v; in the list: %+v", one, err, l)
			}
			if one, err = c.LinkNamed(tt.name); err != nil || one != l {
				t.Errorf("asked by name: %+v, %v; in the list: %+v", one, err, l)
			}
			if l.Kind != tt.kind || l.PortKind() != tt.port || l.Ethernet() != tt.ethernet {
				t.Errorf("kind %q port %v ethernet %t, want %q %v %t", l.Kind, l.PortKind(), l.Ethernet(), tt.kind, tt.port, tt.ethernet)
			}
			if l.PeerElsewhere != tt.elsewhere || (l.Master != 0) != tt.enslaved {
				t.Errorf("peer elsewhere %t, master %d; want %t, enslaved %t", l.PeerElsewhere, l.Master, tt.elsewhere, tt.enslaved)
			}
			if l.Ethernet() && l.MAC.IsZero() {
				t.Error("no MAC address")
			}
			if l.Ethernet() && (l.MinMTU != 68 || l.MaxMTU < 65500) {
				t.Errorf("takes an mtu of %d to %d, want 68 to some 65535", l.MinMTU, l.MaxMTU)
			}
		})
	}
	if _, err := c.Link(9999); !errors.Is(err, unix.ENODEV) {
		t.Errorf("interface 9999: %v, want ENODEV", err)
	}
	if _, err := c.LinkNamed("none"); !errors.Is(err, unix.ENODEV) {
		t.Errorf("interface none: %v, want ENODEV", err)
	}
}

func TestOper(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	tests := []struct {
		name      string
		peer      *lab.NS
		unplugged spec.OperStatus
	}{
		// The kernel sees the lower layer only where it is in the same namespace.
		{"near", here, spec.OperLowerLayerDown},
		{"far", there, spec.OperDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			here.Veth(t, tt.name, tt.peer, "peer")
			want := func(status spec.OperStatus) {
				t.Helper()
				lab.Wait(t, fmt.Sprintf("oper status %d", status), func() bool {
					l := link(t, c, tt.name)
					return l.Oper() == status
				})
			}
			want(spec.OperDown)
			here.SetUp(t, tt.name, true)
			want(spec.OperUp)
			tt.peer.SetUp(t, "peer", false)
			want(tt.unplugged)
			before := link(t, c, tt.name).CarrierChanges
			tt.peer.SetUp(t, "peer", true)
			want(spec.OperUp)
			if got := link(t, c, tt.name).CarrierChanges; got != before+1 {
				t.Errorf("the carrier changed %d times, want %d", got, before+1)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	here.Veth(t, "v0", there, "eth0")
	index := link(t, c, "v0").Index
	testAttribute(t, "admin up", c.AdminUp(), index, true, false)
	testAttribute(t, "mtu", c.MTU(), index, 9000, 1400)
	testAttribute(t, "alias", c.Alias(), index, "to the printer, 2nd floor", "")
	testAttribute(t, "mac", c.MAC(), index, spec.MAC{2, 0, 0, 0, 0, 1}, spec.MAC{2, 0, 0, 0, 0, 2})

	t.Run("refused", func(t *testing.T) {
		if err := c.MTU().Put(index, 10); !errors.Is(err, unix.EINVAL) {
			t.Errorf("mtu 10: %v, want EINVAL", err)
		}
		if err := c.MAC().Put(index, spec.MAC{1}); !errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Errorf("multicast address: %v, want EADDRNOTAVAIL", err)
		}
		if err := c.AdminUp().Put(9999, true); !errors.Is(err, unix.ENODEV) {
			t.Errorf("interface that is not there: %v, want ENODEV", err)
		}
	})
}

func testAttribute[V comparable](t *testing.T, name string, table reconcile.Table[uint32, V], index uint32, values ...V) {
	t.Run(name, func(t *testing.T) {
		for _, v := range values {
			for range 2 { // doing it again changes nothing
				if err := table.Put(index, v); err != nil {
					t.Fatal(err)
				}
			}
			all, err := table.List()
			if err != nil || all[index] != v {
				t.Errorf("listed %v, %v; want %v", all[index], err, v)
			}
		}
		if err := table.Delete(index); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
}

func TestStats(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	here.Veth(t, "v0", there, "eth0")
	here.SetUp(t, "v0", true)
	index := link(t, c, "v0").Index
	wire := there.Wire(t, "eth0")
	before := stats(t, c, index)
	const frames, size = 10, 100
	for range frames {
		wire.Send(make([]byte, size))
	}
	var got spec.LinkCounters
	lab.Wait(t, "ten more frames", func() bool {
		got = stats(t, c, index)
		return got.InFrames >= before.InFrames+frames
	})
	if octets := got.InOctets - before.InOctets; octets < frames*size {
		t.Errorf("%d octets came in, want at least %d", octets, frames*size)
	}
}

func stats(t *testing.T, c *netdev.Conn, index uint32) (found spec.LinkCounters) {
	t.Helper()
	n := 0
	_, err := c.Stats(func(i uint32, counters *spec.LinkCounters) {
		if i == index {
			found = *counters
			n++
		}
	})
	if err != nil || n != 1 {
		t.Fatalf("interface %d found %d times in the statistics: %v", index, n, err)
	}
	return found
}

func TestSpeed(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	here.Veth(t, "v0", there, "eth0")
	here.SetUp(t, "v0", true)
	for range 2 { // the second time, the length of the masks is known
		if speed, full := c.Speed("v0"); speed != 10000 || !full {
			t.Errorf("veth: %d Mb/s, full duplex %t; want 10000, true", speed, full)
		}
	}
	for _, name := range []string{"lo", "none", "a name that is far too long"} {
		if speed, full := c.Speed(name); speed != 0 || full {
			t.Errorf("%s: %d Mb/s, full duplex %t; want nothing", name, speed, full)
		}
	}
}

func TestWatch(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c, w := dial(t, here), watch(t, here, netdev.Watch)
	here.Veth(t, "v0", there, "eth0")
	index := link(t, c, "v0").Index
	seen := make(map[uint32]bool)
	take := func() {
		for i, gone := range w.Take().Links {
			seen[i] = seen[i] || gone
		}
	}
	lab.Wait(t, "word of the new interface", func() bool { take(); _, ok := seen[index]; return ok })
	if seen[index] {
		t.Error("the new interface is told to be gone")
	}
	here.Bridge(t, "br0", "v0")
	if err := here.LinkSetNoMaster(here.Link(t, "v0")); err != nil {
		t.Fatal(err)
	}
	here.Remove(t, "br0")
	bridge := index // told after all that concerns v0
	lab.Wait(t, "word of the bridge's end", func() bool {
		take()
		for i, gone := range seen {
			if gone {
				bridge = i
			}
		}
		return bridge != index || seen[index]
	})
	if seen[index] {
		t.Error("an interface that left a bridge is told to be gone")
	}
	here.Remove(t, "v0")
	lab.Wait(t, "word of its end", func() bool { take(); return seen[index] })
}

// TestWatchLost makes more changes than the socket holds while nobody reads.
// The watcher then listens anew: still in its namespace, where the test is not.
func TestWatchLost(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	here.Veth(t, "v0", there, "eth0")
	index := link(t, c, "v0").Index
	w := watch(t, here, netdev.WatchSmall)
	change := func(n uint32) {
		t.Helper()
		if err := c.MTU().Put(index, 1400+n%2); err != nil {
			t.Error(err)
		}
	}
	for round := range 3 {
		release := w.Hold()
		for n := range uint32(100) {
			change(n)
		}
		release()
		lab.Wait(t, fmt.Sprint("word of lost messages, round ", round), func() bool { return w.Take().All })
		n := uint32(0)
		lab.Wait(t, fmt.Sprint("word of v0 again, round ", round), func() bool {
			n++
			change(n)
			_, heard := w.Take().Links[index]
			return heard
		})
	}
}

// TestWatchClose ends a watch in the middle of what it hears.
func TestWatchClose(t *testing.T) {
	here := lab.New(t)
	c := dial(t, here)
	here.Veth(t, "v0", here, "eth0")
	index := link(t, c, "v0").Index
	for range 20 {
		var w *netdev.Watcher
		here.Do(t, func() {
			var err error
			if w, err = netdev.Watch(); err != nil {
				t.Error(err)
			}
		})
		for n := range uint32(20) {
			if err := c.MTU().Put(index, 1400+n%2); err != nil {
				t.Error(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestManyLinks(t *testing.T) {
	here := lab.New(t)
	c := dial(t, here)
	for i := range 100 {
		here.Veth(t, fmt.Sprintf("v%d", i), here, fmt.Sprintf("p%d", i))
	}
	links, err := c.Links()
	if err != nil || len(links) != 201 {
		t.Fatalf("%d interfaces, %v; want 201", len(links), err)
	}
	n := 0
	if _, err := c.Stats(func(uint32, *spec.LinkCounters) { n++ }); err != nil || n != 201 {
		t.Errorf("statistics of %d interfaces, %v; want 201", n, err)
	}
}

// TestNoVFs asks for the virtual functions of what has none.
func TestNoVFs(t *testing.T) {
	here := lab.New(t)
	c := dial(t, here)
	here.TAP(t, "t0")
	l, err := c.LinkNamed("t0")
	if err != nil {
		t.Fatal(err)
	}
	if vfs, err := c.VFs(l.Index, true); err != nil || len(vfs) > 0 {
		t.Errorf("%v, %v; want none", vfs, err)
	}
	if err := c.SetVF(l.Index, 0, spec.VF{}, spec.VFTrust); err == nil {
		t.Error("a tap takes settings of a virtual function")
	}
	if driver, _ := c.Driver("t0"); driver != "tun" {
		t.Errorf("driver %q, want tun", driver)
	}
	if driver, _ := c.Driver("none"); driver != "" {
		t.Errorf("driver %q of no interface", driver)
	}
}
