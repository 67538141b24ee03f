package fastpath

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// headers of IPv6.
const (
	hopByHop = unix.IPPROTO_HOPOPTS
	routing  = unix.IPPROTO_ROUTING
	fragment = unix.IPPROTO_FRAGMENT
	ah       = unix.IPPROTO_AH
	options  = unix.IPPROTO_DSTOPTS
)

// TestLAGHash has pairs of frames that must leave by one member, whatever their
// ports are, and pairs that must be told apart. Many numbers are tried: with 32
// members two flows that are told apart seldom meet.
func TestLAGHash(t *testing.T) {
	b := newBed(t, 3+32)
	with := func(change func(*flow)) func(flow) flow {
		return func(f flow) flow { change(&f); return f }
	}
	ports := with(func(f *flow) { f.sport, f.dport = f.sport+1000, f.dport+77 })
	tagged := with(func(f *flow) { f.tags = []uint16{10} })
	twice := with(func(f *flow) { f.tags = []uint16{10, 99} })
	then := func(x, y func(flow) flow) func(flow) flow { return func(f flow) flow { return y(x(f)) } }
	v4 := with(func(*flow) {})
	v6 := with(func(f *flow) { f.v6 = true })
	fragments := func(bits uint16) func(flow) flow { return with(func(f *flow) { f.fragment = bits }) }
	headers := func(h ...byte) func(flow) flow { return with(func(f *flow) { f.extensions = h }) }
	proto := func(p uint8) func(flow) flow { return with(func(f *flow) { f.proto = p }) }
	both := func(x func(flow) flow, change func(flow) flow) [2]func(flow) flow {
		return [2]func(flow) flow{x, then(x, change)}
	}
	tests := []struct {
		name string
		pair [2]func(flow) flow
		same bool
		by   []spec.Distribution // TransportPorts where it is empty
	}{
		{name: "ports", pair: both(v4, ports)},
		{name: "ports, IPv6", pair: both(v6, ports)},
		{name: "ports by addresses", pair: both(v4, ports), same: true, by: []spec.Distribution{spec.IPAddresses, spec.MACAddresses}},
		{name: "ports by addresses, IPv6", pair: both(v6, ports), same: true, by: []spec.Distribution{spec.IPAddresses, spec.MACAddresses}},
		{name: "first fragment", pair: both(fragments(0x2000), ports), same: true},
		{name: "first and next fragment", pair: [2]func(flow) flow{fragments(0x2000), then(fragments(0x2010), ports)}, same: true},
		{name: "first and last fragment", pair: [2]func(flow) flow{fragments(0x2000), then(fragments(0x0020), ports)}, same: true},
		{name: "must not be fragmented", pair: both(fragments(0x4000), ports)},
		{name: "must not be fragmented, or may", pair: [2]func(flow) flow{v4, fragments(0x4000)}, same: true},
		{name: "options", pair: [2]func(flow) flow{v4, with(func(f *flow) { f.options = 8 })}, same: true},
		{name: "ports behind options", pair: both(with(func(f *flow) { f.options = 40 }), ports)},
		{name: "ICMP", pair: both(proto(unix.IPPROTO_ICMP), ports), same: true},
		{name: "ESP", pair: both(proto(unix.IPPROTO_ESP), ports), same: true},
		{name: "UDP", pair: both(proto(unix.IPPROTO_UDP), ports)},
		{name: "SCTP", pair: both(proto(unix.IPPROTO_SCTP), ports)},
		{name: "DCCP", pair: both(proto(unix.IPPROTO_DCCP), ports)},
		{name: "UDP-Lite", pair: both(proto(unix.IPPROTO_UDPLITE), ports)},
		{name: "ports cut off", pair: both(with(func(f *flow) { f.cut = 18 }), ports), same: true},
		{name: "tag", pair: [2]func(flow) flow{v4, tagged}, same: true},
		{name: "ports behind a tag", pair: both(tagged, ports)},
		{name: "tag, IPv6", pair: [2]func(flow) flow{v6, then(v6, tagged)}, same: true},
		{name: "two tags", pair: [2]func(flow) flow{v4, twice}, same: true},
		{name: "two tags, IPv6", pair: [2]func(flow) flow{v6, then(v6, twice)}, same: true},
		{name: "fragment behind a tag", pair: both(then(tagged, fragments(0x2000)), ports), same: true},
		{name: "extension header", pair: [2]func(flow) flow{v6, then(v6, headers(hopByHop))}, same: true},
		{name: "extension headers", pair: [2]func(flow) flow{v6, then(v6, headers(hopByHop, options, routing, options))}, same: true},
		{name: "authentication header", pair: [2]func(flow) flow{v6, then(v6, headers(ah))}, same: true},
		{name: "ports behind extension headers", pair: both(then(v6, headers(hopByHop, routing)), ports)},
		{name: "eight extension headers", pair: both(then(v6, headers(options, options, options, options, options, options, options, options)), ports)},
		{name: "fragment, IPv6", pair: both(then(v6, headers(fragment)), ports), same: true},
		{name: "fragment behind others, IPv6", pair: both(then(v6, headers(hopByHop, routing, fragment)), ports), same: true},
		{name: "fragment before others, IPv6", pair: [2]func(flow) flow{then(v6, headers(hopByHop, fragment)), then(then(v6, ports), headers(hopByHop, fragment, options))}, same: true},
		{name: "ICMPv6", pair: both(then(v6, proto(unix.IPPROTO_ICMPV6)), ports), same: true},
		{name: "type of layer 3", pair: [2]func(flow) flow{v4, v6}, by: []spec.Distribution{spec.MACAddresses}},
		{name: "type behind a tag", pair: [2]func(flow) flow{v4, tagged}, same: true, by: []spec.Distribution{spec.MACAddresses}},
		{name: "address of layer 2", pair: both(v4, with(func(f *flow) { f.sourceMAC = 1 })), by: []spec.Distribution{spec.MACAddresses, spec.VLANSourceMAC}},
		{name: "address of layer 2 by layer 3", pair: both(v4, with(func(f *flow) { f.sourceMAC = 1 })), same: true, by: []spec.Distribution{spec.IPAddresses, spec.TransportPorts, spec.SwitchPort}},
		{name: "all by source address", pair: both(v4, then(ports, with(func(f *flow) { f.src, f.v6 = 9, true }))), same: true, by: []spec.Distribution{spec.VLANSourceMAC, spec.SwitchPort, spec.ActiveBackup}},
	}
	for _, tt := range tests {
		if tt.by == nil {
			tt.by = []spec.Distribution{spec.TransportPorts}
		}
		for _, d := range tt.by {
			t.Run(tt.name+"/"+d.String(), func(t *testing.T) {
				team := newTeam(b.sub(t), 32, d, false)
				team.port(1, trunk(10, 10))
				const tries = 40
				same := 0
				for i := range tries {
					f := flow{proto: unix.IPPROTO_TCP, src: uint32(i), dst: 200, sport: uint16(3000 + i), dport: 80, sourceMAC: uint16(500 + i)}
					if team.leaves(tt.pair[0](f).frame()) == team.leaves(tt.pair[1](f).frame()) {
						same++
					}
				}
				if tt.same && same != tries || !tt.same && same > tries/4 {
					t.Errorf("%d of %d pairs left by one member, want all: %v", same, tries, tt.same)
				}
			})
		}
	}
}

