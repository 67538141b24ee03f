package fastpath

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Port 1 of a bed for classes classifies by classifier 1, instance 1; frames
// go to port 2.
func newClassBed(t testing.TB, terms ...spec.Term) *bed {
	t.Helper()
	b := newBed(t, 2)
	b.vlans(10, 20)
	b.port(2, trunk(10, 20))
	b.static(10, host(50), 2)
	b.static(20, host(50), 2)
	b.classify(1, terms...)
	return b
}

// classify makes port 1 classify by other terms.
func (b *bed) classify(number uint8, terms ...spec.Term) {
	b.Helper()
	for i := range terms {
		if terms[i].Remark == (spec.Remark{}) {
			terms[i].Remark = spec.Unmarked
		}
	}
	b.ok(b.o.Classifiers().Put(number, NewClassifier(&spec.Classifier{Terms: terms}, queueNumber)))
	p := trunk(10, 20)
	p.QoS = PortQoS{Queue: 9, Instance: 1, Classifier: number}
	b.port(1, p)
}

// queueNumber: queues of tests are named by a digit.
func queueNumber(name string) uint16 {
	if name == "" {
		return 0
	}
	return uint16(name[0] - '0')
}

// class is the class that a frame gets at port 1, 0 for none, and the frame as
// it leaves, without its tag.
func (b *bed) class(data []byte) (uint32, []byte) {
	b.Helper()
	var out skBuff
	opts := &ebpf.RunOptions{
		Data: data, DataOut: make([]byte, len(data)+64), ContextOut: &out,
		Context: &skBuff{Ifindex: b.ifindex[1], IngressIfindex: b.ifindex[1]},
	}
	if _, err := b.o.program.Run(opts); err != nil {
		b.Fatalf("run program: %v", err)
	}
	if out.Priority != 0 && out.Priority>>16 != QueueHandle {
		b.Fatalf("priority %#x: want the handle %#x", out.Priority, QueueHandle)
	}
	return out.Priority & 0xffff, opts.DataOut
}

