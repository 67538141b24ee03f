package server

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// Transport says how calls reach the element.
type Transport struct {
	// Listen is the TCP address, "host:port". An empty host is every address.
	Listen string
	// Insecure serves plain text. It is refused where others than this machine
	// could connect.
	Insecure bool
	// CertFile and KeyFile hold the element's certificate chain and key in PEM.
	// Without them the element uses a certificate it makes at first start.
	CertFile, KeyFile string
	// ClientCA holds, in PEM, the authorities of the client certificates that
	// are then demanded; "" demands none.
	ClientCA string
	// Names are what clients call the element, beside what the machine is
	// called; a self-made certificate is good for them when it is made.
	Names []string
	// AllowTLS12 accepts TLS 1.2 beside 1.3.
	AllowTLS12 bool
}

// check refuses what contradicts itself or would expose the element.
func (t *Transport) check() error {
	host, _, err := net.SplitHostPort(t.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q: %w (want host:port)", t.Listen, err)
	}
	switch {
	case t.Insecure && (t.CertFile != "" || t.KeyFile != "" || t.ClientCA != ""):
		return fmt.Errorf("plain text and certificates exclude each other: leave out --insecure or the --tls options")
	case t.Insecure && !loopback(host):
		return fmt.Errorf("plain text on %q would let every host that reaches it change the configuration: "+
			"use TLS, or listen on a loopback address such as 127.0.0.1", t.Listen)
	case (t.CertFile == "") != (t.KeyFile == ""):
		return fmt.Errorf("a certificate needs its key and a key its certificate: give both --tls-cert and --tls-key")
	}
	return nil
}

// loopback reports whether only this machine can connect to the host. A name
// other than localhost could mean anything tomorrow.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// tlsConfig builds what the listener presents; nil for plain text.
func (t *Transport) tlsConfig(stateDir string, now time.Time) (*tls.Config, error) {
	if t.Insecure {
		return nil, nil
	}
	cert, err := t.certificate(stateDir, now)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{"h2"},
	}
	if t.AllowTLS12 {
		config.MinVersion = tls.VersionTLS12
	}
	if t.ClientCA != "" {
		if config.ClientCAs, err = loadAuthorities(t.ClientCA); err != nil {
			return nil, err
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func (t *Transport) certificate(stateDir string, now time.Time) (tls.Certificate, error) {
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("tls: %s with %s: %w", t.CertFile, t.KeyFile, err)
		}
		return cert, nil
	}
	hostname, err := os.Hostname()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("tls: name of this machine: %w", err)
	}
	host, _, err := net.SplitHostPort(t.Listen)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("listen address %q: %w", t.Listen, err)
	}
	return ownCertificate(stateDir, append(certificateNames(hostname, host), hostNames(t.Names)...), now)
}

func loadAuthorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("tls: client authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls: client authorities: %s holds no certificate in PEM", file)
	}
	return pool, nil
}
