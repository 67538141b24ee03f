package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/signalbox/signalbox/datapath/spec"
)

// idle is a device without interfaces that takes every configuration: what is
// tested here is the server around it.
type idle struct {
	applied chan spec.Change
	refuse  error
}

func newIdle() *idle { return &idle{applied: make(chan spec.Change, 16)} }

func (d *idle) CheckTrace(s spec.TraceSession) error { return s.Check() }
func (d *idle) StartTrace(context.Context, spec.TraceSession, func(spec.TraceBatch)) error {
	return nil
}
func (d *idle) StopTrace(context.Context, string) error { return nil }
func (d *idle) Explain(context.Context, string, []byte, *spec.Change) (spec.Explanation, error) {
	return spec.Explanation{Verdict: spec.VerdictFlood, Steps: []spec.TraceStep{{Stage: spec.StageIngress, Verdict: spec.VerdictPass, Port: "p1"}}, Outputs: []spec.TraceOutput{{Port: "p2"}}}, nil
}
func (d *idle) Check(context.Context, spec.Change) error { return d.refuse }
func (d *idle) Apply(_ context.Context, c spec.Change) error {
	d.applied <- c
	return nil
}
func (*idle) State() *spec.State { return &spec.State{} }
func (*idle) Watch(f func(spec.Event)) func() {
	f(spec.Event{Time: time.Now()})
	return func() {}
}
func (*idle) Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error) {
	return nil, time.Now(), nil
}
func (*idle) FDB(context.Context, func(spec.FDBEntry) bool) error { return nil }
func (*idle) LLDPManagement() (string, []spec.LLDPManagement)     { return "", nil }
func (*idle) DCBCounters() (map[string]spec.DCBCounters, error)   { return nil, nil }

func (*idle) VFCounters(context.Context) (map[string]map[uint16]spec.VFCounters, time.Time, error) {
	return nil, time.Now(), nil
}
func (*idle) LLDP() (map[string]spec.LLDPActivity, spec.LLDPCounters) {
	return nil, spec.LLDPCounters{}
}
func (*idle) QoSCounters(context.Context) (map[string]spec.QoSCounters, time.Time, error) {
	return nil, time.Now(), nil
}

