package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// errRests says that a worker has sent all there is, and that there will be
// more.
var errRests = errors.New("nothing waits")

// serve runs a session until it is over. What is sent is sent by a worker, a
// goroutine of its own: it may block, and is left behind where the session ends
// meanwhile. While nothing waits there is none.
func (s *session) serve(ctx context.Context, cancel context.CancelCauseFunc) error {
	run, polls := s.run, s.polls
	s.work(ctx, run)
	for {
		var err error
		select {
		case err = <-s.step:
			if err != errRests {
				return err
			}
			err = s.rest(ctx, &polls)
			if err == nil {
				s.work(ctx, s.more)
				continue
			}
		case <-s.queue.failed:
			err = s.queue.why
		case <-ctx.Done():
			err = s.e.cause(ctx)
		}
		cancel(err)
		s.end()
		return err
	}
}

// rest waits until there is something to send; an error ends the session.
func (s *session) rest(ctx context.Context, polls *<-chan struct{}) error {
	for {
		select {
		case <-s.queue.ready:
			return nil
		case _, more := <-*polls:
			if more {
				return fmt.Errorf("a poll on a STREAM subscription: %w", schema.ErrInvalid)
			}
			*polls = nil
		case <-s.queue.failed:
			return s.queue.why
		case <-ctx.Done():
			return s.e.cause(ctx)
		}
	}
}

// work starts a worker. It ends the session by itself where nobody else does.
func (s *session) work(ctx context.Context, run func(context.Context) error) {
	if s.e.begin() != nil {
		s.clean()
		s.step <- ErrClosed
		return
	}
	s.mu.Lock()
	s.resting = false
	s.mu.Unlock()
	go func() {
		defer s.e.tasks.Done()
		err := s.e.guard("subscription", func() error { return run(ctx) })
		s.mu.Lock()
		s.resting = err == errRests && !s.ended
		over := !s.resting
		s.mu.Unlock()
		if over {
			s.clean()
		}
		s.step <- err
	}()
}

// end lets no further call of out begin, and waits for the worker unless it
// calls out just now. Where there is none it cleans up in its place.
func (s *session) end() {
	s.mu.Lock()
	s.ended = true
	resting, sending := s.resting, s.sending
	s.mu.Unlock()
	switch {
	case resting:
		s.clean()
	case !sending:
		<-s.step
	}
}

// atEnd notes what is to be done when the session is over.
func (s *session) atEnd(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave = append(s.leave, do)
}

// clean does what is to be done when the session is over, once.
func (s *session) clean() {
	s.mu.Lock()
	all := s.leave
	s.leave = nil
	s.mu.Unlock()
	for _, do := range slices.Backward(all) {
		do()
	}
}

// follow sends what comes into the queue.
func (s *session) follow(ctx context.Context) error {
	polls := s.polls
	for {
		if err := s.drain(ctx); err != nil {
			return err
		}
		select {
		case <-s.queue.ready:
		case _, more := <-polls:
			if more {
				return fmt.Errorf("a poll on a STREAM subscription: %w", schema.ErrInvalid)
			}
			polls = nil
		case <-ctx.Done():
			return s.e.cause(ctx)
		}
	}
}
