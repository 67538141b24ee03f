package netdev

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	receiveSize  = 1 << 16 // a netlink message of a dump is at most 32 KB
	answerWithin = 10      // seconds; the kernel answers at once or is stuck
	dumpTries    = 8       // a dump that changes under us is asked for again
)

// errInterrupted says that the table changed while it was dumped.
var errInterrupted = errors.New("changed while being read")

// Conn asks and tells the kernel about interfaces. It is safe for concurrent
// use; one request is under way at a time.
type Conn struct {
	mu       sync.Mutex // guards everything below
	fd       int
	sequence uint32
	buf      []byte

	speed ethtool
}

// Dial opens a connection to the interfaces of the calling thread's network
// namespace.
func Dial() (*Conn, error) {
	fd, err := openSocket(0)
	if err != nil {
		return nil, err
	}
	limit := unix.Timeval{Sec: answerWithin}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("rtnetlink: set receive timeout: %w", err)
	}
	eth, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("ethtool: socket: %w", err)
	}
	return &Conn{fd: fd, buf: make([]byte, receiveSize), speed: ethtool{fd: eth}}, nil
}

// openSocket makes an rtnetlink socket that listens to the groups.
func openSocket(groups uint32) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, fmt.Errorf("rtnetlink: socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("rtnetlink: set up socket: %w", err)
	}
	return fd, nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(unix.Close(c.fd), unix.Close(c.speed.fd))
}

// dump asks for everything, again from the start when it changed meanwhile;
// begin is called before each try.
func (c *Conn) dump(kind uint16, family []byte, attrs func(*message), begin func(), each func([]byte) error) error {
	var err error
	for range dumpTries {
		m := newMessage(kind, unix.NLM_F_DUMP, family)
		if attrs != nil {
			attrs(m)
		}
		begin()
		if err = c.exchange(m, each); !errors.Is(err, errInterrupted) {
			return err
		}
	}
	return err
}

// exchange sends a request and hands over each message of the answer, until
// the kernel says that it is done or refuses. The body is valid during the
// call only.
func (c *Conn) exchange(m *message, each func(body []byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sequence++
	sequence := c.sequence
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(c.fd, m.bytes(sequence), 0, to); err != nil {
		return fmt.Errorf("rtnetlink: send: %w", err)
	}
	var interrupted error
	for done := false; !done; {
		b, err := c.receive()
		if err != nil {
			return err
		}
		err = eachMessage(b, func(h unix.NlMsghdr, body []byte) error {
			if h.Seq != sequence {
				return nil // the rest of an answer that was given up
			}
			if h.Flags&unix.NLM_F_DUMP_INTR != 0 {
				interrupted = errInterrupted
			}
			done = h.Type == unix.NLMSG_DONE || h.Type == unix.NLMSG_ERROR || h.Flags&unix.NLM_F_MULTI == 0
			switch h.Type {
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				return refusal(h, body)
			}
			return each(body)
		})
		if err != nil {
			return err
		}
	}
	return interrupted
}

func (c *Conn) receive() ([]byte, error) {
	for {
		n, _, flags, _, err := unix.Recvmsg(c.fd, c.buf, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("rtnetlink: receive: %w", err)
		case flags&unix.MSG_TRUNC != 0:
			return nil, fmt.Errorf("rtnetlink: answer longer than %d octets", len(c.buf))
		}
		return c.buf[:n], nil
	}
}

// refusal reads the errno that ends an answer, 0 for success, and the kernel's
// own words where it gives some.
func refusal(h unix.NlMsghdr, body []byte) error {
	if len(body) < 4 {
		return nil // NLMSG_DONE of old kernels
	}
	errno := unix.Errno(-int32(number(body[:4])))
	if errno == 0 {
		return nil
	}
	words := ""
	tail := body[4:]
	if h.Type == unix.NLMSG_ERROR && h.Flags&capped != 0 && len(body) >= errorLength {
		tail = body[errorLength:]
	}
	if h.Flags&withExtAck != 0 {
		eachAttr(tail, func(kind uint16, value []byte) {
			if kind == extAckMessage {
				words = text(value)
			}
		})
	}
	if words != "" {
		return fmt.Errorf("%w (%s)", errno, words)
	}
	return errno
}
