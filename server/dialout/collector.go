package dialout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v4"
	tpb "github.com/openconfig/grpctunnel/proto/tunnel"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
)

// MaxSessions is how many sessions one collector may have open; it is told
// so of those beyond.
const MaxSessions = 64

const (
	// registerTime is how long a collector may take to accept the element.
	registerTime = 20 * time.Second
	// deadTime is after how long without a sign of life a connection ends. It is
	// looked after by TCP: collectors cut off who pings them by HTTP/2.
	deadTime = 30 * time.Second
)

// targetType is the registered type of the target.
const targetType = "GNMI_GNOI" // tpb.TargetType_GNMI_GNOI.String()

// collector is one tunnel server.
type collector struct {
	dialer  *Dialer
	address string

	mu    sync.Mutex // guards state
	state State
}

// pauses are those between the tries of one collector.
type pauses struct {
	growing *backoff.ExponentialBackOff
	last    time.Duration
}

func newPauses(first, last time.Duration) *pauses {
	return &pauses{growing: backoff.NewExponentialBackOff(backoff.WithInitialInterval(first), backoff.WithMaxInterval(last), backoff.WithMaxElapsedTime(0))}
}

// next is how long to wait after a registration that stood for so long. They
// grow until one stands for longer than the pause before it: a collector that
// accepts and hangs up at once is tried as seldom as one that is not there.
func (p *pauses) next(stood time.Duration) time.Duration {
	if stood > p.last {
		p.growing.Reset()
	}
	p.last = p.growing.NextBackOff()
	return p.last
}

// run keeps the element registered until the context ends.
func (c *collector) run(ctx context.Context) {
	pauses := newPauses(c.dialer.firstPause, c.dialer.lastPause)
	for ctx.Err() == nil {
		stood, err := c.connect(ctx)
		if ctx.Err() != nil {
			c.ended(ctx, nil)
			return
		}
		c.ended(ctx, err)
		select {
		case <-ctx.Done():
		case <-time.After(pauses.next(stood)):
		}
	}
}

// connect registers with the collector and serves the sessions that it opens
// until the connection ends. It tells how long the collector has known the
// element, and why the connection ended.
func (c *collector) connect(ctx context.Context) (stood time.Duration, err error) {
	c.change(func(s *State) { s.Tries++ })
	conn, err := c.dial()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(c.dialer.patience, func() {
		cancel(fmt.Errorf("the collector has not accepted the target within %s", c.dialer.patience))
	})
	defer late.Stop()
	r := &registration{collector: c, client: tpb.NewTunnelClient(conn)}
	var accepted time.Time
	err = r.serve(ctx, func() {
		late.Stop()
		accepted = time.Now()
		c.registered(ctx)
	})
	if !accepted.IsZero() {
		stood = time.Since(accepted)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(err)
	r.sessions.Wait()
	return stood, err
}

// dial prepares the connection, which the first call makes.
func (c *collector) dial() (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if c.dialer.tls != nil {
		transport = credentials.NewTLS(c.dialer.tls)
	}
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadTime / 2, Interval: deadTime / 6, Count: 3},
		Control:         boundSending,
	}
	return grpc.NewClient("passthrough:///"+c.address, grpc.WithTransportCredentials(transport),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}))
}

// boundSending ends a connection on which nothing that is sent arrives (tcp(7),
// TCP_USER_TIMEOUT).
func boundSending(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadTime.Milliseconds()))
	})
	return errors.Join(err, failed)
}

// change changes the state and tells it.
func (c *collector) change(f func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.state)
	if c.dialer.changed != nil {
		c.dialer.changed(c.state)
	}
}

// registered notes that the collector has accepted the element.
func (c *collector) registered(ctx context.Context) {
	c.change(func(s *State) { s.Registered, s.Since, s.Err = true, time.Now(), "" })
	c.dialer.log.InfoContext(ctx, "registered with collector", "collector", c.address, "target", c.dialer.target)
}

// ended notes why a connection did. Of failures that follow each other only the
// first one is a warning.
func (c *collector) ended(ctx context.Context, err error) {
	level := slog.LevelDebug
	c.change(func(s *State) {
		if s.Registered || s.Since.IsZero() {
			level, s.Since = slog.LevelWarn, time.Now()
		}
		s.Registered, s.Err = false, ""
		if err != nil {
			s.Err = strings.ToValidUTF8(err.Error(), "�") // partly the collector's words
		}
	})
	if err != nil {
		c.dialer.log.Log(ctx, level, "not registered with collector; it is tried again and again", "collector", c.address, "err", err)
	}
}

