package server

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	"github.com/signalbox/signalbox/server/dialout"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// newDialer prepares the dialling of collectors; nil where there are none.
func newDialer(o Options) (*dialout.Dialer, error) {
	switch {
	case !o.DialOut.Given():
		return nil, nil
	case o.Transport.Insecure && o.DialOut.Remote():
		return nil, errors.New("plain text through a collector on another machine would show it and change for it all there is: " +
			"leave out --insecure, or dial a loopback address such as 127.0.0.1")
	}
	return dialout.New(o.DialOut, o.Log)
}

// dialOut serves also who comes through a collector, and tells how it stands
// with each. It goes on until done is
// called, which is after the server has stopped: calls end by themselves on the
// connections that they came by.
func (s *Server) dialOut(ctx context.Context, server *grpc.Server, publish func(telemetry.Batch)) (done func()) {
	if s.dialer == nil {
		return func() {}
	}
	tell := func(c dialout.State) {
		row := openconfig.CollectorState(openconfig.Collector{
			Address: c.Collector, Target: s.dialer.Target(), Registered: c.Registered, Since: c.Since, Tries: c.Tries, Sessions: c.Sessions, Err: c.Err,
		})
		b := telemetry.Batch{Of: telemetry.State}
		remove(&b, row.List, row.Keys...)
		put(&b, row)
		publish(b)
	}
	for _, c := range s.dialer.State() {
		tell(c)
	}
	s.dialer.Watch(tell)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { s.dialer.Run(ctx) })
	running.Go(func() { _ = server.Serve(s.dialer.Listener()) }) // it fails when it is stopped, not before
	return func() {
		cancel()
		_ = s.dialer.Listener().Close() // always nil
		running.Wait()
	}
}
