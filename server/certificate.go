package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signalbox/signalbox/server/file"
)

// selfMadeLifetime is how long a certificate made at first start is valid. It
// is long because clients pin it.
const selfMadeLifetime = 10 * 365 * 24 * time.Hour

// CertificateFile and KeyFile are the places of the certificate that the
// element makes for itself, below the state folder. The certificate may be
// read by everybody and is what clients take as their authority.
const (
	CertificateFile = "tls/cert.pem"
	KeyFile         = "tls/key.pem"
)

// ownCertificate loads the element's self-made certificate from the state
// folder, and makes it where there is none or it has expired.
func ownCertificate(stateDir string, names []string, now time.Time) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(stateDir, CertificateFile), filepath.Join(stateDir, KeyFile)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case err == nil && now.Before(cert.Leaf.NotAfter):
		return cert, nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		if err := makeCertificate(certFile, keyFile, names, now); err != nil {
			return tls.Certificate{}, err
		}
		return tls.LoadX509KeyPair(certFile, keyFile)
	}
	return tls.Certificate{}, fmt.Errorf("tls: %s and %s: %w (remove both to have new ones made)", certFile, keyFile, err)
}

// makeCertificate writes a new key (P-256) and a certificate for the names,
// signed by itself.
func makeCertificate(certFile, keyFile string, names []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("tls: make a key: %w", err)
	}
	template, err := certificateTemplate(names, now)
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("tls: make a certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("tls: encode the key: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(certFile), 0o755); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	// The certificate goes first: a stop in between leaves a pair that is
	// incomplete, and is made anew.
	if err := os.Remove(keyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("tls: %w", err)
	}
	if err := file.Replace(certFile, pemOf("CERTIFICATE", der), 0o644); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	if err := file.Replace(keyFile, pemOf("PRIVATE KEY", keyDER), 0o600); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

func certificateTemplate(names []string, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("tls: serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: names[0], Organization: []string{"Signalbox"}},
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.Add(selfMadeLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// A client that takes the certificate as its authority asks for this.
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return template, nil
}

// certificateNames are the names of a self-made certificate: those of this
// machine, the loopback addresses and the address it listens on.
func certificateNames(hostname, listenHost string) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if hostname != "" && hostname != "localhost" {
		names = append([]string{hostname}, names...)
	}
	if ip := net.ParseIP(listenHost); ip != nil && !ip.IsUnspecified() && !ip.IsLoopback() {
		names = append(names, ip.String())
	}
	return names
}

// hostNames are those of the names that a certificate can hold.
func hostNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
	})
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// fingerprint is the SHA-256 of a certificate as openssl(1) prints it.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}
