package access

import (
	"context"
	"log/slog"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
)

// health is open to all: it tells that the element serves, and nothing else.
const health = "/grpc.health.v1.Health/"

// Unary lets in the calls that may be made, and records the writes and those
// that may not.
func (a *Access) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if strings.HasPrefix(info.FullMethod, health) {
		return handler(ctx, req)
	}
	c, err := callOf(ctx)
	if err != nil { // not let in by Stream
		c, err = a.admit(ctx, info.FullMethod)
		ctx = context.WithValue(ctx, callKey{}, c)
	}
	set, isSet := req.(*gpb.SetRequest)
	if err == nil && isSet {
		err = c.checkPaths(set)
	}
	if err != nil {
		err = a.options.Status(err)
		a.refused(ctx, c, err)
		return nil, err
	}
	resp, err := handler(ctx, req)
	switch {
	case isSet:
		a.audit.write(c, set, err)
	case isRefusal(err):
		a.refused(ctx, c, err)
	}
	return resp, err
}

// Stream is Unary for streams. One that is under way when the rules for it
// change ends; a method that Early made a stream of ends by itself.
func (a *Access) Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if strings.HasPrefix(info.FullMethod, health) {
		return handler(srv, ss)
	}
	c, err := a.admit(ss.Context(), info.FullMethod)
	if err != nil {
		err = a.options.Status(err)
		a.refused(ss.Context(), c, err)
		return err
	}
	if isUnary(info) {
		return handler(srv, &stream{ServerStream: ss, ctx: context.WithValue(ss.Context(), callKey{}, c), call: c})
	}
	if err = a.serve(srv, ss, c, handler); isRefusal(err) {
		a.refused(ss.Context(), c, err)
	}
	return err
}

func (a *Access) serve(srv any, ss grpc.ServerStream, c *call, handler grpc.StreamHandler) error {
	ctx, end := context.WithCancelCause(context.WithValue(ss.Context(), callKey{}, c))
	defer end(nil)
	s := &stream{ServerStream: ss, ctx: ctx, call: c, end: end}
	a.streams.add(s)
	defer a.streams.remove(s)
	// What changed since the call was let in has looked for it in vain.
	if now, err := a.rules(); err != nil || now != c.rules {
		s.check(now, err)
	}
	err := handler(srv, s)
	if refusal := s.ended(); refusal != nil {
		return a.options.Status(refusal)
	}
	return err
}

// refused records a call that was not let in, or was refused what it asked
// for.
func (a *Access) refused(ctx context.Context, c *call, err error) {
	if first := a.audit.refused(c, err); first {
		a.options.Log.Log(ctx, slog.LevelWarn, "call refused; more of the kind are in the audit log",
			"rpc", c.method, "peer", c.address, "user", c.name(), "err", err)
	}
}
