package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/traffic"
)

const traceSession = "/traces/sessions/session[id=bench]"

// trace measures how long after a frame was sent a subscriber of a trace session
// has its first event, and beside it when a bare packet socket behind the switch
// has the frame.
func (m *manager) trace(ctx context.Context) (err error) {
	const frames = 1000
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a, err := traffic.Open(m.far, portName(5))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := traffic.Open(m.far, portName(6))
	if err != nil {
		return err
	}
	defer b.Close()
	there := traffic.Frame{Src: traffic.MAC(macA), Dst: traffic.MAC(macB)}
	back := traffic.Frame{Src: there.Dst, Dst: there.Src}
	if err := errors.Join(a.Send(there.Bytes(60)), b.Send(back.Bytes(60))); err != nil {
		return err
	}
	told, err := m.traced(ctx, there.Src.String())
	if err != nil {
		return err
	}
	defer func() {
		_, failed := m.Set(context.WithoutCancel(ctx), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(traceSession)}})
		err = errors.Join(err, failed)
	}()
	var late, bare []float64
	for range frames {
		start := time.Now()
		if err := a.Send(there.Bytes(60)); err != nil {
			return err
		}
		if _, err := b.Receive(5*time.Second, func(f traffic.Frame) bool { return f.Src.String() == there.Src.String() }); err != nil {
			return fmt.Errorf("the host behind the switch: %w", err)
		}
		bare = append(bare, float64(time.Since(start)))
		at, err := next(ctx, told, true)
		if err != nil {
			return fmt.Errorf("the subscriber: %w", err)
		}
		late = append(late, float64(at.Sub(start)))
		time.Sleep(time.Duration(rand.Int64N(int64(2 * time.Millisecond)))) // at any time between two looks of the reader
	}
	for _, percent := range []int{50, 99} {
		goal := "–"
		if percent == 99 {
			goal = "≤ 5 ms"
		}
		m.add(row{fmt.Sprintf("traced frame → event at the client, p%d", percent), ms(quantile(late, percent)),
			"frame → packet socket " + ms(quantile(bare, percent)), ratio(quantile(late, percent), quantile(bare, percent)), goal})
	}
	return nil
}

// traced starts a session for what a host sends and tells when each frame's first
// event comes, until the context ends.
func (m *manager) traced(ctx context.Context, source string) (<-chan status, error) {
	stream, err := m.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path(traceSession + "/events"), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}})
	if err == nil {
		_, err = stream.Recv() // the sync
	}
	if err == nil {
		err = m.Configure(ctx, element.Update(traceSession+"/config", map[string]any{
			"id": "bench", "duration": 3600, "max-events-per-second": 100000, "filter": "ether src " + source,
		}))
	}
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
			at := time.Now()
			for _, u := range answer.GetUpdate().GetUpdate() {
				if elems := u.GetPath().GetElem(); elems[len(elems)-1].GetName() == "step" && u.GetVal().GetUintVal() == 1 {
					told <- status{true, at}
				}
			}
		}
	}()
	return told, nil
}
