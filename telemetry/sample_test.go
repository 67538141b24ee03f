package telemetry

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

const (
	eth0In  = "/interfaces/interface[name=eth0]/state/counters/in-octets"
	eth0Out = "/interfaces/interface[name=eth0]/state/counters/out-octets"
)

// bubble runs a test on a clock of its own: sleeping lets the engine's clocks
// run on, and Wait returns when everything has come to rest.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))) // a tick of every clock
		test(t)
	})
}

// after lets time pass and gives what the client received meanwhile.
func after(c *client, d time.Duration) []string {
	time.Sleep(d)
	synctest.Wait()
	return c.take()
}

func expectAfter(t *testing.T, c *client, d time.Duration, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, after(c, d)); diff != "" {
		t.Errorf("received within %v (-want +got):\n%s", d, diff)
	}
}

func withCounters(t *testing.T) (*Engine, *rows) {
	counters := newCounters()
	counters.put("eth0", schema.UintValue(1), schema.UintValue(2))
	return newEngine(t, Options{}, counters), counters
}

func TestG26_Sample(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		publish(t, e, All, "/interfaces/interface[name=eth0]/state/mtu=1500")
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, sampled(t, "/interfaces/interface/state", time.Second)))
		mtu := "/interfaces/interface[name=eth0]/state/mtu=1500"
		expectAfter(t, c, 0, mtu, eth0In+"=1", eth0Out+"=2", "sync")
		counters.put("eth0", schema.UintValue(5), schema.UintValue(2))
		got := after(c, time.Second)
		slices.Sort(got)
		if diff := cmp.Diff([]string{eth0In + "=5", eth0Out + "=2", mtu}, got); diff != "" {
			t.Errorf("each leaf once a second, changed or not (-want +got):\n%s", diff)
		}
		tick := time.Now().Truncate(time.Second)
		for _, n := range c.notifications()[2:] {
			if at := time.Unix(0, n.GetTimestamp()); !at.Equal(tick) {
				t.Errorf("sampled at %v, want the tick %v", at, tick)
			}
		}
		if got := after(c, 10*time.Second); len(got) != 30 {
			t.Errorf("%d updates in 10 s, want 30", len(got))
		}
	})
}

func TestG26_LowestInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, _ := withCounters(t)
		c := subscribe(t, e, stream(t, sampled(t, eth0In, 0)))
		expectAfter(t, c, 50*time.Millisecond, eth0In+"=1", "sync")
		if got := after(c, time.Second); len(got) != 10 {
			t.Errorf("%d updates in 1 s, want 10", len(got))
		}
	})
}

func TestG26_SuppressRedundantAndHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		mtu := "/interfaces/interface[name=eth0]/state/mtu"
		publish(t, e, All, mtu+"=1500")
		sub := sampled(t, "/interfaces/interface/state", time.Second)
		sub.SuppressRedundant = true
		sub.HeartbeatInterval = uint64(10 * time.Second)
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, sub))
		expectAfter(t, c, 0, mtu+"=1500", eth0In+"=1", eth0Out+"=2", "sync")
		expectAfter(t, c, 3*time.Second)
		counters.put("eth0", schema.UintValue(5), schema.UintValue(2))
		expectAfter(t, c, 3*time.Second, eth0In+"=5")
		publish(t, e, All, mtu+"=9000")
		expectAfter(t, c, 0)
		expectAfter(t, c, 3*time.Second, mtu+"=9000")
		got := after(c, time.Second)
		slices.Sort(got)
		if diff := cmp.Diff([]string{eth0In + "=5", eth0Out + "=2", mtu + "=9000"}, got); diff != "" {
			t.Errorf("heartbeat (-want +got):\n%s", diff)
		}
	})
}

func TestG26_SuppressRedundantJoinsLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		sub := sampled(t, eth0In, time.Second)
		sub.SuppressRedundant = true
		time.Sleep(time.Millisecond)
		first := subscribe(t, e, stream(t, sub))
		expectAfter(t, first, 300*time.Millisecond, eth0In+"=1", "sync")
		counters.put("eth0", schema.UintValue(2), schema.UintValue(0))
		second := subscribe(t, e, stream(t, sub))
		expectAfter(t, second, 300*time.Millisecond, eth0In+"=2", "sync")
		counters.put("eth0", schema.UintValue(1), schema.UintValue(0)) // as at the first look
		expectAfter(t, second, time.Second, eth0In+"=1")
		expectAfter(t, first, 0, eth0In+"=2", eth0In+"=1")
	})
}

func TestG25_HeartbeatOnChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := newEngine(t, Options{})
		const oper = "/interfaces/interface[name=eth0]/state/oper-status"
		publish(t, e, All, oper+"=UP")
		sub := onChange(t, oper)
		sub.HeartbeatInterval = uint64(5 * time.Second)
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, sub))
		expectAfter(t, c, 0, oper+"=UP", "sync")
		expectAfter(t, c, 4*time.Second)
		publish(t, e, All, oper+"=DOWN")
		expectAfter(t, c, 0, oper+"=DOWN")
		expectAfter(t, c, time.Second, oper+"=DOWN")
		expectAfter(t, c, 5*time.Second, oper+"=DOWN")
	})
}

func TestG27_TargetDefined(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		const oper = "/interfaces/interface[name=eth0]/state/oper-status"
		publish(t, e, All, oper+"=UP")
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, &gpb.Subscription{Path: protoPath(t, "/interfaces/interface/state")}))
		expectAfter(t, c, 0, oper+"=UP", eth0In+"=1", eth0Out+"=2", "sync")
		counters.put("eth0", schema.UintValue(9), schema.UintValue(9))
		publish(t, e, All, oper+"=DOWN")
		expectAfter(t, c, 9*time.Second, oper+"=DOWN")
		expectAfter(t, c, time.Second, eth0In+"=9", eth0Out+"=9")
		expectAfter(t, c, 10*time.Second, eth0In+"=9", eth0Out+"=9")
	})
}

func TestG25_OnChangeOfCountersIsLookedAt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, onChange(t, "/interfaces")))
		expectAfter(t, c, 0, eth0In+"=1", eth0Out+"=2", "sync")
		expectAfter(t, c, 5*time.Second)
		counters.put("eth0", schema.UintValue(1), schema.UintValue(3))
		counters.put("eth1", schema.UintValue(7), schema.UintValue(8))
		const eth1 = "/interfaces/interface[name=eth1]"
		expectAfter(t, c, time.Second, eth0Out+"=3", eth1+"/state/counters/in-octets=7", eth1+"/state/counters/out-octets=8")
		counters.put("eth0", schema.Value{}, schema.UintValue(3))
		expectAfter(t, c, time.Second, "-"+eth0In)
		counters.put("eth1")
		expectAfter(t, c, time.Second, "-"+eth1)
		expectAfter(t, c, 3*time.Second)
	})
}

func TestG29_SampledRowGoesOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		const eth0 = "/interfaces/interface[name=eth0]"
		publish(t, e, All, eth0+"/state/mtu=1500")
		c := subscribe(t, e, stream(t, sampled(t, "/interfaces/interface/state/counters", time.Second)))
		expectAfter(t, c, time.Millisecond, eth0In+"=1", eth0Out+"=2", "sync")
		counters.put("eth0")
		expectAfter(t, c, time.Second, "-"+eth0+"/state/counters")
		counters.put("eth0", schema.UintValue(1), schema.UintValue(2))
		expectAfter(t, c, time.Second, eth0In+"=1", eth0Out+"=2")
		counters.put("eth0")
		publish(t, e, All, "-"+eth0)
		expectAfter(t, c, time.Second, "-"+eth0)
		expectAfter(t, c, 3*time.Second)
	})
}

