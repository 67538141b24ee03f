package traffic

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/signalbox/signalbox/integration/topology"
)

// Ports of layer 4 at which loads are received; ProbePort is that of probes.
const (
	FirstPort = 0x5b00
	ProbePort = FirstPort | 0xff
	portCount = 0x100
)

// Received is what came to a port of layer 4.
type Received struct {
	Frames uint64
	// Octets of frames from their Ethernet header on, each segment of a GSO frame
	// with its own headers.
	Octets uint64
}

// PortCount counts what reaches an interface by its port of layer 4, from
// FirstPort on, in IPv4 without options. It sees each frame, however busy the
// machine is. TCP goes on to the host; UDP ends here, so that the host's CPU is
// not what is measured.
type PortCount struct {
	ports, delays *ebpf.Map
	link          link.Link
}

// Offsets in struct __sk_buff (include/uapi/linux/bpf.h).
const (
	skbLen      = 0
	skbProtocol = 16
	skbGSOSegs  = 164
)

// Offsets in a frame of IPv4 without options.
const (
	etherIPv4    = 0x0800
	protocolTCP  = 6
	protocolUDP  = 17
	atProtocol   = headerOctets + 9
	atPort       = headerOctets + 22
	atDataOffset = headerOctets + 32 // of TCP
	atPayload    = headerOctets + 28 // of UDP
)

const (
	delayUnit  = 8       // bits: delays are counted in steps of 256 ns
	delaySteps = 1 << 16 // up to some 16 ms
)

// NewPortCount counts at a tcx ingress hook.
func NewPortCount(n *topology.Namespace, name string) (*PortCount, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	c := &PortCount{}
	if err = c.make(n, index); err != nil {
		return nil, errors.Join(fmt.Errorf("count ports at %s: %w", name, err), c.Close())
	}
	return c, nil
}

func (c *PortCount) make(n *topology.Namespace, index int) (err error) {
	c.ports, err = ebpf.NewMap(&ebpf.MapSpec{Name: "ports", Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: portCount})
	if err != nil {
		return err
	}
	c.delays, err = ebpf.NewMap(&ebpf.MapSpec{Name: "delays", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: delaySteps})
	if err != nil {
		return err
	}
	c.link, err = attach(n, index, "ports", append(append(c.parse(), c.count()...), c.delay()...))
	return err
}

// Places on the program's stack. The offset of the protocol is a multiple of
// neither, so each field is read by itself.
const (
	onProtocol = -1
	onOffset   = -2
	onPort     = -4
	onKey      = -8
	onStamp    = -16
)

// load reads octets of the frame to the stack, or passes the frame on.
func load(at, octets, to int) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, int32(at)),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, int32(to)),
		asm.Mov.Imm(asm.R4, int32(octets)),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
	}
}

// parse leaves the port's number from FirstPort on in R7, the protocol in R8 and
// the octets on the wire in R9.
func (c *PortCount) parse() asm.Instructions {
	code := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, skbProtocol, asm.Word),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JNE.Imm(asm.R2, etherIPv4, "pass"),
	}
	code = append(code, load(atProtocol, 1, onProtocol)...)
	code = append(code, load(atPort, 2, onPort)...)
	code = append(code, load(atDataOffset, 1, onOffset)...)
	return append(code,
		asm.LoadMem(asm.R7, asm.RFP, onPort, asm.Half),
		asm.HostTo(asm.BE, asm.R7, asm.Half),
		asm.JLT.Imm(asm.R7, FirstPort, "pass"),
		asm.Sub.Imm(asm.R7, FirstPort),
		asm.JGE.Imm(asm.R7, portCount, "pass"),
		asm.LoadMem(asm.R8, asm.RFP, onProtocol, asm.Byte),
		// Octets of headers: those of Ethernet and IPv4, and UDP's or TCP's.
		asm.Mov.Imm(asm.R2, atPayload),
		asm.JEq.Imm(asm.R8, protocolUDP, "headers"),
		asm.JNE.Imm(asm.R8, protocolTCP, "pass"),
		asm.LoadMem(asm.R2, asm.RFP, onOffset, asm.Byte),
		asm.RSh.Imm(asm.R2, 4),
		asm.LSh.Imm(asm.R2, 2),
		asm.Add.Imm(asm.R2, headerOctets+20),
		asm.LoadMem(asm.R3, asm.R6, skbGSOSegs, asm.Word).WithSymbol("headers"),
		asm.JNE.Imm(asm.R3, 0, "segments"),
		asm.Mov.Imm(asm.R3, 1),
		asm.Mov.Reg(asm.R4, asm.R3).WithSymbol("segments"),
		asm.Sub.Imm(asm.R4, 1),
		asm.Mul.Reg(asm.R2, asm.R4),
		asm.LoadMem(asm.R9, asm.R6, skbLen, asm.Word),
		asm.Add.Reg(asm.R9, asm.R2),
		asm.StoreMem(asm.RFP, onStamp, asm.R3, asm.DWord), // the segments, for count
	)
}

