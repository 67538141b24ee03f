package fastpath

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netns"

	"github.com/signalbox/signalbox/datapath/spec"
)

// fdbBed has ports 1..3 untagged in VLAN 10 and port 3 of switch 2 too.
func fdbBed(t testing.TB) *bed {
	b := newBed(t, 3)
	b.vlans(10, 20)
	for n := range uint16(3) {
		b.port(n+1, access(10))
	}
	b.members(10, 1, 2, 3)
	return b
}

func (b *bed) entries() []Entry {
	all := slices.Collect(b.o.FDB().All())
	slices.SortFunc(all, func(x, y Entry) int { return slices.Compare(x.MAC[:], y.MAC[:]) })
	return all
}

func (b *bed) wantEntries(what string, want ...Entry) {
	b.Helper()
	for i := range want {
		want[i].VLAN, want[i].FID = VLAN{1, 10}, 10
	}
	got := b.entries()
	for i := range got {
		got[i].Age = 0 // the test may be slow
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		b.Errorf("%s: entries (-want +got):\n%s", what, d)
	}
	b.checkFDB(what)
}

// checkFDB compares the switch's counts with the entries and looks for doubles.
func (b *bed) checkFDB(what string) {
	b.Helper()
	var got SwitchStats
	seen := map[Address]bool{}
	for e := range b.o.FDB().All() {
		if e.Static {
			got.Static++
		} else {
			got.Dynamic++
		}
		if seen[Address{e.FID, e.MAC}] {
			b.Errorf("%s: %s stands twice", what, e.MAC)
		}
		seen[Address{e.FID, e.MAC}] = true
	}
	stats := b.o.Switches().Stats(1)
	if stats.Dynamic != got.Dynamic || stats.Static != got.Static {
		b.Errorf("%s: the switch counts %d learned and %d static entries, the table has %d and %d",
			what, stats.Dynamic, stats.Static, got.Dynamic, got.Static)
	}
}

func (b *bed) events() []Event {
	b.Helper()
	var all []Event
	lost, err := b.o.DrainEvents(func(e Event) { all = append(all, e) })
	b.ok(err)
	if lost {
		b.Error("events were lost")
	}
	return all
}

func (b *bed) wantEvents(what string, want ...Event) {
	b.Helper()
	for i := range want {
		want[i].VLAN, want[i].FID = VLAN{1, 10}, 10
	}
	if d := cmp.Diff(want, b.events()); d != "" {
		b.Errorf("%s: events (-want +got):\n%s", what, d)
	}
}

func TestLearnAndMove(t *testing.T) {
	b := fdbBed(t)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	b.wantEntries("learn", Entry{MAC: host(1), Port: 1})
	b.wantEvents("learn", Event{Kind: Learned, MAC: host(1), Port: 1})
	b.run(1, frame(broadcast, host(1), untagged, 46))
	b.wantEvents("again")

	b.run(2, frame(broadcast, host(1), untagged, 46))
	b.wantEntries("move", Entry{MAC: host(1), Port: 2})
	b.wantEvents("move", Event{Kind: Moved, MAC: host(1), Port: 2, OldPort: 1})
	if got := b.o.Switches().Stats(1).Moves; got != 1 {
		t.Errorf("%d moves counted, want 1", got)
	}
	if verdict, _ := b.run(3, frame(host(1), host(3), untagged, 46)); verdict != tcxRedirect {
		t.Errorf("to the moved host: verdict %d, want a redirect", verdict)
	}
}

func TestNotLearned(t *testing.T) {
	b := fdbBed(t)
	group := spec.MAC{1, 0, 0x5e, 0, 0, 1}
	tests := []struct {
		name  string
		frame []byte
	}{
		{"zero source", frame(broadcast, spec.MAC{}, untagged, 46)},
		{"group source", frame(broadcast, group, untagged, 46)},
		{"source is destination", frame(host(1), host(1), untagged, 46)},
		{"tagged at access", frame(broadcast, host(1), 10, 46)},
		{"reserved destination", frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 2}, host(1), untagged, 46)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := b.sub(t)
			b.run(1, tt.frame)
			b.wantEntries(tt.name)
			b.wantEvents(tt.name)
		})
	}
	t.Run("learning off", func(t *testing.T) {
		b := b.sub(t)
		b.ok(b.o.Switches().Put(1, Switch{Enabled: true}))
		b.run(1, frame(broadcast, host(1), untagged, 46))
		b.wantEntries("learning off")
	})
}

