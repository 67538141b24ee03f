package telemetry

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// moves tells that an address moved to another port, as the observer does.
func moves(e *Engine, mac, port int) {
	e.Notify(Batch{Updates: []Update{{
		schema.Path{
			Node: ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryInterfaceInterfaceRefStateInterface,
			Keys: []string{"default", fmt.Sprintf("02:00:00:00:%02x:%02x", mac>>8, mac&255), "1"},
		},
		schema.StringValue(fmt.Sprintf("p%d", port)),
	}}})
}

// Rows that change beside a subscriber that reads nothing: what the process
// holds for it is within what its queue counts.
func BenchmarkStalledByRows(b *testing.B) {
	const addresses = 8 << 10
	e := New(Options{})
	publish(b, e, Config, "/network-instances/network-instance[name=default]/config/name=default")
	end := stalls(b, e, "/network-instances")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		moves(e, n%addresses, n/addresses)
		n++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	stats, _ := e.Subscriptions()
	grown := float64(int64(after.HeapAlloc) - int64(before.HeapAlloc))
	waits := float64(stats[0].Stats().QueueOctets)
	b.ReportMetric(grown/float64(min(n, addresses)), "held/row")
	b.ReportMetric(waits/float64(min(n, addresses)), "counted/row")
	end()
	e.Close()
}
