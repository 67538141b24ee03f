package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// client runs a real client in the switch's namespace and gives what it wrote
// to its standard output.
func client(s *site, name string, args ...string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	c := s.sw.Command(ctx, name, args...)
	c.Env = append(os.Environ(), "HOME="+s.t.TempDir(), "GNMIC_TLS_CA="+s.options().Certificate(), "GNMIC_ADDRESS=127.0.0.1:9339")
	var out, complaints strings.Builder
	c.Stdout, c.Stderr = &out, &complaints
	if err := s.sw.Start(c); err != nil {
		return "", err
	}
	if err := c.Wait(); err != nil {
		return out.String() + complaints.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, complaints.String())
	}
	return out.String(), nil
}

// says wants a client to succeed and to say each of the words.
func says(s *site, words []string, name string, args ...string) string {
	s.t.Helper()
	out, err := client(s, name, args...)
	if err != nil {
		s.t.Errorf("%v", err)
	}
	for _, w := range words {
		if !strings.Contains(out, w) {
			s.t.Errorf("%s says %q, want %q in it", strings.Join(args, " "), out, w)
		}
	}
	return out
}

func twoPorts(t *testing.T) *site {
	t.Helper()
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "learn")
	return s
}

// Real clients at fixed versions: "make test-clients" builds them.

func TestClientGNMICCapabilitiesAndGet(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := twoPorts(t)
	says(s, []string{"0.10.0", "openconfig-interfaces", "signalbox-switch-port", "JSON_IETF", "PROTO"}, gnmic, "capabilities")
	const state = "/interfaces/interface[name=p1]/state"
	tests := []struct {
		name  string
		args  []string
		words []string
	}{
		{"json_ietf", []string{"get", "--path", state, "--encoding", "json_ietf"}, []string{"oper-status", "UP", "iana-if-type:ethernetCsmacd"}},
		{"json", []string{"get", "--path", state, "--encoding", "json"}, []string{"oper-status", "UP"}},
		{"proto", []string{"get", "--path", state + "/oper-status", "--encoding", "proto"}, []string{"UP"}},
		{"ascii", []string{"get", "--path", state + "/oper-status", "--encoding", "ascii"}, []string{"UP"}},
		{"config only", []string{"get", "--path", "/interfaces", "--type", "config", "--encoding", "json_ietf"}, []string{"access-vlan"}},
		{"prefix", []string{"get", "--prefix", "/interfaces/interface[name=p2]", "--path", "state/name", "--encoding", "json_ietf"}, []string{"p2"}},
		{"wildcard", []string{"get", "--path", "/interfaces/interface[name=*]/state/oper-status", "--encoding", "json_ietf"}, []string{"p1", "p2"}},
		{"several paths", []string{"get", "--path", "/system/state/hostname", "--path", state + "/mtu", "--encoding", "json_ietf"}, []string{"1500"}},
		{"skipping verification", []string{"get", "--skip-verify", "--tls-ca", "", "--path", state + "/mtu", "--encoding", "json_ietf"}, []string{"1500"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := *s
			in.t = t
			says(&in, tt.words, gnmic, tt.args...)
		})
	}
	out, err := client(s, gnmic, "get", "--path", "/interfaces/nothing", "--encoding", "json_ietf")
	if err == nil || !strings.Contains(out, "InvalidArgument") || !strings.Contains(out, "nothing") {
		t.Errorf("an unknown path: %v %s; want InvalidArgument that names it", err, out)
	}
}

func TestClientGNMICSet(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := twoPorts(t)
	const config = "/interfaces/interface[name=p1]/config"
	says(s, []string{"UPDATE"}, gnmic, "set", "--update-path", config+"/description", "--update-value", "by gnmic")
	s.leaf("/interfaces/interface[name=p1]/state/description", "by gnmic")
	says(s, []string{"UPDATE"}, gnmic, "set", "--update", config+"/mtu:::uint:::1800")
	s.leaf("/interfaces/interface[name=p1]/state/mtu", "1800")
	says(s, []string{"UPDATE"}, gnmic, "set", "--update", config+"/mtu:::int:::1700")
	s.leaf("/interfaces/interface[name=p1]/state/mtu", "1700")

	file := t.TempDir() + "/config.json"
	s.ok(os.WriteFile(file, []byte(`{"name":"p1","type":"iana-if-type:ethernetCsmacd","mtu":1600,"enabled":true}`), 0o600))
	says(s, []string{"REPLACE"}, gnmic, "set", "--encoding", "json_ietf", "--replace-path", config, "--replace-file", file)
	s.leaf("/interfaces/interface[name=p1]/state/mtu", "1600")
	says(s, []string{"DELETE"}, gnmic, "set", "--delete", config+"/mtu")

	before := s.running()
	out, err := client(s, gnmic, "set", "--update-path", "/interfaces/interface[name=p1]/ethernet/switched-vlan/config/access-vlan", "--update-value", "4095")
	if err == nil || !strings.Contains(out, "InvalidArgument") || !strings.Contains(out, "access-vlan") {
		t.Errorf("VLAN 4095: %v %s; want InvalidArgument that names the path", err, out)
	}
	if after := s.running(); after != before {
		t.Errorf("the configuration changed from\n%s\nto\n%s", before, after)
	}
}

