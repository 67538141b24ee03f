package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scraped runs a server that Prometheus may scrape, and gives the page's URL
// and a client that trusts the server.
func scraped(t *testing.T, o Options) (string, *http.Client) {
	t.Helper()
	o.Metrics = "127.0.0.1:0"
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, newIdle()) }()
	client := &http.Client{Timeout: 30 * time.Second}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	url := "http://" + s.metrics.Addr().String() + metricsPath
	if o.Transport.Insecure {
		return url, client
	}
	own, err := os.ReadFile(filepath.Join(o.StateDir, CertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(own)
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	return strings.Replace(url, "http:", "https:", 1), client
}

// scrapeAs reads the page as a user; "" is nobody.
func scrapeAs(t *testing.T, client *http.Client, url, name, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(bounded(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		req.SetBasicAuth(name, password)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestMetricsAreServed(t *testing.T) {
	for _, plain := range []bool{false, true} {
		url, client := scraped(t, options(t, Transport{Insecure: plain}))
		code, page := scrapeAs(t, client, url, "", "")
		for _, line := range []string{`signalbox_build_info{version="test"} 1`, "signalbox_host_memory_physical_bytes ", "process_resident_memory_bytes ", "go_goroutines "} {
			if code != http.StatusOK || !strings.Contains(page, "\n"+line) {
				t.Errorf("plain text %v: status %d without %q", plain, code, line)
			}
		}
	}
}

// TestMetricsNeedWhatCallsNeed: the users of gNMI are the users of the page, and
// the authz policy knows it by its name.
func TestMetricsNeedWhatCallsNeed(t *testing.T) {
	o := options(t, Transport{})
	addUsers(t, o.StateDir, "alice", "bob")
	place(t, o.StateDir, "access/authz.json", `{"name":"p","allow_rules":[
		{"name":"scrapers","source":{"principals":["alice"]},"request":{"paths":["/signalbox.Metrics/Scrape"]}}]}`)
	url, client := scraped(t, o)
	tests := []struct {
		name, user, password string
		code                 int
	}{
		{"nobody", "", "", http.StatusUnauthorized},
		{"a wrong password", "alice", "wrong", http.StatusUnauthorized},
		{"a user whom the policy allows", "alice", password, http.StatusOK},
		{"a user whom it does not", "bob", password, http.StatusForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, page := scrapeAs(t, client, url, tt.user, tt.password)
			if code != tt.code || (code == http.StatusOK) != strings.Contains(page, "signalbox_build_info") {
				t.Errorf("status %d: %.100s; want %d", code, page, tt.code)
			}
		})
	}
}

func TestMetricsAddressIsRefused(t *testing.T) {
	tests := []struct{ name, address, word string }{
		{"no port", "127.0.0.1", "want host:port"},
		{"plain text for others", "0.0.0.0:0", "plain text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t, Transport{Insecure: true})
			o.Metrics = tt.address
			s, err := Listen(o)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("error %v, want one with %q", err, tt.word)
			}
		})
	}
}
