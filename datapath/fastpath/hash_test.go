package fastpath

import (
	"math/rand/v2"
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// TestMillionFit puts a million addresses of several patterns into a table in
// plain memory: all but some ten must find room.
func TestMillionFit(t *testing.T) {
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
		{"256 hosts in 4000 VLANs", func(i int) uint64 { m := spec.MAC{2}; number(&m, i%256); return fdbKey(uint16(i/256+1), m) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := FDB{&Objects{memory: memory{
				fdb:      array[bpf.SwitchFdbBucket]{values: make([]bpf.SwitchFdbBucket, 1<<19)},
				flood:    array[bpf.SwitchFloodSet]{values: make([]bpf.SwitchFloodSet, 1<<14)},
				switches: array[bpf.SwitchVswitch]{values: make([]bpf.SwitchVswitch, 64)},
			}}}
			refused := 0
			for i := range 1_000_000 {
				if _, err := f.insert(tt.key(i), 1, 0); err != nil {
					refused++
				}
			}
			if refused > 10 {
				t.Errorf("%d of 1,000,000 refused", refused)
			}
			if got := int(f.o.switches.values[0].Dynamic); got != 1_000_000-refused {
				t.Errorf("%d entries, want %d", got, 1_000_000-refused)
			}
		})
	}
}
