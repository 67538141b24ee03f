package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// hostLook is how often the machine's name and time zone, of whose change the
// kernel sends no event, are looked at again.
const hostLook = 5 * time.Second

// watchHost tells of changes of the machine until the context ends.
func (e *element) watchHost(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(hostLook)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := e.publishHost()
		if err != nil && !failing {
			log.Error("the machine is not told of any more", "err", err)
		}
		failing = err != nil
	}
}

// publishHost tells of the machine as it is now; what did not change is no
// news.
func (e *element) publishHost() error {
	state, err := openconfig.SystemState(e.host)
	if err != nil {
		return err
	}
	b := telemetry.Batch{Of: telemetry.State}
	put(&b, state)
	e.engine.Publish(b)
	return nil
}
