package endtoend

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	tpb "github.com/openconfig/grpctunnel/proto/tunnel"
	"github.com/openconfig/grpctunnel/tunnel"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// collector is where the elements of these tests dial to, in the switch's
// namespace.
const collectorAddress = "127.0.0.1:57400"

// collectorLeaf begins the paths of what is told of it.
const collectorLeaf = "/system/grpc-servers/grpc-server/dial-out/collector[address=" + collectorAddress + "]/state/"

// collector is OpenConfig's own tunnel server.
type collector struct {
	*tunnel.Server
	targets chan tunnel.Target // as they register
	grpc    *grpc.Server
	done    chan struct{}
}

func startCollector(s *site) *collector {
	s.t.Helper()
	c := &collector{targets: make(chan tunnel.Target, 100), grpc: grpc.NewServer(), done: make(chan struct{})}
	var err error
	c.Server, err = tunnel.NewServer(tunnel.ServerConfig{AddTargetHandler: func(t tunnel.Target) error {
		c.targets <- t
		return nil
	}})
	s.ok(err)
	var l net.Listener
	s.ok(s.sw.Do(func() (err error) {
		l, err = net.Listen("tcp4", collectorAddress)
		return err
	}))
	tpb.RegisterTunnelServer(c.grpc, c.Server)
	go func() {
		defer close(c.done)
		_ = c.grpc.Serve(l)
	}()
	s.t.Cleanup(c.stop)
	return c
}

func (c *collector) stop() {
	c.grpc.Stop()
	<-c.done
}

// client waits until the element has registered, and gives a client that
// reaches it through the tunnel.
func (c *collector) client(s *site, name string) *element.Client {
	s.t.Helper()
	select {
	case got := <-c.targets:
		if want := (tunnel.Target{ID: name, Type: tpb.TargetType_GNMI_GNOI.String()}); got != want {
			s.t.Fatalf("%+v registers, want %+v", got, want)
		}
	case <-time.After(4 * soon):
		s.t.Fatal("the element does not register")
	}
	conn, err := grpc.NewClient("passthrough:///"+name,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return tunnel.ServerConn(ctx, c.Server, &tunnel.Target{ID: name, Type: tpb.TargetType_GNMI_GNOI.String()})
		}))
	s.ok(err)
	s.t.Cleanup(func() { conn.Close() })
	return &element.Client{GNMIClient: gpb.NewGNMIClient(conn), Conn: conn}
}

// dialOut are the arguments of an element that dials the collector.
func dialOut(name string) []string {
	return []string{"--dial-out", collectorAddress, "--dial-out-target", name, "--dial-out-insecure"}
}

// TestG44_DialOutServesAll: through the tunnel a collector does all that it
// could do at the element's own port, also after it was away.
func TestG44_DialOutServesAll(t *testing.T) {
	s := newSite(t, "p1")
	s.ok(s.Stop())
	s.start(dialOut("sw1")...)
	for range 2 {
		c := startCollector(s)
		far := c.client(s, "sw1")
		capabilities, err := far.Capabilities(t.Context(), &gpb.CapabilityRequest{})
		s.ok(err)
		if len(capabilities.GetSupportedModels()) == 0 {
			t.Error("no models")
		}
		servesAll(s, far)
		s.leaf(collectorLeaf+"registered", "true")
		if out := s.run("status"); !strings.Contains(out, collectorAddress+", registered as sw1, 1 sessions") {
			t.Errorf("status says\n%s", out)
		}
		c.stop()
		s.leaf(collectorLeaf+"registered", "false")
		s.leaf(collectorLeaf+"sessions", "0")
		if out := s.run("status"); !strings.Contains(out, collectorAddress+", not registered: ") {
			t.Errorf("status says\n%s", out)
		}
		_, err = far.Capabilities(t.Context(), &gpb.CapabilityRequest{})
		code(t, err, codes.Unavailable)
		s.leaf("/interfaces/interface[name=p1]/state/oper-status", "UP") // at its own port it goes on
	}
	for _, words := range []string{"registered with collector", "not registered with collector"} {
		if n := strings.Count(s.Log(), `msg="`+words); n < 1 || n > 3 {
			t.Errorf("the log says %d times %q:\n%s", n, words, s.Log())
		}
	}
}

