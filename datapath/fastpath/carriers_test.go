package fastpath

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// wantCarriers waits for the answers about ports 1..n and an interface that is
// not there.
func (b *bed) wantCarriers(what string, want ...bool) {
	b.Helper()
	indexes := []uint32{}
	for n := range want {
		indexes = append(indexes, b.ifindex[uint16(n+1)])
	}
	indexes, want = append(indexes, 1<<20), append(want, false)
	eventually(b, what, func() error {
		got := make([]bool, len(want))
		b.ok(b.o.Carriers(indexes, got))
		if !slices.Equal(got, want) {
			return fmt.Errorf("carriers %v, want %v", got, want)
		}
		return nil
	})
}

func (b *bed) setLink(name string, up bool) {
	b.Helper()
	l, err := netlink.LinkByName(name)
	b.ok(err)
	if up {
		b.ok(netlink.LinkSetUp(l))
	} else {
		b.ok(netlink.LinkSetDown(l))
	}
}

func TestCarriers(t *testing.T) {
	b := newBed(t, 3)
	b.wantCarriers("all up", true, true, true)
	b.setLink("h1", false)
	b.wantCarriers("the other end of 1 down", false, true, true)
	b.setLink("p2", false)
	b.wantCarriers("2 down", false, false, true)
	b.setLink("h1", true)
	b.setLink("p2", true)
	b.wantCarriers("all up again", true, true, true)

	// An interface that is made anew with the number that another one had.
	for range 3 {
		l, err := netlink.LinkByName("p2")
		b.ok(err)
		b.ok(netlink.LinkDel(l))
		b.wantCarriers("2 deleted", true, false, true)
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.Index = "p2", int(b.ifindex[2])
		b.ok(netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "h2"}))
		b.wantCarriers("2 made anew", true, false, true)
		b.setLink("p2", true)
		b.setLink("h2", true)
		b.wantCarriers("2 up again", true, true, true)
	}

	// An interface that is up elsewhere.
	other, err := netns.New()
	b.ok(err)
	defer other.Close()
	b.ok(netns.Set(b.ns))
	l, err := netlink.LinkByName("p3")
	b.ok(err)
	b.ok(netlink.LinkSetNsFd(l, int(other)))
	b.ok(netns.Set(other))
	b.setLink("p3", true)
	b.wantCarriers("3 elsewhere; asked from there", true, true, false)
	b.ok(netns.Set(b.ns))
	b.wantCarriers("3 elsewhere", true, true, false)

	if err := b.o.Carriers(make([]uint32, 5000), make([]bool, 5000)); err == nil || !strings.Contains(err.Error(), "at most 4096") {
		t.Errorf("5000 carriers: %v, want an error with the limit", err)
	}
}

func TestFoldCounters(t *testing.T) {
	b := fdbBed(t)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	b.run(2, frame(broadcast, host(1), 10, 46)) // tagged: dropped
	before := b.counters(3)
	b.ok(b.o.FoldCounters(2, 1))
	b.ok(b.o.FoldCounters(2, 1)) // nothing is left
	after := b.counters(3)
	want := before[1]
	want.In.Octets += before[2].In.Octets
	want.In.Broadcast += before[2].In.Broadcast
	want.Out.Octets += before[2].Out.Octets
	want.Out.Broadcast += before[2].Out.Broadcast
	for r := range want.In.Drops {
		want.In.Drops[r] += before[2].In.Drops[r]
	}
	if after[1] != want || before[2].In.Discards() != 1 {
		t.Errorf("counters of port 1 are %+v, want %+v", after[1], want)
	}
	if after[2] != (b.counters(4)[4]) {
		t.Errorf("counters of port 2 are %+v, want none", after[2])
	}
	if err := b.o.FoldCounters(1, 1); err == nil {
		t.Error("counters of a port were folded into itself")
	}
}

// BenchmarkCarriers asks for as many carriers as an element's aggregates may
// have members, and for a few.
func BenchmarkCarriers(b *testing.B) {
	bed := newBed(b, 8)
	for _, n := range []int{8, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bed := bed.sub(b)
			indexes, up := make([]uint32, n), make([]bool, n)
			for i := range indexes {
				indexes[i] = bed.ifindex[uint16(i%8+1)]
			}
			for b.Loop() {
				bed.ok(bed.o.Carriers(indexes, up))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/carrier")
		})
	}
}
