package datapath

import (
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

// kernelPacket marks the numbers of frames that the kernel dropped: no CPU is
// that one.
const kernelPacket = 0xff << 56

// watchKernel watches the kernel's drops while a session asks for them.
func (d *Datapath) watchKernel(wanted bool) error {
	t := &d.traces
	t.kernelMu.Lock()
	defer t.kernelMu.Unlock()
	var err error
	switch {
	case wanted && t.kernel == nil:
		t.kernel, err = d.objects.WatchKernelDrops()
	case !wanted && t.kernel != nil:
		err = t.kernel.Close()
		t.kernel = nil
	}
	return err
}

// wantKernel is whether a session that runs asks for the kernel's drops.
func (t *traces) wantKernel() bool {
	return slices.ContainsFunc(t.places[:], func(s *trace) bool { return s != nil && s.session.KernelDrops })
}

// readKernel hands the kernel's drops to the sessions.
func (r *traceReader) readKernel(places *[spec.MaxTraces]*trace) {
	t := &r.d.traces
	t.kernelMu.Lock()
	defer t.kernelMu.Unlock()
	if t.kernel == nil {
		return
	}
	err := t.kernel.Read(traceChunk, func(drop fastpath.KernelDrop) {
		r.drops++
		e := r.names.kernelEvent(drop)
		e.Time, e.Packet = time.Unix(0, int64(drop.Time)+r.offset), kernelPacket|r.drops
		for _, t := range places {
			if t != nil && t.fitsKernel(&e, drop) {
				t.add(e)
			}
		}
	})
	r.say(err)
}

// kernelEvent is a drop in words.
func (n *portNames) kernelEvent(drop fastpath.KernelDrop) spec.TraceEvent {
	e := spec.TraceEvent{
		Tag: drop.Tag, VLAN: uint16(drop.Tag & 0xfff), Length: drop.Length,
		Verdict: spec.VerdictDrop, Kernel: drop.Reason,
	}
	e.Out, e.Aggregate = n.name(drop.Port)
	e.Steps = []spec.TraceStep{{Stage: spec.StageKernel, Verdict: spec.VerdictDrop, Port: e.Out, VLAN: e.VLAN}}
	frame := drop.Frame()
	if drop.Tag != 0 && len(frame) >= 12 {
		tag := []byte{byte(drop.Tag >> 24), byte(drop.Tag >> 16), byte(drop.Tag >> 8), byte(drop.Tag)}
		e.Frame = slices.Concat(frame[:12], tag, frame[12:])
		e.Length += 4
	} else {
		e.Frame = slices.Clone(frame)
	}
	return e
}

// fitsKernel is whether a session is to be told of a frame that the kernel
// dropped.
func (t *trace) fitsKernel(e *spec.TraceEvent, drop fastpath.KernelDrop) bool {
	s := &t.session
	if !s.KernelDrops {
		return false
	}
	if len(s.Ports) > 0 && !slices.Contains(s.Ports, e.Out) && (e.Aggregate == "" || !slices.Contains(s.Ports, e.Aggregate)) {
		return false
	}
	if s.VLANs != (spec.VLANSet{}) && !s.VLANs.Has(e.VLAN) {
		return false
	}
	tag := uint32(0)
	if drop.Tag != 0 {
		tag = 1<<16 | drop.Tag&0xffff
	}
	return (t.filter == nil || t.filter.Match(drop.Frame(), tag)) && t.allowKernel(e.Time.Unix())
}

// allowKernel keeps to the session's bound of events for those of the kernel.
func (t *trace) allowKernel(second int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if second != t.kernelSecond {
		t.kernelSecond, t.kernelTold = second, 0
	}
	if limit := t.session.EventsPerSecond; limit > 0 && t.kernelTold >= limit {
		t.kernelLimited++
		return false
	}
	t.kernelTold++
	return true
}
