package server

import (
	"crypto/tls"
	"log/slog"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	pcap "github.com/openconfig/gnoi/packet_capture"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // for clients that compress
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/gnmi"
	"github.com/signalbox/signalbox/server/gnoi"
)

// MaxReceiveBytes bounds one request, in octets: a whole configuration of
// thousands of ports in one Set fits well. gRPC refuses a longer one with
// RESOURCE_EXHAUSTED and names both numbers.
const MaxReceiveBytes = 64 << 20

// maxHeaderBytes bounds the metadata of one call, in octets.
const maxHeaderBytes = 64 << 10

const (
	keepaliveTime     = 30 * time.Second // an idle connection is asked whether it lives
	keepaliveTimeout  = 20 * time.Second // and closed when it does not answer
	keepaliveMinimum  = time.Second      // clients may ask this often
	connectionTimeout = 20 * time.Second // for the handshakes
	writeBuffer       = 64 << 10         // octets that go out at once
)

// newGRPC builds the gRPC server with gNMI, gNOI, health and reflection on it,
// all behind who may do what. config nil is plain text.
func newGRPC(service *gnmi.Service, capture *gnoi.Capture, checks *health.Server, config *tls.Config, who *access.Access, log *slog.Logger) *grpc.Server {
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(gnmi.NewCodec()),
		grpc.MaxRecvMsgSize(MaxReceiveBytes),
		// A thousand subscribers are idle most of the time: gRPC by itself lets none
		// hold a buffer to write from meanwhile; nor does one to read into beside
		// that of TLS.
		grpc.WriteBufferSize(writeBuffer),
		grpc.ReadBufferSize(0),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		// Collectors that ping often, and without a call, are not cut off.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinimum, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(gnmi.RecoverUnary(log), who.Unary),
		grpc.ChainStreamInterceptor(gnmi.RecoverStream(log), who.Stream),
	}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(who.Early(gpb.GNMI_ServiceDesc, gnmi.RecoverStream(log)), service)
	pcap.RegisterPacketCaptureServer(server, capture)
	healthpb.RegisterHealthServer(server, checks)
	reflection.Register(server)
	return server
}