func TestG37_SharedSampling(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		time.Sleep(time.Millisecond)
		var clients []*client
		for range 50 {
			clients = append(clients, subscribe(t, e, stream(t, sampled(t, "/interfaces/interface/state/counters", time.Second))))
		}
		synctest.Wait()
		before := counters.count()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := counters.count() - before; n != 10 {
			t.Errorf("%d reads in 10 ticks of 50 subscribers, want 10", n)
		}
		last := func(c *client) *byte {
			c.mu.Lock()
			defer c.mu.Unlock()
			return &c.frames[len(c.frames)-1][0]
		}
		for i, c := range clients {
			if last(c) != last(clients[0]) {
				t.Errorf("subscriber %d got a frame of its own", i)
			}
			c.cancel()
			c.ended()
		}
		synctest.Wait()
		before = counters.count()
		time.Sleep(10 * time.Second)
		if n := counters.count() - before; n != 0 {
			t.Errorf("%d reads after the last subscriber left", n)
		}
	})
}

func TestG37_ReadsOnlyWhatIsAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		for i := range 100 {
			counters.put(fmt.Sprint("tap", i), schema.UintValue(0), schema.UintValue(0))
		}
		one := subscribe(t, e, stream(t, sampled(t, "/interfaces/interface[name=tap7]/state/counters/in-octets", time.Second)))
		expectAfter(t, one, 500*time.Millisecond, "/interfaces/interface[name=tap7]/state/counters/in-octets=0", "sync")
		all := subscribe(t, e, stream(t, sampled(t, "/interfaces/interface/state/counters/in-octets", time.Second)))
		if got := after(all, 0); len(got) != 102 {
			t.Errorf("%d lines to start with, want 102", len(got))
		}
		expectAfter(t, one, time.Second, "/interfaces/interface[name=tap7]/state/counters/in-octets=0")
		if got := after(all, 0); len(got) != 101 {
			t.Errorf("%d updates in a tick, want 101", len(got))
		}
		all.cancel()
		all.ended()
		expectAfter(t, one, time.Second, "/interfaces/interface[name=tap7]/state/counters/in-octets=0")
	})
}

func TestG26_SourceFailsForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, sampled(t, eth0In, time.Second)))
		expectAfter(t, c, 0, eth0In+"=1", "sync")
		setFail := func(err error) {
			counters.mu.Lock()
			defer counters.mu.Unlock()
			counters.fail = err
		}
		setFail(errTest)
		expectAfter(t, c, 3*time.Second)
		setFail(nil)
		expectAfter(t, c, time.Second, eth0In+"=1")
	})
}

const entry1 = "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]"

func learned(fdb *rows, age uint64) {
	fdb.put("default|02:00:00:00:00:01|10", schema.StringValue("02:00:00:00:00:01"), schema.UintValue(10), schema.EnumValue("DYNAMIC"), schema.UintValue(age))
}

func TestG25_EventsOfASource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fdb := newFDB()
		e := newEngine(t, Options{}, fdb)
		learned(fdb, 3)
		publish(t, e, All, "/network-instances/network-instance[name=default]/state/enabled=true")
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, onChange(t, "/network-instances/network-instance/fdb")))
		expectAfter(t, c, 0, entry1+"/mac-address=02:00:00:00:00:01", entry1+"/vlan=10", entry1+"/state/entry-type=DYNAMIC", entry1+"/state/age=3", "sync")
		entry2 := "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:02][vlan=10]"
		e.Notify(batch(t, All, entry2+"/state/entry-type=DYNAMIC"))
		expectAfter(t, c, 0, entry2+"/state/entry-type=DYNAMIC")
		e.Notify(batch(t, All, "-"+entry2))
		expectAfter(t, c, 0, "-"+entry2)
		fdb.put("default|02:00:00:00:00:01|10")
		e.Notify(batch(t, All, "-"+entry1))
		expectAfter(t, c, 0, "-"+entry1)
		expectAfter(t, c, 3*time.Second)
		publish(t, e, All, entry1+"/config/vlan=10") // a static entry: configured, then there
		expectAfter(t, c, 0, entry1+"/config/vlan=10", entry1+"/mac-address=02:00:00:00:00:01", entry1+"/vlan=10")
		e.Notify(batch(t, All, entry1+"/state/entry-type=STATIC"))
		expectAfter(t, c, 0, entry1+"/state/entry-type=STATIC")
		e.Notify(batch(t, All, "-"+entry1))
		expectAfter(t, c, 0, "-"+entry1+"/state")
		publish(t, e, Config, "-"+entry1)
		expectAfter(t, c, 0, "-"+entry1)
		e.Notify(batch(t, All, "-"+entry1)) // it was told
		expectAfter(t, c, 0)
		publish(t, e, All, entry1+"/config/vlan=10")
		after(c, 0)
		learned(fdb, 1)
		publish(t, e, Config, "-"+entry1) // the source has it still
		expectAfter(t, c, 0, "-"+entry1, entry1+"/mac-address=02:00:00:00:00:01", entry1+"/vlan=10", entry1+"/state/entry-type=DYNAMIC")
	})
}

