package inside

import (
	"context"
	_ "embed" // dcb.leaves
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
)

// dcbLeaves are the leaves that a device with DCB proves, without keys, a line
// each. cmd/signalbox compares them with the schema.
//
//go:embed dcb.leaves
var dcbLeaves string

const (
	dcbModule  = "/dcbsim.ko"
	parameters = "/sys/module/dcbsim/parameters/"
	sim0       = "/interfaces/interface[name=dcbsim0]"
	late       = "/interfaces/interface[name=late0]"
)

// simulated is an element whose interfaces are the simulated devices: dcbsim0
// has all of DCB, dcbsim1 little.
type simulated struct {
	*teaming.Node
	t *testing.T
}

func newSimulated(t *testing.T) *simulated {
	t.Helper()
	needGuest(t)
	s := &simulated{newNode(t), t}
	s.plug()
	t.Cleanup(func() { ok(t, unix.DeleteModule("dcbsim", 0)) })
	return s
}

// plug loads the module, and moves its devices to the element.
func (s *simulated) plug() {
	s.t.Helper()
	module, err := os.ReadFile(dcbModule)
	ok(s.t, err)
	ok(s.t, unix.InitModule(module, ""))
	to, err := os.Open(s.Namespace.Path())
	ok(s.t, err)
	defer to.Close()
	for _, name := range []string{"dcbsim0", "dcbsim1"} {
		link, err := netlink.LinkByName(name)
		ok(s.t, err)
		ok(s.t, netlink.LinkSetNsFd(link, int(to.Fd())))
		ok(s.t, s.Leaf(s.t.Context(), "/interfaces/interface[name="+name+"]/dcb/state/supported", "true"))
	}
}

func (s *simulated) parameter(name string, bits int) {
	s.t.Helper()
	ok(s.t, os.WriteFile(parameters+name, fmt.Append(nil, bits), 0o644))
}

// dcb runs iproute2's program: the other opinion of what the device has.
func (s *simulated) dcb(args ...string) string {
	s.t.Helper()
	out, err := s.Namespace.Run(s.t.Context(), "/ld-linux-x86-64.so.2", append([]string{"--library-path", "/", "/dcb"}, args...)...)
	ok(s.t, err)
	return out
}

// whole is all that iproute2 says of a device.
func (s *simulated) whole(name string) string {
	s.t.Helper()
	var b strings.Builder
	for _, part := range []string{"dcbx", "ets", "pfc", "app"} {
		b.WriteString(s.dcb(part, "show", "dev", name))
	}
	return b.String()
}

// says compares one object of iproute2's JSON with what is wanted, whose
// members are those of interest.
func (s *simulated) says(part string, want map[string]any, options ...string) {
	s.t.Helper()
	var got map[string]any
	text := s.dcb(append(append([]string{"-j"}, options...), part, "show", "dev", "dcbsim0")...)
	ok(s.t, json.Unmarshal([]byte(text), &got))
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			s.t.Errorf("dcb %s says %s is %v, want %v: %s", part, name, got[name], value, text)
		}
	}
}

// refused wants a code, the path and a reason.
func refused(t *testing.T, err error, code codes.Code, parts ...string) {
	t.Helper()
	if status.Code(err) != code {
		t.Errorf("%v, want %s", err, code)
	}
	for _, part := range parts {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("%v, want %q in it", err, part)
		}
	}
}

func nic(name string) *gpb.Update {
	return element.Update("/interfaces/interface[name="+name+"]/config", map[string]any{"name": name, "type": "iana-if-type:ethernetCsmacd"})
}

func list(key string, entries ...map[string]any) map[string]any {
	return map[string]any{key: entries}
}

func entry(config map[string]any, keys ...string) map[string]any {
	e := map[string]any{"config": config}
	for _, k := range keys {
		e[k] = config[k]
	}
	return e
}

