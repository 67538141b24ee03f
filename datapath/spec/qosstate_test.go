package spec

import "testing"

func TestSameQoS(t *testing.T) {
	full := func() *QoSState {
		return &QoSState{
			Classified: true, Policers: []PolicerState{{Sequence: 1, Committed: 8_000_000, Burst: 100_000}},
			Output: &SchedulerState{Rate: 1_000_000_000, Queues: map[string]QueueState{
				"voice": {Guaranteed: 900_000_000, Ceiling: 1_000_000_000, QueueLimit: QueueLimit{Octets: 1 << 20, RED: &RED{Min: 1000, Max: 3000}}},
				"":      {Guaranteed: 10_000_000, Ceiling: 1_000_000_000, QueueLimit: QueueLimit{Octets: 1 << 20}},
			}},
		}
	}
	changed := func(f func(*QoSState)) *QoSState {
		q := full()
		f(q)
		return q
	}
	tests := []struct {
		name string
		a, b *QoSState
		same bool
	}{
		{"nothing", nil, nil, true},
		{"gone", full(), nil, false},
		{"read anew", full(), full(), true},
		{"classified", full(), changed(func(q *QoSState) { q.Classified = false }), false},
		{"a policer", full(), changed(func(q *QoSState) { q.Policers[0].Burst++ }), false},
		{"no scheduler", full(), changed(func(q *QoSState) { q.Output = nil }), false},
		{"a rate", full(), changed(func(q *QoSState) { q.Output.Rate++ }), false},
		{"RED", full(), changed(func(q *QoSState) { q.Output.Queues["voice"].RED.Max++ }), false},
		{"a limit", full(), changed(func(q *QoSState) { q.Output.Queues[""] = QueueState{} }), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := SameQoS(tt.a, tt.b); got != tt.same {
				t.Errorf("same: %t, want %t", got, tt.same)
			}
		})
	}
}