func options(t *testing.T, transport Transport) Options {
	transport.Listen = "127.0.0.1:0"
	return Options{StateDir: t.TempDir(), Transport: transport, Version: "test", Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// served is a server that runs, and a connection to it.
type served struct {
	*grpc.ClientConn
	end  context.CancelFunc
	done chan error
}

// serveIdle runs a server with an idle device until the test ends, and proves
// that it then ends well.
func serveIdle(t *testing.T, o Options) *served {
	t.Helper()
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &served{end: cancel, done: make(chan error, 1)}
	go func() { v.done <- s.Run(ctx, newIdle()) }()
	v.ClientConn, err = grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(clientCredentials(t, o)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-v.done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		v.Close()
	})
	return v
}

func clientCredentials(t *testing.T, o Options) credentials.TransportCredentials {
	t.Helper()
	if o.Transport.Insecure {
		return insecure.NewCredentials()
	}
	own, err := os.ReadFile(filepath.Join(o.StateDir, CertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(own)
	return credentials.NewTLS(&tls.Config{RootCAs: pool})
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestG1_G43_ServerIsReady(t *testing.T) {
	for _, plain := range []bool{false, true} {
		v := serveIdle(t, options(t, Transport{Insecure: plain}))
		for _, service := range []string{"", "gnmi.gNMI"} {
			got, err := healthpb.NewHealthClient(v).Check(bounded(t), &healthpb.HealthCheckRequest{Service: service})
			if err != nil || got.GetStatus() != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("health of %q, plain text %v: %v, %v", service, plain, got, err)
			}
		}
		caps, err := gpb.NewGNMIClient(v).Capabilities(bounded(t), &gpb.CapabilityRequest{})
		if err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(caps.GetSupportedModels(), func(m *gpb.ModelData) bool {
			return m.GetName() == "openconfig-interfaces" && m.GetOrganization() != "" && m.GetVersion() != ""
		})
		if !found || caps.GetGNMIVersion() != "0.10.0" {
			t.Errorf("capabilities %v", caps)
		}
	}
}

func TestG43_Reflection(t *testing.T) {
	v := serveIdle(t, options(t, Transport{}))
	stream, err := reflectionpb.NewServerReflectionClient(v).ServerReflectionInfo(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil || !strings.Contains(got.String(), "gnmi.gNMI") || !strings.Contains(got.String(), "grpc.health.v1.Health") {
		t.Errorf("services %v, %v", got, err)
	}
}

// TestG42_MetadataChangesNothing: peers let a metadata key turn off validation.
func TestG42_MetadataChangesNothing(t *testing.T) {
	v := serveIdle(t, options(t, Transport{}))
	ctx := metadata.AppendToOutgoingContext(bounded(t), "username", "admin", "no-validation", "true", "x-force", "1")
	_, err := gpb.NewGNMIClient(v).Set(ctx, &gpb.SetRequest{Delete: []*gpb.Path{{Elem: []*gpb.PathElem{{Name: "nonsense"}}}}})
	if status.Code(err) != codes.InvalidArgument && status.Code(err) != codes.NotFound {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestRequestTooLarge(t *testing.T) {
	v := serveIdle(t, options(t, Transport{Insecure: true}))
	huge := &gpb.SetRequest{Update: []*gpb.Update{{Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: make([]byte, MaxReceiveBytes+1)}}}}}
	_, err := gpb.NewGNMIClient(v).Set(bounded(t), huge)
	if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "67108864") {
		t.Errorf("got %v, want ResourceExhausted that names the limit", err)
	}
}

// TestStopEndsSubscriptions: a stream that would go on for ever does not hold
// up the end, and its client is told why.
func TestStopEndsSubscriptions(t *testing.T) {
	v := serveIdle(t, options(t, Transport{}))
	stream, err := gpb.NewGNMIClient(v).Subscribe(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Subscription: []*gpb.Subscription{{Path: &gpb.Path{}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err = stream.Recv(); err != nil {
			break
		}
		v.end()
	}
	if status.Code(err) != codes.Unavailable || err == io.EOF {
		t.Errorf("the subscription ended with %v, want Unavailable", err)
	}
}

func TestStopDoesNotWaitForAStalledReader(t *testing.T) {
	v := serveIdle(t, options(t, Transport{Insecure: true}))
	stream, err := gpb.NewGNMIClient(v).Subscribe(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Subscription: []*gpb.Subscription{{Path: &gpb.Path{},
			Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(100 * time.Millisecond)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil { // and nothing more is read
		t.Fatal(err)
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	o := options(t, Transport{Insecure: true})
	first, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Listen(o)
	checkReason(t, err, "in use by another process")
	elsewhere := options(t, Transport{Insecure: true})
	elsewhere.Transport.Listen = first.Addr().String()
	_, err = Listen(elsewhere)
	checkReason(t, err, "address already in use")
	elsewhere.Transport.Listen = "127.0.0.1:0"
	for range 2 { // what was claimed is given up again, also by the refused one
		again, err := Listen(elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

// TestRunAppliesFirst: the saved configuration reaches the device before a
// call is answered, also when it is empty; one that the device refuses ends
// the server.
func TestRunAppliesFirst(t *testing.T) {
	o := options(t, Transport{Insecure: true})
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	device, done := newIdle(), make(chan error, 1)
	go func() { done <- s.Run(ctx, device) }()
	if c := <-device.applied; !c.Empty() {
		t.Errorf("applied %v, want nothing", c)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s, err = Listen(o); err != nil {
		t.Fatalf("after the end: %v", err)
	}
	refusing := newIdle()
	refusing.refuse = io.ErrUnexpectedEOF
	checkReason(t, s.Run(context.Background(), refusing), "unexpected EOF")
	if s, err = Listen(o); err != nil {
		t.Fatalf("after a start that failed: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
