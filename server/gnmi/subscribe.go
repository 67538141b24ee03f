package gnmi

import (
	"context"
	"errors"
	"io"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Subscribe serves one subscription (specification, 3.5): the client's first
// message says what it wants, every later one may only be a poll.
func (s *Service) Subscribe(stream grpc.BidiStreamingServer[gpb.SubscribeRequest, gpb.SubscribeResponse]) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	list := first.GetSubscribe()
	if list == nil {
		return s.failed(stream.Context(), "Subscribe", invalid("the first message of a Subscribe must carry a SubscriptionList"))
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	polls := make(chan struct{})
	s.readers.Go(func() { readPolls(ctx, cancel, stream, list.GetMode(), polls) })

	err = s.telemetry.Subscribe(ctx, first, polls, func(frame []byte) error {
		if err := stream.SendMsg(Frame(frame)); err != nil {
			return &sendError{err}
		}
		return nil
	})
	var broken *protocolError
	if cause := context.Cause(ctx); errors.As(cause, &broken) {
		err = cause
	}
	if err != nil {
		return s.failed(ctx, "Subscribe", err)
	}
	return nil
}

// sendError is why something could not be sent: mostly, that the client went.
type sendError struct{ error }

func (e *sendError) Unwrap() error { return e.error }

// readPolls takes the client's later messages until the RPC ends. What the
// client may not send ends the RPC through cancel. polls is closed when the
// client has closed its side: a POLL subscription is then over, any other goes
// on.
func readPolls(ctx context.Context, cancel context.CancelCauseFunc,
	stream grpc.BidiStreamingServer[gpb.SubscribeRequest, gpb.SubscribeResponse],
	mode gpb.SubscriptionList_Mode, polls chan<- struct{}) {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			close(polls)
			return
		}
		if err == nil {
			err = checkLater(req, mode)
		}
		if err != nil {
			cancel(err)
			return
		}
		select {
		case polls <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// checkLater refuses every message after the first but a poll of a POLL
// subscription.
func checkLater(req *gpb.SubscribeRequest, mode gpb.SubscriptionList_Mode) error {
	switch {
	case req.GetSubscribe() != nil:
		return invalid("a second SubscriptionList on one RPC: open another Subscribe for it")
	case req.GetPoll() == nil:
		return invalid("a message that is neither a SubscriptionList nor a Poll")
	case mode != gpb.SubscriptionList_POLL:
		return invalid("a Poll on a " + mode.String() + " subscription")
	}
	return nil
}

// protocolError is a message that the client may not send now.
type protocolError struct{ *status.Status }

func (e *protocolError) Error() string              { return e.Message() }
func (e *protocolError) GRPCStatus() *status.Status { return e.Status }

func invalid(reason string) error {
	return &protocolError{status.New(codes.InvalidArgument, reason)}
}
