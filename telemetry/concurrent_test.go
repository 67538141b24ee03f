package telemetry

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Publishers, events of sources, Gets and subscribers that come and go, all at
// once: who stays to the end has what Get returns.
func TestConcurrentUse(t *testing.T) {
	counters, fdb := newCounters(), newFDB()
	opts := Options{MinInterval: 5 * time.Millisecond, LookInterval: 10 * time.Millisecond}
	e := newEngine(t, opts, counters, fdb)
	publish(t, e, All, "/system/state/hostname=start", "/network-instances/network-instance[name=default]/state/enabled=true")
	suppressed := sampled(t, "/", 15*time.Millisecond)
	suppressed.SuppressRedundant = true
	beating := onChange(t, "/")
	beating.HeartbeatInterval = uint64(25 * time.Millisecond)
	stay := []*client{
		subscribe(t, e, stream(t, suppressed)),
		subscribe(t, e, stream(t, beating)),
		subscribe(t, e, stream(t, suppressed, onChange(t, "/interfaces"))),
		subscribe(t, e, stream(t, onChange(t, "/"))),
		subscribe(t, e, stream(t, sampled(t, "/", 10*time.Millisecond))),
		subscribe(t, e, stream(t, onChange(t, "/"), sampled(t, "/interfaces", 10*time.Millisecond))),
	}
	var running sync.WaitGroup
	for worker := range 4 {
		running.Go(func() { work(t, e, counters, fdb, worker) })
		running.Go(func() { comeAndGo(t, e, worker) })
	}
	running.Wait()
	want := map[string]string{}
	resp, err := get(e, gpb.Encoding_ASCII, gpb.GetRequest_ALL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines(resp) {
		at := strings.LastIndex(line, "=")
		want[line[:at]] = line[at+1:]
	}
	for i, c := range stay {
		same := func() bool { return maps.Equal(c.tree, want) }
		for deadline := time.Now().Add(bound); !c.is(same) && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		if diff := cmp.Diff(want, c.state()); diff != "" {
			t.Errorf("client %d (-want +got):\n%s", i, diff)
		}
	}
}

func work(t *testing.T, e *Engine, counters, fdb *rows, worker int) {
	eth := fmt.Sprintf("eth%d", worker)
	list := "/interfaces/interface[name=" + eth + "]"
	mac := fmt.Sprintf("02:00:00:00:00:%02d", worker)
	entry := "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=" + mac + "][vlan=10]"
	for i := range 200 {
		publish(t, e, All, list+"/state/mtu="+fmt.Sprint(i+1), list+"/state/oper-status=UP")
		counters.put(eth, schema.UintValue(uint64(i)), schema.UintValue(1))
		fdb.put("default|"+mac+"|10", schema.StringValue(mac), schema.UintValue(10), schema.EnumValue("DYNAMIC"), schema.UintValue(uint64(i)))
		e.Notify(batch(t, All, entry+"/mac-address="+mac, entry+"/vlan=10", entry+"/state/entry-type=DYNAMIC"))
		if i%10 == 5 {
			counters.put(eth)
			publish(t, e, State, "-"+list)
			fdb.put("default|" + mac + "|10")
			e.Notify(batch(t, All, "-"+entry))
		}
	}
}

func comeAndGo(t *testing.T, e *Engine, worker int) {
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		modes := []gpb.SubscriptionList_Mode{gpb.SubscriptionList_STREAM, gpb.SubscriptionList_ONCE}
		req := request(modes[i%2], onChange(t, "/"), sampled(t, "/interfaces", time.Duration(10+worker)*time.Millisecond))
		frames := 0
		_ = e.Subscribe(ctx, req, nil, func([]byte) error {
			if frames++; frames == 8 {
				cancel()
			}
			return nil
		})
		cancel()
		if _, err := get(e, gpb.Encoding_JSON_IETF, gpb.GetRequest_ALL, protoPath(t, "/system")); err != nil {
			t.Errorf("Get: %v", err)
		}
	}
}
