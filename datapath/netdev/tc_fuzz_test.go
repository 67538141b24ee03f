package netdev

import (
	"math/bits"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// message is one of the kernel's, as far as it is attributes of ours.
func message(index, handle, parent uint32, data ...*nl.RtAttr) []byte {
	m := (&nl.TcMsg{Ifindex: int32(index), Handle: handle, Parent: parent}).Serialize()
	m = append([]byte(nil), m...)
	for _, d := range data {
		m = append(m, d.Serialize()...)
	}
	return m
}

// FuzzTC reads messages as those of classes and queueing disciplines.
func FuzzTC(f *testing.F) {
	class := Class{Parent: 0xffff, Rate: 40e9, Ceil: 50e9}.Normal(1)
	red := Queue{Octets: 1 << 20, RedMin: 50_000, RedMax: 150_000, ECN: true}
	stats := nl.NewRtAttr(nl.TCA_STATS2, nil)
	stats.AddRtAttr(nl.TCA_STATS_BASIC, make([]byte, 16))
	stats.AddRtAttr(nl.TCA_STATS_QUEUE, make([]byte, 20))
	stats.AddRtAttr(nl.TCA_STATS_APP, make([]byte, 16))
	f.Add(message(7, rootHandle|1, rootHandle|0xffff, kindOf("htb"), classOptions(class), stats))
	f.Add(message(7, 1<<16, rootHandle|1, kindOf(fifoOctets), fifoOptions(1<<20), stats))
	f.Add(message(7, 1<<16, rootHandle|1, kindOf(early), red.redOptions(red.Octets), stats))
	f.Add(message(7, 1<<16|belowRED, 1<<16|1, kindOf(fifoOctets), fifoOptions(1<<20)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, m []byte) {
		if k, v, err := parseClass(m); err == nil && k.Minor != 0 {
			if k.Inner() && (v.Priority != 0 || v.Quantum != 0) {
				t.Errorf("an inner class %+v", v)
			}
		}
		o, err := parseTC(m)
		if err != nil {
			return
		}
		_, _ = parseQueue(&o)
		_, _ = parseScheduler(o.options)
		_, _ = parseQueueStat(o.stats)
		if k, ok := queueKey(&o); ok && (k.Minor == 0 || k.Minor > MaxLeaf) {
			t.Errorf("a queue of class %x", k.Minor)
		}
		_, _ = belowKey(&o)
	})
}

// FuzzNormal rounds a value twice, and brings it to the kernel's form and back.
func FuzzNormal(f *testing.F) {
	f.Add(uint16(1), uint64(8), uint64(0), uint32(0), uint32(0), uint8(0), uint32(0))
	f.Add(uint16(1), uint64(10_000_000), uint64(5_000_000_001), uint32(1518), uint32(1<<30), uint8(9), uint32(7))
	f.Add(uint16(0xff00), uint64(1e12), uint64(1e13), uint32(1<<32-1), uint32(1), uint8(1), uint32(1))
	f.Fuzz(func(t *testing.T, minor uint16, rate, ceil uint64, burst, ceilBurst uint32, priority uint8, quantum uint32) {
		rate, ceil = max(rate%1e15, 8), ceil%1e15
		v := Class{Parent: 0xffff, Rate: rate, Ceil: ceil, Burst: burst, CeilBurst: ceilBurst, Priority: priority, Quantum: quantum}.Normal(minor)
		if again := v.Normal(minor); again != v {
			t.Fatalf("normal %+v\nand again %+v", v, again)
		}
		if minor == 0 {
			return
		}
		k, read, err := parseClass(message(7, rootHandle|uint32(minor), rootHandle|0xffff, kindOf("htb"), classOptions(v)))
		if err != nil || read != v || k != (ClassKey{7, minor}) {
			t.Fatalf("wrote %+v\nand read %v %+v, %v", v, k, read, err)
		}
	})
}

// TestRED makes parameters that the kernel takes, and reads them.
func TestRED(t *testing.T) {
	for _, v := range []Queue{
		{Octets: 1 << 20, RedMin: 1, RedMax: 2}, {Octets: 1 << 20, RedMin: 30_000, RedMax: 90_000},
		{Octets: 1 << 30, RedMin: maxRED - 1, RedMax: maxRED}, {Octets: 1 << 30, RedMin: 1518, RedMax: maxRED},
	} {
		weight := redWeight(v.RedMin, v.RedMax)
		// What the kernel asks of them, red_check_params of include/net/red.h.
		for _, octets := range []uint32{v.RedMin, v.RedMax} {
			if weight < 1 || bits.Len32(octets)+int(weight) >= 32 {
				t.Errorf("%+v: weight %d is too much", v, weight)
			}
		}
		scale, table := redIdle(weight)
		if scale >= 32 || len(table) != redStabLen || table[0] != 0 || table[redStabLen-1] < redLeast-1 {
			t.Errorf("%+v: table %v scale %d", v, table, scale)
		}
		for i := 1; i < len(table); i++ {
			if table[i] < table[i-1] || table[i] > redLeast {
				t.Errorf("%+v: table %v", v, table)
			}
		}
		var read Queue
		o := tcObject{kind: early, options: v.redOptions(v.Octets).Serialize()[unix.SizeofRtAttr:]}
		read, err := parseQueue(&o)
		if err != nil || read != v {
			t.Errorf("wrote %+v and read %+v, %v", v, read, err)
		}
	}
}
