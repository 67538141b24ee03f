package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/vishvananda/netlink"
)

// event measures how long after a link event a subscriber has the update, and
// beside it when the kernel tells a bare netlink socket of the same event.
func (m *manager) event(ctx context.Context) error {
	const events = 200
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told, err := m.operStatus(ctx, portName(5))
	if err != nil {
		return err
	}
	kernel, err := m.kernelStatus(ctx, portName(5))
	if err != nil {
		return err
	}
	var late, bare, beyond []float64
	for i := range 2 * events {
		up := i%2 == 1
		start := time.Now()
		if err := m.far.SetUp(portName(5), up); err != nil {
			return err
		}
		first, err := next(ctx, kernel, up)
		if err != nil {
			return fmt.Errorf("the kernel: %w", err)
		}
		at, err := next(ctx, told, up)
		if err != nil {
			return fmt.Errorf("the subscriber: %w", err)
		}
		late, bare = append(late, float64(at.Sub(start))), append(bare, float64(first.Sub(start)))
		beyond = append(beyond, float64(at.Sub(first)))
	}
	m.add(row{fmt.Sprintf("link event → ON_CHANGE update at the client, %d ports, p50", m.ports), ms(quantile(late, 50)),
		"netlink socket " + ms(quantile(bare, 50)), ratio(quantile(late, 50), quantile(bare, 50)), "–"})
	m.add(row{fmt.Sprintf("link event → ON_CHANGE update at the client, %d ports, p99", m.ports), ms(quantile(late, 99)),
		"netlink socket " + ms(quantile(bare, 99)), ratio(quantile(late, 99), quantile(bare, 99)), "≤ 5 ms"})
	m.add(row{"… beyond when the kernel told it, p99", ms(quantile(beyond, 99)), "p50 " + ms(quantile(beyond, 50)),
		ratio(quantile(beyond, 99), quantile(beyond, 50)), "–"})
	return nil
}

// quantile is the value below which so many percent are.
func quantile(values []float64, percent int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// status is a link's status as it was told at a moment.
type status struct {
	up bool
	at time.Time
}

// next waits for a status.
func next(ctx context.Context, told <-chan status, up bool) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		select {
		case s, ok := <-told:
			if !ok {
				return time.Time{}, errNoValue
			}
			if s.up == up {
				return s.at, nil
			}
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("up %t: %w", up, errNoValue)
		}
	}
}

// operStatus follows a port's oper-status until the context ends.
func (m *manager) operStatus(ctx context.Context, name string) (<-chan status, error) {
	stream, err := m.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{
			Path: element.Path("/interfaces/interface[name=" + name + "]/state/oper-status"), Mode: gpb.SubscriptionMode_ON_CHANGE,
		}},
	}}})
	if err != nil {
		return nil, err
	}
	told := make(chan status, 100)
	go func() {
		defer close(told)
		for {
			answer, err := stream.Recv()
			if err != nil {
				return // the context ended
			}
			for _, u := range answer.GetUpdate().GetUpdate() {
				told <- status{u.GetVal().GetStringVal() == "UP", time.Now()}
			}
		}
	}()
	for s := range told { // until it is up
		if s.up {
			return told, nil
		}
	}
	return nil, errors.New("the port does not come up")
}

// kernelStatus follows a port by a netlink socket of its own.
func (m *manager) kernelStatus(ctx context.Context, name string) (<-chan status, error) {
	index, err := m.sw.Index(name)
	if err != nil {
		return nil, err
	}
	updates, told := make(chan netlink.LinkUpdate, 100), make(chan status, 100)
	if err := m.sw.Do(func() error { return netlink.LinkSubscribe(updates, ctx.Done()) }); err != nil {
		return nil, err
	}
	go func() {
		defer close(told)
		for u := range updates {
			if a := u.Link.Attrs(); a.Index == index {
				told <- status{a.OperState == netlink.OperUp, time.Now()}
			}
		}
	}()
	return told, nil
}
