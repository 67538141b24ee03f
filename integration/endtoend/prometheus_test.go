package endtoend

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// Where the element answers Prometheus, and Prometheus answers the test.
const (
	metricsAddress    = "127.0.0.1:9340"
	prometheusAddress = "127.0.0.1:9090"
)

// TestPrometheusScrapes: Debian's Prometheus, told nothing but the address and
// the certificate, has the counters that Get has.
func TestPrometheusScrapes(t *testing.T) {
	testenv.NeedRoot(t)
	root := testenv.Packages(t, debian.Set{Name: "prometheus", Packages: []string{"prometheus"}, Alone: true})
	s := newSite(t, "p1", "p2")
	s.ok(s.Stop())
	s.start("--metrics", metricsAddress)
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	for n := range uint16(3) {
		_, err := traffic.Ping(s.hosts["p1"].namespace, s.hosts["p2"].ip, n+1, soon)
		s.ok(err)
	}

	p := startPrometheus(s, root)
	testenv.Within(t, 4*soon, func() error {
		for _, want := range []string{
			`up{job="signalbox"} == 1`,
			`signalbox_interface_up{interface="p1"} == 1`,
			`signalbox_interface_in_unicast_pkts_total{interface="p1"} >= 3`,
			`signalbox_interface_out_unicast_pkts_total{interface="p2"} >= 3`,
			`signalbox_discards_total{interface="p1",direction="INGRESS",reason="TAG_MISMATCH"} == 0`,
			`signalbox_fdb_dynamic_entries{switch="default"} >= 2`,
		} {
			n, err := p.query(t.Context(), want)
			if err == nil && n == 0 {
				err = fmt.Errorf("nothing matches %s", want)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// prometheus is one that runs beside the element.
type prometheus struct{ client *http.Client }

func startPrometheus(s *site, root *debian.Root) *prometheus {
	s.t.Helper()
	dir := s.t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	s.ok(os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:
- job_name: signalbox
  scheme: https
  tls_config: {ca_file: %s}
  static_configs: [{targets: ["%s"]}]
`, filepath.Join(s.stateDir, "tls/cert.pem"), metricsAddress), 0o644))
	log, err := os.Create(filepath.Join(dir, "log"))
	s.ok(err)
	defer log.Close()
	c := s.sw.Command(context.Background(), root.Path("usr/bin/prometheus"), "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+prometheusAddress)
	c.Stdout, c.Stderr = log, log
	s.ok(s.sw.Start(c))
	s.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // perhaps it has ended before
		_ = c.Wait()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("the log of Prometheus:\n%s", text)
		}
	})
	return &prometheus{s.web(nil)}
}

// web is a client of what serves in the switch's namespace.
func (s *site) web(secured *tls.Config) *http.Client {
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = s.sw.Do(func() error {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
	c := &http.Client{Transport: &http.Transport{DialContext: dial, TLSClientConfig: secured}, Timeout: soon}
	s.t.Cleanup(c.CloseIdleConnections)
	return c
}

// query gives how many series match an expression.
func (p *prometheus) query(ctx context.Context, expression string) (int, error) {
	at := "http://" + prometheusAddress + "/api/v1/query?query=" + url.QueryEscape(expression)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return 0, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, fmt.Errorf("query %s: %w", expression, err)
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("query %s: %s", expression, answer.Error)
	}
	return len(answer.Data.Result), nil
}