func TestStaticStays(t *testing.T) {
	b := fdbBed(t)
	b.static(10, host(1), 3)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	b.wantEntries("seen at another port", Entry{MAC: host(1), Port: 3, Static: true})
	b.wantEvents("seen at another port")

	b.run(1, frame(broadcast, host(2), untagged, 46))
	b.static(10, host(2), 2)
	b.wantEntries("learned one becomes static",
		Entry{MAC: host(1), Port: 3, Static: true}, Entry{MAC: host(2), Port: 2, Static: true})
	got, err := b.o.Statics().List()
	b.ok(err)
	want := map[Address]uint16{{10, host(1)}: 3, {10, host(2)}: 2}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("statics (-want +got):\n%s", d)
	}
	b.ok(b.o.Statics().Delete(Address{10, host(1)}))
	b.ok(b.o.Statics().Delete(Address{10, host(1)}))
	b.ok(b.o.Statics().Delete(Address{10, host(9)}))
	b.wantEntries("after Delete", Entry{MAC: host(2), Port: 2, Static: true})
	for _, bad := range []Address{{0, host(1)}, {10, broadcast}, {10, spec.MAC{}}, {spec.MaxFIDs + 1, host(1)}} {
		if err := b.o.Statics().Put(bad, 1); err == nil {
			t.Errorf("static entry %v: no error", bad)
		}
	}
}

func TestLimit(t *testing.T) {
	b := fdbBed(t)
	b.ok(b.o.Switches().Put(1, Switch{Enabled: true, Learning: true, MaxEntries: 2}))
	for n := range uint16(4) {
		if verdict, _ := b.run(1, frame(broadcast, host(n+1), untagged, 46)); verdict != tcxRedirect {
			t.Errorf("host %d: verdict %d, want a redirect", n+1, verdict)
		}
	}
	b.wantEntries("at the limit", Entry{MAC: host(1), Port: 1}, Entry{MAC: host(2), Port: 1})
	b.wantEvents("one refusal in a second", Event{Kind: Learned, MAC: host(1), Port: 1},
		Event{Kind: Learned, MAC: host(2), Port: 1}, Event{Kind: RefusedLimit, MAC: host(3), Port: 1})
	if got := b.o.Switches().Stats(1).Refused; got != 2 {
		t.Errorf("%d refusals counted, want 2", got)
	}
	b.static(10, host(9), 2) // not bound by the limit
	n, err := b.o.FDB().Delete(func(e Entry) bool { return e.MAC == host(1) })
	if n != 1 || err != nil {
		t.Errorf("Delete: %d, %v; want 1 entry", n, err)
	}
	b.run(1, frame(broadcast, host(4), untagged, 46))
	b.wantEntries("room again", Entry{MAC: host(2), Port: 1}, Entry{MAC: host(4), Port: 1},
		Entry{MAC: host(9), Port: 2, Static: true})
}

// sameBuckets are n addresses that have the same two buckets in FID 10.
func sameBuckets(f FDB, n int) []spec.MAC {
	var all []spec.MAC
	want := f.buckets(fdbKey(10, host(1)))[0]
	for i := uint64(0); len(all) < n; i++ {
		mac := spec.MAC{2, byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24), 1}
		if f.buckets(fdbKey(10, mac))[0] == want {
			all = append(all, mac)
		}
	}
	return all
}

