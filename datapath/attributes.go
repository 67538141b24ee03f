package datapath

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// borrowed makes an attribute of interfaces a table of those that are ours:
// Put remembers what was found before the first touch, Delete gives it back.
// An interface that went has no attributes, so that all succeeds for it; the
// watcher tells of its end.
type borrowed[V comparable] struct {
	attribute reconcile.Table[uint32, V]
	originals map[uint32]*original
	devices   map[uint32]*device
	field     func(*original) **V
	found     func(*device) V
	// given are the originals that this transaction gave back: when it is
	// undone, the attribute is ours again and they are what was found.
	given map[uint32]V
}

// List is the attributes that are ours, as the kernel has them now.
func (b *borrowed[V]) List() (map[uint32]V, error) {
	all, err := b.attribute.List()
	if err != nil {
		return nil, err
	}
	ours := make(map[uint32]V)
	for index, o := range b.originals {
		if v, ok := all[index]; ok && *b.field(o) != nil {
			ours[index] = v
		}
	}
	return ours, nil
}

func (b *borrowed[V]) Put(index uint32, v V) error {
	d := b.devices[index]
	if d == nil {
		return nil
	}
	b.borrow(d)
	return ignoreGone(b.attribute.Put(index, v))
}

func (b *borrowed[V]) Delete(index uint32) error {
	o := b.originals[index]
	if o == nil || *b.field(o) == nil {
		return nil
	}
	if err := ignoreGone(b.attribute.Put(index, **b.field(o))); err != nil {
		return err
	}
	b.given[index] = **b.field(o)
	b.forget(index)
	return nil
}

// forget ends that the attribute is ours.
func (b *borrowed[V]) forget(index uint32) {
	o := b.originals[index]
	if o == nil {
		return
	}
	*b.field(o) = nil
	if o.empty() {
		delete(b.originals, index)
	}
}

// borrow remembers the attribute as it is, where it is not ours yet, and
// reports whether it was not.
func (b *borrowed[V]) borrow(d *device) bool {
	o := b.originals[d.Index]
	if o == nil {
		o = &original{Name: d.Name}
		b.originals[d.Index] = o
	}
	field := b.field(o)
	if *field != nil {
		return false
	}
	v, ok := b.given[d.Index]
	if !ok {
		v = b.found(d)
	}
	*field = &v
	return true
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

func newUpTable(c *netdev.Conn, m *model) *borrowed[bool] {
	return &borrowed[bool]{
		attribute: c.AdminUp(), originals: m.original, devices: m.devices, given: make(map[uint32]bool),
		field: func(o *original) **bool { return &o.Up },
		found: func(d *device) bool { return d.AdminUp() },
	}
}

func newMTUTable(c *netdev.Conn, m *model) *borrowed[uint32] {
	return &borrowed[uint32]{
		attribute: c.MTU(), originals: m.original, devices: m.devices, given: make(map[uint32]uint32),
		field: func(o *original) **uint32 { return &o.MTU },
		found: func(d *device) uint32 { return d.MTU },
	}
}

func newAliasTable(c *netdev.Conn, m *model) *borrowed[string] {
	return &borrowed[string]{
		attribute: c.Alias(), originals: m.original, devices: m.devices, given: make(map[uint32]string),
		field: func(o *original) **string { return &o.Alias },
		found: func(d *device) string { return d.Alias },
	}
}

func newMACTable(c *netdev.Conn, m *model) *borrowed[spec.MAC] {
	return &borrowed[spec.MAC]{
		attribute: c.MAC(), originals: m.original, devices: m.devices, given: make(map[uint32]spec.MAC),
		field: func(o *original) **spec.MAC { return &o.MAC },
		found: func(d *device) spec.MAC { return d.MAC },
	}
}
