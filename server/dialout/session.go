package dialout

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	tpb "github.com/openconfig/grpctunnel/proto/tunnel"
)

const (
	// chunk is how much goes into one message of a tunnel, in octets; it is far
	// below the least that a gRPC server accepts.
	chunk = 32 << 10
	// lingerTime is how long the other end may take to end a stream that is
	// closed at this one.
	lingerTime = 5 * time.Second
)

// sessions hands what collectors open to who serves it.
type sessions struct {
	opened chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newSessions() *sessions {
	return &sessions{opened: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for a session.
func (s *sessions) Accept() (net.Conn, error) {
	select {
	case <-s.closed:
		return nil, net.ErrClosed
	case c := <-s.opened:
		return c, nil
	}
}

// Close ends Accept.
func (s *sessions) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// Addr says what kind of listener this is; it has no address.
func (s *sessions) Addr() net.Addr { return listening{} }

type listening struct{}

func (listening) Network() string { return "tunnel" }
func (listening) String() string  { return "dial-out" }

// errNotServed is a session that came when nobody serves any more.
var errNotServed = errors.New("the element stops")

func (s *sessions) hand(ctx context.Context, c net.Conn) error {
	select {
	case s.opened <- c:
		return nil
	case <-s.closed:
		return errNotServed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Addr is the address of a collector through which somebody connects. Its text
// tells it from who connects directly.
type Addr struct{ collector *net.TCPAddr }

// Network is "tunnel".
func (Addr) Network() string { return "tunnel" }

// String is the collector's address and that it is one.
func (a Addr) String() string { return a.collector.String() + " by dial-out" }

// AddrPort is the collector's address.
func (a Addr) AddrPort() netip.AddrPort { return a.collector.AddrPort() }

// session is one end of a session as a connection: what is served reads and
// writes the one end of a pipe, and pump carries the other.
type session struct {
	net.Conn
	remote net.Addr
}

// RemoteAddr is the collector's address, an Addr.
func (s *session) RemoteAddr() net.Addr { return s.remote }

// LocalAddr is that of the listener.
func (*session) LocalAddr() net.Addr { return listening{} }

// pump carries octets between the stream of a tunnel and a pipe until one of
// them ends, and then closes both. end ends the stream.
func pump(stream tpb.Tunnel_TunnelClient, end context.CancelFunc, pipe net.Conn) {
	received := make(chan struct{})
	var out sync.WaitGroup
	out.Go(func() {
		send(stream, pipe)
		select { // the other end reads what is on its way, and then ends the stream
		case <-received:
		case <-time.After(lingerTime):
			end()
		}
	})
	receive(stream, pipe)
	close(received)
	pipe.Close() // ends send, which reads from it
	out.Wait()
	end()
}

// send carries what is served to the collector, and ends with it.
func send(stream tpb.Tunnel_TunnelClient, pipe io.Reader) {
	buffer := make([]byte, chunk)
	for {
		n, err := pipe.Read(buffer)
		if n > 0 && stream.Send(&tpb.Data{Data: buffer[:n]}) != nil {
			return // receive gets the reason
		}
		if err != nil {
			break
		}
	}
	if stream.Send(&tpb.Data{Close: true}) == nil {
		_ = stream.CloseSend() // always nil (grpc.ClientStream)
	}
}

// receive carries what the collector sends until it ends the stream. Once the
// pipe is closed what comes is thrown away.
func receive(stream tpb.Tunnel_TunnelClient, pipe io.Writer) {
	for {
		data, err := stream.Recv()
		if err != nil || data.GetClose() {
			return
		}
		if len(data.GetData()) > 0 {
			_, _ = pipe.Write(data.GetData()) // closed: then the stream ends soon
		}
	}
}
