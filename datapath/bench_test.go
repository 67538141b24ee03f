package datapath

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// many makes a datapath with n switch ports that are up, in two VLANs.
func many(b *testing.B, n int) *bench {
	w, far := newBench(b), lab.New(b)
	var all []*spec.Port
	for i := range n {
		name := fmt.Sprintf("p%d", i)
		w.ns.Veth(b, name, far, name)
		all = append(all, access(name, "default", uint16(10+i%2)))
	}
	w.apply(ports(all...))
	w.carries("p0", fmt.Sprintf("p%d", n-1))
	b.ResetTimer()
	return w
}

// BenchmarkCounters reads the counters of all interfaces.
func BenchmarkCounters(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n, " ports"), func(b *testing.B) {
			w := many(b, n)
			for b.Loop() {
				if _, _, err := w.Counters(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkApply changes one leaf of one port: its description, its VLAN.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint("description ", n, " ports"), func(b *testing.B) {
			w := many(b, n)
			p := [2]*spec.Port{access("p0", "default", 10), access("p0", "default", 10)}
			p[0].Description, p[1].Description = "one", "two"
			for i := 0; b.Loop(); i++ {
				w.apply(ports(p[i%2]))
			}
		})
		b.Run(fmt.Sprint("vlan ", n, " ports"), func(b *testing.B) {
			w := many(b, n)
			p := [2]*spec.Port{access("p0", "default", 11), access("p0", "default", 10)}
			for i := 0; b.Loop(); i++ {
				w.apply(ports(p[i%2]))
			}
		})
	}
}

// BenchmarkAppear makes the interface of a configured port and waits until the
// port forwards.
func BenchmarkAppear(b *testing.B) {
	w, far := newBench(b), lab.New(b)
	w.apply(ports(access("p0", "default", 10)))
	for b.Loop() {
		w.ns.Veth(b, "p0", far, "eth0")
		for {
			if i := w.State().Interfaces["p0"]; i.Oper == spec.OperUp && i.Port.Forwarding {
				break
			}
			time.Sleep(50 * time.Microsecond)
		}
		b.StopTimer()
		w.ns.Remove(b, "p0")
		w.wait("p0 vanished", func(i *spec.Interface) bool { return !i.Present }, "p0")
		b.StartTimer()
	}
}

// BenchmarkScan goes once over the filtering database, as ageing does.
func BenchmarkScan(b *testing.B) {
	w := newBench(b)
	for b.Loop() {
		if err := w.ClearFDB(context.Background(), FDBFilter{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCarriers is a look at the carriers of all members, which is made each
// 5 ms.
func BenchmarkCarriers(b *testing.B) {
	for _, n := range []int{2, 32} {
		b.Run(fmt.Sprint(n, " members"), func(b *testing.B) {
			w := newTeamBench(b, n)
			w.apply(w.teamed(spec.StaticLAG, nil))
			lab.Wait(b, "active members", func() bool { return w.lag() != nil && len(w.lag().Active) == n })
			b.ResetTimer()
			w.owner(func() {
				for b.Loop() {
					w.lookAtCarriers(time.Now())
				}
			})
		})
	}
}
