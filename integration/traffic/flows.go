package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/signalbox/signalbox/integration/topology"
)

// MaxFlows is how many flows are told apart.
const MaxFlows = 1 << 15

// flowMagic stands in front of a flow's number in each of its frames.
const flowMagic = 0x5b0f10a5

// trailerOctets is the length of what ends each frame of a flow.
const trailerOctets = 12

// FlowFrame is the frame of a flow: UDP from a port of its own, so that flows
// are spread, which ends with
//
//	magic (4) | number of the flow (4) | sequence in it (4)
//
// in the host's byte order. A TCI other than 0 tags the frame.
func FlowFrame(dst, src net.HardwareAddr, flow uint32, tci uint16) []byte {
	b := UDP(dst, src, 66)
	binary.BigEndian.PutUint16(b[34:], uint16(1024+flow)) // the source port
	copy(b[26:30], []byte{10, 9, byte(1 + flow>>8), byte(flow)})
	binary.BigEndian.PutUint16(b[24:], 0)
	binary.BigEndian.PutUint16(b[24:], Checksum(b[14:34]))
	binary.NativeEndian.PutUint32(b[len(b)-12:], flowMagic)
	binary.NativeEndian.PutUint32(b[len(b)-8:], flow)
	if tci == 0 {
		return b
	}
	tag := []byte{0x81, 0, byte(tci >> 8), byte(tci)}
	return append(append(append([]byte(nil), b[:12]...), tag...), b[12:]...)
}

// Flows sends the frames of flows in turn, each with its sequence.
type Flows struct {
	socket *Socket
	frames [][]byte
	sent   []uint32
	next   int
	stop   chan struct{}
	done   chan error
}

// NewFlows makes flows that leave an interface; the frames are FlowFrame's, in
// the order of their numbers.
func NewFlows(n *topology.Namespace, name string, frames [][]byte) (*Flows, error) {
	s, err := Open(n, name)
	if err != nil {
		return nil, err
	}
	return &Flows{socket: s, frames: frames, sent: make([]uint32, len(frames))}, nil
}

// Send sends count frames as fast as it can.
func (f *Flows) Send(count int) error {
	for range count {
		frame := f.frames[f.next]
		f.sent[f.next]++
		binary.NativeEndian.PutUint32(frame[len(frame)-4:], f.sent[f.next])
		if err := f.socket.Send(frame); err != nil {
			f.sent[f.next]--
			return fmt.Errorf("flow %d: %w", f.next, err)
		}
		f.next = (f.next + 1) % len(f.frames)
	}
	return nil
}

// Start sends so many frames a second until Stop. A machine that is late sends
// the missing ones within some milliseconds, and does without those before.
func (f *Flows) Start(perSecond int) {
	f.stop, f.done = make(chan struct{}), make(chan error, 1)
	go func() { f.done <- f.run(perSecond) }()
}

func (f *Flows) run(perSecond int) error {
	const lag = 5 * time.Millisecond
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	period := time.Second / time.Duration(perSecond)
	for due := time.Now(); ; {
		select {
		case <-f.stop:
			return nil
		case now := <-ticker.C:
			if behind := now.Add(-lag); due.Before(behind) {
				due = behind
			}
			count := int(now.Sub(due) / period)
			due = due.Add(time.Duration(count) * period)
			if err := f.Send(count); err != nil {
				return err
			}
		}
	}
}

// Stop ends Start and gives how many frames were sent in all.
func (f *Flows) Stop() (uint64, error) {
	close(f.stop)
	err := <-f.done
	return f.Sent(), err
}

// Sent is how many frames were sent, while nothing is being sent.
func (f *Flows) Sent() uint64 {
	var sum uint64
	for _, n := range f.sent {
		sum += uint64(n)
	}
	return sum
}

// Close gives the socket up.
func (f *Flows) Close() error { return f.socket.Close() }

// Flow is what was seen of one flow.
type Flow struct {
	Frames uint64 // that came
	Last   uint64 // the highest sequence
	Late   uint64 // that came behind a higher sequence: again, or overtaken
}

