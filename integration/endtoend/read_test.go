package endtoend

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/integration/element"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// twoAbsent is an element with two ports that are not there, an access port and
// a trunk: what is tested is how they are asked for.
func twoAbsent(t *testing.T) *site {
	s := newSite(t)
	s.configure(element.Access("p1", 10), element.Access("p2", 20), element.Switch("default", "p1", "p2"))
	return s
}

// code wants an error to have a code, and words in its message.
func code(t *testing.T, err error, want codes.Code, words ...string) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("got %v, want the code %s", err, want)
	}
	for _, w := range words {
		if !strings.Contains(fmt.Sprint(err), w) {
			t.Errorf("got %v, want %q in it", err, w)
		}
	}
}

// told gives the leaves of an answer in PROTO.
func told(notifications ...*gpb.Notification) map[string]string {
	leaves := map[string]string{}
	for _, n := range notifications {
		for _, u := range n.GetUpdate() {
			leaves[element.Join(n.GetPrefix(), u.GetPath())] = text(u.GetVal())
		}
	}
	return leaves
}

func depth(level uint32) []*gnmi_ext.Extension {
	return []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_Depth{Depth: &gnmi_ext.Depth{Level: level}}}}
}

func TestG1_CapabilitiesOfTheElement(t *testing.T) {
	s := newSite(t)
	got, err := s.Capabilities(t.Context(), &gpb.CapabilityRequest{})
	s.ok(err)
	models := map[string]bool{}
	for _, m := range got.GetSupportedModels() {
		models[m.GetName()] = true
		if m.GetOrganization() == "" || m.GetVersion() == "" {
			t.Errorf("model %v lacks its organisation or version", m)
		}
	}
	for _, name := range []string{"openconfig-interfaces", "openconfig-vlan", "openconfig-network-instance", "signalbox-switch-port"} {
		if !models[name] {
			t.Errorf("model %s is not told; told are %q", name, slices.Sorted(maps.Keys(models)))
		}
	}
	if len(got.GetSupportedEncodings()) != 4 || got.GetGNMIVersion() != "0.10.0" || len(got.GetExtension()) == 0 {
		t.Errorf("encodings %v, version %s, extensions %v", got.GetSupportedEncodings(), got.GetGNMIVersion(), got.GetExtension())
	}
	_, err = s.Capabilities(t.Context(), &gpb.CapabilityRequest{Extension: depth(1)})
	code(t, err, codes.InvalidArgument, "depth")
}

func TestG2_OneNotificationForEachPath(t *testing.T) {
	s := twoAbsent(t)
	paths := []*gpb.Path{element.Path("/interfaces/interface[name=p2]/config"), element.Path("/interfaces/interface[name=p1]/config")}
	got, err := s.Get(t.Context(), &gpb.GetRequest{Path: paths, Encoding: gpb.Encoding_JSON_IETF})
	s.ok(err)
	if len(got.GetNotification()) != 2 {
		t.Fatalf("%d notifications for 2 paths", len(got.GetNotification()))
	}
	for i, n := range got.GetNotification() {
		if len(n.GetUpdate()) != 1 || element.Join(nil, n.GetUpdate()[0].GetPath()) != element.Join(nil, paths[i]) || n.GetTimestamp() == 0 {
			t.Errorf("notification %d is %v", i, n)
		}
	}
	for path, want := range map[string]codes.Code{
		"/interfaces/interface[name=p9]":             codes.NotFound,
		"/interfaces/interfaze":                      codes.InvalidArgument,
		"/interfaces/interface[colour=red]":          codes.InvalidArgument,
		"/interfaces/interface[name=p1]/config/tpid": codes.Unimplemented,
	} {
		_, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(path)}})
		code(t, err, want, strings.Split(path, "[")[0])
	}
}