// storage configures each leaf of DCB: storage without loss in class 1, the
// rest in class 0, control before both.
func storage() []*gpb.Update {
	classes := list("traffic-class",
		entry(map[string]any{"id": 0, "algorithm": "ETS", "bandwidth": 40}, "id"),
		entry(map[string]any{"id": 1, "algorithm": "ETS", "bandwidth": 60}, "id"),
		entry(map[string]any{"id": 7, "algorithm": "STRICT"}, "id"))
	var priorities []map[string]any
	for priority, class := range []int{0, 0, 0, 1, 0, 0, 0, 7} {
		priorities = append(priorities, entry(map[string]any{"priority": priority, "traffic-class": class}, "priority"))
	}
	application := func(selector string, protocol int, priority ...int) map[string]any {
		return entry(map[string]any{"selector": selector, "protocol": protocol, "priority": priority}, "selector", "protocol")
	}
	return []*gpb.Update{nic("dcbsim0"), element.Update(sim0+"/dcb", map[string]any{
		"config": map[string]any{"dcbx-mode": []string{"HOST", "IEEE"}},
		"ets": map[string]any{
			"config": map[string]any{"willing": true}, "traffic-classes": classes, "priorities": list("priority", priorities...),
		},
		"pfc": map[string]any{"config": map[string]any{"enabled-priority": []int{3}, "macsec-bypass": true, "delay": 7000}},
		"applications": list("application",
			application("ETHERTYPE", 0x8906, 3), application("STREAM_PORT", 3260, 4), application("DATAGRAM_PORT", 4791, 3),
			application("PORT", 4420, 3), application("DSCP", 46, 7)),
	})}
}

// stored wants the device to have what storage configures, by iproute2.
func (s *simulated) stored() {
	s.t.Helper()
	s.says("dcbx", map[string]any{"host": true, "lld_managed": nil, "ieee": true, "cee": nil})
	s.says("ets", map[string]any{
		"willing": true, "ets_cap": 8, "tc_bw": []int{40, 60, 0, 0, 0, 0, 0, 0},
		"tc_tsa":  []string{"ets", "ets", "strict", "strict", "strict", "strict", "strict", "strict"},
		"prio_tc": []int{0, 0, 0, 1, 0, 0, 0, 7},
	})
	s.says("pfc", map[string]any{"macsec_bypass": true, "delay": 7000, "prio_pfc": []bool{false, false, false, true, false, false, false, false}})
	s.says("app", map[string]any{
		"ethtype_prio": pair(0x8906, 3), "stream_port_prio": pair(3260, 4), "dgram_port_prio": pair(4791, 3),
		"port_prio": pair(4420, 3), "dscp_prio": pair(46, 7),
	}, "-N")
}

// pair is an application and its priority as iproute2 writes them, with the
// blank that it puts behind.
func pair(protocol, priority int) []any { return []any{[]any{protocol, priority, " "}} }

// TestDCB drives a device with DCB by gNMI: each leaf has a value, state is what
// is configured, iproute2 says the same, and what was there comes back.
func TestDCB(t *testing.T) {
	s := newSimulated(t)
	s.dcb("app", "add", "dev", "dcbsim0", "dscp-prio", "1:1") // somebody's, from before
	found := s.whole("dcbsim0")
	ok(t, s.Configure(t.Context(), storage()...))
	s.stored()
	s.late()
	leaves, err := s.Leaves(t.Context(), sim0+"/dcb", late+"/dcb")
	ok(t, err)
	s.everyLeaf(leaves)
	for path, value := range leaves {
		before, after, config := strings.Cut(path, "/config/")
		if twin := leaves[before+"/state/"+after]; config && !strings.HasPrefix(path, late) && !proto.Equal(twin, value) {
			t.Errorf("%s is configured as %v and is %v", path, value, twin)
		}
	}
	s.counters(leaves)
	s.commandLine()
	t.Run("a restart changes nothing", func(t *testing.T) {
		ok(t, s.Restart(t.Context()))
		s.stored()
	})
	t.Run("each leaf can be taken away", func(t *testing.T) { s.takeAway(leaves) })
	t.Run("what was there comes back", func(t *testing.T) {
		_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(sim0 + "/dcb")}})
		ok(t, err)
		if got := s.whole("dcbsim0"); got != found {
			t.Errorf("after:\n%s\nbefore:\n%s", got, found)
		}
	})
	t.Run("and by flush", func(t *testing.T) {
		ok(t, s.Configure(t.Context(), storage()...))
		s.stored()
		ok(t, s.Stop())
		ok(t, element.Flush(t.Context(), os.Getenv(testenv.Binary), s.Namespace))
		if got := s.whole("dcbsim0"); got != found {
			t.Errorf("after:\n%s\nbefore:\n%s", got, found)
		}
		s.Process, err = element.Start(t.Context(), element.Options{Binary: os.Getenv(testenv.Binary), Namespace: s.Namespace, StateDir: t.TempDir()})
		ok(t, err)
	})
}

