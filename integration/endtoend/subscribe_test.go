package endtoend

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
	"google.golang.org/protobuf/encoding/prototext"
)

// follower reads a stream and lets a test wait for what must come.
type follower struct {
	t       *testing.T
	answers chan *gpb.SubscribeResponse
	errs    chan error
}

// follow subscribes and reads until the test ends.
func follow(s *site, mode gpb.SubscriptionMode, interval time.Duration, paths ...string) *follower {
	s.t.Helper()
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO}
	for _, p := range paths {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: element.Path(p), Mode: mode, SampleInterval: uint64(interval)})
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	stream, err := s.Subscribe(ctx)
	s.ok(err)
	s.ok(stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}))
	f := &follower{t: s.t, answers: make(chan *gpb.SubscribeResponse, 1<<16), errs: make(chan error, 1)}
	go func() {
		for {
			answer, err := stream.Recv()
			if err != nil {
				f.errs <- err
				return
			}
			f.answers <- answer
		}
	}()
	return f
}

var errNothing = errors.New("nothing came")

// until gives the first answer that is wanted.
func (f *follower) until(bound time.Duration, wanted func(*gpb.SubscribeResponse) bool) (*gpb.SubscribeResponse, error) {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	for {
		select {
		case answer := <-f.answers:
			if wanted(answer) {
				return answer, nil
			}
		case err := <-f.errs:
			return nil, fmt.Errorf("the stream ended: %w", err)
		case <-timer.C:
			return nil, errNothing
		}
	}
}

func (f *follower) sync() {
	f.t.Helper()
	if _, err := f.until(soon, (*gpb.SubscribeResponse).GetSyncResponse); err != nil {
		f.t.Fatalf("sync_response: %v", err)
	}
}

// update waits for a leaf to be told with a value.
func (f *follower) update(path, want string) {
	f.t.Helper()
	_, err := f.until(soon, func(r *gpb.SubscribeResponse) bool {
		for _, u := range r.GetUpdate().GetUpdate() {
			if element.Join(r.GetUpdate().GetPrefix(), u.GetPath()) == path && text(u.GetVal()) == want {
				return true
			}
		}
		return false
	})
	if err != nil {
		f.t.Fatalf("update of %s to %s: %v", path, want, err)
	}
}

// deleted waits for a path, or one above it, to be told as gone.
func (f *follower) deleted(path string) {
	f.t.Helper()
	_, err := f.until(soon, func(r *gpb.SubscribeResponse) bool {
		for _, d := range r.GetUpdate().GetDelete() {
			if element.Join(r.GetUpdate().GetPrefix(), d) == path {
				return true
			}
		}
		return false
	})
	if err != nil {
		f.t.Fatalf("delete of %s: %v", path, err)
	}
}

// text is a scalar as people write it.
func text(v *gpb.TypedValue) string {
	switch v := v.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return v.StringVal
	case *gpb.TypedValue_UintVal:
		return fmt.Sprint(v.UintVal)
	case *gpb.TypedValue_IntVal:
		return fmt.Sprint(v.IntVal)
	case *gpb.TypedValue_BoolVal:
		return fmt.Sprint(v.BoolVal)
	}
	return prototext.Format(v)
}

func TestG25_G29_OnChangeFollowsTheKernel(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	f := follow(s, gpb.SubscriptionMode_ON_CHANGE, 0, "/interfaces/interface")
	f.update("/interfaces/interface[name=p1]/state/oper-status", "UP")
	f.sync()

	s.ok(s.hosts["p1"].namespace.SetUp("eth0", false))
	f.update("/interfaces/interface[name=p1]/state/oper-status", "DOWN")
	s.ok(s.hosts["p1"].namespace.SetUp("eth0", true))
	f.update("/interfaces/interface[name=p1]/state/oper-status", "UP")

	s.ok(s.sw.SetMTU("p2", 1400))
	f.update("/interfaces/interface[name=p2]/state/mtu", "1400")

	s.ok(topology.Cable(topology.End{Namespace: s.sw, Name: "new"}, topology.End{Namespace: s.sw, Name: "new-far"}))
	f.update("/interfaces/interface[name=new]/state/oper-status", "UP")
	s.ok(s.sw.DeleteLink("new"))
	f.deleted("/interfaces/interface[name=new]")

	s.configure(element.Update("/interfaces/interface[name=p1]/config/description", "told"))
	f.update("/interfaces/interface[name=p1]/config/description", "told")
	_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=p1]/config/description")}})
	s.ok(err)
	f.deleted("/interfaces/interface[name=p1]/config/description")
}

func TestG25_G29_OnChangeFollowsTheFilteringDatabase(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	f := follow(s, gpb.SubscriptionMode_ON_CHANGE, 0, "/network-instances/network-instance/fdb/mac-table")
	f.sync()
	a, b := s.hosts["p1"], s.hosts["p2"]
	entry := fmt.Sprintf("/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=%s][vlan=10]", a.mac)
	s.send(a, frame(a, traffic.Broadcast, "learn"))
	f.update(entry+"/interface/interface-ref/state/interface", "p1")
	moved := frame(b, traffic.Broadcast, "move")
	moved.Src = a.mac
	s.send(b, moved)
	f.update(entry+"/interface/interface-ref/state/interface", "p2")
	s.configure(element.Switch("default"), element.Update("/network-instances/network-instance[name=default]/fdb/config/mac-aging-time", 1))
	f.deleted(entry)
}

func TestG26_SampleCounts(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	const path = "/interfaces/interface[name=p1]/state/counters/in-pkts"
	f := follow(s, gpb.SubscriptionMode_SAMPLE, 100*time.Millisecond, path)
	f.sync()
	before := s.count(path)
	a := s.hosts["p1"]
	for range 50 {
		s.send(a, frame(a, traffic.Broadcast, "counted"))
	}
	f.update(path, fmt.Sprint(before+50))
}

func TestG24_G27_PollAndTargetDefined(t *testing.T) {
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10))
	s.forwarding(true, "p1")
	stream, err := s.Subscribe(t.Context())
	s.ok(err)
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_POLL, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path("/interfaces/interface[name=p1]/state")}}}
	s.ok(stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}))
	for round := range 3 {
		updates := 0
		for {
			answer, err := stream.Recv()
			s.ok(err)
			if answer.GetSyncResponse() {
				break
			}
			updates += len(answer.GetUpdate().GetUpdate())
		}
		if updates == 0 {
			t.Errorf("round %d: no update before sync_response", round)
		}
		s.ok(stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Poll{Poll: &gpb.Poll{}}}))
	}

	f := follow(s, gpb.SubscriptionMode_TARGET_DEFINED, 200*time.Millisecond, "/interfaces/interface[name=p1]/state")
	f.sync()
	sampled := func(r *gpb.SubscribeResponse) bool {
		for _, u := range r.GetUpdate().GetUpdate() {
			if element.Join(r.GetUpdate().GetPrefix(), u.GetPath()) == "/interfaces/interface[name=p1]/state/counters/in-octets" {
				return true
			}
		}
		return false
	}
	for range 2 { // counters are sampled …
		if _, err := f.until(soon, sampled); err != nil {
			t.Fatalf("a sample of in-octets: %v", err)
		}
	}
	s.ok(s.hosts["p1"].namespace.SetUp("eth0", false)) // … and the rest is told on change
	f.update("/interfaces/interface[name=p1]/state/oper-status", "DOWN")
}
