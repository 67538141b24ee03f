package config

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/server/openconfig"
)

// commandsOf is an update of the origin signalbox_cli.
func commandsOf(lines ...string) *gpb.Update {
	return &gpb.Update{
		Path: &gpb.Path{Origin: "signalbox_cli"},
		Val:  &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: strings.Join(lines, "\n")}},
	}
}

// united makes a union_replace of the updates of a request, and more.
func united(req *gpb.SetRequest, more ...*gpb.Update) *gpb.SetRequest {
	req.UnionReplace, req.Update = append(req.Update, more...), nil
	return req
}

const (
	p1leaves = p1 + "/config/name = p1\n" + p1 + "/config/type = ethernetCsmacd\n"
	p2       = "/interfaces/interface[name=p2]"
)

func TestG17_UnionReplace(t *testing.T) {
	tests := []struct {
		name   string
		req    *gpb.SetRequest
		want   string
		reason string // of a refusal
	}{
		{
			name: "models and commands together replace everything",
			req:  united(request(t, port("p1")), commandsOf("set "+p1+"/config/mtu 9000", "set "+blue+"/config/type L2VSI")),
			want: p1 + "/config/mtu = 9000\n" + p1leaves + blue + "/config/name = blue\n" + blue + "/config/type = L2VSI\n",
		},
		{
			name: "one origin alone replaces everything too",
			req:  united(request(t, port("p1"))),
			want: p1leaves,
		},
		{
			name: "commands alone",
			req:  united(request(t), commandsOf("set "+p1+"/config/type ethernetCsmacd")),
			want: p1leaves,
		},
		{
			name: "both say the same of a leaf",
			req:  united(request(t, port("p1"), "update "+p1+"/config/mtu 9000"), commandsOf("set "+p1+"/config/mtu 9000")),
			want: p1 + "/config/mtu = 9000\n" + p1leaves,
		},
		{
			name: "a value stands against a default",
			req:  united(request(t, port("p1")), commandsOf("set "+p1+"/config/enabled false")),
			want: p1 + "/config/enabled = false\n" + p1leaves,
		},
		{
			name: "a delete among the commands is about the commands",
			req:  united(request(t, port("p1")), commandsOf("set "+p1+"/config/mtu 9000", "delete "+p1+"/config/mtu", "delete /interfaces")),
			want: p1leaves,
		},
		{
			name:   "origins contradict each other",
			req:    united(request(t, port("p1"), "update "+p1+"/config/mtu 9000"), commandsOf("set "+p1+"/config/mtu 1500")),
			reason: p1 + "/config/mtu: part 2 (openconfig) says 9000, part 3 (signalbox_cli) says 1500",
		},
		{
			name:   "parts of one origin contradict each other",
			req:    united(request(t, port("p1"), "update "+p1+"/config/mtu 9000", "update "+p1+`/config {"mtu":1500}`)),
			reason: p1 + "/config/mtu: part 2 (openconfig) says 9000, part 3 (openconfig) says 1500",
		},
		{
			name:   "together they are no configuration",
			req:    united(request(t, port("p1")), commandsOf("set "+p1sw+"/interface-mode ACCESS", "set "+p1sw+"/trunk-vlans [10]")),
			reason: "trunk",
		},
		{
			name:   "never with update",
			req:    func() *gpb.SetRequest { r := united(request(t, port("p1"))); r.Update = r.UnionReplace; return r }(),
			reason: "cannot stand with",
		},
		{
			name:   "never with delete",
			req:    united(request(t, "delete "+p1, port("p1"))),
			reason: "cannot stand with",
		},
		{
			name:   "never with replace",
			req:    united(request(t, "replace "+p1+`/config {"type":"ethernetCsmacd"}`, port("p1"))),
			reason: "cannot stand with",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			e.set(t, port("p1"), port("p2"), "update "+p2+"/config/mtu 1400", l2)
			before := e.text()
			resp, err := e.Set(context.Background(), tt.req)
			if tt.reason != "" {
				e.refused(t, err, openconfig.Invalid, tt.reason)
				tt.want = before
			} else if err != nil {
				t.Fatal(err)
			}
			if got := e.text(); got != tt.want {
				t.Errorf("tree: %s", cmp.Diff(tt.want, got))
			}
			for _, r := range resp.GetResponse() {
				if r.GetOp() != gpb.UpdateResult_UNION_REPLACE {
					t.Errorf("result %v", r)
				}
			}
			if tt.reason == "" && len(resp.GetResponse()) != len(tt.req.GetUnionReplace()) {
				t.Errorf("%d results for %d parts", len(resp.GetResponse()), len(tt.req.GetUnionReplace()))
			}
		})
	}
}

