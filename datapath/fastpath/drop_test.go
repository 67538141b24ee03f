package fastpath

import (
	"math/rand/v2"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

func TestDropReasonsAreSpecs(t *testing.T) {
	tests := map[bpf.SwitchDropReason]spec.DropReason{
		bpf.SwitchDropReasonDROP_NONE:              spec.DropNone,
		bpf.SwitchDropReasonDROP_PORT_DOWN:         spec.DropPortDown,
		bpf.SwitchDropReasonDROP_SWITCH_DISABLED:   spec.DropSwitchDisabled,
		bpf.SwitchDropReasonDROP_MALFORMED:         spec.DropMalformed,
		bpf.SwitchDropReasonDROP_MULTICAST_SOURCE:  spec.DropMulticastSource,
		bpf.SwitchDropReasonDROP_SOURCE_IS_DEST:    spec.DropSourceIsDest,
		bpf.SwitchDropReasonDROP_TAG_MISMATCH:      spec.DropTagMismatch,
		bpf.SwitchDropReasonDROP_INGRESS_VLAN:      spec.DropIngressVLAN,
		bpf.SwitchDropReasonDROP_UNTAGGED:          spec.DropUntagged,
		bpf.SwitchDropReasonDROP_VLAN_SUSPENDED:    spec.DropVLANSuspended,
		bpf.SwitchDropReasonDROP_RESERVED_MAC:      spec.DropReservedMAC,
		bpf.SwitchDropReasonDROP_EMPTY_PORT_LIST:   spec.DropEmptyPortList,
		bpf.SwitchDropReasonDROP_LOOPBACK:          spec.DropLoopback,
		bpf.SwitchDropReasonDROP_EGRESS_VLAN:       spec.DropEgressVLAN,
		bpf.SwitchDropReasonDROP_EGRESS_DOWN:       spec.DropEgressDown,
		bpf.SwitchDropReasonDROP_TOO_BIG:           spec.DropTooBig,
		bpf.SwitchDropReasonDROP_TRANSMIT:          spec.DropTransmit,
		bpf.SwitchDropReasonDROP_LAG_INACTIVE:      spec.DropLAGInactive,
		bpf.SwitchDropReasonDROP_LAG_DUPLICATE:     spec.DropLAGDuplicate,
		bpf.SwitchDropReasonDROP_LAG_REFLECTION:    spec.DropLAGReflection,
		bpf.SwitchDropReasonDROP_ADDRESS_ELSEWHERE: spec.DropAddressElsewhere,
		bpf.SwitchDropReasonDROP_POLICED:           spec.DropPoliced,
		bpf.SwitchDropReasonNUM_DROP_REASONS:       spec.NumDropReasons,
	}
	for got, want := range tests {
		if uint32(got) != uint32(want) {
			t.Errorf("reason %d of the program is %d of package spec", got, want)
		}
	}
	if len(tests) != int(spec.NumDropReasons)+1 {
		t.Errorf("%d reasons compared, want %d", len(tests), spec.NumDropReasons+1)
	}
	if slots := len(bpf.SwitchPortCounters{}.In.Drops); slots < int(spec.NumDropReasons) {
		t.Errorf("counters have room for %d reasons, want %d", slots, spec.NumDropReasons)
	}
}

// TestDrops produces each reason once. Port 1 takes the frame; ports 1 to 3
// are untagged members of VLAN 10, and host 2 is behind port 2.
func TestDrops(t *testing.T) {
	b := newBed(t, 4)
	group := spec.MAC{1, 0, 0x5e, 0, 0, 1}
	toHost2 := frame(host(2), host(1), untagged, 46)
	tests := []struct {
		name  string
		setup func(b *bed)
		frame []byte
		in    spec.DropReason // counted at port 1
		out   spec.DropReason // counted at port 2
	}{
		{name: "port down", setup: func(b *bed) { b.port(1, Port{PVID: 10}) }, frame: toHost2, in: spec.DropPortDown},
		{name: "switch disabled", setup: func(b *bed) { b.ok(b.o.Switches().Put(1, Switch{Learning: true})) },
			frame: toHost2, in: spec.DropSwitchDisabled},
		{name: "no such switch", setup: func(b *bed) { b.port(1, Port{PVID: 10, Switch: 9, Forwarding: true}) },
			frame: toHost2, in: spec.DropSwitchDisabled},
		{name: "tag cut short", frame: frame(host(2), host(1), 10, 0)[:16], in: spec.DropMalformed},
		{name: "group source", frame: frame(host(2), group, untagged, 46), in: spec.DropMulticastSource},
		{name: "broadcast source", frame: frame(host(2), broadcast, untagged, 46), in: spec.DropMulticastSource},
		{name: "source is destination", frame: frame(host(2), host(2), untagged, 46), in: spec.DropSourceIsDest},
		{name: "tagged at access", frame: frame(host(2), host(1), 10, 46), in: spec.DropTagMismatch},
		{name: "VLAN not carried", setup: func(b *bed) { b.port(1, trunk(10)) },
			frame: frame(host(2), host(1), 20, 46), in: spec.DropIngressVLAN},
		{name: "VLAN does not exist", setup: func(b *bed) { b.port(1, access(30)) }, frame: toHost2, in: spec.DropIngressVLAN},
		{name: "no native VLAN", setup: func(b *bed) { b.port(1, trunk(0, 10)) }, frame: toHost2, in: spec.DropUntagged},
		{name: "VLAN suspended", setup: func(b *bed) { b.ok(b.o.FIDs().Put(VLAN{1, 10}, FID{10, true})) },
			frame: toHost2, in: spec.DropVLANSuspended},
		{name: "bridge group address", frame: frame(spec.MAC{1, 0x80, 0xc2}, host(1), untagged, 46), in: spec.DropReservedMAC},
		{name: "LLDP's address under another type", frame: frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 0xe}, host(1), untagged, 46), in: spec.DropReservedMAC},
		{name: "last reserved address", frame: frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 0xf}, host(1), untagged, 46), in: spec.DropReservedMAC},
		{name: "nobody to flood to", setup: func(b *bed) { b.members(10, 1) },
			frame: frame(broadcast, host(1), untagged, 46), in: spec.DropEmptyPortList},
		{name: "no members", setup: func(b *bed) { b.ok(b.o.Flood().Delete(10)) },
			frame: frame(broadcast, host(1), untagged, 46), in: spec.DropEmptyPortList},
		{name: "destination is at the same port", setup: func(b *bed) { b.static(10, host(2), 1) },
			frame: toHost2, in: spec.DropLoopback},
		{name: "output does not carry the VLAN", setup: func(b *bed) { b.port(2, trunk(20)) },
			frame: toHost2, out: spec.DropEgressVLAN},
		{name: "output is on another switch", setup: func(b *bed) { b.port(2, Port{Switch: 2, PVID: 10, Forwarding: true}) },
			frame: toHost2, out: spec.DropEgressVLAN},
		{name: "output down", setup: func(b *bed) { b.port(2, Port{PVID: 10}) }, frame: toHost2, out: spec.DropEgressDown},
		{name: "output is no port", setup: func(b *bed) { b.ok(b.o.Ports().Delete(2)) }, frame: toHost2, out: spec.DropEgressDown},
		{name: "longer than the MTU", frame: frame(host(2), host(1), untagged, 1501), out: spec.DropTooBig},
		{name: "flooded member does not carry the VLAN", setup: func(b *bed) { b.port(2, access(20)) },
			frame: frame(broadcast, host(1), untagged, 46), out: spec.DropEgressVLAN},
		{name: "flooded member down", setup: func(b *bed) { b.port(2, Port{PVID: 10}) },
			frame: frame(broadcast, host(1), untagged, 46), out: spec.DropEgressDown},
		{name: "flooded frame longer than the MTU", frame: frame(broadcast, host(1), untagged, 1501), out: spec.DropTooBig},
		{name: "the kernel refuses the copy", setup: func(b *bed) { b.setUp(2, false) },
			frame: frame(broadcast, host(1), untagged, 46), out: spec.DropTransmit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := b.sub(t)
			b.vlans(10, 20)
			for n := range uint16(3) {
				b.port(n+1, access(10))
			}
			b.members(10, 1, 2, 3)
			b.setUp(2, true)
			b.static(10, host(2), 2)
			if tt.setup != nil {
				tt.setup(b)
			}
			before := b.counters(3)
			b.run(1, tt.frame)
			after := b.counters(3)
			in, out := diff(after[1].In, before[1].In), diff(after[2].Out, before[2].Out)
			if in.Frames() != 1 || in.Octets != uint64(len(tt.frame)) {
				t.Errorf("in: %d frames, %d octets, want 1 and %d", in.Frames(), in.Octets, len(tt.frame))
			}
			checkDrop(t, "in", in, tt.in)
			checkDrop(t, "out", out, tt.out)
			if out.Frames() != 0 || out.Octets != 0 {
				t.Errorf("out: %+v, want no frame", out)
			}
		})
	}
}

