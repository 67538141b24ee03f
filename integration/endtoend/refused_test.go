package endtoend

import (
	"fmt"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc/codes"
)

// TestG16_G21_BadInputIsRefused sends what must not be: each is answered with its code,
// its path and its reason, and changes nothing.
func TestG16_G21_BadInputIsRefused(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	const (
		p1     = "/interfaces/interface[name=p1]"
		config = p1 + "/config"
		vlan   = p1 + "/ethernet/switched-vlan/config"
	)
	update := func(path string, v any) *gpb.SetRequest {
		return &gpb.SetRequest{Update: []*gpb.Update{element.Update(path, v)}}
	}
	vlans := func(v any) *gpb.SetRequest {
		return update(p1, map[string]any{"openconfig-if-ethernet:ethernet": map[string]any{
			"openconfig-vlan:switched-vlan": map[string]any{"config": v}}})
	}
	tests := []struct {
		name    string
		request *gpb.SetRequest
		code    codes.Code
		words   []string
	}{
		{"interface type that no port has", update(config+"/type", "iana-if-type:sonet"), codes.InvalidArgument, []string{"type"}},
		{"interface type that does not exist", update(config+"/type", "iana-if-type:nothing"), codes.InvalidArgument, []string{"type", "nothing"}},
		{"VLAN 0", update(vlan+"/access-vlan", 0), codes.InvalidArgument, []string{"access-vlan"}},
		{"VLAN 4095", update(vlan+"/access-vlan", 4095), codes.InvalidArgument, []string{"access-vlan", "4095"}},
		{"overlapping ranges", vlans(map[string]any{"interface-mode": "TRUNK", "trunk-vlans": []any{"20..30", "25..40"}}), codes.InvalidArgument, []string{"trunk-vlans"}},
		{"range that goes down", vlans(map[string]any{"interface-mode": "TRUNK", "trunk-vlans": []any{"30..20"}}), codes.InvalidArgument, []string{"trunk-vlans"}},
		{"trunk leaf at an access port", update(vlan+"/trunk-vlans", []any{20}), codes.InvalidArgument, []string{"trunk-vlans"}},
		{"native VLAN at an access port", update(vlan+"/native-vlan", 20), codes.InvalidArgument, []string{"native-vlan"}},
		{"multicast address as static entry", &gpb.SetRequest{Update: []*gpb.Update{element.StaticEntry("default", "01:00:5e:00:00:01", 10, "p1")}}, codes.InvalidArgument, []string{"01:00:5e:00:00:01"}},
		{"static entry behind no port", &gpb.SetRequest{Update: []*gpb.Update{element.StaticEntry("default", "02:00:00:00:00:99", 10, "nowhere")}}, codes.InvalidArgument, []string{"nowhere"}},
		{"the loopback", &gpb.SetRequest{Update: []*gpb.Update{element.Access("lo", 10)}}, codes.InvalidArgument, []string{"lo"}},
		{"a name that no interface can have", &gpb.SetRequest{Update: []*gpb.Update{element.Access("longer-than-fifteen", 10)}}, codes.InvalidArgument, []string{"longer-than-fifteen"}},
		{"JSON of a wrong type", update(config+"/mtu", "large"), codes.InvalidArgument, []string{"mtu"}},
		{"JSON object at a leaf", update(config+"/description", map[string]any{"a": 1}), codes.InvalidArgument, []string{"description"}},
		{"JSON that is none", raw(config, "{\"mtu\": }"), codes.InvalidArgument, []string{"config"}},
		{"MTU below the least", update(config+"/mtu", 67), codes.InvalidArgument, []string{"mtu"}},
		{"unknown leaf", update(config+"/colour", "red"), codes.NotFound, []string{"colour"}},
		{"unknown leaf in JSON", update(config, map[string]any{"colour": "red"}), codes.InvalidArgument, []string{"colour"}},
		{"leaf that is not served", update(config+"/loopback-mode", "FACILITY"), codes.Unimplemented, []string{"loopback-mode"}},
		{"state", update(p1+"/state/mtu", 1500), codes.InvalidArgument, []string{"state"}},
		{"deletion of state", &gpb.SetRequest{Delete: []*gpb.Path{element.Path(p1 + "/state/mtu")}}, codes.InvalidArgument, []string{"state"}},
		{"key and payload differ", update(p1+"/config/name", "p2"), codes.InvalidArgument, []string{"name"}},
		{"origin that is not served", origin("ietf"), codes.InvalidArgument, []string{"ietf"}},
		{"deletion of what a switch refers to", deletion(s), codes.InvalidArgument, []string{"absent"}},
		{"good and bad together", &gpb.SetRequest{Update: []*gpb.Update{element.Access("p1", 20), element.Update(p1+"/config/mtu", 1)}}, codes.InvalidArgument, []string{"mtu"}},
		{"70,000 VLAN members of a trunk", vlans(map[string]any{"interface-mode": "TRUNK", "trunk-vlans": upTo(70_000)}), codes.InvalidArgument, []string{"trunk-vlans"}},
		{"70,000 members of VLANs", members(18), codes.ResourceExhausted, []string{"vlan"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.request == nil {
				t.Skip("nothing to refuse")
			}
			in := *s
			in.t = t
			kernel := hostState(&in)
			in.refused(tt.request, tt.code, tt.words...)
			if after := hostState(&in); after != kernel {
				t.Errorf("the kernel changed from\n%s\nto\n%s", kernel, after)
			}
		})
	}
	crosses(s, "p1", "p2", "after all that")
}

func raw(path, text string) *gpb.SetRequest {
	return &gpb.SetRequest{Update: []*gpb.Update{{
		Path: element.Path(path), Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(text)}},
	}}}
}

func origin(name string) *gpb.SetRequest {
	u := element.Update("/interfaces/interface[name=p1]/config/mtu", 1500)
	u.Path.Origin = name
	return &gpb.SetRequest{Update: []*gpb.Update{u}}
}

// deletion makes a switch with a port, then asks to delete the interface that
// the switch lists.
func deletion(s *site) *gpb.SetRequest {
	s.configure(element.Access("absent", 10), element.Switch("blue", "absent"))
	return &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=absent]")}}
}

// upTo is 1, 2, … n.
func upTo(n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// members is that many switches with each VLAN there is, one trunk in each:
// more than the datapath has room for.
func members(switches int) *gpb.SetRequest {
	r := &gpb.SetRequest{}
	for i := range switches {
		name, port := fmt.Sprintf("s%d", i), fmt.Sprintf("t%d", i)
		r.Update = append(r.Update, element.Switch(name, port), element.Trunk(port, 0, "1..4094"))
	}
	return r
}
