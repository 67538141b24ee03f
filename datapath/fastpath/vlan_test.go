package fastpath

import (
	"bytes"
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestVLANRules sends a frame from port 1 to the host behind port 2 and looks
// at what leaves.
func TestVLANRules(t *testing.T) {
	b := newBed(t, 2)
	b.vlans(10, 20, 30)
	const prio = 5<<13 | 1<<12 // priority 5, drop eligible
	tests := []struct {
		name    string
		in, out Port
		tag     int // of the frame that comes in
		want    int // of the frame that leaves
		drop    spec.DropReason
	}{
		{name: "access to access", in: access(10), out: access(10), tag: untagged, want: untagged},
		{name: "priority tag at access", in: access(10), out: access(10), tag: prio, want: untagged},
		{name: "tagged at access", in: access(10), out: access(10), tag: 20, drop: spec.DropTagMismatch},
		{name: "tagged with its own VLAN at access", in: access(10), out: access(10), tag: 10, drop: spec.DropTagMismatch},
		{name: "access to trunk", in: access(10), out: trunk(0, 10), tag: untagged, want: 10},
		{name: "priority tag from access to trunk", in: access(10), out: trunk(0, 10), tag: prio, want: prio | 10},
		{name: "access to native", in: access(10), out: trunk(10, 20), tag: untagged, want: untagged},
		{name: "trunk to access", in: trunk(0, 10), out: access(10), tag: 10, want: untagged},
		{name: "trunk to trunk keeps the tag", in: trunk(0, 10), out: trunk(0, 10), tag: prio | 10, want: prio | 10},
		{name: "trunk to native", in: trunk(0, 10), out: trunk(10), tag: prio | 10, want: untagged},
		{name: "untagged at trunk is native", in: trunk(20, 10), out: access(20), tag: untagged, want: untagged},
		{name: "native to tagged", in: trunk(20, 10), out: trunk(10, 20), tag: untagged, want: 20},
		{name: "priority tag at trunk is native", in: trunk(20, 10), out: trunk(0, 20), tag: prio, want: prio | 20},
		{name: "tagged with the native VLAN", in: trunk(20, 10), out: access(20), tag: 20, want: untagged},
		{name: "tagged with the native VLAN stays tagged", in: trunk(20), out: trunk(0, 20), tag: 20, want: 20},
		{name: "untagged at trunk without native", in: trunk(0, 10), out: access(10), tag: untagged, drop: spec.DropUntagged},
		{name: "priority tag at trunk without native", in: trunk(0, 10), out: access(10), tag: prio, drop: spec.DropUntagged},
		{name: "VLAN not in the trunk", in: trunk(0, 10), out: access(20), tag: 20, drop: spec.DropIngressVLAN},
		{name: "VLAN that does not exist", in: trunk(0, 10, 40), out: access(40), tag: 40, drop: spec.DropIngressVLAN},
		{name: "last VLAN id of a word", in: trunk(0, 4094), out: trunk(0, 4094), tag: 4094, drop: spec.DropIngressVLAN},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := b.sub(t)
			b.port(1, tt.in)
			b.port(2, tt.out)
			for _, v := range []uint16{10, 20, 30} {
				b.static(v, host(2), 2)
			}
			before := b.counters(2)
			for range 2 { // looked up, then from the cache
				verdict, out := b.run(1, frame(host(2), host(1), tt.tag, 46))
				if tt.drop != spec.DropNone {
					if verdict != tcxDrop {
						t.Errorf("verdict %d, want a drop", verdict)
					}
					continue
				}
				want := frame(host(2), host(1), tt.want, 46)
				if verdict != tcxRedirect {
					t.Errorf("verdict %d, want a redirect", verdict)
				}
				if tt.want == untagged && !bytes.Equal(out, want) {
					t.Errorf("leaves as\n%x, want\n%x", out, want)
				}
			}
			b.checkCounts(before, tt.tag, tt.want, tt.drop)
		})
	}
}

// TestPortChangeLosesNothing exchanges a port's native VLAN with a tagged one,
// again and again, while frames of both leave through it: each leaves, by the
// old value or by the new one.
func TestPortChangeLosesNothing(t *testing.T) {
	b := newBed(t, 2)
	b.vlans(10, 20)
	b.port(1, trunk(0, 10, 20))
	b.port(2, trunk(10, 20))
	b.static(10, host(2), 2)
	b.static(20, host(2), 2)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		values := [2]Port{trunk(20, 10), trunk(10, 20)}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				b.port(2, values[i%2])
			}
		}
	}()
	const n = 20_000
	for i := range n {
		tag := 10 + 10*(i%2)
		if verdict, _ := b.run(1, frame(host(2), host(1), tag, 46)); verdict != tcxRedirect {
			t.Errorf("frame %d: verdict %d, want a redirect", i, verdict)
			break
		}
	}
	close(stop)
	<-done
	if c := b.counters(2)[2].Out; c.Octets < 60*n || c.Octets > 64*n || c.Discards() != 0 {
		t.Errorf("out: %+v, want %d frames of 60 or 64 octets and no drops", c, n)
	}
}

// checkCounts compares what two unicast frames from port 1 to port 2, of 46
// octets of payload, added to the counters.
func (b *bed) checkCounts(before []spec.Counters, tag, outTag int, drop spec.DropReason) {
	b.Helper()
	octets := func(tag int) uint64 {
		if tag == untagged {
			return 60
		}
		return 64
	}
	after := b.counters(2)
	in, out := diff(after[1].In, before[1].In), diff(after[2].Out, before[2].Out)
	wantIn := spec.Direction{Octets: 2 * octets(tag), Unicast: 2}
	wantOut := spec.Direction{Octets: 2 * octets(outTag), Unicast: 2}
	if drop != spec.DropNone {
		wantIn.Drops[drop] = 2
		wantOut = spec.Direction{}
	}
	if in != wantIn {
		b.Errorf("in at port 1: %+v, want %+v", in, wantIn)
	}
	if out != wantOut {
		b.Errorf("out at port 2: %+v, want %+v", out, wantOut)
	}
}

// diff is a-b.
func diff(a, b spec.Direction) spec.Direction {
	d := spec.Direction{
		Octets: a.Octets - b.Octets, Unicast: a.Unicast - b.Unicast,
		Multicast: a.Multicast - b.Multicast, Broadcast: a.Broadcast - b.Broadcast,
	}
	for r := range d.Drops {
		d.Drops[r] = a.Drops[r] - b.Drops[r]
	}
	return d
}