// vectors are matches with frames that they fit, and frames that they do not.
var vectors = []struct {
	name     string
	match    spec.Match
	fits     []flow
	fitsNot  []flow
	dscp     uint8 // of all frames
	tcpFlags uint8
}{
	{name: "anything", fits: []flow{{}, {v6: true}, {tags: []uint16{20}}}},
	{
		name:  "source MAC",
		match: spec.Match{Source: host(3), SourceMask: spec.MAC{255, 255, 255, 255, 255, 255}},
		fits:  []flow{{sourceMAC: 3}}, fitsNot: []flow{{sourceMAC: 4}},
	},
	{
		name:  "masked destination MAC",
		match: spec.Match{Destination: host(50), DestinationMask: spec.MAC{255, 255, 255, 255, 255, 0xfe}},
		fits:  []flow{{}},
	},
	{name: "VLAN", match: spec.Match{VLAN: 20}, fits: []flow{{tags: []uint16{20}}}, fitsNot: []flow{{}, {tags: []uint16{10}}}},
	{
		name: "PCP", match: spec.Match{PCPs: 1<<5 | 1<<6},
		fits:    []flow{{tags: []uint16{5<<13 | 20}}, {tags: []uint16{6 << 13}}},
		fitsNot: []flow{{}, {tags: []uint16{4<<13 | 20}}},
	},
	{name: "type", match: spec.Match{EtherType: 0x86dd}, fits: []flow{{v6: true}, {v6: true, tags: []uint16{20}}}, fitsNot: []flow{{}}},
	{name: "version 4", match: spec.Match{Version: 4}, fits: []flow{{}, {options: 8}}, fitsNot: []flow{{v6: true}}},
	{name: "version 6", match: spec.Match{Version: 6}, fits: []flow{{v6: true}}, fitsNot: []flow{{}}},
	{
		name: "DSCP", match: spec.Match{DSCPs: 1 << 46}, dscp: 46,
		fits: []flow{{}, {v6: true}, {tags: []uint16{20}}, {options: 4}},
	},
	{name: "other DSCP", match: spec.Match{DSCPs: 1 << 45}, dscp: 46, fitsNot: []flow{{}, {v6: true}}},
	{
		name: "IPv4 prefix", match: spec.Match{SourcePrefix: netip.MustParsePrefix("10.0.1.0/24")},
		fits: []flow{{src: 0x1ff}, {src: 0x100, options: 4}}, fitsNot: []flow{{src: 0x200}, {v6: true, src: 0x1ff}},
	},
	{
		name: "IPv6 prefix", match: spec.Match{DestinationPrefix: netip.MustParsePrefix("fd00::100/120")},
		fits: []flow{{v6: true, dst: 0x1ff}}, fitsNot: []flow{{v6: true, dst: 0x200}, {dst: 0x1ff}},
	},
	{
		name: "protocol", match: spec.Match{HasProtocol: true, Protocol: unix.IPPROTO_UDP},
		fits:    []flow{{proto: unix.IPPROTO_UDP}, {proto: unix.IPPROTO_UDP, fragment: 100}, {v6: true, proto: unix.IPPROTO_UDP, extensions: []byte{0}}},
		fitsNot: []flow{{proto: unix.IPPROTO_TCP}, {v6: true, proto: unix.IPPROTO_TCP}},
	},
	{
		name: "ports", match: spec.Match{SourcePorts: spec.PortRange{First: 1000, Last: 2000}, DestinationPorts: spec.PortRange{First: 80, Last: 80}},
		fits: []flow{
			{proto: unix.IPPROTO_TCP, sport: 1000, dport: 80}, {proto: unix.IPPROTO_UDP, sport: 2000, dport: 80, options: 4},
			{proto: unix.IPPROTO_SCTP, sport: 1500, dport: 80, v6: true}, {proto: unix.IPPROTO_UDP, sport: 1500, dport: 80, fragment: 0x2000},
			{proto: unix.IPPROTO_UDP, sport: 1500, dport: 80, v6: true, extensions: []byte{0, 43, 60}},
		},
		fitsNot: []flow{
			{proto: unix.IPPROTO_TCP, sport: 999, dport: 80}, {proto: unix.IPPROTO_TCP, sport: 2001, dport: 80},
			{proto: unix.IPPROTO_TCP, sport: 1500, dport: 81}, {proto: unix.IPPROTO_ICMP, sport: 1500, dport: 80},
			{proto: unix.IPPROTO_UDP, sport: 1500, dport: 80, fragment: 1},
		},
	},
	{
		name: "TCP flags", match: spec.Match{TCPFlags: 0x02}, tcpFlags: 0x12,
		fits: []flow{{proto: unix.IPPROTO_TCP}, {proto: unix.IPPROTO_TCP, options: 4}}, fitsNot: []flow{{proto: unix.IPPROTO_UDP}},
	},
	{name: "time to live", match: spec.Match{HasTTL: true, TTL: 64}, fits: []flow{{}, {v6: true}}},
	{name: "other time to live", match: spec.Match{HasTTL: true, TTL: 1}, fitsNot: []flow{{}, {v6: true}}},
}

// marked is the frame of a flow with a DSCP and flags of TCP.
func (f flow) marked(dscp, tcpFlags uint8) []byte {
	data := f.frame()
	at := 14 + 4*len(f.tags)
	if f.v6 {
		data[at] |= dscp >> 2
		data[at+1] |= dscp << 6
		return data
	}
	data[at+1] = dscp << 2
	if f.proto == unix.IPPROTO_TCP {
		data[at+20+f.options+13] = tcpFlags
	}
	return data
}

func TestClassify(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			b := newClassBed(t, spec.Term{Match: v.match, Queue: "5"})
			for want, flows := range map[uint32][]flow{5: v.fits, 9: v.fitsNot} {
				for _, f := range flows {
					for range 3 { // looked up, of a flow, and of a class in the cache
						if got, _ := b.class(f.marked(v.dscp, v.tcpFlags)); got != want {
							t.Errorf("%+v: class %d, want %d", f, got, want)
						}
					}
				}
			}
			counts, err := b.o.TermCounts(1)
			if err != nil || counts[0].Packets != uint64(3*len(v.fits)) || counts[1].Packets != 0 {
				t.Errorf("counted %+v, %v; want %d frames on the first term", counts[:2], err, 3*len(v.fits))
			}
		})
	}
}

