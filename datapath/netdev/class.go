package netdev

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/reconcile"
)

// ClassKey is a class of a scheduler: the interface and the minor number.
type ClassKey struct {
	IfIndex uint32
	Minor   uint16
}

// Inner reports a class that has classes below it.
func (k ClassKey) Inner() bool { return k.Minor >= FirstInner }

func (k ClassKey) handle() uint32 { return rootHandle | uint32(k.Minor) }

// Class is a share of an interface (tc-htb(8)).
type Class struct {
	// Parent is the minor number of the class above it; 0 is the scheduler.
	Parent uint16
	// Rate is what it has in any case, Ceil what it may have when others leave
	// it; bit/s, at least 8. A Ceil below Rate counts as Rate.
	Rate, Ceil uint64
	// Burst is how many octets it may have saved up of Rate, CeilBurst of Ceil;
	// 0 is 4 ms, and at least one frame.
	Burst, CeilBurst uint32
	// Priority 0..7 of a leaf: the lowest number borrows first.
	Priority uint8
	// Quantum of a leaf is how many octets it sends in its turn among those of
	// its priority that borrow; 0 is the default.
	Quantum uint32
}

const (
	burstTime    = 4 * time.Millisecond
	leastBurst   = 1600
	maxPriority  = 7
	linkEthernet = 1  // TC_LINKLAYER_ETHERNET: the rate is exact, and no table of it needed
	tick         = 64 // nanoseconds, PSCHED_TICKS2NS of include/net/pkt_sched.h
	perSecond    = 1_000_000_000
	// leastQuantum is one GSO frame of 64 KiB with the headers of its segments:
	// with less, each turn sends one frame whatever its length.
	leastQuantum = 70_000
)

// Normal is the class as the kernel keeps it at a minor number, with each value
// rounded as it does and defaults filled in. It is what Put writes and List
// reads: a wanted value must be normal to be found equal.
func (v Class) Normal(minor uint16) Class {
	v.Rate = v.Rate / 8 * 8
	v.Ceil = max(v.Ceil/8*8, v.Rate)
	v.Burst = normalBurst(v.Burst, v.Rate/8)
	v.CeilBurst = normalBurst(v.CeilBurst, v.Ceil/8)
	v.Priority = min(v.Priority, maxPriority)
	if v.Quantum == 0 {
		v.Quantum = leastQuantum
	}
	if minor >= FirstInner { // a class with classes below it sends nothing
		v.Priority, v.Quantum = 0, 0
	}
	return v
}

// normalBurst is a burst that comes back from the kernel as it went there.
func normalBurst(octets uint32, rate uint64) uint32 {
	if rate == 0 {
		return octets
	}
	if octets == 0 {
		octets = uint32(min(max(rate/uint64(time.Second/burstTime), leastBurst), 1<<32-1))
	}
	return burstOctets(burstTicks(octets, rate), rate)
}

// burstTicks is how long octets take at a rate in octets per second. The
// kernel keeps that, and not their number: it is rounded up here and down on
// the way back, so that the second round changes nothing.
func burstTicks(octets uint32, rate uint64) uint32 {
	hi, lo := bits.Mul64(tick, rate)
	if hi != 0 || rate == 0 {
		return 0
	}
	ticks := (uint64(octets)*perSecond + lo - 1) / lo
	return uint32(min(ticks, 1<<32-1))
}

func burstOctets(ticks uint32, rate uint64) uint32 {
	hi, lo := bits.Mul64(uint64(ticks)*tick, rate)
	if hi >= perSecond {
		return 1<<32 - 1
	}
	octets, _ := bits.Div64(hi, lo, perSecond)
	return uint32(min(octets, 1<<32-1))
}

type classes struct {
	conn  *Conn
	inner bool
}

// Classes are the classes of our schedulers that have classes below them, with
// minor numbers from [FirstInner]. One is put before those below it and deleted
// after them.
//
// Values must be normal, see [Class.Normal]. Put on a class that exists leaves
// alone what waits. errors.Is(err, unix.ENODEV) where the interface went, and
// ENOENT where it has no scheduler.
func (c *Conn) Classes() reconcile.Table[ClassKey, Class] { return classes{c, true} }

// Leaves are the classes of our schedulers in which frames wait, with minor
// numbers 1..[MaxLeaf]; all else is as with Classes. Delete waits up to a second
// for what is in it: the caller has seen to it that nothing more comes, and that
// it has a rate to leave by.
func (c *Conn) Leaves() reconcile.Table[ClassKey, Class] { return classes{c, false} }

// List reads them from all interfaces that have a scheduler of ours: the kernel
// dumps classes of one interface at a time.
func (t classes) List() (map[ClassKey]Class, error) {
	owners, err := schedulers{t.conn}.List()
	if err != nil {
		return nil, err
	}
	found := make(map[ClassKey]Class)
	for index := range owners {
		if err := t.list(index, found); err != nil {
			return nil, fmt.Errorf("interface %s: list classes: %w", t.conn.name(index), err)
		}
	}
	return found, nil
}

