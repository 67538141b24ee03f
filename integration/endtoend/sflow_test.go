package endtoend

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/signalbox/signalbox/integration/debian"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestSFlowToCollector: a public collector, pmacct's sfacctd of Debian, reads
// the flows that crossed the switch from the element's samples.
func TestSFlowToCollector(t *testing.T) {
	testenv.NeedRoot(t)
	root := testenv.Packages(t, debian.Set{Name: "pmacct", Packages: []string{"pmacct"}})
	s := newSite(t, "p1", "p2")
	c := startSfacctd(s, root)
	const sflow = "/sampling/sflow/"
	s.configure(
		element.Access("p1", 10), element.Access("p2", 10),
		element.Update(sflow+"config/enabled", true), element.Update(sflow+"config/agent-id-ipv4", "192.0.2.1"),
		element.Update(sflow+"config/ingress-sampling-rate", 2), element.Update(sflow+"config/polling-interval", 1),
		element.Update(sflow+"collectors/collector[address=127.0.0.1][port=6343]/config", map[string]any{"address": "127.0.0.1", "port": 6343}),
	)
	s.forwarding(true, "p1", "p2")
	sequence := uint16(0)
	testenv.Within(t, 6*soon, func() error {
		for range 20 {
			sequence++
			if _, err := traffic.Ping(s.hosts["p1"].namespace, s.hosts["p2"].ip, sequence, soon); err != nil {
				return err
			}
		}
		return c.saw(s.hosts["p1"].ip.String(), s.hosts["p2"].ip.String())
	})
	sent, err := s.Text(t.Context(), sflow+"collectors/collector[address=127.0.0.1][port=6343]/state/packets-sent")
	if err != nil || sent == "0" || sent == "" {
		t.Errorf("packets-sent is %q, %v; want some", sent, err)
	}
}

// sfacctd is a running collector that prints what it knows every second.
type sfacctd struct{ output string }

func startSfacctd(s *site, root *debian.Root) *sfacctd {
	s.t.Helper()
	dir := s.t.TempDir()
	c := &sfacctd{filepath.Join(dir, "flows.json")}
	config := filepath.Join(dir, "sfacctd.conf")
	s.ok(os.WriteFile(config, fmt.Appendf(nil, `daemonize: false
sfacctd_ip: 127.0.0.1
sfacctd_port: 6343
plugins: print
aggregate: src_host, dst_host, proto, vlan
print_output: json
print_output_file: %s
print_output_file_append: true
print_refresh_time: 1
sfacctd_renormalize: true
`, c.output), 0o644))
	log, err := os.Create(filepath.Join(dir, "log"))
	s.ok(err)
	defer log.Close()
	args := append(root.Args("usr/sbin/sfacctd"), "-f", config)
	p := s.sw.Command(context.Background(), args[0], args[1:]...)
	p.SysProcAttr.Setpgid = true // it has children
	p.Stdout, p.Stderr = log, log
	s.ok(s.sw.Start(p))
	s.t.Cleanup(func() {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGTERM) // perhaps it has ended before
		_ = p.Wait()
		if s.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			s.t.Logf("the collector's log:\n%s", text)
		}
	})
	return c
}

// saw is nil when frames between two hosts were counted in VLAN 10.
func (c *sfacctd) saw(from, to string) error {
	file, err := os.Open(c.output)
	if err != nil {
		return err
	}
	defer file.Close()
	seen := []string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var flow struct {
			From    string `json:"ip_src"`
			To      string `json:"ip_dst"`
			VLAN    any    `json:"vlan"`
			Packets int    `json:"packets"`
		}
		if err := json.Unmarshal(lines.Bytes(), &flow); err != nil {
			continue // a line that is being written
		}
		seen = append(seen, lines.Text())
		if flow.From == from && flow.To == to && fmt.Sprint(flow.VLAN) == "10" && flow.Packets > 0 {
			return nil
		}
	}
	return fmt.Errorf("no flow from %s to %s in VLAN 10 among %s", from, to, strings.Join(seen, "\n"))
}
