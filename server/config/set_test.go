package config

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

const (
	p1   = "/interfaces/interface[name=p1]"
	p1sw = p1 + "/ethernet/switched-vlan/config"
	blue = "/network-instances/network-instance[name=blue]"
	l2   = `update ` + blue + `/config {"type":"L2VSI"}`
)

// change is a transaction, what went before, and the leaves after it.
type change struct {
	name  string
	start []string
	set   []string
	want  string
}

// run makes the transaction and looks at it again after a restart.
func (tt change) run(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, tt.start...)
	before := e.device.applied
	resp := e.set(t, tt.set...)
	if got := e.text(); got != tt.want {
		t.Errorf("tree: %s", cmp.Diff(tt.want, got))
	}
	if len(resp.GetResponse()) != len(tt.set) && tt.set != nil && !strings.HasPrefix(tt.set[0], "prefix") {
		t.Errorf("%d results for %d operations", len(resp.GetResponse()), len(tt.set))
	}
	if e.device.applied > before+1 {
		t.Errorf("applied %d times", e.device.applied-before)
	}
	again := reopen(t, e)
	if got := again.text(); got != tt.want {
		t.Errorf("after a restart: %s", cmp.Diff(tt.want, got))
	}
	if diff := cmp.Diff(e.device.wanted(), again.device.wanted()); diff != "" {
		t.Errorf("the datapath after a restart: %s", diff)
	}
}

func runAll(t *testing.T, tests []change) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestG10_DeletesReplacesUpdates(t *testing.T) {
	runAll(t, []change{
		{
			name:  "deletes, replaces, updates in this order",
			start: []string{port("p1"), "update " + p1 + "/config/mtu 1400"},
			set:   []string{"update " + p1 + "/config/mtu 9000", "replace " + p1 + `/config {"type":"ethernetCsmacd","description":"x"}`, "delete " + p1},
			want:  p1 + "/config/description = x\n" + p1 + "/config/mtu = 9000\n" + p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n",
		},
	})
}

func TestG12_Replace(t *testing.T) {
	runAll(t, []change{
		{
			name:  "a replace gives up what it leaves out and nothing beside it",
			start: []string{port("p1"), port("p2"), "update " + p1 + `/config {"mtu":1400,"enabled":false}`, "update " + p1 + "/hold-time/config/up 5"},
			set:   []string{"replace " + p1 + `/config {"type":"ethernetCsmacd"}`},
			want: p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" + p1 + "/hold-time/config/up = 5\n" +
				"/interfaces/interface[name=p2]/config/name = p2\n/interfaces/interface[name=p2]/config/type = ethernetCsmacd\n",
		},
		{
			name:  "a replace of the root replaces everything",
			start: []string{port("p1"), port("p2"), l2},
			set:   []string{`replace / {"openconfig-interfaces:interfaces":{"interface":[{"name":"p3","config":{"type":"iana-if-type:ethernetCsmacd"}}]}}`},
			want:  "/interfaces/interface[name=p3]/config/name = p3\n/interfaces/interface[name=p3]/config/type = ethernetCsmacd\n",
		},
		{
			name:  "a replace of a list replaces its entries",
			start: []string{port("p1"), port("p2")},
			set:   []string{`replace /interfaces/interface [{"name":"p3","config":{"name":"p3","type":"ethernetCsmacd"}}]`},
			want:  "/interfaces/interface[name=p3]/config/name = p3\n/interfaces/interface[name=p3]/config/type = ethernetCsmacd\n",
		},
	})
}

func TestG13_Delete(t *testing.T) {
	runAll(t, []change{
		{
			name:  "a delete with wildcards",
			start: []string{port("p1"), port("p2"), "update " + p1 + "/config/mtu 1400", "update /interfaces/interface[name=p2]/config/mtu 1500"},
			set:   []string{"delete /interfaces/interface[name=*]/config/mtu"},
			want: p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" +
				"/interfaces/interface[name=p2]/config/name = p2\n/interfaces/interface[name=p2]/config/type = ethernetCsmacd\n",
		},
		{
			name:  "a delete of everything by ...",
			start: []string{port("p1"), l2},
			set:   []string{"delete /..."},
		},
		{
			name:  "a delete of each entry by a name alone",
			start: []string{port("p1"), port("p2"), l2},
			set:   []string{"delete /interfaces/interface"},
			want:  blue + "/config/name = blue\n" + blue + "/config/type = L2VSI\n",
		},
		{
			name:  "a delete of what is not there",
			start: []string{port("p1")},
			set:   []string{"delete " + p1 + "/config/mtu", "delete /interfaces/interface[name=p9]", "delete /network-instances"},
			want:  p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n",
		},
		{
			name:  "a delete of a config container leaves the keys",
			start: []string{port("p1"), l2, "update " + blue + `/vlans/vlan[vlan-id=10]/config {"name":"x","status":"SUSPENDED"}`},
			set:   []string{"delete " + blue + "/vlans/vlan[vlan-id=10]/config"},
			want: p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" +
				blue + "/config/name = blue\n" + blue + "/config/type = L2VSI\n" + blue + "/vlans/vlan[vlan-id=10]/config/vlan-id = 10\n",
		},
	})
}

