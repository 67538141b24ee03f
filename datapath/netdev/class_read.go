package netdev

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	drainWithin = time.Second
	drainStuck  = 100 * time.Millisecond // without one frame gone: the interface takes none
	drainPoll   = time.Millisecond
)

// parseClass reads an RTM_NEWTCLASS. A class of another qdisc has minor
// number 0.
func parseClass(m []byte) (ClassKey, Class, error) {
	o, err := parseTC(m)
	if err != nil || o.handle>>16 != Handle || o.kind != "htb" {
		return ClassKey{}, Class{}, err
	}
	k := ClassKey{o.index, uint16(o.handle)}
	v := Class{}
	if !o.root() {
		v.Parent = uint16(o.parent)
	}
	err = v.parse(o.options)
	if k.Inner() {
		v.Priority, v.Quantum = 0, 0
	}
	return k, v, err
}

// parse reads TCA_OPTIONS of a class. TCA_HTB_PARMS is struct tc_htb_opt:
//
//	octet  0  the rate: cell log, link layer, overhead (2), alignment (2), least (2)
//	       8      octets/s
//	      12  the ceiling likewise, 20 octets/s
//	      24  burst, 28 that of the ceiling (ticks of 64 ns)
//	      32  quantum   36  level   40  priority
//
// A rate of 2^32 octets/s or more is in an attribute of its own.
func (v *Class) parse(options []byte) error {
	var rate, ceil, burst, ceilBurst, priority uint32
	var rate64, ceil64 uint64
	err := eachAttribute(options, func(kind uint16, value []byte) error {
		switch {
		case kind == nl.TCA_HTB_PARMS:
			return numbers("an htb class", value, nil, nil, &rate, nil, nil, &ceil, &burst, &ceilBurst, &v.Quantum, nil, &priority)
		case kind == nl.TCA_HTB_RATE64 && len(value) == 8:
			rate64 = binary.NativeEndian.Uint64(value)
		case kind == nl.TCA_HTB_CEIL64 && len(value) == 8:
			ceil64 = binary.NativeEndian.Uint64(value)
		}
		return nil
	})
	rate64, ceil64 = max(rate64, uint64(rate)), max(ceil64, uint64(ceil))
	v.Rate, v.Ceil = 8*rate64, 8*ceil64
	v.Burst, v.CeilBurst = burstOctets(burst, rate64), burstOctets(ceilBurst, ceil64)
	v.Priority = uint8(priority)
	return err
}

// Delete removes it, a leaf when it has run empty.
func (t classes) Delete(k ClassKey) error {
	if err := t.remove(k); err != nil {
		return fmt.Errorf("interface %s: remove class %x:%x: %w", t.conn.name(k.IfIndex), Handle, k.Minor, err)
	}
	return nil
}

func (t classes) remove(k ClassKey) error {
	if !t.inner {
		if err := t.conn.drain(k); err != nil {
			return err
		}
	}
	if err := t.conn.tcSet(unix.RTM_DELTCLASS, 0, k.IfIndex, k.handle(), 0); err != nil && !absent(err) {
		return err
	}
	return nil
}

// drain waits until nothing is in a leaf, or nothing leaves it.
func (c *Conn) drain(k ClassKey) error {
	end := time.Now().Add(drainWithin)
	stuck := time.Now().Add(drainStuck)
	for sent := uint64(0); ; time.Sleep(drainPoll) {
		s, err := c.classStat(k)
		if absent(err) {
			return nil
		}
		now := time.Now()
		if err != nil || s.BacklogPackets == 0 || now.After(end) {
			return err
		}
		if s.SentPackets != sent {
			sent, stuck = s.SentPackets, now.Add(drainStuck)
		} else if now.After(stuck) {
			return nil
		}
	}
}

// classStat is what the kernel counts of one class.
func (c *Conn) classStat(k ClassKey) (QueueStat, error) {
	o, err := c.tcGet(unix.RTM_GETTCLASS, k.IfIndex, k.handle(), 0)
	if err != nil {
		return QueueStat{}, err
	}
	return parseQueueStat(o.stats)
}
