package dialout

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	tpb "github.com/openconfig/grpctunnel/proto/tunnel"
	"github.com/openconfig/grpctunnel/tunnel"
	"google.golang.org/grpc"
)

// bound is how long a condition may take to hold on a busy machine.
const bound = 20 * time.Second

// collectorServer is a collector: OpenConfig's own tunnel server.
type collectorServer struct {
	*tunnel.Server
	address string
	grpc    *grpc.Server
	done    chan struct{}
}

// listen starts a collector at an address; "127.0.0.1:0" is any.
func listen(t *testing.T, address string, options ...grpc.ServerOption) *collectorServer {
	t.Helper()
	s, err := tunnel.NewServer(tunnel.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c := &collectorServer{Server: s}
	c.serve(t, address, s, options...)
	return c
}

func (c *collectorServer) serve(t *testing.T, address string, service tpb.TunnelServer, options ...grpc.ServerOption) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.address, c.grpc, c.done = l.Addr().String(), grpc.NewServer(options...), make(chan struct{})
	tpb.RegisterTunnelServer(c.grpc, service)
	go func() {
		defer close(c.done)
		_ = c.grpc.Serve(l)
	}()
	t.Cleanup(c.stop)
}

func (c *collectorServer) stop() {
	c.grpc.Stop()
	<-c.done
}

// open opens a session to a target.
func (c *collectorServer) open(target string) (*tunnel.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	return tunnel.ServerConn(ctx, c.Server, &tunnel.Target{ID: target, Type: tpb.TargetType_GNMI_GNOI.String()})
}

// dial runs a dialer until the test ends, with short pauses. What is opened to
// it answers with what it gets.
func dial(t *testing.T, o Options) *Dialer {
	t.Helper()
	d := newTest(t, o)
	run(t, d)
	return d
}

func newTest(t *testing.T, o Options) *Dialer {
	t.Helper()
	d, err := New(o, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	d.firstPause, d.lastPause = 5*time.Millisecond, 50*time.Millisecond
	return d
}

func run(t *testing.T, d *Dialer) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	running.Go(func() { echo(d.Listener()) })
	t.Cleanup(func() {
		cancel()
		d.Listener().Close()
		running.Wait()
		for _, s := range d.State() {
			if s.Sessions != 0 || s.Registered {
				t.Errorf("at the end: %+v", s)
			}
		}
	})
}

func echo(l net.Listener) {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		open.Go(func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		})
	}
}

// await waits until the state of the only collector is as wanted.
func await(t *testing.T, d *Dialer, what string, want func(State) bool) {
	t.Helper()
	within(t, func() error {
		if s := d.State()[0]; !want(s) {
			return fmt.Errorf("%s: %+v", what, s)
		}
		return nil
	})
}

