package telemetry

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// ports is a source of all interface counters, each read of which counts on.
type ports struct {
	leaves []ocpath.ID
	names  []string
	value  uint64
	values []schema.Value
}

func newPorts(count int) *ports {
	p := &ports{}
	for id := ocpath.InterfacesInterfaceStateCounters + 1; id < ocpath.Get(ocpath.InterfacesInterfaceStateCounters).End; id++ {
		p.leaves = append(p.leaves, id)
	}
	for i := range count {
		p.names = append(p.names, fmt.Sprintf("eth%d", i))
	}
	p.values = make([]schema.Value, len(p.leaves))
	return p
}

func (p *ports) Leaves() []ocpath.ID { return p.leaves }
func (p *ports) Events() bool        { return false }

func (p *ports) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	p.value += 1500
	at := time.Now()
	var key [1]string
	for _, name := range p.names {
		if keys[0] != "" && keys[0] != name {
			continue
		}
		key[0] = name
		for i := range p.values {
			p.values[i] = schema.UintValue(p.value<<10 + uint64(i))
		}
		if err := emit(key[:], p.values); err != nil {
			return at, err
		}
	}
	return at, nil
}

// fill publishes what a port has besides counters.
func fill(b *testing.B, e *Engine, count int) {
	var batch Batch
	for i := range count {
		name := fmt.Sprintf("/interfaces/interface[name=eth%d]", i)
		for _, leaf := range []string{
			"/config/name=x", "/config/type=ethernetCsmacd", "/config/enabled=true", "/config/mtu=1500", "/config/description=uplink",
			"/state/name=x", "/state/type=ethernetCsmacd", "/state/enabled=true", "/state/mtu=1500", "/state/ifindex=7",
			"/state/admin-status=UP", "/state/oper-status=UP", "/state/last-change=1763800000000000000", "/state/logical=false",
			"/ethernet/state/mac-address=02:00:00:00:00:01", "/ethernet/switched-vlan/config/trunk-vlans=1,5..9",
		} {
			at := len(leaf) - 1
			for leaf[at] != '=' {
				at--
			}
			batch.Updates = append(batch.Updates, set(b, name+leaf[:at], leaf[at+1:]))
		}
	}
	e.Publish(batch)
}

// One tick of SAMPLE on 1,000 ports × all counters, to so many subscribers.
func BenchmarkSampleTick(b *testing.B) {
	for _, subscribers := range []int{1, 10, 100} {
		for _, enc := range []gpb.Encoding{gpb.Encoding_PROTO, gpb.Encoding_JSON_IETF} {
			b.Run(fmt.Sprintf("%s/subscribers=%d", enc, subscribers), func(b *testing.B) {
				src := newPorts(1000)
				e := New(Options{})
				e.Add(src)
				ctx, cancel := context.WithCancel(context.Background())
				var frames, syncs atomic.Int64
				var running sync.WaitGroup
				for range subscribers {
					req := stream(b, sampled(b, "/interfaces/interface/state/counters", time.Hour))
					req.GetSubscribe().Encoding = enc
					running.Go(func() {
						_ = e.Subscribe(ctx, req, nil, func(f []byte) error {
							frames.Add(1)
							if len(f) == 2 {
								syncs.Add(1)
							}
							return nil
						})
					})
				}
				for syncs.Load() < int64(subscribers) {
					runtime.Gosched()
				}
				each := frames.Load() - syncs.Load() // what all get of one sample
				s := e.samplers.all[clock{e.sources[0], time.Hour, false}]
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					frames.Store(0)
					s.tick(ctx)
					for frames.Load() < each {
						runtime.Gosched()
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(1000*len(src.leaves)*b.N)/b.Elapsed().Seconds(), "encoded/s")
				cancel()
				running.Wait()
				e.Close()
			})
		}
	}
}

