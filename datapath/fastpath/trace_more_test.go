package fastpath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// plainBed has ports 1 and 2 of VLAN 10, and host 2 behind port 2.
func plainBed(t testing.TB, n int) *bed {
	b := newBed(t, n)
	b.vlans(10)
	for p := range uint16(n) {
		b.port(p+1, access(10))
	}
	b.static(10, host(2), 2)
	return b
}

func TestTraceNumbersAreTheSpecs(t *testing.T) {
	for _, c := range []struct{ got, want int }{
		{int(bpf.SwitchTraceStageTRACE_INGRESS), int(spec.StageIngress)},
		{int(bpf.SwitchTraceStageTRACE_CACHE), int(spec.StageCache)},
		{int(bpf.SwitchTraceStageTRACE_GUARD), int(spec.StageGuard)},
		{int(bpf.SwitchTraceStageTRACE_VLAN), int(spec.StageVLAN)},
		{int(bpf.SwitchTraceStageTRACE_ADMIT), int(spec.StageAdmit)},
		{int(bpf.SwitchTraceStageTRACE_LEARN), int(spec.StageLearn)},
		{int(bpf.SwitchTraceStageTRACE_LOOKUP), int(spec.StageLookup)},
		{int(bpf.SwitchTraceStageTRACE_FLOOD), int(spec.StageFlood)},
		{int(bpf.SwitchTraceStageTRACE_CLASS), int(spec.StageClass)},
		{int(bpf.SwitchTraceStageTRACE_EGRESS), int(spec.StageEgress)},
		{int(bpf.SwitchTraceStageTRACE_LAG), int(spec.StageLAG)},
		{int(bpf.SwitchTraceStageTRACE_OUTPUT), int(spec.StageOutput)},
		{int(bpf.SwitchTraceStageTRACE_KERNEL), int(spec.StageKernel)},
		{int(bpf.SwitchTraceStageNUM_TRACE_STAGES), int(spec.NumStages)},
		{int(bpf.SwitchTraceVerdictTRACE_PASS), int(spec.VerdictPass)},
		{int(bpf.SwitchTraceVerdictTRACE_FORWARDED), int(spec.VerdictForward)},
		{int(bpf.SwitchTraceVerdictTRACE_FLOODED), int(spec.VerdictFlood)},
		{int(bpf.SwitchTraceVerdictTRACE_PUNTED), int(spec.VerdictPunt)},
		{int(bpf.SwitchTraceVerdictTRACE_DROPPED), int(spec.VerdictDrop)},
		{int(bpf.SwitchTraceDetailTRACE_HIT), int(spec.DetailHit)},
		{int(bpf.SwitchTraceDetailTRACE_OFF), int(spec.DetailOff)},
		{int(bpf.SwitchTraceDetailTRACE_GROUP), int(spec.DetailGroup)},
	} {
		if c.got != c.want {
			t.Errorf("number %d in the program, %d in package spec", c.got, c.want)
		}
	}
}

// TestTraceIsNotInThePlainProgram compares the program that works while nobody
// traces with one that is compiled without any of it, as the kernel has them.
func TestTraceIsNotInThePlainProgram(t *testing.T) {
	b := plainBed(t, 1)
	without := compileWithout(t)
	for _, m := range without.Maps {
		m.Pinning = ebpf.PinNone
	}
	for name := range without.Programs {
		if name != "switch_ingress" && name != "clock" && name != "fold_counters" && name != "read_carriers" {
			delete(without.Programs, name)
		}
	}
	p, err := b.o.programs(without, true)
	b.ok(err)
	defer p.Close()
	got, want := b.functions(b.o.plain), b.functions(p.SwitchIngress)
	if len(got) != len(want) {
		t.Fatalf("%d functions, %d without tracing", len(got), len(want))
	}
	var others []int
	more := 0
	for i := range got {
		if !slices.Equal(got[i], want[i]) {
			others = append(others, i)
			more += len(got[i]) - len(want[i])
		}
	}
	// The first function takes frames in and knows the flows in the cache. The
	// three of flooding, where each copy costs a thousand instructions, look at
	// a constant in some places.
	if slices.Contains(others, 0) || len(others) > 3 || more > 64 {
		t.Errorf("of %d functions these are not what they are without tracing: %v, %d instructions more", len(got), others, more)
	}
	t.Logf("%d of %d functions differ, by %d instructions", len(others), len(got), more)
}

