package fastpath

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// Sizes of what is in trace_rings. Behind each ring there is room for the longest
// record, which may begin at the ring's end.
const (
	traceRingHead = int(unsafe.Sizeof(bpf.SwitchTraceRing{}))
	traceLongest  = int(unsafe.Sizeof(bpf.SwitchTraceRecord{})) + (spec.MaxSnapLength+7)&^7
	// traceFree is after how many octets what was read is given back.
	traceFree = 1 << 16
)

// traceRings are the rings of all CPUs in this process's memory. One goroutine
// reads them; the program writes meanwhile.
type traceRings struct {
	mem   []byte
	rings []traceRing
}

// traceRing is what one CPU tells:
//
//	struct trace_ring | octets of the ring | room for the longest record
type traceRing struct {
	*bpf.SwitchTraceRing
	octets []byte
	mask   uint64
	read   uint64 // octets since ever that were read,
	end    uint64 // that there were at the last look,
	freed  uint64 // and that the program may write over
}

// ringOctets is how long the ring of each of so many CPUs is: some 40 ms of
// 700,000 captured frames a second, and 64 MiB together, unless the CPUs are very
// many.
func ringOctets(cpus int) int {
	const most, together, least = 1 << 23, 1 << 26, 1 << 20
	octets := most
	for octets > least && octets*cpus > together {
		octets /= 2
	}
	return octets
}

// sizeRings makes the map one of so many rings; octets is a power of two.
func sizeRings(s *ebpf.MapSpec, rings, octets int) {
	s.MaxEntries = uint32(rings)
	s.ValueSize = uint32(traceRingHead + octets + traceLongest)
}

// openRings maps the rings of m.
func openRings(m *ebpf.Map) (*traceRings, error) {
	n, size, page := int(m.MaxEntries()), int(m.ValueSize()), os.Getpagesize()
	mem, err := unix.Mmap(m.FD(), 0, (n*size+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map memory of %s: %w", m, err)
	}
	t := &traceRings{mem, make([]traceRing, n)}
	for i := range t.rings {
		value := mem[i*size:][:size]
		t.rings[i] = traceRing{
			SwitchTraceRing: (*bpf.SwitchTraceRing)(unsafe.Pointer(&value[0])),
			octets:          value[traceRingHead:], mask: ringMask(m),
		}
	}
	return t, nil
}

// ringMask is what the program knows of the rings' length.
func ringMask(m *ebpf.Map) uint64 {
	return uint64(int(m.ValueSize()) - traceRingHead - traceLongest - 8)
}

func (t *traceRings) close() error {
	if t == nil {
		return nil
	}
	t.rings = nil
	return unix.Munmap(t.mem)
}

// readTo hands the records that there are to do, at most limit of them, the
// earliest of all CPUs first. It tells how many.
func (t *traceRings) readTo(limit int, do func(TraceRecord)) (n int, err error) {
	var full []*traceRing
	for i := range t.rings {
		if r := &t.rings[i]; r.look() {
			full = append(full, r)
			defer r.free()
		}
	}
	for ; n < limit; n++ {
		next := -1
		for i, r := range full {
			if r.read < r.end && (next < 0 || r.time() < full[next].time()) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		r := full[next]
		record, size, failed := parseTrace(r.record())
		if failed != nil {
			r.read = r.end // where the next one begins is not known
			err = errors.Join(err, failed)
			continue
		}
		do(record)
		if r.read += uint64(size); r.read-r.freed > traceFree {
			r.free()
		}
	}
	return n, err
}

// look reports whether something is there.
func (r *traceRing) look() bool {
	r.end = atomic.LoadUint64(&r.Head)
	return r.read < r.end
}

// record is the next record, and what is behind it.
func (r *traceRing) record() []byte {
	at := r.read & r.mask
	return r.octets[at:min(at+(r.end-r.read), uint64(len(r.octets)))]
}

// time is when the next record was told.
func (r *traceRing) time() uint64 {
	return *(*uint64)(unsafe.Pointer(&r.octets[r.read&r.mask]))
}

// free lets the program write over what was read.
func (r *traceRing) free() {
	r.freed = r.read
	atomic.StoreUint64(&r.Tail, r.read)
}

// first is the record in work of the first ring, where an explanation is.
func (t *traceRings) first() *bpf.SwitchTraceRecord {
	return (*bpf.SwitchTraceRecord)(unsafe.Pointer(&t.rings[0].octets[0]))
}
