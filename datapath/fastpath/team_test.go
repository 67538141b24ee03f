package fastpath

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// What a team's bed looks like: hosts 1 and 2 are at ports of VLAN 10, the
// aggregate is port 3, and its members are ports 4 and on.
const (
	teamPort    = 3
	firstMember = 4
	teamNumber  = 7 // in LAGs
)

// team is a bed with an aggregate.
type team struct {
	*bed
	lag LAG
	n   uint16 // members
}

// newTeam makes the bed: n members, all active, their buckets even; the host of
// number 50 is behind the aggregate. With independent, the switches at the
// other end know nothing of it.
func newTeam(b *bed, n uint16, d spec.Distribution, independent bool) *team {
	b.Helper()
	t := &team{b, LAG{Distribution: d, Independent: independent, FlowletGap: spec.DefaultFlowletGap}, n}
	b.vlans(10, 20)
	b.port(1, access(10))
	b.port(2, access(10))
	for m := range n {
		t.lag.Members[m] = LAGMember{IfIndex: b.ifindex[firstMember+m], Port: firstMember + m, Active: true}
		t.collect(m, true)
	}
	t.even()
	t.ok(t.o.LAGs().Delete(teamNumber))
	t.put()
	t.aggregate(access(10))
	b.members(10, 1, 2, teamPort)
	b.static(10, host(1), 1)
	b.static(10, host(50), teamPort)
	return t
}

// even spreads the buckets over all members, and those of each over the others.
func (t *team) even() {
	n := int(t.n)
	for b := range t.lag.Buckets {
		first := b % n
		second := NoMember
		if n > 1 {
			second = (first + 1 + b/n%(n-1)) % n
		}
		t.lag.Buckets[b] = LAGBucket{uint8(first), uint8(second)}
	}
}

func (t *team) put() {
	t.Helper()
	t.ok(t.o.LAGs().Put(teamNumber, t.lag))
}

// aggregate writes the aggregate's port.
func (t *team) aggregate(p Port) {
	t.Helper()
	p.LAG, p.MTU = teamNumber, 1500
	if p.Switch == 0 {
		p.Switch = 1
	}
	t.ok(t.o.Ports().Put(teamPort, p))
}

// collect writes the port of member m.
func (t *team) collect(m uint16, collecting bool) {
	t.Helper()
	t.ok(t.o.Ports().Put(firstMember+m, Port{IfIndex: t.ifindex[firstMember+m], MTU: 1500, MemberOf: teamPort, Forwarding: collecting}))
	t.ok(t.o.PortNumbers().Put(t.ifindex[firstMember+m], firstMember+m))
}

// carrier takes the carrier from member m or gives it back.
func (t *team) carrier(m uint16, up bool) {
	t.Helper()
	t.setLink(hostName(firstMember+m), up)
}

// out are the frames that left by each member and were dropped at the way out
// of the aggregate.
func (t *team) out() []uint64 {
	t.Helper()
	c := t.counters(firstMember + t.n)
	var n []uint64
	for m := range t.n {
		n = append(n, c[firstMember+m].Out.Frames())
	}
	return append(n, c[teamPort].Out.Discards())
}

// leaves is the member that a frame from port 1 leaves by; -1 where it doesn't.
func (t *team) leaves(data []byte) int {
	t.Helper()
	before := t.out()
	t.feed(t.ifindex[1], data)
	after := t.out()
	by := -1
	for m := range t.n {
		if after[m] != before[m] {
			if by >= 0 {
				t.Fatalf("the frame left by members %d and %d", by, m)
			}
			by = int(m)
		}
	}
	return by
}

// flow is a packet of the network layer inside a frame from host 1 to 50.
type flow struct {
	v6         bool
	src, dst   uint32 // the lowest octets of the addresses
	proto      uint8
	sport      uint16
	dport      uint16
	fragment   uint16 // flags and offset
	options    int    // octets, a multiple of four
	extensions []byte // types of IPv6 headers that come first
	tags       []uint16
	sourceMAC  uint16 // number of the host; 0 is 1
	destMAC    uint16 // 0 is 50
	cut        int    // octets of the transport header that are left out
}

// frame is the flow as octets, its payload four words of zeros.
func (f flow) frame() []byte {
	if f.sourceMAC == 0 {
		f.sourceMAC = 1
	}
	if f.destMAC == 0 {
		f.destMAC = 50
	}
	dst, src := host(f.destMAC), host(f.sourceMAC)
	b := append(append([]byte{}, dst[:]...), src[:]...)
	for _, tag := range f.tags {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, tag)
	}
	var transport []byte
	transport = binary.BigEndian.AppendUint16(transport, f.sport)
	transport = binary.BigEndian.AppendUint16(transport, f.dport)
	transport = append(transport, make([]byte, 16)...)
	transport = transport[:len(transport)-f.cut]
	if f.v6 {
		return append(f.ipv6(b, len(transport)), transport...)
	}
	return append(f.ipv4(b, len(transport)), transport...)
}

func (f flow) ipv4(b []byte, payload int) []byte {
	b = binary.BigEndian.AppendUint16(b, 0x0800)
	header := make([]byte, 20+f.options)
	header[0], header[8], header[9] = byte(0x45+f.options/4), 64, f.proto
	binary.BigEndian.PutUint16(header[2:], uint16(len(header)+payload))
	binary.BigEndian.PutUint16(header[6:], f.fragment)
	binary.BigEndian.PutUint32(header[12:], 10<<24+f.src)
	binary.BigEndian.PutUint32(header[16:], 10<<24+f.dst)
	return append(b, header...)
}

func (f flow) ipv6(b []byte, payload int) []byte {
	b = binary.BigEndian.AppendUint16(b, 0x86dd)
	next := slices.Concat(f.extensions, []byte{f.proto})
	var headers []byte
	for i := range f.extensions {
		h := make([]byte, 8)
		h[0] = next[i+1]
		if f.extensions[i] == unix.IPPROTO_AH {
			h[1] = 0 // two words of four octets
		}
		headers = append(headers, h...)
	}
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, next[0], 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(headers)+payload))
	h[8], h[24] = 0xfd, 0xfd
	binary.BigEndian.PutUint32(h[20:], f.src)
	binary.BigEndian.PutUint32(h[36:], f.dst)
	return append(append(b, h...), headers...)
}

func memberName(m uint16) string { return fmt.Sprintf("p%d", firstMember+m) }
