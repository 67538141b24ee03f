package sflow

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

const maxDatagram = 1400

var agent = netip.MustParseAddr("192.0.2.1")

// collector receives datagrams and has gopacket read them.
type collector struct {
	t    *testing.T
	conn *net.UDPConn
}

func newCollector(t *testing.T) (*collector, netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &collector{t, conn}, conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (c *collector) next() (*layers.SFlowDatagram, int) {
	c.t.Helper()
	b := make([]byte, 65536)
	if err := c.conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	n, err := c.conn.Read(b)
	if err != nil {
		c.t.Fatal(err)
	}
	p := gopacket.NewPacket(b[:n], layers.LayerTypeSFlow, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		c.t.Fatalf("%v in %x", e.Error(), b[:n])
	}
	return p.Layer(layers.LayerTypeSFlow).(*layers.SFlowDatagram), n
}

func newSender(t *testing.T, a netip.Addr) (*Sender, *collector) {
	t.Helper()
	c, at := newCollector(t)
	s, err := NewSender(a, Collector{At: at, Source: at.Addr(), DSCP: 46, Datagram: maxDatagram}, time.Unix(1000, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, c
}

// arp is the beginning of a frame.
func arp() []byte {
	return append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, make([]byte, 21)...)
}

func TestFlow(t *testing.T) {
	for _, a := range []netip.Addr{agent, netip.MustParseAddr("2001:db8::1")} {
		s, c := newSender(t, a)
		tagged := slices.Concat(arp()[:12], []byte{0x81, 0, 0, 10}, arp()[12:])
		frame := Frame{In: 3, Out: 4, Outputs: 1, Length: 60, Header: tagged, VLAN: 10, VLANOut: 20, Priority: 5}
		s.Flow(&Flow{Source: 3, Sequence: 7, Rate: 64, Pool: 640, Lost: 1, Frame: frame}, time.Unix(1001, 0))
		s.Flush(time.Unix(1001, 0))
		d, _ := c.next()
		if !d.AgentAddress.Equal(a.AsSlice()) || d.SequenceNumber != 1 || d.AgentUptime != 1000 || len(d.FlowSamples) != 1 {
			t.Fatalf("datagram %+v", d)
		}
		f := d.FlowSamples[0]
		if f.SequenceNumber != 7 || f.SourceIDIndex != 3 || f.SamplingRate != 64 || f.SamplePool != 640 || f.Dropped != 1 || f.InputInterface != 3 || f.OutputInterface != 4 || len(f.Records) != 2 {
			t.Fatalf("sample %+v", f)
		}
		raw, vlans := f.Records[0].(layers.SFlowRawPacketFlowRecord), f.Records[1].(layers.SFlowExtendedSwitchFlowRecord)
		if raw.FrameLength != 64 || raw.HeaderLength != uint32(len(arp())+4) || raw.Header.Layer(layers.LayerTypeARP) == nil || raw.Header.Layer(layers.LayerTypeDot1Q) == nil {
			t.Errorf("header %+v", raw)
		}
		if vlans.IncomingVLAN != 10 || vlans.OutgoingVLAN != 20 || vlans.IncomingVLANPriority != 5 {
			t.Errorf("vlans %+v", vlans)
		}
	}
}

func TestOutput(t *testing.T) {
	tests := []struct {
		name  string
		frame Frame
		want  uint32
	}{
		{"one", Frame{Out: 4, Outputs: 1}, 4},
		{"several", Frame{Out: 4, Outputs: 3}, 2<<30 | 3},
		{"none", Frame{}, 1<<30 | 256},
	}
	for _, tt := range tests {
		if got := tt.frame.output(); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
}

func TestInterface(t *testing.T) {
	s, c := newSender(t, agent)
	want := Interface{
		Index: 3, Sequence: 2, SpeedBitsPerSecond: 10e9, FullDuplex: true, AdminUp: true, OperUp: true, InOctets: 1 << 40, OutOctets: 1 << 41,
		InUnicast: 1, InMulticast: 2, InBroadcast: 3, InDiscards: 4, InErrors: 5, OutUnicast: 6, OutMulticast: 7, OutBroadcast: 8, OutDiscards: 9, OutErrors: 10,
	}
	s.Interface(&want, time.Unix(1000, 0))
	s.Flush(time.Unix(1000, 0))
	d, _ := c.next()
	got := d.CounterSamples[0].Records[0].(layers.SFlowGenericInterfaceCounters)
	if d.CounterSamples[0].SequenceNumber != 2 || got.IfIndex != 3 || got.IfSpeed != 10e9 || got.IfDirection != 1 || got.IfStatus != 3 ||
		got.IfInOctets != 1<<40 || got.IfOutOctets != 1<<41 || got.IfInUcastPkts != 1 || got.IfInMulticastPkts != 2 || got.IfInBroadcastPkts != 3 ||
		got.IfInDiscards != 4 || got.IfInErrors != 5 || got.IfOutUcastPkts != 6 || got.IfOutMulticastPkts != 7 || got.IfOutBroadcastPkts != 8 ||
		got.IfOutDiscards != 9 || got.IfOutErrors != 10 {
		t.Errorf("got %+v", got)
	}
}

// TestDrop: gopacket does not know the structure; its layout is held against the
// words of the specification.
func TestDrop(t *testing.T) {
	d := Drop{Source: 3, Sequence: 9, Lost: 1, Reason: 264, Frame: Frame{In: 3, Length: 60, Header: arp()[:18]}}
	want := words(nil, 5, 100, 9, 0, 3, 1, 3, 0, 264, 2, 1, 36, 1, 64, 4, 18)
	want = append(append(want, arp()[:18]...), 0, 0)
	want = words(want, 1001, 16, 0, 0, 0, 0)
	if got := d.append(nil); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

// TestDatagramsAreFilled: samples share datagrams, and none is longer than a
// path can carry.
func TestDatagramsAreFilled(t *testing.T) {
	s, c := newSender(t, agent)
	const samples = 50
	for i := range samples {
		s.Flow(&Flow{Source: 3, Sequence: uint32(i), Frame: Frame{Length: 1500, Header: make([]byte, 128)}}, time.Unix(1000, 0))
	}
	s.Flow(&Flow{Source: 4, Frame: Frame{Length: 9000, Header: make([]byte, 9000)}}, time.Unix(1000, 0))
	s.Flush(time.Unix(1000, 0))
	s.Flush(time.Unix(1000, 0)) // nothing waits
	sent, failed := s.Sent()
	got, sequence := 0, uint32(0)
	for range sent {
		d, n := c.next()
		if n > maxDatagram || d.SequenceNumber != sequence+1 {
			t.Errorf("datagram %d of %d octets after %d", d.SequenceNumber, n, sequence)
		}
		got, sequence = got+len(d.FlowSamples), d.SequenceNumber
	}
	if got != samples+1 || failed != 0 || sent > 10 {
		t.Errorf("%d samples in %d datagrams, %d failed; want %d in few", got, sent, failed, samples+1)
	}
}

func TestSenderRefuses(t *testing.T) {
	if _, err := NewSender(netip.Addr{}, Collector{}, time.Time{}); err == nil {
		t.Error("no agent address is taken")
	}
}
