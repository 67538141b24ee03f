package telemetry

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"google.golang.org/protobuf/proto"
)

const mtu0 = "/interfaces/interface[name=eth0]/state/mtu"

// stalled subscribes and lets the client read the start, then nothing.
func stalled(t *testing.T, e *Engine, subs ...*gpb.Subscription) (*client, chan struct{}) {
	gate := make(chan struct{}, 1000)
	gate <- struct{}{}
	c := subscribeGated(t, e, stream(t, subs...), gate)
	c.expect("sync")
	return c, gate
}

func TestG32_Coalesce(t *testing.T) {
	const eth0, eth1 = "/interfaces/interface[name=eth0]", "/interfaces/interface[name=eth1]"
	for _, tt := range []struct {
		name string
		do   [][]string
		want []string
		dups uint32
	}{
		{"newer values", [][]string{{mtu0 + "=1"}, {mtu0 + "=2"}, {mtu0 + "=3"}},
			[]string{eth0 + "/name=eth0", mtu0 + "=3"}, 2},
		{"gone before it was read", [][]string{{mtu0 + "=1"}, {"-" + eth0}}, []string{"-" + eth0}, 0},
		{"back again", [][]string{{mtu0 + "=1"}, {"-" + eth0}, {mtu0 + "=2"}},
			[]string{"-" + eth0, eth0 + "/name=eth0", mtu0 + "=2"}, 0},
		{"a leaf goes and comes", [][]string{{mtu0 + "=1", eth0 + "/state/ifindex=1"}, {"-" + mtu0}, {mtu0 + "=2"}},
			[]string{eth0 + "/name=eth0", eth0 + "/state/ifindex=1", mtu0 + "=2"}, 0},
		{"others stay", [][]string{{mtu0 + "=1", eth1 + "/state/mtu=1"}, {"-" + eth0}},
			[]string{eth1 + "/name=eth1", eth1 + "/state/mtu=1", "-" + eth0}, 0},
		{"a container goes", [][]string{{mtu0 + "=1", eth0 + "/config/mtu=1"}, {"-" + eth0 + "/state"}},
			[]string{eth0 + "/config/mtu=1", eth0 + "/name=eth0", "-" + eth0 + "/state"}, 0},
		{"all goes", [][]string{{mtu0 + "=1", eth1 + "/state/mtu=1"}, {"-/interfaces"}}, []string{"-/interfaces"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, Options{})
				c, gate := stalled(t, e, onChange(t, "/interfaces"), onChange(t, "/system"))
				publish(t, e, All, "/system/state/hostname=first") // the frame that blocks
				synctest.Wait()
				for _, changes := range tt.do {
					time.Sleep(time.Millisecond)
					publish(t, e, All, changes...)
				}
				for range cap(gate) {
					gate <- struct{}{}
				}
				c.expect(append([]string{"/system/state/hostname=first"}, tt.want...)...)
				if got := c.duplicates(); got != tt.dups {
					t.Errorf("%d duplicates, want %d", got, tt.dups)
				}
				synctest.Wait()
				c.cancel()
				c.ended()
			})
		})
	}
}

func TestG32_SlowReader(t *testing.T) {
	e := newEngine(t, Options{QueueBytes: 20_000})
	slow, _ := stalled(t, e, onChange(t, "/interfaces"))
	quick := subscribe(t, e, stream(t, onChange(t, "/interfaces")))
	quick.synced(1)
	for i := range 200 {
		publish(t, e, All, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/mtu=1", i))
		quick.until("the update", func() bool { return len(quick.tree) == 2*(i+1) })
	}
	if err := slow.ended(); !errors.Is(err, ErrSlowReader) {
		t.Errorf("the slow reader: %v, want %v", err, ErrSlowReader)
	}
}

func TestG32_StalledReaderOfOneLeaf(t *testing.T) {
	e := newEngine(t, Options{QueueBytes: 20_000})
	c, gate := stalled(t, e, onChange(t, mtu0))
	const changes = 20_000
	for i := range changes {
		e.Publish(Batch{Updates: []Update{{path(t, mtu0), schema.UintValue(uint64(i) + 1)}}})
	}
	for range 10 {
		gate <- struct{}{}
	}
	c.until("the last value", func() bool { return c.tree[mtu0] == fmt.Sprint(changes) })
	c.mu.Lock()
	defer c.mu.Unlock()
	updates := uint32(0)
	for _, n := range c.notes {
		updates += uint32(len(n.GetUpdate()))
	}
	if c.dups+updates != changes {
		t.Errorf("%d updates stand for %d more, want %d in all", updates, c.dups, changes)
	}
}

func TestG32_StalledReaderOfSamples(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, counters := withCounters(t)
		time.Sleep(time.Millisecond)
		gate := make(chan struct{}, 100)
		gate <- struct{}{}
		gate <- struct{}{}
		c := subscribeGated(t, e, stream(t, sampled(t, "/interfaces/interface/state/counters", time.Second)), gate)
		expectAfter(t, c, 0, eth0In+"=1", eth0Out+"=2", "sync")
		for i := range 60 {
			counters.put("eth0", schema.UintValue(uint64(i)+100), schema.UintValue(2))
			expectAfter(t, c, time.Second)
		}
		gate <- struct{}{}
		gate <- struct{}{}
		expectAfter(t, c, 0, eth0In+"=100", eth0Out+"=2", eth0In+"=159", eth0Out+"=2")
		if got := c.duplicates(); got != 2*58 {
			t.Errorf("%d duplicates, want %d", got, 2*58)
		}
	})
}