// A change that happens between the read of a sample and its delivery must not
// be undone by the sample.
func TestG25_SampleDoesNotOvertakeChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fdb := newFDB()
		e := newEngine(t, Options{}, fdb)
		learned(fdb, 3)
		sub := onChange(t, "/network-instances/network-instance/fdb/mac-table/entries/entry/state/entry-type")
		sub.HeartbeatInterval = uint64(time.Second)
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, sub))
		expectAfter(t, c, 500*time.Millisecond, entry1+"/state/entry-type=DYNAMIC", "sync")
		fdb.mu.Lock()
		fdb.hook = func() { e.Notify(batch(t, All, entry1+"/state/entry-type=STATIC")) }
		fdb.mu.Unlock()
		after(c, time.Second)
		if got := c.state()[entry1+"/state/entry-type"]; got != "STATIC" {
			t.Errorf("after an update during the read: %q, want STATIC", got)
		}
		fdb.mu.Lock()
		fdb.hook = func() { e.Notify(batch(t, All, "-"+entry1)) }
		fdb.mu.Unlock()
		after(c, time.Second)
		if got := c.state(); len(got) != 0 {
			t.Errorf("after a delete during the read: %v", got)
		}
	})
}

func TestG36_SameLeafInSeveralModes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		time.Sleep(time.Millisecond)
		c := subscribe(t, e, stream(t, onChange(t, eth0In), sampled(t, eth0Out, 2*time.Second)))
		expectAfter(t, c, 0, eth0In+"=1", eth0Out+"=2", "sync")
		counters.put("eth0", schema.UintValue(3), schema.UintValue(4))
		expectAfter(t, c, time.Second, eth0In+"=3")
		expectAfter(t, c, time.Second, eth0Out+"=4")
	})
}

func TestG26_SourceBelowNoList(t *testing.T) {
	bubble(t, func(t *testing.T) {
		memory := &rows{leaves: []ocpath.ID{ocpath.SystemMemoryStateFree, ocpath.SystemMemoryStatePhysical}}
		memory.put("", schema.UintValue(5), schema.UintValue(9))
		e := newEngine(t, Options{}, memory)
		time.Sleep(time.Millisecond)
		const free, physical = "/system/memory/state/free", "/system/memory/state/physical"
		c := subscribe(t, e, stream(t, sampled(t, "/system", time.Second)))
		expectAfter(t, c, 0, free+"=5", physical+"=9", "sync")
		expectAfter(t, c, time.Second, free+"=5", physical+"=9")
		memory.put("", schema.Value{}, schema.UintValue(9))
		expectAfter(t, c, time.Second, "-"+free, physical+"=9")
		memory.put("")
		expectAfter(t, c, time.Second, "-/system/memory/state")
		resp, err := get(e, gpb.Encoding_JSON, 0, protoPath(t, "/system/memory"))
		if err == nil {
			t.Errorf("Get of nothing: %v", resp)
		}
	})
}

