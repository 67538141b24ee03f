package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/traffic"
	"golang.org/x/sys/unix"
)

// queueBound is the element's bound of what waits for a subscriber that takes
// nothing, in octets.
const queueBound = 32 << 20

// movers is how many addresses move all the time.
const movers = 1 << 13

// stalled measures by how much the element grows when a subscriber takes
// nothing while thousands of leaves change without end, beside the same
// without such a subscriber. The leaves are those of addresses that move
// between two ports with each frame.
func (m *manager) stalled(ctx context.Context) error {
	if _, err := m.restart(ctx, false, false); err != nil { // what others left does not count
		return err
	}
	without, rate, err := m.changing(ctx, min(m.stallTime, 20*time.Second))
	if err != nil {
		return err
	}
	stalls, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := subscribeRaw(stalls, m.Conn, follow("/"))
	if err != nil {
		return err
	}
	var message rawMessage
	if err := stream.RecvMsg(&message); err != nil { // and nothing any more
		return err
	}
	with, rate2, err := m.changing(ctx, m.stallTime)
	if err != nil {
		return err
	}
	grown := max(0, with-without)
	m.add(row{fmt.Sprintf("memory, a subscriber stalled for %s at %.0f changes/s", m.stallTime, rate2), fmt.Sprintf("+%.1f MB", grown/1e6),
		fmt.Sprintf("bound of its queue %.1f MB", float64(queueBound)/1e6), ratio(grown, queueBound), "≤ 1×"})
	m.add(row{"… changes that another subscriber gets meanwhile", fmt.Sprintf("%.0f/s", rate2), fmt.Sprintf("without the stalled one %.0f/s", rate), ratio(rate2, rate), "–"})
	return nil
}

// follow is a subscription to all changes of a path.
func follow(path string) *gpb.SubscriptionList {
	return &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{
		Path: element.Path(path), Mode: gpb.SubscriptionMode_ON_CHANGE,
	}}}
}

// changing has addresses move for a while, and gives the most memory that the
// element took, and how many changes a second reached a subscriber that reads.
func (m *manager) changing(ctx context.Context, d time.Duration) (most, perSecond float64, err error) {
	stop, err := m.moving(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	home, err := traffic.Open(m.far, portName(2))
	if err != nil {
		return 0, 0, err
	}
	defer home.Close()
	r, err := receive(ctx, m.Conn, 1, follow("/network-instances/network-instance/fdb/mac-table"))
	if err != nil {
		return 0, 0, err
	}
	defer r.end()
	r.count = true
	start := time.Now()
	for time.Since(start) < d && err == nil {
		var now float64
		if now, err = anonymous(m.PID()); err == nil {
			most = max(most, now)
			// Whom the frames are for is known: else each would go to all ports.
			err = errors.Join(home.Send(traffic.UDP(traffic.MAC(macB), traffic.MAC(macA), 60)), pause(ctx, 100*time.Millisecond))
		}
	}
	return most, float64(r.updates.Load()) / time.Since(start).Seconds(), err
}

// moving has addresses move between two ports until stop is called.
func (m *manager) moving(ctx context.Context) (stop func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var failed [2]error
	stop = func() error {
		cancel()
		running.Wait()
		return errors.Join(failed[:]...)
	}
	for i := range failed {
		s, err := traffic.Open(m.far, portName(i))
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		running.Go(func() {
			defer s.Close()
			failed[i] = move(ctx, s)
		})
	}
	return stop, nil
}

// move sends frames from one address after another until the context ends: a
// thousand each ten milliseconds, so that the processors have time for others.
func move(ctx context.Context, s *traffic.Socket) error {
	frames := make([][]byte, movers)
	for i := range frames {
		frames[i] = traffic.UDP(traffic.MAC(macA), traffic.MAC(macB+1+uint32(i)), 60)
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		if err := s.Send(frames[i%movers]); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
		if i%1000 != 0 {
			continue
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
