package fastpath

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestFloodManyMembers floods to members in several words of the set; ports
// that have no interface of their own share one.
func TestFloodManyMembers(t *testing.T) {
	b := newBed(t, 2)
	b.vlans(10)
	b.port(1, access(10))
	members := []uint16{1, 2, 63, 64, 65, 127, 128, 1000, 2047, 2048, 4094, 4095}
	for i, n := range members[1:] {
		p := trunk(0, 10)
		if i%2 == 0 {
			p = access(10)
		}
		p.IfIndex, p.MTU, p.Switch = b.ifindex[2], 1500, 1
		b.ok(b.o.Ports().Put(n, p))
	}
	b.members(10, members...)
	before := b.counters(spec.MaxPorts)
	if verdict, _ := b.run(1, frame(broadcast, host(1), untagged, 46)); verdict != tcxRedirect {
		t.Errorf("verdict %d, want a redirect of the last copy", verdict)
	}
	after := b.counters(spec.MaxPorts)
	want := map[int]uint64{}
	for i, n := range members[1:] {
		want[int(n)] = 60 + 4*uint64(i%2)
	}
	for n := range after {
		d := diff(after[n].Out, before[n].Out)
		if d.Octets != want[n] || (d.Broadcast == 1) != (want[n] > 0) || d.Frames() != d.Broadcast || d.Discards() != 0 {
			t.Errorf("port %d: %+v, want one broadcast of %d octets", n, d, want[n])
		}
	}
}

// TestFloodReachesAllMembers has as many members as there can be.
func TestFloodReachesAllMembers(t *testing.T) {
	b := newBed(t, 2)
	b.vlans(10)
	b.port(1, access(10))
	var all PortSet
	for n := uint16(2); n <= spec.MaxPorts; n++ {
		b.ok(b.o.Ports().Put(n, Port{Switch: 1, PVID: 10, Forwarding: true, IfIndex: b.ifindex[2], MTU: 1500}))
		all.Add(n)
	}
	b.ok(b.o.Flood().Put(10, all))
	if n := all.Len(); n != spec.MaxPorts-1 {
		t.Fatalf("%d members, want %d", n, spec.MaxPorts-1)
	}
	b.setUp(2, false) // each copy is refused at once
	b.run(1, frame(broadcast, host(1), untagged, 46))
	c := b.counters(spec.MaxPorts)
	for n := 2; n < spec.MaxPorts; n++ {
		if c[n].Out.Drops[spec.DropTransmit] != 1 {
			t.Fatalf("port %d: %+v, want one copy refused", n, c[n].Out)
		}
	}
	if c[spec.MaxPorts].Out.Broadcast != 1 {
		t.Errorf("last port: %+v, want the frame itself", c[spec.MaxPorts].Out)
	}
}

// TestSwitchesApart has two switches with the same VLAN and the same address.
func TestSwitchesApart(t *testing.T) {
	b := newBed(t, 4)
	b.vlans(10)
	b.ok(b.o.Switches().Put(2, Switch{Enabled: true, Learning: true}))
	b.ok(b.o.FIDs().Put(VLAN{2, 10}, FID{ID: 4000}))
	for n := range uint16(4) {
		p := access(10)
		p.Switch = n/2 + 1
		b.port(n+1, p)
	}
	b.members(10, 1, 2)
	b.members(4000, 3, 4)
	w := b.hosts()
	for n := uint16(1); n <= 4; n += 2 {
		w[n].send(frame(broadcast, host(1), untagged, int(46+n)))
		w[n+1].want("broadcast", frame(broadcast, host(1), untagged, int(46+n)))
		w[n+1].send(frame(host(1), host(2), untagged, int(46+n)))
		w[n].want("answer", frame(host(1), host(2), untagged, int(46+n)))
	}
	for n := range uint16(4) {
		w[n+1].want("nothing else")
	}
	got := map[VLAN]int{}
	for e := range b.o.FDB().All() {
		got[e.VLAN]++
	}
	if got[VLAN{1, 10}] != 2 || got[VLAN{2, 10}] != 2 {
		t.Errorf("entries by VLAN: %v, want two on each switch", got)
	}
}

// gsoFrame is a TCP segment of size octets that the sender's kernel is to cut
// into pieces of mss octets, with the virtio header that says so
// (include/uapi/linux/virtio_net.h).
func gsoFrame(dst, src spec.MAC, size, mss int) []byte {
	const headers = 14 + 20 + 20
	v := make([]byte, 10, 10+headers+size)
	v[0], v[1] = 1, 1 // NEEDS_CSUM, GSO_TCPV4
	binary.NativeEndian.PutUint16(v[2:], headers)
	binary.NativeEndian.PutUint16(v[4:], uint16(mss))
	binary.NativeEndian.PutUint16(v[6:], 34) // the checksum covers from here
	binary.NativeEndian.PutUint16(v[8:], 16) // and stands there
	v = append(append(append(v, dst[:]...), src[:]...), 8, 0)
	ip := make([]byte, 20)
	ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(ip[2:], uint16(40+size))
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	tcp := make([]byte, 20)
	tcp[12], tcp[13] = 5<<4, 0x10
	return append(append(append(v, ip...), tcp...), make([]byte, size)...)
}

// TestGSO sends segments of 64 KB: they pass whole, tagged or not, where
// their pieces fit the MTU.
func TestGSO(t *testing.T) {
	const size = 65000
	for _, peer := range []bool{false, true} {
		for _, out := range []Port{access(10), trunk(0, 10)} {
			t.Run(fmt.Sprintf("peer=%v trunk=%v", peer, out.Trunk), func(t *testing.T) {
				b := newBed(t, 2)
				b.vlans(10)
				b.port(1, access(10))
				out.Peer = peer
				b.port(2, out)
				b.static(10, host(2), 2)
				w := b.hosts()
				b.ok(unix.SetsockoptInt(w[1].fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1))
				w[1].send(gsoFrame(host(2), host(1), size, 1448))
				want := 14 + 40 + size
				if out.Trunk {
					want += 4
				}
				w[2].wantLength("pieces that fit", want)
				w[1].send(gsoFrame(host(2), host(1), size, 1500))
				w[2].wantNoneOf("pieces that do not fit", size)
				c := b.counters(2)
				if c[2].Out.Drops[spec.DropTooBig] != 1 || c[2].Out.Unicast != 1 || c[2].Out.Octets != uint64(want) {
					t.Errorf("out: %+v, want one frame of %d octets and one too big", c[2].Out, want)
				}
			})
		}
	}
}

// wantLength waits for one frame of a length.
func (w wire) wantLength(what string, want int) {
	w.Helper()
	eventually(w, what, func() error {
		f, err := w.receive()
		if err == nil && len(f) != want {
			err = fmt.Errorf("a frame of %d octets, want %d", len(f), want)
		}
		return err
	})
}

// wantNoneOf reads what has arrived; nothing may be that long.
func (w wire) wantNoneOf(what string, length int) {
	w.Helper()
	for {
		f, err := w.receive()
		if err != nil {
			return
		}
		if len(f) >= length {
			w.Errorf("%s: a frame of %d octets arrived", what, len(f))
		}
	}
}
