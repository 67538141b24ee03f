package traffic

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/signalbox/signalbox/integration/topology"
)

// Wire joins two interfaces like a cable that can be cut and muted, looked into
// and counted at. Its ends receive as from a driver. In its own namespace it has an interface for each end, left
// and right, between which programs send the frames on.
//
//	a ── left │ right ── b
type Wire struct {
	// Namespace holds the interfaces Left and Right, which receive what the
	// ends send: a packet socket there sees every frame of that end.
	Namespace *topology.Namespace
	// FromA and FromB count the flows that the ends send.
	FromA, FromB *FlowCount
	mute         *ebpf.Map
}

// The interfaces in a wire's namespace.
const (
	Left  = "left"
	Right = "right"
)

// NewWire makes the interfaces a and b and what joins them.
func NewWire(a, b topology.End) (*Wire, error) {
	w := &Wire{}
	if err := w.make(a, b); err != nil {
		return nil, errors.Join(fmt.Errorf("wire %s to %s: %w", a.Name, b.Name, err), w.Close())
	}
	return w, nil
}

func (w *Wire) make(a, b topology.End) (err error) {
	if w.Namespace, err = topology.New(); err != nil {
		return err
	}
	if w.mute, err = ebpf.NewMap(&ebpf.MapSpec{Name: "mute", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}); err != nil {
		return err
	}
	for _, side := range []struct {
		end  topology.End
		name string
	}{{a, Left}, {b, Right}} {
		if err := topology.Cable(side.end, topology.End{Namespace: w.Namespace, Name: side.name}); err != nil {
			return err
		}
	}
	if w.FromA, err = w.join(Left, Right); err != nil {
		return err
	}
	w.FromB, err = w.join(Right, Left)
	return err
}

// join sends what comes in at one side on to the end behind the other.
func (w *Wire) join(from, to string) (*FlowCount, error) {
	in, err := w.Namespace.Index(from)
	if err != nil {
		return nil, err
	}
	out, err := w.Namespace.Index(to)
	if err != nil {
		return nil, err
	}
	count, err := newFlowCount()
	if err != nil {
		return nil, err
	}
	code := append(countFlow(count.flows, "on"),
		asm.Mov.Imm(asm.R1, 0).WithSymbol("on"),
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.LoadMapPtr(asm.R1, w.mute.FD()),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JNE.Imm(asm.R1, 0, "drop"),
		asm.Mov.Imm(asm.R1, int32(out)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, actShot).WithSymbol("drop"),
		asm.Return(),
	)
	count.link, err = attach(w.Namespace, in, "wire", code)
	if err != nil {
		return nil, errors.Join(err, count.Close())
	}
	return count, nil
}

// Mute has the wire lose every frame while the ends keep their carriers, or
// ends that.
func (w *Wire) Mute(mute bool) error {
	var value uint64
	if mute {
		value = 1
	}
	if err := w.mute.Put(uint32(0), value); err != nil {
		return fmt.Errorf("mute a wire: %w", err)
	}
	return nil
}

// Cut takes the carrier from both ends, as a cable that is pulled does: from a first,
// which sends nothing into the half that is left.
func (w *Wire) Cut() error {
	return errors.Join(w.Namespace.SetUp(Left, false), w.Namespace.SetUp(Right, false))
}

// Mend puts the cable back; a has its carrier when all of the way stands.
func (w *Wire) Mend() error {
	return errors.Join(w.Namespace.SetUp(Right, true), w.Namespace.SetUp(Left, true))
}

// Close removes the wire and both its ends.
func (w *Wire) Close() error {
	var err error
	for _, c := range []*FlowCount{w.FromA, w.FromB} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	if w.mute != nil {
		err = errors.Join(err, w.mute.Close())
	}
	if w.Namespace == nil {
		return err
	}
	for _, name := range []string{Left, Right} { // at once, and not when the last descriptor goes
		if _, absent := w.Namespace.Link(name); absent == nil {
			err = errors.Join(err, w.Namespace.DeleteLink(name))
		}
	}
	return errors.Join(err, w.Namespace.Close())
}
