package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/telemetry/schema"
)

func get(e *Engine, enc gpb.Encoding, kind gpb.GetRequest_DataType, paths ...*gpb.Path) (*gpb.GetResponse, error) {
	return e.Get(context.Background(), &gpb.GetRequest{Path: paths, Encoding: enc, Type: kind})
}

// lines gives the updates of an answer as text.
func lines(resp *gpb.GetResponse) []string {
	var out []string
	for _, n := range resp.GetNotification() {
		for _, u := range n.GetUpdate() {
			out = append(out, wirePath(u.GetPath())+"="+wireValue(u.GetVal()))
		}
	}
	return out
}

func filled(t testing.TB) (*Engine, *rows, *rows) {
	counters, fdb := newCounters(), newFDB()
	e := newEngine(t, Options{}, counters, fdb)
	counters.put("eth0", schema.UintValue(10), schema.UintValue(1<<60))
	fdb.put("default|02:00:00:00:00:01|10", schema.StringValue("02:00:00:00:00:01"), schema.UintValue(10), schema.EnumValue("DYNAMIC"), schema.UintValue(5))
	publish(t, e, All,
		"/interfaces/interface[name=eth0]/config/name=eth0",
		"/interfaces/interface[name=eth0]/config/mtu=1500",
		"/interfaces/interface[name=eth0]/config/type=ethernetCsmacd",
		"/interfaces/interface[name=eth0]/state/oper-status=UP",
		"/interfaces/interface[name=eth0]/state/mtu=1500",
		"/interfaces/interface[name=eth1]/state/oper-status=DOWN",
		"/network-instances/network-instance[name=default]/vlans/vlan[vlan-id=100]/config/name=b",
		"/network-instances/network-instance[name=default]/vlans/vlan[vlan-id=20]/config/name=a",
		"/interfaces/interface[name=eth0]/ethernet/switched-vlan/config/trunk-vlans=1,5..9",
	)
	return e, counters, fdb
}

// TestG9_AnswerTooLarge: the answer is given up before it is there as a whole.
func TestG9_AnswerTooLarge(t *testing.T) {
	e := newEngine(t, Options{GetBytes: 1000})
	publish(t, e, All, "/interfaces/interface[name=eth0]/state/oper-status=UP")
	paths := []*gpb.Path{nil}
	if _, err := get(e, gpb.Encoding_PROTO, 0, paths...); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		paths = append(paths, nil)
	}
	_, err := get(e, gpb.Encoding_PROTO, 0, paths...)
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "Subscribe ONCE") {
		t.Errorf("got %v, want ErrTooLarge that names Subscribe ONCE", err)
	}
	for i := range 100 {
		publish(t, e, All, fmt.Sprintf("/interfaces/interface[name=eth%d]/state/oper-status=UP", i))
	}
	for _, enc := range []gpb.Encoding{gpb.Encoding_JSON_IETF, gpb.Encoding_PROTO, gpb.Encoding_ASCII} {
		if _, err := get(e, enc, 0, protoPath(t, "/interfaces")); !errors.Is(err, ErrTooLarge) {
			t.Errorf("one path in %s: %v, want ErrTooLarge", enc, err)
		}
	}
}

