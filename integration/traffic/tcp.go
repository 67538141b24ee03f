package traffic

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// Connection is a TCP connection between hosts in two namespaces, with
// blocking system calls on threads of their own, so that what is measured is
// the path and not Go's scheduler.
type Connection struct {
	client, server int
	received       atomic.Uint64 // octets that the server has read
	serving        sync.WaitGroup
}

// Kind is what the server does with what it reads.
type Kind int

// The kinds of servers.
const (
	Echo    Kind = iota // each octet is answered by one
	Discard             // everything is counted and thrown away
)

// Dial connects a client in one namespace with a server in another and starts
// the server on the given CPU (negative: any).
func Dial(from, to *topology.Namespace, server netip.AddrPort, kind Kind, cpu int) (*Connection, error) {
	c := &Connection{client: -1, server: -1}
	err := c.connect(from, to, server)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("TCP connection to %s: %w", server, err), c.Close())
	}
	c.serving.Add(1)
	go func() {
		defer c.serving.Done()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		_ = onCPU(cpu, func() error { return c.serve(kind) }) // ends with the connection
	}()
	return c, nil
}

func (c *Connection) connect(from, to *topology.Namespace, server netip.AddrPort) error {
	address := &unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}
	listener := -1
	err := to.Do(func() (err error) {
		if listener, err = socket(); err != nil {
			return err
		}
		if err := unix.Bind(listener, address); err != nil {
			return err
		}
		return unix.Listen(listener, 1)
	})
	if listener >= 0 {
		defer unix.Close(listener)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	err = from.Do(func() (err error) {
		if c.client, err = socket(); err != nil {
			return err
		}
		return unix.Connect(c.client, address)
	})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	return unix.SetsockoptInt(c.server, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}

// socket makes a TCP socket that gives up after some seconds.
func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	limit := unix.Timeval{Sec: 5}
	return fd, errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
	)
}

func (c *Connection) serve(kind Kind) error {
	buf := make([]byte, 1<<18)
	if kind == Echo {
		buf = buf[:1]
	}
	for {
		n, err := unix.Read(c.server, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue // a client may be idle for as long as it likes
		}
		if n <= 0 || err != nil {
			return err
		}
		c.received.Add(uint64(n))
		if kind == Echo {
			if _, err := unix.Write(c.server, buf); err != nil {
				return err
			}
		}
	}
}

// Close ends the connection and waits for the server.
func (c *Connection) Close() error {
	var err error
	if c.client >= 0 {
		err = unix.Close(c.client)
	}
	c.serving.Wait()
	if c.server >= 0 {
		err = errors.Join(err, unix.Close(c.server))
	}
	return err
}

// RoundTrip gives the median time of one octet there and back over the window.
func (c *Connection) RoundTrip(cpu int, window time.Duration) (time.Duration, error) {
	var trips []time.Duration
	err := onCPU(cpu, func() error {
		one := make([]byte, 1)
		for start := time.Now(); len(trips) == 0 || time.Since(start) < window; {
			sent := time.Now()
			if _, err := unix.Write(c.client, one); err != nil {
				return fmt.Errorf("request: %w", err)
			}
			if _, err := retry(func() (int, error) { return unix.Read(c.client, one) }); err != nil {
				return fmt.Errorf("response: %w", err)
			}
			trips = append(trips, time.Since(sent))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	slices.Sort(trips)
	return trips[len(trips)/2], nil
}

// Stream gives the bits per second that the server receives over the window,
// after a fifth of it to warm up.
func (c *Connection) Stream(cpu int, window time.Duration) (bitsPerSecond float64, err error) {
	err = onCPU(cpu, func() error {
		chunk := make([]byte, 1<<17)
		if err := c.write(chunk, window/5); err != nil {
			return err
		}
		before, start := c.received.Load(), time.Now()
		if err := c.write(chunk, window); err != nil {
			return err
		}
		bitsPerSecond = float64(c.received.Load()-before) * 8 / time.Since(start).Seconds()
		return nil
	})
	return bitsPerSecond, err
}

func (c *Connection) write(chunk []byte, window time.Duration) error {
	for start := time.Now(); time.Since(start) < window; {
		if _, err := retry(func() (int, error) { return unix.Write(c.client, chunk) }); err != nil {
			return fmt.Errorf("stream: %w", err)
		}
	}
	return nil
}

// retry repeats a call that a signal interrupted; Go's runtime sends many.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
