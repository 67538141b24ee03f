package datapath

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// entries are those of all filtering databases as text, sorted.
func (b *bench) entries() []string {
	b.t.Helper()
	var all []string
	err := b.FDB(context.Background(), func(e spec.FDBEntry) bool {
		all = append(all, text(e))
		return true
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func text(e spec.FDBEntry) string {
	s := strings.Join([]string{e.Switch, e.MAC.String(), e.Port}, " ")
	if e.Static {
		s += " static"
	}
	return s
}

// changes follows the filtering databases by events alone.
type changes struct {
	mu      sync.Mutex
	entries map[string]spec.FDBEntry // by switch, VLAN and address
}

func (b *bench) follow() *changes {
	c := &changes{entries: make(map[string]spec.FDBEntry)}
	b.t.Cleanup(b.Watch(func(e spec.Event) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, f := range e.FDB {
			key := f.Entry.Switch + " " + f.Entry.MAC.String() + " " + string(rune('0'+f.Entry.VLAN))
			if f.Gone {
				delete(c.entries, key)
			} else {
				c.entries[key] = f.Entry
			}
		}
	}))
	return c
}

func (c *changes) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, e := range c.entries {
		all = append(all, text(e))
	}
	slices.Sort(all)
	return all
}

// expectEntries waits until the table and who follows it by events have
// exactly these.
func (b *bench) expectEntries(c *changes, want ...string) {
	b.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		table, told := b.entries(), c.all()
		if slices.Equal(table, want) && slices.Equal(told, want) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("table (-want +got):\n%s\nevents (-want +got):\n%s", cmp.Diff(want, table), cmp.Diff(want, told))
		}
	}
}

func (b *bench) sw(name string, ok func(*spec.SwitchState) bool) {
	b.t.Helper()
	lab.Wait(b.t, "counts of "+name, func() bool {
		s := b.State().Switches[name]
		return s != nil && ok(s)
	})
}

// TestLearning follows addresses that come, move and go.
func TestLearning(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	b.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	b.carries("p1", "p2")
	c := b.follow()
	w1.Send(frame(broadcast, station(1), 0, 1))
	w2.Send(frame(broadcast, station(2), 0, 2))
	b.expectEntries(c, "default 02:00:00:00:00:01 p1", "default 02:00:00:00:00:02 p2")
	b.sw("default", func(s *spec.SwitchState) bool { return s.Dynamic == 2 && s.Moves == 0 })
	w2.Send(frame(broadcast, station(1), 0, 3))
	b.expectEntries(c, "default 02:00:00:00:00:01 p2", "default 02:00:00:00:00:02 p2")
	b.sw("default", func(s *spec.SwitchState) bool { return s.Dynamic == 2 && s.Moves == 1 })

	t.Run("cleared", func(t *testing.T) {
		if err := b.ClearFDB(context.Background(), FDBFilter{MAC: station(2)}); err != nil {
			t.Fatal(err)
		}
		b.expectEntries(c, "default 02:00:00:00:00:01 p2")
		b.sw("default", func(s *spec.SwitchState) bool { return s.Dynamic == 1 })
	})
	t.Run("carrier lost", func(t *testing.T) {
		w1.Send(frame(broadcast, station(3), 0, 4))
		b.expectEntries(c, "default 02:00:00:00:00:01 p2", "default 02:00:00:00:00:03 p1")
		b.hosts["p2"].SetUp(t, "eth0", false)
		b.expectEntries(c, "default 02:00:00:00:00:03 p1")
		b.hosts["p2"].SetUp(t, "eth0", true)
		b.carries("p2")
	})
	t.Run("another vlan", func(t *testing.T) {
		b.apply(ports(access("p1", "default", 20)))
		b.expectEntries(c)
		w1.Send(frame(broadcast, station(3), 0, 5))
		b.expectEntries(c, "default 02:00:00:00:00:03 p1")
		b.sw("default", func(s *spec.SwitchState) bool { return s.Dynamic == 1 })
	})
	t.Run("another switch", func(t *testing.T) {
		b.apply(ports(access("p1", "lab", 20)))
		b.expectEntries(c)
		w1.Send(frame(broadcast, station(3), 0, 6))
		b.expectEntries(c, "lab 02:00:00:00:00:03 p1")
	})
	t.Run("no port", func(t *testing.T) {
		b.apply(spec.Change{Ports: map[string]*spec.Port{"p1": nil}})
		b.expectEntries(c)
	})
}

