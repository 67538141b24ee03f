package fastpath

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// reopen closes the objects, as at the end of a process, and opens them again.
func (b *bed) reopen() {
	b.Helper()
	dir := filepath.Dir(b.o.dir)
	b.ok(b.o.Close())
	b.o = open(b.TB, dir)
}

func TestRestart(t *testing.T) {
	b := fdbBed(t)
	w := b.hosts()
	w[1].send(frame(broadcast, host(1), untagged, 46))
	w[2].want("before", frame(broadcast, host(1), untagged, 46))
	before := b.counters(3)
	w[3].frames()

	// The switch works while nobody holds it open.
	dir := filepath.Dir(b.o.dir)
	b.ok(b.o.Close())
	w[2].send(frame(host(1), host(2), untagged, 46))
	w[1].want("between", frame(host(1), host(2), untagged, 46))
	b.o = open(b.TB, dir)

	attached, err := b.o.Attachments().List()
	b.ok(err)
	want := map[uint32]Attachment{}
	for _, i := range b.ifindex {
		want[i] = Attachment{Current: false}
	}
	if d := cmp.Diff(want, attached); d != "" {
		t.Errorf("attachments after a restart (-want +got):\n%s", d)
	}
	for _, i := range b.ifindex {
		b.ok(b.o.Attachments().Put(i, Attachment{Current: true}))
		want[i] = Attachment{Current: true}
	}
	attached, err = b.o.Attachments().List()
	b.ok(err)
	if d := cmp.Diff(want, attached); d != "" {
		t.Errorf("attachments after Put (-want +got):\n%s", d)
	}
	b.wantEntries("after", Entry{MAC: host(1), Port: 1}, Entry{MAC: host(2), Port: 2})
	w[1].send(frame(host(2), host(1), untagged, 46))
	w[2].want("after", frame(host(2), host(1), untagged, 46))
	after := b.counters(3)
	if got := after[1].In.Frames() - before[1].In.Frames(); got < 1 {
		t.Errorf("port 1 counted %d frames over the restart, want one or more", got)
	}
}

// TestHeal leaves what a killed process may leave.
func TestHeal(t *testing.T) {
	b := fdbBed(t)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	emptied, _ := b.o.FDB().find(fdbKey(10, host(1)))
	atomic.StoreUint32(emptied.port, 0)
	b.o.FDB().count(1, false, ^uint32(0))
	const bucket, way = 7, 3
	claimed := b.o.FDB().slot(bucket, way)
	atomic.StoreUint64(claimed.key, fdbKey(10, host(2)))
	storeWord(&b.o.fids.values[1<<12|20], bpf.SwitchFid{}) // its FID 20 still names it
	b.reopen()
	if k := atomic.LoadUint64(b.o.FDB().slot(bucket, way).key); k != 0 {
		t.Errorf("a claimed entry holds key %#x, want none", k)
	}
	b.run(2, frame(broadcast, host(1), untagged, 46))
	b.wantEntries("learned again", Entry{MAC: host(1), Port: 2})
	b.ok(b.o.FIDs().Put(VLAN{1, 30}, FID{ID: 20}))
}

func TestAttachments(t *testing.T) {
	b := fdbBed(t)
	a := b.o.Attachments()
	b.ok(a.Put(b.ifindex[1], Attachment{}))
	b.ok(a.Put(b.ifindex[2], Attachment{}))
	if err := a.Put(1<<30, Attachment{}); err == nil {
		t.Error("attached to an interface that is not there")
	}
	b.ok(a.Delete(1 << 30))
	b.ok(a.Delete(b.ifindex[2]))

	l, err := netlink.LinkByName("p1")
	b.ok(err)
	b.ok(netlink.LinkDel(l))
	got, err := a.List()
	if err != nil || len(got) != 0 {
		t.Errorf("attachments without interfaces: %v, %v; want none", got, err)
	}
	pins, err := os.ReadDir(filepath.Join(b.o.dir, linkDir))
	if err != nil || len(pins) != 0 {
		t.Errorf("pinned links without interfaces: %v, %v; want none", pins, err)
	}
}