func TestG14_LeafLists(t *testing.T) {
	runAll(t, []change{
		{
			name:  "an update of a leaf-list appends, without repeating",
			start: []string{port("p1"), "update " + p1sw + `/interface-mode "TRUNK"`, "update " + p1sw + `/trunk-vlans [10,"20..30"]`},
			set:   []string{"update " + p1sw + `/trunk-vlans [40,10]`},
			want: p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" +
				p1sw + "/interface-mode = TRUNK\n" + p1sw + "/trunk-vlans = 10,20..30,40\n",
		},
		{
			name:  "a replace of a leaf-list replaces",
			start: []string{port("p1"), "update " + p1sw + `/interface-mode "TRUNK"`, "update " + p1sw + `/trunk-vlans [10,"20..30"]`},
			set:   []string{"replace " + p1sw + `/trunk-vlans [40]`},
			want: p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n" +
				p1sw + "/interface-mode = TRUNK\n" + p1sw + "/trunk-vlans = 40\n",
		},
	})
}

func TestG21_WhatIsLeftOfASet(t *testing.T) {
	runAll(t, []change{
		{
			name: "prefix and path are joined; keys are canonical; empty containers are nothing",
			set:  []string{"prefix /network-instances/network-instance[name=blue]", `update config {"type":"L2VSI"}`, `update vlans/vlan[vlan-id=010]/config {"name":"ten"}`, "update fdb {}"},
			want: blue + "/config/name = blue\n" + blue + "/config/type = L2VSI\n" +
				blue + "/vlans/vlan[vlan-id=10]/config/name = ten\n" + blue + "/vlans/vlan[vlan-id=10]/config/vlan-id = 10\n",
		},
		{
			name: "what a path names is created, also with nothing in it",
			set:  []string{l2, "update " + blue + "/vlans/vlan[vlan-id=10]/config {}", "replace " + blue + "/vlans/vlan[vlan-id=20]/config {}"},
			want: blue + "/config/name = blue\n" + blue + "/config/type = L2VSI\n" +
				blue + "/vlans/vlan[vlan-id=10]/config/vlan-id = 10\n" + blue + "/vlans/vlan[vlan-id=20]/config/vlan-id = 20\n",
		},
		{
			name:  "deleted and created again in one transaction",
			start: []string{port("p1"), "update " + p1 + "/config/mtu 1400"},
			set:   []string{"delete /interfaces", port("p1")},
			want:  p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n",
		},
		{
			name:  "an empty Set",
			start: []string{port("p1")},
			want:  p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n",
		},
	})
}

func TestG10_ResultsAreInTheOrderOfExecution(t *testing.T) {
	e := open(t, t.TempDir())
	resp := e.set(t, "prefix /interfaces", "update interface[name=p1]/config/mtu 1400",
		`replace interface[name=p1]/config {"type":"ethernetCsmacd"}`, "delete interface[name=p1]")
	want := []gpb.UpdateResult_Operation{gpb.UpdateResult_DELETE, gpb.UpdateResult_REPLACE, gpb.UpdateResult_UPDATE}
	for i, r := range resp.GetResponse() {
		if r.GetOp() != want[i] || r.GetPath().GetElem()[0].GetName() != "interface" {
			t.Errorf("result %d is %s, want %s with the path as it was sent", i, prototext.Format(r), want[i])
		}
	}
	if len(resp.GetResponse()) != 3 || resp.GetTimestamp() == 0 || len(resp.GetPrefix().GetElem()) != 1 {
		t.Errorf("response %s", prototext.Format(resp))
	}
}

// refusal is a transaction that is refused.
type refusal struct {
	name   string
	set    []string
	kind   openconfig.Kind
	reason string // part of the text
}

// run makes the transaction, beside an operation that is fine, and wants
// nothing to change.
func (tt refusal) run(t *testing.T) {
	e := open(t, t.TempDir())
	e.set(t, port("p0"))
	before, commits := e.text(), len(e.commits)
	_, err := e.Set(context.Background(), request(t, append(tt.set, "update /interfaces/interface[name=p0]/config/mtu 1234")...))
	e.refused(t, err, tt.kind, tt.reason)
	if got := e.text(); got != before || len(e.commits) != commits || e.device.applied != 2 {
		t.Errorf("something changed: %s", cmp.Diff(before, got))
	}
}