func TestG3_Types(t *testing.T) {
	s := twoAbsent(t)
	const p1 = "/interfaces/interface[name=p1]"
	tests := []struct {
		kind         gpb.GetRequest_DataType
		path         string
		has, hasNot  []string
		holdsNothing bool
	}{
		{kind: gpb.GetRequest_ALL, path: "/interfaces", has: []string{p1 + "/config/name", p1 + "/state/name", p1 + "/state/oper-status"}},
		{kind: gpb.GetRequest_CONFIG, path: "/interfaces", has: []string{p1 + "/config/type"}, hasNot: []string{p1 + "/state/name", p1 + "/state/oper-status"}},
		{kind: gpb.GetRequest_STATE, path: "/interfaces/interface", has: []string{p1 + "/state/name", p1 + "/state/oper-status"}, hasNot: []string{p1 + "/config/type"}},
		{kind: gpb.GetRequest_OPERATIONAL, path: p1, has: []string{p1 + "/state/oper-status"}, hasNot: []string{p1 + "/config/name", p1 + "/state/name"}},
		{kind: gpb.GetRequest_CONFIG, path: p1 + "/config/type", has: []string{p1 + "/config/type"}},
		{kind: gpb.GetRequest_STATE, path: p1 + "/config/type", holdsNothing: true},
		{kind: gpb.GetRequest_CONFIG, path: p1 + "/state/oper-status", holdsNothing: true},
	}
	for _, tt := range tests {
		t.Run(tt.kind.String()+" "+tt.path, func(t *testing.T) {
			got, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(tt.path)}, Type: tt.kind, Encoding: gpb.Encoding_PROTO})
			if tt.holdsNothing {
				code(t, err, codes.NotFound, tt.path)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			leaves := told(got.GetNotification()...)
			for _, path := range tt.has {
				if _, ok := leaves[path]; !ok {
					t.Errorf("%s lacks", path)
				}
			}
			for _, path := range tt.hasNot {
				if v, ok := leaves[path]; ok {
					t.Errorf("%s is there: %s", path, v)
				}
			}
		})
	}
}

func TestG4_EncodingsOfTheElement(t *testing.T) {
	s := twoAbsent(t)
	const p1 = "/interfaces/interface[name=p1]"
	tests := []struct {
		enc        gpb.Encoding
		path, want string
	}{
		{gpb.Encoding_JSON, p1 + "/config/type", `"ethernetCsmacd"`},
		{gpb.Encoding_JSON_IETF, p1 + "/config/type", `"iana-if-type:ethernetCsmacd"`},
		{gpb.Encoding_PROTO, p1 + "/config/type", "ethernetCsmacd"},
		{gpb.Encoding_ASCII, p1 + "/config/type", "ethernetCsmacd"},
		{gpb.Encoding_JSON, p1 + "/ethernet/switched-vlan/config/access-vlan", "10"},
		{gpb.Encoding_JSON_IETF, p1 + "/ethernet/switched-vlan/config", `{"openconfig-vlan:access-vlan":10,"openconfig-vlan:interface-mode":"ACCESS"}`},
	}
	for _, tt := range tests {
		t.Run(tt.enc.String()+" "+tt.path, func(t *testing.T) {
			got, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(tt.path)}, Encoding: tt.enc})
			if err != nil {
				t.Fatal(err)
			}
			v := got.GetNotification()[0].GetUpdate()[0].GetVal()
			have := string(v.GetJsonVal()) + string(v.GetJsonIetfVal()) + v.GetStringVal() + v.GetAsciiVal()
			if have != tt.want {
				t.Errorf("got %s, want %s", have, tt.want)
			}
		})
	}
	for _, enc := range []gpb.Encoding{gpb.Encoding_BYTES, 99} {
		_, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(p1)}, Encoding: enc})
		code(t, err, codes.Unimplemented, "JSON_IETF")
		_, err = s.subscribeOnce(&gpb.SubscriptionList{Encoding: enc, Subscription: []*gpb.Subscription{{Path: element.Path(p1)}}})
		code(t, err, codes.Unimplemented, "JSON_IETF")
	}
}