func TestDetachedHostHasItsFrames(t *testing.T) {
	b := fdbBed(t)
	w := b.hosts()
	p := b.wire("p1")
	b.ok(b.o.Attachments().Delete(b.ifindex[1]))
	f := frame(broadcast, host(1), untagged, 46)
	w[1].send(f)
	p.want("at the host", f)
	w[2].want("at the switch")
	if n := b.counters(1)[1].In.Frames(); n != 0 {
		t.Errorf("%d frames counted at a detached port", n)
	}
}

func TestLock(t *testing.T) {
	b := fdbBed(t)
	dir := filepath.Dir(b.o.dir)
	if o, err := Open(dir, discard()); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: %v, %v; want ErrLocked", o, err)
	}
	if err := Remove(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("Remove of open pins: %v, want ErrLocked", err)
	}
	if err := Remove(dir + "0"); err != nil {
		t.Errorf("Remove of nothing: %v", err)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	b := fdbBed(t)
	w := b.hosts()
	p := b.wire("p1")
	dir := filepath.Dir(b.o.dir)
	b.ok(b.o.Close())
	b.ok(Remove(dir))
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("pins: %v, want none", err)
	}
	f := frame(broadcast, host(1), untagged, 46)
	w[1].send(f)
	p.want("at the host", f)
	w[2].want("at the switch")
	b.o = open(t, dir) // for the cleanup
}

// TestOtherShape opens pins whose filtering database is smaller, and whose
// counters and ports are of the time before aggregates, as an older version left
// them.
func TestOtherShape(t *testing.T) {
	b := fdbBed(t)
	dir := b.o.dir
	w := b.hosts()
	b.ok(b.o.Close())
	s, err := bpf.LoadSwitch()
	b.ok(err)
	older := func(name string, change func(*ebpf.MapSpec)) *ebpf.Map {
		s := s.Maps[name].Copy()
		s.Pinning, s.Value = ebpf.PinNone, nil
		change(s)
		m, err := ebpf.NewMap(s)
		b.ok(err)
		t.Cleanup(func() { m.Close() })
		b.ok(os.Remove(filepath.Join(dir, name)))
		b.ok(m.Pin(filepath.Join(dir, name)))
		return m
	}
	fdb, err := mapArray[bpf.SwitchFdbBucket](older(bpf.SwitchMapFdb, func(s *ebpf.MapSpec) { s.MaxEntries /= 2 }))
	b.ok(err)
	old := FDB{&Objects{memory: memory{fdb: fdb, flood: array[bpf.SwitchFloodSet]{values: make([]bpf.SwitchFloodSet, 1<<14)},
		switches: array[bpf.SwitchVswitch]{values: make([]bpf.SwitchVswitch, 64)}}}}
	for n := range uint16(1000) {
		if done, err := old.insert(fdbKey(10, host(n+1)), 2, 77); !done || err != nil {
			t.Fatalf("insert: %v, %v", done, err)
		}
	}
	b.ok(fdb.close())
	older(bpf.SwitchMapPorts, func(s *ebpf.MapSpec) { s.ValueSize = 528 })
	const words = 4 + 20 // of a direction
	counters := older(bpf.SwitchMapCounters, func(s *ebpf.MapSpec) { s.MaxEntries, s.ValueSize = s.MaxEntries/2, 2*8*words })
	v := make([][2][words]uint64, ebpf.MustPossibleCPU())
	v[0] = [2][words]uint64{{1: 5, 4 + 16: 6, 4 + 19: 7}, {0: 8, 3: 9, 4 + 15: 10}}
	b.ok(counters.Put(uint32(2), v))

	b.o = open(t, filepath.Dir(dir))
	b.checkFDB("taken over")
	if got := b.o.Switches().Stats(1).Dynamic; got != 1000 {
		t.Errorf("%d entries taken over, want 1000", got)
	}
	want := spec.Counters{In: spec.Direction{Unicast: 5}, Out: spec.Direction{Octets: 8, Broadcast: 9}}
	want.In.Drops[16], want.In.Drops[19], want.Out.Drops[15] = 6, 7, 10
	if got := b.counters(3)[2]; got != want {
		t.Errorf("port 2 counted %+v, want %+v as before", got, want)
	}
	if ports, err := b.o.Ports().List(); err != nil || len(ports) != 0 {
		t.Errorf("ports of the other shape: %v, %v; want none", ports, err)
	}
	for n := range uint16(3) { // as the caller does
		b.port(n+1, access(10))
	}
	for n := range b.ifindex {
		b.ok(b.o.Attachments().Put(b.ifindex[n], Attachment{}))
	}
	w[1].send(frame(host(900), host(1001), untagged, 46))
	w[2].want("to an address that was taken over", frame(host(900), host(1001), untagged, 46))
	b.reopen()
	if got := b.o.Switches().Stats(1).Dynamic; got != 1001 {
		t.Errorf("%d entries after another restart, want 1001", got)
	}
}