// registration is one connection to a collector.
type registration struct {
	*collector
	client   tpb.TunnelClient
	accepted bool           // the collector knows the element
	sessions sync.WaitGroup // the goroutines of open sessions

	mu     sync.Mutex // only one may send at a time
	stream tpb.Tunnel_RegisterClient
}

func (r *registration) send(op *tpb.RegisterOp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.Send(op)
}

// serve registers the target and takes what the collector says until the
// stream ends. Sessions may be left.
func (r *registration) serve(ctx context.Context, accepted func()) error {
	var err error
	if r.stream, err = r.client.Register(ctx); err != nil {
		return err
	}
	// What fails to be sent has its reason in what is received.
	_ = r.send(&tpb.RegisterOp{Registration: &tpb.RegisterOp_Target{Target: &tpb.Target{
		Op: tpb.Target_ADD, Target: r.dialer.target, TargetType: targetType,
	}}})
	for {
		op, err := r.stream.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("the collector ended the registration")
		}
		if err != nil {
			return err
		}
		if err := r.said(ctx, op, accepted); err != nil {
			return err
		}
	}
}

// said takes one message of the collector. Those about other targets, which
// nobody asked for, mean nothing here.
func (r *registration) said(ctx context.Context, op *tpb.RegisterOp, accepted func()) error {
	if s := op.GetSession(); s != nil {
		r.open(ctx, s)
		return nil
	}
	t := op.GetTarget()
	if t == nil || t.GetOp() != tpb.Target_UNKNOWN || t.GetTarget() != r.dialer.target || t.GetTargetType() != targetType {
		return nil
	}
	if !t.GetAccept() {
		return fmt.Errorf("the collector does not accept target %s: %s", r.dialer.target, t.GetError())
	}
	if !r.accepted { // once is enough
		r.accepted = true
		accepted()
	}
	return nil
}

// open opens a session, or tells the collector why not.
func (r *registration) open(ctx context.Context, s *tpb.Session) {
	if s.GetTag() <= 0 || s.GetError() != "" { // an answer to what the element never asks
		return
	}
	var refusal string
	switch {
	case s.GetTarget() != r.dialer.target || s.GetTargetType() != targetType:
		refusal = fmt.Sprintf("there is no target %q of type %q", s.GetTarget(), s.GetTargetType())
	case !r.take():
		refusal = fmt.Sprintf("there are %d sessions already: close one", MaxSessions)
	}
	if refusal != "" {
		_ = r.send(&tpb.RegisterOp{Registration: &tpb.RegisterOp_Session{Session: &tpb.Session{
			Tag: s.GetTag(), Target: s.GetTarget(), TargetType: s.GetTargetType(), Error: refusal}}})
		return
	}
	r.sessions.Go(func() {
		defer r.give()
		if err := r.carry(ctx, s.GetTag()); err != nil && ctx.Err() == nil {
			r.dialer.log.DebugContext(ctx, "session not opened", "collector", r.address, "err", err)
			_ = r.send(&tpb.RegisterOp{Registration: &tpb.RegisterOp_Session{Session: &tpb.Session{Tag: s.GetTag(), Error: err.Error()}}})
		}
	})
}

// take counts a session in where one more may be.
func (r *registration) take() (ok bool) {
	r.change(func(s *State) {
		if ok = s.Sessions < MaxSessions; ok {
			s.Sessions++
		}
	})
	return ok
}

func (r *registration) give() { r.change(func(s *State) { s.Sessions-- }) }

// carry serves one session until it ends. One that is not opened is an error.
func (r *registration) carry(ctx context.Context, tag int32) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	stream, err := r.client.Tunnel(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&tpb.Data{Tag: tag}); err != nil {
		return err
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	remote := net.Addr(listening{})
	if p, ok := peer.FromContext(stream.Context()); ok {
		if tcp, ok := p.Addr.(*net.TCPAddr); ok {
			remote = Addr{tcp}
		}
	}
	if err := r.dialer.sessions.hand(ctx, &session{theirs, remote}); err != nil {
		return err
	}
	pump(stream, end, ours)
	return nil
}
