package datapath

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/spec"
)

// Reading of what the program tells.
const (
	// traceEvery bounds how late a frame is told.
	traceEvery = time.Millisecond
	// traceCounts is how often the counts of sessions are read.
	traceCounts = 100 * time.Millisecond
	// traceChunk is how many records are read between two looks at the clock.
	traceChunk = 4096
)

// traces are the sessions that run, and what reads for them.
type traces struct {
	starting sync.Mutex // held while a session starts

	// Of the owner alone.
	tracer    *fastpath.Tracer // nil while there is no session
	pending   bool             // a session is about to start: the tracer stays
	exchanges uint64           // of the program
	ended     map[*trace]chan struct{}
	reader    *traceReader

	kernelMu sync.Mutex            // guards kernel
	kernel   *fastpath.KernelDrops // nil while no session asks for them

	mu     sync.Mutex             // guards places against all but the owner's reading
	places [spec.MaxTraces]*trace // written by the owner
}

// named is the session of an id, or nil.
func (t *traces) named(id string) *trace {
	for _, s := range t.places {
		if s != nil && s.session.ID == id {
			return s
		}
	}
	return nil
}

func (t *traces) put(place int, s *trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.places[place] = s
	if s != nil {
		if t.ended == nil {
			t.ended = make(map[*trace]chan struct{})
		}
		t.ended[s] = s.done
	}
	for s, done := range t.ended { // what is over
		select {
		case <-done:
			delete(t.ended, s)
		default:
		}
	}
}

// running are the sessions by their places.
func (t *traces) running() (all []*trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.places {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// drain waits until all that the program told was handed to the sessions.
func (t *traces) drain() {
	if t.reader == nil {
		return
	}
	done := make(chan struct{})
	select {
	case t.reader.drains <- done:
		<-done
	case <-t.reader.done:
	}
}

// openTracer makes what the first session needs.
func (d *Datapath) openTracer() error {
	t := &d.traces
	if t.tracer != nil {
		return nil
	}
	var err error
	if t.tracer, err = d.objects.NewTracer(); err != nil {
		return err
	}
	t.reader = &traceReader{
		d: d, tracer: t.tracer, drains: make(chan chan struct{}), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go t.reader.run()
	return nil
}

// closeIdleTracer ends what the last session left.
func (d *Datapath) closeIdleTracer() error {
	t := &d.traces
	if t.tracer == nil || t.pending || len(t.running()) > 0 {
		return nil
	}
	close(t.reader.quit)
	<-t.reader.done
	err := t.tracer.Close()
	t.tracer, t.reader = nil, nil
	return err
}

// traceReader hands what the program tells to the sessions.
type traceReader struct {
	d      *Datapath
	tracer *fastpath.Tracer
	drains chan chan struct{}
	quit   chan struct{}
	done   chan struct{}

	failure string // what was last said of it
	counted time.Time
	names   portNames
	offset  int64  // of the monotonic clock, in ns since 1970
	drops   uint64 // of the kernel, that were read
}

func (r *traceReader) run() {
	defer close(r.done)
	timer := time.NewTicker(traceEvery)
	defer timer.Stop()
	for {
		select {
		case <-r.quit:
			return
		case now := <-timer.C:
			r.read()
			if now.Sub(r.counted) >= traceCounts {
				r.counted = now
				r.count()
			}
		case done := <-r.drains:
			r.read()
			r.count()
			close(done)
		}
	}
}

// read empties the ring.
func (r *traceReader) read() {
	var monotonic unix.Timespec
	now := time.Now()
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic) == nil {
		r.offset = now.UnixNano() - monotonic.Nano()
	}
	for {
		r.d.traces.mu.Lock()
		places := r.d.traces.places
		r.d.traces.mu.Unlock()
		r.d.namePorts(&r.names)
		n, err := r.tracer.Read(traceChunk, func(record fastpath.TraceRecord) { r.take(&places, record) })
		r.readKernel(&places)
		for _, t := range places {
			if t != nil {
				t.poke()
			}
		}
		r.say(err)
		if n < traceChunk || err != nil {
			return
		}
	}
}

// say logs an error that is not the last one.
func (r *traceReader) say(err error) {
	if err != nil && err.Error() != r.failure {
		r.failure = err.Error()
		r.d.log.Error("traces", "error", err)
	}
}

// take hands a record to the sessions that it is for.
func (r *traceReader) take(places *[spec.MaxTraces]*trace, record fastpath.TraceRecord) {
	e := r.names.event(record)
	e.Time = time.Unix(0, int64(record.Head.Time)+r.offset)
	for i, t := range places {
		if t != nil && record.Head.Sessions>>i&1 != 0 {
			t.add(e)
		}
	}
}

// count reads the counts of the sessions.
func (r *traceReader) count() {
	for _, t := range r.d.traces.running() {
		c, err := r.tracer.Counts(t.place)
		if err != nil {
			continue // those of before stand
		}
		t.mu.Lock()
		t.counts = c
		t.mu.Unlock()
	}
}
