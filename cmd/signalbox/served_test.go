package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/datapath"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
	"github.com/signalbox/signalbox/server"
	"github.com/signalbox/signalbox/server/dialout"
)

// bound is within which things must have happened, on a busy machine too.
const bound = 10 * time.Second

// running is an element in this process, in a network namespace with the ports
// p1, p2, …, each cabled to eth0 of a namespace of its own.
type running struct {
	*element.Client
	t     *testing.T
	ns    *topology.Namespace
	hosts []*topology.Namespace
	end   context.CancelFunc
	done  chan error // what Run and Close returned
}

// runElement starts an element as serve does and waits until it serves.
func runElement(t *testing.T, ports int) *running {
	t.Helper()
	testenv.NeedRoot(t)
	r := &running{t: t, ns: testenv.Namespace(t), done: make(chan error, 1)}
	for i := range ports {
		host := testenv.Namespace(t)
		r.hosts = append(r.hosts, host)
		err := topology.Cable(
			topology.End{Namespace: r.ns, Name: fmt.Sprintf("p%d", i+1), Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 32)},
			topology.End{Namespace: host, Name: "eth0", MAC: mac(i + 1)})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.start(t.TempDir())
	t.Cleanup(r.flush)
	t.Cleanup(r.stop)
	return r
}

func mac(host int) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 1, byte(host)} }

