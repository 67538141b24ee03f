package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// window is how long processor time is measured.
const window = 5 * time.Second

// sample measures what subscribers cost that sample all counters each second,
// beside what it costs a program to write the same messages to as many.
func (m *manager) sample(ctx context.Context) error {
	var one, beyond float64
	for _, subscribers := range []int{1, 10, 100} {
		flow, err := m.subscribers(ctx, m.Conn, m.PID(), subscribers)
		if err != nil {
			return fmt.Errorf("%d subscribers: %w", subscribers, err)
		}
		writes, err := m.bareWrites(ctx, subscribers, flow)
		if err != nil {
			return fmt.Errorf("%d subscribers of the bare writer: %w", subscribers, err)
		}
		if subscribers == 1 {
			one, beyond = flow.share, flow.share-writes
		}
		what := fmt.Sprintf("SAMPLE 1 s, counters of %d ports, subscribers: %d", m.ports, subscribers)
		measured := fmt.Sprintf("%.1f %% of one CPU, %.1f MB/s each", 100*flow.share, flow.octets/float64(subscribers)/1e6)
		m.add(row{what, measured, fmt.Sprintf("one subscriber %.1f %%", 100*one), ratio(flow.share, one), goal(subscribers == 1, "≤ 5 %")})
		m.add(row{"… beyond what gRPC writes cost", fmt.Sprintf("%.1f %%", 100*(flow.share-writes)),
			fmt.Sprintf("gRPC writes alone %.1f %%", 100*writes), ratio(flow.share-writes, max(beyond, 0.001)) + " of one", goal(subscribers == 100, "≤ 4× of one")})
	}
	return nil
}

// flow is what subscribers were sent, and what it cost.
type flow struct {
	share    float64 // of one CPU
	octets   float64 // a second, of all subscribers
	messages float64 // a second, of all subscribers
}

// subscribers measures a number of subscribers of the counters at a process.
func (m *manager) subscribers(ctx context.Context, conn *grpc.ClientConn, pid, count int) (flow, error) {
	r, err := receive(ctx, conn, count, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{
			Path: element.Path(counterPath), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(time.Second),
		}},
	})
	if err != nil {
		return flow{}, err
	}
	defer r.end()
	return r.measure(ctx, pid, window)
}

// receivers are subscribers that count what they are sent.
type receivers struct {
	cancel                    context.CancelFunc
	running                   sync.WaitGroup
	octets, messages, updates atomic.Int64
	// count has the updates counted, too.
	count bool
}

// receive begins subscriptions and waits until each has got something.
func receive(ctx context.Context, conn *grpc.ClientConn, count int, list *gpb.SubscriptionList) (*receivers, error) {
	r := &receivers{}
	ctx, r.cancel = context.WithCancel(ctx)
	var begun atomic.Int64
	for range count {
		stream, err := subscribeRaw(ctx, conn, list)
		if err != nil {
			r.end()
			return nil, err
		}
		r.running.Go(func() { r.run(stream, &begun) })
	}
	for deadline := time.Now().Add(time.Minute); begun.Load() < int64(count); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.end()
			return nil, fmt.Errorf("only %d of %d subscribers have got anything after a minute", begun.Load(), count)
		}
	}
	return r, nil
}

func (r *receivers) run(stream grpc.ClientStream, begun *atomic.Int64) {
	for first := true; ; first = false {
		var message rawMessage
		if stream.RecvMsg(&message) != nil {
			return // cancelled
		}
		if first {
			begun.Add(1)
		}
		r.octets.Add(int64(len(message)))
		r.messages.Add(1)
		if r.count {
			r.updates.Add(int64(message.updates()))
		}
	}
}

func (r *receivers) end() {
	r.cancel()
	r.running.Wait()
}

// measure waits until the first values of all are over, and measures then.
func (r *receivers) measure(ctx context.Context, pid int, window time.Duration) (flow, error) {
	if err := pause(ctx, 2*time.Second); err != nil {
		return flow{}, err
	}
	before, err := cpuTime(pid)
	if err != nil {
		return flow{}, err
	}
	r.octets.Store(0)
	r.messages.Store(0)
	start := time.Now()
	if err := pause(ctx, window); err != nil {
		return flow{}, err
	}
	after, err := cpuTime(pid)
	took := time.Since(start).Seconds()
	return flow{(after - before) / took, float64(r.octets.Load()) / took, float64(r.messages.Load()) / took}, err
}

// pause waits, as long as the context lets it.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rate measures how many updates a second reach one subscriber: of ONCE, and
// of samples of everything as often as they are served.
func (m *manager) rate(ctx context.Context) error {
	const path = "/interfaces"
	_, updates, err := m.once(ctx, path, gpb.Encoding_PROTO, true)
	if err != nil {
		return err
	}
	took, err := m.turns(ctx, []arm{{"once", timed(func() error {
		_, _, err := m.once(ctx, path, gpb.Encoding_PROTO, false)
		return err
	})}})
	if err != nil {
		return err
	}
	const goalRate = "≥ 1.00 million"
	m.add(row{fmt.Sprintf("updates delivered by ONCE, %d of %d ports", updates, m.ports), million(float64(updates) / took["once"] * 1e9), "–", "–", goalRate})
	return m.sampledRate(ctx, path, updates, goalRate)
}

func million(perSecond float64) string { return fmt.Sprintf("%.2f million/s", perSecond/1e6) }

// sampledRate measures samples at the shortest interval.
func (m *manager) sampledRate(ctx context.Context, path string, updates int, goalRate string) error {
	const interval = 100 * time.Millisecond
	r, err := receive(ctx, m.Conn, 1, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path(path), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(interval)}},
	})
	if err != nil {
		return err
	}
	defer r.end()
	r.count = true // the few that came before do not matter
	if err := pause(ctx, 2*time.Second); err != nil {
		return err
	}
	r.updates.Store(0)
	start := time.Now()
	f, err := r.measure(ctx, m.PID(), window)
	if err != nil {
		return err
	}
	perSecond := float64(r.updates.Load()) / time.Since(start).Seconds()
	offered := float64(updates) / interval.Seconds()
	m.add(row{fmt.Sprintf("updates delivered by SAMPLE %s of %d ports, %.0f %% of one CPU", interval, m.ports, 100*f.share), million(perSecond),
		"sampled " + million(offered), ratio(perSecond, offered), goalRate})
	return nil
}

// updates counts the updates of a SubscribeResponse by its fields
// (gnmi.proto: update is field 1 of it, and field 4 of Notification).
func (m rawMessage) updates() int {
	count := 0
	fields(m, func(number protowire.Number, notification []byte) {
		if number == 1 {
			fields(notification, func(number protowire.Number, _ []byte) {
				if number == 4 {
					count++
				}
			})
		}
	})
	return count
}

// fields goes through the fields of a message that have octets.
func fields(message []byte, each func(protowire.Number, []byte)) {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return
		}
		message = message[n:]
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			each(number, value)
		}
		n = protowire.ConsumeFieldValue(number, kind, message)
		if n < 0 {
			return
		}
		message = message[n:]
	}
}

var errNoValue = errors.New("no value came")
