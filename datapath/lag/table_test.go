package lag

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

// carriers are the members that carry each bucket.
func (t *Table) carriers() (first, second [spec.LAGBuckets]string) {
	for b, v := range t.Buckets {
		if v.First != None {
			first[b] = t.Slots[v.First].Name
		}
		if v.Second != None {
			second[b] = t.Slots[v.Second].Name
		}
	}
	return first, second
}

func counts(of [spec.LAGBuckets]string) map[string]int {
	n := make(map[string]int)
	for _, name := range of {
		n[name]++
	}
	return n
}

func spreadOf(n map[string]int) int {
	all := slices.Collect(maps.Values(n))
	return slices.Max(all) - slices.Min(all)
}

// TestBalance wants the buckets within one of each other, also when any member
// fails, and their next choices too.
func TestBalance(t *testing.T) {
	for n := 1; n <= spec.MaxMembers; n++ {
		g := made(config(spec.StaticLAG, n, nil), nil)
		first, second := g.table.carriers()
		if s := spreadOf(counts(first)); s > 1 {
			t.Errorf("%d members: buckets %d apart", n, s)
		}
		for i := range n {
			to := make(map[string]int)
			for b := range first {
				if first[b] == name(i) {
					to[second[b]]++
				}
			}
			g.Observe(name(i), dead(good(0)))
			g.Advance(start)
			after, _ := g.table.carriers()
			if s := spreadOf(counts(after)); s > 1 && n > 1 {
				t.Errorf("%d members without %s: buckets %d apart", n, name(i), s)
			}
			if n > 2 && len(to) < min(n-1, spec.LAGBuckets/n)/2 {
				t.Errorf("%d members: those of %s go to %d others only", n, name(i), len(to))
			}
			g.Observe(name(i), good(10000))
		}
	}
}

// TestBalanceOfManyFailures wants the load near even whatever fails at once.
func TestBalanceOfManyFailures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		n := 3 + r.IntN(spec.MaxMembers-2)
		failed := map[string]Observation{}
		for range 1 + r.IntN(min(n-2, exactDepth-1)) {
			failed[name(r.IntN(n))] = dead(good(0))
		}
		g := made(config(spec.StaticLAG, n, nil), failed)
		first, _ := g.table.carriers()
		if s := spreadOf(counts(first)); s > 10 {
			t.Errorf("%d of %d members failed: buckets %d apart", len(failed), n, s)
		}
	}
}

// TestMoves lets members fail and come back at random. The flows of a member
// that fails go where the table said before, and no other flow moves; one that
// comes back takes exactly its own. A group that starts from the end has the
// same table, if it goes on from it.
func TestMoves(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			c := randomConfig(r)
			g := made(c, nil)
			seen := make(map[string]Observation)
			for step := range 80 {
				name := g.names[r.IntN(len(g.names))]
				o, ok := seen[name]
				if !ok || o.Carrier {
					o = dead(good(10000))
				} else {
					o = good(10000)
				}
				seen[name] = o
				was := g.table
				g.Observe(name, o)
				g.Advance(start)
				wantMove(t, step, c, name, o.Carrier, &was, &g.table)
				wantAdopted(t, step, c, seen, g)
			}
		})
	}
}

func randomConfig(r *rand.Rand) Config {
	modes := []spec.AggregateMode{spec.StaticLAG, spec.LACPManaged, spec.SwitchIndependent}
	return config(modes[r.IntN(len(modes))], 2+r.IntN(8), func(c *Config) {
		if r.IntN(3) == 0 {
			c.Distribution = spec.ActiveBackup
			c.Reselect = spec.Reselect(1 + r.IntN(3))
		}
		if r.IntN(2) == 0 {
			c.Primary = name(r.IntN(len(c.Members)))
		}
		for i := range c.Members {
			c.set(i, func(m *spec.Member) { m.Standby = r.IntN(3) == 0 })
		}
	})
}

func wantMove(t *testing.T, step int, c Config, who string, back bool, was, is *Table) {
	t.Helper()
	first, second := was.carriers()
	now, _ := is.carriers()
	for b := range first {
		want := first[b]
		switch {
		case first[b] == "" || now[b] == "":
			continue // there is nobody
		case back && c.Members[now[b]].Standby:
			continue // a standby that is free again stands in elsewhere
		case !back && first[b] == who:
			want = second[b]
		case back && now[b] == who:
			want = who
		}
		if now[b] != want {
			t.Fatalf("step %d: %s (back %t): bucket %d moved from %s (then %s) to %s", step, who, back, b, first[b], second[b], now[b])
		}
	}
}

// wantAdopted starts anew from what the table says.
func wantAdopted(t *testing.T, step int, c Config, seen map[string]Observation, g *Group) {
	t.Helper()
	a := Adopted{Slots: make(map[string]AdoptedSlot), Designated: g.designated}
	a.First, _ = g.table.carriers()
	for i, s := range g.table.Slots {
		if s.Name != "" {
			a.Slots[s.Name] = AdoptedSlot{uint8(i), s.Usable}
		}
	}
	again := &Group{}
	again.Configure(c)
	again.Adopt(a)
	for name := range c.Members {
		o, ok := seen[name]
		if !ok {
			o = good(10000)
		}
		again.Observe(name, o)
	}
	again.Advance(start)
	if diff := cmp.Diff(g.table, again.table); diff != "" {
		t.Fatalf("step %d: table after a restart (-before +after):\n%s", step, diff)
	}
}