// TestFull fills the first bucket of some addresses by static entries: a
// learned one gives way to a static one, and is refused where all are static.
func TestFull(t *testing.T) {
	b := fdbBed(t)
	f := b.o.FDB()
	macs := sameBuckets(f, 12)
	for _, m := range macs[:6] {
		b.run(1, frame(broadcast, m, untagged, 46))
	}
	b.checkFDB("six learned")
	if got := b.o.Switches().Stats(1).Dynamic; got != 6 {
		t.Errorf("%d of 6 addresses of a bucket learned: the second bucket should take some", got)
	}
	fillBuckets(b, macs[6])
	b.events()
	b.checkFDB("full of static entries")
	if err := b.o.Statics().Put(Address{10, macs[6]}, 2); !errors.Is(err, ErrFDBFull) {
		t.Errorf("static entry in full buckets: %v, want ErrFDBFull", err)
	}
	b.run(1, frame(broadcast, macs[6], untagged, 46))
	b.wantEvents("refused", Event{Kind: RefusedFull, MAC: macs[6], Port: 1})
	b.checkFDB("refused")

	// A learned entry gives way to a static one.
	s := b.o.FDB().slot(f.buckets(fdbKey(10, macs[6]))[1], 2)
	atomic.StoreUint32(s.port, 2)
	b.o.FDB().count(1, true, ^uint32(0))
	b.o.FDB().count(1, false, 1)
	b.static(10, macs[6], 3)
	b.checkFDB("evicted")
	if e, ok, err := f.Lookup(10, macs[6]); !ok || err != nil || !e.Static || e.Port != 3 {
		t.Errorf("static entry over a learned one: %+v, %v, %v", e, ok, err)
	}
}

// fillBuckets writes static entries over all that is in the buckets of an
// address, whoever they belong to.
func fillBuckets(b *bed, mac spec.MAC) {
	b.Helper()
	_, err := b.o.FDB().Delete(func(Entry) bool { return true })
	b.ok(err)
	n := uint16(1000)
	for _, bucket := range b.o.FDB().buckets(fdbKey(10, mac)) {
		for w := range fdbWays {
			s := b.o.FDB().slot(bucket, w)
			atomic.StoreUint64(s.key, fdbKey(10, host(n)))
			atomic.StoreUint32(s.port, 2|fdbStatic)
			b.o.FDB().count(1, true, 1)
			n++
		}
	}
}

func TestAgeing(t *testing.T) {
	b := fdbBed(t)
	now, err := b.o.jiffies()
	b.ok(err)
	hz := b.o.hz
	for n := range uint16(4) {
		b.run(1, frame(broadcast, host(n+1), untagged, 46))
	}
	b.static(10, host(9), 2)
	b.setSeen(host(1), now-hz*100)
	b.setSeen(host(2), now-hz*302)
	b.setSeen(host(3), now-hz*5000)
	if e, ok, err := b.o.FDB().Lookup(10, host(1)); !ok || err != nil || e.Age < 100*time.Second || e.Age > 130*time.Second {
		t.Errorf("entry %+v, %v, %v; want an age of 100 s", e, ok, err)
	}
	age := func() []spec.MAC {
		var gone []spec.MAC
		n, err := b.o.FDB().Age(func(e Entry) { gone = append(gone, e.MAC) })
		b.ok(err)
		if n != len(gone) {
			t.Errorf("Age: %d, want %d", n, len(gone))
		}
		slices.SortFunc(gone, func(x, y spec.MAC) int { return slices.Compare(x[:], y[:]) })
		return gone
	}
	if d := cmp.Diff([]spec.MAC{host(2), host(3)}, age()); d != "" {
		t.Errorf("aged out (-want +got):\n%s", d)
	}
	b.checkFDB("aged")

	// A frame renews its source.
	b.run(1, frame(broadcast, host(1), untagged, 46))
	if e, _, _ := b.o.FDB().Lookup(10, host(1)); e.Age > 30*time.Second {
		t.Errorf("age %v after a frame, want none", e.Age)
	}

	// Without an ageing time entries stay, and their time does not wrap.
	b.ok(b.o.Switches().Put(1, Switch{Enabled: true, Learning: true}))
	b.setSeen(host(1), now-3<<29)
	if gone := age(); len(gone) != 0 {
		t.Errorf("without ageing %v aged out", gone)
	}
	s, _ := b.o.FDB().find(fdbKey(10, host(1)))
	if old := int32(now - *s.seen); old > 1<<30 || old < 1<<29 {
		t.Errorf("noted %d jiffies ago, want 2^30 at most", old)
	}

	// Entries of a VLAN that is no more go at once.
	b.ok(b.o.FIDs().Delete(VLAN{1, 10}))
	if gone := age(); len(gone) != 2 {
		t.Errorf("%v went with their VLAN, want two", gone)
	}
}