func within(t *testing.T, holds func() error) {
	t.Helper()
	for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func registered(s State) bool { return s.Registered }

// answers wants a session to carry octets to and fro.
func answers(t *testing.T, c io.ReadWriter, size int) {
	t.Helper()
	sent, got := make([]byte, size), make([]byte, size)
	_, _ = rand.Read(sent) // never fails
	written := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		written <- err
	}()
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d octets come back: %v, the same: %t", size, err, bytes.Equal(got, sent))
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestG44_SessionsCarryOctets(t *testing.T) {
	c := listen(t, "127.0.0.1:0")
	d := dial(t, Options{Collectors: []string{c.address}, Target: "sw1", Insecure: true})
	await(t, d, "registered", registered)
	for range 3 {
		var open []*tunnel.Conn
		for range 5 {
			conn, err := c.open("sw1")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		for i, conn := range open {
			answers(t, conn, 1<<(5*i))
		}
		if got := d.State()[0].Sessions; got != 5 {
			t.Errorf("%d sessions are open, want 5", got)
		}
		for _, conn := range open {
			conn.Close() // this end of a tunnel is never sure that it told
		}
		await(t, d, "all closed", func(s State) bool { return s.Sessions == 0 })
	}
	if s := d.State()[0]; s.Tries != 1 || s.Err != "" || s.Since.IsZero() {
		t.Errorf("it ends with %+v", s)
	}
}

// TestG44_TheElementCloses: what is served ends a session by itself, and all
// that it wrote arrives.
func TestG44_TheElementCloses(t *testing.T) {
	c := listen(t, "127.0.0.1:0")
	d := newTest(t, Options{Collectors: []string{c.address}, Target: "sw1", Insecure: true})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	defer running.Wait()
	defer cancel()
	const size = 1 << 20
	running.Go(func() {
		conn, err := d.Listener().Accept()
		if err != nil {
			t.Error(err)
			return
		}
		a, ok := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort })
		if !ok || a.AddrPort().String() != c.address || conn.RemoteAddr().String() != c.address+" by dial-out" {
			t.Errorf("the other end is %v", conn.RemoteAddr())
		}
		_, err = conn.Write(make([]byte, size))
		if err != nil {
			t.Error(err)
		}
		conn.Close()
	})
	await(t, d, "registered", registered)
	conn, err := c.open("sw1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if len(got) != size || err != nil {
		t.Errorf("%d octets arrive, %v; want %d", len(got), err, size)
	}
	conn.Close()
	await(t, d, "closed", func(s State) bool { return s.Sessions == 0 })
}

func TestG44_CollectorsThatGoAway(t *testing.T) {
	c := listen(t, "127.0.0.1:0")
	other := listen(t, "127.0.0.1:0")
	d := dial(t, Options{Collectors: []string{c.address, other.address}, Target: "sw1", Insecure: true})
	for range 3 {
		await(t, d, "registered", registered)
		conn, err := c.open("sw1")
		if err != nil {
			t.Fatal(err)
		}
		answers(t, conn, 100)
		c.stop()
		await(t, d, "the collector went", func(s State) bool { return !s.Registered && s.Sessions == 0 && s.Err != "" })
		tries := d.State()[0].Tries
		await(t, d, "it is tried again", func(s State) bool { return s.Tries > tries+1 })
		c = listen(t, c.address)
	}
	await(t, d, "registered", registered)
	within(t, func() error {
		if s := d.State()[1]; !s.Registered || s.Tries != 1 {
			return fmt.Errorf("the other collector sees %+v of it", s)
		}
		return nil
	})
	conn, err := other.open("sw1")
	if err != nil {
		t.Fatal(err)
	}
	answers(t, conn, 100)
}