// late is an interface that comes after its DCB was configured, and can have
// none: it is there, and says why.
func (s *simulated) late() {
	s.t.Helper()
	ok(s.t, s.Configure(s.t.Context(), nic("late0"), element.Update(late+"/dcb/pfc/config/enabled-priority", []int{1})))
	ok(s.t, topology.Cable(topology.End{Namespace: s.Namespace, Name: "late0"}, topology.End{Namespace: testenv.Namespace(s.t), Name: "eth0"}))
	ok(s.t, s.Leaf(s.t.Context(), late+"/dcb/state/unsupported-reason", "the driver of the interface has no DCB (dcbnl)"))
	ok(s.t, s.Leaf(s.t.Context(), late+"/state/oper-status", "UP"))
}

// everyLeaf wants a value of each, of one device or the other.
func (s *simulated) everyLeaf(leaves map[string]*gpb.TypedValue) {
	s.t.Helper()
	there := map[string]bool{}
	for path := range leaves {
		there[withoutKeys(path)] = true
	}
	wanted := strings.Fields(dcbLeaves)
	for _, path := range wanted {
		if !there[path] {
			s.t.Errorf("%s has no value", path)
		}
		delete(there, path)
	}
	if len(there) > 0 {
		s.t.Errorf("told and not in dcb.leaves: %q", slices.Sorted(maps.Keys(there)))
	}
}

func withoutKeys(path string) string {
	for {
		before, rest, ok := strings.Cut(path, "[")
		if !ok {
			return path
		}
		_, after, _ := strings.Cut(rest, "]")
		path = before + after
	}
}

// counters are the device's, as iproute2 has them.
func (s *simulated) counters(leaves map[string]*gpb.TypedValue) {
	s.t.Helper()
	requests, indications := make([]uint64, 8), make([]uint64, 8)
	for priority := range 8 {
		at := fmt.Sprintf("%s/dcb/pfc/priorities/priority[priority=%d]/state/", sim0, priority)
		requests[priority], indications[priority] = leaves[at+"requests"].GetUintVal(), leaves[at+"indications"].GetUintVal()
	}
	s.says("pfc", map[string]any{"requests": requests, "indications": indications}, "-s")
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(requests, want) {
		s.t.Errorf("requests %v, want %v", requests, want)
	}
}

// commandLine reads what a person does.
func (s *simulated) commandLine() {
	s.t.Helper()
	var rows []struct {
		Name      string   `json:"name"`
		Supported bool     `json:"supported"`
		Mode      []string `json:"dcbx-mode"`
		Paused    []string `json:"pfc-enabled-priority"`
	}
	out, err := s.Namespace.Run(s.t.Context(), os.Getenv(testenv.Binary), "show", "dcb", "dcbsim0", "--json", "--ca", s.Certificate())
	ok(s.t, err)
	ok(s.t, json.Unmarshal([]byte(out), &rows))
	if len(rows) != 1 || rows[0].Name != "dcbsim0" || !rows[0].Supported || !slices.Equal(rows[0].Mode, []string{"HOST", "IEEE"}) || !slices.Equal(rows[0].Paused, []string{"3"}) {
		s.t.Errorf("show dcb: %s", out)
	}
}

