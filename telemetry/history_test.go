package telemetry

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// asOf asks for a snapshot.
func asOf(t testing.TB, at time.Time, path string) *gpb.SubscribeRequest {
	req := request(gpb.SubscriptionList_ONCE, onChange(t, path))
	return withHistory(req, &gnmi_ext.History{Request: &gnmi_ext.History_SnapshotTime{SnapshotTime: at.UnixNano()}})
}

// between asks for a range.
func between(t testing.TB, from, to time.Time, path string) *gpb.SubscribeRequest {
	return withHistory(stream(t, onChange(t, path)), &gnmi_ext.History{Request: &gnmi_ext.History_Range{
		Range: &gnmi_ext.TimeRange{Start: from.UnixNano(), End: to.UnixNano()}}})
}

func withHistory(req *gpb.SubscribeRequest, h *gnmi_ext.History) *gpb.SubscribeRequest {
	req.Extension = append(req.Extension, &gnmi_ext.Extension{Ext: &gnmi_ext.Extension_History{History: h}})
	return req
}

func (c *client) expectEnd(want ...string) {
	c.t.Helper()
	if err := c.ended(); err != nil {
		c.t.Fatal(err)
	}
	c.expect(want...)
}

func TestG35_SnapshotAndRange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := newEngine(t, Options{})
		at := make([]time.Time, 5)
		for i, changes := range [][]string{
			{mtu0 + "=1"}, {mtu0 + "=2"}, {"-" + mtu0, "/system/state/hostname=a"}, {mtu0 + "=4"}, {"/system/state/hostname=b"},
		} {
			time.Sleep(time.Second)
			at[i] = time.Now()
			publish(t, e, All, changes...)
		}
		time.Sleep(time.Second)
		const eth0, host = "/interfaces/interface[name=eth0]", "/system/state/hostname"
		for i, want := range [][]string{
			{name0, mtu0 + "=1", "sync"}, {name0, mtu0 + "=2", "sync"}, {"sync"}, {name0, mtu0 + "=4", "sync"}, {name0, mtu0 + "=4", "sync"},
		} {
			subscribe(t, e, asOf(t, at[i], "/interfaces")).expectEnd(want...)
			subscribe(t, e, asOf(t, at[i].Add(500*time.Millisecond), "/interfaces")).expectEnd(want...)
		}
		subscribe(t, e, asOf(t, at[0].Add(-1), "/")).expectEnd("sync")

		all := []string{"sync", name0, mtu0 + "=1", mtu0 + "=2", "-" + eth0, host + "=a", name0, mtu0 + "=4", host + "=b"}
		subscribe(t, e, between(t, at[0], time.Now(), "/")).expectEnd(all...)
		subscribe(t, e, between(t, at[1], at[3], "/")).expectEnd(name0, mtu0+"=1", "sync", mtu0+"=2", "-"+eth0, host+"=a")
		subscribe(t, e, between(t, at[1], at[1], "/")).expectEnd(name0, mtu0+"=1", "sync")
		subscribe(t, e, between(t, at[2], at[4], mtu0)).expectEnd(mtu0+"=2", "sync", "-"+eth0, mtu0+"=4")
		only := between(t, at[3], time.Now(), "/")
		only.GetSubscribe().UpdatesOnly = true
		c := subscribe(t, e, only)
		c.expectEnd("sync", name0, mtu0+"=4", host+"=b")
		for i, n := range c.notifications() {
			if want := at[3+i].UnixNano(); n.GetTimestamp() != want {
				t.Errorf("notification %d is of %d, want %d", i, n.GetTimestamp(), want)
			}
		}
	})
}

// A range that ends in the future goes on until then, or for ever.
func TestG35_RangeIntoTheFuture(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := newEngine(t, Options{})
		start := time.Now()
		time.Sleep(time.Second)
		publish(t, e, All, mtu0+"=1")
		c := subscribe(t, e, between(t, start, time.Now().Add(3*time.Second), mtu0))
		c.expect("sync", mtu0+"=1")
		open := subscribe(t, e, between(t, start, time.Unix(0, math.MaxInt64), mtu0))
		open.expect("sync", mtu0+"=1")
		time.Sleep(time.Second)
		publish(t, e, All, mtu0+"=2")
		c.expect(mtu0 + "=2")
		time.Sleep(2 * time.Second)
		publish(t, e, All, mtu0+"=3")
		c.expectEnd()
		open.expect(mtu0+"=2", mtu0+"=3")
		ahead := subscribe(t, e, asOf(t, time.Now().Add(2*time.Second), mtu0))
		time.Sleep(time.Second)
		publish(t, e, All, mtu0+"=4")
		time.Sleep(time.Second)
		ahead.expectEnd(mtu0+"=4", "sync")
	})
}

