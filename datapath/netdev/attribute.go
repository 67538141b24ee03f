package netdev

import (
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// attribute is one attribute of all interfaces, by ifindex.
type attribute[V any] struct {
	conn  *Conn
	name  string
	read  func(*Link) V
	write func(netlink.Link, V) error
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
	link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(index)}}
	if err := a.write(link, v); err != nil {
		return fmt.Errorf("interface %s: set %s to %v: %w", a.conn.name(index), a.name, v, err)
	}
	return nil
}

// Delete leaves the attribute as it is: an interface has always one, and what
// it was before is known to the caller only.
func (a *attribute[V]) Delete(uint32) error { return nil }

// AdminUp is the administrative state, IFF_UP.
func (c *Conn) AdminUp() reconcile.Table[uint32, bool] {
	return &attribute[bool]{c, "admin state", (*Link).AdminUp, func(l netlink.Link, up bool) error {
		if up {
			return c.handle.LinkSetUp(l)
		}
		return c.handle.LinkSetDown(l)
	}}
}

// MTU is the largest payload of a frame, in octets above the Ethernet header.
func (c *Conn) MTU() reconcile.Table[uint32, uint32] {
	return &attribute[uint32]{c, "mtu", func(l *Link) uint32 { return l.MTU }, func(l netlink.Link, mtu uint32) error {
		return c.handle.LinkSetMTU(l, int(mtu))
	}}
}

// Alias is the text that the kernel keeps for people, at most 255 octets;
// "" is none.
func (c *Conn) Alias() reconcile.Table[uint32, string] {
	return &attribute[string]{c, "alias", func(l *Link) string { return l.Alias }, c.handle.LinkSetAlias}
}

// MAC is the interface's own address.
func (c *Conn) MAC() reconcile.Table[uint32, spec.MAC] {
	return &attribute[spec.MAC]{c, "mac address", func(l *Link) spec.MAC { return l.MAC }, func(l netlink.Link, mac spec.MAC) error {
		return c.handle.LinkSetHardwareAddr(l, mac[:])
	}}
}