// A thousand subscribers of a port each cost one read, and each gets its port.
func TestG37_ManyViews(t *testing.T) {
	bubble(t, func(t *testing.T) {
		counters := newCounters()
		e := newEngine(t, Options{}, counters)
		var clients []*client
		for i := range 100 {
			name := fmt.Sprint("tap", i)
			counters.put(name, schema.UintValue(uint64(i)), schema.UintValue(0))
			clients = append(clients, subscribe(t, e, stream(t, sampled(t, "/interfaces/interface[name="+name+"]/state/counters/in-octets", time.Second))))
		}
		for i, c := range clients {
			expectAfter(t, c, 0, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/counters/in-octets=%d", i, i), "sync")
		}
		before := counters.count()
		time.Sleep(time.Second)
		synctest.Wait()
		for i, c := range clients {
			expectAfter(t, c, 0, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/counters/in-octets=%d", i, i))
		}
		if n := counters.count() - before; n != 1 {
			t.Errorf("%d reads in one tick, want 1", n)
		}
	})
}

// A row that its publisher tells to be gone while a sample finds it gone, too,
// is told once, to each subscriber.
func TestG29_RowGoesDuringTheRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		const eth0, eth1 = "/interfaces/interface[name=eth0]", "/interfaces/interface[name=eth1]"
		publish(t, e, All, eth0+"/state/mtu=1", eth1+"/state/mtu=1")
		counters.put("eth1", schema.UintValue(1), schema.UintValue(2))
		time.Sleep(time.Millisecond)
		var clients []*client
		for _, leaf := range []string{"in-octets", "in-octets", "out-octets"} {
			clients = append(clients, subscribe(t, e, stream(t, sampled(t, "/interfaces/interface/state/counters/"+leaf, time.Second))))
		}
		synctest.Wait()
		for _, c := range clients {
			c.take()
		}
		counters.put("eth0")
		counters.put("eth1")
		counters.mu.Lock()
		counters.hook = func() { publish(t, e, All, "-"+eth0) }
		counters.mu.Unlock()
		time.Sleep(time.Second)
		for _, c := range clients {
			expectAfter(t, c, 0, "-"+eth0, "-"+eth1+"/state/counters")
		}
	})
}

// Views that differ share the encoding of what they have in common.
func TestG37_UnlikeViewsShareEncodings(t *testing.T) {
	for _, enc := range []gpb.Encoding{gpb.Encoding_PROTO, gpb.Encoding_JSON_IETF} {
		bubble(t, func(t *testing.T) {
			e, counters := withCounters(t)
			ask := func(target, path string) *client {
				req := stream(t, sampled(t, path, time.Second))
				req.GetSubscribe().Encoding = enc
				req.GetSubscribe().Prefix = &gpb.Path{Target: target}
				return subscribe(t, e, req)
			}
			all, named := ask("", "/interfaces/interface/state/counters"), ask("box", "/interfaces/interface/state/counters")
			part := ask("", "/interfaces/interface/state/counters/out-octets")
			for _, c := range []*client{all, named, part} {
				c.synced(1)
			}
			counters.put("eth0", schema.UintValue(300), schema.UintValue(400))
			counters.put("eth1", schema.UintValue(5), schema.Value{})
			time.Sleep(time.Second)
			synctest.Wait()
			quote := func(s string) string {
				if enc == gpb.Encoding_PROTO {
					return s
				}
				return `"` + s + `"`
			}
			const eth1In = "/interfaces/interface[name=eth1]/state/counters/in-octets="
			want := []string{eth0In + "=" + quote("300"), eth0Out + "=" + quote("400"), eth1In + quote("5")}
			all.expect(want...)
			named.expect(want...)
			part.expect(eth0Out + "=" + quote("400"))
			if s := e.samplers.all[clock{e.sources[0], time.Second, false}]; len(s.views) != 3 {
				t.Errorf("%d views, want 3", len(s.views))
			}
		})
	}
}
