package endtoend

import (
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"golang.org/x/sys/unix"
)

// reads counts how often a process reads a table of the kernel in one batch, as
// the element reads its counters.
type reads struct{ counts *ebpf.Map }

// countReads begins to count. The kernel does it: the process notices nothing.
func countReads(s *site, pid int) *reads {
	s.t.Helper()
	argument, ok := map[string]int16{"amd64": 112, "arm64": 0}[runtime.GOARCH] // in struct pt_regs: di, regs[0]
	if !ok {
		s.t.Skipf("this test does not know where a syscall's first argument is on %s", runtime.GOARCH)
	}
	counts, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	s.ok(err)
	s.t.Cleanup(func() { counts.Close() })
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sys_enter", License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord), // the syscall's number
			asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), // struct pt_regs *
			asm.LoadMem(asm.R6, asm.R1, argument, asm.DWord),
			asm.Mov.Imm(asm.R0, 0),
			asm.JNE.Imm(asm.R2, unix.SYS_BPF, "exit"),
			asm.JNE.Imm(asm.R6, unix.BPF_MAP_LOOKUP_BATCH, "exit"),
			asm.FnGetCurrentPidTgid.Call(),
			asm.RSh.Imm(asm.R0, 32),
			asm.JNE.Imm(asm.R0, int32(pid), "exit"),
			asm.StoreImm(asm.RFP, -4, 0, asm.Word),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, -4),
			asm.LoadMapPtr(asm.R1, counts.FD()),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "exit"),
			asm.Mov.Imm(asm.R1, 1),
			asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 0),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
			asm.Return(),
		},
	})
	s.ok(err)
	s.t.Cleanup(func() { program.Close() })
	attached, err := link.AttachTracing(link.TracingOptions{Program: program})
	s.ok(err)
	s.t.Cleanup(func() { attached.Close() })
	return &reads{counts}
}

func (r *reads) sofar(s *site) (n uint64) {
	s.t.Helper()
	s.ok(r.counts.Lookup(uint32(0), &n))
	return n
}

// perTick gives how many reads there are for each sample that a follower gets.
func (r *reads) perTick(s *site, f *follower) float64 {
	s.t.Helper()
	const ticks = 20
	next := func(last int64) int64 {
		answer, err := f.until(soon, func(a *gpb.SubscribeResponse) bool { return a.GetUpdate().GetTimestamp() > last })
		s.ok(err)
		return answer.GetUpdate().GetTimestamp()
	}
	at := next(0)
	for len(f.answers) > 0 { // what has come already
		at = max(at, next(at))
	}
	at = next(at)
	before := r.sofar(s)
	for range ticks {
		at = next(at)
	}
	return float64(r.sofar(s)-before) / ticks
}

// TestG37_TheKernelIsReadOnceForAll: fifty subscribers of the counters cost as
// many reads of the kernel as one.
func TestG37_TheKernelIsReadOnceForAll(t *testing.T) {
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10))
	s.forwarding(true, "p1")
	r := countReads(s, s.PID())
	const path, interval = "/interfaces/interface[name=p1]/state/counters/in-octets", 100 * time.Millisecond
	f := follow(s, gpb.SubscriptionMode_SAMPLE, interval, path)
	f.sync()
	one := r.perTick(s, f)
	if one == 0 {
		t.Fatal("the counters are read by other means than this test counts")
	}
	for range 49 {
		follow(s, gpb.SubscriptionMode_SAMPLE, interval, path).sync()
	}
	fifty := r.perTick(s, f)
	t.Logf("for each sample there are %.2f reads for one subscriber, %.2f for fifty", one, fifty)
	if fifty > 2*one {
		t.Errorf("fifty subscribers make %.2f reads a tick, one makes %.2f", fifty, one)
	}
}
