package fastpath

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// explainer is the program that says what it would do, on the maps of objects
// but for those that it writes.
type explainer struct {
	maps     map[string]*ebpf.Map
	program  *ebpf.Program
	pauses   array[[spec.LAGBuckets]bpf.SwitchLagPause]
	policers array[bpf.SwitchPolicer]
	rings    *traceRings
}

// written are the maps that a frame changes: an explanation has its own, and
// leaves the others as they are.
func written() []string {
	return []string{
		bpf.SwitchMapCounters, bpf.SwitchMapFlowCache, bpf.SwitchMapLagLoads,
		bpf.SwitchMapLagPauses, bpf.SwitchMapFdbEvents, bpf.SwitchMapClassCache,
		bpf.SwitchMapClassKeys, bpf.SwitchMapTermCounts, bpf.SwitchMapPolicers, bpf.SwitchMapPolicerShares,
	}
}

func (o *Objects) newExplainer() (_ *explainer, err error) {
	e := &explainer{maps: map[string]*ebpf.Map{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	s, err := bpf.LoadSwitch()
	if err != nil {
		return nil, err
	}
	if err := makeTraceMaps(s, e.maps, 1, 8); err != nil { // only for the record in work
		return nil, err
	}
	if e.rings, err = openRings(e.maps[bpf.SwitchMapTraceRings]); err != nil {
		return nil, err
	}
	for _, name := range written() {
		s.Maps[name].Pinning = ebpf.PinNone
		if e.maps[name], err = ebpf.NewMap(s.Maps[name]); err != nil {
			return nil, withRemedy(fmt.Errorf("make map %s: %w", name, err))
		}
	}
	if e.pauses, err = mapArray[[spec.LAGBuckets]bpf.SwitchLagPause](e.maps[bpf.SwitchMapLagPauses]); err != nil {
		return nil, err
	}
	if e.policers, err = mapArray[bpf.SwitchPolicer](e.maps[bpf.SwitchMapPolicers]); err != nil {
		return nil, err
	}
	e.program, err = o.loadTraced(&[spec.MaxTraces]*TraceSession{}, e.maps, build{explaining: true})
	return e, err
}

func (e *explainer) close() error {
	errs := []error{e.pauses.close(), e.policers.close(), e.rings.close()}
	if e.program != nil {
		errs = append(errs, e.program.Close())
	}
	for _, m := range e.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// LoadExplainer loads what Explain runs, where that was not done before. Of a
// shadow another goroutine may do it, while nobody else has the shadow.
func (o *Objects) LoadExplainer() (err error) {
	if o.explainer == nil {
		if o.explainer, err = o.newExplainer(); err != nil {
			return fmt.Errorf("explain: %w", err)
		}
	}
	return nil
}

// Explain says what the program would do with a frame that comes in at an
// interface of the calling thread's network namespace. It runs the program
// itself on the maps as they are; nothing is counted, learned or sent. found is
// false where the interface is no port. Only the owner may call it, and the
// record is good until the next call.
func (o *Objects) Explain(ifindex uint32, frame []byte) (r TraceRecord, found bool, err error) {
	if err := o.LoadExplainer(); err != nil {
		return r, false, err
	}
	e := o.explainer
	copy(e.pauses.values, o.pauses.values)
	copy(e.policers.values, o.policers.values)
	x := e.rings.first()
	*x = bpf.SwitchTraceRecord{}
	run, ctx := explained(ifindex, frame)
	if _, err := e.program.Run(&ebpf.RunOptions{Data: run, Context: ctx}); err != nil {
		if errors.Is(err, unix.ENODEV) {
			return r, false, fmt.Errorf("explain: interface %d is not there: %w", ifindex, err)
		}
		return r, false, fmt.Errorf("explain a frame of %d octets: %w", len(frame), err)
	}
	r = TraceRecord{Head: &x.Head, Steps: x.Step[:min(int(x.Head.Steps), len(x.Step))]}
	return r, x.Head.Verdict != 0, nil
}

// The kernel takes a frame of a page at most to run a program with.
const (
	runAtLeast = 14
	runAtMost  = 2048
	runHeaders = 40 // of IPv6, behind which it looks for nothing
	tpid8021Q  = 0x8100
	tpid8021ad = 0x88a8
)

// explained is how a frame is handed to the program: cut where it is long, with
// its length beside it (explain_frame). A service tag is taken out, as the
// kernel does with every frame that comes in; of a customer tag the program
// does so itself.
func explained(ifindex uint32, frame []byte) ([]byte, *skBuff) {
	ctx := &skBuff{Ifindex: ifindex, IngressIfindex: ifindex}
	octets, tag := len(frame), 0
	if len(frame) >= 18 {
		switch binary.BigEndian.Uint16(frame[12:]) {
		case tpid8021Q:
			octets, tag = octets-4, 4
		case tpid8021ad:
			octets, tag = octets-4, 4
			frame = append(frame[:12:12], frame[16:]...)
		}
	}
	ctx.CB[0], ctx.CB[1] = uint32(octets), uint32(tag)
	run := frame[:min(len(frame), runAtMost)]
	if len(run) >= runAtLeast && len(run) < runAtLeast+runHeaders && isIP(binary.BigEndian.Uint16(run[12:])) {
		run = append(run[:len(run):len(run)], make([]byte, runAtLeast+runHeaders-len(run))...)
	}
	return run, ctx
}

// isIP is whether a frame's type is one of which the kernel wants to see the
// header.
func isIP(etherType uint16) bool { return etherType == 0x0800 || etherType == 0x86dd }

// skBuff is struct __sk_buff (include/uapi/linux/bpf.h) as far as the tail that
// a program is run with.
type skBuff struct {
	Len, PktType, Mark, QueueMapping, Protocol uint32
	VLANPresent, VLANTCI, VLANProto, Priority  uint32
	IngressIfindex, Ifindex, TCIndex           uint32
	CB                                         [5]uint32
	Hash, TCClassid, Data, DataEnd, NAPIID     uint32
	Family, RemoteIP4, LocalIP4                uint32
	RemoteIP6, LocalIP6                        [4]uint32
	RemotePort, LocalPort, DataMeta            uint32
	_                                          uint32
	FlowKeys, Tstamp                           uint64
	WireLen, GSOSegs                           uint32
	SK                                         uint64
	GSOSize                                    uint32
	TstampType                                 uint8
	_                                          [3]uint8
	HWTstamp                                   uint64
}
