package fastpath

import (
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// never is a filter that looks at a frame's type and passes none.
type never struct{}

func (never) Instructions(prefix string) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R5, asm.R1),
		asm.Add.Imm(asm.R5, 14),
		asm.JGT.Reg(asm.R5, asm.R2, prefix+"_fail"),
		asm.LoadMem(asm.R0, asm.R1, 12, asm.Half),
		asm.JNE.Imm(asm.R0, 0x1234, prefix+"_fail"),
		asm.Mov.Imm(asm.R0, 1),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol(prefix + "_fail"),
		asm.Return(),
	}
}

// tracedProgram is the program with sessions, not attached anywhere, and what
// reads its ring.
func tracedProgram(b testing.TB, bed *bed, caching bool, sessions ...*TraceSession) (*ebpf.Program, *Tracer) {
	b.Helper()
	t, err := bed.o.NewTracer()
	bed.ok(err)
	b.Cleanup(func() { t.Close() })
	p, err := bed.o.loadTraced(places(sessions...), t.maps, build{caching: caching})
	bed.ok(err)
	b.Cleanup(func() { p.Close() })
	return p, t
}

// BenchmarkTrace measures what tracing costs more than none: with a session
// that no frame fits, one that gets one frame in 64, and those that get each
// frame's stages, or its first octets. Each is run by turns with the program
// that does not trace.
func BenchmarkTrace(b *testing.B) {
	bed := newBed(b, 2)
	bed.vlans(10)
	bed.port(1, access(10))
	bed.port(2, access(10))
	bed.members(10, 1, 2)
	bed.run(2, frame(host(1), host(2), untagged, 46))
	data := frame(host(2), host(1), untagged, 114)
	in := bed.ifindex[1]
	arms := []arm{
		{unit: "ns/hit", program: bed.o.program, ifindex: in, frame: data},
		{unit: "ns/miss", program: missProgram(b, bed), ifindex: in, frame: data},
		{unit: "ns/off-more", program: bed.o.plain, ifindex: in, frame: data},
	}
	var readers []*Tracer
	for _, c := range []struct {
		name    string
		session TraceSession
	}{
		{"no-match", TraceSession{Filter: never{}}},
		{"sampled-64", TraceSession{Sample: 64}},
		{"each", TraceSession{}},
		{"each-128-octets", TraceSession{Snap: 128}},
	} {
		for i, way := range []string{"hit", "miss"} {
			p, t := tracedProgram(b, bed, way == "hit", &c.session)
			readers = append(readers, t)
			arms = append(arms, arm{unit: "ns/" + way + "-" + c.name + "-more", program: p, ifindex: in, frame: data, less: i})
		}
	}
	for b.Loop() {
		for i := range arms {
			a := &arms[i]
			a.times = append(a.times, cost(b, a.program, a.ifindex, a.frame))
			for _, t := range readers {
				if _, err := t.Read(1<<30, func(TraceRecord) {}); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	for _, a := range arms[:2] {
		b.ReportMetric(quiet(a.times), a.unit)
	}
	for _, a := range arms[2:] {
		b.ReportMetric(quiet(a.times)-quiet(arms[a.less].times), a.unit)
	}
	b.ReportMetric(0, "ns/op")
	if lost, err := readers[len(readers)-1].Counts(0); err != nil || lost.Lost > 0 {
		b.Errorf("lost: %+v, %v", lost, err)
	}
}

// BenchmarkTraceDelivery gives 0.7 million frames a second to a session that
// captures 128 octets of each, while a reader looks once a millisecond as the
// owner's does, and tells how many were lost.
func BenchmarkTraceDelivery(b *testing.B) {
	bed := newBed(b, 2)
	bed.vlans(10)
	bed.port(1, access(10))
	bed.port(2, access(10))
	bed.static(10, host(2), 2)
	tr := bed.tracing(&TraceSession{Snap: 128})
	quit, done := make(chan struct{}), make(chan uint64)
	go func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		var octets uint64
		read := func() {
			if _, err := tr.Read(1<<30, func(r TraceRecord) { octets += uint64(len(r.Frame())) }); err != nil {
				b.Error(err)
			}
		}
		for {
			select {
			case <-ticker.C:
				read()
			case <-quit:
				read()
				done <- octets
				return
			}
		}
	}()
	const chunk = 3500 // in 5 ms
	data := frame(host(2), host(1), untagged, 114)
	start, sent := time.Now(), uint64(0)
	for b.Loop() {
		bed.repeat(1, data, chunk)
		sent += chunk
		if wait := time.Duration(sent)*time.Second/700000 - time.Since(start); wait > 0 {
			time.Sleep(wait)
		}
	}
	rate := float64(sent) / time.Since(start).Seconds()
	close(quit)
	octets := <-done
	c, err := tr.Counts(0)
	bed.ok(err)
	b.ReportMetric(rate, "frames/s")
	b.ReportMetric(float64(c.Lost), "lost")
	b.ReportMetric(float64(octets)/128, "delivered")
	b.ReportMetric(0, "ns/op")
}
