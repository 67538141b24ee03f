package dialout

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// pair writes a self-signed certificate for an address and its key, and gives
// the files.
func pair(t *testing.T, folder, name, address string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.ParseIP(address)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestG44_TLS(t *testing.T) {
	folder := t.TempDir()
	serverCert, serverKey := pair(t, folder, "collector", "127.0.0.1")
	wrongCert, _ := pair(t, folder, "other", "127.0.0.1")
	clientCert, clientKey := pair(t, folder, "element", "127.0.0.9")
	own, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	text, err := os.ReadFile(clientCert)
	if err != nil || !clients.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	c := listen(t, "127.0.0.1:0", grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{own}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})))
	collectors := []string{c.address}

	good := dial(t, Options{Collectors: collectors, Target: "sw1", CAFile: serverCert, CertFile: clientCert, KeyFile: clientKey})
	await(t, good, "registered", registered)
	conn, err := c.open("sw1")
	if err != nil {
		t.Fatal(err)
	}
	answers(t, conn, 100)
	conn.Close()

	for words, o := range map[string]Options{
		"unknown authority": {Collectors: collectors, Target: "sw2", CertFile: clientCert, KeyFile: clientKey},
		"certificate":       {Collectors: collectors, Target: "sw3", CAFile: wrongCert, CertFile: clientCert, KeyFile: clientKey},
		"Unavailable":       {Collectors: collectors, Target: "sw4", CAFile: serverCert}, // shows none
	} {
		d := dial(t, o)
		await(t, d, words, func(s State) bool { return !s.Registered && s.Tries > 2 && strings.Contains(s.Err, words) })
	}
}
