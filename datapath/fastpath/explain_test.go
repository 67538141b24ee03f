package fastpath

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// What random configurations are made of: single ports 1..4, an aggregate and
// its members, VLANs, and hosts anywhere.
const (
	anyPorts     = 4
	anyAggregate = 5
	anyMember    = 6
	anyMembers   = 3
	anyLast      = anyMember + anyMembers - 1
	anyHosts     = 12
)

// anything is a bed whose configuration is drawn.
type anything struct {
	*bed
	*rand.Rand
}

func (a anything) chance(percent int) bool { return a.IntN(100) < percent }

func (a anything) vlan() uint16 { return []uint16{10, 10, 10, 20, 30}[a.IntN(5)] }

// configure draws a configuration and writes it over the last one.
func (a anything) configure() {
	a.Helper()
	a.ok(a.o.Switches().Put(1, Switch{Enabled: a.chance(97), Learning: a.chance(90), AgeingSeconds: 300, MaxEntries: uint32(a.IntN(20))}))
	a.ok(a.o.Switches().Put(2, Switch{Enabled: true, Learning: true}))
	for i, id := range []uint16{10, 20, 30} {
		for sw := range uint16(2) {
			v, fid := VLAN{sw + 1, id}, uint16(1+3*int(sw)+i)
			if a.chance(10) {
				a.ok(a.o.FIDs().Delete(v))
			} else {
				a.ok(a.o.FIDs().Put(v, FID{ID: fid, Suspended: a.chance(4)}))
			}
			a.ok(a.o.Flood().Put(fid, a.ports()))
		}
	}
	for n := uint16(1); n <= anyPorts; n++ {
		p := a.port()
		p.IfIndex = a.ifindex[n]
		if a.chance(30) {
			p.QoS = a.qos(n)
		}
		if a.chance(3) {
			p.IfIndex = 0
		}
		a.ok(a.o.Ports().Put(n, p))
		a.ok(a.o.PortNumbers().Put(a.ifindex[n], n))
	}
	a.team()
	_, err := a.o.FDB().Delete(func(Entry) bool { return a.chance(30) })
	a.ok(err)
	for range 3 {
		err := a.o.Statics().Put(Address{uint16(1 + a.IntN(6)), host(uint16(1 + a.IntN(anyHosts)))}, uint16(1+a.IntN(anyAggregate)))
		a.ok(err)
	}
}

// qos polices what comes from one host: no frame has room.
func (a anything) qos(n uint16) PortQoS {
	mac := spec.MAC{255, 255, 255, 255, 255, 255}
	term := spec.Term{Match: spec.Match{Source: host(uint16(1 + a.IntN(anyHosts))), SourceMask: mac}, Queue: "7", Remark: spec.Unmarked}
	a.ok(a.o.Classifiers().Put(uint8(n), NewClassifier(&spec.Classifier{Terms: []spec.Term{term}}, queueNumber)))
	a.ok(a.o.Policers().Put(PolicerKey{n, 0}, Policer{
		Committed: spec.MinRate, Burst: 1, Queues: [8]uint16{7}, Exceed: spec.PolicerAction{Drop: true, Remark: spec.Unmarked},
	}))
	return PortQoS{Instance: n, Classifier: uint8(n), Policers: 1}
}

// port draws a port of any kind.
func (a anything) port() Port {
	p := Port{
		Switch: 1, MTU: 1500, Forwarding: a.chance(96), NoTeaming: a.chance(20), Trunk: a.chance(50), PVID: a.vlan(),
	}
	if a.chance(10) {
		p.Switch = 2
	}
	if a.chance(10) {
		p.MTU = 1400
	}
	if p.Trunk {
		for range 3 {
			p.Tagged.Add(a.vlan())
		}
		if a.chance(40) {
			p.PVID = 0
		}
	}
	return p
}

func (a anything) ports() (s PortSet) {
	for n := uint16(1); n <= anyAggregate; n++ {
		if a.chance(70) {
			s.Add(n)
		}
	}
	return s
}

