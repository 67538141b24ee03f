package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// counterPath is what is read and sampled.
const counterPath = "/interfaces/interface/state/counters"

// fabric is an element with many ports whose other ends nobody uses.
type fabric struct {
	ports   int
	sw, far *topology.Namespace
	state   string
	*element.Process
}

// newFabric makes ports, and an element that has them all in VLAN 10.
func newFabric(ctx context.Context, binary string, ports int) (f *fabric, err error) {
	f = &fabric{ports: ports}
	if f.sw, err = topology.New(); err != nil {
		return nil, err
	}
	if f.far, err = topology.New(); err != nil {
		return nil, errors.Join(err, f.sw.Close())
	}
	if f.state, err = os.MkdirTemp("", "signalbox-bench-"); err != nil {
		return nil, err
	}
	var updates []*gpb.Update
	for i := range ports {
		name := fmt.Sprintf("p%d", i)
		err := topology.Cable(topology.End{Namespace: f.sw, Name: name}, topology.End{Namespace: f.far, Name: name})
		if err != nil {
			return nil, err
		}
		updates = append(updates, element.Access(name, 10))
	}
	if f.Process, err = element.Start(ctx, f.options(binary)); err != nil {
		return nil, err
	}
	return f, f.Configure(ctx, updates...)
}

func (f *fabric) options(binary string) element.Options {
	return element.Options{Binary: binary, Namespace: f.sw, StateDir: f.state}
}

func (f *fabric) close(ctx context.Context, binary string) error {
	return errors.Join(f.Stop(), element.Flush(context.WithoutCancel(ctx), binary, f.sw),
		f.far.Close(), f.sw.Close(), os.RemoveAll(f.state))
}

// manage measures Set, Get and Subscribe, by the number of ports.
func (b *bench) manage(ctx context.Context) error {
	var fewest float64
	for _, ports := range []int{10, 100, 1000} {
		f, err := newFabric(ctx, b.binary, ports)
		if err != nil {
			return err
		}
		latency, err := f.oneLeafSet(ctx)
		if err == nil {
			if ports == 10 {
				fewest = latency
			}
			b.add(row{fmt.Sprintf("one-leaf Set at %d ports", ports), ms(latency), "at 10 ports " + ms(fewest), ratio(latency, fewest), "–"})
		}
		if err == nil && ports == 1000 {
			err = errors.Join(b.getCounters(ctx, f), b.sample(ctx, f))
		}
		if err := errors.Join(err, f.close(ctx, b.binary)); err != nil {
			return fmt.Errorf("%d ports: %w", ports, err)
		}
	}
	return nil
}

func ms(nanoseconds float64) string { return fmt.Sprintf("%.2f ms", nanoseconds/1e6) }

// oneLeafSet is the median time of a Set of a description, answer included.
func (f *fabric) oneLeafSet(ctx context.Context) (float64, error) {
	var took []float64
	for i := range 101 {
		u := element.Update("/interfaces/interface[name=p5]/config/description", fmt.Sprint("number ", i))
		start := time.Now()
		if err := f.Configure(ctx, u); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(start)))
	}
	return median(took), nil
}

// getCounters compares a Get of all counters with what the kernel takes to tell
// its own of the same interfaces.
func (b *bench) getCounters(ctx context.Context, f *fabric) error {
	octets := map[string]int{}
	get := func(encode gpb.Encoding) func() (float64, error) {
		return func() (float64, error) {
			request := &gpb.GetRequest{Path: []*gpb.Path{element.Path(counterPath)}, Encoding: encode}
			var answer rawMessage
			start := time.Now()
			err := f.Conn.Invoke(ctx, "/gnmi.gNMI/Get", request, &answer, raw())
			took := float64(time.Since(start))
			octets[encode.String()] = len(answer)
			return took, err
		}
	}
	kernel := func() (float64, error) {
		start := time.Now()
		_, err := f.sw.Links()
		return float64(time.Since(start)), err
	}
	m, err := b.turns(ctx, []arm{{"PROTO", get(gpb.Encoding_PROTO)}, {"kernel", kernel}, {"JSON_IETF", get(gpb.Encoding_JSON_IETF)}})
	if err != nil {
		return err
	}
	for _, name := range []string{"PROTO", "JSON_IETF"} {
		b.add(row{fmt.Sprintf("Get of all counters of 1000 ports, %s, %.1f MB", name, float64(octets[name])/1e6), ms(m[name]),
			"netlink dump of the links " + ms(m["kernel"]), ratio(m[name], m["kernel"]), "–"})
	}
	return nil
}

