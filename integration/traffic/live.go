package traffic

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/signalbox/signalbox/integration/topology"
)

// Verdicts of programs (include/uapi/linux/bpf.h, pkt_cls.h).
const (
	xdpPass = 2
	actShot = 2 // TCX_DROP
)

// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES (include/uapi/linux/bpf.h).
const liveFrames = 1 << 1

// xdpMD is struct xdp_md (include/uapi/linux/bpf.h).
type xdpMD struct{ Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32 }

// Generator sends copies of one frame out of an interface from inside the
// kernel (Documentation/bpf/bpf_prog_run.rst), as fast as one CPU does. On a
// veth the other end must take XDP frames: see AcceptXDP.
type Generator struct {
	program *ebpf.Program
	index   int
	frame   []byte
	ns      *topology.Namespace
}

// NewGenerator makes a generator. With spread > 1, a power of two, the lowest
// 16 bits of each frame's destination are drawn at random from 0..spread-1.
func NewGenerator(n *topology.Namespace, name string, frame []byte, spread uint16) (*Generator, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	var code asm.Instructions
	if spread > 1 {
		code = randomDestination(spread)
	}
	code = append(code,
		asm.Mov.Imm(asm.R1, int32(index)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return().WithSymbol("out"),
	)
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "generate", Type: ebpf.XDP, License: "GPL", Instructions: code})
	if err != nil {
		return nil, fmt.Errorf("generator on %s: %w", name, err)
	}
	return &Generator{program: program, index: index, frame: frame, ns: n}, nil
}

// randomDestination writes a random number below spread, big endian, into
// octets 4 and 5 of the frame.
func randomDestination(spread uint16) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.FnGetPrandomU32.Call(),
		asm.And.Imm(asm.R0, int32(spread-1)),
		asm.HostTo(asm.BE, asm.R0, asm.Half),
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word),
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, headerOctets),
		asm.JGT.Reg(asm.R4, asm.R3, "out"),
		asm.StoreMem(asm.R2, 4, asm.R0, asm.Half),
	}
}

// Close frees the program.
func (g *Generator) Close() error { return g.program.Close() }

// Send sends exactly count frames.
func (g *Generator) Send(count uint32) error {
	return g.ns.Do(func() error { return g.run(count) })
}

func (g *Generator) run(count uint32) error {
	_, err := g.program.Run(&ebpf.RunOptions{
		Data: g.frame, Repeat: count, Flags: liveFrames, BatchSize: 64,
		Context: xdpMD{DataEnd: uint32(len(g.frame)), IngressIfindex: uint32(g.index)},
	})
	if err != nil {
		return fmt.Errorf("generate %d frames: %w", count, err)
	}
	return nil
}

// Measure sends frames for about the given time on one CPU and gives the time
// for each,
// in nanoseconds.
func (g *Generator) Measure(cpu int, window time.Duration) (nanoseconds float64, err error) {
	const burst = 1 << 15
	err = g.ns.Do(func() error {
		return onCPU(cpu, func() error {
			if err := g.run(burst); err != nil { // warm
				return err
			}
			start, sent := time.Now(), 0
			for time.Since(start) < window {
				if err := g.run(burst); err != nil {
					return err
				}
				sent += burst
			}
			nanoseconds = float64(time.Since(start)) / float64(sent)
			return nil
		})
	})
	return nanoseconds, err
}

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
	count, err := ebpf.NewMap(&ebpf.MapSpec{Name: "sink", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return nil, fmt.Errorf("sink on %s: %w", name, err)
	}
	s := &Sink{count: count}
	s.link, err = attach(n, index, "sink", asm.Instructions{
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, count.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "out"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, actShot).WithSymbol("out"),
		asm.Return(),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sink on %s: %w", name, err), count.Close())
	}
	return s, nil
}

// Count is the number of frames so far.
func (s *Sink) Count() (uint64, error) {
	var perCPU []uint64
	if err := s.count.Lookup(uint32(0), &perCPU); err != nil {
		return 0, fmt.Errorf("sink: %w", err)
	}
	var sum uint64
	for _, v := range perCPU {
		sum += v
	}
	return sum, nil
}

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
