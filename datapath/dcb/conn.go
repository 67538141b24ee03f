package dcb

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// answerWithin bounds the wait for the kernel, which answers at once or is
// stuck.
const answerWithin = 10 * time.Second

// Why an interface has no DCB.
const (
	noKernel = "the kernel has no DCB (CONFIG_DCB)"
	noDevice = "the driver of the interface has no DCB (dcbnl)"
)

// Conn asks and tells the kernel. It is safe for concurrent use until Close.
type Conn struct{ socket *nl.SocketHandle }

// Dial opens a connection to the interfaces of the calling thread's network
// namespace.
func Dial() (*Conn, error) {
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("dcbnl: open: %w", err)
	}
	c := &Conn{&nl.SocketHandle{Socket: socket}}
	limit := unix.NsecToTimeval(answerWithin.Nanoseconds())
	if err := errors.Join(socket.SetSendTimeout(&limit), socket.SetReceiveTimeout(&limit)); err != nil {
		c.Close()
		return nil, fmt.Errorf("dcbnl: set timeout: %w", err)
	}
	return c, nil
}

// Close ends the connection. It must not be used after.
func (c *Conn) Close() { c.socket.Close() }

// ask sends a request and reads its one answer.
func (c *Conn) ask(r *nl.NetlinkRequest) (reply, error) {
	r.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: c.socket}
	messages, err := r.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return reply{}, err
	}
	if len(messages) != 1 {
		return reply{}, fmt.Errorf("%d answers", len(messages))
	}
	return parse(messages[0])
}

// Read tells all of an interface's DCB. Where the kernel or the driver has
// none, the state's Reason says so, and that is no error.
// errors.Is(err, unix.ENODEV) where there is no such interface.
func (c *Conn) Read(name string) (spec.DCBState, error) {
	r, err := c.ask(message(unix.RTM_GETDCB, cmdGetIEEE, name))
	if errors.Is(err, unix.EOPNOTSUPP) {
		reason, err := c.reason()
		return spec.DCBState{Reason: reason}, err
	}
	if err != nil {
		return spec.DCBState{}, fmt.Errorf("interface %s: read DCB: %w", name, err)
	}
	if r.state.Capabilities, err = c.capabilities(name); err != nil {
		return spec.DCBState{}, fmt.Errorf("interface %s: read capabilities of DCB: %w", name, err)
	}
	return r.state, nil
}

// reason tells a kernel without DCB from a driver without it: the first does
// not know the message, and the second misses the interface's name in it.
func (c *Conn) reason() (string, error) {
	_, err := c.ask(message(unix.RTM_GETDCB, cmdGetDCBX, ""))
	return reasonBy(err)
}

// reasonBy reads the answer to a question about no interface.
func reasonBy(err error) (string, error) {
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return noKernel, nil
	case errors.Is(err, unix.EINVAL):
		return noDevice, nil
	case err == nil:
		err = errors.New("an answer about no interface")
	}
	return "", fmt.Errorf("look for DCB in the kernel: %w", err)
}

// capabilities are what a device says of itself; a driver need not.
func (c *Conn) capabilities(name string) (spec.DCBCapabilities, error) {
	r := message(unix.RTM_GETDCB, cmdGetCapabilities, name)
	r.AddData(everything(attrCapabilities, capAll))
	can, err := c.ask(r)
	if err != nil && !untold(err) {
		return spec.DCBCapabilities{}, err
	}
	r = message(unix.RTM_GETDCB, cmdGetClasses, name)
	r.AddData(everything(attrClasses, classesAll))
	classes, err := c.ask(r)
	if err != nil && !untold(err) {
		return spec.DCBCapabilities{}, err
	}
	now := &classes.state.Capabilities
	can.state.Capabilities.ETSClassesNow, can.state.Capabilities.PFCClassesNow = now.ETSClassesNow, now.PFCClassesNow
	return can.state.Capabilities, nil
}

// untold is whether a driver does not say what it was asked for.
func untold(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)
}

// Counters reads what PFC counts; ok is false where the driver has no PFC.
// errors.Is(err, unix.ENODEV) where there is no such interface.
func (c *Conn) Counters(name string) (counters spec.DCBCounters, ok bool, err error) {
	r, err := c.ask(message(unix.RTM_GETDCB, cmdGetIEEE, name))
	if errors.Is(err, unix.EOPNOTSUPP) {
		return counters, false, nil
	}
	if err != nil {
		return counters, false, fmt.Errorf("interface %s: read counters of PFC: %w", name, err)
	}
	return r.counters, r.state.HasPFC, nil
}
