package datapath

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// host is the interfaces of the namespace as text.
func (b *bench) interfaces() string {
	b.t.Helper()
	links, err := b.ns.LinkList()
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, l := range links {
		a := l.Attrs()
		up := a.Flags&1 != 0
		lines = append(lines, fmt.Sprintf("%d %s %s up=%t mtu=%d mac=%s alias=%q promisc=%d",
			a.Index, a.Name, l.Type(), up, a.MTU, a.HardwareAddr, a.Alias, a.Promisc))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestRestart closes and opens the datapath again while frames go on.
func TestRestart(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	config := ports(access("p1", "default", 10), access("p2", "default", 10), access("absent", "lab", 20))
	b.apply(config)
	b.carries("p1", "p2")
	w2.Send(frame(broadcast, station(2), 0, 0)) // learned, so that all goes to p2
	expect(t, w1, frame(broadcast, station(2), 0, 0))
	lab.Wait(t, "the learned address", func() bool { return len(b.entries()) == 1 })
	was := b.readable()

	flow := startFlow(w1, w2, station(1), station(2))
	for range 5 {
		from := flow.sent.Load()
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		lab.Wait(t, "frames while it is closed", func() bool { return flow.sent.Load() > from+100 })
		b.open()
		f := b.inject()
		b.apply(config)
		// A program of another process is replaced; nothing else is touched.
		if want := []string{"put attachment", "put attachment"}; !slices.Equal(f.calls, want) {
			t.Errorf("the same configuration after a restart: calls %q, want %q", f.calls, want)
		}
		if diff := cmp.Diff(was, b.readable()); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
	}
	sent := flow.stop(t)
	if c := b.counters("p2"); c.Port.Out.Unicast != uint64(sent) {
		t.Errorf("%d frames counted, %d were sent", c.Port.Out.Unicast, sent)
	}
}

// flow sends numbered frames from one wire to another until it is stopped, and
// wants each to come in, in order.
type flow struct {
	sent     atomic.Uint32
	received atomic.Uint32
	over     atomic.Bool // nobody receives any more
	quit     chan struct{}
	from, to chan error // the ends' results
}

func startFlow(from, to *lab.Wire, src, dst spec.MAC) *flow {
	f := &flow{quit: make(chan struct{}), from: make(chan error, 1), to: make(chan error, 1)}
	sent := make(chan uint32, 1) // how many, when all are sent
	go func() {
		f.from <- f.send(from, src, dst)
		sent <- f.sent.Load()
	}()
	go func() {
		f.to <- f.receive(to, src, dst, sent)
		f.over.Store(true)
	}()
	return f
}

func (f *flow) send(w *lab.Wire, src, dst spec.MAC) error {
	for {
		select {
		case <-f.quit:
			return nil
		default:
		}
		if f.sent.Load()-f.received.Load() > flowAhead && !f.over.Load() {
			time.Sleep(10 * time.Microsecond)
			continue
		}
		if err := w.TrySend(frame(dst, src, 0, f.sent.Load())); err != nil {
			return err
		}
		f.sent.Add(1)
	}
}

// flowAhead is how far a sender runs ahead of its receiver: its socket has room
// for more.
const flowAhead = 256

// receive wants frames 0, 1, 2… until it has as many as were sent.
func (f *flow) receive(w *lab.Wire, src, dst spec.MAC, sent chan uint32) error {
	total, known := uint32(0), false
	for n := uint32(0); !known || n < total; {
		got := nextTest(w, 100*time.Millisecond)
		if got == nil && known {
			return fmt.Errorf("frame %d of %d did not come in", n, total)
		}
		if got == nil {
			select {
			case total = <-sent:
				known = true
			default:
			}
			continue
		}
		if string(got) != string(frame(dst, src, 0, n)) {
			return fmt.Errorf("want frame %d, received % x", n, got)
		}
		n++
		f.received.Store(n)
	}
	return nil
}

// stop ends the flow and tells how many frames it was.
func (f *flow) stop(t *testing.T) uint32 {
	t.Helper()
	close(f.quit)
	if err := <-f.from; err != nil {
		t.Errorf("send: %v", err)
	}
	if err := <-f.to; err != nil {
		t.Error(err)
	}
	return f.sent.Load()
}

// TestRestartChanged finds another configuration and other interfaces than it
// left.
func TestRestartChanged(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.host("p2")
	b.host("p3")
	found := b.interfaces()
	p1 := access("p1", "office", 10)
	p1.Description, p1.MTU = "kept", 1400
	b.apply(ports(p1, access("p2", "lab", 10), access("p3", "office", 20)))
	number := b.State().Interfaces["p1"].Port.Number
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.ns.Remove(t, "p3")
	b.host("p3")
	b.ns.Rename(t, "p2", "p4")
	b.open()
	if s := b.State(); s.Interfaces["p1"] == nil || s.Interfaces["p1"].Description != "kept" || s.Interfaces["p2"] != nil {
		t.Errorf("before the first apply: p1 %+v, p2 %+v", s.Interfaces["p1"], s.Interfaces["p2"])
	}
	b.apply(ports(p1, access("p3", "office", 20)))
	b.carries("p1", "p3")
	if got := b.State().Interfaces["p1"].Port.Number; got != number {
		t.Errorf("p1 has number %d, want %d as before", got, number)
	}
	if s := b.State().Switches; len(s) != 1 || s["office"] == nil {
		t.Errorf("switches %v, want office alone: what is not wanted any more goes", s)
	}
	b.wants(t, "after the restart")
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	// p3 is a new one, and p2 left us by its name, up.
	got := b.interfaces()
	if p1 := line(found, " p1 "); line(got, " p1 ") != p1 {
		t.Errorf("after flush %q, want %q", line(got, " p1 "), p1)
	}
	if !strings.Contains(line(got, " p4 "), "up=true") || !strings.Contains(line(got, " p3 "), "up=false") {
		t.Errorf("after flush:\n%s\nwant p4 as it was left, p3 as it was found", got)
	}
	b.Datapath = nil
}

func line(text, with string) string {
	for l := range strings.Lines(text) {
		if strings.Contains(l, with) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// TestFlush wants the host as it was found, also after a restart.
func TestFlush(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			b := newBench(t)
			for _, p := range []string{"p1", "p2", "p3", "p4", "m1", "m2", "m3"} {
				b.host(p)
			}
			b.ns.SetUp(t, "p2", true)
			if err := b.ns.LinkSetAlias(b.ns.Link(t, "p2"), "from before"); err != nil {
				t.Fatal(err)
			}
			found := b.interfaces()
			b.apply(before())
			b.apply(after())
			b.carries("p1")
			if b.interfaces() == found {
				t.Fatal("the configuration changed nothing")
			}
			if restart {
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				b.open()
			}
			pins := b.pins()
			if err := b.Flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
			if diff := cmp.Diff(found, b.interfaces()); diff != "" {
				t.Errorf("interfaces (-found +left):\n%s", diff)
			}
			for _, path := range []string{pins, b.record.path} {
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s after flush: %v, want it gone", path, err)
				}
			}
			if err := b.Apply(context.Background(), before()); !errors.Is(err, ErrClosed) {
				t.Errorf("apply after flush: %v, want ErrClosed", err)
			}
			if err := errors.Join(b.Close(), b.Close()); err != nil {
				t.Errorf("close after flush: %v", err)
			}
			b.Datapath = nil
		})
	}
}