func TestG44_WhatIsRefused(t *testing.T) {
	c := listen(t, "127.0.0.1:0")
	d := dial(t, Options{Collectors: []string{c.address}, Target: "sw1", Insecure: true})
	await(t, d, "registered", registered)

	second := dial(t, Options{Collectors: []string{c.address}, Target: "sw1", Insecure: true})
	await(t, second, "the name is taken", func(s State) bool { return !s.Registered && strings.Contains(s.Err, "already registered") })

	var open []*tunnel.Conn
	for range MaxSessions {
		conn, err := c.open("sw1")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	if _, err := c.open("sw1"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("one session too many: %v", err)
	}
	open[0].Close()
	await(t, d, "one is closed", func(s State) bool { return s.Sessions < MaxSessions })
	conn, err := c.open("sw1")
	if err != nil {
		t.Fatal(err)
	}
	answers(t, conn, 100)
}

// strange is a collector that says what no collector should.
type strange struct {
	tpb.UnimplementedTunnelServer
	refusals chan string
}

func (s *strange) Register(stream tpb.Tunnel_RegisterServer) error {
	op, err := stream.Recv()
	if err != nil {
		return err
	}
	target := op.GetTarget()
	for _, op := range []*tpb.RegisterOp{
		{},
		{Registration: &tpb.RegisterOp_Session{}},
		{Registration: &tpb.RegisterOp_Subscription{}},
		{Registration: &tpb.RegisterOp_Target{}},
		{Registration: &tpb.RegisterOp_Target{Target: &tpb.Target{Op: tpb.Target_ADD, Target: "other", TargetType: "x"}}},
		{Registration: &tpb.RegisterOp_Session{Session: &tpb.Session{Tag: -1, Accept: true, Target: target.GetTarget(), TargetType: targetType}}},
		{Registration: &tpb.RegisterOp_Session{Session: &tpb.Session{Tag: 7, Accept: true, Target: "other", TargetType: targetType}}},
		{Registration: &tpb.RegisterOp_Session{Session: &tpb.Session{Tag: 8, Accept: true, Target: target.GetTarget(), TargetType: "SSH"}}},
	} {
		if err := stream.Send(op); err != nil {
			return err
		}
	}
	for {
		op, err := stream.Recv()
		if err != nil {
			return err
		}
		s.refusals <- fmt.Sprint(op.GetSession().GetTag(), " ", op.GetSession().GetError())
	}
}

func TestG44_CollectorsThatSayWhatTheyShouldNot(t *testing.T) {
	service := &strange{refusals: make(chan string, 100)}
	c := &collectorServer{}
	c.serve(t, "127.0.0.1:0", service)
	d := newTest(t, Options{Collectors: []string{c.address}, Target: "sw1", Insecure: true})
	d.patience = 300 * time.Millisecond // it never accepts
	run(t, d)
	for _, want := range []string{`7 there is no target "other"`, `8 there is no target "sw1" of type "SSH"`} {
		if got := <-service.refusals; !strings.HasPrefix(got, want) {
			t.Errorf("it is told %q, want %q", got, want)
		}
	}
	await(t, d, "patience ends", func(s State) bool { return strings.Contains(s.Err, "not accepted") && s.Tries > 1 })
}

func TestG44_OptionsRefused(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"no collector", Options{Target: "x"}, "no collector"},
		{"no port", Options{Collectors: []string{"a"}}, "host:port"},
		{"no host", Options{Collectors: []string{":1"}}, "host:port"},
		{"twice", Options{Collectors: []string{"a:1", "a:1"}}, "twice"},
		{"long name", Options{Collectors: []string{"a:1"}, Target: strings.Repeat("x", 300)}, "300 octets"},
		{"plain text to others", Options{Collectors: []string{"127.0.0.1:1", "192.0.2.1:1"}, Insecure: true}, "plain text"},
		{"plain text to a name", Options{Collectors: []string{"collector:1"}, Insecure: true}, "plain text"},
		{"plain text and TLS", Options{Collectors: []string{"[::1]:1"}, Insecure: true, CAFile: "x"}, "exclude"},
		{"certificate without key", Options{Collectors: []string{"a:1"}, CertFile: "x"}, "key"},
		{"no authorities", Options{Collectors: []string{"a:1"}, CAFile: "/nowhere"}, "/nowhere"},
		{"no certificates in it", Options{Collectors: []string{"a:1"}, CAFile: "/dev/null"}, "no certificate"},
		{"no certificate", Options{Collectors: []string{"a:1"}, CertFile: "/nowhere", KeyFile: "/nowhere"}, "/nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !tt.o.Given() {
				t.Error("nothing is said")
			}
			if _, err := New(tt.o, slog.Default()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
	if d, err := New(Options{Collectors: []string{"a:1", "b:1"}}, slog.Default()); err != nil || d.Target() == "" || len(d.State()) != 2 {
		t.Errorf("without a name: %v %v", d, err)
	}
}

// TestPauses: they grow while nothing lasts, and begin anew behind what did.
func TestPauses(t *testing.T) {
	p := newPauses(time.Second, time.Minute)
	var last time.Duration
	for range 30 {
		last = p.next(0)
	}
	if last < 30*time.Second || last > 90*time.Second { // half as much more or less
		t.Errorf("after thirty tries the pause is %s, want about a minute", last)
	}
	if again := p.next(last); again < 30*time.Second {
		t.Errorf("after a registration as long as the pause before it is %s", again)
	}
	if first := p.next(2 * time.Minute); first > 2*time.Second {
		t.Errorf("after a registration that lasted it is %s, want about a second", first)
	}
}
