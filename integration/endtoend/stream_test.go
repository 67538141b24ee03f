package endtoend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// opened is one Subscribe.
type opened struct {
	grpc.BidiStreamingClient[gpb.SubscribeRequest, gpb.SubscribeResponse]
	end context.CancelFunc
}

// open subscribes, for as long as a busy machine may need.
func (s *site) open(list *gpb.SubscriptionList, extensions ...*gnmi_ext.Extension) (*opened, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*soon)
	s.t.Cleanup(cancel)
	client, err := s.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	err = client.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}, Extension: extensions})
	return &opened{client, cancel}, err
}

// untilSync reads what comes before the next sync_response.
func (s *opened) untilSync() ([]*gpb.SubscribeResponse, error) {
	var answers []*gpb.SubscribeResponse
	for {
		answer, err := s.Recv()
		if err != nil || answer.GetSyncResponse() {
			return answers, err
		}
		answers = append(answers, answer)
	}
}

// untilSync subscribes, reads what comes before the sync_response, and leaves.
func (s *site) untilSync(list *gpb.SubscriptionList, extensions ...*gnmi_ext.Extension) ([]*gpb.SubscribeResponse, error) {
	rpc, err := s.open(list, extensions...)
	if err != nil {
		return nil, err
	}
	defer rpc.end()
	return rpc.untilSync()
}

// subscribeOnce reads a list by ONCE.
func (s *site) subscribeOnce(list *gpb.SubscriptionList) (map[string]string, error) {
	list.Mode = gpb.SubscriptionList_ONCE
	answers, err := s.untilSync(list)
	return leavesOf(answers), err
}

func leavesOf(answers []*gpb.SubscribeResponse) map[string]string {
	var notifications []*gpb.Notification
	for _, a := range answers {
		notifications = append(notifications, a.GetUpdate())
	}
	return told(notifications...)
}

// subscription is a list of one.
func subscription(mode gpb.SubscriptionList_Mode, path string, how gpb.SubscriptionMode, interval time.Duration) *gpb.SubscriptionList {
	return &gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{
		{Path: element.Path(path), Mode: how, SampleInterval: uint64(interval)}}}
}

func TestG23_OnceEnds(t *testing.T) {
	s := twoAbsent(t)
	rpc, err := s.open(subscription(gpb.SubscriptionList_ONCE, "/interfaces", 0, 0))
	s.ok(err)
	answers, err := rpc.untilSync()
	s.ok(err)
	if leavesOf(answers)["/interfaces/interface[name=p2]/config/name"] != "p2" {
		t.Errorf("got %v", answers)
	}
	if _, err := rpc.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the sync: %v, want the end with OK", err)
	}
}

func TestG26_Intervals(t *testing.T) {
	s := twoAbsent(t)
	const path = "/interfaces/interface[name=p1]/state/oper-status"
	for _, interval := range []time.Duration{0, 100 * time.Millisecond} {
		rpc, err := s.open(subscription(gpb.SubscriptionList_STREAM, path, gpb.SubscriptionMode_SAMPLE, interval))
		s.ok(err)
		_, err = rpc.untilSync()
		s.ok(err)
		var last int64
		for range 3 {
			answer, err := rpc.Recv()
			s.ok(err)
			at := answer.GetUpdate().GetTimestamp()
			if leavesOf([]*gpb.SubscribeResponse{answer})[path] == "" || at <= last {
				t.Errorf("interval %v: %v behind %d", interval, answer, last)
			}
			last = at
		}
	}
	for _, interval := range []time.Duration{1, 99 * time.Millisecond} {
		_, err := s.untilSync(subscription(gpb.SubscriptionList_STREAM, path, gpb.SubscriptionMode_SAMPLE, interval))
		code(t, err, codes.InvalidArgument, "100ms")
	}
}

func TestG28_UpdatesOnlyOfTheElement(t *testing.T) {
	s := twoAbsent(t)
	const path = "/interfaces/interface[name=p1]/config"
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
		list := subscription(mode, path, gpb.SubscriptionMode_ON_CHANGE, 0)
		list.UpdatesOnly = true
		rpc, err := s.open(list)
		s.ok(err)
		answers, err := rpc.untilSync()
		s.ok(err)
		if len(answers) > 0 {
			t.Errorf("%s: %v before the sync", mode, answers)
		}
		if mode != gpb.SubscriptionList_STREAM {
			continue
		}
		s.configure(element.Update(path+"/description", "new"))
		answer, err := rpc.Recv()
		s.ok(err)
		same(t, mode.String(), leavesOf([]*gpb.SubscribeResponse{answer}), []string{path + "/description"})
	}
}

