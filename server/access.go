package server

import (
	"context"
	"net"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/gnmi"
	"github.com/signalbox/signalbox/telemetry"
)

// openAccess reads who may do what from the state folder.
func openAccess(o Options) (*access.Access, error) {
	host, _, err := net.SplitHostPort(o.Transport.Listen)
	return access.Open(access.Options{
		StateDir:     o.StateDir,
		Certificates: o.Transport.ClientCA != "",
		Open:         err != nil || !loopback(host) || o.DialOut.Remote(),
		Log:          o.Log,
		Status:       func(err error) error { return gnmi.Status(err).Err() },
	})
}

// followAccess lets changes of the access files end the streams they are about.
func (s *Server) followAccess(ctx context.Context) {
	if err := s.access.Run(ctx); err != nil {
		s.options.Log.Error("changes of the access files do not end running streams any more", "err", err)
	}
}

// authorize asks whether the caller of a Set may make the change it comes to.
func authorize(ctx context.Context, c config.Change) error {
	return access.Writable(ctx, access.Change(c))
}

// readers is the telemetry as each caller may read it.
type readers struct{ engine *telemetry.Engine }

// Get answers with what the caller may read, in wire form: it is for sending, not
// for looking into.
func (r readers) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	limit, err := access.Readable(ctx)
	if err != nil {
		return nil, err
	}
	octets, err := r.engine.GetWithin(once(ctx), req, limit)
	if err != nil {
		return nil, eventsAreTold(err, req)
	}
	// To protobuf these are fields that it does not know, which it sends as they
	// are: nothing is encoded twice.
	resp := new(gpb.GetResponse)
	resp.ProtoReflect().SetUnknown(octets)
	return resp, nil
}

// Subscribe serves what the caller may read.
func (r readers) Subscribe(ctx context.Context, req *gpb.SubscribeRequest, polls <-chan struct{}, send func(frame []byte) error) error {
	limit, err := access.Readable(ctx)
	if err != nil {
		return err
	}
	return r.engine.SubscribeWithin(once(ctx), req, limit, polls, send)
}
