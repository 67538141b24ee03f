package datapath

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/spec"
)

// BenchmarkTraceEvent measures how long after a frame passed the switch its
// session is told of it.
func BenchmarkTraceEvent(b *testing.B) {
	bed := newBench(b)
	w1 := bed.host("p1")
	bed.host("p2")
	bed.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	bed.carries("p1", "p2")
	var mu sync.Mutex
	var late []time.Duration
	session := spec.TraceSession{ID: "late", Level: spec.TraceEvents, Filter: "ether proto 0x88b5"}
	err := bed.StartTrace(context.Background(), session, func(batch spec.TraceBatch) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		for _, e := range batch.Events {
			late = append(late, now.Sub(e.Time))
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	sent := 0
	for b.Loop() {
		w1.Send(frame(broadcast, station(1), 0, 1))
		sent++
		time.Sleep(200 * time.Microsecond)
	}
	lab.Wait(b, "all events", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(late) == sent
	})
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "µs-p99")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkExplain measures what an explanation takes: on the running
// configuration, and with a change.
func BenchmarkExplain(b *testing.B) {
	bed := newBench(b)
	bed.host("p1")
	bed.host("p2")
	bed.apply(ports(access("p1", "default", 10), access("p2", "default", 10)))
	c := ports(access("p1", "default", 20))
	f := frame(broadcast, station(1), 0, 1)
	for name, change := range map[string]*spec.Change{"running": nil, "change": &c} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := bed.Explain(context.Background(), "p1", f, change); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