func TestG35_Refused(t *testing.T) {
	counters := newCounters()
	e := newEngine(t, Options{}, counters)
	now, day := time.Now(), 24*time.Hour
	mode := func(req *gpb.SubscribeRequest, m gpb.SubscriptionList_Mode) *gpb.SubscribeRequest {
		req.GetSubscribe().Mode = m
		return req
	}
	for _, tt := range []struct {
		name string
		req  *gpb.SubscribeRequest
		want error
		says string
	}{
		{"a snapshot as a STREAM", mode(asOf(t, now, "/"), gpb.SubscriptionList_STREAM), schema.ErrInvalid, "ONCE"},
		{"a snapshot as a POLL", mode(asOf(t, now, "/"), gpb.SubscriptionList_POLL), schema.ErrInvalid, "ONCE"},
		{"a range as a ONCE", mode(between(t, now, now, "/"), gpb.SubscriptionList_ONCE), schema.ErrInvalid, "STREAM"},
		{"a range backwards", between(t, now, now.Add(-1), "/"), schema.ErrInvalid, "before that"},
		{"neither", withHistory(stream(t, onChange(t, "/")), &gnmi_ext.History{}), schema.ErrInvalid, "neither"},
		{"a snapshot of the future", asOf(t, now.Add(day), "/"), schema.ErrUnimplemented, "in the future"},
		{"a range of the future", between(t, now.Add(day), now.Add(2*day), "/"), schema.ErrUnimplemented, "in the future"},
		{"a snapshot before all that is kept", asOf(t, now.Add(-day), "/"), ErrNotKept, "kept are the changes from " + stamp(e.history.since)},
		{"a range before all that is kept", between(t, now.Add(-day), now, "/"), ErrNotKept, "kept are the changes from"},
		{"counters", asOf(t, now, "/interfaces/interface/state/counters/in-octets"), schema.ErrUnimplemented, "counters, gauges and tables"},
		{"with ends of commits", configSubscription(between(t, now, now, "/"), startConfig()), schema.ErrUnimplemented, "together"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := subscribe(t, e, tt.req)
			if err := c.ended(); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
	_, err := e.Get(t.Context(), &gpb.GetRequest{Extension: asOf(t, now, "/").Extension})
	if !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("on a Get: %v, want ErrInvalid", err)
	}
}

// What is kept is bounded; what is refused then names where it begins.
func TestG35_Bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{HistoryBytes: 100_000})
		defer e.Close()
		var at []time.Time
		for i := range 1000 {
			time.Sleep(time.Second)
			at = append(at, time.Now())
			publish(t, e, All, mtu0+"="+fmt.Sprint(i))
			if e.history.bytes > 100_000 {
				t.Fatalf("%d octets are kept", e.history.bytes)
			}
		}
		kept := len(e.history.records)
		if kept < 50 {
			t.Fatalf("%d changes are kept", kept)
		}
		first := 1000 - kept
		if err := subscribe(t, e, asOf(t, at[first-1], mtu0)).ended(); !errors.Is(err, ErrNotKept) {
			t.Errorf("of a time that is not kept: %v", err)
		}
		subscribe(t, e, asOf(t, at[first], mtu0)).expectEnd(mtu0+"="+fmt.Sprint(first), "sync")
	})
}

// Each time's snapshot is what the tree was then, and a range applied to what
// it starts with is what the tree was at its end.
func TestG35_AgainstAPlainModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := &world{rand.New(rand.NewPCG(seed, 35)), t}
				e := newEngine(t, Options{})
				m := model{}
				var at []time.Time
				var was []map[string]string
				for range 150 {
					time.Sleep(time.Second)
					at = append(at, time.Now())
					e.Publish(w.step(m))
					was = append(was, m.withKeys())
				}
				time.Sleep(time.Second)
				for range 60 {
					i, j := w.rand.IntN(len(at)), w.rand.IntN(len(at))
					if i > j {
						i, j = j, i
					}
					c := subscribe(t, e, asOf(t, at[i], "/"))
					if err := c.ended(); err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(was[i], c.state()); diff != "" {
						t.Fatalf("snapshot %d (-want +got):\n%s", i, diff)
					}
					c = subscribe(t, e, between(t, at[i], at[j].Add(1), "/"))
					if err := c.ended(); err != nil {
						t.Fatal(err)
					}
					if got := c.state(); !maps.Equal(was[j], got) {
						t.Fatalf("range %d to %d (-want +got):\n%s", i, j, cmp.Diff(was[j], got))
					}
				}
			})
		})
	}
}

// What is held is what is counted, or less: of leaves that change, and of
// entries that come and go.
func TestG35_CountsWhatItHolds(t *testing.T) {
	for name, change := range map[string]func(i int) Batch{
		"changes": func(i int) Batch {
			return Batch{Updates: []Update{set(t, mtu0, fmt.Sprint(i%5000))}}
		},
		"entries": func(i int) Batch {
			eth := fmt.Sprintf("/interfaces/interface[name=eth%d]", i/2)
			if i%2 == 0 {
				return batch(t, All, eth+"/state/mtu=1", eth+"/state/description=some text")
			}
			return batch(t, All, "-"+eth)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, Options{HistoryBytes: 8 << 20})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := 0; e.history.bytes < 7<<20; i++ {
				e.Publish(change(i))
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			held := int(after.HeapAlloc) - int(before.HeapAlloc)
			t.Logf("%d octets are held for %d transactions, %d are counted", held, len(e.history.records), e.history.bytes)
			if held > e.history.bytes {
				t.Errorf("%d octets are held, %d are counted", held, e.history.bytes)
			}
			runtime.KeepAlive(e)
		})
	}
}
