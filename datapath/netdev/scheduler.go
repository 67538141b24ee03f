package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/reconcile"
)

// htbVersion is HTB_VER of net/sched/sch_htb.c, its upper half.
const htbVersion = 3

// Scheduler is a root queueing discipline of ours, HTB (tc-htb(8)), under
// which classes divide what leaves by the interface.
type Scheduler struct {
	// Default is the minor number of the leaf for frames whose priority names
	// none. Where there is no such leaf they are not held back. The kernel
	// cannot change it: Put with another one is an error.
	Default uint16
}

// Qdisc names a queueing discipline.
type Qdisc struct {
	Kind   string // "htb", "noqueue"…
	Handle uint32 // major<<16; 0 where the kernel chose it by itself
}

// Foreign reports a root qdisc that somebody made, and not us.
func (q Qdisc) Foreign() bool {
	return q.Handle != 0 && (q.Handle != rootHandle || q.Kind != "htb")
}

// ForeignAt is the error that it is at the root of an interface.
func (q Qdisc) ForeignAt(name string) error {
	return &ForeignQdiscError{Interface: name, Kind: q.Kind, Handle: q.Handle, Parent: tcRoot}
}

type schedulers struct{ conn *Conn }

// Schedulers are the root queueing disciplines that are ours, by ifindex.
//
// Put makes one where the kernel's own is, and never takes the place of
// another: that is [ErrForeignQdisc]. errors.Is(err, unix.ENODEV) where the
// interface went. While it is put or deleted at an interface that is up, the
// kernel drops what leaves for the length of an RCU grace period.
func (c *Conn) Schedulers() reconcile.Table[uint32, Scheduler] { return schedulers{c} }

// List reads them all.
func (s schedulers) List() (map[uint32]Scheduler, error) {
	found := make(map[uint32]Scheduler)
	err := s.conn.eachQdisc(func(o *tcObject) error {
		if !o.root() || o.handle != rootHandle || o.kind != "htb" {
			return nil
		}
		v, err := parseScheduler(o.options)
		found[o.index] = v
		return err
	})
	return found, err
}

// Put makes it.
func (s schedulers) Put(index uint32, v Scheduler) error {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_HTB_INIT, (&nl.TcHtbGlob{Version: htbVersion, Rate2Quantum: 10, Defcls: uint32(v.Default)}).Serialize())
	err := s.conn.tcSet(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, rootHandle, tcRoot, kindOf("htb"), options)
	if errors.Is(err, unix.EEXIST) {
		err = s.present(index, v)
	}
	if err != nil {
		return fmt.Errorf("interface %s: put the scheduler: %w", s.conn.name(index), err)
	}
	return nil
}

// present is what it means that there is a root qdisc already.
func (s schedulers) present(index uint32, v Scheduler) error {
	o, err := s.conn.rootQdisc(index)
	if err != nil {
		return err
	}
	if q := (Qdisc{o.kind, o.handle}); q.Foreign() {
		return &ForeignQdiscError{Interface: s.conn.name(index), Kind: o.kind, Handle: o.handle, Parent: tcRoot}
	}
	have, err := parseScheduler(o.options)
	if err == nil && have != v {
		err = fmt.Errorf("its default class is %x and cannot become %x; remove it first", have.Default, v.Default)
	}
	return err
}

// Delete removes it and all classes; what waits in them is lost.
func (s schedulers) Delete(index uint32) error {
	o, err := s.conn.rootQdisc(index)
	if err == nil && o.handle == rootHandle && o.kind == "htb" {
		err = s.conn.tcSet(unix.RTM_DELQDISC, 0, index, rootHandle, tcRoot)
	}
	if err != nil && !absent(err) {
		return fmt.Errorf("interface %s: remove the scheduler: %w", s.conn.name(index), err)
	}
	return nil
}

// RootQdisc is the queueing discipline at the root of an interface.
// errors.Is(err, unix.ENODEV) where there is no such interface.
func (c *Conn) RootQdisc(index uint32) (kind string, handle uint32, err error) {
	o, err := c.rootQdisc(index)
	if err != nil {
		return "", 0, fmt.Errorf("interface %d: root queueing discipline: %w", index, err)
	}
	return o.kind, o.handle, nil
}

// RootQdiscs are the root queueing disciplines of all interfaces, by ifindex.
// One that was never up may have none.
func (c *Conn) RootQdiscs() (map[uint32]Qdisc, error) {
	found := make(map[uint32]Qdisc)
	err := c.eachQdisc(func(o *tcObject) error {
		if o.root() {
			found[o.index] = Qdisc{o.kind, o.handle}
		}
		return nil
	})
	return found, err
}

// rootQdisc is that of an interface, which has one without a name until it is
// up for the first time.
func (c *Conn) rootQdisc(index uint32) (tcObject, error) {
	return c.tcGet(unix.RTM_GETQDISC, index, 0, tcRoot)
}

// parseScheduler reads the options of an HTB: TCA_HTB_INIT with struct
// tc_htb_glob, which is version, rate to quantum, default, debug, direct packets.
func parseScheduler(options []byte) (v Scheduler, err error) {
	err = eachAttribute(options, func(kind uint16, value []byte) error {
		if kind != nl.TCA_HTB_INIT {
			return nil
		}
		var minor uint32
		if err := numbers("an htb", value, nil, nil, &minor); err != nil {
			return err
		}
		v.Default = uint16(minor)
		return nil
	})
	return v, err
}
