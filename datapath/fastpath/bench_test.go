package fastpath

import (
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/signalbox/signalbox/gen/bpf"
)

// emptyProgram does nothing, as cheaply as possible.
func emptyProgram(b testing.TB) *ebpf.Program {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	return p
}

// missProgram is the program without its flow cache.
func missProgram(b testing.TB, bed *bed) *ebpf.Program {
	spec, err := bpf.LoadSwitch()
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range spec.Maps {
		if m.Pinning == ebpf.PinByName {
			m.Pinning = ebpf.PinNone
		}
	}
	p, err := bed.o.programs(spec, false)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close() })
	return p.SwitchIngress
}

// cost is the time of one run of the program, in nanoseconds.
func cost(b testing.TB, p *ebpf.Program, ifindex uint32, data []byte) float64 {
	const repeat = 1 << 17
	start := time.Now()
	_, err := p.Run(&ebpf.RunOptions{Data: data, Repeat: repeat, Context: skBuff{Ifindex: ifindex}})
	if err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(start).Nanoseconds()) / repeat
}

// BenchmarkProgram measures what the program costs over an empty one, run by
// turns: a frame of a flow in the cache, and one whose flow is looked up.
func BenchmarkProgram(b *testing.B) {
	bed := newBed(b, 2)
	bed.vlans(10)
	bed.port(1, access(10))
	bed.port(2, access(10))
	bed.members(10, 1, 2)
	bed.run(2, frame(host(1), host(2), untagged, 46))
	empty := emptyProgram(b)
	miss := missProgram(b, bed)
	data := frame(host(2), host(1), untagged, 46)
	var empties, hits, misses []float64
	for b.Loop() {
		empties = append(empties, cost(b, empty, bed.ifindex[1], data))
		hits = append(hits, cost(b, bed.o.program, bed.ifindex[1], data))
		misses = append(misses, cost(b, miss, bed.ifindex[1], data))
	}
	base := median(empties)
	b.ReportMetric(base, "ns/empty")
	b.ReportMetric(median(hits)-base, "ns/hit")
	b.ReportMetric(median(misses)-base, "ns/miss")
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
