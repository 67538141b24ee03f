package fastpath

import (
	"math/rand/v2"
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// TestPatternsFit fills tables in plain memory, an eighth of the real one, with
// addresses of several patterns, as full as by a million in the real one: all
// but a few must find room.
func TestPatternsFit(t *testing.T) {
	const n = 1_000_000 / 8
	rnd := rand.New(rand.NewPCG(3, 4))
	number := func(m *spec.MAC, i int) { m[2], m[3], m[4], m[5] = byte(i>>24), byte(i>>16), byte(i>>8), byte(i) }
	tests := []struct {
		name string
		key  func(i int) uint64
	}{
		{"in sequence", func(i int) uint64 { m := spec.MAC{2}; number(&m, i); return fdbKey(1, m) }},
		{"in steps of 256", func(i int) uint64 { m := spec.MAC{2}; number(&m, i<<8); return fdbKey(1, m) }},
		{"in reverse octets", func(i int) uint64 {
			return fdbKey(1, spec.MAC{2, byte(i), byte(i >> 8), byte(i >> 16)})
		}},
		{"random", func(int) uint64 { return rnd.Uint64()&^0xffff | 1 }},
		{"32 hosts in 4000 VLANs", func(i int) uint64 { m := spec.MAC{2}; number(&m, i%32); return fdbKey(uint16(i/32+1), m) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := FDB{&Objects{memory: memory{
				fdb:      array[bpf.SwitchFdbBucket]{values: make([]bpf.SwitchFdbBucket, 1<<16)},
				flood:    array[bpf.SwitchFloodSet]{values: make([]bpf.SwitchFloodSet, 1<<14)},
				switches: array[bpf.SwitchVswitch]{values: make([]bpf.SwitchVswitch, 64)},
			}}}
			refused := 0
			for i := range n {
				if _, err := f.insert(tt.key(i), 1, 0); err != nil {
					refused++
				}
			}
			if refused > 3 {
				t.Errorf("%d of %d refused", refused, n)
			}
			if got := int(f.o.switches.values[0].Dynamic); got != n-refused {
				t.Errorf("%d entries, want %d", got, n-refused)
			}
		})
	}
}