// team draws the aggregate.
func (a anything) team() {
	p := a.port()
	p.LAG = 1
	a.ok(a.o.Ports().Put(anyAggregate, p))
	l := LAG{
		Distribution: spec.TransportPorts + spec.Distribution(a.IntN(7)),
		Independent:  a.chance(50), FlowletGap: time.Hour, Designated: uint8(a.IntN(anyMembers)),
	}
	var active []uint8
	for m := range uint16(anyMembers) {
		n := anyMember + m
		a.ok(a.o.Ports().Put(n, Port{IfIndex: a.ifindex[n], MTU: 1500, MemberOf: anyAggregate, Forwarding: a.chance(85)}))
		a.ok(a.o.PortNumbers().Put(a.ifindex[n], n))
		l.Members[m] = LAGMember{IfIndex: a.ifindex[n], Port: n, Active: a.chance(85)}
		if l.Members[m].Active {
			active = append(active, uint8(m))
		}
	}
	for b := range l.Buckets {
		l.Buckets[b] = LAGBucket{NoMember, NoMember}
		if len(active) > 0 {
			l.Buckets[b] = LAGBucket{active[a.IntN(len(active))], active[a.IntN(len(active))]}
		}
	}
	a.ok(a.o.LAGs().Put(1, l))
}

// frame draws a frame.
func (a anything) frame() []byte {
	f := flow{
		v6: a.chance(30), src: uint32(a.IntN(4)), dst: uint32(a.IntN(4)),
		proto: []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_ICMP}[a.IntN(3)],
		sport: uint16(a.IntN(8)), dport: uint16(a.IntN(8)), sourceMAC: uint16(1 + a.IntN(anyHosts)), destMAC: uint16(1 + a.IntN(anyHosts)),
	}
	if a.chance(40) {
		f.tags = []uint16{a.vlan() | uint16(a.IntN(8))<<13}
	}
	if a.chance(5) {
		f.tags = []uint16{0}
	}
	b := f.frame()
	if a.chance(5) {
		b = arp(host(f.sourceMAC), untagged, 1, uint32(a.IntN(2)))
	}
	switch a.IntN(60) {
	case 0, 1, 2:
		copy(b, broadcast[:])
	case 3:
		copy(b, []byte{1, 0, 0x5e, 0, 0, byte(a.IntN(4))})
	case 4:
		copy(b, []byte{1, 0x80, 0xc2, 0, 0, byte(a.IntN(18))})
	case 5:
		b[6] |= 1
	case 6:
		copy(b, slowFrame())
	case 7:
		copy(b[:6], b[6:12])
	case 8:
		clear(b[6:12])
	}
	if a.chance(30) {
		long := make([]byte, []int{1395, 1414, 1418, 1500, 1514, 1515, 1518, 1519, 1700, 3000}[a.IntN(10)])
		copy(long, b)
		b = long
	}
	if a.chance(5) {
		b = b[:14+a.IntN(8)] // the kernel runs no program with IP that is too short
		b[12], b[13] = [2]byte{0x88, 0x81}[a.IntN(2)], [2]byte{0xb5, 0x00}[a.IntN(2)]
	}
	return b
}

// outcome is what counters say of one frame: of each port what came in, went
// out and was dropped.
type outcome map[string]uint64

func (a anything) outcome(before, after []spec.Counters) outcome {
	o := outcome{}
	add := func(n int, way string, before, after spec.Direction) {
		if d := after.Frames() - before.Frames(); d != 0 {
			o[fmt.Sprintf("port %d %s", n, way)] = d
		}
		for r := range after.Drops {
			if d := after.Drops[r] - before.Drops[r]; d != 0 {
				o[fmt.Sprintf("port %d %s %v", n, way, spec.DropReason(r))] = d
			}
		}
	}
	for n := range after {
		add(n, "in", before[n].In, after[n].In)
		add(n, "out", before[n].Out, after[n].Out)
	}
	return o
}

// foretold is the outcome that an explanation means.
func foretold(in uint16, r TraceRecord) outcome {
	o := outcome{fmt.Sprintf("port %d in", in): 1}
	verdict, reason := spec.Verdict(r.Head.Verdict), spec.DropReason(r.Head.Reason)
	if verdict == spec.VerdictDrop && !reason.Egress() {
		o[fmt.Sprintf("port %d in %v", in, reason)] = 1
	}
	for _, s := range r.Steps {
		stage, dropped := spec.Stage(s.Stage), spec.Verdict(s.Verdict) == spec.VerdictDrop
		switch {
		case stage == spec.StageOutput && !dropped:
			o[fmt.Sprintf("port %d out", s.Port)]++
		case stage == spec.StageOutput, (stage == spec.StageEgress || stage == spec.StageLAG) && dropped:
			o[fmt.Sprintf("port %d out %v", s.Port, spec.DropReason(s.Reason))]++
		}
	}
	return o
}