// Updates delivered by ONCE to one subscriber, leaves of the tree and rows of
// a source.
func BenchmarkOnce(b *testing.B) {
	for _, path := range []string{"/interfaces/interface/state/counters", "/interfaces/interface/config", "/interfaces"} {
		b.Run(path, func(b *testing.B) {
			e := New(Options{})
			e.Add(newPorts(1000))
			fill(b, e, 1000)
			req := request(gpb.SubscriptionList_ONCE, onChange(b, path))
			resp, err := get(e, gpb.Encoding_PROTO, 0, protoPath(b, path))
			if err != nil {
				b.Fatal(err)
			}
			updates := len(resp.Notification[0].Update)
			octets := 0
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := e.Subscribe(context.Background(), req, nil, func(f []byte) error { octets += len(f); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(updates*b.N)/b.Elapsed().Seconds(), "updates/s")
			b.ReportMetric(float64(octets)/float64(updates*b.N), "octets/update")
			e.Close()
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for _, tt := range []struct {
		name, path string
		enc        gpb.Encoding
	}{
		{"leaf", "/interfaces/interface[name=eth500]/state/oper-status", gpb.Encoding_PROTO},
		{"counter", "/interfaces/interface[name=eth500]/state/counters/in-octets", gpb.Encoding_PROTO},
		{"all interfaces JSON_IETF", "/interfaces", gpb.Encoding_JSON_IETF},
		{"all counters PROTO", "/interfaces/interface/state/counters", gpb.Encoding_PROTO},
	} {
		b.Run(tt.name, func(b *testing.B) {
			e := New(Options{})
			e.Add(newPorts(1000))
			fill(b, e, 1000)
			req := &gpb.GetRequest{Path: []*gpb.Path{protoPath(b, tt.path)}, Encoding: tt.enc}
			octets := 0
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				answer, err := e.GetWithin(context.Background(), req, nil)
				if err != nil {
					b.Fatal(err)
				}
				octets = len(answer)
			}
			b.ReportMetric(float64(octets), "octets")
			e.Close()
		})
	}
}

// One leaf that changes, on a tree of so many ports and with so many
// subscribers that follow all of it.
func BenchmarkPublish(b *testing.B) {
	for _, ports := range []int{10, 1000, 4000} {
		for _, subscribers := range []int{0, 1, 100} {
			b.Run(fmt.Sprintf("ports=%d/subscribers=%d", ports, subscribers), func(b *testing.B) {
				e := New(Options{})
				fill(b, e, ports)
				ctx, cancel := context.WithCancel(context.Background())
				var running sync.WaitGroup
				var syncs atomic.Int64
				for range subscribers {
					running.Go(func() {
						_ = e.Subscribe(ctx, stream(b, onChange(b, "/interfaces")), nil, func(f []byte) error {
							if len(f) == 2 {
								syncs.Add(1)
							}
							return nil
						})
					})
				}
				for syncs.Load() < int64(subscribers) {
					runtime.Gosched()
				}
				p := path(b, "/interfaces/interface[name=eth7]/state/mtu")
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					e.Publish(Batch{Updates: []Update{{p, schema.UintValue(uint64(i))}}})
				}
				b.StopTimer()
				cancel()
				running.Wait()
				e.Close()
			})
		}
	}
}

// What an idle ON_CHANGE subscriber takes.
func BenchmarkIdleSubscriber(b *testing.B) {
	e := New(Options{})
	e.Add(newPorts(10))
	fill(b, e, 10)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var syncs atomic.Int64
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const count = 1000
	for range count {
		running.Go(func() {
			_ = e.Subscribe(ctx, stream(b, onChange(b, "/interfaces")), nil, func(f []byte) error {
				if len(f) == 2 {
					syncs.Add(1)
				}
				return nil
			})
		})
	}
	for syncs.Load() < count {
		runtime.Gosched()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse)/count, "octets/subscriber")
	cancel()
	running.Wait()
	e.Close()
}

// A list of 10,000 subscriptions, as one client may send.
func BenchmarkManySubscriptions(b *testing.B) {
	for name, path := range map[string]func(int) string{
		"same":        func(int) string { return "/..." },
		"same leaf":   func(int) string { return "/.../oper-status" },
		"own leaf":    func(i int) string { return fmt.Sprintf("/interfaces/interface[name=eth%d]/state/mtu", i) },
		"own subtree": func(i int) string { return fmt.Sprintf("/.../interface[name=eth%d]/.../mtu", i%200) },
	} {
		b.Run(name, func(b *testing.B) {
			e := New(Options{})
			e.Add(newPorts(1000))
			fill(b, e, 1000)
			req := request(gpb.SubscriptionList_ONCE)
			for i := range 10_000 {
				req.GetSubscribe().Subscription = append(req.GetSubscribe().Subscription, onChange(b, path(i)))
			}
			b.ResetTimer()
			for range b.N {
				if err := e.Subscribe(context.Background(), req, nil, func([]byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			e.Close()
		})
	}
}

// stalls subscribes to a path on change, and reads nothing more once it has what
// there is; end ends it.
func stalls(b *testing.B, e *Engine, path string) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	synced := make(chan struct{})
	running.Go(func() {
		_ = e.Subscribe(ctx, stream(b, onChange(b, path)), nil, func(f []byte) error {
			if len(f) == 2 {
				close(synced)
			}
			select {
			case <-synced:
				<-ctx.Done() // stalls
			default:
			}
			return nil
		})
	})
	<-synced
	return func() {
		cancel()
		running.Wait()
	}
}

// Changes beside a subscriber that reads nothing: what the process grows by is
// within the bound of its queue.
func BenchmarkStalledSubscriber(b *testing.B) {
	const leaves = 10_000
	e := New(Options{})
	fill(b, e, leaves)
	end := stalls(b, e, "/interfaces/interface/state/mtu")
	var paths [leaves]schema.Path
	for i := range paths {
		paths[i] = path(b, fmt.Sprintf("/interfaces/interface[name=eth%d]/state/mtu", i))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	used := cpu()
	for i := range b.N {
		e.Publish(Batch{Updates: []Update{{paths[i%leaves], schema.UintValue(uint64(i))}}})
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	open, _ := e.Subscriptions()
	b.ReportMetric(float64(b.N)/(cpu()-used).Seconds(), "changes/cpu-s")
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "grown-MiB")
	b.ReportMetric(float64(open[0].Stats().QueuePeak)/(1<<20), "queue-MiB")
	end()
	e.Close()
}

// One tick to 20 subscribers, each of which asks for other columns of the same
// table.
func BenchmarkSampleUnlike(b *testing.B) {
	const subscribers = 20
	src := newPorts(1000)
	e := New(Options{})
	e.Add(src)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var syncs atomic.Int64
	for i := range subscribers {
		var subs []*gpb.Subscription
		for at, id := range src.leaves {
			if at != i%len(src.leaves) {
				subs = append(subs, sampled(b, "/interfaces/interface/state/counters/"+ocpath.Get(id).Name, time.Hour))
			}
		}
		subs = append(subs, sampled(b, fmt.Sprintf("/interfaces/interface[name=eth%d]/state/counters", i), time.Hour))
		req := stream(b, subs...)
		running.Go(func() {
			_ = e.Subscribe(ctx, req, nil, func(f []byte) error {
				if len(f) == 2 {
					syncs.Add(1)
				}
				return nil
			})
		})
	}
	for syncs.Load() < subscribers {
		time.Sleep(time.Millisecond)
	}
	s := e.samplers.all[clock{e.sources[0], time.Hour, false}]
	b.ResetTimer()
	before := cpu()
	for range b.N {
		s.tick(ctx)
	}
	b.StopTimer()
	b.ReportMetric(float64(cpu()-before)/float64(b.N)/1e6, "cpu-ms/tick")
	cancel()
	running.Wait()
	e.Close()
}
