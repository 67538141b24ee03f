package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var errInjected = errors.New("injected")

// memory is a table in memory that writes down its calls and fails those
// whose number is in fail: before the work is done, or after it.
type memory struct {
	objects map[string]int
	calls   []string
	fail    map[int]string // "before" or "after", by number of the call
}

func (m *memory) List() (map[string]int, error) { return maps.Clone(m.objects), nil }

func (m *memory) Put(k string, v int) error {
	return m.call(fmt.Sprintf("put %s=%d", k, v), func() { m.objects[k] = v })
}

func (m *memory) Delete(k string) error {
	return m.call("delete "+k, func() { delete(m.objects, k) })
}

func (m *memory) call(text string, work func()) error {
	m.calls = append(m.calls, text)
	when := m.fail[len(m.calls)]
	if when != "before" {
		work()
	}
	if when != "" {
		return errInjected
	}
	return nil
}

func wanted(w map[string]int) func(string) (int, bool) {
	return func(k string) (int, bool) { v, ok := w[k]; return v, ok }
}

func load(t *testing.T, m *memory) *Shadow[string, int] {
	t.Helper()
	s := NewShadow("thing", m)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSync(t *testing.T) {
	tests := []struct {
		name  string
		have  map[string]int
		want  map[string]int
		keys  []string
		calls []string
		after map[string]int
	}{
		{
			name: "equal makes no call",
			have: map[string]int{"a": 1}, want: map[string]int{"a": 1},
			keys: []string{"a", "b"}, after: map[string]int{"a": 1},
		},
		{
			name: "adds and changes before deletes",
			have: map[string]int{"a": 1, "b": 2}, want: map[string]int{"b": 3, "c": 4},
			keys:  []string{"a", "b", "c"},
			calls: []string{"put b=3", "put c=4", "delete a"},
			after: map[string]int{"b": 3, "c": 4},
		},
		{
			name: "what is not touched stays",
			have: map[string]int{"a": 1, "b": 2}, want: map[string]int{},
			keys:  []string{"b"},
			calls: []string{"delete b"},
			after: map[string]int{"a": 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &memory{objects: tt.have}
			s := load(t, m)
			if err := s.Sync(tt.keys, wanted(tt.want), nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.calls, m.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.after, m.objects); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			m.calls = nil
			if err := s.Sync(tt.keys, wanted(tt.want), nil); err != nil || len(m.calls) > 0 {
				t.Errorf("sync again: error %v, calls %q; want none", err, m.calls)
			}
		})
	}
}

func TestSyncAttemptsAll(t *testing.T) {
	m := &memory{objects: map[string]int{"old": 1}, fail: map[int]string{1: "before"}}
	s := load(t, m)
	err := s.Sync([]string{"a", "b", "old"}, wanted(map[string]int{"a": 1, "b": 2}), nil)
	if !errors.Is(err, errInjected) || !strings.Contains(err.Error(), "thing: put a") {
		t.Errorf("error %v, want the injected one naming the object", err)
	}
	want := []string{"put a=1", "put b=2", "delete old"}
	if diff := cmp.Diff(want, m.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if err := s.Sync([]string{"a"}, wanted(map[string]int{"a": 1}), nil); err != nil || m.objects["a"] != 1 {
		t.Errorf("second try: error %v, objects %v; want a=1", err, m.objects)
	}
}

// TestRollback fails each call of a transaction in turn, before and after its
// work, and wants everything as it was.
func TestRollback(t *testing.T) {
	before := map[string]int{"keep": 1, "change": 2, "gone": 3}
	want := map[string]int{"keep": 1, "change": 20, "new": 4, "new2": 5}
	keys := []string{"keep", "change", "new", "new2", "gone"}
	for n := 1; n <= 4; n++ {
		for _, when := range []string{"before", "after"} {
			t.Run(fmt.Sprintf("call %d %s", n, when), func(t *testing.T) {
				m := &memory{objects: maps.Clone(before), fail: map[int]string{n: when}}
				s := load(t, m)
				var undo Undo
				if err := s.Sync(keys, wanted(want), &undo); !errors.Is(err, errInjected) {
					t.Fatalf("error %v, want the injected one", err)
				}
				if got := len(m.calls); got != n {
					t.Errorf("%d calls, want the failing one to be the last of %d", got, n)
				}
				if err := undo.Rollback(); err != nil {
					t.Errorf("rollback: %v", err)
				}
				if diff := cmp.Diff(before, m.objects); diff != "" {
					t.Errorf("objects (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before, maps.Collect(s.Each)); diff != "" {
					t.Errorf("belief (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestRollbackJoinsErrors(t *testing.T) {
	m := &memory{objects: map[string]int{}, fail: map[int]string{3: "before"}}
	s := load(t, m)
	var undo Undo
	if err := s.Put([]string{"a", "b"}, wanted(map[string]int{"a": 1, "b": 2}), &undo); err != nil {
		t.Fatal(err)
	}
	if err := undo.Rollback(); !errors.Is(err, errInjected) {
		t.Errorf("rollback: %v, want the injected error", err)
	}
	if _, ok := s.Get("b"); !ok || s.Len() != 1 {
		t.Errorf("belief after a failed step: %v, want b to be still there", maps.Collect(s.Each))
	}
	if undo.Len() != 0 {
		t.Errorf("%d steps left in the log, want none", undo.Len())
	}
}

func TestObserveAndForget(t *testing.T) {
	m := &memory{objects: map[string]int{"a": 1}}
	s := load(t, m)
	s.Observe("a", 7)
	s.Observe("stranger", 1)
	if err := s.Sync([]string{"a", "stranger"}, wanted(map[string]int{"a": 1}), nil); err != nil {
		t.Fatal(err)
	}
	s.Forget("a")
	if err := s.Sync([]string{"a"}, wanted(nil), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"put a=1"}, m.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestKeys(t *testing.T) {
	var k Keys[string]
	k.Add("b", "a")
	k.Add("b", "c")
	if got, want := k.All(), []string{"b", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if !k.Has("c") || k.Has("d") || k.Len() != 3 {
		t.Errorf("has c %t, has d %t, %d keys; want true, false, 3", k.Has("c"), k.Has("d"), k.Len())
	}
}
