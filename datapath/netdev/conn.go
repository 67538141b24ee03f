package netdev

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	answerWithin = 10 * time.Second // the kernel answers at once or is stuck
	dumpTries    = 8                // a dump that changes under us is asked for again
)

// Conn asks and tells the kernel about interfaces. It is safe for concurrent
// use until Close.
type Conn struct {
	handle *netlink.Handle
	// socket carries the requests that a Handle cannot make, see Links and
	// Stats.
	socket *nl.SocketHandle
	speed  ethtool
	ns     netns.NsHandle // for sockets that are opened later
}

// Dial opens a connection to the interfaces of the calling thread's network
// namespace.
func Dial() (*Conn, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: open: %w", err)
	}
	c := &Conn{handle: handle, socket: &nl.SocketHandle{}, speed: ethtool{fd: -1}, ns: netns.None()}
	if err := c.open(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Conn) open() (err error) {
	if c.socket.Socket, err = nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("rtnetlink: open: %w", err)
	}
	limit := unix.NsecToTimeval(answerWithin.Nanoseconds())
	err = errors.Join(
		c.handle.SetSocketTimeout(answerWithin),
		c.socket.Socket.SetSendTimeout(&limit),
		c.socket.Socket.SetReceiveTimeout(&limit),
	)
	if err != nil {
		return fmt.Errorf("rtnetlink: set timeout: %w", err)
	}
	if c.ns, err = netns.Get(); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	return c.speed.open()
}

// inNamespace calls f on a thread that is in the connection's namespace. Where
// new threads are in another one, it needs CAP_SYS_ADMIN.
func (c *Conn) inNamespace(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: a thread that changed its namespace ends with the
		// goroutine, so that nobody else gets it.
		runtime.LockOSThread()
		err := c.enter()
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// enter takes the calling thread into the connection's namespace.
func (c *Conn) enter() error {
	here, err := netns.Get()
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	defer here.Close()
	if here.Equal(c.ns) {
		return nil
	}
	if err := netns.Set(c.ns); err != nil {
		return fmt.Errorf("enter the network namespace: %w", err)
	}
	return nil
}

// Close ends the connection. It must not be used after.
func (c *Conn) Close() error {
	c.handle.Close()
	c.socket.Close()
	err := c.speed.close()
	if c.ns.IsOpen() {
		err = errors.Join(err, c.ns.Close())
	}
	return err
}

// request starts one for the connection's own socket.
func (c *Conn) request(kind, flags int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: c.socket}
	return r
}

// execute returns the answers of one type. A dump that changed while it was
// read is asked for again.
func execute(r *nl.NetlinkRequest, answer uint16) (messages [][]byte, err error) {
	for range dumpTries {
		messages, err = r.Execute(unix.NETLINK_ROUTE, answer)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return messages, err
}