// takeAway deletes each configured leaf, one Set each: it is done, or refused by
// path, and what is then configured is what the device has.
func (s *simulated) takeAway(leaves map[string]*gpb.TypedValue) {
	s.t.Helper()
	for _, path := range slices.Sorted(maps.Keys(leaves)) {
		if !strings.HasPrefix(path, sim0) || !strings.Contains(path, "/config/") {
			continue
		}
		_, err := s.Set(s.t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(path)}})
		if err != nil && (status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "/dcb/")) {
			s.t.Errorf("delete %s: %v; want it done, or InvalidArgument that names a path", path, err)
		}
	}
	now, err := s.Leaves(s.t.Context(), sim0+"/dcb")
	ok(s.t, err)
	for path, value := range now {
		before, after, config := strings.Cut(path, "/config/")
		if twin := now[before+"/state/"+after]; config && !proto.Equal(twin, value) {
			s.t.Errorf("%s is configured as %v and is %v", path, value, twin)
		}
	}
}

// TestDCBThatADeviceHasNot is refused with the path and the reason, and changes
// nothing.
func TestDCBThatADeviceHasNot(t *testing.T) {
	s := newSimulated(t)
	ok(t, topology.Cable(topology.End{Namespace: s.Namespace, Name: "veth0"}, topology.End{Namespace: testenv.Namespace(t), Name: "eth0"}))
	ok(t, s.Leaf(t.Context(), "/interfaces/interface[name=veth0]/state/name", "veth0"))
	before := []string{s.whole("dcbsim0"), s.dcb("pfc", "show", "dev", "dcbsim1")}
	class := func(config map[string]any) map[string]any {
		return map[string]any{"traffic-classes": list("traffic-class", entry(config, "id"))}
	}
	pfc := func(priorities ...int) map[string]any {
		return map[string]any{"pfc": map[string]any{"config": map[string]any{"enabled-priority": priorities}}}
	}
	tests := []struct {
		name, device string
		dcb          map[string]any
		code         codes.Code
		parts        []string
	}{
		{"no driver", "veth0", pfc(3), codes.Unimplemented, []string{"[name=veth0]/dcb", "the driver of the interface has no DCB (dcbnl)"}},
		{"no ETS", "dcbsim1", map[string]any{"ets": class(map[string]any{"id": 0, "algorithm": "ETS", "bandwidth": 100})}, codes.Unimplemented, []string{"[name=dcbsim1]/dcb/ets", "no ETS"}},
		{"no mode", "dcbsim1", map[string]any{"config": map[string]any{"dcbx-mode": []string{"HOST"}}}, codes.Unimplemented, []string{"[name=dcbsim1]/dcb/config/dcbx-mode", "no mode of DCBX"}},
		{"much PFC", "dcbsim1", pfc(1, 2, 3), codes.Unimplemented, []string{"[name=dcbsim1]/dcb/pfc", "3 priorities", "room for 2"}},
		{"mode", "dcbsim0", map[string]any{"config": map[string]any{"dcbx-mode": []string{"HOST", "STATIC"}}}, codes.Unimplemented, []string{"[name=dcbsim0]/dcb/config/dcbx-mode", "HOST+STATIC"}},
		{"sum", "dcbsim0", map[string]any{"ets": class(map[string]any{"id": 0, "algorithm": "ETS", "bandwidth": 90})}, codes.InvalidArgument, []string{"[name=dcbsim0]/dcb/ets", "90 percent"}},
		{"priority", "dcbsim0", pfc(8), codes.InvalidArgument, []string{"enabled-priority"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Configure(t.Context(), nic(tt.device), element.Update("/interfaces/interface[name="+tt.device+"]/dcb", tt.dcb))
			refused(t, err, tt.code, tt.parts...)
		})
	}
	if after := []string{s.whole("dcbsim0"), s.dcb("pfc", "show", "dev", "dcbsim1")}; !slices.Equal(before, after) {
		t.Errorf("after:\n%s\nbefore:\n%s", after, before)
	}
}