func (t classes) list(index uint32, found map[ClassKey]Class) error {
	messages, err := execute(t.conn.tcRequest(unix.RTM_GETTCLASS, unix.NLM_F_DUMP, index, 0, 0), unix.RTM_NEWTCLASS)
	if errors.Is(err, unix.ENODEV) {
		return nil // it went since
	}
	if err != nil {
		return err
	}
	for _, m := range messages {
		k, v, err := parseClass(m)
		if err != nil {
			return err
		}
		if k.Minor != 0 && k.Inner() == t.inner {
			found[k] = v
		}
	}
	return nil
}

// Put makes or changes it.
func (t classes) Put(k ClassKey, v Class) error {
	err := t.check(k, v)
	if err == nil {
		err = t.put(k, v.Normal(k.Minor))
	}
	if err != nil {
		return fmt.Errorf("interface %s: put class %x:%x: %w", t.conn.name(k.IfIndex), Handle, k.Minor, err)
	}
	return nil
}

func (t classes) check(k ClassKey, v Class) error {
	switch {
	case k.Inner() != t.inner, !t.inner && (k.Minor == 0 || k.Minor > MaxLeaf):
		return fmt.Errorf("%w: leaves are 1 to %x, others %x to ffff", unix.EINVAL, MaxLeaf, FirstInner)
	case v.Rate < 8:
		return fmt.Errorf("%w: a rate of %d bit/s is none", unix.EINVAL, v.Rate)
	case v.Priority > maxPriority:
		return fmt.Errorf("%w: priority %d is not 0..%d", unix.EINVAL, v.Priority, maxPriority)
	}
	return nil
}

// put writes a normal value and looks at what the kernel made of it: that puts a
// class whose parent is missing under the scheduler, in silence, and leaves one
// that exists where it is.
func (t classes) put(k ClassKey, v Class) error {
	have, err := t.write(k, v, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	switch {
	case err == nil && have.Parent != v.Parent:
		return errors.Join(fmt.Errorf("the class above it, %x: %w", v.Parent, unix.ENOENT), t.remove(k))
	case errors.Is(err, unix.EEXIST):
		have, err = t.write(k, v, 0)
		if err == nil && have.Parent != v.Parent {
			have, err = t.move(k, v)
		}
	}
	if err == nil && have != v {
		err = fmt.Errorf("the kernel made of %+v: %+v", v, have)
	}
	return err
}

// write sends a value and returns what the kernel echoes.
func (t classes) write(k ClassKey, v Class, flags int) (Class, error) {
	parent := rootHandle | uint32(v.Parent)
	r := t.conn.tcRequest(unix.RTM_NEWTCLASS, flags|unix.NLM_F_ACK|unix.NLM_F_ECHO, k.IfIndex, k.handle(), parent,
		kindOf("htb"), classOptions(v))
	messages, err := r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWTCLASS)
	if err != nil {
		return Class{}, err
	}
	if len(messages) != 1 {
		return Class{}, fmt.Errorf("%d answers", len(messages))
	}
	_, have, err := parseClass(messages[0])
	return have, err
}

// move gives a leaf another parent, which the kernel has no call for: it ends,
// with what waits in it gone out before, and begins anew with its queue.
func (t classes) move(k ClassKey, v Class) (Class, error) {
	if t.inner {
		return Class{}, fmt.Errorf("%w: it cannot be put under %x while it is under another", unix.EBUSY, v.Parent)
	}
	if v.Parent != 0 {
		if _, err := t.conn.tcGet(unix.RTM_GETTCLASS, k.IfIndex, rootHandle|uint32(v.Parent), 0); err != nil {
			return Class{}, fmt.Errorf("the class above it, %x: %w", v.Parent, err)
		}
	}
	waiting := queues{t.conn}
	queue, had, err := waiting.at(k)
	if err == nil {
		err = t.remove(k)
	}
	if err != nil {
		return Class{}, err
	}
	have, err := t.write(k, v, unix.NLM_F_CREATE)
	if err == nil && had {
		err = waiting.Put(k, queue)
	}
	return have, err
}

// classOptions is TCA_OPTIONS of a normal value.
func classOptions(v Class) *nl.RtAttr {
	rate, ceil, quantum := v.Rate/8, v.Ceil/8, v.Quantum
	if quantum == 0 {
		quantum = leastQuantum // of an inner one it is unused, but none makes the kernel complain
	}
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_HTB_PARMS, (&nl.TcHtbCopt{
		Rate:    nl.TcRateSpec{Linklayer: linkEthernet, Rate: uint32(min(rate, 1<<32-1))},
		Ceil:    nl.TcRateSpec{Linklayer: linkEthernet, Rate: uint32(min(ceil, 1<<32-1))},
		Buffer:  burstTicks(v.Burst, rate),
		Cbuffer: burstTicks(v.CeilBurst, ceil),
		Quantum: quantum,
		Prio:    uint32(v.Priority),
	}).Serialize())
	options.AddRtAttr(nl.TCA_HTB_RATE64, nl.Uint64Attr(rate))
	options.AddRtAttr(nl.TCA_HTB_CEIL64, nl.Uint64Attr(ceil))
	return options
}