// count adds the frame to its port.
func (c *PortCount) count() asm.Instructions {
	return asm.Instructions{
		asm.StoreMem(asm.RFP, onKey, asm.R7, asm.Word),
		asm.LoadMapPtr(asm.R1, c.ports.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, onKey),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R1, asm.RFP, onStamp, asm.DWord),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord), // Frames
		asm.Add.Imm(asm.R0, 8),
		asm.StoreXAdd(asm.R0, asm.R9, asm.DWord), // Octets
		asm.JNE.Imm(asm.R8, protocolUDP, "pass"),
		asm.JNE.Imm(asm.R7, ProbePort-FirstPort, "drop"),
	}
}

// delay counts how long a probe took since the moment that it tells, and ends
// the program.
func (c *PortCount) delay() asm.Instructions {
	code := load(atPayload, 8, onStamp)
	return append(code,
		asm.FnKtimeGetNs.Call(),
		asm.LoadMem(asm.R1, asm.RFP, onStamp, asm.DWord),
		asm.Sub.Reg(asm.R0, asm.R1),
		asm.RSh.Imm(asm.R0, delayUnit),
		asm.JLT.Imm(asm.R0, delaySteps, "measured"),
		asm.Mov.Imm(asm.R0, delaySteps-1),
		asm.StoreMem(asm.RFP, onKey, asm.R0, asm.Word).WithSymbol("measured"),
		asm.LoadMapPtr(asm.R1, c.delays.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, onKey),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, actShot).WithSymbol("drop"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, actNext).WithSymbol("pass"),
		asm.Return(),
	)
}

// Port is what came to one so far.
func (c *PortCount) Port(port uint16) (r Received, err error) {
	if err := c.ports.Lookup(uint32(port-FirstPort), &r); err != nil {
		return r, fmt.Errorf("count of port %d: %w", port, err)
	}
	return r, nil
}

// Delay is how long the probes took of which a share was faster, since the last
// ResetDelays, and how many there were.
func (c *PortCount) Delay(share float64) (delay time.Duration, probes uint64, err error) {
	steps, err := c.steps()
	if err != nil {
		return 0, 0, err
	}
	for _, n := range steps {
		probes += n
	}
	if probes == 0 {
		return 0, 0, errors.New("no probe came")
	}
	left := uint64(math.Ceil(share * float64(probes)))
	for i, n := range steps {
		if n >= left {
			return time.Duration(i+1) << delayUnit, probes, nil
		}
		left -= n
	}
	return delaySteps << delayUnit, probes, nil
}

func (c *PortCount) steps() ([]uint64, error) {
	keys, steps := make([]uint32, delaySteps), make([]uint64, delaySteps)
	var cursor ebpf.MapBatchCursor
	n, err := c.delays.BatchLookup(&cursor, keys, steps, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, fmt.Errorf("read delays: %w", err)
	}
	return steps[:n], nil // an array's keys come in their order
}

// ResetDelays forgets the probes that came.
func (c *PortCount) ResetDelays() error {
	keys := make([]uint32, delaySteps)
	for i := range keys {
		keys[i] = uint32(i)
	}
	if _, err := c.delays.BatchUpdate(keys, make([]uint64, delaySteps), nil); err != nil {
		return fmt.Errorf("reset delays: %w", err)
	}
	return nil
}

// Close stops counting.
func (c *PortCount) Close() (err error) {
	for _, m := range []*ebpf.Map{c.ports, c.delays} {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	if c.link != nil {
		err = errors.Join(err, c.link.Close())
	}
	return err
}