func refuseAll(t *testing.T, tests []refusal) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestG13_G16_PathsRefused(t *testing.T) {
	refuseAll(t, []refusal{
		{"delete of state", []string{"delete " + p1 + "/state/mtu"}, openconfig.Invalid, "is state"},
		{"delete of state by wildcard", []string{"delete /interfaces/interface[name=*]/state"}, openconfig.Invalid, "is state"},
		{"delete of a key", []string{"delete " + p1 + "/config/name"}, openconfig.Invalid, "delete the entry"},
		{"delete of an unknown path", []string{"delete /interfaces/nothing"}, openconfig.Invalid, "nothing"},
		{"update of an unknown path", []string{"update /interfaces/nothing 1"}, openconfig.NotFound, "nothing"},
		{"update of a deviated path", []string{"update " + p1 + "/config/loopback-mode true"}, openconfig.Unimplemented, "loopback-mode"},
		{"write to state", []string{"update " + p1 + "/state/mtu 1500"}, openconfig.Invalid, "is state"},
		{"key missing in the path", []string{`update /interfaces/interface/config/mtu 1500`}, openconfig.Invalid, "key name is missing"},
		{"some keys missing in the path", []string{`update ` + blue + `/fdb/mac-table/entries/entry[vlan=1]/config {}`}, openconfig.Invalid, "mac-address"},
		{"wildcard in an update", []string{`update /interfaces/interface[name=*]/config/mtu 1500`}, openconfig.Invalid, "wildcard"},
	})
}

func TestG15_PayloadsRefused(t *testing.T) {
	refuseAll(t, []refusal{
		{"deviated in the payload", []string{"update " + p1 + `/config {"loopback-mode":true}`}, openconfig.Unimplemented, p1 + "/config/loopback-mode"},
		{"state in the payload", []string{"update " + p1 + ` {"state":{"mtu":1500}}`}, openconfig.Invalid, "is state"},
		{"unknown field", []string{"update " + p1 + `/config {"mut":1500}`}, openconfig.Invalid, p1 + "/config/mut"},
		{"wrong module", []string{"update " + p1 + `/config {"openconfig-vlan:mtu":1500}`}, openconfig.Invalid, "openconfig-interfaces"},
		{"wrong type", []string{"update " + p1 + `/config {"mtu":"many"}`}, openconfig.Invalid, p1 + "/config/mtu"},
		{"out of range", []string{"update " + p1 + `/config {"mtu":70000}`}, openconfig.Invalid, p1 + "/config/mtu"},
		{"key conflict in the payload", []string{"update " + p1 + `/config {"name":"p2"}`}, openconfig.Invalid, "contradicts the key p1"},
		{"key leaf conflict", []string{"update " + p1 + ` {"name":"p2"}`}, openconfig.Invalid, "contradicts the key p1"},
		{"key missing in the payload", []string{`update /interfaces {"interface":[{"config":{"name":"p1"}}]}`}, openconfig.Invalid, "without its key name"},
		{"VLAN 0", []string{l2, "update " + blue + "/vlans/vlan[vlan-id=0]/config {}"}, openconfig.Invalid, "want 1..4094"},
		{"an entry twice", []string{`update /interfaces/interface [{"name":"p1"},{"name":"p1"}]`}, openconfig.Invalid, "twice"},
		{"a member twice", []string{"update " + p1 + `/config {"mtu":1500,"mtu":1500}`}, openconfig.Invalid, "twice"},
		{"a member twice by module", []string{"update " + p1 + `/config {"mtu":1500,"openconfig-interfaces:mtu":1500}`}, openconfig.Invalid, "twice"},
		{"broken JSON", []string{"update " + p1 + `/config {"mtu":`}, openconfig.Invalid, "JSON"},
		{"text after the JSON", []string{"update " + p1 + `/config {} {}`}, openconfig.Invalid, "JSON"},
		{"null", []string{"update " + p1 + `/config null`}, openconfig.Invalid, "no JSON object"},
		{"null leaf", []string{"replace " + p1 + `/config/mtu null`}, openconfig.Invalid, "mtu"},
		{"replace of an entry with nothing", []string{"replace " + p1 + ` {}`}, openconfig.Invalid, "use delete"},
		{"the same element twice in a leaf-list", []string{"replace " + p1sw + `/trunk-vlans [10,10]`}, openconfig.Invalid, "twice"},
		{"mandatory type", []string{"update " + p1 + "/config/mtu 1500"}, openconfig.Invalid, p1 + "/config/type: is missing"},
		{"70,000 VLANs", []string{"update " + p1sw + "/trunk-vlans " + manyVLANs()}, openconfig.Invalid, p1sw + "/trunk-vlans"},
		{"70,000 ranges of VLANs", []string{port("p1"), "update " + p1sw + `/interface-mode "TRUNK"`, "update " + p1sw + "/trunk-vlans " + manyRanges()}, openconfig.Invalid, p1sw + "/trunk-vlans"},
	})
}

