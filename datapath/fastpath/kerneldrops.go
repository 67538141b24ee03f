package fastpath

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/signalbox/signalbox/gen/bpf"
)

// KernelDrop is a frame that the kernel dropped at a port. Its octets are the
// caller's only until the next one.
type KernelDrop struct {
	*bpf.SwitchKernelDrop
	// Reason is the kernel's name of it, without SKB_DROP_REASON_.
	Reason string
}

// Frame is the first octets of it, without its tag; none where the kernel had
// taken its header off already.
func (d KernelDrop) Frame() []byte { return d.SwitchKernelDrop.Octets[:d.Captured] }

// KernelDrops watches what the kernel drops at the ports: before the switch has
// a frame, or after it gave it out. The drops of the switch itself are not among
// them. Read is for one goroutine, which must have ended before Close.
type KernelDrops struct {
	ring    *ringbuf.Reader
	record  ringbuf.Record
	closing []func() error
	reasons map[uint32]string
}

const dropReasonPrefix = "SKB_DROP_REASON_"

// WatchKernelDrops begins to watch. The kernel must have type information
// (CONFIG_DEBUG_INFO_BTF).
func (o *Objects) WatchKernelDrops() (_ *KernelDrops, err error) {
	w := &KernelDrops{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("watch kernel drops: %w", err), w.Close())
		}
	}()
	own := uint32(0)
	if w.reasons, own, err = kernelReasons(); err != nil {
		return nil, err
	}
	s, err := bpf.LoadSwitch()
	if err != nil {
		return nil, err
	}
	if err := setVariable(s, bpf.SwitchVarKernelOwnReason, own); err != nil {
		return nil, err
	}
	var loaded struct {
		Program *ebpf.Program `ebpf:"see_kernel_drop"`
		Ring    *ebpf.Map     `ebpf:"kernel_drops"`
	}
	if err := s.LoadAndAssign(&loaded, &ebpf.CollectionOptions{MapReplacements: o.maps}); err != nil {
		return nil, withRemedy(err)
	}
	w.closing = append(w.closing, loaded.Ring.Close, loaded.Program.Close)
	l, err := link.AttachTracing(link.TracingOptions{Program: loaded.Program})
	if err != nil {
		return nil, withRemedy(err)
	}
	w.closing = append(w.closing, l.Close)
	if w.ring, err = ringbuf.NewReader(loaded.Ring); err != nil {
		return nil, err
	}
	w.ring.SetDeadline(time.Unix(1, 0)) // long ago: never wait
	return w, nil
}

// kernelReasons are the running kernel's names of its reasons, and the one that
// it has for frames that a tcx program drops.
func kernelReasons() (names map[uint32]string, own uint32, err error) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, 0, fmt.Errorf("type information of the kernel: %w", err)
	}
	var reasons *btf.Enum
	if err := kernel.TypeByName("skb_drop_reason", &reasons); err != nil {
		return nil, 0, fmt.Errorf("the kernel's drop reasons: %w", err)
	}
	names = make(map[uint32]string, len(reasons.Values))
	for _, v := range reasons.Values {
		name := strings.TrimPrefix(v.Name, dropReasonPrefix)
		names[uint32(v.Value)] = name
		if name == "TC_INGRESS" {
			own = uint32(v.Value)
		}
	}
	return names, own, nil
}

// Read hands what waits to do, at most limit drops, and returns without waiting
// for more.
func (w *KernelDrops) Read(limit int, do func(KernelDrop)) error {
	for n := 0; n < limit && w.ring.AvailableBytes() > 0; n++ {
		err := w.ring.ReadInto(&w.record)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read kernel drops: %w", err)
		}
		b := w.record.RawSample
		if len(b) < int(unsafe.Sizeof(bpf.SwitchKernelDrop{})) {
			return fmt.Errorf("a kernel drop of %d octets", len(b))
		}
		d := KernelDrop{SwitchKernelDrop: (*bpf.SwitchKernelDrop)(unsafe.Pointer(&b[0]))}
		if int(d.Captured) > len(d.SwitchKernelDrop.Octets) {
			return fmt.Errorf("a kernel drop with %d octets of a frame", d.Captured)
		}
		d.Reason = w.name(d.SwitchKernelDrop.Reason)
		do(d)
	}
	return nil
}

func (w *KernelDrops) name(reason uint32) string {
	if name, ok := w.reasons[reason]; ok {
		return name
	}
	return strconv.FormatUint(uint64(reason), 10) // of a subsystem of the kernel
}

// Close ends the watch.
func (w *KernelDrops) Close() error {
	var errs []error
	if w.ring != nil {
		errs = append(errs, w.ring.Close())
	}
	for i := len(w.closing) - 1; i >= 0; i-- {
		errs = append(errs, w.closing[i]())
	}
	return errors.Join(errs...)
}