// TestExplainIsWhatHappens asks what would happen to 10,000 frames in some
// hundred configurations, then lets it happen.
func TestExplainIsWhatHappens(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	a := anything{newBed(t, anyLast), rand.New(rand.NewPCG(seed, 1))}
	var seen [spec.NumDropReasons]int
	forwarded, before := 0, a.counters(anyLast)
	for i := range 10000 {
		if i%40 == 0 {
			a.configure()
			before = a.counters(anyLast)
		}
		in, data := a.in(), a.frame()
		entries := 0
		if i%500 == 0 {
			entries = len(a.entries())
		}
		r, found, err := a.o.Explain(a.ifindex[in], data)
		a.ok(err)
		if !found {
			t.Fatalf("frame %d at port %d: not found", i, in)
		}
		want, verdict := foretold(in, r), spec.Verdict(r.Head.Verdict)
		seen[r.Head.Reason]++
		if verdict == spec.VerdictForward {
			forwarded++
		}
		if i%500 == 0 && len(a.entries()) != entries {
			t.Fatalf("frame %d: an explanation learned", i)
		}
		did, _ := a.run(in, data)
		after := a.counters(anyLast)
		got := a.outcome(before, after)
		before = after
		if fmt.Sprint(got) != fmt.Sprint(want) || did == tcxNext != (verdict == spec.VerdictPunt) {
			t.Fatalf("frame %d at port %d, %d octets %x:\nexplained %v, %v by %+v\nhappened  %v, result %d",
				i, in, len(data), data[:min(len(data), 60)], verdict, want, kept(r).steps, got, int32(did))
		}
		checkDiscards(t, after)
	}
	t.Logf("forwarded %d, by reason %v", forwarded, seen)
	for reason, n := range seen {
		if r := spec.DropReason(reason); n == 0 && r != spec.DropTransmit {
			t.Errorf("no frame was dropped for %v: the frames are not as random as they should be", r)
		}
	}
}

// in draws where a frame comes in.
func (a anything) in() uint16 {
	n := uint16(1 + a.IntN(anyLast-1))
	if n >= anyAggregate {
		n++
	}
	return n
}

// checkDiscards holds the sum over the reasons against the port's discards.
func checkDiscards(t *testing.T, all []spec.Counters) {
	t.Helper()
	for n := range all {
		for _, d := range []spec.Direction{all[n].In, all[n].Out} {
			var sum uint64
			for _, c := range d.Drops {
				sum += c
			}
			if sum != d.Discards() {
				t.Fatalf("port %d: %d discards, %d by reason", n, d.Discards(), sum)
			}
		}
	}
}

// TestExplainTakesAnyLength asks about frames that no test run takes as they
// are, and about the service tag that the kernel takes out.
func TestExplainTakesAnyLength(t *testing.T) {
	b := newBed(t, 2)
	b.vlans(10)
	b.port(1, access(10))
	b.port(2, access(10))
	b.static(10, host(2), 2)
	service := frame(host(2), host(1), 10, 1500)
	binary.BigEndian.PutUint16(service[12:], 0x88a8)
	for _, c := range []struct {
		name string
		data []byte
		want spec.DropReason
	}{
		{"as long as may be", frame(host(2), host(1), untagged, 1500), spec.DropNone},
		{"one octet more", frame(host(2), host(1), untagged, 1501), spec.DropTooBig},
		{"as long as no interface takes", frame(host(2), host(1), untagged, 65535), spec.DropTooBig},
		{"as long as may be, with a service tag", service, spec.DropNone},
	} {
		r, found, err := b.o.Explain(b.ifindex[1], c.data)
		b.ok(err)
		if got := spec.DropReason(r.Head.Reason); !found || got != c.want {
			t.Errorf("%s: found %t, %v, want %v", c.name, found, got, c.want)
		}
	}
	short := flow{proto: unix.IPPROTO_UDP, sourceMAC: 1, destMAC: 2}.frame()[:20]
	if r, found, err := b.o.Explain(b.ifindex[1], short); err != nil || !found || r.Head.Verdict != uint8(spec.VerdictForward) {
		t.Errorf("a frame that ends within its IP header: found %t, %v, %v; want it forwarded", found, spec.Verdict(r.Head.Verdict), err)
	}
	if _, found, err := b.o.Explain(1, frame(host(2), host(1), untagged, 100)); found || err != nil {
		t.Errorf("at an interface that is no port: found %t, %v; want neither", found, err)
	}
	if _, _, err := b.o.Explain(12345, frame(host(2), host(1), untagged, 100)); err == nil {
		t.Error("at an interface that is not there: no error")
	}
}