func checkDrop(t *testing.T, where string, d spec.Direction, want spec.DropReason) {
	t.Helper()
	var drops [spec.NumDropReasons]uint64
	if want != spec.DropNone {
		drops[want] = 1
	}
	if d.Drops != drops {
		t.Errorf("%s: drops %v, want one of reason %d", where, d.Drops, want)
	}
}

// setUp sets the administrative state of port n's interface.
func (b *bed) setUp(n uint16, up bool) {
	b.Helper()
	l, err := netlink.LinkByIndex(int(b.ifindex[n]))
	b.ok(err)
	if up {
		b.ok(netlink.LinkSetUp(l))
	} else {
		b.ok(netlink.LinkSetDown(l))
	}
}

func TestFrameOfNoPortIsLeftAlone(t *testing.T) {
	b := newBed(t, 2)
	b.vlans(10)
	b.port(1, access(10))
	data := frame(broadcast, host(2), 10, 46)
	if verdict, out := b.run(2, data); verdict != tcxNext || string(out) != string(data) {
		t.Errorf("verdict %#x, want %#x and the frame as it was", verdict, uint32(tcxNext))
	}
	for n, c := range b.counters(2) {
		if c != (spec.Counters{}) {
			t.Errorf("port %d counted %+v, want nothing", n, c)
		}
	}
}

