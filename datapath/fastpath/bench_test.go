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
	return assemble(b, asm.Mov.Imm(asm.R0, 0), asm.Return())
}

// redirectProgram sends every frame to one interface: the least that a program
// can do that forwards.
func redirectProgram(b testing.TB, ifindex uint32) *ebpf.Program {
	return assemble(b, asm.Mov.Imm(asm.R1, int32(ifindex)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return())
}

func assemble(b testing.TB, ins ...asm.Instruction) *ebpf.Program {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: ins})
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
	const repeat = 1 << 15
	start := time.Now()
	_, err := p.Run(&ebpf.RunOptions{Data: data, Repeat: repeat, Context: skBuff{Ifindex: ifindex}})
	if err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(start).Nanoseconds()) / repeat
}

// BenchmarkProgram measures what the program costs over an empty one, run by
// turns with it: a frame of a flow in the cache, one whose flow is looked up,
// and beside them a bare redirect, which is part of both. Each value is the
// median over the turns of the difference to the empty program in that turn.
func BenchmarkProgram(b *testing.B) {
	bed := newBed(b, 2)
	bed.vlans(10)
	bed.port(1, access(10))
	bed.port(2, access(10))
	bed.members(10, 1, 2)
	bed.run(2, frame(host(1), host(2), untagged, 46))
	arms := []struct {
		unit    string
		program *ebpf.Program
		times   []float64
	}{
		{unit: "ns/empty", program: emptyProgram(b)},
		{unit: "ns/redirect", program: redirectProgram(b, bed.ifindex[2])},
		{unit: "ns/hit", program: bed.o.program},
		{unit: "ns/miss", program: missProgram(b, bed)},
	}
	data := frame(host(2), host(1), untagged, 46)
	for b.Loop() {
		for i := range arms {
			arms[i].times = append(arms[i].times, cost(b, arms[i].program, bed.ifindex[1], data))
		}
	}
	empty := arms[0].times
	for _, a := range arms[1:] {
		for i := range a.times {
			a.times[i] -= empty[i]
		}
		b.ReportMetric(median(a.times), a.unit)
	}
	b.ReportMetric(median(empty), arms[0].unit)
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
