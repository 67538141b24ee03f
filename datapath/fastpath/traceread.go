package fastpath

import (
	"fmt"
	"unsafe"

	"github.com/signalbox/signalbox/gen/bpf"
)

// TraceRecord is one frame's way as the program tells it. Ports are numbers.
// Its memory is the caller's only until the next record.
type TraceRecord struct {
	Head  *bpf.SwitchTraceHead
	Steps []bpf.SwitchTraceStep
	// octets are the frame's as they were when it left.
	octets []byte
}

const (
	traceHeadSize = int(unsafe.Sizeof(bpf.SwitchTraceHead{}))
	traceStepSize = int(unsafe.Sizeof(bpf.SwitchTraceStep{}))
)

// Read hands what the program told to do, at most limit records, and returns
// without waiting for more. It tells how many.
func (t *Tracer) Read(limit int, do func(TraceRecord)) (int, error) {
	n, err := t.rings.readTo(limit, do)
	if err != nil {
		return n, fmt.Errorf("read traces: %w", err)
	}
	return n, nil
}

// parseTrace reads the record at the beginning of b, in the machine's byte order,
// and tells its size:
//
//	struct trace_head | steps · struct trace_step | captured octets | to a multiple of eight
func parseTrace(b []byte) (r TraceRecord, size int, err error) {
	if len(b) < traceHeadSize || uintptr(unsafe.Pointer(&b[0]))%8 != 0 {
		return r, 0, fmt.Errorf("a trace record of %d octets: want at least %d, and at a multiple of eight", len(b), traceHeadSize)
	}
	r.Head = (*bpf.SwitchTraceHead)(unsafe.Pointer(&b[0]))
	steps, size := int(r.Head.Steps), int(r.Head.Size)
	end := traceHeadSize + steps*traceStepSize
	if size > len(b) || size%8 != 0 || end+int(r.Head.Captured) > size {
		return r, 0, fmt.Errorf("a trace record of %d octets, of which there are %d: %d steps and %d octets of a frame do not fit", size, len(b), steps, r.Head.Captured)
	}
	if steps > 0 {
		r.Steps = unsafe.Slice((*bpf.SwitchTraceStep)(unsafe.Pointer(&b[traceHeadSize])), steps)
	}
	r.octets = b[end : end+int(r.Head.Captured)]
	return r, size, nil
}

// Length of the frame as it came in, with its tag.
func (r TraceRecord) Length() uint32 {
	if r.Head.Tag != 0 {
		return r.Head.Octets + 4
	}
	return r.Head.Octets
}

// Frame is the beginning of the frame as it came in, its tag in place, in
// memory of its own; nil where none was captured.
//
//	0 destination | 6 source | 12 TPID | 14 control information | 16 type …
func (r TraceRecord) Frame() []byte {
	b := r.octets
	if len(b) == 0 {
		return nil
	}
	const addresses = 12
	tag := r.Head.Tag
	if len(b) < addresses {
		return append([]byte(nil), b...)
	}
	frame := make([]byte, 0, len(b)+4)
	frame = append(frame, b[:addresses]...)
	rest := b[addresses:]
	if tag != 0 {
		frame = append(frame, byte(tag>>24), byte(tag>>16), byte(tag>>8), byte(tag))
		if r.Head.Present > r.Head.Octets { // it stood, or another one stands, there
			rest = rest[min(4, len(rest)):]
		}
	}
	return append(frame, rest...)
}
