package endtoend

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/traffic"
)

// A GSO frame of this size is near to the 65,535 octets that an IPv4 packet
// may have.
const bigOctets = 64000

func TestGSOFramePassesWholeFromVethToVeth(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	a, b := s.hosts["p1"], s.hosts["p2"]
	c, err := traffic.Dial(a.namespace, b.namespace, netip.AddrPortFrom(b.ip, 7777), traffic.Discard, -1)
	s.ok(err)
	defer c.Close()
	streamed := make(chan error, 1)
	go func() {
		_, err := c.Stream(-1, 500*time.Millisecond)
		streamed <- err
	}()
	largest := 0
	_, err = b.Receive(soon, func(f traffic.Frame) bool {
		largest = max(largest, len(f.Payload))
		return largest >= bigOctets
	})
	if err != nil {
		t.Errorf("the largest frame of a TCP stream has %d octets, want at least %d: %v", largest, bigOctets, err)
	}
	s.ok(<-streamed)
}

func TestGSOFramePassesWholeFromTapToTap(t *testing.T) {
	s := newSite(t)
	one, two := newTap(s, "tap1"), newTap(s, "tap2")
	s.configure(element.Access("tap1", 10), element.Access("tap2", 10))
	s.forwarding(true, "tap1", "tap2")
	s.leaf("/interfaces/interface[name=tap1]/switch-port/state/kind", "TAP")

	f, offload := bigTCP(traffic.MAC(1), traffic.MAC(2))
	s.ok(one.Send(offload, f.Bytes(0)))
	got, arrived, err := two.Receive(soon, func(g traffic.Frame) bool { return g.Type == f.Type })
	if err != nil {
		t.Fatal(err)
	}
	if len(arrived.Payload) != len(f.Payload) {
		t.Errorf("%d octets of payload arrive, want %d", len(arrived.Payload), len(f.Payload))
	}
	if got.GSOType != traffic.GSOTCPv4 || got.SegmentOctets != offload.SegmentOctets || got.Flags&traffic.NeedsChecksum == 0 {
		t.Errorf("arrives with the offload %+v, want that of a TCP frame in segments of %d octets", got, offload.SegmentOctets)
	}
	for _, path := range []string{
		"/interfaces/interface[name=tap1]/state/counters/in-unicast-pkts",
		"/interfaces/interface[name=tap2]/state/counters/out-pkts",
	} {
		if n := s.count(path); n != 1 {
			t.Errorf("%s is %d, want one for a GSO frame", path, n)
		}
	}
}

func newTap(s *site, name string) *traffic.Tap {
	s.t.Helper()
	tap, err := traffic.NewTap(s.sw, name)
	s.ok(err)
	s.t.Cleanup(func() { tap.Close() })
	return tap
}

// bigTCP is a TCP frame of bigOctets that is to be cut into segments of 1448,
// as a virtual machine hands it over.
func bigTCP(src, dst net.HardwareAddr) (traffic.Frame, traffic.Offload) {
	const ethernet, ip, tcp = 14, 20, 20
	packet := make([]byte, bigOctets)
	packet[0] = 0x45 // version 4, five words of header
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	packet[8], packet[9] = 64, 6 // time to live, TCP
	copy(packet[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(packet[10:], traffic.Checksum(packet[:ip]))
	binary.BigEndian.PutUint16(packet[ip:], 1)
	binary.BigEndian.PutUint16(packet[ip+2:], 2)
	packet[ip+12], packet[ip+13] = 5<<4, 0x10 // five words of header; ACK
	// The sum of the pseudo header, as who asks for the checksum leaves it.
	pseudo := append([]byte{10, 0, 0, 1, 10, 0, 0, 2, 0, 6}, 0, 0)
	binary.BigEndian.PutUint16(pseudo[10:], uint16(len(packet)-ip))
	binary.BigEndian.PutUint16(packet[ip+16:], ^traffic.Checksum(pseudo))
	return traffic.Frame{Src: src, Dst: dst, Type: 0x0800, Payload: packet}, traffic.Offload{
		Flags: traffic.NeedsChecksum, GSOType: traffic.GSOTCPv4, HeaderOctets: ethernet + ip + tcp,
		SegmentOctets: 1448, ChecksumStart: ethernet + ip, ChecksumOffset: 16,
	}
}

func TestFrameLongerThanMTUIsDropped(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.ok(s.hosts["p1"].namespace.SetMTU("eth0", 9000))
	s.ok(s.sw.SetMTU("p1", 9000))
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	a, b := s.hosts["p1"], s.hosts["p2"]
	s.ok(a.Send(frame(a, traffic.Broadcast, "as long as may be").Bytes(1514)))
	s.gets(b, "as long as may be")
	s.ok(a.Send(frame(a, traffic.Broadcast, "too long").Bytes(1515)))
	if _, err := b.Receive(never, carries("too long")); !errors.Is(err, traffic.ErrTimeout) {
		t.Errorf("a frame of 1501 octets of payload passes a port with the MTU 1500 (%v)", err)
	}
	if n := s.count("/interfaces/interface[name=p2]/switch-port/discards/discard[direction=EGRESS][reason=TOO_BIG]/state/pkts"); n != 1 {
		t.Errorf("%d frames dropped as TOO_BIG, want 1", n)
	}
}