func TestG29_DeletesAndDefaults(t *testing.T) {
	s := newSite(t)
	s.configure(element.Access("p1", 10), element.Update("/interfaces/interface[name=p1]/config/enabled", false), element.Update("/interfaces/interface[name=p1]/config/mtu", 1400))
	rpc, err := s.open(subscription(gpb.SubscriptionList_STREAM, "/interfaces/interface/config", gpb.SubscriptionMode_ON_CHANGE, 0))
	s.ok(err)
	_, err = rpc.untilSync()
	s.ok(err)
	steps := []struct {
		gone             string
		updates, deletes []string
	}{
		{"/interfaces/interface[name=p1]/config/enabled", []string{"/interfaces/interface[name=p1]/config/enabled"}, nil},
		{"/interfaces/interface[name=p1]/config/mtu", nil, []string{"/interfaces/interface[name=p1]/config/mtu"}},
	}
	for _, step := range steps {
		_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(step.gone)}})
		s.ok(err)
		answer, err := rpc.Recv()
		s.ok(err)
		n := answer.GetUpdate()
		same(t, "the update", told(n), step.updates)
		if len(n.GetDelete()) != len(step.deletes) || len(step.deletes) == 1 && element.Join(n.GetPrefix(), n.GetDelete()[0]) != step.deletes[0] {
			t.Errorf("deletes %v, want %q", n.GetDelete(), step.deletes)
		}
	}
}

func TestG30_PathsThatHoldNothing(t *testing.T) {
	s := newSite(t)
	const path = "/interfaces/interface[name=later]/config/mtu"
	for _, how := range []gpb.SubscriptionMode{gpb.SubscriptionMode_ON_CHANGE, gpb.SubscriptionMode_SAMPLE, gpb.SubscriptionMode_TARGET_DEFINED} {
		rpc, err := s.open(subscription(gpb.SubscriptionList_STREAM, path, how, 100*time.Millisecond))
		s.ok(err)
		answers, err := rpc.untilSync()
		s.ok(err)
		if len(answers) > 0 {
			t.Errorf("%s: %v before the sync", how, answers)
		}
		s.configure(element.Access("later", 10), element.Update(path, 1400))
		answer, err := rpc.Recv()
		s.ok(err)
		if leavesOf([]*gpb.SubscribeResponse{answer})[path] != "1400" {
			t.Errorf("%s: %v", how, answer)
		}
		rpc.end()
		_, err = s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=later]")}})
		s.ok(err)
	}
	for _, general := range []string{"/components", "/system", "/interfaces", "/network-instances"} {
		_, err := s.untilSync(subscription(gpb.SubscriptionList_STREAM, general, gpb.SubscriptionMode_ON_CHANGE, 0))
		s.ok(err)
	}
	for mode := range gpb.SubscriptionList_Mode_name {
		_, err := s.untilSync(subscription(gpb.SubscriptionList_Mode(mode), "/interfaces/interfaze", 0, 0))
		code(t, err, codes.InvalidArgument, "interfaze")
		_, err = s.untilSync(subscription(gpb.SubscriptionList_Mode(mode), "/interfaces/interface/subinterfaces", 0, 0))
		code(t, err, codes.Unimplemented, "subinterfaces")
	}
}

func TestG31_MessagesThatMayNotBe(t *testing.T) {
	s := twoAbsent(t)
	poll := &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}
	list := subscription(gpb.SubscriptionList_STREAM, "/interfaces/interface/config", gpb.SubscriptionMode_ON_CHANGE, 0)
	again := &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}
	for words, second := range map[string]*gpb.SubscribeRequest{"Poll": poll, "second SubscriptionList": again} {
		rpc, err := s.open(list)
		s.ok(err)
		_, err = rpc.untilSync()
		s.ok(err)
		s.ok(rpc.Send(second))
		_, err = rpc.Recv()
		code(t, err, codes.InvalidArgument, words)
	}
	for mode := range gpb.SubscriptionList_Mode_name {
		_, err := s.untilSync(&gpb.SubscriptionList{Mode: gpb.SubscriptionList_Mode(mode)})
		code(t, err, codes.InvalidArgument, "without subscriptions")
	}
	_, err := s.untilSync(subscription(99, "/interfaces", 0, 0))
	code(t, err, codes.InvalidArgument, "99")
}

// TestG32_AStalledReaderDisturbsNobody: one client does not read, another one
// on the same connection follows every change.
func TestG32_AStalledReaderDisturbsNobody(t *testing.T) {
	s := twoAbsent(t)
	const path = "/interfaces/interface[name=p1]/config/description"
	stalled, err := s.open(subscription(gpb.SubscriptionList_STREAM, "/interfaces", gpb.SubscriptionMode_SAMPLE, 100*time.Millisecond))
	s.ok(err)
	reader, err := s.open(subscription(gpb.SubscriptionList_STREAM, path, gpb.SubscriptionMode_ON_CHANGE, 0))
	s.ok(err)
	_, err = reader.untilSync()
	s.ok(err)
	for i := range 50 {
		want := fmt.Sprintf("%d %s", i, strings.Repeat("x", 200))
		s.configure(element.Update(path, want))
		answer, err := reader.Recv()
		s.ok(err)
		if leavesOf([]*gpb.SubscribeResponse{answer})[path] != want {
			t.Fatalf("change %d: %v", i, answer)
		}
	}
	_, err = stalled.untilSync() // it was not cut off: its samples replace each other
	s.ok(err)
}
