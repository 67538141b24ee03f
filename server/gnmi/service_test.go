package gnmi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	gpbext "github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// script is a Telemetry and a Config whose behaviour a test writes down, where
// what is tested is the handler and not the engine behind it.
type script struct {
	get       func() (*gpb.GetResponse, error)
	set       func() (*gpb.SetResponse, error)
	subscribe func(ctx context.Context, polls <-chan struct{}, send func([]byte) error) error
}

func (s script) Get(context.Context, *gpb.GetRequest) (*gpb.GetResponse, error) { return s.get() }
func (s script) Set(context.Context, *gpb.SetRequest) (*gpb.SetResponse, error) { return s.set() }
func (s script) Subscribe(ctx context.Context, _ *gpb.SubscribeRequest, polls <-chan struct{}, send func([]byte) error) error {
	return s.subscribe(ctx, polls, send)
}

// serve runs the service on a loopback connection until the test ends and
// proves that nothing of it is left then.
func serve(t *testing.T, s script, models ...*gpb.ModelData) (gpb.GNMIClient, *bytes.Buffer) {
	t.Helper()
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	service := New(s, s, models, log)
	server := grpc.NewServer(grpc.ForceServerCodecV2(NewCodec()),
		grpc.UnaryInterceptor(RecoverUnary(log)), grpc.StreamInterceptor(RecoverStream(log)))
	gpb.RegisterGNMIServer(server, service)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		service.Wait()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return gpb.NewGNMIClient(conn), &text
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestG1_Capabilities(t *testing.T) {
	model := &gpb.ModelData{Name: "openconfig-interfaces", Organization: "OpenConfig working group", Version: "3.7.2"}
	client, _ := serve(t, script{}, model)
	got, err := client.Capabilities(bounded(t), &gpb.CapabilityRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &gpb.CapabilityResponse{
		SupportedModels:    []*gpb.ModelData{model},
		SupportedEncodings: []gpb.Encoding{gpb.Encoding_JSON_IETF, gpb.Encoding_JSON, gpb.Encoding_PROTO, gpb.Encoding_ASCII},
		GNMIVersion:        "0.10.0",
		Extension: []*gpbext.Extension{
			{Ext: &gpbext.Extension_MasterArbitration{MasterArbitration: &gpbext.MasterArbitration{}}},
			{Ext: &gpbext.Extension_Commit{Commit: &gpbext.Commit{}}},
			{Ext: &gpbext.Extension_History{History: &gpbext.History{}}},
			{Ext: &gpbext.Extension_Depth{Depth: &gpbext.Depth{}}},
			{Ext: &gpbext.Extension_ConfigSubscription{ConfigSubscription: &gpbext.ConfigSubscription{}}},
		},
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestG8_DepthOnlyWhereItMeansSomething(t *testing.T) {
	client, _ := serve(t, script{})
	depth := []*gpbext.Extension{{Ext: &gpbext.Extension_Depth{Depth: &gpbext.Depth{Level: 1}}}}
	_, err := client.Capabilities(bounded(t), &gpb.CapabilityRequest{Extension: depth})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("Capabilities: %v, want InvalidArgument", err)
	}
	_, err = client.Set(bounded(t), &gpb.SetRequest{Extension: depth})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("Set: %v, want InvalidArgument", err)
	}
}

// TestClientThatWentIsNoFault: nobody is to be woken because a collector was
// restarted.
func TestClientThatWentIsNoFault(t *testing.T) {
	var text bytes.Buffer
	service := New(script{}, script{}, nil, slog.New(slog.NewTextHandler(&text, nil)))
	closing := status.Error(codes.Unavailable, "transport is closing")
	if err := service.failed(t.Context(), "Subscribe", &sendError{closing}); status.Code(err) != codes.Unavailable || text.Len() > 0 {
		t.Errorf("%v is logged as %s", err, &text)
	}
	if _ = service.failed(t.Context(), "Set", closing); !strings.Contains(text.String(), "level=ERROR") {
		t.Errorf("for a client that waits: %q, want an error", &text)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	client, log := serve(t, script{
		get:       func() (*gpb.GetResponse, error) { panic("get broke") },
		subscribe: func(context.Context, <-chan struct{}, func([]byte) error) error { panic("subscribe broke") },
	})
	_, err := client.Get(bounded(t), &gpb.GetRequest{})
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "get broke") {
		t.Errorf("Get: %v, want Internal that keeps the panic to the log", err)
	}
	stream, err := client.Subscribe(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	send(t, stream, list(gpb.SubscriptionList_ONCE))
	if _, err := stream.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("Subscribe: %v, want Internal", err)
	}
	for _, want := range []string{"get broke", "subscribe broke", "service_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

func list(mode gpb.SubscriptionList_Mode) *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{Mode: mode}}}
}

func poll() *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}
}

