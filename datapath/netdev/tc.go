package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Handle is the major number of the root queueing disciplines that are ours.
// One with another handle is somebody else's, and never touched.
const Handle = 0x5b0b

// Minor numbers of classes.
const (
	// DefaultClass is the leaf for frames whose priority names no class. The
	// kernel takes another one for a root qdisc only by making it anew.
	DefaultClass = 0x0fff
	// MaxLeaf bounds the leaves, 1..MaxLeaf; a queue's handle follows from it.
	MaxLeaf = 0x1fff
	// FirstInner is the first of the classes that have classes below them,
	// 0xff00..0xffff.
	FirstInner = 0xff00
)

// ErrForeignQdisc says that a queueing discipline is in the way that somebody
// else made; the error is a [ForeignQdiscError].
var ErrForeignQdisc = errors.New("a queueing discipline of somebody else")

// ForeignQdiscError is where the foreign queueing discipline is.
type ForeignQdiscError struct {
	Interface string // its name
	Kind      string // "tbf", "fq_codel"…
	Handle    uint32 // major<<16
	Parent    uint32 // the class that it is below; 0xffffffff is none
}

func (e *ForeignQdiscError) Error() string {
	where := "root"
	if e.Parent != tcRoot {
		where = fmt.Sprintf("parent %x:%x", e.Parent>>16, e.Parent&0xffff)
	}
	return fmt.Sprintf("interface %s has a queueing discipline %s %x: that is not ours, remove it with \"tc qdisc del dev %s %s\"",
		e.Interface, e.Kind, e.Handle>>16, e.Interface, where)
}

// Is makes errors.Is(err, ErrForeignQdisc) hold.
func (e *ForeignQdiscError) Is(target error) bool { return target == ErrForeignQdisc }

// What package nl lacks of include/uapi/linux/pkt_sched.h and rtnetlink.h.
const (
	tcRoot       = 0xffffffff // TC_H_ROOT
	rootHandle   = Handle << 16
	tcHeader     = 20 // octets of struct tcmsg
	attributeLen = 4  // octets of struct nlattr
	typeMask     = 0x3fff
)

// tcObject is a queueing discipline or class as a dump tells it. The slices
// are parts of the message.
type tcObject struct {
	index          uint32
	handle, parent uint32
	kind           string
	options        []byte // TCA_OPTIONS
	stats          []byte // TCA_STATS2
}

// root reports whether it is the root qdisc of its interface.
func (o *tcObject) root() bool { return o.parent == tcRoot }

// parseTC reads an RTM_NEWQDISC or RTM_NEWTCLASS:
//
//	octet  0  family, padding (4)
//	       4  ifindex   8  handle   12  parent   16  info
//	      20  attributes
func parseTC(m []byte) (tcObject, error) {
	if len(m) < tcHeader {
		return tcObject{}, fmt.Errorf("a tc message of %d octets", len(m))
	}
	o := tcObject{
		index:  binary.NativeEndian.Uint32(m[4:]),
		handle: binary.NativeEndian.Uint32(m[8:]),
		parent: binary.NativeEndian.Uint32(m[12:]),
	}
	err := eachAttribute(m[tcHeader:], func(kind uint16, value []byte) error {
		switch kind {
		case nl.TCA_KIND:
			o.kind = unix.ByteSliceToString(value)
		case nl.TCA_OPTIONS:
			o.options = value
		case nl.TCA_STATS2:
			o.stats = value
		}
		return nil
	})
	return o, err
}

// eachAttribute hands over netlink attributes in their order: length, type,
// value, and padding to four octets. The library's parser makes an object of
// each, and a dump has a hundred thousand of them.
func eachAttribute(b []byte, f func(kind uint16, value []byte) error) error {
	for len(b) >= attributeLen {
		length := int(binary.NativeEndian.Uint16(b))
		if length < attributeLen || length > len(b) {
			return fmt.Errorf("an attribute of %d octets where %d are left", length, len(b))
		}
		if err := f(binary.NativeEndian.Uint16(b[2:])&typeMask, b[attributeLen:length]); err != nil {
			return err
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return nil
}

// numbers are the 32-bit words of an attribute, of which the kernel may have
// more than we know.
func numbers(what string, b []byte, words ...*uint32) error {
	if len(b) < 4*len(words) {
		return fmt.Errorf("%s of %d octets", what, len(b))
	}
	for i, w := range words {
		if w != nil {
			*w = binary.NativeEndian.Uint32(b[4*i:])
		}
	}
	return nil
}

// tcRequest is one about an object of an interface.
func (c *Conn) tcRequest(kind, flags int, index, handle, parent uint32, data ...nl.NetlinkRequestData) *nl.NetlinkRequest {
	r := c.request(kind, flags)
	r.AddData(&nl.TcMsg{Ifindex: int32(index), Handle: handle, Parent: parent})
	for _, d := range data {
		r.AddData(d)
	}
	return r
}

// tcSet makes a change and waits until the kernel did it.
func (c *Conn) tcSet(kind, flags int, index, handle, parent uint32, data ...nl.NetlinkRequestData) error {
	_, err := c.tcRequest(kind, flags|unix.NLM_F_ACK, index, handle, parent, data...).Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// tcGet reads one object. There is none of it, and no error, where that is one
// the kernel has built in. It answers to what is an echo only.
func (c *Conn) tcGet(kind int, index, handle, parent uint32) (tcObject, error) {
	r := c.tcRequest(kind, unix.NLM_F_ECHO|unix.NLM_F_ACK, index, handle, parent)
	messages, err := r.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil || len(messages) == 0 {
		return tcObject{index: index, parent: parent}, err
	}
	return parseTC(messages[0])
}

// eachQdisc hands over the queueing disciplines of all interfaces, in one dump.
// What f gets is good until it returns.
func (c *Conn) eachQdisc(f func(*tcObject) error) error {
	messages, err := execute(c.tcRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP, 0, 0, 0), unix.RTM_NEWQDISC)
	if err != nil {
		return fmt.Errorf("list queueing disciplines: %w", err)
	}
	for _, m := range messages {
		o, err := parseTC(m)
		if err == nil {
			err = f(&o)
		}
		if err != nil {
			return fmt.Errorf("list queueing disciplines: interface %d: %w", o.index, err)
		}
	}
	return nil
}

// name is how people know an interface; its ifindex where it has gone.
func (c *Conn) name(index uint32) string {
	if l, err := c.Link(index); err == nil {
		return l.Name
	}
	return fmt.Sprint(index)
}

// absent says of an error that the object, or its interface, is not there.
func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// kindOf is the attribute that names a queueing discipline.
func kindOf(kind string) *nl.RtAttr { return nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated(kind)) }