func TestClientGNMICSubscribe(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := twoPorts(t)
	says(s, []string{"oper-status: UP", "p1", "p2"}, gnmic, "subscribe", "--mode", "once", "--format", "flat",
		"--path", "/interfaces/interface/state/oper-status", "--encoding", "proto")
	says(s, []string{"access-vlan: 10"}, gnmic, "subscribe", "--mode", "once", "--format", "flat",
		"--path", "/interfaces/interface[name=p1]/ethernet/switched-vlan", "--encoding", "json_ietf")

	tests := []struct {
		name string
		args []string
		want string
		do   func()
	}{
		{
			"on change", []string{"--stream-mode", "on-change", "--path", "/interfaces/interface[name=p2]/state/oper-status"}, "oper-status: DOWN",
			func() { s.ok(s.hosts["p2"].namespace.SetUp("eth0", false)) },
		},
		{
			"sample", []string{"--stream-mode", "sample", "--sample-interval", "200ms", "--path", "/interfaces/interface[name=p1]/state/counters/in-broadcast-pkts"},
			fmt.Sprintf("in-broadcast-pkts: %d", s.count("/interfaces/interface[name=p1]/state/counters/in-broadcast-pkts")+3),
			func() {
				for range 3 {
					s.send(s.hosts["p1"], frame(s.hosts["p1"], traffic.Broadcast, "sampled"))
				}
			},
		},
		{
			"target defined", []string{"--stream-mode", "target-defined", "--path", "/interfaces/interface[name=p1]/config"}, "description: told",
			func() {
				s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "told"))
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"subscribe", "--mode", "stream", "--format", "flat", "--encoding", "proto"}, tt.args...)
			stream := startStream(t, s, gnmic, args...)
			stream.await(t, "/") // the first values have come
			tt.do()
			stream.await(t, tt.want)
		})
	}
}

// stream is a client that runs on.
type stream struct{ lines chan string }

func startStream(t *testing.T, s *site, name string, args ...string) *stream {
	t.Helper()
	c := s.sw.Command(context.Background(), name, args...)
	c.Env = append(os.Environ(), "HOME="+t.TempDir(), "GNMIC_TLS_CA="+s.options().Certificate(), "GNMIC_ADDRESS=127.0.0.1:9339")
	st := &stream{lines: make(chan string, 1<<12)}
	c.Stdout, c.Stderr = writer(st.lines), writer(st.lines)
	if err := s.sw.Start(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // gnmic goes on after SIGTERM
		_ = c.Wait()
	})
	return st
}

// writer hands on what is written, without ever waiting.
type writer chan string

func (w writer) Write(p []byte) (int, error) {
	select {
	case w <- string(p):
	default:
	}
	return len(p), nil
}

func (st *stream) await(t *testing.T, want string) {
	t.Helper()
	var all strings.Builder
	timer := time.NewTimer(15 * time.Second)
	defer timer.Stop()
	for {
		select {
		case text := <-st.lines:
			if all.WriteString(text); strings.Contains(all.String(), want) {
				return
			}
		case <-timer.C:
			t.Fatalf("the stream says %q, want %q in it", all.String(), want)
		}
	}
}

func TestClientGRPCurl(t *testing.T) {
	grpcurl := testenv.Client(t, testenv.GRPCurl)
	s := twoPorts(t)
	address := []string{"-cacert", s.options().Certificate()}
	call := func(words []string, args ...string) {
		t.Helper()
		says(s, words, grpcurl, append(address, args...)...)
	}
	call([]string{"gnmi.gNMI", "grpc.health.v1.Health"}, "127.0.0.1:9339", "list")
	call([]string{"rpc Subscribe"}, "127.0.0.1:9339", "describe", "gnmi.gNMI")
	call([]string{"SERVING"}, "127.0.0.1:9339", "grpc.health.v1.Health/Check")
	call([]string{"0.10.0"}, "127.0.0.1:9339", "gnmi.gNMI/Capabilities")
	call([]string{"update"}, "-d", `{"path":[{"elem":[{"name":"system"},{"name":"state"},{"name":"hostname"}]}],"encoding":"JSON_IETF"}`,
		"127.0.0.1:9339", "gnmi.gNMI/Get")
}

