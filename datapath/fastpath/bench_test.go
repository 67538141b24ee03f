package fastpath

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
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
	const repeat = 1 << 13
	start := time.Now()
	_, err := p.Run(&ebpf.RunOptions{Data: data, Repeat: repeat, Context: skBuff{Ifindex: ifindex}})
	if err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(start).Nanoseconds()) / repeat
}

// An arm is one of the programs that a benchmark runs by turns.
type arm struct {
	unit    string
	program *ebpf.Program
	ifindex uint32
	frame   []byte
	times   []float64
	less    int // the arm that its time is compared with
}

// measure runs the arms by turns and reports of each what it takes when the
// machine does nothing else, or how much more that is than of the arm that it is
// compared with.
func measure(b *testing.B, arms []arm) {
	for b.Loop() {
		for i := range arms {
			a := &arms[i]
			a.times = append(a.times, cost(b, a.program, a.ifindex, a.frame))
		}
	}
	b.ReportMetric(quiet(arms[0].times), arms[0].unit)
	for _, a := range arms[1:] {
		b.ReportMetric(quiet(a.times)-quiet(arms[a.less].times), a.unit)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkProgram measures what the program costs over an empty one, run by
// turns with it: a frame of a flow in the cache, one whose flow is looked up,
// and beside them a bare redirect, which is part of both.
func BenchmarkProgram(b *testing.B) {
	bed := newBed(b, 2)
	bed.vlans(10)
	bed.port(1, access(10))
	bed.port(2, access(10))
	bed.members(10, 1, 2)
	bed.run(2, frame(host(1), host(2), untagged, 46))
	data := frame(host(2), host(1), untagged, 46)
	in := bed.ifindex[1]
	measure(b, []arm{
		{unit: "ns/empty", program: emptyProgram(b), ifindex: in, frame: data},
		{unit: "ns/redirect", program: redirectProgram(b, bed.ifindex[2]), ifindex: in, frame: data},
		{unit: "ns/hit", program: bed.o.program, ifindex: in, frame: data},
		{unit: "ns/miss", program: missProgram(b, bed), ifindex: in, frame: data},
	})
}

// BenchmarkLAG measures what it costs more to leave by an aggregate of four
// members than by a port, for a flow in the cache and one that is looked up, by
// each distribution.
func BenchmarkLAG(b *testing.B) {
	bed := newBed(b, 3+4)
	toPort := flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: 1234, dport: 80, destMAC: 2}
	toTeam, toTeam6 := toPort, toPort
	toTeam.destMAC, toTeam6.destMAC, toTeam6.v6 = 50, 50, true
	for d := spec.TransportPorts; d <= spec.ActiveBackup; d++ {
		b.Run(d.String(), func(b *testing.B) {
			team := newTeam(bed.sub(b), 4, d, false)
			team.static(10, host(2), 2)
			hit, miss, in := team.o.program, missProgram(b, team.bed), team.ifindex[1]
			measure(b, []arm{
				{unit: "ns/empty", program: emptyProgram(b), ifindex: in, frame: toPort.frame()},
				{unit: "ns/hit", program: hit, ifindex: in, frame: toPort.frame()},
				{unit: "ns/miss", program: miss, ifindex: in, frame: toPort.frame()},
				{unit: "ns/hit-LAG-more", program: hit, ifindex: in, frame: toTeam.frame(), less: 1},
				{unit: "ns/miss-LAG-more", program: miss, ifindex: in, frame: toTeam.frame(), less: 2},
				{unit: "ns/hit-LAG-IPv6-more", program: hit, ifindex: in, frame: toTeam6.frame(), less: 1},
			})
		})
	}
}

// BenchmarkLAGIngress measures what a frame costs more that came in at a member
// of an aggregate.
func BenchmarkLAGIngress(b *testing.B) {
	bed := newBed(b, 3+4)
	for _, independent := range []bool{false, true} {
		b.Run(fmt.Sprintf("independent=%v", independent), func(b *testing.B) {
			team := newTeam(bed.sub(b), 4, spec.ActiveBackup, independent)
			team.static(10, host(2), 2)
			port := flow{proto: unix.IPPROTO_TCP, destMAC: 2}.frame()
			member := flow{proto: unix.IPPROTO_TCP, destMAC: 2, sourceMAC: 50}.frame()
			hit, miss, in, at := team.o.program, missProgram(b, team.bed), team.ifindex[1], team.ifindex[firstMember]
			measure(b, []arm{
				{unit: "ns/empty", program: emptyProgram(b), ifindex: in, frame: port},
				{unit: "ns/hit", program: hit, ifindex: in, frame: port},
				{unit: "ns/miss", program: miss, ifindex: in, frame: port},
				{unit: "ns/hit-member-more", program: hit, ifindex: at, frame: member, less: 1},
				{unit: "ns/miss-member-more", program: miss, ifindex: at, frame: member, less: 2},
			})
		})
	}
}

// quiet is the time that a tenth of the turns keep below.
func quiet(times []float64) float64 {
	times = slices.Clone(times)
	slices.Sort(times)
	return times[len(times)/10]
}
