package netdev_test

import (
	"fmt"
	"testing"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// BenchmarkRead reads 1,000 interfaces, and what the kernel counts of them.
func BenchmarkRead(b *testing.B) {
	here := lab.New(b)
	for i := range 500 {
		here.Veth(b, fmt.Sprintf("v%d", i), here, fmt.Sprintf("p%d", i))
	}
	var c *netdev.Conn
	here.Do(b, func() {
		var err error
		if c, err = netdev.Dial(); err != nil {
			b.Error(err)
		}
	})
	defer c.Close()
	b.Run("links", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Links(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Stats(func(uint32, *spec.LinkCounters) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSchedulers reads 1,000 interfaces with 9 classes each, and puts one
// of them on.
func BenchmarkSchedulers(b *testing.B) {
	here, there := lab.New(b), lab.New(b)
	var c *netdev.Conn
	here.Do(b, func() {
		var err error
		if c, err = netdev.Dial(); err != nil {
			b.Error(err)
		}
	})
	defer c.Close()
	var index uint32
	for i := range 1000 {
		here.Veth(b, fmt.Sprintf("v%d", i), there, fmt.Sprintf("p%d", i))
		index = uint32(here.Link(b, fmt.Sprintf("v%d", i)).Attrs().Index)
		schedule(b, c, index)
	}
	b.Run("queue stats", func(b *testing.B) {
		for b.Loop() {
			if all, err := c.QueueStats(); err != nil || len(all) != 9000 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("leaves", func(b *testing.B) {
		for b.Loop() {
			if all := list(b, c.Leaves()); len(all) != 9000 {
				b.Fatal(len(all))
			}
		}
	})
	b.Run("one interface", func(b *testing.B) {
		for b.Loop() {
			if err := c.Schedulers().Delete(index); err != nil {
				b.Fatal(err)
			}
			schedule(b, c, index)
		}
	})
	b.Run("one rate", func(b *testing.B) {
		rate := uint64(1e6)
		for b.Loop() {
			rate += 8
			put(b, c.Leaves(), netdev.ClassKey{IfIndex: index, Minor: 1}, leaf(rate, 1e9))
		}
	})
}

// schedule puts a scheduler with 9 leaves and their queues on an interface.
func schedule(b *testing.B, c *netdev.Conn, index uint32) {
	b.Helper()
	put(b, c.Schedulers(), index, netdev.Scheduler{Default: defaultClass})
	put(b, c.Classes(), netdev.ClassKey{IfIndex: index, Minor: 0xffff}, netdev.Class{Rate: 1e9}.Normal(0xffff))
	for minor := range uint16(9) {
		k := netdev.ClassKey{IfIndex: index, Minor: 1 + minor}
		put(b, c.Leaves(), k, leaf(1e6, 1e9))
		put(b, c.Queues(), k, netdev.Queue{Octets: 1 << 20})
	}
}
