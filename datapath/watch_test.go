package datapath

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// replay is a state built from events alone.
type replay struct {
	mu    sync.Mutex
	state spec.State
	last  time.Time
	errs  []error
}

func (r *replay) take(e spec.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Interfaces == nil {
		r.state = spec.State{Interfaces: map[string]*spec.Interface{}, Switches: map[string]*spec.SwitchState{}}
	}
	if e.Time.Before(r.last) {
		r.errs = append(r.errs, fmt.Errorf("event of %v after one of %v", e.Time, r.last))
	}
	r.last = e.Time
	merge(r.state.Interfaces, e.Interfaces)
	merge(r.state.Switches, e.Switches)
}

func merge[V any](into, from map[string]*V) {
	for name, v := range from {
		if v == nil {
			delete(into, name)
		} else {
			into[name] = v
		}
	}
}

func (r *replay) diff(s *spec.State) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cmp.Diff(s, &spec.State{Interfaces: maps.Clone(r.state.Interfaces), Switches: maps.Clone(r.state.Switches)})
}

// TestWatch wants events to add up to the state, from whatever moment on.
func TestWatch(t *testing.T) {
	b := newBench(t)
	var early, late, never replay
	defer b.Watch(early.take)()
	stop := b.Watch(never.take)
	w1 := b.host("p1")
	b.host("p2")
	b.apply(before())
	b.carries("p1", "p2")
	stop()
	end := never.last
	defer b.Watch(late.take)()
	w1.Send(frame(broadcast, station(1), 0, 1))
	b.apply(after())
	b.ns.Remove(t, "p2")
	b.carries("p1")
	b.wait("p2 gone", func(i *spec.Interface) bool { return i == nil }, "p2")
	for name, r := range map[string]*replay{"early": &early, "late": &late} {
		lab.Wait(t, name+" watcher has the state", func() bool { return r.diff(b.State()) == "" })
		if err := errors.Join(r.errs...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if never.last != end {
		t.Error("a watcher was told after it had stopped")
	}
}

// TestStateOfSwitch wants what is told of a switch to follow its ports.
func TestStateOfSwitch(t *testing.T) {
	b := newBench(t)
	office := spec.NewSwitch("office")
	office.VLANs = map[uint16]spec.VLAN{30: {ID: 30, Name: "guests", Suspended: true}}
	c := ports(access("p2", "office", 10), access("p1", "office", 10), trunk("up", "office", 0))
	c.Switches = map[string]*spec.Switch{"office": office}
	b.apply(c)
	want := map[uint16]*spec.VLANState{
		10: {ID: 10, Members: []string{"p1", "p2", "up"}},
		30: {ID: 30, Name: "guests", Suspended: true, Members: []string{"up"}},
	}
	told := func(when string) {
		t.Helper()
		s := b.State()
		if diff := cmp.Diff(want, s.Switches["office"].VLANs); diff != "" {
			t.Errorf("%s: VLANs (-want +got):\n%s", when, diff)
		}
		var tagged []uint16
		for id := range s.Interfaces["up"].Port.Tagged.All() {
			tagged = append(tagged, id)
		}
		if len(tagged) != len(want) {
			t.Errorf("%s: the trunk carries %v, want each of %d VLANs", when, tagged, len(want))
		}
	}
	told("configured")
	b.apply(ports(access("p2", "office", 20)))
	want[10] = &spec.VLANState{ID: 10, Members: []string{"p1", "up"}}
	want[20] = &spec.VLANState{ID: 20, Members: []string{"p2", "up"}}
	told("another VLAN")
	b.apply(spec.Change{Switches: map[string]*spec.Switch{"office": nil}})
	delete(want, 30)
	told("the switch is named by ports only")
}

// TestConcurrently reads from many goroutines while the configuration changes
// and the datapath ends.
func TestConcurrently(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.host("p2")
	ctx, cancel := context.WithCancel(context.Background())
	var readers sync.WaitGroup
	read := func(f func() error) {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := f(); err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, context.Canceled) {
					t.Error(err)
					return
				}
			}
		})
	}
	read(func() error { _, _, err := b.Counters(ctx); return err })
	read(func() error { return b.FDB(ctx, func(spec.FDBEntry) bool { return true }) })
	read(func() error { return b.Check(ctx, after()) })
	read(func() error { return b.ClearFDB(ctx, FDBFilter{Port: "p1"}) })
	read(func() error { b.Watch(func(spec.Event) {})(); return nil })
	read(func() error {
		for name, i := range b.State().Interfaces {
			if i.Name != name {
				return fmt.Errorf("interface %s calls itself %s", name, i.Name)
			}
		}
		return nil
	})
	for range 20 {
		b.apply(before())
		b.apply(after())
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Apply(ctx, before()); !errors.Is(err, ErrClosed) {
		t.Errorf("apply after close: %v, want ErrClosed", err)
	}
	cancel()
	readers.Wait()
	b.open()
	b.apply(after())
	b.wants(t, "at the end")
}
