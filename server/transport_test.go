package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestG40_TransportCheck(t *testing.T) {
	tests := []struct {
		name      string
		transport Transport
		reason    string // "" is fine
	}{
		{"TLS anywhere", Transport{Listen: ":9339"}, ""},
		{"own certificate", Transport{Listen: "192.0.2.1:9339", CertFile: "c", KeyFile: "k"}, ""},
		{"plain on loopback", Transport{Listen: "127.0.0.1:9339", Insecure: true}, ""},
		{"plain on IPv6 loopback", Transport{Listen: "[::1]:9339", Insecure: true}, ""},
		{"plain on localhost", Transport{Listen: "localhost:9339", Insecure: true}, ""},
		{"plain everywhere", Transport{Listen: ":9339", Insecure: true}, "loopback"},
		{"plain on an address", Transport{Listen: "192.0.2.1:9339", Insecure: true}, "loopback"},
		{"plain on a name", Transport{Listen: "switch.example:9339", Insecure: true}, "loopback"},
		{"plain on the unspecified address", Transport{Listen: "0.0.0.0:9339", Insecure: true}, "loopback"},
		{"no port", Transport{Listen: "127.0.0.1"}, "host:port"},
		{"plain with certificate", Transport{Listen: "127.0.0.1:1", Insecure: true, CertFile: "c", KeyFile: "k"}, "exclude"},
		{"plain with authorities", Transport{Listen: "127.0.0.1:1", Insecure: true, ClientCA: "ca"}, "exclude"},
		{"certificate without key", Transport{Listen: ":1", CertFile: "c"}, "--tls-key"},
		{"key without certificate", Transport{Listen: ":1", KeyFile: "k"}, "--tls-cert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkReason(t, tt.transport.check(), tt.reason) })
	}
}

func checkReason(t *testing.T, err error, reason string) {
	t.Helper()
	if (err == nil) != (reason == "") || err != nil && !strings.Contains(err.Error(), reason) {
		t.Errorf("got %v, want %q", err, reason)
	}
}

// selfMade makes a certificate below a new state folder.
func selfMade(t *testing.T, dir string, now time.Time) tls.Certificate {
	t.Helper()
	cert, err := ownCertificate(dir, certificateNames("box", "192.0.2.1"), now)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestG40_SelfMadeCertificate(t *testing.T) {
	dir := t.TempDir()
	cert := selfMade(t, dir, time.Now())
	if diff := cmp.Diff([]string{"box", "localhost"}, cert.Leaf.DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, name := range []string{"box", "localhost", "127.0.0.1", "::1", "192.0.2.1"} {
		if err := cert.Leaf.VerifyHostname(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, KeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v; want mode 0600", info.Mode(), err)
	}
	if again := selfMade(t, dir, time.Now()); fingerprint(again.Leaf) != fingerprint(cert.Leaf) {
		t.Error("the second start made a new certificate")
	}
}

func TestG40_SelfMadeCertificateIsMadeAnew(t *testing.T) {
	tests := []struct {
		name   string
		damage func(dir string) error
		now    time.Time
		reason string
	}{
		{"key lost", func(dir string) error { return os.Remove(filepath.Join(dir, KeyFile)) }, time.Now(), ""},
		{"certificate lost", func(dir string) error { return os.Remove(filepath.Join(dir, CertificateFile)) }, time.Now(), ""},
		{"expired", func(string) error { return nil }, time.Now().Add(2 * selfMadeLifetime), ""},
		{"damaged", func(dir string) error { return os.WriteFile(filepath.Join(dir, KeyFile), []byte("?"), 0o600) },
			time.Now(), "remove both"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			before := selfMade(t, dir, time.Now())
			if err := tt.damage(dir); err != nil {
				t.Fatal(err)
			}
			after, err := ownCertificate(dir, []string{"box"}, tt.now)
			checkReason(t, err, tt.reason)
			if err == nil && fingerprint(after.Leaf) == fingerprint(before.Leaf) {
				t.Error("the certificate is the old one")
			}
		})
	}
}

// handshake connects a client with its own configuration to one with the
// server's and tells the client's error, the one a first read gives included:
// in TLS 1.3 a server refuses the client's certificate only after the client's
// handshake is over.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if err := conn.(*tls.Conn).Handshake(); err != nil {
			t.Logf("the server refused: %v", err)
			return
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Errorf("write: %v", err)
		}
	}()
	defer func() { listener.Close(); <-done }()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", listener.Addr().String(), client)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

func TestG40_TLS(t *testing.T) {
	dir := t.TempDir()
	own := selfMade(t, dir, time.Now())
	trusted := x509.NewCertPool()
	trusted.AddCert(own.Leaf)
	person := clientCertificate(t)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pemOf("CERTIFICATE", person.Leaf.Raw), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		transport Transport
		client    *tls.Config
		reason    string
	}{
		{"1.3 with the own certificate as authority", Transport{}, &tls.Config{RootCAs: trusted}, ""},
		{"1.2 by default", Transport{}, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS12}, "protocol version"},
		{"1.2 allowed", Transport{AllowTLS12: true}, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS12}, ""},
		{"1.1 never", Transport{AllowTLS12: true}, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, "protocol version"},
		{"unknown authority", Transport{}, &tls.Config{RootCAs: x509.NewCertPool()}, "unknown authority"},
		{"files", Transport{CertFile: filepath.Join(dir, CertificateFile), KeyFile: filepath.Join(dir, KeyFile)}, &tls.Config{RootCAs: trusted}, ""},
		{"client certificate demanded", Transport{ClientCA: authority}, &tls.Config{RootCAs: trusted}, "certificate required"},
		{"client certificate of another", Transport{ClientCA: authority},
			&tls.Config{RootCAs: trusted, GetClientCertificate: present(own)}, "unknown certificate authority"},
		{"client certificate", Transport{ClientCA: authority}, &tls.Config{RootCAs: trusted, GetClientCertificate: present(person)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.transport.Listen = "127.0.0.1:0"
			config, err := tt.transport.tlsConfig(dir, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			tt.client.ServerName = "localhost"
			checkReason(t, handshake(t, config, tt.client), tt.reason)
		})
	}
}

