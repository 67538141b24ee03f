package server

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// guarded is a source whose panics are errors of the read they happen in: the
// engine reads sources on goroutines of its own, where no handler recovers.
type guarded struct {
	telemetry.Source
	log *slog.Logger
}

// Read is the source's, or an error where that panics.
func (g guarded) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (at time.Time, err error) {
	defer func() {
		if p := recover(); p != nil {
			g.log.ErrorContext(ctx, "source panicked", "source", fmt.Sprintf("%T", g.Source), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%T: an internal error, written to the element's log", g.Source)
		}
	}()
	return g.Source.Read(ctx, keys, emit)
}
