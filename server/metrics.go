package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/signalbox/signalbox/server/access"
	"github.com/signalbox/signalbox/server/metrics"
)

const (
	// metricsPath is where Prometheus looks.
	metricsPath = "/metrics"
	// metricsMethod is the name that the authz policy knows a scrape by.
	metricsMethod = "/signalbox.Metrics/Scrape"
	// headerTime bounds how long a client may take to say what it wants.
	headerTime = 5 * time.Second
)

// listenMetrics claims the address that Prometheus scrapes; nil where there is
// none. It speaks TLS where gNMI does.
func listenMetrics(address string, t Transport, secure *tls.Config) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("metrics address %q: %w (want host:port)", address, err)
	}
	if t.Insecure && !loopback(host) {
		return nil, fmt.Errorf("metrics in plain text on %q would tell every host that reaches it: use TLS, or a loopback address such as 127.0.0.1", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if secure != nil {
		secure = secure.Clone()
		secure.NextProtos = []string{"http/1.1"}
		listener = tls.NewListener(listener, secure)
	}
	return listener, nil
}

// serveMetrics answers scrapes until the context ends.
func (s *Server) serveMetrics(ctx context.Context, e *element, device Observed) {
	exporter := metrics.New(metrics.Options{
		Sources: e.sources, Observer: device, Version: s.options.Version, Log: s.options.Log, Readable: access.Readable,
	})
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, s.access.Handler(metricsMethod, exporter))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTime, MaxHeaderBytes: 1 << 16,
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // a scrape that is under way is tried again
	defer stop()
	s.options.Log.Info("serving Prometheus", "address", s.metrics.Addr().String(), "path", metricsPath)
	if err := server.Serve(s.metrics); !errors.Is(err, http.ErrServerClosed) {
		s.options.Log.Error("Prometheus is not served any more", "err", err)
	}
}