// clientCertificate is the certificate of a person, signed by itself.
func clientCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	template, err := certificateTemplate([]string{"person"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// present offers a certificate whatever authorities the server names.
func present(cert tls.Certificate) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
}

func TestTLSFilesThatAreWrong(t *testing.T) {
	dir := t.TempDir()
	selfMade(t, dir, time.Now())
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		transport Transport
		reason    string
	}{
		{"certificate missing", Transport{CertFile: "/nowhere", KeyFile: "/nowhere"}, "/nowhere"},
		{"authorities missing", Transport{ClientCA: "/nowhere"}, "/nowhere"},
		{"authorities empty", Transport{ClientCA: empty}, "no certificate in PEM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.transport.Listen = "127.0.0.1:0"
			_, err := tt.transport.tlsConfig(dir, time.Now())
			checkReason(t, err, tt.reason)
		})
	}
	if config, err := (&Transport{Listen: "127.0.0.1:0", Insecure: true}).tlsConfig(dir, time.Now()); config != nil || err != nil {
		t.Errorf("plain text: %v, %v", config, err)
	}
}

// TestG44_TheCertificateHasTheTargetsName: who comes through a tunnel checks it
// against that.
func TestG44_TheCertificateHasTheTargetsName(t *testing.T) {
	o := options(t, Transport{Names: []string{"", "sw1.example", "no name\x00"}})
	config, err := o.Transport.tlsConfig(o.StateDir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf := config.Certificates[0].Leaf
	if err := leaf.VerifyHostname("sw1.example"); err != nil || slices.Contains(leaf.DNSNames, "") {
		t.Errorf("%v: names %q", err, leaf.DNSNames)
	}
}