// TestOtherLayout opens pins of another layout version: the links are taken
// over, the rest is made anew.
func TestOtherLayout(t *testing.T) {
	b := fdbBed(t)
	b.hosts()
	dir := b.o.dir
	b.ok(b.o.Close())
	b.ok(os.Rename(dir, filepath.Join(filepath.Dir(dir), "v0")))
	b.o = open(t, filepath.Dir(dir))
	got, err := b.o.Attachments().List()
	if err != nil || len(got) != len(b.ifindex) {
		t.Errorf("attachments of the other layout: %v, %v; want %d", got, err, len(b.ifindex))
	}
	if ports, err := b.o.Ports().List(); err != nil || len(ports) != 0 {
		t.Errorf("ports of the other layout: %v, %v; want none", ports, err)
	}
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*"))
	if err != nil || len(dirs) != 1 || dirs[0] != dir {
		t.Errorf("pins: %v, %v; want only %s", dirs, err, dir)
	}
}

// TestSweep leaves pins of a namespace that is gone, of one that lives, and of
// one that has no ports: only the first are swept.
func TestSweep(t *testing.T) {
	home := newNetNS(t)
	base := filepath.Dir(pinDir(t))
	leave := func(cookie int, attach bool) netns.NsHandle {
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		b := &bed{t, open(t, filepath.Join(base, strconv.Itoa(cookie))), ns, map[uint16]uint32{}}
		b.addPair(1)
		if attach {
			b.ok(b.o.Attachments().Put(b.ifindex[1], Attachment{}))
		}
		b.ok(b.o.Close())
		b.ok(netns.Set(home))
		return ns
	}
	gone, alive, bare := leave(11, true), leave(12, true), leave(13, false)
	t.Cleanup(func() {
		alive.Close()
		for _, cookie := range []string{"12", "13"} {
			if err := Remove(filepath.Join(base, cookie)); err != nil {
				t.Error(err)
			}
		}
	})
	gone.Close()
	bare.Close()
	eventually(t, "the dead namespace is swept", func() error {
		if err := Sweep(filepath.Join(base, "1")); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(base, "11")); !os.IsNotExist(err) {
			return fmt.Errorf("its pins: %v", err)
		}
		return nil
	})
	for _, cookie := range []string{"12", "13"} {
		if _, err := os.Stat(filepath.Join(base, cookie, "v1", "fdb")); err != nil {
			t.Errorf("pins %s were swept: %v", cookie, err)
		}
	}
}

// eventually waits until check is content, for ten seconds at most.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestPinDirIsTheNamespaces(t *testing.T) {
	home := newNetNS(t)
	first, err := PinDir("/x")
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	second, err := PinDir("/x")
	if err != nil || first == second {
		t.Errorf("pins of two namespaces: %s and %s, %v", first, second, err)
	}
	if err := netns.Set(home); err != nil {
		t.Fatal(err)
	}
	if again, err := PinDir("/x"); again != first || err != nil {
		t.Errorf("pins %s, %v; want %s as before", again, err, first)
	}
}