func (b *bed) setSeen(mac spec.MAC, seen uint32) {
	b.Helper()
	s, ok := b.o.FDB().find(fdbKey(10, mac))
	if !ok {
		b.Fatalf("%s is not there", mac)
	}
	atomic.StoreUint32(s.seen, seen)
}

// TestLearningRace lets all CPUs learn, move and flood the same addresses
// while entries are deleted and fixed: no address may stand twice and the
// counts must be right.
func TestLearningRace(t *testing.T) {
	b := fdbBed(t)
	const workers, addresses, rounds = 4, 64, 200
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			runtime.LockOSThread()
			if err := netns.Set(b.ns); err != nil {
				t.Error(err)
				return
			}
			for range rounds {
				for a := range uint16(addresses) {
					b.run(uint16(w%3+1), frame(host(500), host(a+1), untagged, 46))
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		_, err := b.o.FDB().Delete(func(e Entry) bool { return !e.Static })
		b.ok(err)
		b.static(10, host(7), 2)
		b.ok(b.o.Statics().Delete(Address{10, host(7)}))
		b.events()
	}
	b.checkFDB("after the race")
}

// TestMillion has a million addresses: most are written, the last ones are
// learned from frames.
func TestMillion(t *testing.T) {
	b := fdbBed(t)
	const n, frames = 1_000_000, 10_000
	f := b.o.FDB()
	now, err := b.o.jiffies()
	b.ok(err)
	mac := func(i int) spec.MAC { return spec.MAC{2, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)} }
	refused := 0
	for i := range n - frames {
		if _, err := f.insert(fdbKey(10, mac(i)), 2, now); err != nil {
			refused++
		}
	}
	b.members(10, 1, 3)
	for i := n - frames; i < n; i++ {
		b.feed(b.ifindex[1], frame(broadcast, mac(i), untagged, 46))
	}
	stats := b.o.Switches().Stats(1)
	refused += int(stats.Refused)
	if refused > 10 || int(stats.Dynamic)+refused != n {
		t.Errorf("%d learned, %d refused; want %d learned", stats.Dynamic, refused, n)
	}
	if verdict, _ := b.run(3, frame(mac(n-frames/2), host(3), untagged, 46)); verdict != tcxRedirect {
		t.Errorf("to one of them: verdict %d, want a redirect", verdict)
	}
	count := 0
	for range f.All() {
		count++
	}
	if want := int(b.o.Switches().Stats(1).Dynamic); count != want {
		t.Errorf("read %d entries, want %d", count, want)
	}
	if n, err := f.Age(func(Entry) {}); n != 0 || err != nil {
		t.Errorf("Age: %d, %v; want none", n, err)
	}
	if n, err := f.Delete(func(Entry) bool { return true }); n != count || err != nil {
		t.Errorf("Delete: %d, %v; want %d", n, err, count)
	}
	b.checkFDB("emptied")
}

// TestEventsLost lets more happen than the ring has room for.
func TestEventsLost(t *testing.T) {
	b := fdbBed(t)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	for n := range 60_000 {
		b.feed(b.ifindex[uint16(n%2+1)], frame(broadcast, host(1), untagged, 46))
	}
	for _, want := range []bool{true, false} {
		if lost, err := b.o.DrainEvents(func(Event) {}); lost != want || err != nil {
			t.Errorf("DrainEvents: lost %v, %v; want %v", lost, err, want)
		}
	}
	b.run(3, frame(broadcast, host(1), untagged, 46))
	if e := b.events(); len(e) != 1 || e[0].Kind != Moved || e[0].Port != 3 {
		t.Errorf("events after the loss: %v, want one move", e)
	}
}
