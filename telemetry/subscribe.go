package telemetry

import (
	"context"
	"errors"
	"sync"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// errEnded stops what still runs of a subscription whose Subscribe returned.
var errEnded = errors.New("the subscription ended")

// errRangeOver ends a subscription to a range of time that is over.
var errRangeOver = errors.New("the range is over")

// Subscribe serves one RPC: it returns nil when a ONCE is complete or the
// client of a POLL is done, and else why it ended. The request is the RPC's
// first one. Each value on polls is a poll of the client; it is closed when the
// client sends no more. polls may be nil.
//
// send takes the wire form of one SubscribeResponse. The octets are shared by
// subscribers: they are not modified by anybody. send may block as long as the
// client reads no further; other subscribers see nothing of that. It must fail
// when the RPC is over: where Subscribe returns while send blocks
// (ErrSlowReader, ErrClosed, the end of ctx), that call, and no other, is still
// under way.
//
// Errors are schema.ErrInvalid and schema.ErrUnimplemented for the request,
// ErrSlowReader, ErrClosed, the cause of ctx, or what send or a source failed
// with.
func (e *Engine) Subscribe(ctx context.Context, req *gpb.SubscribeRequest, polls <-chan struct{}, send func(frame []byte) error) error {
	return e.SubscribeWithin(ctx, req, nil, polls, send)
}

// SubscribeWithin is Subscribe for a reader who sees no more than a limit
// permits, as GetWithin has it.
func (e *Engine) SubscribeWithin(ctx context.Context, req *gpb.SubscribeRequest, limit *schema.Limit, polls <-chan struct{}, send func(frame []byte) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errEnded)
	defer context.AfterFunc(e.ctx, func() { cancel(ErrClosed) })()
	p, err := e.plan(ctx, req, limit)
	if err != nil {
		return err
	}
	if err := e.begin(); err != nil {
		return err
	}
	defer e.tasks.Done()
	s := &session{e: e, plan: p, polls: polls, out: send, queue: newQueue(e.opts.bounds()), step: make(chan error, 1)}
	sub := e.opened(ctx, req, s)
	defer func() { e.ended(sub, err) }()
	return s.serve(ctx, cancel)
}

// session is one Subscribe RPC.
type session struct {
	e     *Engine
	plan  *plan
	polls <-chan struct{}
	out   func([]byte) error
	queue *queue
	sent  sent
	step  chan error // what a worker comes to

	mu      sync.Mutex // guards the fields below
	sending bool       // out is being called
	ended   bool       // out is not called any more
	resting bool       // there is no worker
	leave   []func()   // what is to be done at the end, the last first
}

// send hands messages to the client, unless Subscribe has returned.
func (s *session) send(p packet) error {
	for _, frame := range p.frames {
		if err := s.hand(frame); err != nil {
			return err
		}
		s.queue.touch()
		s.sent.messages.Add(1)
		s.sent.octets.Add(uint64(len(frame)))
	}
	s.sent.updates.Add(uint64(p.updates))
	return nil
}

// hand hands one message to the client.
func (s *session) hand(frame []byte) error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return errEnded
	}
	s.sending = true
	s.mu.Unlock()
	err := s.out(frame)
	s.mu.Lock()
	s.sending = false
	s.mu.Unlock()
	return err
}

func (s *session) run(ctx context.Context) error {
	if s.plan.past != nil {
		return s.past(ctx)
	}
	switch s.plan.mode {
	case gpb.SubscriptionList_ONCE:
		return s.once(ctx, s.plan.updatesOnly)
	case gpb.SubscriptionList_POLL:
		return s.poll(ctx)
	}
	return s.stream(ctx)
}

// once sends what is there, and that it was all.
func (s *session) once(ctx context.Context, nothing bool) error {
	if !nothing {
		if err := s.current(ctx, s.e.tree.Load()); err != nil {
			return err
		}
	}
	return s.send(allSent())
}

// current sends what is there now, straight from the tree and the sources.
func (s *session) current(ctx context.Context, snap *snapshot) error {
	w := newWriter(s.plan.form, s.e.shapes, s.send)
	if err := w.tree(snap.root, s.plan.tree); err != nil {
		return err
	}
	published := func(list ocpath.ID, keys []string) bool { return s.e.shapes.find(snap.root, list, keys) != nil }
	for _, r := range s.plan.reads {
		if err := w.rows(ctx, r.src, r.pattern, published); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) poll(ctx context.Context) error {
	if err := s.once(ctx, s.plan.updatesOnly); err != nil {
		return err
	}
	for {
		select {
		case _, more := <-s.polls:
			if !more {
				return nil
			}
			if err := s.once(ctx, false); err != nil {
				return err
			}
		case <-ctx.Done():
			return s.e.cause(ctx)
		}
	}
}

// stream follows from before the first answer on: what changes while the
// client gets what is there waits in the queue. It rests when that is empty.
func (s *session) stream(ctx context.Context) error {
	f := &follower{updates: s.plan.updates, deletes: s.plan.deletes, queue: s.queue, commits: s.plan.commits}
	s.atEnd(s.queue.close)
	snap := s.e.follow(f)
	s.atEnd(func() { s.e.unfollow(f) })
	if !s.plan.updatesOnly {
		if err := s.current(ctx, snap); err != nil {
			return err
		}
	}
	for _, p := range s.plan.parts {
		p.quiet = p.quiet || s.plan.updatesOnly
		leave, err := s.e.join(ctx, p, f, s.plan.form)
		if err != nil {
			return err
		}
		s.atEnd(leave)
	}
	s.queue.start(allSent())
	s.queue.sync()
	return s.more(ctx)
}

// more sends what has come into the queue.
func (s *session) more(ctx context.Context) error {
	if err := s.drain(ctx); err != nil {
		return err
	}
	return errRests
}

// drain sends what waits in the queue, until nothing does.
func (s *session) drain(ctx context.Context) error {
	enc := encoder{form: s.plan.form, shapes: s.e.shapes}
	var slots []slot
	for {
		b, some := s.queue.next(slots, s.plan.size)
		if !some {
			return nil
		}
		var p packet
		if s.plan.past != nil && b.time >= s.plan.past.to {
			continue
		}
		if b.sample != nil && b.sample.read != nil {
			if err := s.table(ctx, b.sample, b.duplicates); err != nil {
				return err
			}
			continue
		}
		if b.sample != nil {
			p = b.sample.repeated(b.duplicates)
		} else {
			p = enc.slots(b.slots, b.time, s.plan.updates)
			clear(b.slots)
			slots = b.slots
		}
		if err := s.send(p); err != nil {
			return err
		}
	}
}

// repeated gives the messages of a sample that stands for others that were
// replaced; the shared messages stay as they are.
func (s *sample) repeated(duplicates uint32) packet {
	if duplicates == 0 {
		return s.packet
	}
	out := packet{frames: make([][]byte, len(s.frames)), updates: s.updates}
	for i, f := range s.frames {
		out.frames[i] = wire.Repeated(f, duplicates)
	}
	return out
}

// allSent is the message that says that all was sent once.
func allSent() packet { return packet{frames: [][]byte{wire.Sync()}} }
