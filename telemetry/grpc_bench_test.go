package telemetry

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// raw passes octets through gRPC as they are.
type raw struct{ encoding.CodecV2 }

func (c raw) Marshal(v any) (mem.BufferSlice, error) {
	if b, is := v.([]byte); is {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal counts a message and drops it.
func (c raw) Unmarshal(data mem.BufferSlice, v any) error {
	if n, is := v.(*int); is {
		*n = data.Len()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// bare serves Subscribe with the engine, or, where that is nil, sends the same
// octets again and again: what gRPC itself costs.
type bare struct {
	gpb.UnimplementedGNMIServer
	e      *Engine
	frames [][]byte
	ticks  []chan struct{}
	next   atomic.Int64
}

func (h *bare) Subscribe(stream grpc.BidiStreamingServer[gpb.SubscribeRequest, gpb.SubscribeResponse]) error {
	req, err := stream.Recv()
	if err != nil {
		return err
	}
	if h.e != nil {
		return h.e.Subscribe(stream.Context(), req, nil, func(frame []byte) error { return stream.SendMsg(frame) })
	}
	tick := h.ticks[h.next.Add(1)-1]
	if err := stream.SendMsg([]byte{0x18, 1}); err != nil { // the sync
		return err
	}
	for {
		select {
		case <-tick:
			for _, f := range h.frames {
				if err := stream.SendMsg(f); err != nil {
					return err
				}
			}
		case <-stream.Context().Done():
			return nil
		}
	}
}

// serveBench serves a handler on loopback, and gives a client of it.
func serveBench(b *testing.B, h *bare) gpb.GNMIClient {
	codec := raw{encoding.GetCodecV2(proto.Name)}
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec), grpc.WriteBufferSize(64<<10))
	gpb.RegisterGNMIServer(server, h)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec)))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(); server.Stop() })
	return gpb.NewGNMIClient(conn)
}

// readers opens so many streams and counts what comes to each.
func readers(b *testing.B, client gpb.GNMIClient, count int, req *gpb.SubscribeRequest) (messages, octets *atomic.Int64) {
	messages, octets = new(atomic.Int64), new(atomic.Int64)
	var synced sync.WaitGroup
	for range count {
		stream, err := client.Subscribe(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := stream.Send(req); err != nil {
			b.Fatal(err)
		}
		synced.Add(1)
		go func() {
			waits := true
			for {
				var size int
				if stream.RecvMsg(&size) != nil {
					return
				}
				if size == 2 && waits {
					waits = false
					synced.Done()
					continue
				}
				octets.Add(int64(size))
				messages.Add(1)
			}
		}()
	}
	synced.Wait()
	return messages, octets
}

// cpu is what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// One tick of SAMPLE on 1,000 ports × all counters over gRPC, and the same
// octets from a bare handler: the difference is what the engine costs.
func BenchmarkSampleOverGRPC(b *testing.B) {
	for _, subscribers := range []int{1, 100} {
		for _, engine := range []bool{true, false} {
			b.Run(fmt.Sprintf("engine=%v/subscribers=%d", engine, subscribers), func(b *testing.B) {
				src := newPorts(1000)
				e := New(Options{})
				e.Add(src)
				req := stream(b, sampled(b, "/interfaces/interface/state/counters", time.Hour))
				h := &bare{e: e}
				var tick func()
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				frames := sampleFrames(b, e, req)
				if !engine {
					h = &bare{frames: frames}
					for range subscribers {
						h.ticks = append(h.ticks, make(chan struct{}, 1))
					}
					tick = func() {
						for _, t := range h.ticks {
							t <- struct{}{}
						}
					}
				}
				messages, octets := readers(b, serveBench(b, h), subscribers, req)
				if engine {
					s := e.samplers.all[clock{e.sources[0], time.Hour, false}]
					tick = func() { s.tick(ctx) }
				}
				want := int64(len(frames) * subscribers)
				time.Sleep(100 * time.Millisecond) // the first answers
				octets.Store(0)
				b.ResetTimer()
				before := cpu()
				for range b.N {
					messages.Store(0)
					tick()
					for messages.Load() < want {
						time.Sleep(100 * time.Microsecond)
					}
				}
				b.StopTimer()
				b.ReportMetric(float64(cpu()-before)/float64(b.N)/1e6, "cpu-ms/tick")
				b.ReportMetric(float64(octets.Load())/float64(b.N*subscribers), "octets/subscriber")
				b.ReportMetric(float64(1000*len(src.leaves)*subscribers*b.N)/b.Elapsed().Seconds(), "delivered/s")
				e.Close()
			})
		}
	}
}

// sampleFrames are the messages of one sample.
func sampleFrames(b *testing.B, e *Engine, req *gpb.SubscribeRequest) (frames [][]byte) {
	ctx, cancel := context.WithCancel(context.Background())
	_ = e.Subscribe(ctx, req, nil, func(f []byte) error {
		if len(f) == 2 {
			cancel()
		} else {
			frames = append(frames, f)
		}
		return nil
	})
	return frames
}

// ONCE over gRPC to one subscriber.
func BenchmarkOnceOverGRPC(b *testing.B) {
	e := New(Options{})
	src := newPorts(1000)
	e.Add(src)
	fill(b, e, 1000)
	client := serveBench(b, &bare{e: e})
	resp, err := get(e, gpb.Encoding_PROTO, 0, protoPath(b, "/interfaces"))
	if err != nil {
		b.Fatal(err)
	}
	updates := len(resp.Notification[0].Update)
	req := request(gpb.SubscriptionList_ONCE, onChange(b, "/interfaces"))
	b.ResetTimer()
	before := cpu()
	for range b.N {
		stream, err := client.Subscribe(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := stream.Send(req); err != nil {
			b.Fatal(err)
		}
		for size := 0; stream.RecvMsg(&size) == nil; {
		}
	}
	b.ReportMetric(float64(updates*b.N)/b.Elapsed().Seconds(), "delivered/s")
	b.ReportMetric(float64(updates*b.N)/(cpu()-before).Seconds(), "delivered/cpu-s")
	e.Close()
}
