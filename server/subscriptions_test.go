package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// subscribeTo starts a subscription, and gives what comes of it, each update as
// "path=value" and each delete as "-path", until it is ended.
func subscribeTo(t *testing.T, e *telemetry.Engine, mode gpb.SubscriptionMode, path string) (lines chan string, end func() error) {
	t.Helper()
	p, err := schema.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	req := &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{Path: p, Mode: mode, SampleInterval: 1e8}}}}}
	ctx, cancel := context.WithCancel(t.Context())
	lines, done := make(chan string, 10_000), make(chan error, 1)
	go func() {
		done <- e.Subscribe(ctx, req, nil, func(frame []byte) error {
			m := new(gpb.SubscribeResponse)
			if err := proto.Unmarshal(frame, m); err != nil {
				return err
			}
			for _, p := range m.GetUpdate().GetDelete() {
				lines <- "-" + text(nil, p)
			}
			for _, u := range m.GetUpdate().GetUpdate() {
				lines <- fmt.Sprintf("%s=%v", text(nil, u.GetPath()), u.GetVal())
			}
			if m.GetSyncResponse() {
				lines <- "sync"
			}
			return nil
		})
	}()
	end = func() error { cancel(); return <-done }
	return lines, end
}

// read reads lines up to one that is as it should be.
func read(t *testing.T, lines chan string, what string, is func(string) bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	var seen []string
	for {
		select {
		case line := <-lines:
			if seen = append(seen, line); is(line) {
				return
			}
		case <-late:
			t.Fatalf("no %s among %q", what, seen)
		}
	}
}

// until reads lines up to one that ends as it should.
func until(t *testing.T, lines chan string, ending string) {
	t.Helper()
	read(t, lines, ending, func(line string) bool { return strings.HasSuffix(line, ending) })
}

// TestG32_SubscriptionsAreTold: who subscribes, what waits for it and what was
// sent to it is telemetry, told on change where a subscription begins or ends,
// and sampled otherwise.
func TestG32_SubscriptionsAreTold(t *testing.T) {
	s := &Server{options: Options{Log: slog.New(slog.DiscardHandler)}}
	e := s.newEngine()
	defer e.Close()
	const all = "/system/grpc-servers/grpc-server/subscriptions"
	const second = "/system/grpc-servers/grpc-server[name=DEFAULT]/subscriptions/subscription[id=2]"
	watcher, end := subscribeTo(t, e, gpb.SubscriptionMode_ON_CHANGE, all)
	until(t, watcher, "sync")
	other, endOther := subscribeTo(t, e, gpb.SubscriptionMode_SAMPLE, "/system/grpc-servers")
	for _, leaf := range []string{
		"/id=uint_val:2", "/state/mode=string_val:\"STREAM\"", "/state/encoding=string_val:\"PROTO\"",
		"/state/path=leaflist_val:{element:{string_val:\"/system/grpc-servers\"}}", "/state/queue/octets-limit=uint_val:33554432",
		"/state/counters/updates-coalesced=uint_val:0",
	} {
		untilValue(t, watcher, second+leaf)
	}
	until(t, other, "sync")
	untilMore(t, other, second+"/state/counters/messages-sent=")
	untilMore(t, other, second+"/state/counters/octets-sent=")
	untilMore(t, other, second+"/state/counters/updates-sent=")
	if err := endOther(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	until(t, watcher, "-"+second)
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if open, totals := e.Subscriptions(); len(open) != 0 || totals != (telemetry.Totals{Opened: 2}) {
		t.Errorf("%d are open, %+v", len(open), totals)
	}
}

// untilValue reads lines up to one; protobuf's text has spaces at random.
func untilValue(t *testing.T, lines chan string, want string) {
	t.Helper()
	read(t, lines, want, func(line string) bool { return strings.ReplaceAll(line, " ", "") == want })
}

// untilMore reads samples up to one of a counter that has counted.
func untilMore(t *testing.T, lines chan string, counter string) {
	t.Helper()
	read(t, lines, "count in "+counter, func(line string) bool {
		value, is := strings.CutPrefix(line, counter)
		return is && strings.TrimSpace(value) != "uint_val:0"
	})
}