func TestG5_UseModels(t *testing.T) {
	s := twoAbsent(t)
	const path = "/interfaces/interface[name=p1]/ethernet"
	vlan, unknown := []*gpb.ModelData{{Name: "openconfig-vlan"}}, []*gpb.ModelData{{Name: "acme-interfaces"}}
	got, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(path)}, UseModels: vlan, Encoding: gpb.Encoding_PROTO})
	s.ok(err)
	once, err := s.subscribeOnce(&gpb.SubscriptionList{UseModels: vlan, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{Path: element.Path(path)}}})
	s.ok(err)
	for how, leaves := range map[string]map[string]string{"Get": told(got.GetNotification()...), "ONCE": once} {
		for leaf := range leaves {
			if !strings.Contains(leaf, "/switched-vlan/") {
				t.Errorf("%s gives %s, which is of another model", how, leaf)
			}
		}
		if leaves[path+"/switched-vlan/config/access-vlan"] != "10" {
			t.Errorf("%s gives %v", how, leaves)
		}
	}
	_, err = s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(path)}, UseModels: unknown})
	code(t, err, codes.InvalidArgument, "acme-interfaces")
	_, err = s.subscribeOnce(&gpb.SubscriptionList{UseModels: unknown, Subscription: []*gpb.Subscription{{Path: element.Path(path)}}})
	code(t, err, codes.InvalidArgument, "acme-interfaces")
}

func TestG6_PrefixTargetAndOrigin(t *testing.T) {
	s := twoAbsent(t)
	prefix, leaf := element.Path("/interfaces/interface[name=p1]"), element.Path("/config/enabled")
	for _, target := range []string{"", "switch-7"} {
		for _, origin := range []string{"", "openconfig"} {
			prefix.Target, prefix.Origin = target, origin
			got, err := s.Get(t.Context(), &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{leaf}, Encoding: gpb.Encoding_PROTO})
			s.ok(err)
			n := got.GetNotification()[0]
			if n.GetPrefix().GetTarget() != target {
				t.Errorf("target %q for %q", n.GetPrefix().GetTarget(), target)
			}
			if leaves := told(n); leaves["/interfaces/interface[name=p1]/config/enabled"] == "" || len(leaves) != 1 {
				t.Errorf("leaves %v", leaves)
			}
		}
	}
	prefix.Origin, leaf.Origin = "openconfig", "openconfig"
	_, err := s.Get(t.Context(), &gpb.GetRequest{Prefix: prefix, Path: []*gpb.Path{leaf}})
	code(t, err, codes.InvalidArgument, "origin")
	_, err = s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{{Origin: "acme"}}})
	code(t, err, codes.InvalidArgument, "acme")
}

// TestG7_G36_WildcardsInEachMode asks for the same by each wildcard, by Get and
// in each mode of Subscribe.
func TestG7_G36_WildcardsInEachMode(t *testing.T) {
	s := twoAbsent(t)
	s.configure(element.VLAN("default", 10), element.VLAN("default", 20),
		element.StaticEntry("default", "02:00:00:00:00:01", 10, "p1"),
		element.StaticEntry("default", "02:00:00:00:00:02", 20, "p2"))
	const entries = "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry"
	types := []string{"/interfaces/interface[name=p1]/config/type", "/interfaces/interface[name=p2]/config/type"}
	vlans := []string{"/interfaces/interface[name=p1]/ethernet/switched-vlan/config/access-vlan", "/interfaces/interface[name=p2]/ethernet/switched-vlan/config/access-vlan"}
	tests := []struct {
		name string
		path *gpb.Path
		want []string
	}{
		{"a key", element.Path("/interfaces/interface[name=*]/config/type"), types},
		{"a key left out", element.Path("/interfaces/interface/config/type"), types},
		{"a name", element.Path("/interfaces/interface[name=p1]/*/name"), []string{
			"/interfaces/interface[name=p1]/config/name", "/interfaces/interface[name=p1]/state/name"}},
		{"any depth", element.Path("/interfaces/.../config/access-vlan"), vlans},
		{"some of the keys", element.Path(entries + "[vlan=20]/config/mac-address"), []string{entries + "[mac-address=02:00:00:00:00:02][vlan=20]/config/mac-address"}},
		{"any depth from the root", element.Path("/.../config/access-vlan"), vlans},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{tt.path}, Encoding: gpb.Encoding_PROTO})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "Get", told(got.GetNotification()...), tt.want)
			for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
				for _, how := range []gpb.SubscriptionMode{gpb.SubscriptionMode_ON_CHANGE, gpb.SubscriptionMode_SAMPLE, gpb.SubscriptionMode_TARGET_DEFINED} {
					answers, err := s.untilSync(&gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{Path: tt.path, Mode: how}}})
					if err != nil {
						t.Fatal(err)
					}
					same(t, mode.String()+" "+how.String(), leavesOf(answers), tt.want)
				}
			}
		})
	}
}

