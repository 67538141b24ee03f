package access

import (
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Early gives a service's description with its unary methods as streams of one
// message, which on the wire are the same. gRPC reads the whole request of a
// unary method, however large, before an interceptor is asked; of a stream it
// reads what the handler asks for. So who may not call sends nothing that is
// kept: Stream lets the call in, and only then is the request read, and handed
// to Unary. gRPC asks no interceptor about such streams: what is to be around
// all of it is given.
func (a *Access) Early(service grpc.ServiceDesc, around grpc.StreamServerInterceptor) *grpc.ServiceDesc {
	methods := service.Methods
	service.Methods = nil
	service.Streams = slices.Clone(service.Streams)
	for _, m := range methods {
		info := &grpc.StreamServerInfo{FullMethod: "/" + service.ServiceName + "/" + m.MethodName}
		admitted := func(srv any, ss grpc.ServerStream) error { return a.Stream(srv, ss, info, a.oneMessage(m)) }
		service.Streams = append(service.Streams, grpc.StreamDesc{
			StreamName: m.MethodName,
			Handler:    func(srv any, ss grpc.ServerStream) error { return around(srv, ss, info, admitted) },
		})
	}
	return &service
}

// oneMessage carries out a unary method on a stream.
func (a *Access) oneMessage(m grpc.MethodDesc) grpc.StreamHandler {
	return func(srv any, ss grpc.ServerStream) error {
		answer, err := m.Handler(srv, ss.Context(), func(request any) error {
			err := ss.RecvMsg(request)
			if errors.Is(err, io.EOF) {
				return status.Error(codes.Internal, "a call without a request")
			}
			return err
		}, a.Unary)
		if err != nil {
			return err
		}
		return ss.SendMsg(answer)
	}
}

// isUnary reports a method that Early made a stream.
func isUnary(info *grpc.StreamServerInfo) bool { return !info.IsClientStream && !info.IsServerStream }
