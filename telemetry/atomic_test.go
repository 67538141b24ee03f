package telemetry

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
)

const (
	member0 = "/interfaces/interface[name=eth0]/team-member/state"
	name0   = "/interfaces/interface[name=eth0]/name=eth0"
)

// withMember is an engine with one atomic container, whose leaves are all
// published at the same time, and a leaf beside it.
func withMember(t *testing.T) *Engine {
	e := newEngine(t, Options{})
	publish(t, e, State, member0+"/aggregate=lag1", member0+"/collecting=true", member0+"/transitions=1", mtu0+"=1500")
	return e
}

func TestG33_WhenALeafChanges(t *testing.T) {
	for _, tt := range []struct {
		name string
		path string
		do   []string
		want []string
	}{
		{"one leaf changes", "/interfaces", []string{member0 + "/transitions=2"},
			[]string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=2"}},
		{"a leaf comes", "/interfaces", []string{member0 + "/distributing=true"},
			[]string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/distributing=true", member0 + "/transitions=1"}},
		{"a leaf goes", "/interfaces", []string{"-" + member0 + "/collecting"},
			[]string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/transitions=1"}},
		{"a leaf goes and one changes", "/interfaces", []string{"-" + member0 + "/collecting", member0 + "/transitions=2"},
			[]string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/transitions=2"}},
		{"replaced", "/interfaces", []string{"-" + member0, member0 + "/aggregate=lag2"},
			[]string{"whole " + member0, member0 + "/aggregate=lag2"}},
		{"replaced by the same", "/interfaces", []string{"-" + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=1"}, nil},
		{"all goes", "/interfaces", []string{"-" + member0}, []string{"-" + member0}},
		{"all goes leaf by leaf", "/interfaces", []string{"-" + member0 + "/aggregate", "-" + member0 + "/collecting", "-" + member0 + "/transitions"},
			[]string{"-" + member0}},
		{"the entry goes", "/interfaces", []string{"-/interfaces/interface[name=eth0]"}, []string{"-/interfaces/interface[name=eth0]"}},
		{"beside it", "/interfaces", []string{mtu0 + "=9000"}, []string{mtu0 + "=9000"}},
		{"a part is asked for and changes", member0 + "/transitions", []string{member0 + "/transitions=2", member0 + "/collecting=false"},
			[]string{"whole " + member0, member0 + "/transitions=2"}},
		{"a part is asked for and another changes", member0 + "/transitions", []string{member0 + "/collecting=false"}, nil},
		{"a part is asked for and goes", member0 + "/transitions", []string{"-" + member0 + "/transitions"}, []string{"-" + member0}},
		{"before what is beside it", "/interfaces", []string{member0 + "/transitions=2", mtu0 + "=1400"},
			[]string{mtu0 + "=1400", "whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := withMember(t)
			c := subscribe(t, e, stream(t, onChange(t, tt.path), onChange(t, "/system")))
			c.synced(1)
			publish(t, e, State, tt.do...)
			publish(t, e, State, "/system/state/hostname=last")
			c.expect(append(tt.want, "/system/state/hostname=last")...)
		})
	}
}

func TestG33_WhatIsThere(t *testing.T) {
	whole := []string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=1"}
	bubble(t, func(t *testing.T) {
		e := withMember(t)
		want := append(whole, name0, mtu0+"=1500", "sync")
		once := subscribe(t, e, request(gpb.SubscriptionList_ONCE, onChange(t, "/interfaces")))
		once.expect(want...)
		poll := subscribe(t, e, request(gpb.SubscriptionList_POLL, onChange(t, "/interfaces")))
		poll.expect(want...)
		poll.polls <- struct{}{}
		poll.expect(want...)

		suppressed := sampled(t, "/interfaces", time.Second)
		suppressed.SuppressRedundant = true
		all := subscribe(t, e, stream(t, sampled(t, "/interfaces", time.Second)))
		changes := subscribe(t, e, stream(t, suppressed))
		all.expect(want...)
		changes.expect(want...)
		publish(t, e, State, member0+"/transitions=2")
		changed := []string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=2"}
		expectAfter(t, changes, time.Second, changed...)
		all.expect(append(changed, name0, mtu0+"=1500")...)
		expectAfter(t, changes, time.Second)
	})
}

// With allow_aggregation the container is one value, where the encoding has
// such.
func TestG33_Aggregation(t *testing.T) {
	for _, tt := range []struct {
		enc    gpb.Encoding
		first  []string
		second []string
	}{
		{gpb.Encoding_JSON_IETF,
			[]string{"whole " + member0, member0 + `={"signalbox-teaming:aggregate":"lag1","signalbox-teaming:collecting":true,"signalbox-teaming:transitions":"1"}`, "sync"},
			[]string{"whole " + member0, member0 + `={"signalbox-teaming:aggregate":"lag1","signalbox-teaming:collecting":true,"signalbox-teaming:transitions":"2"}`}},
		{gpb.Encoding_JSON,
			[]string{"whole " + member0, member0 + `={"aggregate":"lag1","collecting":true,"transitions":1}`, "sync"},
			[]string{"whole " + member0, member0 + `={"aggregate":"lag1","collecting":true,"transitions":2}`}},
		{gpb.Encoding_PROTO,
			[]string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=1", "sync"},
			[]string{"whole " + member0, member0 + "/aggregate=lag1", member0 + "/collecting=true", member0 + "/transitions=2"}},
	} {
		t.Run(tt.enc.String(), func(t *testing.T) {
			e := withMember(t)
			req := stream(t, onChange(t, "/interfaces/interface/team-member"))
			req.GetSubscribe().Encoding, req.GetSubscribe().AllowAggregation = tt.enc, true
			c := subscribe(t, e, req)
			c.expect(tt.first...)
			publish(t, e, State, member0+"/transitions=2")
			c.expect(tt.second...)
		})
	}
}

// A stalled reader gets the container once, as it is in the end.
func TestG33_Coalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, Options{})
		c, gate := stalled(t, e, onChange(t, "/interfaces"), onChange(t, "/system"))
		publish(t, e, All, "/system/state/hostname=first") // the frame that blocks
		synctest.Wait()
		for i := range 3 {
			publish(t, e, All, member0+"/transitions="+fmt.Sprint(i), member0+"/collecting=true")
		}
		for range cap(gate) {
			gate <- struct{}{}
		}
		c.expect("/system/state/hostname=first", name0, "whole "+member0, member0+"/collecting=true", member0+"/transitions=2")
		if got := c.duplicates(); got != 2*2 { // of both leaves
			t.Errorf("%d duplicates, want 4", got)
		}
		c.cancel()
		c.ended()
	})
}

func TestG33_Notification(t *testing.T) {
	e := withMember(t)
	req := request(gpb.SubscriptionList_ONCE, onChange(t, member0))
	req.GetSubscribe().Prefix = &gpb.Path{Target: "box"}
	c := subscribe(t, e, req)
	c.synced(1)
	n := c.notifications()[0]
	var leaves []string
	for _, u := range n.GetUpdate() {
		leaves = append(leaves, wirePath(u.GetPath()))
	}
	if diff := cmp.Diff([]string{"/aggregate", "/collecting", "/transitions"}, leaves); diff != "" {
		t.Errorf("below the prefix (-want +got):\n%s", diff)
	}
	if !n.GetAtomic() || n.GetPrefix().GetTarget() != "box" || wirePath(n.GetPrefix()) != member0 || n.GetTimestamp() == 0 {
		t.Errorf("got %v", n)
	}
}

// The engine tells atomic containers of leaves that are delivered alike, in no
// list of their own.
func TestG33_ContainersOfTheModels(t *testing.T) {
	some := false
	for id := range ocpath.ID(ocpath.Len()) {
		n := ocpath.Get(id)
		if !n.Atomic {
			continue
		}
		some = true
		for below := id + 1; below < n.End; below++ {
			if m := ocpath.Get(below); m.Kind == ocpath.List || m.Class != ocpath.Event {
				t.Errorf("%s is a list or sampled, in the atomic %s", ocpath.Path(below), ocpath.Path(id))
			}
		}
	}
	if !some {
		t.Error("no served container is atomic")
	}
}

// A Get of a container, or of a part of it, has it as prefix and is atomic; one
// Notification that tells of more is not.
func TestG33_Get(t *testing.T) {
	const whole, part = member0, member0 + "/transitions"
	for _, tt := range []struct {
		path   string
		enc    gpb.Encoding
		prefix string // of an atomic answer
		want   []string
	}{
		{whole, gpb.Encoding_PROTO, member0, []string{"/aggregate=lag1", "/collecting=true", "/transitions=1"}},
		{whole, gpb.Encoding_JSON, member0, []string{`={"aggregate":"lag1","collecting":true,"transitions":1}`}},
		{part, gpb.Encoding_PROTO, member0, []string{"/transitions=1"}},
		{part, gpb.Encoding_JSON, member0, []string{"/transitions=1"}},
		{"/interfaces/interface/team-member/state/transitions", gpb.Encoding_PROTO, member0, []string{"/transitions=1"}},
		{"/interfaces/interface[name=eth0]/team-member", gpb.Encoding_JSON, "",
			[]string{`/interfaces/interface[name=eth0]/team-member={"state":{"aggregate":"lag1","collecting":true,"transitions":1}}`}},
		{mtu0, gpb.Encoding_PROTO, "", []string{mtu0 + "=1500"}},
	} {
		t.Run(tt.enc.String()+tt.path, func(t *testing.T) {
			answer, err := withMember(t).Get(t.Context(), &gpb.GetRequest{
				Prefix: &gpb.Path{Target: "box"}, Path: []*gpb.Path{protoPath(t, tt.path), protoPath(t, mtu0)}, Encoding: tt.enc,
			})
			if err != nil || len(answer.GetNotification()) != 2 {
				t.Fatalf("got %v, %v", answer, err)
			}
			n, beside := answer.GetNotification()[0], answer.GetNotification()[1]
			var got []string
			for _, u := range n.GetUpdate() {
				got = append(got, wirePath(u.GetPath())+"="+wireValue(u.GetVal()))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n.GetAtomic() != (tt.prefix != "") || wirePath(n.GetPrefix()) != tt.prefix || n.GetPrefix().GetTarget() != "box" {
				t.Errorf("got atomic %v below %v", n.GetAtomic(), n.GetPrefix())
			}
			if beside.GetAtomic() || wirePath(beside.GetPrefix()) != "" || wirePath(beside.GetUpdate()[0].GetPath()) != mtu0 {
				t.Errorf("the path beside it: got %v", beside)
			}
		})
	}
}

// Of several containers one Notification is not atomic.
func TestG33_GetOfSeveral(t *testing.T) {
	e := withMember(t)
	publish(t, e, State, "/interfaces/interface[name=eth1]/team-member/state/transitions=1")
	for _, enc := range []gpb.Encoding{gpb.Encoding_JSON, gpb.Encoding_PROTO} {
		answer, err := e.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{protoPath(t, "/interfaces/interface/team-member/state/transitions")}, Encoding: enc})
		if err != nil || len(answer.GetNotification()) != 1 {
			t.Fatalf("got %v, %v", answer, err)
		}
		if n := answer.GetNotification()[0]; n.GetAtomic() || len(n.GetUpdate()) != 2 || wirePath(n.GetUpdate()[0].GetPath()) != member0+"/transitions" {
			t.Errorf("%v: got %v", enc, n)
		}
	}
}
