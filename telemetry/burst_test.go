package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"google.golang.org/protobuf/encoding/protowire"
)

// portsUp makes so many ports appear at once: some leaves of each are
// published, and as many rows of a source come with it as make 80 leaves.
func portsUp(t testing.TB, e *Engine, from, to int, mtu uint64) (leaves int) {
	var one Batch
	for _, leaf := range []string{
		"/config/name=x", "/config/type=ethernetCsmacd", "/config/enabled=true", "/config/description=uplink",
		"/state/name=x", "/state/type=ethernetCsmacd", "/state/enabled=true", "/state/ifindex=7",
		"/state/admin-status=UP", "/state/oper-status=UP", "/state/last-change=1763800000000000000", "/state/logical=false",
		"/ethernet/state/mac-address=02:00:00:00:00:01", "/ethernet/switched-vlan/config/trunk-vlans=1,5..9",
	} {
		one.Updates = append(one.Updates, batch(t, All, "/interfaces/interface[name=x]"+leaf).Updates...)
	}
	one.Updates = append(one.Updates, Update{path(t, "/interfaces/interface[name=x]/state/mtu"), schema.UintValue(mtu)})
	var published, rows Batch
	for i := from; i < to; i++ {
		keys := []string{fmt.Sprint("tap", i)}
		for _, u := range one.Updates {
			published.Updates = append(published.Updates, Update{schema.Path{Node: u.Path.Node, Keys: keys}, u.Value})
		}
		for _, reason := range ocpath.Get(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason).Values[:16] {
			rows.Updates = append(rows.Updates, discard(keys[0], reason.Name)...)
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

// tally is a reader that only counts, as fast as it can.
type tally struct {
	gate    chan struct{} // each message waits for a token
	updates int
	last    chan struct{} // closed when the marker has come
	ended   chan error
}

const lastOfAll = "the last of all"

func count(t *testing.T, e *Engine) *tally {
	c := &tally{gate: make(chan struct{}, 1), last: make(chan struct{}), ended: make(chan error, 1)}
	c.gate <- struct{}{}
	synced := make(chan struct{})
	go func() {
		c.ended <- e.Subscribe(t.Context(), stream(t, onChange(t, "/")), nil, func(frame []byte) error {
			select {
			case <-c.gate: // closed for one that reads
			case <-t.Context().Done():
				return t.Context().Err()
			}
			if len(frame) == 2 {
				close(synced)
				return nil
			}
			c.updates += updatesOf(frame)
			if bytes.Contains(frame, []byte(lastOfAll)) {
				close(c.last)
			}
			return nil
		})
	}()
	<-synced
	return c
}

// updatesOf is how many Updates a message has: field 4 of its Notification.
func updatesOf(frame []byte) (count int) {
	_, _, n := protowire.ConsumeTag(frame)
	body, _ := protowire.ConsumeBytes(frame[n:])
	for len(body) > 0 {
		field, _, n := protowire.ConsumeField(body)
		if field == 4 {
			count++
		}
		body = body[n:]
	}
	return count
}

func (c *tally) untilLast(t *testing.T) {
	t.Helper()
	select {
	case <-c.last:
	case err := <-c.ended:
		t.Fatalf("the subscription ended: %v", err)
	case <-time.After(bound):
		t.Fatal("the last change does not come")
	}
}

// A reader that reads gets all of a burst, however large; one that does not
// holds no more than its bound.
func TestG32_BurstOfPorts(t *testing.T) {
	e := newEngine(t, Options{})
	reader := count(t, e)
	close(reader.gate)
	idle := count(t, e)
	leaves := 0
	const bursts = 3 // of the same leaves: with a stalled reader they wait once
	for i := range uint64(bursts) {
		leaves = portsUp(t, e, 0, 1000, 1500+i)
	}
	if leaves < 80_000 {
		t.Fatalf("a burst of %d leaves is too small", leaves)
	}
	publish(t, e, All, "/system/state/hostname="+lastOfAll)
	reader.untilLast(t)
	subs, totals := e.Subscriptions()
	if len(subs) != 2 || totals.CutOff != 0 {
		t.Fatalf("%d readers, %d cut off", len(subs), totals.CutOff)
	}
	for _, s := range subs {
		st := s.Stats()
		t.Logf("reader %d: %d octets waited at most", s.ID, st.QueuePeak)
		if st.QueuePeak > st.QueueLimit {
			t.Errorf("reader %d: %d octets waited, the bound is %d", s.ID, st.QueuePeak, st.QueueLimit)
		}
	}
	close(idle.gate)
	idle.untilLast(t)
	for name, c := range map[string]*tally{"reader": reader, "stalled": idle} {
		if c.updates < leaves+1 {
			t.Errorf("%s: %d updates, want those of %d leaves", name, c.updates, leaves+1)
		}
	}
	if idle.updates > leaves+1+2000 { // what it had in hand came twice
		t.Errorf("the stalled reader got %d updates for %d leaves", idle.updates, leaves+1)
	}
}

// What is more than a stalled reader may have is allowed one that reads.
func TestG32_BurstBeyondTheBound(t *testing.T) {
	e := newEngine(t, Options{QueueBytes: 1 << 20, BurstBytes: 64 << 20, StallTime: bound})
	reader := subscribe(t, e, stream(t, onChange(t, "/")))
	reader.synced(1)
	leaves := portsUp(t, e, 0, 200, 1500)
	reader.until("all ports", func() bool { return len(reader.tree) == leaves })

	slow := newEngine(t, Options{QueueBytes: 1 << 20, BurstBytes: 64 << 20, StallTime: 1})
	idle, _ := stalled(t, slow, onChange(t, "/"))
	portsUp(t, slow, 0, 200, 1500)
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
