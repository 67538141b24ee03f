package telemetry

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox/signalbox/telemetry/schema"
)

func entryOf(i int) (row, path string, values []schema.Value) {
	mac := fmt.Sprintf("02:00:00:00:00:%02x", i)
	return "default|" + mac + "|10",
		"/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=" + mac + "][vlan=10]",
		[]schema.Value{schema.StringValue(mac), schema.UintValue(10), schema.EnumValue("DYNAMIC"), schema.UintValue(uint64(i))}
}

// A table with too many rows to hold is read by each subscriber at its own
// speed; what waits for a stalled one is that it should read.
func TestG26_HugeTable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fdb := newFDB()
		for i := range 50 {
			row, _, values := entryOf(i)
			fdb.put(row, values...)
		}
		e := newEngine(t, Options{TableRows: 20, FrameBytes: 500}, fdb)
		const entries = "/network-instances/network-instance/fdb/mac-table/entries"
		gate := make(chan struct{}, 10_000)
		for range 1000 {
			gate <- struct{}{}
		}
		slow := subscribeGated(t, e, stream(t, sampled(t, entries, time.Second)), gate)
		quick := subscribe(t, e, stream(t, sampled(t, entries, time.Second), onChange(t, "/system")))
		for _, c := range []*client{slow, quick} {
			if got := c.synced(1); len(got) != 50*4+1 {
				t.Fatalf("%d lines to start with, want all leaves of 50 rows and a sync", len(got))
			}
		}
		reads := fdb.count()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(quick.take()); got != 50*4 {
			t.Errorf("%d leaves of a tick, want those of 50 rows", got)
		}
		if got := fdb.count() - reads; got != 2 {
			t.Errorf("%d reads of a tick by two subscribers", got)
		}
		for len(gate) > 0 { // from here on it takes nothing
			<-gate
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		subs, _ := e.Subscriptions()
		if st := subs[0].Stats(); st.QueueOctets > 10_000 || st.QueueUpdates != 0 {
			t.Errorf("%d octets and %d updates wait for a stalled subscriber", st.QueueOctets, st.QueueUpdates)
		}
		quick.take()
		row, path, _ := entryOf(7)
		fdb.put(row)
		e.Notify(batch(t, All, "-"+path))
		synctest.Wait()
		quick.expect("-" + path)
		for range 2000 {
			gate <- struct{}{}
		}
		slow.until("the delete", func() bool { return slices.Contains(slow.log, "-"+path) })
		slow.until("the last sample, which stands for others", func() bool { return slow.dups > 0 })
		synctest.Wait()
		if got, want := len(slow.state()), 49*4; got != want {
			t.Errorf("%d leaves in the end, want %d", got, want)
		}
	})
}

// A table that is small again is read once for all.
func TestG26_HugeTableShrinks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fdb := newFDB()
		for i := range 50 {
			row, _, values := entryOf(i)
			fdb.put(row, values...)
		}
		e := newEngine(t, Options{TableRows: 20}, fdb)
		const entries = "/network-instances/network-instance/fdb/mac-table/entries"
		one := subscribe(t, e, stream(t, sampled(t, entries, time.Second)))
		two := subscribe(t, e, stream(t, sampled(t, entries, time.Second)))
		one.synced(1)
		two.synced(1)
		for i := range 45 {
			row, path, _ := entryOf(i)
			fdb.put(row)
			e.Notify(batch(t, All, "-"+path))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		one.take()
		two.take()
		reads := fdb.count()
		expectAfterCount(t, time.Second, 5*4, one, two)
		if got := fdb.count() - reads; got != 1 {
			t.Errorf("%d reads of a tick for two subscribers", got)
		}
	})
}

func expectAfterCount(t *testing.T, wait time.Duration, lines int, clients ...*client) {
	t.Helper()
	time.Sleep(wait)
	synctest.Wait()
	for _, c := range clients {
		if got := len(c.take()); got != lines {
			t.Errorf("%d lines, want %d", got, lines)
		}
	}
}
