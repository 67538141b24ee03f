package telemetry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// intervals is a STREAM of so many samples of one path, each at an interval of
// its own.
func intervals(t *testing.T, count int) *gpb.SubscribeRequest {
	counters, err := schema.ParsePath("/interfaces/interface[name=eth0]/state/counters")
	if err != nil {
		t.Fatal(err)
	}
	list := &gpb.SubscriptionList{Encoding: gpb.Encoding_PROTO}
	for i := range count {
		list.Subscription = append(list.Subscription, &gpb.Subscription{
			Path: counters, Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(1e9 + i),
		})
	}
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}
}

// TestSubscribeManyIntervals: each interval has a clock of its own.
func TestSubscribeManyIntervals(t *testing.T) {
	e, _, _ := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	none := func([]byte) error { cancel(); return nil }
	if err := e.Subscribe(ctx, intervals(t, maxManners), nil, none); !errors.Is(err, context.Canceled) {
		t.Errorf("%d intervals: %v, want to be served until the end", maxManners, err)
	}
	if err := e.Subscribe(t.Context(), intervals(t, maxManners+1), nil, none); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("%d intervals: %v, want ErrInvalid", maxManners+1, err)
	}
}

// TestSubscribePlanEnds: a list that is still being read ends with its RPC, and
// with the engine.
func TestSubscribePlanEnds(t *testing.T) {
	e, _, _ := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.plan(ctx, intervals(t, 1), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the RPC: %v, want %v", err, context.Canceled)
	}
	e.Close()
	if _, err := e.plan(ctx, intervals(t, 1), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after the engine: %v, want %v", err, ErrClosed)
	}
}

// TestG36_ManyOfTheSame: a list of many subscriptions is resolved once for each
// different path; many different ones that are dear to resolve are refused.
func TestG36_ManyOfTheSame(t *testing.T) {
	e := newEngine(t, Options{})
	publish(t, e, All, mtu0+"=1")
	var same, dear []*gpb.Subscription
	for i := range 10_000 {
		same = append(same, onChange(t, "/.../mtu"))
		dear = append(dear, onChange(t, fmt.Sprintf("/.../interface[name=eth%d]/.../mtu", i)))
	}
	c := subscribe(t, e, stream(t, same...))
	c.expect(mtu0+"=1", "sync")
	c = subscribe(t, e, stream(t, dear[:maxAnyDepth]...))
	c.expect(mtu0+"=1", "sync")
	c = subscribe(t, e, stream(t, dear...))
	if err := c.ended(); !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "256 different paths") {
		t.Errorf("got %v, want the limit", err)
	}
}
