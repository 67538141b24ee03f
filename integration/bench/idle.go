package main

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
)

// idleCount is how many subscribers there are to whom nothing happens.
const idleCount = 1000

// idle measures the memory of a thousand subscribers to whom nothing happens:
// all on one connection, and each on its own. It is what a second thousand adds
// to the first, which finds room that was left by others.
func (m *manager) idle(ctx context.Context) error {
	for _, kind := range []struct {
		name string
		own  bool
	}{{"one TLS connection", false}, {"a TLS connection each", true}} {
		if _, err := m.restart(ctx, false, false); err != nil { // what others left does not count
			return err
		}
		grown, err := m.idleGrowth(ctx, kind.own)
		if err != nil {
			return err
		}
		m.add(row{fmt.Sprintf("%d idle ON_CHANGE subscribers, %s", idleCount, kind.name), fmt.Sprintf("%.0f KB each", grown/idleCount/1024), "–", "–", "≤ 64 KB"})
	}
	return nil
}

// idleGrowth gives by how much the element's memory grows, in octets.
func (m *manager) idleGrowth(ctx context.Context, own bool) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var taken []float64
	for range 2 {
		for i := range idleCount {
			conn := m.Conn
			if own {
				c := element.Dial(m.sw, "127.0.0.1:9339", false)
				defer c.Close()
				conn = c.Conn
			}
			stream, err := m.idleSubscriber(ctx, conn, i)
			if err != nil {
				return 0, fmt.Errorf("subscriber %d: %w", i, err)
			}
			running.Go(func() {
				for message := (rawMessage)(nil); stream.RecvMsg(&message) == nil; {
					continue // nothing comes
				}
			})
		}
		now, err := m.settledMemory(ctx)
		if err != nil {
			return 0, err
		}
		taken = append(taken, now)
	}
	return taken[1] - taken[0], nil
}

// idleSubscriber follows one port's status, and has got it.
func (m *manager) idleSubscriber(ctx context.Context, conn *grpc.ClientConn, i int) (grpc.ClientStream, error) {
	stream, err := subscribeRaw(ctx, conn, &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{
			Path: element.Path("/interfaces/interface[name=" + portName(i%m.ports) + "]/state/oper-status"), Mode: gpb.SubscriptionMode_ON_CHANGE,
		}},
	})
	if err != nil {
		return nil, err
	}
	for range 2 { // the value, and the end of the first values
		var message rawMessage
		if err := stream.RecvMsg(&message); err != nil {
			return nil, err
		}
	}
	return stream, nil
}

// settledMemory is the least of the element's memory within some seconds: what
// is garbage goes meanwhile, or is in use again.
func (m *manager) settledMemory(ctx context.Context) (float64, error) {
	least := math.Inf(1)
	for range 5 {
		now, err := anonymous(m.PID())
		if err != nil {
			return 0, err
		}
		least = min(least, now)
		if err := pause(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	return least, nil
}
