package gnmi

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Status turns an error of the element into the status a client gets.
func Status(err error) *status.Status {
	var already interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &already):
		return already.GRPCStatus()
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, err.Error())
	}
	return status.New(codes.Internal, err.Error())
}