func TestG2_G4_Get(t *testing.T) {
	e, _, _ := filled(t)
	const eth0 = "/interfaces/interface[name=eth0]"
	for _, tt := range []struct {
		name string
		enc  gpb.Encoding
		kind gpb.GetRequest_DataType
		path string
		want []string
	}{
		{"leaf in PROTO", gpb.Encoding_PROTO, 0, eth0 + "/state/oper-status", []string{eth0 + "/state/oper-status=UP"}},
		{"leaf in JSON_IETF", gpb.Encoding_JSON_IETF, 0, eth0 + "/config/type", []string{eth0 + `/config/type="iana-if-type:ethernetCsmacd"`}},
		{"leaf in JSON", gpb.Encoding_JSON, 0, eth0 + "/config/type", []string{eth0 + `/config/type="ethernetCsmacd"`}},
		{"counter in JSON_IETF", gpb.Encoding_JSON_IETF, 0, eth0 + "/state/counters/out-octets", []string{eth0 + `/state/counters/out-octets="1152921504606846976"`}},
		{"counters in JSON", gpb.Encoding_JSON, 0, eth0 + "/state/counters", []string{eth0 + `/state/counters={"in-octets":10,"out-octets":1152921504606846976}`}},
		{"leaf-list in JSON_IETF", gpb.Encoding_JSON_IETF, 0, eth0 + "/ethernet/switched-vlan/config/trunk-vlans", []string{eth0 + `/ethernet/switched-vlan/config/trunk-vlans=[1,"5..9"]`}},
		{"container in JSON_IETF", gpb.Encoding_JSON_IETF, 0, eth0 + "/config", []string{eth0 + `/config={"openconfig-interfaces:mtu":1500,"openconfig-interfaces:name":"eth0","openconfig-interfaces:type":"iana-if-type:ethernetCsmacd"}`}},
		{"container in ASCII", gpb.Encoding_ASCII, 0, eth0 + "/config", []string{eth0 + `/config/mtu=1500`, eth0 + `/config/name=eth0`, eth0 + `/config/type=ethernetCsmacd`}},
		{"entries by wildcard", gpb.Encoding_JSON, gpb.GetRequest_STATE, "/interfaces/interface[name=*]/state", []string{
			eth0 + `/state={"counters":{"in-octets":10,"out-octets":1152921504606846976},"mtu":1500,"oper-status":"UP"}`,
			`/interfaces/interface[name=eth1]/state={"oper-status":"DOWN"}`}},
		{"list ordered by number", gpb.Encoding_JSON, gpb.GetRequest_CONFIG, "/network-instances/network-instance/vlans", []string{
			`/network-instances/network-instance[name=default]/vlans={"vlan":[{"config":{"name":"a"},"vlan-id":20},{"config":{"name":"b"},"vlan-id":100}]}`}},
		{"config leaves out what only has state", gpb.Encoding_JSON, gpb.GetRequest_CONFIG, "/interfaces", []string{
			`/interfaces={"interface":[{"config":{"mtu":1500,"name":"eth0","type":"ethernetCsmacd"},"ethernet":{"switched-vlan":{"config":{"trunk-vlans":[1,"5..9"]}}},"name":"eth0"}]}`}},
		{"config leaves", gpb.Encoding_PROTO, gpb.GetRequest_CONFIG, "/interfaces/interface/name", []string{eth0 + "/name=eth0"}},
		{"operational", gpb.Encoding_PROTO, gpb.GetRequest_OPERATIONAL, eth0 + "/state", []string{
			eth0 + "/state/counters/in-octets=10", eth0 + "/state/counters/out-octets=1152921504606846976", eth0 + "/state/oper-status=UP"}},
		{"modules where the namespace changes", gpb.Encoding_JSON_IETF, 0, eth0 + "/ethernet", []string{
			eth0 + `/ethernet={"openconfig-vlan:switched-vlan":{"config":{"trunk-vlans":[1,"5..9"]}}}`}},
		{"rows of a source", gpb.Encoding_JSON_IETF, 0, "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[vlan=10]", []string{
			`/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]={"openconfig-network-instance:mac-address":"02:00:00:00:00:01","openconfig-network-instance:state":{"age":"5","entry-type":"DYNAMIC"},"openconfig-network-instance:vlan":10}`}},
		{"any depth", gpb.Encoding_JSON, 0, "/.../oper-status", []string{eth0 + `/state/oper-status="UP"`, `/interfaces/interface[name=eth1]/state/oper-status="DOWN"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, err := get(e, tt.enc, tt.kind, protoPath(t, tt.path))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(resp)); diff != "" {
				t.Errorf("Get(%s) (-want +got):\n%s", tt.path, diff)
			}
		})
	}
}

func TestG2_GetErrors(t *testing.T) {
	e, _, _ := filled(t)
	for _, tt := range []struct {
		name string
		req  *gpb.GetRequest
		want error
		says string
	}{
		{"holds nothing", &gpb.GetRequest{Path: []*gpb.Path{protoPath(t, "/interfaces/interface[name=eth9]")}}, ErrNotFound, "/interfaces/interface[name=eth9]"},
		{"unknown element", &gpb.GetRequest{Path: []*gpb.Path{protoPath(t, "/interfaces/interfaze")}}, schema.ErrInvalid, "did you mean interface?"},
		{"deviated", &gpb.GetRequest{Path: []*gpb.Path{protoPath(t, "/interfaces/interface/subinterfaces")}}, schema.ErrUnimplemented, "/interfaces/interface/subinterfaces"},
		{"G4 encoding", &gpb.GetRequest{Encoding: gpb.Encoding_BYTES}, schema.ErrUnimplemented, "BYTES"},
		{"G5 unknown model", &gpb.GetRequest{UseModels: []*gpb.ModelData{{Name: "openconfig-nowhere"}}}, schema.ErrInvalid, "openconfig-nowhere"},
		{"G6 two origins", &gpb.GetRequest{Prefix: &gpb.Path{Origin: "openconfig"}, Path: []*gpb.Path{{Origin: "openconfig"}}}, schema.ErrInvalid, "origin"},
		{"unknown type", &gpb.GetRequest{Type: 77}, schema.ErrInvalid, "77"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := e.Get(context.Background(), tt.req)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestG5_G6_G8_GetFilters(t *testing.T) {
	e, _, _ := filled(t)
	req := &gpb.GetRequest{
		Prefix:    &gpb.Path{Target: "box", Elem: protoPath(t, "/interfaces").Elem},
		Path:      []*gpb.Path{protoPath(t, "interface[name=eth0]/config"), protoPath(t, "interface[name=eth1]")},
		Encoding:  gpb.Encoding_PROTO,
		UseModels: []*gpb.ModelData{{Name: "openconfig-interfaces"}},
		Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Depth{Depth: &gnmi_ext.Depth{Level: 1}}}},
	}
	resp, err := e.Get(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/interfaces/interface[name=eth0]/config/mtu=1500", "/interfaces/interface[name=eth0]/config/name=eth0",
		"/interfaces/interface[name=eth0]/config/type=ethernetCsmacd", "/interfaces/interface[name=eth1]/name=eth1",
	}
	if diff := cmp.Diff(want, lines(resp)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(resp.Notification) != 2 {
		t.Errorf("%d notifications for 2 paths", len(resp.Notification))
	}
	for _, n := range resp.Notification {
		if n.GetPrefix().GetTarget() != "box" || n.GetTimestamp() == 0 {
			t.Errorf("prefix %v, timestamp %d", n.GetPrefix(), n.GetTimestamp())
		}
	}
}

func TestG6_GetWithoutPathIsPrefix(t *testing.T) {
	e, _, _ := filled(t)
	resp, err := e.Get(context.Background(), &gpb.GetRequest{
		Prefix: protoPath(t, "/interfaces/interface[name=eth1]/state"), Encoding: gpb.Encoding_JSON})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`/interfaces/interface[name=eth1]/state={"oper-status":"DOWN"}`}
	if diff := cmp.Diff(want, lines(resp)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if resp.Notification[0].Prefix != nil {
		t.Errorf("a prefix without a target: %v", resp.Notification[0].Prefix)
	}
}

func TestG23_Once(t *testing.T) {
	e, _, _ := filled(t)
	c := subscribe(t, e, request(gpb.SubscriptionList_ONCE, onChange(t, "/interfaces/interface[name=eth0]/state"), onChange(t, "/network-instances/.../entry")))
	if err := c.ended(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/interfaces/interface[name=eth0]/state/mtu=1500",
		"/interfaces/interface[name=eth0]/state/oper-status=UP",
		"/interfaces/interface[name=eth0]/state/counters/in-octets=10",
		"/interfaces/interface[name=eth0]/state/counters/out-octets=1152921504606846976",
		"/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]/mac-address=02:00:00:00:00:01",
		"/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]/vlan=10",
		"/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]/state/entry-type=DYNAMIC",
		"/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]/state/age=5",
		"sync",
	}
	if diff := cmp.Diff(want, c.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, n := range c.notifications() {
		if n.GetTimestamp() == 0 || n.GetPrefix() != nil {
			t.Errorf("timestamp %d, prefix %v", n.GetTimestamp(), n.GetPrefix())
		}
	}
}

func TestG24_Poll(t *testing.T) {
	e, counters, _ := filled(t)
	const out = "/interfaces/interface[name=eth0]/state/counters/out-octets"
	c := subscribe(t, e, request(gpb.SubscriptionList_POLL, onChange(t, out)))
	c.expect(out+"=1152921504606846976", "sync")
	counters.put("eth0", schema.UintValue(10), schema.UintValue(7))
	c.polls <- struct{}{}
	c.expect(out+"=7", "sync")
	close(c.polls)
	if err := c.ended(); err != nil {
		t.Errorf("after the client's end: %v", err)
	}
}

func TestG28_UpdatesOnly(t *testing.T) {
	e, _, _ := filled(t)
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
		t.Run(mode.String(), func(t *testing.T) {
			req := request(mode, onChange(t, "/interfaces"))
			req.GetSubscribe().UpdatesOnly = true
			c := subscribe(t, e, req)
			c.expect("sync")
			if mode == gpb.SubscriptionList_STREAM {
				publish(t, e, All, "/interfaces/interface[name=eth1]/state/mtu=9000")
				c.expect("/interfaces/interface[name=eth1]/state/mtu=9000")
			}
		})
	}
}

func TestG25_G29_OnChange(t *testing.T) {
	const eth0, eth1 = "/interfaces/interface[name=eth0]", "/interfaces/interface[name=eth1]"
	for _, tt := range []struct {
		name string
		path string
		of   Scope
		do   []string
		want []string
	}{
		{"a new value", "/interfaces", All, []string{eth0 + "/config/mtu=9000"}, []string{eth0 + "/config/mtu=9000"}},
		{"the same value", "/interfaces", All, []string{eth0 + "/config/mtu=1500"}, nil},
		{"not asked for", "/interfaces/interface/config", All, []string{eth0 + "/state/mtu=9"}, nil},
		{"a leaf goes", "/interfaces", All, []string{"-" + eth0 + "/config/mtu"}, []string{"-" + eth0 + "/config/mtu"}},
		{"a container goes", "/interfaces", All, []string{"-" + eth0 + "/config"}, []string{"-" + eth0 + "/config"}},
		{"an entry goes", "/interfaces", All, []string{"-" + eth0}, []string{"-" + eth0}},
		{"an entry goes, a leaf of it is asked for", "/interfaces/interface/state/mtu", All, []string{"-" + eth0}, []string{"-" + eth0}},
		{"an entry goes twice", "/interfaces", All, []string{"-" + eth0 + "/config", "-" + eth0}, []string{"-" + eth0}},
		{"the last leaf takes its entry", "/interfaces", All, []string{"-" + eth1 + "/state/oper-status"}, []string{"-" + eth1}},
		{"configuration goes, state stays", "/interfaces", Config, []string{"-" + eth0}, []string{"-" + eth0 + "/config", "-" + eth0 + "/ethernet/switched-vlan/config"}},
		{"state goes, configuration stays", "/interfaces", State, []string{"-" + eth0}, []string{"-" + eth0 + "/state"}},
		{"all entries go", "/interfaces", All, []string{"-/interfaces/interface"}, []string{"-" + eth0, "-" + eth1}},
		{"the container of a list goes", "/interfaces", All, []string{"-/interfaces"}, []string{"-/interfaces"}},
		{"replaced by the same", "/interfaces", State, []string{"-" + eth1, eth1 + "/state/oper-status=DOWN"}, nil},
		{"replaced by other leaves", "/interfaces", State, []string{"-" + eth0, eth0 + "/state/oper-status=UP", eth0 + "/state/ifindex=7"},
			[]string{"-" + eth0 + "/state/mtu", eth0 + "/state/ifindex=7"}},
		{"replaced as a whole", "/interfaces", All, []string{"-" + eth1, eth1 + "/state/mtu=5"}, []string{"-" + eth1 + "/state/oper-status", eth1 + "/state/mtu=5"}},
		{"what is not there", "/interfaces", All, []string{"-/interfaces/interface[name=eth9]", "-" + eth0 + "/hold-time"}, nil},
		{"a new entry", "/interfaces", All, []string{"/interfaces/interface[name=eth2]/state/mtu=5"},
			[]string{"/interfaces/interface[name=eth2]/name=eth2", "/interfaces/interface[name=eth2]/state/mtu=5"}},
		{"an entry with lists goes", "/network-instances", All, []string{"-/network-instances/network-instance[name=default]"}, []string{
			"-/network-instances/network-instance[name=default]"}},
		{"an inner entry goes", "/network-instances", Config, []string{"-/network-instances/network-instance[name=default]/vlans/vlan[vlan-id=20]"}, []string{
			"-/network-instances/network-instance[name=default]/vlans/vlan[vlan-id=20]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, _, fdb := filled(t)
			fdb.put("default|02:00:00:00:00:01|10") // what goes shall be gone from everywhere
			c := subscribe(t, e, stream(t, onChange(t, tt.path), onChange(t, "/system/state/hostname")))
			c.synced(1)
			publish(t, e, tt.of, tt.do...)
			publish(t, e, All, "/system/state/hostname=end")
			c.expect(append(tt.want, "/system/state/hostname=end")...)
		})
	}
}

// TestG29_ConfigurationInSeveralPlaces: a container around configuration that
// goes in several places may have held state that went before: it is not told.
func TestG29_ConfigurationInSeveralPlaces(t *testing.T) {
	const ethernet = "/interfaces/interface[name=v0]/ethernet"
	e := newEngine(t, Options{})
	publish(t, e, All, "/interfaces/interface[name=v0]/state/mtu=1500", ethernet+"/config/mac-address=02:00:00:00:00:01",
		ethernet+"/switched-vlan/config/access-vlan=10", ethernet+"/switched-vlan/state/access-vlan=10")
	c := subscribe(t, e, stream(t, onChange(t, "/interfaces")))
	c.synced(1)
	publish(t, e, State, "-"+ethernet)
	c.expect("-" + ethernet + "/switched-vlan/state")
	publish(t, e, Config, "-"+ethernet)
	c.expect("-"+ethernet+"/config", "-"+ethernet+"/switched-vlan/config")
}

// TestG29_EachPartIsToldOnce: what the datapath gives up before the commit
// that took it away is told is not told again with the configuration.
func TestG29_EachPartIsToldOnce(t *testing.T) {
	const v0 = "/interfaces/interface[name=v0]"
	const vlan = v0 + "/ethernet/switched-vlan"
	e := newEngine(t, Options{})
	publish(t, e, All, v0+"/config/mtu=1500", v0+"/state/mtu=1500", v0+"/ethernet/state/mac-address=02:00:00:00:00:01",
		vlan+"/config/access-vlan=10", vlan+"/state/access-vlan=10")
	c := subscribe(t, e, stream(t, onChange(t, "/interfaces")))
	c.synced(1)
	publish(t, e, State, "-"+v0, v0+"/state/mtu=1500", v0+"/ethernet/state/mac-address=02:00:00:00:00:01")
	c.expect("-" + vlan + "/state")
	publish(t, e, Config, "-"+v0)
	c.expect("-"+v0+"/config", "-"+vlan+"/config")
}

func TestG30_AppearsLater(t *testing.T) {
	e := newEngine(t, Options{})
	c := subscribe(t, e, stream(t, onChange(t, "/interfaces/interface[name=tap7]/state/oper-status")))
	c.expect("sync")
	publish(t, e, All, "/interfaces/interface[name=tap7]/state/oper-status=UP", "/interfaces/interface[name=tap8]/state/oper-status=UP")
	c.expect("/interfaces/interface[name=tap7]/state/oper-status=UP")
}

func TestG30_G31_SubscribeErrors(t *testing.T) {
	e := newEngine(t, Options{})
	for _, tt := range []struct {
		name string
		req  *gpb.SubscribeRequest
		want error
	}{
		{"no list", &gpb.SubscribeRequest{}, schema.ErrInvalid},
		{"empty list", stream(t), schema.ErrInvalid},
		{"unknown path", stream(t, onChange(t, "/nowhere")), schema.ErrInvalid},
		{"deviated path", stream(t, onChange(t, "/interfaces/interface/subinterfaces")), schema.ErrUnimplemented},
		{"interval too short", stream(t, sampled(t, "/interfaces", 99_000_000)), schema.ErrInvalid},
		{"heartbeat too short", stream(t, &gpb.Subscription{Path: protoPath(t, "/interfaces"), Mode: gpb.SubscriptionMode_ON_CHANGE, HeartbeatInterval: 5}), schema.ErrInvalid},
		{"interval out of range", stream(t, &gpb.Subscription{Path: protoPath(t, "/interfaces"), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: 1 << 63}), schema.ErrInvalid},
		{"unknown mode", stream(t, &gpb.Subscription{Path: protoPath(t, "/interfaces"), Mode: 9}), schema.ErrInvalid},
		{"unknown list mode", request(9, onChange(t, "/interfaces")), schema.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := e.Subscribe(context.Background(), tt.req, nil, func([]byte) error { return nil })
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestG31_PollOnStream(t *testing.T) {
	e := newEngine(t, Options{})
	c := subscribe(t, e, stream(t, onChange(t, "/interfaces")))
	c.expect("sync")
	c.polls <- struct{}{}
	if err := c.ended(); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("got %v, want invalid", err)
	}
}

func TestG6_G36_TargetAndSeveralSubscriptions(t *testing.T) {
	e, _, _ := filled(t)
	req := stream(t, onChange(t, "interface[name=eth0]/state/mtu"), onChange(t, "interface/state/mtu"), onChange(t, "interface[name=eth1]"))
	req.GetSubscribe().Prefix = &gpb.Path{Target: "box", Elem: protoPath(t, "/interfaces").Elem}
	c := subscribe(t, e, req)
	got := c.synced(1)
	slices.Sort(got)
	want := []string{"/interfaces/interface[name=eth0]/state/mtu=1500", "/interfaces/interface[name=eth1]/name=eth1", "/interfaces/interface[name=eth1]/state/oper-status=DOWN", "sync"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("each leaf once (-want +got):\n%s", diff)
	}
	publish(t, e, All, "/interfaces/interface[name=eth0]/state/mtu=9")
	c.expect("/interfaces/interface[name=eth0]/state/mtu=9")
	for _, n := range c.notifications() {
		if n.GetPrefix().GetTarget() != "box" {
			t.Errorf("prefix %v, want target box", n.GetPrefix())
		}
	}
}
