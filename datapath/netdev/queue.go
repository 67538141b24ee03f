package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/reconcile"
)

// Queue is where the frames of a leaf class wait.
type Queue struct {
	// Octets that may wait, with headers of segments counted; or, where that is
	// 0, Packets. One of them is given.
	Octets, Packets uint32
	// RedMin and RedMax are octets of the average that waits: between them random
	// early detection drops or marks more and more, above them all (tc-red(8)).
	// Zero RedMax does not. It needs Octets, and Conn.HasRED.
	RedMin, RedMax uint32
	// ECN marks what can be marked rather than to drop it.
	ECN bool
}

const (
	fifoOctets  = "bfifo"
	fifoPackets = "pfifo"
	early       = "red"
	// belowRED takes the handle of a class's own queue to that of the FIFO below
	// its RED.
	belowRED = 0x6000 << 16
)

func (v Queue) kind() string {
	switch {
	case v.RedMax != 0:
		return early
	case v.Octets != 0:
		return fifoOctets
	}
	return fifoPackets
}

func (v Queue) check() error {
	switch {
	case v.RedMax == 0 && (v.RedMin != 0 || v.ECN):
		return fmt.Errorf("%w: red without its upper threshold", unix.EINVAL)
	case v.RedMax != 0 && (v.RedMin == 0 || v.RedMin >= v.RedMax || v.RedMax > v.Octets || v.RedMax > maxRED):
		return fmt.Errorf("%w: red from %d to %d octets in a queue of %d", unix.EINVAL, v.RedMin, v.RedMax, v.Octets)
	case (v.Octets == 0) == (v.Packets == 0):
		return fmt.Errorf("%w: a limit of %d octets and %d packets", unix.EINVAL, v.Octets, v.Packets)
	}
	return nil
}

type queues struct{ conn *Conn }

// Queues are the queueing disciplines of ours below leaf classes, by class.
//
// Put on a queue that exists leaves alone what waits, but where it becomes one
// of another kind: octets to packets, or with RED and without. Then what waits
// is lost. One that somebody else put below the class is [ErrForeignQdisc].
// errors.Is(err, unix.ENODEV) where the interface went, ENOENT where there is no
// such class, or no RED in the kernel.
func (c *Conn) Queues() reconcile.Table[ClassKey, Queue] { return queues{c} }

// queueHandle is that of the queue of a leaf. Handles must differ within an
// interface; those that the kernel chooses begin at 0x8000.
func (k ClassKey) queueHandle() uint32 { return uint32(k.Minor) << 16 }

// List reads them all in one dump.
func (t queues) List() (map[ClassKey]Queue, error) {
	found, limits := make(map[ClassKey]Queue), make(map[ClassKey]uint32)
	err := t.conn.eachQdisc(func(o *tcObject) error {
		if k, ok := queueKey(o); ok {
			v, err := parseQueue(o)
			found[k] = v
			return err
		}
		if k, ok := belowKey(o); ok {
			var limit uint32
			err := numbers("a fifo", o.options, &limit)
			limits[k] = limit
			return err
		}
		return nil
	})
	for k, limit := range limits {
		if v, ok := found[k]; ok && v.kind() == early {
			v.Octets = limit
			found[k] = v
		}
	}
	return found, err
}

// at is the queue of one class.
func (t queues) at(k ClassKey) (Queue, bool, error) {
	all, err := t.List()
	v, ok := all[k]
	return v, ok, err
}

// Put makes or changes it.
func (t queues) Put(k ClassKey, v Queue) error {
	err := v.check()
	if err == nil && (k.Minor == 0 || k.Minor > MaxLeaf) {
		err = fmt.Errorf("%w: leaves are 1 to %x", unix.EINVAL, MaxLeaf)
	}
	if err == nil {
		err = t.put(k, v)
	}
	if err != nil {
		return fmt.Errorf("interface %s: put the queue of class %x:%x: %w", t.conn.name(k.IfIndex), Handle, k.Minor, err)
	}
	return nil
}

// put asks what is there only where the kernel refuses: it does not put one in
// another's place, nor change its kind.
func (t queues) put(k ClassKey, v Queue) error {
	err := t.write(k, v)
	if err == nil {
		return nil
	}
	have, other := t.conn.qdisc(k.IfIndex, k.handle())
	switch {
	case other != nil || have.handle == 0:
		return err
	case have.handle != k.queueHandle():
		return &ForeignQdiscError{Interface: t.conn.name(k.IfIndex), Kind: have.kind, Handle: have.handle, Parent: k.handle()}
	case have.kind == v.kind():
		return err
	case v.kind() == early && !t.conn.HasRED():
		return fmt.Errorf("random early detection: %w in this kernel", unix.ENOENT)
	}
	if err := t.remove(k); err != nil {
		return err
	}
	return t.write(k, v)
}

func (t queues) write(k ClassKey, v Queue) error {
	if v.kind() == early {
		return t.writeRED(k, v)
	}
	return t.conn.tcSet(unix.RTM_NEWQDISC, unix.NLM_F_CREATE, k.IfIndex, k.queueHandle(), k.handle(),
		kindOf(v.kind()), fifoOptions(max(v.Octets, v.Packets)))
}

// fifoOptions is TCA_OPTIONS of bfifo and pfifo, struct tc_fifo_qopt.
func fifoOptions(limit uint32) *nl.RtAttr { return nl.NewRtAttr(nl.TCA_OPTIONS, nl.Uint32Attr(limit)) }

// Delete removes it when it has run empty, as Leaves does; the kernel puts its
// own in its place.
func (t queues) Delete(k ClassKey) error {
	have, err := t.conn.qdisc(k.IfIndex, k.handle())
	if err == nil && have.handle == k.queueHandle() {
		err = errors.Join(t.conn.drain(k), t.remove(k))
	}
	if err != nil && !absent(err) {
		return fmt.Errorf("interface %s: remove the queue of class %x:%x: %w", t.conn.name(k.IfIndex), Handle, k.Minor, err)
	}
	return nil
}

func (t queues) remove(k ClassKey) error {
	err := t.conn.tcSet(unix.RTM_DELQDISC, 0, k.IfIndex, k.queueHandle(), k.handle())
	if absent(err) {
		return nil
	}
	return err
}

// qdisc is the queueing discipline below a class; its handle is 0 where that is
// the kernel's own. errors.Is(err, unix.ENOENT) where there is no such class.
func (c *Conn) qdisc(index, class uint32) (tcObject, error) {
	return c.tcGet(unix.RTM_GETQDISC, index, 0, class)
}

// queueKey is the class whose queue it is, if it is one of ours.
func queueKey(o *tcObject) (ClassKey, bool) {
	k := ClassKey{o.index, uint16(o.parent)}
	return k, o.parent>>16 == Handle && k.Minor != 0 && k.Minor <= MaxLeaf && o.handle == k.queueHandle()
}

// belowKey is the class whose RED it is below.
func belowKey(o *tcObject) (ClassKey, bool) {
	k := ClassKey{o.index, uint16(o.parent >> 16)}
	return k, k.Minor != 0 && k.Minor <= MaxLeaf && o.parent == k.queueHandle()|1 && o.handle == k.queueHandle()+belowRED
}

// parseQueue reads one of ours. The limit of RED is that of the FIFO below it.
func parseQueue(o *tcObject) (v Queue, err error) {
	switch o.kind {
	case fifoOctets:
		err = numbers("a bfifo", o.options, &v.Octets)
	case fifoPackets:
		err = numbers("a pfifo", o.options, &v.Packets)
	case early:
		err = v.parseRED(o.options)
	}
	return v, err
}