// TestClassifyTakesTheFirst compares the program with what the terms say, for
// random lists of the matches above and random frames.
func TestClassifyTakesTheFirst(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	fits := map[string]bool{} // by name of the match and text of the frame
	var all []flow
	for _, v := range vectors {
		if v.dscp != 0 || v.tcpFlags != 0 {
			continue
		}
		all = append(append(all, v.fits...), v.fitsNot...)
	}
	b := newClassBed(t, spec.Term{Queue: "1"})
	for _, v := range vectors {
		b.classify(2, spec.Term{Match: v.match, Queue: "2"})
		for _, f := range all {
			class, _ := b.class(f.frame())
			fits[v.name+fmt.Sprint(f)] = class == 2
		}
	}
	for range 200 {
		terms := make([]spec.Term, 1+r.IntN(spec.MaxTerms))
		names := make([]string, len(terms))
		for i := range terms {
			v := vectors[1+r.IntN(len(vectors)-1)]
			terms[i], names[i] = spec.Term{Match: v.match, Queue: fmt.Sprint(i % 8)}, v.name
		}
		b.classify(3, terms...)
		for range 20 {
			f, want := all[r.IntN(len(all))], uint32(9)
			for i, name := range names {
				if fits[name+fmt.Sprint(f)] {
					want = uint32(i % 8)
					break
				}
			}
			if got, _ := b.class(f.frame()); got != want {
				t.Fatalf("%+v by %q: class %d, want %d", f, names, got, want)
			}
		}
	}
}

func TestRemark(t *testing.T) {
	b := newClassBed(t, spec.Term{Remark: spec.Remark{DSCP: 10, PCP: 3}, Queue: "5"})
	for _, f := range []flow{
		{proto: unix.IPPROTO_TCP}, {proto: unix.IPPROTO_UDP, v6: true},
		{tags: []uint16{6<<13 | 20}}, {tags: []uint16{20}, v6: true}, {options: 4},
	} {
		data := f.marked(46, 0)
		at := 14 + 4*len(f.tags)
		if !f.v6 {
			data[at+1] |= 1 // ECT(1): stays
			binary.BigEndian.PutUint16(data[at+10:], checksum(data[at:at+20+f.options]))
		}
		_, out := b.class(data)
		at = 14 // the tag is beside the frame now, where no test run shows it
		if f.v6 {
			if got := binary.BigEndian.Uint16(out[at:]) >> 4 & 0xff; got != 10<<2 {
				t.Errorf("%+v: traffic class %#x, want DSCP 10", f, got)
			}
			continue
		}
		if out[at+1] != 10<<2|1 || checksum(out[at:at+20+f.options]) != 0 {
			t.Errorf("%+v: type of service %#x, checksum off by %#x; want DSCP 10, ECN 1 and a right one", f, out[at+1], checksum(out[at:at+20+f.options]))
		}
	}
}

// TestRemarkPCP reads the tag on the wire.
func TestRemarkPCP(t *testing.T) {
	b := newClassBed(t, spec.Term{Remark: spec.Remark{DSCP: spec.NoRemark, PCP: 3}})
	b.port(2, trunk(0, 20))
	b.static(20, host(2), 2)
	w := b.hosts()
	for _, tci := range []int{20, 6<<13 | 20, 7<<13 | 1<<12 | 20} {
		w[1].send(frame(host(2), host(1), tci, 46))
		want := tci&(1<<12) | 3<<13 | 20
		w[2].want(fmt.Sprintf("a frame with tag %#x", tci), frame(host(2), host(1), want, 46))
	}
}

// checksum is the one's complement sum of RFC 1071.
func checksum(data []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// TestPolice takes a bucket's depth of frames and no more.
func TestPolice(t *testing.T) {
	drop := spec.PolicerAction{Drop: true, Remark: spec.Unmarked}
	mark := spec.PolicerAction{Remark: spec.Remark{DSCP: 8, PCP: spec.NoRemark}}
	pass := spec.PolicerAction{Remark: spec.Unmarked}
	for _, c := range []struct {
		name                     string
		policer                  Policer
		conform, exceed, violate uint64
		dropped                  uint64
		marked                   int
	}{
		{"one rate", Policer{Committed: spec.MinRate, Burst: 10_000, Conform: pass, Exceed: drop, Violate: drop}, 10, 90, 0, 90, 0},
		{"of its queue", Policer{Committed: spec.MinRate, Burst: 10_000, Queues: [8]uint16{3, 5}, Conform: pass, Exceed: drop, Violate: drop}, 10, 90, 0, 90, 0},
		{"of another queue", Policer{Committed: spec.MinRate, Burst: 10_000, Queues: [8]uint16{4}, Conform: pass, Exceed: drop, Violate: drop}, 0, 0, 0, 0, 0},
		{
			"two rates", Policer{Committed: spec.MinRate, Burst: 10_000, Peak: 2 * spec.MinRate, PeakBurst: 30_000, Conform: pass, Exceed: mark, Violate: drop},
			10, 20, 70, 70, 20,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newClassBed(t, spec.Term{Queue: "5"})
			b.ok(b.o.Policers().Put(PolicerKey{1, 0}, c.policer))
			p := trunk(10, 20)
			p.QoS = PortQoS{Queue: 9, Instance: 1, Classifier: 1, Policers: 1}
			b.port(1, p)
			marked := 0
			f := flow{proto: unix.IPPROTO_UDP}.frame()
			f = append(f, make([]byte, 1000-len(f))...)
			for range 100 {
				if _, out := b.class(f); out[15]>>2 == 8 {
					marked++
				}
			}
			counts, err := b.o.PolicerCounts(1)
			b.ok(err)
			got, drops := counts[0], b.counters(1)[1].In.Drops[spec.DropPoliced]
			// A frame or two more may have found room meanwhile: 1,000 octets a second.
			if near(got.ConformPackets, c.conform) || near(got.ExceedPackets, c.exceed) || near(got.ViolatePackets, c.violate) || near(drops, c.dropped) || near(uint64(marked), uint64(c.marked)) {
				t.Errorf("got %+v, %d dropped, %d marked; want %d, %d and %d, %d dropped, %d marked", got, drops, marked, c.conform, c.exceed, c.violate, c.dropped, c.marked)
			}
			if got.ConformOctets != 1000*got.ConformPackets || got.ExceedOctets != 1000*got.ExceedPackets {
				t.Errorf("octets %+v: want 1,000 of each frame", got)
			}
		})
	}
}

