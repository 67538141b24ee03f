package dialout

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"
)

// maxTarget bounds the name of a target, in octets.
const maxTarget = 255

// Options say which collectors are dialled, and as what.
type Options struct {
	// Collectors are the tunnel servers, each "host:port".
	Collectors []string
	// Target is the name that the element registers under; "" is the machine's.
	Target string
	// Insecure speaks plain text to the collectors. It is refused for those on
	// other machines.
	Insecure bool
	// CAFile holds, in PEM, the authorities of the collectors' certificates; ""
	// are those of the system.
	CAFile string
	// CertFile and KeyFile hold the client certificate that is shown to
	// collectors, in PEM; "" is none.
	CertFile, KeyFile string
	// AllowTLS12 accepts TLS 1.2 beside 1.3.
	AllowTLS12 bool
}

// Given reports whether anything is said of collectors.
func (o *Options) Given() bool {
	return len(o.Collectors) > 0 || o.Target != "" || o.Insecure || o.CAFile != "" || o.CertFile != "" || o.KeyFile != ""
}

// Remote reports whether one of the collectors is on another machine.
func (o *Options) Remote() bool {
	return slices.ContainsFunc(o.Collectors, func(c string) bool { return !loopback(c) })
}

// loopback reports whether an address is of this machine for certain.
func loopback(collector string) bool {
	host, _, err := net.SplitHostPort(collector)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// New prepares the dialling of collectors; Run does it. What contradicts itself
// or would expose the element is an error.
func New(o Options, log *slog.Logger) (*Dialer, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("dial-out: %w", err)
	}
	secure, err := o.tlsConfig()
	if err != nil {
		return nil, fmt.Errorf("dial-out: %w", err)
	}
	if o.Target == "" {
		if o.Target, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("dial-out: name of this machine: %w (give --dial-out-target)", err)
		}
	}
	d := &Dialer{target: o.Target, tls: secure, log: log, sessions: newSessions(), firstPause: time.Second, lastPause: time.Minute, patience: registerTime}
	for _, address := range o.Collectors {
		d.collectors = append(d.collectors, &collector{dialer: d, address: address, state: State{Collector: address}})
	}
	return d, nil
}

func (o *Options) check() error {
	if len(o.Collectors) == 0 {
		return errors.New("there is no collector: name one with --dial-out")
	}
	for i, address := range o.Collectors {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || port == "" {
			return fmt.Errorf("collector %q: want host:port", address)
		}
		if slices.Contains(o.Collectors[:i], address) {
			return fmt.Errorf("collector %s is given twice", address)
		}
	}
	switch {
	case len(o.Target) > maxTarget:
		return fmt.Errorf("a target's name of %d octets: want %d at most", len(o.Target), maxTarget)
	case o.Insecure && (o.CAFile != "" || o.CertFile != "" || o.KeyFile != ""):
		return errors.New("plain text and certificates exclude each other: leave out --dial-out-insecure or the other --dial-out options of TLS")
	case o.Insecure && o.Remote():
		return errors.New("plain text to another machine would let everybody on the way pass for the collector: " +
			"use TLS, or dial a loopback address such as 127.0.0.1")
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("a certificate needs its key and a key its certificate: give both --dial-out-cert and --dial-out-key")
	}
	return nil
}

// tlsConfig is how the element speaks to collectors; nil for plain text.
func (o *Options) tlsConfig() (*tls.Config, error) {
	if o.Insecure {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if o.AllowTLS12 {
		config.MinVersion = tls.VersionTLS12
	}
	if o.CAFile != "" {
		text, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("authorities: %s holds no certificate in PEM", o.CAFile)
		}
	}
	if o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("%s with %s: %w", o.CertFile, o.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}
