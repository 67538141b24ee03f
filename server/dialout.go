package server

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	"github.com/signalbox/signalbox/server/dialout"
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

// dialOut serves also who comes through a collector. It goes on until done is
// called, which is after the server has stopped: calls end by themselves on the
// connections that they came by.
func (s *Server) dialOut(ctx context.Context, server *grpc.Server) (done func()) {
	if s.dialer == nil {
		return func() {}
	}
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