func (b *bench) pins() string {
	return b.bpffs + "/signalbox/" + b.record.namespace
}

// TestNoRecord starts anew where the maps' numbers mean nothing any more.
func TestNoRecord(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":    os.Remove,
		"corrupt": func(path string) error { return os.WriteFile(path, []byte(`{"version":1,`), 0o600) },
		"of another boot": func(path string) error {
			return os.WriteFile(path, []byte(`{"version":1,"boot":"x","ports":{"p1":77}}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.host("p1")
			config := ports(access("p1", "default", 10))
			b.apply(config)
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if err := spoil(b.record.path); err != nil {
				t.Fatal(err)
			}
			b.open()
			b.apply(config)
			b.carries("p1")
			b.wants(t, "anew")
			if n := b.State().Interfaces["p1"].Port.Number; n != 1 {
				t.Errorf("port number %d, want 1: nothing was taken over", n)
			}
		})
	}
}

// TestSecondInstance is refused, and let in when the first has gone.
func TestSecondInstance(t *testing.T) {
	b := newBench(t)
	b.ns.Do(t, func() {
		_, err := Open(context.Background(), Options{BPFFS: b.bpffs, StateDir: b.dir})
		if !errors.Is(err, ErrInstance) || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
			t.Errorf("second instance: %v, want ErrInstance with our process id", err)
		}
	})
	other := newBench(t) // another namespace
	other.apply(spec.Change{})
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	b.open()
	// One that is about to end is waited for.
	ends := b.Datapath
	go func() {
		time.Sleep(50 * time.Millisecond)
		ends.Close()
	}()
	b.open()
}

// TestUnconfigure gives attributes back one by one.
func TestUnconfigure(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	found := b.interfaces()
	p1 := access("p1", "default", 10)
	p1.MTU, p1.Description, p1.MAC = 1400, "mine", station(50)
	b.apply(ports(p1))
	plain := access("p1", "default", 10)
	b.apply(ports(plain))
	i := b.State().Interfaces["p1"]
	if want := line(found, " p1 "); !strings.Contains(want, i.MAC.String()) || i.MTU != 1500 || i.Description != "" {
		t.Errorf("p1 is %+v, want mtu, alias and address of %q", i, want)
	}
	b.apply(spec.Change{Ports: map[string]*spec.Port{"p1": nil}})
	if diff := cmp.Diff(found, b.interfaces()); diff != "" {
		t.Errorf("interfaces (-found +left):\n%s", diff)
	}
	if i := b.State().Interfaces["p1"]; i.Port != nil || i.AdminUp {
		t.Errorf("p1 is told %+v, want no port and down", i)
	}
	if s := b.State().Switches; len(s) != 0 {
		t.Errorf("switches %v, want none", s)
	}
}