// TestDCBThatADriverRefuses is taken back as a whole, and what it accepts and
// does not do is refused.
func TestDCBThatADriverRefuses(t *testing.T) {
	s := newSimulated(t)
	before := s.whole("dcbsim0")
	for _, part := range []struct {
		name string
		bit  int
	}{{"ETS", 1}, {"PFC", 2}, {"applications", 4}, {"mode", 8}} {
		for how, code := range map[string]codes.Code{"refuse": codes.Unavailable, "ignore": codes.Unimplemented} {
			t.Run(part.name+" "+how, func(t *testing.T) {
				s.parameter(how, part.bit)
				defer s.parameter(how, 0)
				refused(t, s.Configure(t.Context(), storage()...), code, "dcbsim0")
				if after := s.whole("dcbsim0"); after != before {
					t.Errorf("after:\n%s\nbefore:\n%s", after, before)
				}
				if leaves, err := s.Leaves(t.Context(), sim0+"/dcb/config"); err != nil || len(leaves) > 0 {
					t.Errorf("configured is %v, %v; want nothing", leaves, err)
				}
			})
		}
	}
	ok(t, s.Configure(t.Context(), storage()...))
	s.stored()
}

// TestDCBOfOthersIsTold: what another program changes is told at once, and
// stays.
func TestDCBOfOthersIsTold(t *testing.T) {
	s := newSimulated(t)
	ok(t, s.Configure(t.Context(), storage()...))
	ctx, cancel := context.WithTimeout(t.Context(), teaming.Soon)
	defer cancel()
	stream, err := s.Subscribe(ctx)
	ok(t, err)
	ok(t, stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path(sim0 + "/dcb/pfc/state/enabled-priority"), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}}))
	for synced, told := false, false; !told; {
		answer, err := stream.Recv()
		ok(t, err)
		if answer.GetSyncResponse() {
			synced = true
			s.dcb("pfc", "set", "dev", "dcbsim0", "prio-pfc", "5:on")
		}
		for _, u := range answer.GetUpdate().GetUpdate() {
			told = synced && len(u.GetVal().GetLeaflistVal().GetElement()) == 2
		}
	}
	s.says("pfc", map[string]any{"prio_pfc": []bool{false, false, false, true, false, true, false, false}})
}

// TestDCBMostApplications: as many as are accepted, the kernel tells in one
// message; they go again.
func TestDCBMostApplications(t *testing.T) {
	const most = 256
	s := newSimulated(t)
	var all []map[string]any
	for n := range most {
		all = append(all, entry(map[string]any{"selector": "PORT", "protocol": 1000 + n, "priority": []int{n % 8}}, "selector", "protocol"))
	}
	table := element.Update(sim0+"/dcb/applications", list("application", all...))
	ok(t, s.Configure(t.Context(), append(storage()[:1], table)...))
	count := func() int {
		return strings.Count(s.dcb("-N", "-j", "app", "show", "dev", "dcbsim0", "port-prio"), "[") - 1
	}
	if got := count(); got != most {
		t.Errorf("the device has %d, want %d", got, most)
	}
	_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(sim0 + "/dcb")}})
	ok(t, err)
	if got := count(); got > 0 {
		t.Errorf("the device still has %d", got)
	}
}

// TestDCBOfADeviceThatComes: what is configured waits for its device, and for
// the next one of its name.
func TestDCBOfADeviceThatComes(t *testing.T) {
	s := newSimulated(t)
	ok(t, s.Configure(t.Context(), storage()...))
	ok(t, unix.DeleteModule("dcbsim", 0))
	ok(t, s.Leaf(t.Context(), sim0+"/state/oper-status", "NOT_PRESENT"))
	s.plug()
	ok(t, s.Leaf(t.Context(), sim0+"/dcb/state/dcbx-mode", "[HOST IEEE]"))
	ok(t, s.Leaf(t.Context(), sim0+"/dcb/pfc/state/delay", "7000"))
	ok(t, s.Leaf(t.Context(), sim0+"/dcb/applications/application[selector=DSCP][protocol=46]/state/priority", "[7]"))
	s.stored()
}
