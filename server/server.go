package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/config/journal"
	"github.com/signalbox/signalbox/server/dialout"
	"github.com/signalbox/signalbox/server/gnmi"
	"github.com/signalbox/signalbox/server/gnoi"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/server/sflow"
	"github.com/signalbox/signalbox/server/trace"
	"github.com/signalbox/signalbox/telemetry"
)

// stopTime is how long calls may take to end when the server stops.
const stopTime = 5 * time.Second

// Options are what a server is told.
type Options struct {
	// StateDir holds the configuration and the self-made certificate. It is
	// made where it is missing.
	StateDir  string
	Transport Transport
	// DialOut says to which collectors the element connects; zero is none.
	DialOut dialout.Options
	// Metrics is the TCP address, "host:port", that Prometheus scrapes; "" is
	// none.
	Metrics string
	// Version is the element's own, as components and logs tell it.
	Version string
	Log     *slog.Logger
}

// Server is one element that has claimed its address and state folder.
type Server struct {
	options  Options
	listener net.Listener
	tls      *tls.Config // nil for plain text
	access   *access.Access
	dialer   *dialout.Dialer // nil where there is no collector to dial
	metrics  net.Listener    // nil where Prometheus is not served
	unlock   func() error    // gives up the state folder
}

// Listen claims the state folder and the address, so that a second instance
// is refused before it touches the datapath. Calls wait until Run answers
// them. Close or Run must follow.
func Listen(o Options) (*Server, error) {
	if err := o.Transport.check(); err != nil {
		return nil, err
	}
	dialer, err := newDialer(o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.StateDir, 0o755); err != nil { // clients read the certificate in it
		return nil, fmt.Errorf("state folder: %w", err)
	}
	unlock, err := journal.Dir(o.StateDir).Lock()
	if err != nil {
		return nil, err
	}
	secure, err := o.Transport.tlsConfig(o.StateDir, time.Now())
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	who, err := openAccess(o)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	listener, err := net.Listen("tcp", o.Transport.Listen)
	if err != nil {
		return nil, errors.Join(err, who.Close(), unlock())
	}
	scraped, err := listenMetrics(o.Metrics, o.Transport, secure)
	if err != nil {
		return nil, errors.Join(err, listener.Close(), who.Close(), unlock())
	}
	return &Server{options: o, listener: listener, tls: secure, access: who, dialer: dialer, metrics: scraped, unlock: unlock}, nil
}

// Addr is the address that is claimed.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close gives up what Listen claimed, where Run is not called.
func (s *Server) Close() error {
	var err error
	if s.metrics != nil {
		err = s.metrics.Close()
	}
	return errors.Join(err, s.listener.Close(), s.access.Close(), s.unlock())
}

// element is what Run puts together.
type element struct {
	engine   *telemetry.Engine
	observer *observer
	lldp     *lldp
	host     *host.Host
	rates    *openconfig.Rates
	load     *openconfig.Load
	sessions *trace.Sessions
	sflow    *sflow.Agent
	tests    *trace.Tests
	capture  *gnoi.Capture
	sources  []telemetry.Source // what the engine reads when asked
}

// Run serves the device until the context ends or serving fails. When it
// returns, calls have ended, nothing of it runs any more, and the device is as
// it was configured last.
func (s *Server) Run(ctx context.Context, device Device) (err error) {
	defer s.listener.Close()
	defer func() { err = errors.Join(err, s.access.Close()) }()
	e, err := s.assemble(device)
	if err != nil {
		return errors.Join(err, s.unlock())
	}
	defer e.engine.Close()
	stopWatching := device.Watch(e.observer.observed)
	defer stopWatching()
	store, err := config.Open(ctx, s.configOptions(e, device))
	if err != nil {
		return err
	}
	e.tests.Against(store)
	background, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { e.rates.Run(background) })
	running.Go(func() { e.load.Run(background) })
	running.Go(func() { e.sflow.Run(background) })
	running.Go(func() { e.observer.run(background) })
	running.Go(func() { e.watchHost(background, s.options.Log) })
	running.Go(func() { s.followAccess(background) })
	if s.metrics != nil {
		running.Go(func() { s.serveMetrics(background, e, device) })
	}
	err = s.serve(ctx, e, store, device.State())
	cancel()
	running.Wait()
	return errors.Join(err, store.Close())
}