func TestQueueFrames(t *testing.T) {
	e := newEngine(t, Options{FrameBytes: 1000})
	c := subscribe(t, e, stream(t, onChange(t, "/interfaces")))
	c.synced(1)
	var b Batch
	for i := range 100 {
		b.Updates = append(b.Updates, set(t, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/mtu", i), "9"))
	}
	e.Publish(b)
	c.until("all", func() bool { return len(c.tree) == 200 })
	once := subscribe(t, e, request(gpb.SubscriptionList_ONCE, onChange(t, "/interfaces")))
	if err := once.ended(); err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(c.frames, once.frames) {
		if len(f) > 1200 {
			t.Errorf("a frame of %d octets, want about 1000", len(f))
		}
	}
	if diff := cmp.Diff(c.tree, once.tree); diff != "" {
		t.Errorf("STREAM and ONCE differ:\n%s", diff)
	}
}

func TestCloseEndsAll(t *testing.T) {
	before := runtime.NumGoroutine()
	counters := newCounters()
	e := New(Options{})
	e.Add(counters)
	var clients []*client
	for range 5 {
		clients = append(clients, subscribe(t, e, stream(t, onChange(t, "/interfaces"), sampled(t, "/interfaces", time.Second))))
		clients = append(clients, subscribe(t, e, request(gpb.SubscriptionList_POLL, onChange(t, "/interfaces"))))
	}
	for _, c := range clients {
		c.synced(1)
	}
	e.Close()
	for _, c := range clients {
		if err := c.ended(); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	}
	for deadline := time.Now().Add(bound); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left, %d were there", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
	if _, err := get(e, gpb.Encoding_PROTO, 0, protoPath(t, "/interfaces")); !errors.Is(err, ErrClosed) {
		t.Errorf("Get after Close: %v", err)
	}
}

func TestStalledReaderLeavesWhenItsRPCEnds(t *testing.T) {
	e := New(Options{})
	c, _ := stalled(t, e, onChange(t, "/interfaces"))
	publish(t, e, All, mtu0+"=1")
	c.cancel()
	if err := c.ended(); err == nil {
		t.Error("no error for a cancelled RPC")
	}
	e.Close()
}

func TestSendFails(t *testing.T) {
	e := newEngine(t, Options{})
	req := stream(t, onChange(t, "/interfaces"))
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
		req := proto.CloneOf(req)
		req.GetSubscribe().Mode = mode
		if err := e.Subscribe(t.Context(), req, nil, func([]byte) error { return errTest }); !errors.Is(err, errTest) {
			t.Errorf("%v: got %v, want %v", mode, err, errTest)
		}
	}
}

// What a stalled reader holds is what its queue counts, or less.
func TestG32_QueueCountsWhatItHolds(t *testing.T) {
	e := newEngine(t, Options{})
	q := newQueue(bounds{1 << 30, 1 << 30, bound})
	root := e.tree.Load().root.id
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 20_000 {
		id := newIdent(root, ocpath.InterfacesInterface, []string{fmt.Sprint("tap", i)})
		c := &change{id: id, node: ocpath.InterfacesInterfaceStateMtu, value: schema.UintValue(1)}
		q.put(c)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := int(after.HeapAlloc - before.HeapAlloc)
	t.Logf("%d octets are held, %d are counted", held, q.bytes)
	if held > q.bytes {
		t.Errorf("%d octets are held, %d are counted", held, q.bytes)
	}
	runtime.KeepAlive(q)
}

func TestManySubscriptionsOnOneRPC(t *testing.T) {
	e := newEngine(t, Options{})
	var subs []*gpb.Subscription
	for i := range 10_000 {
		subs = append(subs, onChange(t, fmt.Sprintf("/interfaces/interface[name=tap%d]/state/mtu", i)))
	}
	c := subscribe(t, e, stream(t, subs...))
	c.expect("sync")
	publish(t, e, All, "/interfaces/interface[name=tap9999]/state/mtu=5", "/interfaces/interface[name=eth0]/state/mtu=5")
	c.expect("/interfaces/interface[name=tap9999]/state/mtu=5")
}

// Rows are told with idents of their own each time: what waits of one row keeps
// one of them alive.
func TestG32_OneIdentForWhatWaitsOfARow(t *testing.T) {
	const list = ocpath.InterfacesInterfaceSwitchPortDiscardsDiscard
	q := newQueue(bounds{limit: 1 << 20, burst: 1 << 20, stall: time.Second})
	for _, node := range []ocpath.ID{ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStatePkts, ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateReason} {
		ids := idents{root: &ident{list: ocpath.Root}}
		id := ids.row(list, []string{"eth0", "INGRESS", "VLAN"})
		q.put(&change{id: id, node: node, time: 1, value: schema.UintValue(1)})
	}
	b, _ := q.next(nil, 1<<20)
	if len(b.slots) != 2 || b.slots[0].change.id != b.slots[1].change.id {
		t.Errorf("got %+v, want two changes with one ident", b.slots)
	}
}