func TestClientGNMICLI(t *testing.T) {
	cli := testenv.Client(t, testenv.GNMICLI)
	s := twoPorts(t)
	address := []string{"-address", "127.0.0.1:9339", "-ca_crt", s.options().Certificate()}
	call := func(words []string, args ...string) {
		t.Helper()
		says(s, words, cli, append(address, args...)...)
	}
	call([]string{"0.10.0", "openconfig-interfaces"}, "-capabilities")
	call([]string{"UP"}, "-get", "-proto", `path:{elem:{name:"interfaces"} elem:{name:"interface" key:{key:"name" value:"p1"}} elem:{name:"state"} elem:{name:"oper-status"}} encoding:JSON_IETF`)
	call([]string{"timestamp"}, "-set", "-proto", `update:{path:{elem:{name:"interfaces"} elem:{name:"interface" key:{key:"name" value:"p1"}} elem:{name:"config"} elem:{name:"description"}} val:{string_val:"by gnmi_cli"}}`)
	s.leaf("/interfaces/interface[name=p1]/state/description", "by gnmi_cli")
	call([]string{"oper-status"}, "-q", "/interfaces/interface/state/oper-status", "-qt", "once")
}

// TestCommandLine runs the project's own client.
func TestCommandLine(t *testing.T) {
	s := twoPorts(t)
	s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "to the printer"))
	s.leaf("/interfaces/interface[name=p1]/state/description", "to the printer")
	s.send(s.hosts["p1"], traffic.Frame{Dst: s.hosts["p2"].mac, Src: s.hosts["p1"].mac, Tagged: true, TCI: 5})
	a := s.hosts["p1"].mac.String()
	tests := []struct {
		name  string
		args  []string
		words []string
	}{
		{"status", []string{"status"}, []string{"serves at 127.0.0.1:9339", "2 of them switch ports"}},
		{"interfaces", []string{"show", "interfaces"}, []string{"INTERFACE", "p1", "lo", "ACCESS", "to the printer", "VETH"}},
		{"one interface", []string{"show", "interfaces", "p2", "--json"}, []string{`"name": "p2"`, `"vlans": "10"`, `"mtu": 1500`}},
		{"ports only", []string{"show", "interfaces", "--switched"}, []string{"p1", "p2"}},
		{"vlans", []string{"show", "vlans"}, []string{"default", "10", "ACTIVE", "p1 p2"}},
		{"fdb", []string{"show", "fdb"}, []string{a, "p1", "DYNAMIC"}},
		{"fdb of one port", []string{"show", "fdb", "--interface", "p1", "--vlan", "10"}, []string{a}},
		{"counters", []string{"show", "counters"}, []string{"p1", "p2"}},
		{"drops", []string{"show", "counters", "--drops"}, []string{"TAG_MISMATCH", "INGRESS", "264"}},
		{"config", []string{"show", "config"}, []string{"openconfig-interfaces:interfaces", "access-vlan", "to the printer"}},
		{"part of config", []string{"show", "config", "/interfaces/interface[name=p1]/config"}, []string{"to the printer"}},
		{"get", []string{"get", "/interfaces/interface[name=p1]/state/oper-status"}, []string{"UP"}},
		{"get as JSON", []string{"get", "--json", "/interfaces/interface[name=p1]/state/mtu"}, []string{`"value": 1500`}},
		{"set", []string{"set", "/interfaces/interface[name=p2]/config/description", "4711"}, []string{"updated /interfaces/interface[name=p2]/config/description"}},
		{"what was set", []string{"get", "/interfaces/interface[name=p2]/config/description"}, []string{"4711"}},
		{"watch", []string{"watch", "--count", "1", "/interfaces/interface[name=p2]/config/description"}, []string{"= 4711"}},
		{"completion of names", []string{"__complete", "show", "interfaces", ""}, []string{"p1\tUP", "p2\tUP"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := s.cli(tt.args...)
			if err != nil {
				t.Error(err)
			}
			for _, w := range tt.words {
				if !strings.Contains(out, w) {
					t.Errorf("it says\n%s\nwant %q in it", out, w)
				}
			}
			var v any
			if strings.Contains(strings.Join(tt.args, " "), "--json") && json.Unmarshal([]byte(out), &v) != nil {
				t.Errorf("%q is no JSON", out)
			}
		})
	}
	for _, args := range [][]string{
		{"show", "interfaces", "nowhere"},
		{"get", "/nothing"},
		{"set", "/interfaces/interface[name=p1]/config/mtu", "1"},
	} {
		if out, err := s.cli(args...); err == nil {
			t.Errorf("signalbox %s succeeds: %s", strings.Join(args, " "), out)
		}
	}
	s.ok(s.Stop())
	if _, err := s.cli("status"); err == nil || !strings.Contains(err.Error(), "signalbox serve") {
		t.Errorf("status without an element: %v, want how to start one", err)
	}
	s.start()
}
