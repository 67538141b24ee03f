package telemetry

import (
	"fmt"
	"runtime/debug"
)

// guard runs what has a goroutine of its own, so that no handler above it
// recovers: a panic is logged with its stack, and is the error that ends who
// depends on it, not the process.
func (e *Engine) guard(what string, run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			e.opts.Log.Error(what+" panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: an internal error, written to the element's log", what)
		}
	}()
	return run()
}

// abandon ends the subscriptions that depend on a sampler, after a panic while
// it took a sample: what they were told of it may be in part. It starts anew
// for those that come.
func (s *sampler) abandon(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.views {
		for f := range v.members {
			f.queue.fail(why)
		}
	}
	s.table = newTable(s.src, s.e.opts.TableRows)
}
