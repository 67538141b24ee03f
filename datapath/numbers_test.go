package datapath

import (
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	n := newNumbers[string](3)
	take := func(key string, want int) {
		t.Helper()
		if ok := n.take(key); ok != (want > 0) || n.number(key) != want {
			t.Errorf("take %s: %t, number %d; want %d", key, ok, n.number(key), want)
		}
	}
	n.restore("old", 2)
	n.restore("wrong", 4)
	n.restore("taken already", 2)
	take("a", 1)
	take("b", 3)
	take("c", 0)
	n.release("a")
	if _, ok := n.used(1); ok {
		t.Error("a released number is used")
	}
	take("c", 0) // not before the transaction ends
	take("a", 1)
	n.release("b")
	n.rollback()
	take("old", 2)
	take("c", 3) // b was given out in the transaction that failed
	n.release("a")
	n.release("old")
	if !n.commit() {
		t.Error("commit freed nothing")
	}
	if key, ok := n.used(3); !ok || key != "c" {
		t.Errorf("number 3 is %q, %t; want c", key, ok)
	}
	take("d", 1)
}

func TestNumbersReuseLate(t *testing.T) {
	n := newNumbers[int](100)
	for i := range 50 {
		n.take(i)
		n.release(i)
		n.commit()
		if n.last != i+1 {
			t.Fatalf("key %d got number %d, want %d: a number used just before", i, n.last, i+1)
		}
	}
}

func TestHold(t *testing.T) {
	const up, down = 100 * time.Millisecond, 50 * time.Millisecond
	start := time.Unix(1000, 0)
	type step struct {
		at      time.Duration
		carrier bool
		told    bool
		due     time.Duration // 0: nothing to wait for
	}
	tests := []struct {
		name     string
		up, down time.Duration
		steps    []step
	}{
		{"none", 0, 0, []step{{0, true, true, 0}, {1, false, false, 0}}},
		{"rise", up, 0, []step{{0, true, false, up}, {up - 1, true, false, up}, {up, true, true, 0}, {up + 1, false, false, 0}}},
		{"rise that does not last", up, 0, []step{{0, true, false, up}, {up / 2, false, false, 0}, {up, true, false, 2 * up}}},
		{"fall", 0, down, []step{{0, true, true, 0}, {10, false, true, down + 10}, {down + 10, false, false, 0}}},
		{"fall that does not last", 0, down, []step{{0, true, true, 0}, {10, false, true, down + 10}, {20, true, true, 0}, {down + 20, true, true, 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h hold
			for i, s := range tt.steps {
				due := h.observe(start.Add(s.at), s.carrier, tt.up, tt.down)
				want := time.Time{}
				if s.due != 0 {
					want = start.Add(s.due)
				}
				if h.up != s.told || !due.Equal(want) {
					t.Errorf("step %d: told %t, due %v; want %t, %v", i, h.up, due, s.told, want)
				}
			}
		})
	}
}
