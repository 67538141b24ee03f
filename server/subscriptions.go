package server

import (
	"context"

	"google.golang.org/grpc/peer"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// newEngine makes a telemetry engine that tells of its own subscriptions, too.
func (s *Server) newEngine() *telemetry.Engine {
	var engine *telemetry.Engine
	engine = telemetry.New(telemetry.Options{
		Log: s.options.Log,
		Who: who,
		Opened: func(sub *telemetry.Subscription) {
			var b telemetry.Batch
			put(&b, openconfig.SubscriptionRow(sub))
			engine.Notify(b)
		},
		Ended: func(sub *telemetry.Subscription) {
			engine.Notify(telemetry.Batch{Deletes: []schema.Path{openconfig.SubscriptionPath(sub)}})
		},
	})
	engine.Add(guarded{openconfig.NewSubscriptions(engine), s.options.Log}, telemetry.Unlooked)
	engine.Add(guarded{openconfig.NewSubscriptionTotals(engine), s.options.Log})
	return engine
}

// who tells the address and name of the caller of an RPC.
func who(ctx context.Context) (address, user string) {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		address = p.Addr.String()
	}
	return address, access.Name(ctx)
}