// TestLAGHashOfOtherFrames sends what is no IP, and what is cut short: each
// leaves once.
func TestLAGHashOfOtherFrames(t *testing.T) {
	b := newBed(t, 3+4)
	for _, d := range []spec.Distribution{spec.TransportPorts, spec.IPAddresses, spec.MACAddresses, spec.Dynamic} {
		t.Run(d.String(), func(t *testing.T) {
			team := newTeam(b.sub(t), 4, d, false)
			team.port(1, trunk(10, 10))
			whole := [][]byte{
				flow{proto: unix.IPPROTO_TCP, options: 40, tags: []uint16{10}}.frame(),
				flow{v6: true, proto: unix.IPPROTO_UDP, extensions: []byte{hopByHop, fragment}}.frame(),
				frame(host(50), host(1), untagged, 100),
			}
			for _, f := range whole {
				tried := 0
				for n := 18; n <= len(f); n++ {
					if !team.runs(f[:n]) {
						continue
					}
					tried++
					if team.leaves(f[:n]) < 0 {
						t.Fatalf("%d octets of %x did not leave", n, f)
					}
				}
				if tried < 16 {
					t.Errorf("%d lengths of %x tried, want 16 or more", tried, f)
				}
			}
		})
	}
}

// FuzzLAGHash sends any octets behind the addresses: the frame leaves by one
// member, and by the same one when it comes again.
func FuzzLAGHash(f *testing.F) {
	for _, seed := range []flow{
		{proto: unix.IPPROTO_TCP, sport: 1, dport: 2}, {proto: unix.IPPROTO_UDP, options: 12, fragment: 0x2000},
		{v6: true, proto: unix.IPPROTO_TCP, extensions: []byte{hopByHop, routing, ah, fragment, options}},
		{tags: []uint16{10, 4095}, proto: unix.IPPROTO_SCTP}, {cut: 18, proto: unix.IPPROTO_TCP},
	} {
		f.Add(seed.frame()[12:])
	}
	b := newBed(f, 3+2)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 6 || len(data) > 1500 || data[0] == 0x81 && data[1] == 0 {
			return // other rules
		}
		team := newTeam(b.sub(t), 2, spec.TransportPorts, false)
		dst, src := host(50), host(1)
		packet := append(append(append([]byte{}, dst[:]...), src[:]...), data...)
		if !team.runs(packet) {
			return
		}
		first := team.leaves(packet)
		if again := team.leaves(packet); first < 0 || again != first {
			t.Errorf("left by member %d and then %d", first, again)
		}
	})
}

// runs reports whether the kernel takes a frame for a test at all: it wants
// those of IP to have a header.
func (b *bed) runs(data []byte) bool {
	b.Helper()
	_, err := b.o.program.Run(&ebpf.RunOptions{Data: data, Context: &skBuff{Ifindex: b.ifindex[1]}})
	if err != nil && !errors.Is(err, unix.EINVAL) {
		b.Fatalf("run program: %v", err)
	}
	return err == nil
}