// servesAll follows a leaf while it is set and read.
func servesAll(s *site, far *element.Client) {
	s.t.Helper()
	const path = "/interfaces/interface[name=p1]/config/description"
	ctx, cancel := context.WithTimeout(s.t.Context(), 4*soon)
	defer cancel()
	stream, err := far.Subscribe(ctx)
	s.ok(err)
	s.ok(stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{
		Subscribe: subscription(gpb.SubscriptionList_STREAM, path, gpb.SubscriptionMode_ON_CHANGE, 0)}}))
	rpc := &opened{stream, cancel}
	_, err = rpc.untilSync()
	s.ok(err)
	for _, text := range []string{"short", strings.Repeat("long ", 50), ""} {
		s.ok(far.Configure(ctx, element.Access("p1", 10), element.Update(path, text)))
		answer, err := rpc.Recv()
		s.ok(err)
		if got := leavesOf([]*gpb.SubscribeResponse{answer})[path]; got != text {
			s.t.Errorf("told %q, want %q", got, text)
		}
		if got, err := far.Text(ctx, path); err != nil || got != text {
			s.t.Errorf("read %q %v, want %q", got, err, text)
		}
	}
}

// TestG44_DialOutAsksWhoCalls: a tunnel proves nothing of who comes through it.
func TestG44_DialOutAsksWhoCalls(t *testing.T) {
	s := newSite(t)
	s.ok(s.Stop())
	const password = "correct horse"
	addUser(s, "alice", password)
	s.start(dialOut("sw1")...)
	far := startCollector(s).client(s, "sw1")
	for _, tt := range []struct {
		metadata []string
		want     codes.Code
	}{
		{nil, codes.Unauthenticated},
		{[]string{"username", "alice", "password", "wrong"}, codes.Unauthenticated},
		{[]string{"username", "alice", "password", password}, codes.OK},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), tt.metadata...)
		_, err := far.Capabilities(ctx, &gpb.CapabilityRequest{})
		code(t, err, tt.want)
	}
	if audit, err := os.ReadFile(s.stateDir + "/audit.log"); err != nil || !strings.Contains(string(audit), `"peer":"127.0.0.1:57400 by dial-out"`) {
		t.Errorf("the audit log does not say from where: %v\n%s", err, audit)
	}
}

// addUser enters a user, as an administrator does.
func addUser(s *site, name, password string) {
	s.t.Helper()
	add := exec.CommandContext(s.t.Context(), os.Getenv(binaryVariable), "user", "add", name, "--state-dir", s.stateDir)
	add.Stdin = strings.NewReader(password)
	if out, err := add.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// TestG44_DialOutRefusesToStart: what would expose the element is refused.
func TestG44_DialOutRefusesToStart(t *testing.T) {
	s := newSite(t)
	s.ok(s.Stop())
	for words, args := range map[string][]string{
		"plain text to another machine":  {"--dial-out", "192.0.2.1:1", "--dial-out-insecure"},
		"plain text through a collector": {"--dial-out", "192.0.2.1:1", "--insecure"},
		"no collector":                   {"--dial-out-target", "x"},
		"host:port":                      {"--dial-out", "192.0.2.1"},
	} {
		_, err := element.Start(t.Context(), s.options(args...))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v: %v, want %q", args, err, words)
		}
	}
}

// TestClientGNMICTunnel: gnmic's tunnel server is the other end.
func TestClientGNMICTunnel(t *testing.T) {
	gnmic := testenv.Client(t, testenv.GNMIC)
	s := twoPorts(t)
	s.ok(s.Stop())
	s.start(dialOut("sw1")...)
	file := t.TempDir() + "/gnmic.yaml"
	s.ok(os.WriteFile(file, []byte("skip-verify: true\ntunnel-server:\n  address: "+collectorAddress+"\n  target-wait-time: 6s\n"), 0o600))
	tunnelled := func(words []string, args ...string) {
		t.Helper()
		says(s, words, gnmic, append([]string{"--config", file, "--use-tunnel-server", "--address", "", "--tls-ca", ""}, args...)...)
	}
	const config = "/interfaces/interface[name=p1]/config"
	tunnelled([]string{"0.10.0", "openconfig-interfaces"}, "capabilities")
	tunnelled([]string{"UPDATE"}, "set", "--update", config+"/description:::string:::by tunnel")
	tunnelled([]string{"by tunnel"}, "get", "--path", config, "--encoding", "json_ietf")
	tunnelled([]string{"oper-status: UP"}, "subscribe", "--mode", "once", "--format", "flat", "--encoding", "proto", "--path", "/interfaces/interface/state/oper-status")

	stream := startStream(t, s, gnmic, "--config", file, "--use-tunnel-server", "--address", "", "--tls-ca", "",
		"subscribe", "--mode", "stream", "--stream-mode", "on-change", "--format", "flat", "--encoding", "proto", "--path", config)
	stream.await(t, "by tunnel")
	s.configure(element.Update(config+"/description", "while it streams"))
	stream.await(t, "while it streams")
}
