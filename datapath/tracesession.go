package datapath

import (
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/filter"
	"github.com/signalbox/signalbox/datapath/spec"
)

// Bounds of what waits for a receiver.
const (
	traceQueue       = 1 << 16 // events
	traceQueueOctets = 64 << 20
	traceStatusEvery = time.Second
)

// trace is a session that runs.
type trace struct {
	session spec.TraceSession
	filter  *filter.Filter // nil: every frame passes
	tell    func(spec.TraceBatch)
	started time.Time
	ends    time.Time        // zero: never by itself
	place   int              // in the program, -1 before it has one
	ports   fastpath.PortSet // as the program has them; of the owner

	wake chan struct{} // something waits, or it is over
	done chan struct{} // closed when tell was called for the last time

	mu     sync.Mutex // guards what follows
	queue  []spec.TraceEvent
	octets int // of the frames in queue
	counts fastpath.TraceCount
	told   uint64 // events that were put into the queue
	slow   uint64 // events for which it had no room
	state  spec.TraceState
	reason string

	kernelSecond  int64  // the second that kernelTold is of
	kernelTold    uint32 // drops of the kernel that were told in it
	kernelLimited uint64 // and that the session's bound held back
}

func newTrace(s spec.TraceSession, tell func(spec.TraceBatch)) *trace {
	t := &trace{
		session: s, tell: tell, place: -1, state: spec.TraceRunning, started: time.Now(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if s.Duration > 0 {
		t.ends = t.started.Add(s.Duration)
	}
	return t
}

// follow lets the counts of the session go on whose place it takes.
func (t *trace) follow(old *trace) {
	old.mu.Lock()
	defer old.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.started, t.told, t.slow = old.started, t.told+old.told, t.slow+old.slow
}

// add puts an event into the queue.
func (t *trace) add(e spec.TraceEvent) {
	if t.session.Level != spec.TracePackets {
		e.Frame = nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != spec.TraceRunning {
		return
	}
	if len(t.queue) >= traceQueue || t.octets+len(e.Frame) > traceQueueOctets {
		t.slow++
		return
	}
	t.queue = append(t.queue, e)
	t.octets += len(e.Frame)
	t.told++
}

// poke wakes the session where something waits.
func (t *trace) poke() {
	t.mu.Lock()
	waits := len(t.queue) > 0 || t.state != spec.TraceRunning
	t.mu.Unlock()
	if !waits {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// end is the last that happens to a session; what is in the queue is still
// told.
func (t *trace) end(state spec.TraceState, reason string) {
	t.mu.Lock()
	t.state, t.reason = state, reason
	t.mu.Unlock()
	t.poke()
}

// run tells the receiver.
func (t *trace) run() {
	defer close(t.done)
	status := time.NewTicker(traceStatusEvery)
	defer status.Stop()
	for {
		select {
		case <-t.wake:
		case <-status.C:
		}
		t.mu.Lock()
		events := t.queue
		t.queue, t.octets = nil, 0
		s := t.statusLocked()
		t.mu.Unlock()
		t.tell(spec.TraceBatch{Events: events, Status: s})
		if s.State != spec.TraceRunning {
			return
		}
	}
}

func (t *trace) status() spec.TraceStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.statusLocked()
}

func (t *trace) statusLocked() spec.TraceStatus {
	return spec.TraceStatus{
		Session: t.session, State: t.state, Reason: t.reason, Started: t.started, Ends: t.ends,
		Matched: max(t.counts.Matched, t.told+t.slow), Events: t.told,
		Limited: t.counts.Limited + t.kernelLimited, Lost: t.counts.Lost + t.slow,
	}
}
