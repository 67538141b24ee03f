package element

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPlainTextToTLS: who forgets that the element speaks TLS is told so.
func TestPlainTextToTLS(t *testing.T) {
	made := httptest.NewTLSServer(nil) // for its certificate
	defer made.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: made.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if err := conn.(*tls.Conn).HandshakeContext(t.Context()); err == nil {
				t.Error("the handshake succeeded")
			}
			conn.Close()
		}
	}()
	c, err := Dial(Options{Address: listener.Addr().(*net.TCPAddr).String(), Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Capabilities(t.Context()); err == nil || !strings.Contains(err.Error(), "leave --insecure away") {
		t.Errorf("got %v, want the remedy", err)
	}
	c.Close()
	listener.Close()
	<-ended
}
