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
	actShot = 2  // TCX_DROP
	actNext = -1 // TCX_NEXT
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
	sent    *ebpf.Map // frames, per CPU
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
	return newGenerator(n, index, frame, append(code,
		asm.Mov.Imm(asm.R1, int32(index)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return().WithSymbol("out"),
	))
}

// newGenerator loads a program that counts the frame and goes on with the rest.
// It counts itself since a run that a signal interrupts begins again, and so
// sends more than it was told to.
func newGenerator(n *topology.Namespace, index int, frame []byte, rest asm.Instructions) (*Generator, error) {
	sent, err := ebpf.NewMap(counterMap("generated"))
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	code := append(asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}, increment(sent, "rest")...)
	rest[0] = rest[0].WithSymbol("rest")
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "generate", Type: ebpf.XDP, License: "GPL", Instructions: append(code, rest...)})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("generator: %w", err), sent.Close())
	}
	return &Generator{program: program, sent: sent, index: index, frame: frame, ns: n}, nil
}

// randomDestination writes a random number below spread, big endian, into
// octets 4 and 5 of the frame. The program's context is in R6.
func randomDestination(spread uint16) asm.Instructions {
	return asm.Instructions{
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
func (g *Generator) Close() error { return errors.Join(g.program.Close(), g.sent.Close()) }

// Sent is the number of frames so far.
func (g *Generator) Sent() (uint64, error) { return total(g.sent) }

// Send sends count frames or some more, and gives how many.
func (g *Generator) Send(count uint32) (sent uint64, err error) {
	before, err := total(g.sent)
	if err != nil {
		return 0, err
	}
	err = g.ns.Do(func() error { return g.run(count) })
	after, countErr := total(g.sent)
	return after - before, errors.Join(err, countErr)
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
// of that CPU for each, in nanoseconds. The kernel forwards a frame on the
// CPU and in the thread that sent it, so other programs do not count.
func (g *Generator) Measure(cpu int, window time.Duration) (nanoseconds float64, err error) {
	const burst = 1 << 15
	err = g.ns.Do(func() error {
		return onCPU(cpu, func() error {
			if err := g.run(burst); err != nil { // warm
				return err
			}
			before, err := total(g.sent)
			used := threadTime()
			for start := time.Now(); err == nil && time.Since(start) < window; {
				err = g.run(burst)
			}
			used = threadTime() - used
			after, countErr := total(g.sent)
			nanoseconds = float64(used) / float64(after-before)
			return errors.Join(err, countErr)
		})
	})
	return nanoseconds, err
}

// NewHostGenerator makes a generator whose frames leave an interface as those
// of a host's own stack do, as socket buffers: they come in at another
// interface of the namespace, inject, and are sent on from there.
func NewHostGenerator(n *topology.Namespace, inject, name string, frame []byte) (*Generator, link.Link, error) {
	in, err := n.Index(inject)
	if err != nil {
		return nil, nil, err
	}
	out, err := n.Index(name)
	if err != nil {
		return nil, nil, err
	}
	onward, err := attach(n, in, "onward", asm.Instructions{
		asm.Mov.Imm(asm.R1, int32(out)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("generator on %s: %w", name, err)
	}
	g, err := newGenerator(n, in, frame, asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("generator on %s: %w", name, err), onward.Close())
	}
	return g, onward, nil
}
