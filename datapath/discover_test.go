package datapath

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// lldpAt is a change that has interfaces speak LLDP, each second.
func lldpAt(p *pair, name string, at ...string) spec.Change {
	c := p.lacp(nil)
	for _, port := range at {
		c.Ports[port].LLDP = &spec.LLDP{
			Enabled: true, Interval: time.Second, TTL: 2 * time.Second, SystemName: name, PortDescription: port + " of " + name,
		}
	}
	return c
}

// neighbors waits until an interface has so many, and returns them.
func (b *bench) neighbors(name string, n int) []spec.LLDPNeighbor {
	b.t.Helper()
	b.wait("LLDP's neighbors", func(i *spec.Interface) bool { return i.LLDP != nil && len(i.LLDP.Neighbors) == n }, name)
	return b.State().Interfaces[name].LLDP.Neighbors
}

// TestLLDP has two elements find each other at the members of an aggregate.
func TestLLDP(t *testing.T) {
	p := newPair(t, 2)
	p.a.apply(lldpAt(p, "a", "m1", "m2"))
	p.b.apply(lldpAt(p, "b", "m1", "p1"))
	got := p.b.neighbors("m1", 1)[0]
	if got.SystemName != "a" || got.Port.PortString() != "m1" || got.PortDescription != "m1 of a" || got.TTL != 2*time.Second ||
		got.Chassis.String() != p.a.model.system.String() || !got.HasCapabilities {
		t.Errorf("b sees %+v", got)
	}
	if got := p.a.neighbors("m1", 1)[0]; got.SystemName != "b" {
		t.Errorf("a sees %+v", got)
	}
	lab.Wait(t, "frames to be counted", func() bool {
		of, total := p.b.LLDP()
		c, heard := of["m1"].Counters, of["m1"].Heard[got.ID]
		return c.In > 1 && c.Out > 1 && c.TLVsAccepted >= 2*6 && total.Out > c.Out && !heard.Last.Before(heard.First) && len(of["p1"].Heard) == 0
	})
	p.a.neighbors("m2", 0)

	t.Run("a change is told", func(t *testing.T) {
		p.a.apply(lldpAt(p, "c", "m1"))
		p.b.wait("the new name", func(i *spec.Interface) bool {
			return len(i.LLDP.Neighbors) == 1 && i.LLDP.Neighbors[0].SystemName == "c"
		}, "m1")
		if i := p.a.State().Interfaces["m2"]; i.LLDP != nil {
			t.Errorf("at m2 it is still %+v", i.LLDP)
		}
	})
	t.Run("ageing", func(t *testing.T) {
		p.a.kill(t)
		p.b.neighbors("m1", 0)
		if _, total := p.b.LLDP(); total.AgedOut != 1 {
			t.Errorf("%d aged out, want 1", total.AgedOut)
		}
		p.a.open()
		p.a.apply(lldpAt(p, "a", "m1"))
		p.b.neighbors("m1", 1)
	})
	t.Run("switched off", func(t *testing.T) {
		long := lldpAt(p, "a", "m1")
		long.Ports["m1"].LLDP.TTL = time.Hour
		p.a.apply(long)
		p.b.wait("the new time to live", func(i *spec.Interface) bool {
			return len(i.LLDP.Neighbors) == 1 && i.LLDP.Neighbors[0].TTL == time.Hour
		}, "m1")
		off := lldpAt(p, "a", "m1")
		off.Ports["m1"].LLDP.Enabled = false
		p.a.apply(off)
		p.b.neighbors("m1", 0)
		if got := p.a.State().Interfaces["m1"].LLDP; got == nil || got.Enabled || len(got.Neighbors) != 0 {
			t.Errorf("where it is off it is %+v", got)
		}
		_, before := p.a.LLDP()
		p.a.apply(p.lacp(nil))
		if _, after := p.a.LLDP(); after.Out < before.Out {
			t.Errorf("counts went from %+v to %+v", before, after)
		}
	})
}

// TestLLDPOnTheWire has Wireshark read what is sent, and hears what an end says
// that goes.
func TestLLDPOnTheWire(t *testing.T) {
	b := newBench(t)
	w := b.host("p1")
	port := access("p1", "default", 10)
	port.LLDP = &spec.LLDP{Enabled: true, Interval: time.Second, SystemDescription: "a switch", SystemName: "sw1", PortDescription: "to the lab"}
	hear := func() []byte {
		for range 100 {
			if f := w.Receive(time.Second); len(f) > 14 && slices.Equal(f[12:14], []byte{0x88, 0xcc}) {
				return f
			}
		}
		t.Fatal("no LLDP came")
		return nil
	}
	number := b.ns.Link(t, "p1").Attrs().Index
	for _, text := range []string{"192.0.2.9/24", "2001:db8::9/64"} {
		a, err := netlink.ParseAddr(text)
		if err == nil {
			a.Flags = unix.IFA_F_NODAD
			err = b.ns.AddrAdd(b.ns.Link(t, "p1"), a)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.apply(ports(port))
	first := slices.Clone(hear())
	if name, all := b.LLDPManagement(); name != "p1" || len(all) != 2 {
		t.Errorf("managed at %q by %v, want two addresses of p1", name, all)
	}
	b.apply(ports(access("p1", "default", 10)))
	last := slices.Clone(hear())
	tshark := lab.Wireshark(t, [][]byte{first, last})
	for _, line := range tshark("_ws.expert or _ws.malformed or _ws.short") {
		t.Errorf("tshark complains: %s", line)
	}
	if n := len(tshark(`lldp.tlv.system.name == "sw1" and lldp.port.id == "p1" and lldp.port.desc == "to the lab" and lldp.tlv.system.desc == "a switch" and lldp.time_to_live == 5 and lldp.chassis.subtype == 4 and lldp.tlv.enable_system_cap.bridge == 1`)); n != 1 {
		t.Errorf("tshark reads the first one %d times", n)
	}
	managed := fmt.Sprintf("lldp.mgn.addr.ip4 == 192.0.2.9 and lldp.mgn.addr.ip6 == 2001:db8::9 and lldp.mgn.interface.subtype == 2 and lldp.mgn.interface.number == %d", number)
	if n := len(tshark(managed)); n != 1 {
		t.Errorf("tshark reads the management addresses %d times", n)
	}
	if n := len(tshark("lldp.time_to_live == 0")); n != 1 {
		t.Errorf("tshark reads the last one %d times", n)
	}
}