// FlowCount counts the frames of flows that come in at an interface. It sees
// each frame, however busy the machine is.
type FlowCount struct {
	flows *ebpf.Map
	link  link.Link
}

// NewFlowSink counts the frames of flows and drops them; others pass.
func NewFlowSink(n *topology.Namespace, name string) (*FlowCount, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	c, err := newFlowCount()
	if err != nil {
		return nil, fmt.Errorf("count flows at %s: %w", name, err)
	}
	c.link, err = attach(n, index, "flows", append(countFlow(c.flows, "other"),
		asm.Mov.Imm(asm.R0, actShot), asm.Return(),
		asm.Mov.Imm(asm.R0, actNext).WithSymbol("other"), asm.Return(),
	))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("count flows at %s: %w", name, err), c.flows.Close())
	}
	return c, nil
}

func newFlowCount() (*FlowCount, error) {
	flows, err := ebpf.NewMap(&ebpf.MapSpec{Name: "flows", Type: ebpf.Array, KeySize: 4, ValueSize: 24, MaxEntries: MaxFlows})
	return &FlowCount{flows: flows}, err
}

// countFlow counts a frame that belongs to a flow and goes on behind itself; any
// other frame goes on at the symbol. The program's context is in R6 afterwards.
func countFlow(flows *ebpf.Map, other string) asm.Instructions {
	const magic, flow, sequence = -12, -8, -4 // on the stack
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, 0, asm.Word), // the frame's length
		asm.JLT.Imm(asm.R2, headerOctets+trailerOctets, other),
		asm.Sub.Imm(asm.R2, trailerOctets),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, magic),
		asm.Mov.Imm(asm.R4, trailerOctets),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, other),
		asm.LoadMem(asm.R1, asm.RFP, magic, asm.Word),
		asm.JNE.Imm(asm.R1, flowMagic, other),
		asm.LoadMapPtr(asm.R1, flows.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, flow),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, other),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord), // Frames
		asm.LoadMem(asm.R2, asm.RFP, sequence, asm.Word),
		asm.LoadMem(asm.R3, asm.R0, 8, asm.DWord),
		asm.JLE.Reg(asm.R2, asm.R3, "late"),
		asm.StoreMem(asm.R0, 8, asm.R2, asm.DWord), // Last
		asm.Ja.Label("counted"),
		asm.Add.Imm(asm.R0, 16).WithSymbol("late"),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord), // Late
		asm.Mov.Imm(asm.R0, 0).WithSymbol("counted"),
	}
}

// Flows gives what was seen of the flows 0..count-1.
func (c *FlowCount) Flows(count int) ([]Flow, error) {
	keys, flows := make([]uint32, MaxFlows), make([]Flow, MaxFlows)
	var cursor ebpf.MapBatchCursor
	n, err := c.flows.BatchLookup(&cursor, keys, flows, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, fmt.Errorf("read flows: %w", err)
	}
	if n < count {
		return nil, fmt.Errorf("read flows: %d of %d", n, count)
	}
	return flows[:count], nil // an array's keys come in their order
}

// Total sums over all flows. Last is the sum of the flows' last sequences: how
// many frames were sent, if the last ones of each flow have come.
func (c *FlowCount) Total() (Flow, error) {
	var sum Flow
	flows, err := c.Flows(MaxFlows)
	for _, f := range flows {
		sum.Frames, sum.Last, sum.Late = sum.Frames+f.Frames, sum.Last+f.Last, sum.Late+f.Late
	}
	return sum, err
}

// Reset forgets what was seen. Nothing of the flows may be on its way.
func (c *FlowCount) Reset() error {
	keys := make([]uint32, MaxFlows)
	for i := range keys {
		keys[i] = uint32(i)
	}
	if _, err := c.flows.BatchUpdate(keys, make([]Flow, MaxFlows), nil); err != nil {
		return fmt.Errorf("reset flows: %w", err)
	}
	return nil
}

// Close stops counting.
func (c *FlowCount) Close() error {
	err := c.flows.Close()
	if c.link != nil {
		err = errors.Join(err, c.link.Close())
	}
	return err
}
