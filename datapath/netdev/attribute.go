package netdev

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// attribute is one attribute of all interfaces, by ifindex.
type attribute[V any] struct {
	conn  *Conn
	name  string
	read  func(*Link) V
	write func(index uint32, v V) *message
}

// List reads the attribute of every interface.
func (a *attribute[V]) List() (map[uint32]V, error) {
	links, err := a.conn.Links()
	if err != nil {
		return nil, err
	}
	values := make(map[uint32]V, len(links))
	for index, l := range links {
		values[index] = a.read(&l)
	}
	return values, nil
}

// Put sets the attribute. errors.Is(err, unix.ENODEV) where the interface went.
func (a *attribute[V]) Put(index uint32, v V) error {
	err := a.conn.exchange(a.write(index, v), func([]byte) error { return nil })
	if err != nil {
		return fmt.Errorf("interface %d: set %s to %v: %w", index, a.name, v, err)
	}
	return nil
}

// Delete leaves the attribute as it is: an interface has always one, and what
// it was before is known to the caller only.
func (a *attribute[V]) Delete(uint32) error { return nil }

// AdminUp is the administrative state, IFF_UP.
func (c *Conn) AdminUp() reconcile.Table[uint32, bool] {
	return &attribute[bool]{c, "admin state", (*Link).AdminUp, func(index uint32, up bool) *message {
		flags := uint32(0)
		if up {
			flags = unix.IFF_UP
		}
		return newMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, linkHeader(index, flags, unix.IFF_UP))
	}}
}

// MTU is the largest payload of a frame, in octets above the Ethernet header.
func (c *Conn) MTU() reconcile.Table[uint32, uint32] {
	return &attribute[uint32]{c, "mtu", func(l *Link) uint32 { return l.MTU }, func(index, mtu uint32) *message {
		return setAttr(index, unix.IFLA_MTU, binary.NativeEndian.AppendUint32(nil, mtu))
	}}
}

// Alias is the text that the kernel keeps for people, at most 255 octets;
// "" is none.
func (c *Conn) Alias() reconcile.Table[uint32, string] {
	return &attribute[string]{c, "alias", func(l *Link) string { return l.Alias }, func(index uint32, alias string) *message {
		return setAttr(index, unix.IFLA_IFALIAS, []byte(alias))
	}}
}

// MAC is the interface's own address.
func (c *Conn) MAC() reconcile.Table[uint32, spec.MAC] {
	return &attribute[spec.MAC]{c, "mac address", func(l *Link) spec.MAC { return l.MAC }, func(index uint32, mac spec.MAC) *message {
		return setAttr(index, unix.IFLA_ADDRESS, mac[:])
	}}
}

func setAttr(index uint32, kind uint16, value []byte) *message {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, linkHeader(index, 0, 0))
	m.attr(kind, value)
	return m
}