// assemble joins the telemetry engine with its sources and publishes what does
// not change while the element runs.
func (s *Server) assemble(device Device) (*element, error) {
	h, err := host.Open("/")
	if err != nil {
		return nil, err
	}
	e := &element{
		engine: s.newEngine(),
		host:   h,
		rates:  openconfig.NewRates(device, s.options.Log),
		load:   openconfig.NewLoad(h, s.options.Log),
	}
	if e.lldp, err = newLLDP(s.options.StateDir, s.options.Version, e.engine.Publish); err != nil {
		e.engine.Close()
		return nil, err
	}
	e.observer = newObserver(e.engine, e.rates, device, s.options.Log)
	classes := openconfig.NewQoSReading(device, e.observer.qos)
	for _, source := range []telemetry.Source{
		openconfig.NewCounters(device, device),
		openconfig.NewDiscards(device),
		openconfig.NewLACPCounters(device),
		openconfig.NewLLDPCounters(device),
		openconfig.NewLLDPTotals(device),
		openconfig.NewLLDPAges(device),
		openconfig.NewLLDPAddresses(device),
		openconfig.NewLLDPManagementInterface(device),
		openconfig.NewPFCCounters(device),
		openconfig.NewVFCounters(device),
		openconfig.NewQoSQueues(classes, true),
		openconfig.NewQoSQueues(classes, false),
		openconfig.NewQoSTerms(classes, true),
		openconfig.NewQoSTerms(classes, false),
		openconfig.NewQoSPolicers(classes),
		e.rates,
		openconfig.NewFDB(device),
		openconfig.NewFDBCounts(device),
		openconfig.NewSystemCPUs(e.load),
		openconfig.NewComponentCPUs(e.load),
		openconfig.NewSystemGauges(h),
		openconfig.NewProcessUsage(h, e.load),
	} {
		e.sources = append(e.sources, guarded{source, s.options.Log})
	}
	s.newTraces(e, device)
	for _, source := range e.sources {
		e.engine.Add(source)
	}
	if err := s.publishMachine(e); err != nil {
		e.engine.Close()
		return nil, err
	}
	return e, nil
}

// publishMachine tells of the machine, the process and the listener.
func (s *Server) publishMachine(e *element) error {
	components, err := openconfig.Components(e.host, s.options.Version)
	if err != nil {
		return err
	}
	process, err := openconfig.ProcessState(e.host)
	if err != nil {
		return err
	}
	b := telemetry.Batch{Of: telemetry.State}
	put(&b, components...)
	put(&b, process)
	if tcp, ok := s.listener.Addr().(*net.TCPAddr); ok {
		put(&b, openconfig.GRPCServerState(tcp.AddrPort(), s.tls != nil))
	}
	e.engine.Publish(b)
	return e.publishHost()
}

// serve answers calls until the context ends.
func (s *Server) serve(ctx context.Context, e *element, store *config.Store, observed *spec.State) error {
	service := gnmi.New(readers{e.engine}, store, models(), s.options.Log)
	checks := health.NewServer() // SERVING from here on: the configuration is applied
	checks.SetServingStatus(gpb.GNMI_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	server := newGRPC(service, e.capture, checks, s.tls, s.access, s.options.Log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(s.listener) }()
	defer s.dialOut(ctx, server, e.engine.Publish)()
	s.greet(observed)

	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
		server.Stop()
	case <-ctx.Done():
		s.options.Log.Info("stopping; the datapath goes on forwarding")
		checks.Shutdown()
		stop(server, e.engine)
		if err = <-served; errors.Is(err, grpc.ErrServerStopped) { // before it began
			err = nil
		}
	}
	service.Wait()
	return err
}

// stop ends the subscriptions and lets other calls end by themselves, but not
// for ever: a client that reads nothing holds up both.
func stop(server *grpc.Server, engine *telemetry.Engine) {
	late := time.AfterFunc(stopTime, server.Stop)
	defer late.Stop()
	engine.Close()
	server.GracefulStop()
}

// greet logs what a person needs to connect.
func (s *Server) greet(observed *spec.State) {
	ports := 0
	for _, i := range observed.Interfaces {
		if i.Port != nil {
			ports++
		}
	}
	args := []any{"address", s.listener.Addr().String(), "ports", ports, "interfaces", len(observed.Interfaces), "version", s.options.Version}
	if s.tls == nil {
		s.options.Log.Info("serving gNMI in plain text, to this machine only", args...)
		return
	}
	leaf := s.tls.Certificates[0].Leaf
	s.options.Log.Info("serving gNMI", append(args, "sha256", fingerprint(leaf))...)
}

// models are the modules served, for Capabilities.
func models() []*gpb.ModelData {
	var all []*gpb.ModelData
	for _, m := range ocpath.Models() {
		all = append(all, &gpb.ModelData{Name: m.Name, Organization: m.Organization, Version: m.Version})
	}
	return all
}

// ConfigurationFile is where an element with this state folder keeps its
// configuration.
func ConfigurationFile(stateDir string) string { return filepath.Join(stateDir, "config.json") }