func (r *running) start(stateDir string) {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(r.t.Output(), nil))
	var s *server.Server
	var d *datapath.Datapath
	err := r.ns.Do(func() (err error) {
		s, err = server.Listen(server.Options{
			StateDir: stateDir, Transport: server.Transport{Listen: "127.0.0.1:0"}, Version: "test", Log: log,
			DialOut: dialout.Options{Collectors: []string{"127.0.0.1:1"}, Target: "sw1", Insecure: true}, // nobody is there
		})
		if err == nil {
			d, err = datapath.Open(r.t.Context(), datapath.Options{Log: log})
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.end = cancel
	go func() {
		err := s.Run(ctx, d)
		if closing := d.Close(); err == nil {
			err = closing
		}
		r.done <- err
	}()
	r.Client = element.Dial(r.ns, s.Addr().String(), false)
	wait, cancelWait := context.WithTimeout(r.t.Context(), bound)
	defer cancelWait()
	if err := r.Serving(wait); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) stop() {
	r.end()
	if err := <-r.done; err != nil {
		r.t.Errorf("the element ended with %v", err)
	}
	r.Client.Close()
}

func (r *running) flush() {
	var d *datapath.Datapath
	err := r.ns.Do(func() (err error) {
		d, err = datapath.Open(context.Background(), datapath.Options{Log: slog.New(slog.DiscardHandler)})
		return err
	})
	if err == nil {
		err = d.Flush()
	}
	if err != nil {
		r.t.Errorf("flush: %v", err)
	}
}

// manyPorts is how many ports everything needs.
const manyPorts = 7

// everything configures each leaf that can be configured: three ports, an
// aggregate of p4 and p5 that speaks LACP, and one of p6 and p7 that does not.
func everything() []*gpb.Update {
	return append(append(teams(), classes()...), []*gpb.Update{
		element.Update("/traces/sessions/session[id=why]/config", map[string]any{
			"id": "why", "enabled": true, "level": "PACKETS", "interface": []any{"p1", "p2"}, "direction": "IN", "vlan": []any{10, 20},
			"filter": "arp or ip", "drops-only": true, "drop-reason": []any{"TOO_BIG"}, "sample-one-in": 2, "max-events-per-second": 3,
			"snap-length": 64, "duration": 3600, "kernel-drops": true,
		}),
		element.Update("/interfaces/interface[name=p1]", map[string]any{
			"config":                    map[string]any{"name": "p1", "type": "iana-if-type:ethernetCsmacd", "mtu": 1400, "description": "first", "enabled": true},
			"hold-time":                 map[string]any{"config": map[string]any{"up": 10, "down": 10}},
			"openconfig-if-rates:rates": map[string]any{"config": map[string]any{"load-interval": 10}},
			"openconfig-if-ethernet:ethernet": map[string]any{
				"config": map[string]any{"mac-address": "02:00:00:00:02:01"},
				"openconfig-vlan:switched-vlan": map[string]any{"config": map[string]any{
					"interface-mode": "TRUNK", "native-vlan": 10, "trunk-vlans": []any{20, "30..40"}}},
			},
		}),
		element.Access("p2", 10),
		element.Access("p3", 20),
		element.Update("/network-instances/network-instance[name=red]", map[string]any{
			"config": map[string]any{"name": "red", "type": "openconfig-network-instance-types:L2VSI", "enabled": true},
			"fdb": map[string]any{
				"config": map[string]any{"mac-learning": true, "mac-aging-time": 60, "maximum-entries": 100}},
			"interfaces": map[string]any{"interface": []any{
				map[string]any{"id": "one", "config": map[string]any{"id": "one", "interface": "p1"}},
				map[string]any{"id": "two", "config": map[string]any{"id": "two", "interface": "p2"}},
				map[string]any{"id": "three", "config": map[string]any{"id": "three", "interface": "p3"}}}},
			"vlans": map[string]any{"vlan": []any{
				map[string]any{"vlan-id": 10, "config": map[string]any{"vlan-id": 10, "name": "office", "status": "ACTIVE"}},
				map[string]any{"vlan-id": 20, "config": map[string]any{"vlan-id": 20}}}},
		}),
		element.Update("/interfaces/interface[name=p3]/switch-port/config/allow-teaming", false),
		element.StaticEntry("red", "02:00:00:00:03:01", 20, "p3"),
		sampling(),
		discovery(),
	}...)
}

// virtualFunctions is where virtual functions are configured. A test machine has no
// device with any: package integration/guest/functions compares these leaves with
// their twins below state, in a machine that does.
const virtualFunctions = "/interfaces/interface/sriov/"

// functionsAway configures each leaf of virtual functions, of an interface that is
// not there.
func functionsAway() *gpb.Update {
	return element.Update("/interfaces/interface[name=pf9]", map[string]any{
		"config": map[string]any{"name": "pf9", "type": "iana-if-type:ethernetCsmacd"},
		"signalbox-sriov:sriov": map[string]any{
			"config": map[string]any{"enabled": true, "num-vfs": 2, "drivers-autoprobe": true, "eswitch-mode": "SWITCHDEV", "on-shrink": "FORCE", "on-drift": "REPAIR"},
			"vfs": map[string]any{"vf": []any{map[string]any{"id": 1, "config": map[string]any{
				"id": 1, "mac-address": "02:00:00:00:09:01", "vlan-id": 10, "vlan-pcp": 3, "vlan-tpid": "TPID_0X88A8",
				"min-tx-rate": 1, "max-tx-rate": 2, "spoof-check": true, "trust": true, "link-state": "ENABLE",
			}}}},
		},
	})
}

// sampling configures each leaf of sFlow; nobody listens at the collector.
func sampling() *gpb.Update {
	return element.Update("/sampling/sflow", map[string]any{
		"config": map[string]any{
			"enabled": true, "agent-id-ipv4": "192.0.2.1", "agent-id-ipv6": "2001:db8::1", "dscp": 46, "sample-size": 100,
			"ingress-sampling-rate": 10, "polling-interval": 1,
		},
		"interfaces": map[string]any{"interface": []any{map[string]any{"name": "p1", "config": map[string]any{
			"name": "p1", "enabled": true, "ingress-sampling-rate": 1, "polling-interval": 2}}}},
		"collectors": map[string]any{"collector": []any{map[string]any{"address": "127.0.0.1", "port": 6343, "config": map[string]any{
			"address": "127.0.0.1", "port": 6343, "source-address": "127.0.0.1", "max-datagram-size": 1000}}}},
	})
}

func teams() []*gpb.Update {
	var updates []*gpb.Update
	for _, team := range []element.Team{
		{
			Name: "lag1", Members: []string{"p4", "p5"}, LACP: true, MinLinks: 1, VLAN: element.TrunkVLANs(10, 20, "30..40"),
			Options: map[string]any{
				"switch-independent": false, "distribution": "DYNAMIC", "primary": "p4", "primary-reselect": "BETTER", "standby-member": []any{"p5"},
				"up-delay": 1, "down-delay": 2, "announcements": 3, "speed-weighted": true, "flowlet-gap": 400, "rebalance-interval": 5000,
			},
			Protocol: map[string]any{
				"interval": "FAST", "lacp-mode": "ACTIVE", "system-id-mac": "02:00:00:00:04:01", "system-priority": 5, "fallback": true, "fallback-timeout": 60,
			},
		},
		{Name: "lag2", Members: []string{"p6", "p7"}, VLAN: element.AccessVLAN(10), Options: map[string]any{"switch-independent": true}},
	} {
		updates = append(updates, team.Updates()...)
	}
	return append(updates,
		element.Update("/lacp/config/system-priority", 6),
		element.Update("/lacp/interfaces/interface[name=lag1]/members/member[interface=p4]",
			map[string]any{"config": map[string]any{"interface": "p4", "port-priority": 7}}),
		element.Update("/interfaces/interface[name=p7]/config/forwarding-viable", false))
}

// hardwareOnly are the leaves that a machine of virtual parts may have no
// value for. That they are told where there is one, server/openconfig proves.
func hardwareOnly() []ocpath.ID {
	ids := []ocpath.ID{
		ocpath.InterfacesInterfaceEthernetStateHwMacAddress,
		ocpath.ComponentsComponentStateModelName, ocpath.ComponentsComponentStateHardwareVersion,
		ocpath.ComponentsComponentStateFirmwareVersion, ocpath.ComponentsComponentStatePartNo,
		ocpath.ComponentsComponentStateSerialNo,
	}
	for id := ocpath.InterfacesInterfaceSriov; id < ocpath.Get(ocpath.InterfacesInterfaceSriov).End; id++ {
		ids = append(ids, id)
	}
	return ids
}

// bridging are the leaves of DCB, which no interface of this kernel's has. A
// list of them says which: integration/guest proves with a device that has DCB
// that each has a value, and that state is what is configured.
func bridging(t *testing.T) []ocpath.ID {
	t.Helper()
	list, err := os.ReadFile(filepath.Join(testenv.Root(), "integration", "guest", "inside", "dcb.leaves"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []ocpath.ID
	for _, path := range strings.Fields(string(list)) {
		id, ok := ocpath.Lookup(strings.Split(path, "/")[1:]...)
		if !ok {
			t.Errorf("dcb.leaves has %s, which is not in the schema", path)
		}
		ids = append(ids, id)
	}
	return ids
}

// inPassing are the leaves that nothing is kept of: events, which are told, and
// tests, which are asked. server/openconfig proves that each has its value.
func inPassing() []ocpath.ID {
	ids := []ocpath.ID{ocpath.TracesSessionsSessionStateStatusReason}
	for _, top := range []ocpath.ID{ocpath.TracesSessionsSessionEvents, ocpath.PacketTests} {
		for id := top; id < ocpath.Get(top).End; id++ {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestEveryServedLeafHasAValue configures each leaf that can be, lets a frame
// pass, a member fail, and a partner speak LACP and fall silent, and then walks
// the schema: nothing served is a stub.
func TestEveryServedLeafHasAValue(t *testing.T) {
	r := runElement(t, manyPorts)
	if err := r.Configure(t.Context(), everything()...); err != nil {
		t.Fatal(err)
	}
	r.learn()
	r.neighbor()
	optional := append(slices.Concat(hardwareOnly(), bridging(t), inPassing(), earlyDropping(r)), // and what is of a commit that waits, and of users
		ocpath.SystemConfigurationStateUnconfirmedCommit, ocpath.SystemConfigurationStateRollbackTime,
		ocpath.SystemConfigurationVersionsVersionStateAuthor, ocpath.SystemGrpcServersGrpcServerSubscriptionsSubscriptionStateUser)
	there := map[string]bool{} // at any time
	look := func() error {
		leaves, err := r.Leaves(t.Context(), "/")
		for path := range leaves {
			there[withoutKeys(path)] = true
		}
		return err
	}
	for _, happens := range []func(){func() {}, r.fail, r.partner()} {
		happens()
		if err := look(); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Within(t, bound, func() error {
		if err := look(); err != nil {
			return err
		}
		var missing []string
		for id := range ocpath.ID(ocpath.Len()) {
			if ocpath.Get(id).IsLeaf() && !there[ocpath.Path(id)] && !slices.Contains(optional, id) {
				missing = append(missing, ocpath.Path(id))
			}
		}
		if missing != nil {
			return fmt.Errorf("served, and without a value:\n%s", strings.Join(missing, "\n"))
		}
		return nil
	})
}

// learn sends a frame from the host behind p2 once p2 forwards.
func (r *running) learn() {
	r.t.Helper()
	r.wait("/interfaces/interface[name=p2]/switch-port/state/forwarding", "true")
	socket, err := traffic.Open(r.hosts[1], "eth0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer socket.Close()
	frame := traffic.Frame{Src: mac(2), Dst: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, Payload: []byte("hello")}
	if err := socket.Send(frame.Bytes(60)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) wait(path, want string) {
	r.t.Helper()
	testenv.Within(r.t, bound, func() error {
		got, err := r.Text(r.t.Context(), path)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %s, want %s", path, got, want)
		}
		return err
	})
}

// withoutKeys takes the keys off a path's text.
func withoutKeys(path string) string {
	var b strings.Builder
	depth := 0
	for _, c := range path {
		switch c {
		case '[':
			depth++
		case ']':
			depth--
		default:
			if depth == 0 {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

// TestStateFollowsConfiguration compares each configured leaf with its twin
// below state: state is observed, so that the two agree proves that the leaf
// was decoded, applied and seen.
func TestStateFollowsConfiguration(t *testing.T) {
	r := runElement(t, manyPorts)
	if err := r.Configure(t.Context(), everything()...); err != nil {
		t.Fatal(err)
	}
	compared, elsewhere := map[string]bool{}, slices.Concat(bridging(t), withoutTwin(), earlyDropping(r))
	testenv.Within(t, bound, func() error {
		leaves, err := r.Leaves(t.Context(), "/interfaces", "/lacp", "/lldp", "/network-instances", "/qos/interfaces", "/sampling", "/traces")
		if err != nil {
			return err
		}
		var wrong []string
		for path, value := range leaves {
			before, after, ok := strings.Cut(path, "/config/")
			if !ok {
				continue
			}
			if id, ok := ocpath.Lookup(strings.Split(strings.TrimPrefix(withoutKeys(path), "/"), "/")...); ok && slices.Contains(elsewhere, id) {
				continue
			}
			compared[withoutKeys(path)] = true
			if twin := leaves[before+"/state/"+after]; !proto.Equal(twin, value) {
				wrong = append(wrong, fmt.Sprintf("%s is configured as %v and is %v", path, value, twin))
			}
		}
		if wrong != nil {
			return errors.New(strings.Join(wrong, "\n"))
		}
		return nil
	})
	for id := range ocpath.ID(ocpath.Len()) {
		n := ocpath.Get(id)
		if strings.HasPrefix(ocpath.Path(id), virtualFunctions) {
			continue
		}
		if n.IsLeaf() && n.Config && !slices.Contains(ocpath.Get(n.Parent).Keys, id) && !compared[ocpath.Path(id)] && !slices.Contains(elsewhere, id) {
			t.Errorf("%s is not among what was compared", ocpath.Path(id))
		}
	}
}

// TestEveryConfigLeafCanBeTakenAway deletes each configured leaf again, one
// Set each: a leaf that is accepted is one that the element also gives up, or
// says why not.
func TestEveryConfigLeafCanBeTakenAway(t *testing.T) {
	r := runElement(t, manyPorts)
	if err := r.Configure(t.Context(), append(everything(), functionsAway())...); err != nil {
		t.Fatal(err)
	}
	leaves, err := r.Leaves(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	for path := range leaves {
		id, ok := ocpath.Lookup(strings.Split(strings.TrimPrefix(withoutKeys(path), "/"), "/")...)
		if !ok {
			t.Errorf("%s is told and not in the schema", path)
			continue
		}
		if !ocpath.Get(id).Config || slices.Contains(ocpath.Get(ocpath.Get(id).Parent).Keys, id) {
			continue
		}
		_, err := r.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path(path)}})
		if err != nil && (grpcstatus.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "/")) {
			t.Errorf("delete %s: %v; want it done, or InvalidArgument that names a path", path, err)
		}
	}
}

// TestSetReachesKernelAndSubscriber follows one Set to the kernel's own
// view and to a subscriber's.
func TestSetReachesKernelAndSubscriber(t *testing.T) {
	r := runElement(t, 1)
	stream, err := r.Subscribe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
		Subscription: []*gpb.Subscription{{Path: element.Path("/interfaces/interface[name=p1]/state/mtu"), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Configure(t.Context(), element.Access("p1", 10), element.Update("/interfaces/interface[name=p1]/config/mtu", 1234)); err != nil {
		t.Fatal(err)
	}
	link, err := r.ns.Link("p1")
	if err != nil || link.Attrs().MTU != 1234 {
		t.Errorf("the kernel has %v, %v; want an MTU of 1234", link.Attrs().MTU, err)
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range answer.GetUpdate().GetUpdate() {
			if u.GetVal().GetUintVal() == 1234 {
				return
			}
		}
	}
}

// TestGRPCServerStateIsTheListener compares with the address really listened
// on.
func TestGRPCServerStateIsTheListener(t *testing.T) {
	r := runElement(t, 0)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.Conn.Target(), "passthrough:///"))
	if err != nil {
		t.Fatal(err)
	}
	r.wait("/system/grpc-servers/grpc-server[name=DEFAULT]/state/port", port)
	r.wait("/system/grpc-servers/grpc-server[name=DEFAULT]/state/transport-security", "true")
	r.wait("/system/grpc-servers/grpc-server[name=DEFAULT]/state/listen-addresses", "[127.0.0.1]")
}

// TestWhatGeneralClientsAskForIsThere: a subscription to a part of the models
// of which the device has nothing ends in a sync, and not in an error.
func TestWhatGeneralClientsAskForIsThere(t *testing.T) {
	r := runElement(t, 0)
	for _, path := range []string{"/components", "/interfaces", "/lacp", "/lacp/interfaces", "/lldp", "/network-instances", "/packet-tests", "/qos", "/sampling", "/system", "/traces"} {
		for _, mode := range []gpb.SubscriptionList_Mode{gpb.SubscriptionList_ONCE, gpb.SubscriptionList_STREAM} {
			if err := r.syncs(path, mode); err != nil {
				t.Errorf("%s, %s: %v", path, mode, err)
			}
		}
	}
	if err := r.syncs("/qos/packet-trim", gpb.SubscriptionList_ONCE); grpcstatus.Code(err) != codes.Unimplemented {
		t.Errorf("below /qos: %v, want Unimplemented", err)
	}
}

// syncs subscribes to a path and waits until all that is there was sent.
func (r *running) syncs(path string, mode gpb.SubscriptionList_Mode) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), bound)
	defer cancel()
	stream, err := r.Subscribe(ctx)
	if err != nil {
		return err
	}
	err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: mode, Encoding: gpb.Encoding_PROTO, Subscription: []*gpb.Subscription{{Path: element.Path(path), Mode: gpb.SubscriptionMode_ON_CHANGE}},
	}}})
	for err == nil {
		var answer *gpb.SubscribeResponse
		if answer, err = stream.Recv(); answer.GetSyncResponse() {
			return nil
		}
	}
	return err
}
