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
