package telemetry

import (
	"errors"
	"fmt"
	"net"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// handler serves Subscribe as the server does, but for its codec.
type handler struct {
	gpb.UnimplementedGNMIServer
	e     *Engine
	ended chan error
}

func (h *handler) Subscribe(stream grpc.BidiStreamingServer[gpb.SubscribeRequest, gpb.SubscribeResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	err = h.e.Subscribe(stream.Context(), req, nil, func(frame []byte) error {
		resp := new(gpb.SubscribeResponse)
		if err := proto.Unmarshal(frame, resp); err != nil {
			return err
		}
		return stream.Send(resp)
	})
	h.ended <- err
	if errors.Is(err, ErrSlowReader) {
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return err
}

// A client that never reads is ended over a real connection, learns why when
// it reads at last, and leaves nothing behind.
func TestG32_StalledOverGRPC(t *testing.T) {
	e := New(Options{QueueBytes: 100_000})
	h := &handler{e: e, ended: make(chan error, 1)}
	server := grpc.NewServer()
	gpb.RegisterGNMIServer(server, h)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := gpb.NewGNMIClient(conn).Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Send(stream(t, onChange(t, "/interfaces"))); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Recv(); err != nil { // the sync
		t.Fatal(err)
	}
	var ended error
	for i := 0; ended == nil; i++ {
		publish(t, e, All, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/mtu=1", i))
		select {
		case ended = <-h.ended:
		default:
		}
	}
	if !errors.Is(ended, ErrSlowReader) {
		t.Errorf("the RPC ended with %v, want %v", ended, ErrSlowReader)
	}
	for err == nil {
		_, err = client.Recv()
	}
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the client reads %v, want ResourceExhausted", err)
	}
	e.Close() // waits for the goroutine that was sending
}
