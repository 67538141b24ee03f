package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/signalbox/signalbox/integration/topology"
)

// Sink counts the frames that reach an interface, and drops them before the
// host sees them.
type Sink struct {
	count *ebpf.Map
	link  link.Link
}

// NewSink starts to count at a tcx ingress hook.
func NewSink(n *topology.Namespace, name string) (*Sink, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	count, err := ebpf.NewMap(counterMap("sink"))
	if err != nil {
		return nil, fmt.Errorf("sink on %s: %w", name, err)
	}
	s := &Sink{count: count}
	s.link, err = attach(n, index, "sink", append(increment(count, "out"),
		asm.Mov.Imm(asm.R0, actShot).WithSymbol("out"),
		asm.Return(),
	))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sink on %s: %w", name, err), count.Close())
	}
	return s, nil
}

// Count is the number of frames so far.
func (s *Sink) Count() (uint64, error) { return total(s.count) }

// Close lets frames pass again.
func (s *Sink) Close() error { return errors.Join(s.link.Close(), s.count.Close()) }

// RedirectPeer attaches the least that can forward: a program that sends every
// frame of one interface straight to the peer of another.
func RedirectPeer(n *topology.Namespace, from, to string) (link.Link, error) {
	in, err := n.Index(from)
	if err != nil {
		return nil, err
	}
	out, err := n.Index(to)
	if err != nil {
		return nil, err
	}
	return attach(n, in, "redirect_peer", asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(out)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirectPeer.Call(),
		asm.Return(),
	})
}

func attach(n *topology.Namespace, index int, name string, code asm.Instructions) (l link.Link, err error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: name, Type: ebpf.SchedCLS, License: "GPL", Instructions: code})
	if err != nil {
		return nil, err
	}
	defer program.Close() // the link holds it
	err = n.Do(func() error {
		l, err = link.AttachTCX(link.TCXOptions{Interface: index, Program: program, Attach: ebpf.AttachTCXIngress})
		return err
	})
	return l, err
}

// AcceptXDP lets a veth take frames that its peer sends with XDP, by a program
// that passes everything on.
func AcceptXDP(n *topology.Namespace, name string) (link.Link, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "pass", Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()},
	})
	if err != nil {
		return nil, fmt.Errorf("pass XDP frames on %s: %w", name, err)
	}
	defer program.Close()
	var l link.Link
	err = n.Do(func() error {
		l, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: index})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pass XDP frames on %s: %w", name, err)
	}
	return l, nil
}

// Empty is a program for a tcx hook that does nothing.
func Empty() (*ebpf.Program, error) {
	return ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "empty", Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, actShot), asm.Return()},
	})
}

// ifindexOctets is where struct __sk_buff has its ifindex, and how long it is.
const (
	ifindexOctets = 40
	skbuffOctets  = 192
)

// Cost runs a tcx program on a frame as if it had come in at an interface, and
// gives the nanoseconds for each run. What the program says is not done.
func Cost(n *topology.Namespace, name string, program *ebpf.Program, frame []byte, cpu int, runs uint32) (nanoseconds float64, err error) {
	index, err := n.Index(name)
	if err != nil {
		return 0, err
	}
	skb := make([]byte, skbuffOctets)
	binary.NativeEndian.PutUint32(skb[ifindexOctets:], uint32(index))
	err = n.Do(func() error {
		return onCPU(cpu, func() error {
			start := time.Now()
			_, err := program.Run(&ebpf.RunOptions{Data: frame, Repeat: runs, Context: skb})
			nanoseconds = float64(time.Since(start)) / float64(runs)
			return err
		})
	})
	return nanoseconds, err
}

// Attached gives the first program at an interface's tcx ingress hook.
func Attached(n *topology.Namespace, name string) (*ebpf.Program, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	var result *link.QueryResult
	err = n.Do(func() error {
		result, err = link.QueryPrograms(link.QueryOptions{Target: index, Attach: ebpf.AttachTCXIngress})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("programs of %s: %w", name, err)
	}
	if len(result.Programs) == 0 {
		return nil, fmt.Errorf("no program is attached to %s", name)
	}
	return ebpf.NewProgramFromID(result.Programs[0].ID)
}

// counterMap is a map with one counter for each CPU.
func counterMap(name string) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: name, Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}
}

// increment counts one up, and goes on at the symbol. R0 to R5 are lost.
func increment(count *ebpf.Map, on string) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, count.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, on),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	}
}

// total sums a counter over the CPUs.
func total(count *ebpf.Map) (uint64, error) {
	var perCPU []uint64
	if err := count.Lookup(uint32(0), &perCPU); err != nil {
		return 0, fmt.Errorf("read %s: %w", count, err)
	}
	var sum uint64
	for _, v := range perCPU {
		sum += v
	}
	return sum, nil
}