func TestG18_CommandText(t *testing.T) {
	inUpdate := func(req *gpb.SetRequest, lines ...string) *gpb.SetRequest {
		req.Update = append(req.Update, commandsOf(lines...))
		return req
	}
	inReplace := func(req *gpb.SetRequest, lines ...string) *gpb.SetRequest {
		req.Replace = append(req.Replace, commandsOf(lines...))
		return req
	}
	ignored := commandsOf("set " + p1 + "/config/mtu 9000")
	ignored.Path.Elem = []*gpb.PathElem{{Name: "anything"}}
	start := p1 + "/config/mtu = 1400\n" + p1leaves
	tests := []struct {
		name   string
		req    *gpb.SetRequest
		want   string
		reason string
	}{
		{"in one transaction with the models", inUpdate(request(t, "delete "+p1+"/config/mtu", port("p2")), "set "+p2+"/config/mtu 9000", "set "+p2+"/config/description  1 "),
			p1leaves + p2 + "/config/description = 1\n" + p2 + "/config/mtu = 9000\n" + p2 + "/config/name = p2\n" + p2 + "/config/type = ethernetCsmacd\n", ""},
		{"lines are carried out in their order", inUpdate(request(t), "delete "+p1, "set "+p1+"/config/type ethernetCsmacd", "# mtu", "set "+p1+"/config/mtu 1500", "delete /interfaces/interface[name=*]/config/mtu"),
			p1leaves, ""},
		{"a list of JSON, an identity with its module", inUpdate(request(t), "set "+p1+"/config/type iana-if-type:ethernetCsmacd", "set "+p1+`/ethernet/switched-vlan/config {"interface-mode": "TRUNK", "trunk-vlans": [10, "20..30"]}`, "set "+p1sw+"/trunk-vlans 40"),
			start + p1sw + "/interface-mode = TRUNK\n" + p1sw + "/trunk-vlans = 10,20..30,40\n", ""},
		{"replace gives up everything else", inReplace(request(t, "update "+p1+`/config/description "x"`), "set "+p1+"/config/type ethernetCsmacd"),
			p1 + "/config/description = x\n" + p1leaves, ""},
		{"nothing", inUpdate(request(t)), start, ""},
		{"elements of the path mean nothing", &gpb.SetRequest{Update: []*gpb.Update{ignored}}, p1 + "/config/mtu = 9000\n" + p1leaves, ""},
		{"origin in the prefix", &gpb.SetRequest{Prefix: &gpb.Path{Origin: "signalbox_cli"}, Update: []*gpb.Update{{Path: &gpb.Path{}, Val: ignored.GetVal()}}}, p1 + "/config/mtu = 9000\n" + p1leaves, ""},

		{"another word", inUpdate(request(t, port("p2")), "set "+p1+"/config/mtu 1500", "put /x y"), "", `line 2, column 1: "put"`},
		{"an unknown path", inUpdate(request(t, port("p2")), "", "  set "+p1+"/config/qqq 1"), "", "line 2, column 7: " + p1 + "/config/qqq: unknown element"},
		{"a bad value", inUpdate(request(t), "set "+p1+"/config/mtu big"), "", p1 + "/config/mtu: line 1, column 47: "},
		{"a value out of range", inUpdate(request(t), "set "+p1+"/config/mtu 100000"), "", p1 + "/config/mtu: line 1, column "},
		{"JSON that is none", inUpdate(request(t), "set "+p1+"/config {"), "", "line 1, column 43: "},
		{"state", inUpdate(request(t), "delete "+p1+"/state"), "", "line 1, column 8: is state"},
		{"no text", &gpb.SetRequest{Update: []*gpb.Update{{Path: ignored.GetPath(), Val: &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "x"}}}}}, "", "must be text in ascii_val"},
		{"delete of the origin", &gpb.SetRequest{Delete: []*gpb.Path{{Origin: "signalbox_cli"}}}, "", "has no delete"},
		{"two replaces", inReplace(inReplace(request(t))), "", "stands for itself"},
		{"a replace beside one of the models", inReplace(request(t, "replace "+p1+`/config {"type":"ethernetCsmacd"}`)), "", "stands for itself"},
		{"a prefix before several origins", inUpdate(request(t, "prefix "+p1, "update config/mtu 1500")), "", "several origins"},
		{"origin in prefix and path", &gpb.SetRequest{Prefix: &gpb.Path{Origin: "openconfig"}, Update: []*gpb.Update{commandsOf()}}, "", "origin in both"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, t.TempDir())
			e.set(t, port("p1"), "update "+p1+"/config/mtu 1400")
			_, err := e.Set(context.Background(), tt.req)
			if tt.reason != "" {
				e.refused(t, err, openconfig.Invalid, tt.reason)
				tt.want = start
			} else if err != nil {
				t.Fatal(err)
			}
			if got := e.text(); got != tt.want {
				t.Errorf("tree: %s", cmp.Diff(tt.want, got))
			}
		})
	}
}