// sample measures what subscribers cost that sample all counters each second.
func (b *bench) sample(ctx context.Context, f *fabric) error {
	var one float64
	for _, subscribers := range []int{1, 10, 100} {
		share, octets, err := f.subscribers(ctx, subscribers, 5*time.Second)
		if err != nil {
			return fmt.Errorf("%d subscribers: %w", subscribers, err)
		}
		if subscribers == 1 {
			one = share
		}
		b.add(row{fmt.Sprintf("SAMPLE 1 s, counters of 1000 ports, subscribers: %d", subscribers),
			fmt.Sprintf("%.1f %% of one CPU, %.1f MB/s each", 100*share, octets/float64(subscribers)/1e6),
			fmt.Sprintf("one subscriber %.1f %%", 100*one), ratio(share, one), "–"})
	}
	return nil
}

// subscribers gives the element's share of one CPU and the octets of messages
// per second, all subscribers together.
func (f *fabric) subscribers(ctx context.Context, count int, window time.Duration) (share, octetsPerSecond float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var octets, synced atomic.Int64
	for range count {
		stream, err := f.subscribeRaw(ctx)
		if err != nil {
			return 0, 0, err
		}
		running.Go(func() {
			for first := true; ; first = false {
				var message rawMessage
				if stream.RecvMsg(&message) != nil {
					return // cancelled below
				}
				if first {
					synced.Add(1)
				}
				octets.Add(int64(len(message)))
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); synced.Load() < int64(count); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return 0, 0, fmt.Errorf("only %d of %d subscribers have got anything after a minute", synced.Load(), count)
		}
	}
	time.Sleep(2 * time.Second) // the first values of all are over
	before, err := cpuTime(f.PID())
	if err != nil {
		return 0, 0, err
	}
	octets.Store(0)
	start := time.Now()
	time.Sleep(window)
	after, err := cpuTime(f.PID())
	took := time.Since(start).Seconds()
	return (after - before) / took, float64(octets.Load()) / took, err
}

func (f *fabric) subscribeRaw(ctx context.Context) (grpc.ClientStream, error) {
	stream, err := f.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/gnmi.gNMI/Subscribe",
		raw())
	if err != nil {
		return nil, err
	}
	return stream, stream.SendMsg(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{
			Path: element.Path(counterPath), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(time.Second),
		}},
	}}})
}

// rawMessage is a message as it came. The clients of the benchmark decode
// nothing, since they share the CPUs with the element.
type rawMessage []byte

func raw() grpc.CallOption { return grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2("proto")}) }

type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if raw, ok := v.(*rawMessage); ok {
		*raw = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// clockTicks is USER_HZ, which is 100 on every architecture that Go runs on.
const clockTicks = 100

// cpuTime is the user and system time of a process in seconds (proc_pid_stat(5)).
func cpuTime(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Fields are counted behind the name, which stands in parentheses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks float64
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return ticks / clockTicks, nil
}

// start measures how long an element takes from its start until it serves.
func (b *bench) start(ctx context.Context) error {
	var empty float64
	for _, ports := range []int{1, 1000} {
		f, err := newFabric(ctx, b.binary, ports)
		if err != nil {
			return err
		}
		const rounds = 3 // a start with a thousand ports takes seconds
		m, err := takeTurns(ctx, rounds, []arm{
			{"restart", func() (float64, error) { return f.restart(ctx, b.binary, false) }},
			{"start", func() (float64, error) { return f.restart(ctx, b.binary, true) }},
			{"program", func() (float64, error) {
				start := time.Now()
				_, err := f.sw.Run(ctx, b.binary, "version")
				return float64(time.Since(start)), err
			}},
		})
		if err == nil {
			if ports == 1 {
				empty = m["restart"]
			}
			b.add(row{fmt.Sprintf("restart until it serves, %d ports", ports), ms(m["restart"]), "1 port " + ms(empty), ratio(m["restart"], empty), "–"})
			b.add(row{fmt.Sprintf("start on a flushed host, %d ports", ports), ms(m["start"]), "signalbox version " + ms(m["program"]), ratio(m["start"], m["program"]), "–"})
		}
		if err := errors.Join(err, f.close(ctx, b.binary)); err != nil {
			return fmt.Errorf("%d ports: %w", ports, err)
		}
	}
	return nil
}

// restart ends the element, takes it off the host where that is asked for, and
// gives the time of the new start.
func (f *fabric) restart(ctx context.Context, binary string, flushed bool) (float64, error) {
	if err := f.Stop(); err != nil {
		return 0, err
	}
	if flushed {
		if err := element.Flush(ctx, binary, f.sw); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	p, err := element.Start(ctx, f.options(binary))
	if err != nil {
		return 0, err
	}
	f.Process = p
	return float64(time.Since(start)), nil
}