func send(t *testing.T, stream grpc.BidiStreamingClient[gpb.SubscribeRequest, gpb.SubscribeResponse], reqs ...*gpb.SubscribeRequest) {
	t.Helper()
	for _, req := range reqs {
		if err := stream.Send(req); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
}

func TestG31_WhatTheClientMayNotSend(t *testing.T) {
	tests := []struct {
		name   string
		sends  []*gpb.SubscribeRequest
		reason string
	}{
		{"poll first", []*gpb.SubscribeRequest{poll()}, "first message"},
		{"nothing in the first message", []*gpb.SubscribeRequest{{}}, "first message"},
		{"second list", []*gpb.SubscribeRequest{list(gpb.SubscriptionList_STREAM), list(gpb.SubscriptionList_STREAM)}, "second SubscriptionList"},
		{"poll on a stream", []*gpb.SubscribeRequest{list(gpb.SubscriptionList_STREAM), poll()}, "Poll on a STREAM"},
		{"poll on a once", []*gpb.SubscribeRequest{list(gpb.SubscriptionList_ONCE), poll()}, "Poll on a ONCE"},
		{"nothing later", []*gpb.SubscribeRequest{list(gpb.SubscriptionList_POLL), {}}, "neither"},
	}
	client, _ := serve(t, script{subscribe: func(ctx context.Context, _ <-chan struct{}, _ func([]byte) error) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stream, err := client.Subscribe(bounded(t))
			if err != nil {
				t.Fatal(err)
			}
			send(t, stream, tt.sends...)
			_, err = stream.Recv()
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("got %v, want InvalidArgument with %q", err, tt.reason)
			}
		})
	}
}

// TestG24_PollsAndFrames follows frames out and polls in, until the client
// closes its side.
func TestG24_PollsAndFrames(t *testing.T) {
	sync := &gpb.SubscribeResponse{Response: &gpb.SubscribeResponse_SyncResponse{SyncResponse: true}}
	frame, err := proto.Marshal(sync)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := serve(t, script{subscribe: func(ctx context.Context, polls <-chan struct{}, send func([]byte) error) error {
		for range polls {
			if err := send(frame); err != nil {
				return err
			}
		}
		return ctx.Err()
	}})
	stream, err := client.Subscribe(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	send(t, stream, list(gpb.SubscriptionList_POLL))
	for range 3 {
		send(t, stream, poll())
		got, err := stream.Recv()
		if err != nil || !proto.Equal(got, sync) {
			t.Fatalf("got %v, %v; want %v", got, err, sync)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("after the client closed: %v, want the end", err)
	}
}

func TestSubscribeWithoutMessage(t *testing.T) {
	client, _ := serve(t, script{})
	stream, err := client.Subscribe(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
}

// TestLogOfRefusals: what the element is at fault for is in its log, what the
// client is at fault for is not.
func TestLogOfRefusals(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		logged bool
	}{
		{"the element's fault", errors.New("netlink broke"), true},
		{"the kernel refuses", &openconfig.Error{Kind: openconfig.Unavailable, Reason: "netlink broke"}, true},
		{"the client's fault", &openconfig.Error{Kind: openconfig.Invalid, Reason: "netlink broke"}, false},
		{"the end", telemetry.ErrClosed, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, log := serve(t, script{set: func() (*gpb.SetResponse, error) { return nil, tt.err }})
			if _, err := client.Set(bounded(t), &gpb.SetRequest{}); err == nil {
				t.Fatal("the Set was accepted")
			}
			if got := strings.Contains(log.String(), "request refused"); got != tt.logged {
				t.Errorf("logged %v, want %v: %s", got, tt.logged, log)
			}
		})
	}
}