// functions are the instructions that the kernel made of a program, by function
// and without what differs from load to load: addresses, and distances to
// other functions.
func (b *bed) functions(p *ebpf.Program) (functions [][]string) {
	b.Helper()
	info, err := p.Info()
	b.ok(err)
	all, err := info.Instructions()
	b.ok(err)
	starts := map[int]bool{0: true}
	for i, at := 0, 0; i < len(all); i++ {
		if all[i].OpCode.JumpOp() == asm.Call && all[i].Src == asm.PseudoCall {
			starts[at+1+int(all[i].Offset)] = true
		}
		at += width(all[i])
	}
	at := 0
	for _, i := range all {
		if starts[at] {
			functions = append(functions, nil)
		}
		at += width(i)
		if i.OpCode.JumpOp() == asm.Call || i.OpCode.IsDWordLoad() {
			i.Constant, i.Offset = 0, 0
		}
		last := len(functions) - 1
		functions[last] = append(functions[last], fmt.Sprint(i.OpCode, i.Dst, i.Src, i.Offset, i.Constant))
	}
	return functions
}

// width is the number of places that an instruction takes.
func width(i asm.Instruction) int {
	if i.OpCode.IsDWordLoad() {
		return 2
	}
	return 1
}

// compileWithout compiles the program with all that traces taken out.
func compileWithout(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	if _, err := exec.LookPath("clang-14"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	object := filepath.Join(t.TempDir(), "switch.o")
	c := exec.Command("clang-14", "-target", "bpfel", "-I/usr/include/x86_64-linux-gnu", "-I/usr/include/aarch64-linux-gnu",
		"-O2", "-g", "-mcpu=v3", "-DWITHOUT_TRACING", "-c", "../bpf/switch.c", "-o", object)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v: %s", err, out)
	}
	s, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTraceSamplesAndBounds has sessions that look at some frames, that have a
// bound, and whose ring is never read.
func TestTraceSamplesAndBounds(t *testing.T) {
	b := plainBed(t, 2)
	const limit = 5
	tr := b.tracing(&TraceSession{Sample: 100}, &TraceSession{Limit: limit}, &TraceSession{}, &TraceSession{Sample: 3, Reasons: 1 << spec.DropTooBig})
	start := time.Now()
	b.repeat(1, frame(host(2), host(1), untagged, 100), 100000)
	frames := b.counters(1)[1].In.Frames() // more, where a signal had the run begin again
	seconds := uint64(time.Since(start)/time.Second) + 2
	count := func(session int) TraceCount {
		c, err := tr.Counts(session)
		b.ok(err)
		return c
	}
	if c := count(0); c.Matched < frames/200 || c.Matched > frames/50 {
		t.Errorf("one in 100 of %d: %d", frames, c.Matched)
	}
	if c := count(1); c.Matched != frames || c.Matched-c.Limited < limit || c.Matched-c.Limited > limit*seconds {
		t.Errorf("%d a second of %d within %d s: %+v", limit, frames, seconds, c)
	}
	c := count(2)
	told := 0
	_, err := tr.Read(1<<30, func(r TraceRecord) {
		if r.Head.Sessions&4 != 0 {
			told++
		}
	})
	b.ok(err)
	if c.Matched != frames || c.Lost == 0 || uint64(told)+c.Lost != frames {
		t.Errorf("%d were told and %d lost of %d", told, c.Lost, c.Matched)
	}
	if c := count(3); c.Matched != 0 {
		t.Errorf("dropped as too big: %d, want none", c.Matched)
	}
}

// repeat hands a frame to the attached program many times.
func (b *bed) repeat(n uint16, data []byte, times uint32) {
	b.Helper()
	_, err := b.o.program.Run(&ebpf.RunOptions{Data: data, Repeat: times, Context: &skBuff{Ifindex: b.ifindex[n]}})
	b.ok(err)
}

// TestTraceSamplesAllFrames has a session that samples and looks at a frame in
// twenty: its filter does not decide whose turn it is.
func TestTraceSamplesAllFrames(t *testing.T) {
	b := plainBed(t, 2)
	tr := b.tracing(&TraceSession{Sample: 10, Filter: never{}})
	other, mine := frame(host(2), host(1), untagged, 60), frame(host(2), host(1), untagged, 60)
	copy(mine[12:], []byte{0x34, 0x12})
	const rounds = 2000
	oneCPU(t)
	for range rounds {
		b.repeat(1, other, 19)
		b.run(1, mine)
	}
	c, err := tr.Counts(0)
	b.ok(err)
	if c.Matched < rounds/20 || c.Matched > rounds/5 {
		t.Errorf("one in ten of %d frames that pass: %d", rounds, c.Matched)
	}
}

// TestTraceLooksAtMembers asks for frames by an aggregate, and by one member.
func TestTraceLooksAtMembers(t *testing.T) {
	team := newTeam(newBed(t, 3+4), 4, spec.TransportPorts, false)
	team.static(10, host(2), 2)
	b := team.bed
	both, out := TraceSession{In: true, Out: true}, TraceSession{Out: true}
	both.Ports.Add(teamPort)
	out.Ports.Add(firstMember)
	tr := b.tracing(&both, &out, &TraceSession{})
	frames := map[uint16]int{}
	for i := range uint16(64) {
		b.run(1, flow{proto: 17, sport: i}.frame())
		b.run(firstMember+i%4, flow{proto: 17, sport: i, sourceMAC: 50, destMAC: 2}.frame())
	}
	told := [3]int{}
	for _, r := range b.traced(tr) {
		if r.out != 0 {
			frames[r.out]++
		}
		for s := range told {
			told[s] += int(r.sessions >> s & 1)
		}
	}
	if told != [3]int{128, frames[firstMember], 128} || frames[firstMember] == 0 || frames[firstMember] == 64 {
		t.Errorf("told %v, frames by port %v; want all at the aggregate, and those of its first member", told, frames)
	}
}

// TestTraceLosesNoFrame exchanges the program again and again while frames pass.
func TestTraceLosesNoFrame(t *testing.T) {
	b := plainBed(t, 2)
	wires := b.hosts()
	tr, err := b.o.NewTracer()
	b.ok(err)
	var ended atomic.Bool
	done := make(chan error, 1)
	go func() {
		var errs []error
		for i := range 20 {
			errs = append(errs, tr.Set(places(&TraceSession{Snap: uint32(i)})))
			if i%3 == 0 {
				errs = append(errs, tr.Stop())
			}
		}
		ended.Store(true)
		done <- errors.Join(errs...)
	}()
	frames := 0
	for ; !ended.Load(); frames++ {
		data := frame(host(2), host(1), untagged, 60)
		binary.BigEndian.PutUint32(data[14:], uint32(frames))
		wires[1].send(data)
		var got []byte
		for end := time.Now().Add(10 * time.Second); !bytes.Equal(got, data) && time.Now().Before(end); {
			got, _ = wires[2].receive()
		}
		if !bytes.Equal(got, data) {
			t.Fatalf("frame %d did not come", frames)
		}
	}
	b.ok(<-done)
	b.ok(tr.Close())
	c := b.counters(2)
	if c[1].In.Frames() != uint64(frames) || c[2].Out.Frames() != uint64(frames) {
		t.Errorf("%d frames, counted %d in and %d out", frames, c[1].In.Frames(), c[2].Out.Frames())
	}
	t.Logf("%d frames during 20 exchanges", frames)
}

func FuzzParseTrace(f *testing.F) {
	f.Add(make([]byte, traceHeadSize))
	head := bpf.SwitchTraceHead{Steps: 2, Captured: 20, Octets: 60, Present: 60, Tag: 0x8100<<16 | 10}
	head.Size = uint32(traceHeadSize + 2*traceStepSize + 24)
	seed := append(bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&head)), traceHeadSize)), make([]byte, 2*traceStepSize+24)...)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		r, size, err := parseTrace(append(make([]byte, 0, len(b)+8), b...))
		if err != nil {
			return
		}
		if size <= 0 || size > len(b) {
			t.Errorf("a record of %d octets in %d", size, len(b))
		}
		if n := len(r.Frame()); n > len(b)+4 || len(r.Steps) != int(r.Head.Steps) {
			t.Errorf("%d octets give a frame of %d and %d steps of %d", len(b), n, len(r.Steps), r.Head.Steps)
		}
	})
}
