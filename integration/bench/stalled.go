package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// queueBound is the element's bound of what waits for a subscriber that takes
// nothing, in octets.
const queueBound = 32 << 20

// stalled measures by how much the element grows when a subscriber takes
// nothing while thousands of leaves change without end, beside the same
// without such a subscriber.
func (m *manager) stalled(ctx context.Context) error {
	if _, err := m.restart(ctx, false, false); err != nil { // what others left does not count
		return err
	}
	if err := m.Configure(ctx, vlanLeaves("stalled", 0)...); err != nil {
		return err
	}
	without, rate, err := m.changing(ctx, min(m.stallTime, 20*time.Second))
	if err != nil {
		return err
	}
	stalls, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := subscribeRaw(stalls, m.Conn, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: &gpb.Path{}, Mode: gpb.SubscriptionMode_ON_CHANGE}},
	})
	if err != nil {
		return err
	}
	var message rawMessage
	if err := stream.RecvMsg(&message); err != nil { // and nothing any more
		return err
	}
	with, rate, err := m.changing(ctx, m.stallTime)
	if err != nil {
		return err
	}
	grown := max(0, with-without)
	m.add(row{fmt.Sprintf("memory, a subscriber stalled for %s at %.0f changes/s", m.stallTime, rate), fmt.Sprintf("+%.1f MB", grown/1e6),
		fmt.Sprintf("bound of its queue %.1f MB", float64(queueBound)/1e6), ratio(grown, queueBound), "≤ 1×"})
	return nil
}

// changing changes leaves for a while, and gives the most memory that the
// element took, and how many leaves changed a second.
func (m *manager) changing(ctx context.Context, d time.Duration) (most, perSecond float64, err error) {
	var changed atomic.Int64
	var failed error
	var writer sync.WaitGroup
	writing, stop := context.WithCancel(ctx)
	start := time.Now()
	writer.Go(func() {
		for n := 1; writing.Err() == nil && failed == nil; n++ {
			failed = m.Configure(ctx, vlanLeaves("stalled", n)...)
			changed.Add(tenThousand / 3) // the names
		}
	})
	for time.Since(start) < d && err == nil {
		var now float64
		if now, err = anonymous(m.PID()); err == nil {
			most = max(most, now)
			err = pause(ctx, 100*time.Millisecond)
		}
	}
	took := time.Since(start)
	stop()
	writer.Wait()
	if err == nil {
		err = failed
	}
	return most, float64(changed.Load()) / took.Seconds(), err
}