// near is wrong by more than two.
func near(got, want uint64) bool { return got > want+2 || got+2 < want }

// TestPoliceChargesEachSegment: a GSO frame takes what its segments take.
func TestPoliceChargesEachSegment(t *testing.T) {
	const size, mss = 65000, 1448
	b := newClassBed(t, spec.Term{Queue: "5"})
	b.ok(b.o.Policers().Put(PolicerKey{1, 0}, Policer{Committed: 1e9, Burst: 1 << 20}))
	p := trunk(10, 20)
	p.QoS = PortQoS{Instance: 1, Policers: 1}
	b.port(1, p)
	b.static(10, host(2), 2)
	w := b.hosts()
	b.ok(unix.SetsockoptInt(w[1].fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1))
	w[1].send(gsoFrame(host(2), host(1), size, mss))
	w[2].wantLength("a GSO frame", 14+40+size)
	counts, err := b.o.PolicerCounts(1)
	if want := uint64(size + (size+mss-1)/mss*(14+40)); err != nil || counts[0].ConformOctets != want {
		t.Errorf("charged %d octets, %v; want %d", counts[0].ConformOctets, err, want)
	}
}

// TestDetour sends what comes in through the queues of another interface, and
// counts and forwards what comes back from there.
func TestDetour(t *testing.T) {
	b := newBed(t, 4) // 3 is where the queues are, 4 where frames come back
	b.vlans(10)
	b.port(2, access(10))
	b.static(10, host(2), 2)
	p := access(10)
	p.Detour, p.QoS = b.ifindex[3], PortQoS{Queue: 7}
	b.port(1, p)
	b.ok(b.o.PortNumbers().Put(b.ifindex[4], 1|HeldBack))
	for range 2 { // looked up, and of a flow
		for _, dst := range []spec.MAC{host(2), broadcast} {
			data := frame(dst, host(1), untagged, 46)
			class, _ := b.class(data)
			if verdict, _ := b.run(1, data); verdict != tcxRedirect || class != 7 {
				t.Errorf("to %v: verdict %d and class %d, want a redirect in class 7", dst, verdict, class)
			}
		}
	}
	if c := b.counters(2); c[1] != (spec.Counters{}) || c[2] != (spec.Counters{}) {
		t.Errorf("counted on the way to the queues: %+v", c)
	}
	if got := b.entries(); len(got) != 1 {
		t.Errorf("learned on the way to the queues: %v", got)
	}
	for range 2 {
		if verdict, _ := b.runAt(b.ifindex[4], 0, frame(host(2), host(1), untagged, 46)); verdict != tcxRedirect {
			t.Errorf("behind the queues: verdict %d, want a redirect", verdict)
		}
	}
	if c := b.counters(2); c[1].In.Unicast != 2 || c[2].Out.Unicast != 2 {
		t.Errorf("counted %+v behind the queues, want two frames from 1 to 2", c)
	}
	// What is refused at the port is counted there, and takes no detour.
	p.Forwarding = false
	b.port(1, p)
	if verdict, _ := b.run(1, frame(host(2), host(1), untagged, 46)); verdict != tcxDrop || b.counters(1)[1].In.Drops[spec.DropPortDown] != 1 {
		t.Errorf("at a port that is down: verdict %d, %+v; want it dropped there", verdict, b.counters(1)[1].In)
	}
}