// TestComesBack wants exactly the table of before when all are back.
func TestComesBack(t *testing.T) {
	g := made(config(spec.StaticLAG, 5, func(c *Config) { c.set("e", func(m *spec.Member) { m.Standby = true }) }), nil)
	was := g.table
	for _, name := range []string{"b", "d", "a"} {
		g.Observe(name, dead(good(0)))
		g.Advance(start)
	}
	for _, name := range []string{"d", "a", "b"} {
		g.Observe(name, good(10000))
		g.Advance(start)
	}
	if diff := cmp.Diff(was.Buckets, g.table.Buckets); diff != "" {
		t.Errorf("buckets (-before +after):\n%s", diff)
	}
}

// TestSlots wants a member to keep its slot while others come and go.
func TestSlots(t *testing.T) {
	g := made(config(spec.StaticLAG, 4, nil), nil)
	slot := g.slot("d")
	c := config(spec.StaticLAG, 4, nil)
	delete(c.Members, "b")
	c.Members["0"] = spec.Member{}
	g.Configure(c)
	g.Advance(start)
	if g.slot("d") != slot || g.slot("0") != 1 {
		t.Errorf("d has slot %d, want %d; the new member %d, want 1", g.slot("d"), slot, g.slot("0"))
	}
	many := config(spec.StaticLAG, spec.MaxMembers+5, nil)
	g.Configure(many)
	g.Advance(start)
	if len(g.Active()) > spec.MaxMembers {
		t.Errorf("%d members are active", len(g.Active()))
	}
}

func TestAdoptUpDelay(t *testing.T) {
	c := config(spec.StaticLAG, 2, func(c *Config) { c.UpDelay = time.Second })
	g := &Group{}
	g.Configure(c)
	g.Adopt(Adopted{Slots: map[string]AdoptedSlot{"a": {Slot: 7, Usable: true}, "b": {Slot: 7}, "c": {Slot: 200}}})
	g.Observe("a", good(1))
	g.Observe("b", good(1))
	g.Advance(start)
	if want := "a=ACTIVE cd*128, b=ACTIVE cd128"; g.text() != want {
		t.Errorf("a slot given twice counts for one: %s, want %s", g.text(), want)
	}
	g = &Group{}
	g.Configure(c)
	g.Adopt(Adopted{Slots: map[string]AdoptedSlot{"a": {Slot: 7, Usable: true}, "b": {Slot: 8}}})
	g.Observe("a", good(1))
	g.Observe("b", good(1))
	g.Advance(start)
	if want := "a=ACTIVE cd*256, b=DOWN/UP_DELAY c0"; g.text() != want || g.slot("a") != 7 {
		t.Errorf("%s, slot %d; want %s, slot 7", g.text(), g.slot("a"), want)
	}
}

func TestClone(t *testing.T) {
	g := made(config(spec.StaticLAG, 3, nil), nil)
	was := g.text()
	c := g.Clone()
	c.Observe("a", dead(good(0)))
	c.Configure(config(spec.StaticLAG, 2, nil))
	c.Advance(start)
	g.Advance(start)
	if g.text() != was {
		t.Errorf("%s, want %s: the copy is part of the original", g.text(), was)
	}
}

func TestRebalance(t *testing.T) {
	dynamic := func(c *Config) { c.Distribution = spec.Dynamic }
	g := made(config(spec.StaticLAG, 4, dynamic), nil)
	var octets [spec.LAGBuckets]uint64
	for b := range octets {
		octets[b] = 100
		if first, _ := g.choose(b); first == "a" {
			octets[b] = 400 // a has four times as much
		}
	}
	moves := g.Rebalance(&octets)
	loads := make(map[string]uint64)
	first, second := g.table.carriers()
	total := uint64(0)
	for b, name := range first {
		loads[name] += octets[b]
		total += octets[b]
		if second[b] == name || second[b] == "" {
			t.Errorf("bucket %d goes from %s to %s", b, name, second[b])
		}
	}
	for name, load := range loads {
		if even := float64(total) / 4; float64(load) < 0.94*even || float64(load) > 1.06*even {
			t.Errorf("%s carries %d, want %.0f (moves %v)", name, load, even, moves)
		}
	}
	for _, m := range moves {
		if m.From != "a" || first[m.Bucket] != m.To {
			t.Errorf("move %+v: want it from a, and in the table", m)
		}
	}
	if len(moves) == 0 || len(g.Rebalance(&octets)) > 0 {
		t.Errorf("%d moves, and more with the same loads: want some, then none", len(moves))
	}
	wantAdopted(t, 0, config(spec.StaticLAG, 4, dynamic), nil, g)
	g.Configure(config(spec.StaticLAG, 4, nil))
	g.Advance(start)
	if moves := g.Rebalance(&octets); moves != nil {
		t.Errorf("without Dynamic: moves %v", moves)
	}
	if n := g.members["a"].Buckets; n != 64 {
		t.Errorf("without Dynamic a has %d buckets, want its own 64", n)
	}
}

func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{2, 8, 32} {
		g := made(config(spec.StaticLAG, n, nil), nil)
		b.Run(fmt.Sprintf("failure of one of %d", n), func(b *testing.B) {
			o := [2]Observation{dead(good(10000)), good(10000)}
			for i := 0; b.Loop(); i++ {
				g.Observe("b", o[i%2])
				g.Advance(start)
			}
		})
		b.Run(fmt.Sprintf("order of %d", n), func(b *testing.B) {
			for b.Loop() {
				newOrder(g.spread)
			}
		})
	}
}