// manyVLANs is a list of 70,000 VLANs, in which each stands many times.
func manyVLANs() string {
	var b strings.Builder
	for i := range 70000 {
		fmt.Fprintf(&b, ",%d", i%4094+1)
	}
	return "[" + b.String()[1:] + "]"
}

// manyRanges is a list of 70,000 ranges, no two the same.
func manyRanges() string {
	var b strings.Builder
	for i := range 70000 {
		fmt.Fprintf(&b, `,"%d..%d"`, i/50+1, 2000+i%50)
	}
	return "[" + b.String()[1:] + "]"
}

func TestG15_Values(t *testing.T) {
	str := func(s string) *gpb.TypedValue {
		return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: s}}
	}
	tests := []struct {
		name  string
		path  string
		value *gpb.TypedValue
		want  string
	}{
		{"int for unsigned", p1 + "/config/mtu", &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: 1400}}, "/config/mtu = 1400"},
		{"uint", p1 + "/config/mtu", &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: 1400}}, "/config/mtu = 1400"},
		{"bool", p1 + "/config/enabled", &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: false}}, "/config/enabled = false"},
		{"string", p1 + "/config/description", str("a b"), "/config/description = a b"},
		{"ascii", p1 + "/config/mtu", &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "1400"}}, "/config/mtu = 1400"},
		{"json", p1 + "/config", &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: []byte(`{"mtu":1400}`)}}, "/config/mtu = 1400"},
		{"identity with module", p1 + "/config/type", str("iana-if-type:ethernetCsmacd"), "/config/type = ethernetCsmacd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			e.set(t, port("p1"))
			path, err := schema.ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			req := &gpb.SetRequest{Update: []*gpb.Update{{Path: path, Val: tt.value}}}
			if _, err := e.Set(context.Background(), req); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(e.text(), tt.want) {
				t.Errorf("tree has no %q:\n%s", tt.want, e.text())
			}
		})
	}
}

func TestG16_ValuesAndExtensionsRefused(t *testing.T) {
	path, err := schema.ParsePath(p1 + "/config")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		req  *gpb.SetRequest
		kind openconfig.Kind
	}{
		{"scalar for a container", &gpb.SetRequest{Update: []*gpb.Update{{Path: path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: 1}}}}}, openconfig.Invalid},
		{"no value", &gpb.SetRequest{Update: []*gpb.Update{{Path: path}}}, openconfig.Invalid},
		{"proto bytes", &gpb.SetRequest{Update: []*gpb.Update{{Path: path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_ProtoBytes{}}}}}, openconfig.Unimplemented},
		{"G17 union_replace without a value", &gpb.SetRequest{UnionReplace: []*gpb.Update{{Path: path}}}, openconfig.Invalid},
		{"G20 master arbitration without an election id", &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_MasterArbitration{}}}}, openconfig.Invalid},
		{"G19 commit confirmed without an id", &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Commit{}}}}, openconfig.Invalid},
		{"history", &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_History{}}}}, openconfig.Unimplemented},
		{"an extension of a later version", &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{}}}, openconfig.Unimplemented},
		{"G8 depth", &gpb.SetRequest{Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Depth{}}}}, openconfig.Invalid},
		{"origin", &gpb.SetRequest{Delete: []*gpb.Path{{Origin: "other"}}}, openconfig.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			_, err := e.Set(context.Background(), tt.req)
			e.refused(t, err, tt.kind, "")
		})
	}
}

func TestG16_RangesAreNamed(t *testing.T) {
	tests := []struct{ set, reason string }{
		{"update " + p1sw + "/access-vlan 4095", "access-vlan: 4095 is out of range: want 1..4094"},
		{"update " + p1sw + "/access-vlan 70000", "access-vlan: 70000 is out of range: a uint16 is 0..65535"},
		{"update " + p1sw + "/access-vlan -1", "access-vlan: -1 is out of range: a uint16 is 0..65535"},
		{"update " + p1sw + "/trunk-vlans [10,4095]", "trunk-vlans: 4095 is out of range: want 1..4094"},
		{"update " + blue + `/vlans/vlan[vlan-id=5000]/config/name "x"`, "key vlan-id: 5000 is out of range: want 1..4094"},
		{"update " + p1 + "/hold-time/config/up 5000000000", "up: 5000000000 is out of range: a uint32 is 0..4294967295"},
	}
	for _, tt := range tests {
		e := open(t, t.TempDir())
		_, err := e.Set(context.Background(), request(t, tt.set))
		e.refused(t, err, openconfig.Invalid, tt.reason)
	}
}