// same wants exactly these leaves.
func same(t *testing.T, what string, leaves map[string]string, want []string) {
	t.Helper()
	if got := slices.Sorted(maps.Keys(leaves)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%s gives %q, want %q", what, got, want)
	}
}

func TestG36_SeveralSubscriptionsBelowAPrefix(t *testing.T) {
	s := twoAbsent(t)
	prefix := element.Path("/interfaces")
	prefix.Target = "switch-7"
	list := &gpb.SubscriptionList{Prefix: prefix, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{
		{Path: element.Path("/interface[name=p1]/config/type")},
		{Path: element.Path("/interface[name=p2]/config/enabled"), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: 1e9},
		{Path: element.Path("/interface[name=p2]/config/name"), Mode: gpb.SubscriptionMode_ON_CHANGE},
	}}
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
		list.Mode = mode
		answers, err := s.untilSync(list)
		s.ok(err)
		for _, a := range answers {
			if n := a.GetUpdate(); n != nil && n.GetPrefix().GetTarget() != "switch-7" {
				t.Errorf("%s: the target is %q", mode, n.GetPrefix().GetTarget())
			}
		}
		same(t, mode.String(), leavesOf(answers), []string{"/interfaces/interface[name=p1]/config/type",
			"/interfaces/interface[name=p2]/config/enabled", "/interfaces/interface[name=p2]/config/name"})
	}
}

func TestG8_DepthOnGetAndSubscribe(t *testing.T) {
	s := twoAbsent(t)
	const p1 = "/interfaces/interface[name=p1]"
	get := func(level uint32) map[string]string {
		got, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path(p1)}, Type: gpb.GetRequest_CONFIG, Encoding: gpb.Encoding_PROTO, Extension: depth(level)})
		s.ok(err)
		return told(got.GetNotification()...)
	}
	same(t, "Get of depth 1", get(1), []string{p1 + "/name"})
	if all := get(0); all[p1+"/ethernet/switched-vlan/config/access-vlan"] != "10" {
		t.Errorf("Get of any depth gives %v", all)
	}
	two := get(2)
	if two[p1+"/config/type"] == "" || two[p1+"/ethernet/switched-vlan/config/access-vlan"] != "" {
		t.Errorf("Get of depth 2 gives %v", two)
	}
	for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_POLL, gpb.SubscriptionList_STREAM} {
		list := &gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{Path: element.Path(p1)}}}
		answers, err := s.untilSync(list, depth(1)...)
		s.ok(err)
		same(t, mode.String()+" of depth 1", leavesOf(answers), []string{p1 + "/name"})
	}
	_, err := s.Set(t.Context(), &gpb.SetRequest{Extension: depth(1)})
	code(t, err, codes.InvalidArgument, "depth")
}

// TestG9_ALargeAnswerComesInPieces: what a client takes in no message, by its
// own limit, it gets by ONCE.
func TestG9_ALargeAnswerComesInPieces(t *testing.T) {
	s := newSite(t)
	const ports = 2000
	limit := grpc.MaxCallRecvMsgSize(1 << 20)
	var updates []*gpb.Update
	for i := range ports {
		name := fmt.Sprintf("p%d", i)
		updates = append(updates, element.Access(name, 10),
			element.Update("/interfaces/interface[name="+name+"]/config/description", strings.Repeat("d", 255)))
	}
	s.configure(updates...)
	_, err := s.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{element.Path("/interfaces")}, Encoding: gpb.Encoding_JSON_IETF}, limit)
	code(t, err, codes.ResourceExhausted)
	client, err := s.Subscribe(t.Context(), limit)
	s.ok(err)
	s.ok(client.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{
		Subscribe: subscription(gpb.SubscriptionList_ONCE, "/interfaces", 0, 0)}}))
	answers, err := (&opened{BidiStreamingClient: client}).untilSync()
	s.ok(err)
	came := 0
	for path := range leavesOf(answers) {
		if strings.HasSuffix(path, "/config/description") {
			came++
		}
	}
	if came != ports {
		t.Errorf("%d descriptions came, want %d", came, ports)
	}
}
