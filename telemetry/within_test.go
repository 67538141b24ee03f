package telemetry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/telemetry/schema"
	"google.golang.org/protobuf/proto"
)

// limited builds a limit of lines "+path" and "-path".
func limited(lines ...string) *schema.Limit {
	var rules []schema.Rule
	for _, line := range lines {
		rules = append(rules, schema.Rule{Pattern: schema.MustCompile(line[1:]), Permit: line[0] == '+'})
	}
	return schema.NewLimit(rules)
}

func TestG42_GetWithin(t *testing.T) {
	e, _, _ := filled(t)
	const eth0, eth1 = "/interfaces/interface[name=eth0]", "/interfaces/interface[name=eth1]"
	tests := []struct {
		name  string
		rules []string
		enc   gpb.Encoding
		path  string
		want  []string // nil: forbidden
	}{
		{"nothing permitted", nil, gpb.Encoding_PROTO, "/", nil},
		{"a leaf that is not permitted", []string{"+" + eth1}, gpb.Encoding_PROTO, eth0 + "/state/mtu", nil},
		{"all of which one is permitted", []string{"+" + eth1}, gpb.Encoding_PROTO, "/interfaces", nil},
		{"one entry left out", []string{"-" + eth0, "+/interfaces"}, gpb.Encoding_PROTO, "/interfaces",
			[]string{eth1 + "/name=eth1", eth1 + "/state/oper-status=DOWN"}},
		{"one entry left out of JSON", []string{"-" + eth0, "+/interfaces"}, gpb.Encoding_JSON, "/interfaces",
			[]string{`/interfaces={"interface":[{"name":"eth1","state":{"oper-status":"DOWN"}}]}`}},
		{"entries by wildcard", []string{"-" + eth0, "+/interfaces"}, gpb.Encoding_JSON, "/interfaces/interface[name=*]/state",
			[]string{eth1 + `/state={"oper-status":"DOWN"}`}},
		{"rows of a source left out", []string{"-/interfaces/interface/state/counters", "+/interfaces"}, gpb.Encoding_JSON, eth0 + "/state",
			[]string{eth0 + `/state={"mtu":1500,"oper-status":"UP"}`}},
		{"nothing but rows of a source", []string{"+/interfaces/interface/state/counters/in-octets", "-/interfaces", "+/"}, gpb.Encoding_JSON, eth0 + "/state/counters/in-octets",
			[]string{eth0 + "/state/counters/in-octets=10"}},
		{"a container below what is denied", []string{"+" + eth0 + "/state", "-" + eth0, "+/"}, gpb.Encoding_JSON, "/interfaces/interface",
			[]string{eth0 + `={"name":"eth0","state":{"counters":{"in-octets":10,"out-octets":1152921504606846976},"mtu":1500,"oper-status":"UP"}}`,
				eth1 + `={"name":"eth1","state":{"oper-status":"DOWN"}}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := &gpb.GetRequest{Path: []*gpb.Path{protoPath(t, tt.path)}, Encoding: tt.enc}
			octets, err := e.GetWithin(t.Context(), req, limited(tt.rules...))
			resp := new(gpb.GetResponse)
			if err := proto.Unmarshal(octets, resp); err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if !errors.Is(err, ErrForbidden) || !strings.HasPrefix(err.Error(), tt.path) {
					t.Fatalf("got %v, %v; want the path as forbidden", lines(resp), err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(resp)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// within is a subscription of a reader with a limit, in the background.
func within(t *testing.T, e *Engine, limit *schema.Limit, req *gpb.SubscribeRequest) *client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{t: t, cancel: cancel, done: make(chan error, 1), tree: map[string]string{}}
	c.changed = sync.NewCond(&c.mu)
	go func() {
		c.done <- e.SubscribeWithin(ctx, req, limit, nil, func(f []byte) error { return c.send(ctx, f) })
	}()
	t.Cleanup(func() {
		cancel()
		<-c.done
	})
	return c
}

// TestG42_SubscribeWithin has two readers of the same paths, of whom one may
// not see eth0: the other one gets everything.
func TestG42_SubscribeWithin(t *testing.T) {
	e, counters, _ := filled(t)
	counters.put("eth1", schema.UintValue(1), schema.UintValue(2))
	req := stream(t, onChange(t, "/interfaces"), sampled(t, "/interfaces/interface/state/counters", 100*time.Millisecond))
	all, some := within(t, e, nil, req), within(t, e, limited("-/interfaces/interface[name=eth0]", "+/interfaces"), req)
	all.synced(1)
	first := some.synced(1)
	publish(t, e, All, "/interfaces/interface[name=eth0]/state/oper-status=DOWN", "/interfaces/interface[name=eth1]/state/oper-status=UP")
	publish(t, e, All, "-/interfaces/interface[name=eth0]")
	counters.put("eth1", schema.UintValue(7), schema.UintValue(8))
	publish(t, e, All, "/interfaces/interface[name=eth1]/state/mtu=9000")
	for _, c := range []*client{all, some} {
		c.until("the last change and sample", func() bool {
			return c.tree["/interfaces/interface[name=eth1]/state/mtu"] == "9000" &&
				c.tree["/interfaces/interface[name=eth1]/state/counters/in-octets"] == "7"
		})
	}
	if seen := strings.Join(slices.Concat(first, some.take()), "\n"); strings.Contains(seen, "eth0") {
		t.Errorf("the reader who may not see eth0 got\n%s", seen)
	}
	if seen := strings.Join(all.take(), "\n"); !strings.Contains(seen, "-/interfaces/interface[name=eth0]") {
		t.Errorf("the reader without a limit got\n%s", seen)
	}
}

func TestG42_SubscribeIsForbidden(t *testing.T) {
	e, _, _ := filled(t)
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
		req := request(mode, onChange(t, "/interfaces/interface[name=eth1]"), onChange(t, "/interfaces"))
		err := e.SubscribeWithin(t.Context(), req, limited("+/interfaces/interface[name=eth1]"), nil, func([]byte) error {
			t.Error("something was sent")
			return nil
		})
		if !errors.Is(err, ErrForbidden) || !strings.HasPrefix(err.Error(), "/interfaces:") {
			t.Errorf("%v: %v, want /interfaces as forbidden", mode, err)
		}
	}
}
