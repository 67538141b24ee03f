package telemetry

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// happens makes an event of a session, with so many octets in it.
func happens(session string, sequence uint64, octets int) Event {
	const container = ocpath.TracesSessionsSessionEventsEventState
	return Event{
		Path: schema.Path{Node: container, Keys: []string{session, strconv.FormatUint(sequence, 10)}},
		Time: time.Unix(1, int64(sequence)),
		Updates: []Update{
			{schema.Path{Node: ocpath.TracesSessionsSessionEventsEventStateSequence}, schema.UintValue(sequence)},
			{schema.Path{Node: ocpath.TracesSessionsSessionEventsEventStateDetail}, schema.StringValue(fmt.Sprintf("%0*d", octets, sequence))},
		},
	}
}

const session1 = "/traces/sessions/session[id=1]/events/event"

func TestEventsAreToldOnce(t *testing.T) {
	e := newEngine(t, Options{})
	one := subscribe(t, e, stream(t, onChange(t, "/traces/sessions/session[id=1]/events")))
	part := subscribe(t, e, stream(t, onChange(t, "/traces/sessions/session/events/event/state/sequence")))
	other := subscribe(t, e, stream(t, onChange(t, "/traces/sessions/session[id=2]"), onChange(t, "/system")))
	for _, c := range []*client{one, part, other} {
		c.synced(1)
	}
	e.Tell([]Event{happens("1", 1, 1), happens("1", 2, 1)})
	publish(t, e, State, "/system/state/hostname=last")
	state := func(n int) string { return fmt.Sprintf("%s[sequence=%d]/state", session1, n) }
	one.expect("whole "+state(1), state(1)+"/detail=1", state(1)+"/sequence=1", "whole "+state(2), state(2)+"/detail=2", state(2)+"/sequence=2")
	part.expect("whole "+state(1), state(1)+"/sequence=1", "whole "+state(2), state(2)+"/sequence=2")
	other.expect("/system/state/hostname=last")
	for i, n := range one.notifications() {
		if want := time.Unix(1, int64(i+1)).UnixNano(); n.GetTimestamp() != want {
			t.Errorf("event %d has the time %d, want %d", i+1, n.GetTimestamp(), want)
		}
	}
	late := subscribe(t, e, request(gpb.SubscriptionList_ONCE, onChange(t, "/traces")))
	late.expect("sync")
}

func TestWhoDoesNotReadLosesEvents(t *testing.T) {
	const count, octets = 200, 1000
	e := newEngine(t, Options{QueueBytes: 64 << 10, StallTime: time.Nanosecond})
	gate := make(chan struct{}, count+1)
	gate <- struct{}{} // the sync
	slow := subscribeGated(t, e, stream(t, onChange(t, "/traces")), gate)
	slow.synced(1)
	quick := subscribe(t, e, stream(t, onChange(t, "/traces")))
	quick.synced(1)
	for n := range uint64(count) {
		e.Tell([]Event{happens("1", n+1, octets)})
		quick.until("event", func() bool { return uint64(len(quick.notes)) > n })
	}
	open, _ := e.Subscriptions()
	lost := open[0].Stats().EventsLost
	if lost == 0 || lost >= count || open[1].Stats().EventsLost != 0 {
		t.Fatalf("lost: %d of %d who does not read, %d who does; want some, and none", lost, count, open[1].Stats().EventsLost)
	}
	if st := open[0].Stats(); st.QueueOctets > st.QueueLimit {
		t.Errorf("%d octets wait, more than %d", st.QueueOctets, st.QueueLimit)
	}
	close(gate)
	slow.until("what waited", func() bool { return uint64(len(slow.notes)) == count-lost })
	e.Tell([]Event{happens("1", count+1, octets)})
	slow.until("an event after them", func() bool { return uint64(len(slow.notes)) == count-lost+1 })
}

func BenchmarkTell(b *testing.B) {
	e := newEngine(b, Options{})
	c := subscribe(b, e, stream(b, onChange(b, "/traces")))
	c.synced(1)
	var n uint64
	for b.Loop() {
		n++
		e.Tell([]Event{happens("1", n, 10)})
	}
}
