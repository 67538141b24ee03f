package gnmi

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"github.com/signalbox/signalbox/telemetry"
)

// Version is the version of the gNMI specification that is served.
const Version = "0.10.0"

// Telemetry answers what is read. telemetry.Engine satisfies it.
type Telemetry interface {
	Get(context.Context, *gpb.GetRequest) (*gpb.GetResponse, error)
	// Subscribe serves one RPC, whose first request is given, until it is over,
	// the context ends or send fails. Each value on polls is a poll of the
	// client; it is closed when the client sends no more. send takes the wire
	// form of one SubscribeResponse, which nobody modifies any more, and blocks
	// while the client reads no further. One call of send may outlast Subscribe,
	// until the RPC is over.
	Subscribe(ctx context.Context, req *gpb.SubscribeRequest, polls <-chan struct{}, send func(frame []byte) error) error
}

// Config carries out what is written. config.Store satisfies it.
type Config interface {
	Set(context.Context, *gpb.SetRequest) (*gpb.SetResponse, error)
}

// Service is the gNMI service of one element.
type Service struct {
	gpb.UnimplementedGNMIServer
	telemetry Telemetry
	config    Config
	models    []*gpb.ModelData
	log       *slog.Logger
	readers   sync.WaitGroup // the goroutines that read from subscribers
}

// New builds the service. The models are what Capabilities tells.
func New(telemetry Telemetry, config Config, models []*gpb.ModelData, log *slog.Logger) *Service {
	return &Service{telemetry: telemetry, config: config, models: models, log: log}
}

// Wait returns when no goroutine of the service is left. It is called after
// the gRPC server has ended every RPC.
func (s *Service) Wait() { s.readers.Wait() }

// Capabilities tells models, encodings, version and, each as an empty message,
// the extensions that are served (specification, 3.2).
func (s *Service) Capabilities(_ context.Context, req *gpb.CapabilityRequest) (*gpb.CapabilityResponse, error) {
	if err := refuseDepth(req.GetExtension(), "Capabilities"); err != nil {
		return nil, err
	}
	return &gpb.CapabilityResponse{
		SupportedModels:    s.models,
		SupportedEncodings: []gpb.Encoding{gpb.Encoding_JSON_IETF, gpb.Encoding_JSON, gpb.Encoding_PROTO, gpb.Encoding_ASCII},
		GNMIVersion:        Version,
		Extension:          served(),
	}, nil
}

// Get answers one Notification for each path (specification, 3.3).
func (s *Service) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	resp, err := s.telemetry.Get(ctx, req)
	if err != nil {
		return nil, s.failed(ctx, "Get", err)
	}
	return resp, nil
}

// Set carries out one transaction (specification, 3.4).
func (s *Service) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	if err := refuseDepth(req.GetExtension(), "Set"); err != nil {
		return nil, err
	}
	resp, err := s.config.Set(ctx, req)
	if err != nil {
		return nil, s.failed(ctx, "Set", err)
	}
	return resp, nil
}

// failed turns an error into the status the client gets. What the client could
// not have avoided is logged here, once.
func (s *Service) failed(ctx context.Context, rpc string, err error) error {
	st := Status(err)
	var unsent *sendError
	level := slog.LevelDebug
	switch {
	case errors.Is(err, telemetry.ErrClosed): // the end of the element, not a fault
	case st.Code() == codes.Unavailable && errors.As(err, &unsent): // the client went
	case st.Code() == codes.Internal, st.Code() == codes.Unavailable, st.Code() == codes.Unknown:
		level = slog.LevelError
	}
	s.log.Log(ctx, level, "request refused", "rpc", rpc, "peer", peerOf(ctx), "code", st.Code().String(), "err", err)
	return st.Err()
}
