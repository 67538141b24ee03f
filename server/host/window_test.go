package host

import (
	"testing"
	"time"
)

// load is a reading of CPU 0 with so many seconds of user and idle time.
func load(user, idle time.Duration) map[int]Times {
	return map[int]Times{0: {Total: user * time.Second, User: user * time.Second, Idle: idle * time.Second}}
}

func TestWindow(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * 10 * time.Second) }
	tests := []struct {
		name     string
		readings []map[int]Times
		want     Utilization
		ok       bool
	}{
		{"nothing read", nil, Utilization{}, false},
		{"read once", []map[int]Times{load(1, 1)}, Utilization{}, false},
		{"steady", []map[int]Times{load(0, 0), load(5, 5), load(10, 10)},
			Utilization{50, 50, 50, 50, at(1), at(1), 20 * time.Second}, true},
		{"peak and rest", []map[int]Times{load(0, 0), load(9, 1), load(9, 11), load(15, 15)},
			Utilization{60, 50, 0, 90, at(2), at(1), 30 * time.Second}, true},
		{"old steps leave", []map[int]Times{load(0, 0), load(10, 0), load(10, 10), load(10, 20), load(10, 30)},
			Utilization{0, 0, 0, 0, at(2), at(2), 30 * time.Second}, true},
		{"columns go back", []map[int]Times{load(10, 10), load(9, 20)},
			Utilization{0, 0, 0, 0, at(1), at(1), 10 * time.Second}, true},
		{"the CPU was away", []map[int]Times{load(0, 0), load(10, 0), {}, load(10, 0), load(10, 10)},
			Utilization{0, 0, 0, 0, at(4), at(4), 10 * time.Second}, true},
		{"gone", []map[int]Times{load(0, 0), load(10, 0), {}}, Utilization{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := NewWindow(3)
			for i, r := range tt.readings {
				w.Add(at(i), r)
			}
			got, ok := w.Utilization(0, User)
			if ok != tt.ok || got != tt.want {
				t.Errorf("got %+v, %v\nwant %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestWindowCPUs(t *testing.T) {
	w := NewWindow(0)
	if got := w.CPUs(); got != nil {
		t.Errorf("an empty window has CPUs %v", got)
	}
	w.Add(time.Unix(1, 0), load(1, 1))
	if got := w.CPUs(); len(got) != 1 || got[0] != 0 {
		t.Errorf("CPUs %v, want [0]", got)
	}
}
