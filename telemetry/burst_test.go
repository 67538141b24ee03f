package telemetry

import (
	"errors"
	"fmt"
	"testing"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// portsUp makes so many ports appear at once: some leaves of each are
// published, and as many rows of a source come with it as make 80 leaves.
func portsUp(t testing.TB, e *Engine, from, to int, mtu string) (leaves int) {
	var published, rows Batch
	for i := from; i < to; i++ {
		name := fmt.Sprintf("/interfaces/interface[name=tap%d]", i)
		for _, leaf := range []string{
			"/config/name=x", "/config/type=ethernetCsmacd", "/config/enabled=true", "/config/description=uplink",
			"/state/name=x", "/state/type=ethernetCsmacd", "/state/enabled=true", "/state/ifindex=7",
			"/state/admin-status=UP", "/state/oper-status=UP", "/state/last-change=1763800000000000000", "/state/logical=false",
			"/ethernet/state/mac-address=02:00:00:00:00:01", "/ethernet/switched-vlan/config/trunk-vlans=1,5..9",
		} {
			published.Updates = append(published.Updates, batch(t, All, name+leaf).Updates...)
		}
		published.Updates = append(published.Updates, set(t, name+"/state/mtu", mtu))
		for _, reason := range ocpath.Get(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason).Values[:16] {
			rows.Updates = append(rows.Updates, discard(fmt.Sprint("tap", i), reason.Name)...)
		}
	}
	e.Publish(published)
	e.Notify(rows)
	return len(published.Updates) + (to - from) + len(rows.Updates) // with the key of each port
}

// discard is a row of what a port has dropped for a reason.
func discard(port, reason string) []Update {
	keys := []string{port, "INGRESS", reason}
	at := func(node ocpath.ID, v schema.Value) Update { return Update{schema.Path{Node: node, Keys: keys}, v} }
	return []Update{
		at(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardDirection, schema.EnumValue("INGRESS")),
		at(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason, schema.EnumValue(reason)),
		at(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateDirection, schema.EnumValue("INGRESS")),
		at(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateReason, schema.EnumValue(reason)),
	}
}

// A reader that reads gets all of a burst, however large; one that does not
// holds no more than its bound.
func TestG32_BurstOfPorts(t *testing.T) {
	e := newEngine(t, Options{})
	reader := subscribe(t, e, stream(t, onChange(t, "/")))
	reader.synced(1)
	idle, gate := stalled(t, e, onChange(t, "/"))
	leaves := portsUp(t, e, 0, 1000, "1500")
	if leaves < 80_000 {
		t.Fatalf("a burst of %d leaves is too small", leaves)
	}
	reader.until("all ports", func() bool { return len(reader.tree) == leaves })
	for i := range 3 { // the same leaves again: they wait once
		portsUp(t, e, 0, 1000, fmt.Sprint(2000+i))
	}
	const last = "/interfaces/interface[name=tap999]/state/mtu"
	reader.until("the last value", func() bool { return reader.tree[last] == "2002" })
	subs, totals := e.Subscriptions()
	if len(subs) != 2 || totals.CutOff != 0 {
		t.Fatalf("%d readers, %d cut off", len(subs), totals.CutOff)
	}
	for _, s := range subs {
		if st := s.Stats(); st.QueuePeak > st.QueueLimit {
			t.Errorf("reader %d: %d octets waited, the bound is %d", s.ID, st.QueuePeak, st.QueueLimit)
		} else {
			t.Logf("reader %d: %d octets waited at most", s.ID, st.QueuePeak)
		}
	}
	for range cap(gate) {
		gate <- struct{}{}
	}
	idle.until("all ports", func() bool { return len(idle.tree) == leaves && idle.tree[last] == "2002" })
}

// What is more than a stalled reader may have is allowed one that reads.
func TestG32_BurstBeyondTheBound(t *testing.T) {
	e := newEngine(t, Options{QueueBytes: 1 << 20, BurstBytes: 64 << 20, StallTime: bound})
	reader := subscribe(t, e, stream(t, onChange(t, "/")))
	reader.synced(1)
	leaves := portsUp(t, e, 0, 200, "1500")
	reader.until("all ports", func() bool { return len(reader.tree) == leaves })

	slow := newEngine(t, Options{QueueBytes: 1 << 20, BurstBytes: 64 << 20, StallTime: 1})
	idle, _ := stalled(t, slow, onChange(t, "/"))
	portsUp(t, slow, 0, 200, "1500")
	if err := idle.ended(); !errors.Is(err, ErrSlowReader) {
		t.Errorf("a stalled reader: %v, want %v", err, ErrSlowReader)
	}
}

// What a subscription's queue held and what it was sent is counted.
func TestG32_SubscriptionsAreCounted(t *testing.T) {
	e := newEngine(t, Options{QueueBytes: 1 << 20, BurstBytes: 1 << 20})
	c, gate := stalled(t, e, onChange(t, "/interfaces"))
	for i := range 10 {
		publish(t, e, All, mtu0+"="+fmt.Sprint(i+1))
	}
	for range 10 {
		gate <- struct{}{}
	}
	c.until("the last value", func() bool { return c.tree[mtu0] == "10" })
	open, totals := e.Subscriptions()
	if len(open) != 1 || totals.Opened != 1 || open[0].ID != 1 || open[0].Paths[0] != "/interfaces" {
		t.Fatalf("%v, %+v", open, totals)
	}
	st := open[0].Stats()
	if sent := len(c.frames); st.Messages > uint64(sent) || st.Messages < uint64(sent)-1 { // the last one is on its way
		t.Errorf("%d messages are counted, %d came", st.Messages, sent)
	}
	if st.Coalesced != uint64(c.duplicates()) || st.QueuePeak == 0 || st.QueueOctets != 0 || st.QueueUpdates != 0 {
		t.Errorf("%+v, %d duplicates came", st, c.duplicates())
	}
	for i := range 4000 {
		publish(t, e, All, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/mtu=1", i))
	}
	if err := c.ended(); !errors.Is(err, ErrSlowReader) {
		t.Fatal(err)
	}
	if open, totals := e.Subscriptions(); len(open) != 0 || totals.CutOff != 1 {
		t.Errorf("%d are open, %+v", len(open), totals)
	}
}
