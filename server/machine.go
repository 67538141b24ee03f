package server

import (
	"context"
	"log/slog"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// watchHost tells of changes of the machine's name and time zone until the
// context ends.
func (e *element) watchHost(ctx context.Context, log *slog.Logger) {
	failing := false
	err := e.host.Watch(ctx, func() {
		err := e.publishHost()
		if err != nil && !failing {
			log.Error("changes of the machine are not told", "err", err)
		}
		failing = err != nil
	})
	if err != nil {
		log.Error("changes of the machine are not told", "err", err)
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
	remove(&b, ocpath.SystemClockState) // a zone may have no name
	put(&b, state)
	e.engine.Publish(b)
	hostname, err := e.host.Hostname()
	if err == nil {
		e.lldp.named(hostname)
	}
	return err
}