func TestQoSTables(t *testing.T) {
	b := newClassBed(t, spec.Term{Match: spec.Match{DSCPs: 1}, Queue: "3"})
	want := NewClassifier(&spec.Classifier{Terms: []spec.Term{{Match: spec.Match{DSCPs: 1}, Queue: "3", Remark: spec.Unmarked}}}, queueNumber)
	all, err := b.o.Classifiers().List()
	if err != nil || len(all) != 1 || all[1] != want {
		t.Errorf("%d classifiers, %v, the first as put %t; want one", len(all), err, all[1] == want)
	}
	policer := Policer{Committed: 123456, Burst: 5000, Peak: 2e9, PeakBurst: 1 << 20, Queues: [8]uint16{1, 2}, Exceed: spec.PolicerAction{Drop: true}}
	b.ok(b.o.Policers().Put(PolicerKey{7, 3}, policer))
	if got, err := b.o.Policers().List(); err != nil || len(got) != 1 || got[PolicerKey{7, 3}] != policer {
		t.Errorf("policers %+v, %v; want the one that was put", got, err)
	}
	b.ok(b.o.Policers().Delete(PolicerKey{7, 3}))
	b.ok(b.o.Classifiers().Delete(1))
	classifiers, _ := b.o.Classifiers().List()
	policers, _ := b.o.Policers().List()
	if len(classifiers)+len(policers) != 0 {
		t.Errorf("left after deletion: %d classifiers, %d policers", len(classifiers), len(policers))
	}
	if class, _ := b.class(flow{}.frame()); class != 9 {
		t.Errorf("class %d without its classifier, want the port's own", class)
	}
	for _, bad := range []error{
		b.o.Classifiers().Put(0, want), b.o.Classifiers().Put(1, Classifier{}),
		b.o.Policers().Put(PolicerKey{0, 0}, policer), b.o.Policers().Put(PolicerKey{1, spec.MaxPolicers}, policer),
		b.o.Policers().Put(PolicerKey{1, 0}, Policer{}),
	} {
		if bad == nil {
			t.Error("what no table can hold was taken")
		}
	}
}

// BenchmarkQoS measures what a frame of a flow in the cache costs more with a
// classifier at its port than without.
func BenchmarkQoS(b *testing.B) {
	bed := newBed(b, 6)
	bed.vlans(10)
	mac := spec.Match{Source: host(3), SourceMask: spec.MAC{255, 255, 255, 255, 255, 255}}
	matches := map[uint16]spec.Match{2: mac, 3: {DSCPs: 1}, 4: {HasProtocol: true, Protocol: unix.IPPROTO_TCP, DestinationPorts: spec.PortRange{First: 80, Last: 80}}}
	for n := uint16(1); n <= 6; n++ {
		p := access(10)
		if m, ok := matches[n]; ok {
			bed.ok(bed.o.Classifiers().Put(uint8(n), NewClassifier(&spec.Classifier{Terms: []spec.Term{{Match: m, Queue: "3", Remark: spec.Unmarked}}}, queueNumber)))
			p.QoS = PortQoS{Queue: 9, Instance: n, Classifier: uint8(n)}
		}
		if n == 5 {
			bed.ok(bed.o.Policers().Put(PolicerKey{5, 0}, Policer{Committed: spec.MaxRate, Burst: spec.MaxBurst}))
			p.QoS = PortQoS{Instance: 5, Policers: 1}
		}
		bed.port(n, p)
	}
	bed.static(10, host(50), 6)
	arms := []arm{
		{unit: "ns/empty", program: emptyProgram(b), ifindex: bed.ifindex[1]},
		{unit: "ns/hit", program: bed.o.program, ifindex: bed.ifindex[1]},
		{unit: "ns/by-MAC-more", program: bed.o.program, ifindex: bed.ifindex[2], less: 1},
		{unit: "ns/by-DSCP-more", program: bed.o.program, ifindex: bed.ifindex[3], less: 1},
		{unit: "ns/by-ports-more", program: bed.o.program, ifindex: bed.ifindex[4], less: 1},
		{unit: "ns/policed-more", program: bed.o.program, ifindex: bed.ifindex[5], less: 1},
	}
	for i := range arms {
		arms[i].frame = flow{proto: unix.IPPROTO_TCP, sourceMAC: 3, dport: 80}.frame()
	}
	measure(b, arms)
}