// TestAgeing lets entries grow too old, and not those that are static.
func TestAgeing(t *testing.T) {
	b := newBench(t)
	w1 := b.host("p1")
	b.host("p2")
	sw := spec.NewSwitch("default")
	sw.Ageing = time.Second
	sw.Static = map[spec.FDBKey]string{{VLAN: 10, MAC: station(7)}: "p2"}
	c := ports(access("p1", "default", 10), access("p2", "default", 10))
	c.Switches = map[string]*spec.Switch{"default": sw}
	told := b.follow()
	b.apply(c)
	b.carries("p1", "p2")
	w1.Send(frame(broadcast, station(1), 0, 1))
	b.expectEntries(told, "default 02:00:00:00:00:01 p1", "default 02:00:00:00:00:07 p2 static")
	b.expectEntries(told, "default 02:00:00:00:00:07 p2 static")
	b.sw("default", func(s *spec.SwitchState) bool { return s.Dynamic == 0 && s.Static == 1 })
}

// TestStatic sends to an address that was never heard of, and tries to move it.
func TestStatic(t *testing.T) {
	b := newBench(t)
	w1, w2, w3 := b.host("p1"), b.host("p2"), b.host("p3")
	sw := spec.NewSwitch("default")
	sw.Static = map[spec.FDBKey]string{{VLAN: 10, MAC: station(2)}: "p2"}
	c := ports(access("p1", "default", 10), access("p2", "default", 10), access("p3", "default", 10))
	c.Switches = map[string]*spec.Switch{"default": sw}
	b.apply(c)
	b.carries("p1", "p2", "p3")
	w3.Send(frame(broadcast, station(2), 0, 1)) // p3 claims the address
	expect(t, w1, frame(broadcast, station(2), 0, 1))
	expect(t, w2, frame(broadcast, station(2), 0, 1))
	w1.Send(frame(station(2), station(1), 0, 2))
	expect(t, w2, frame(station(2), station(1), 0, 2))
	silent(t, w3)

	refused := []struct {
		name   string
		change spec.Change
		reason string
	}{
		{"its port leaves the switch", spec.Change{Ports: map[string]*spec.Port{"p2": nil}}, "no port of this switch"},
		{"its port leaves the VLAN", ports(access("p2", "default", 20)), "does not carry"},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			if err := b.Apply(context.Background(), tt.change); err == nil || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want one that says %q", err, tt.reason)
			}
		})
	}
	w1.Send(frame(station(2), station(1), 0, 3))
	expect(t, w2, frame(station(2), station(1), 0, 3))
}

// TestLimit learns no more than it may.
func TestLimit(t *testing.T) {
	b := newBench(t)
	w1, w2 := b.host("p1"), b.host("p2")
	sw := spec.NewSwitch("default")
	sw.MaxEntries = 2
	c := ports(access("p1", "default", 10), access("p2", "default", 10))
	c.Switches = map[string]*spec.Switch{"default": sw}
	b.apply(c)
	b.carries("p1", "p2")
	told := b.follow()
	for n := byte(1); n <= 4; n++ {
		w1.Send(frame(broadcast, station(n), 0, uint32(n)))
		expect(t, w2, frame(broadcast, station(n), 0, uint32(n)))
	}
	b.expectEntries(told, "default 02:00:00:00:00:01 p1", "default 02:00:00:00:00:02 p1")
	b.sw("default", func(s *spec.SwitchState) bool { return s.Dynamic == 2 && s.Refused == 2 })
}