// TestEachFrameIsCountedOnce sends random frames between random ports: each is
// counted in once, and then is dropped there, or counted out or dropped at its
// egress ports.
func TestEachFrameIsCountedOnce(t *testing.T) {
	const ports = 6
	b := newBed(t, ports)
	b.vlans(10, 20)
	rnd := rand.New(rand.NewPCG(1, 2))
	kinds := []Port{access(10), access(20), trunk(10, 20), trunk(0, 10, 20), {PVID: 10}}
	for n := uint16(1); n <= ports; n++ {
		b.port(n, kinds[int(n)%len(kinds)])
	}
	b.members(10, 1, 2, 3, 4, 5, 6)
	b.members(20, 2, 3)
	tags := []int{untagged, untagged, 0, 10, 20, 30}
	before := b.counters(ports)
	for range 5000 {
		n := uint16(rnd.IntN(ports) + 1)
		dst := host(uint16(rnd.IntN(ports) + 1))
		switch rnd.IntN(8) {
		case 0:
			dst = broadcast
		case 1:
			dst = spec.MAC{1, 0, 0x5e, 0, 0, 9}
		}
		src := host(uint16(rnd.IntN(ports) + 1))
		verdict, _ := b.run(n, frame(dst, src, tags[rnd.IntN(len(tags))], rnd.IntN(1600)))
		after := b.counters(ports)
		checkOnce(t, n, verdict, before, after)
		before = after
	}
}

func checkOnce(t *testing.T, n uint16, verdict uint32, before, after []spec.Counters) {
	t.Helper()
	var out, outDrops uint64
	for p := range after {
		in := diff(after[p].In, before[p].In)
		want := uint64(0)
		if p == int(n) {
			want = 1
		}
		if in.Frames() != want {
			t.Fatalf("port %d counted %d frames in, want %d", p, in.Frames(), want)
		}
		d := diff(after[p].Out, before[p].Out)
		out, outDrops = out+d.Frames(), outDrops+d.Discards()
	}
	in := diff(after[n].In, before[n].In)
	switch {
	case in.Discards() == 1 && verdict == tcxDrop && out+outDrops == 0:
	case in.Discards() == 0 && verdict == tcxRedirect && out > 0:
	case in.Discards() == 0 && verdict == tcxDrop && outDrops > 0:
	default:
		t.Fatalf("port %d: %d drops in, %d frames and %d drops out, verdict %d", n, in.Discards(), out, outDrops, verdict)
	}
}
