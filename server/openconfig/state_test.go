package openconfig

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

func mac(t *testing.T, text string) spec.MAC {
	t.Helper()
	m, err := spec.ParseMAC(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func vlans(ids ...uint16) (set spec.VLANSet) {
	for _, id := range ids {
		set.Add(id)
	}
	return set
}

// fullInterface has a value for each thing that can be observed.
func fullInterface(t *testing.T) *spec.Interface {
	return &spec.Interface{
		Name: "eth1", Present: true, Index: 7, Description: "to the rack", AdminUp: true, Oper: spec.OperUp, MTU: 9000,
		MAC: mac(t, "02:00:00:00:00:01"), PermanentMAC: mac(t, "02:00:00:00:00:02"), SpeedMegabits: 25000, FullDuplex: true,
		LastChange: time.Unix(1700000000, 5), CarrierTransitions: 3,
		HoldUp: 1500 * time.Millisecond, HoldDown: time.Second,
		Port: &spec.PortState{
			Switch: "default", Number: 4, Kind: spec.KindNIC, Mode: spec.Trunk, PVID: 5, Tagged: vlans(10, 11, 12, 20),
			Forwarding: true,
		},
	}
}

// texts are a row's leaves as lines of path and value.
func texts(rows ...*Row) []string {
	var lines []string
	for _, r := range rows {
		for _, leaf := range r.Leaves {
			path := schema.Path{Node: leaf.ID, Keys: r.Keys}
			lines = append(lines, path.String()+" = "+leaf.Value.String())
		}
	}
	slices.Sort(lines)
	return lines
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
}

func prefixed(prefix string, lines ...string) []string {
	for i := range lines {
		lines[i] = prefix + lines[i]
	}
	return lines
}

func TestInterfaceState(t *testing.T) {
	tests := []struct {
		name  string
		iface *spec.Interface
		want  []string
	}{
		{"trunk", fullInterface(t), prefixed("/interfaces/interface[name=eth1]/",
			"name = eth1", "state/name = eth1", "state/type = ethernetCsmacd", "state/description = to the rack",
			"state/mtu = 9000", "state/enabled = true", "state/ifindex = 7", "state/admin-status = UP",
			"state/oper-status = UP", "state/last-change = 1700000000000000005", "state/cpu = false",
			"state/management = false", "state/logical = false", "state/hardware-port = port-eth1", "state/forwarding-viable = true",
			"hold-time/state/up = 1500", "hold-time/state/down = 1000",
			"ethernet/state/mac-address = 02:00:00:00:00:01", "ethernet/state/hw-mac-address = 02:00:00:00:00:02",
			"ethernet/state/negotiated-port-speed = SPEED_25GB", "ethernet/state/negotiated-duplex-mode = FULL",
			"ethernet/switched-vlan/state/interface-mode = TRUNK", "ethernet/switched-vlan/state/native-vlan = 5",
			"ethernet/switched-vlan/state/trunk-vlans = 10..12,20",
			"switch-port/state/switch = default", "switch-port/state/number = 4", "switch-port/state/kind = NIC",
			"switch-port/state/allow-teaming = true", "switch-port/state/forwarding = true", "switch-port/state/all-vlans = false",
			"switch-port/state/carried-vlans = 5,10..12,20")},
		{"access on a veth that is down", &spec.Interface{Name: "v0", Present: true, Index: 3, LinkKind: "veth", MTU: 1500,
			Oper: spec.OperDown, MAC: mac(t, "02:00:00:00:00:03"),
			Port: &spec.PortState{Switch: "red", Number: 1, Kind: spec.KindVeth, Mode: spec.Access, PVID: 10, NoTeaming: true}},
			prefixed("/interfaces/interface[name=v0]/",
				"name = v0", "state/name = v0", "state/type = ethernetCsmacd", "state/mtu = 1500", "state/enabled = false",
				"state/ifindex = 3", "state/admin-status = DOWN", "state/oper-status = DOWN", "state/cpu = false",
				"state/management = false", "state/logical = true", "state/hardware-port = port-v0", "state/forwarding-viable = true",
				"hold-time/state/up = 0", "hold-time/state/down = 0", "ethernet/state/mac-address = 02:00:00:00:00:03",
				"ethernet/switched-vlan/state/interface-mode = ACCESS", "ethernet/switched-vlan/state/access-vlan = 10",
				"switch-port/state/switch = red", "switch-port/state/number = 1", "switch-port/state/kind = VETH",
				"switch-port/state/allow-teaming = false", "switch-port/state/forwarding = false",
				"switch-port/state/all-vlans = false", "switch-port/state/carried-vlans = 10")},
		{"no port", &spec.Interface{Name: "lo", Present: true, Index: 1, LinkKind: "loopback", AdminUp: true, MTU: 65536, Oper: spec.OperUnknown},
			prefixed("/interfaces/interface[name=lo]/",
				"name = lo", "state/name = lo", "state/type = softwareLoopback", "state/enabled = true",
				"state/ifindex = 1", "state/admin-status = UP", "state/oper-status = UNKNOWN", "state/cpu = false",
				"state/management = false", "state/logical = true", "state/forwarding-viable = true",
				"hold-time/state/up = 0", "hold-time/state/down = 0")},
		{"not present", &spec.Interface{Name: "gone0", Oper: spec.OperNotPresent,
			Port: &spec.PortState{Switch: "default", Number: 2, Mode: spec.Trunk, AllVLANs: true, Tagged: vlans(7)}},
			prefixed("/interfaces/interface[name=gone0]/",
				"name = gone0", "state/name = gone0", "state/enabled = false", "state/admin-status = DOWN",
				"state/oper-status = NOT_PRESENT", "state/cpu = false", "state/management = false", "state/forwarding-viable = true",
				"hold-time/state/up = 0", "hold-time/state/down = 0", "ethernet/switched-vlan/state/interface-mode = TRUNK",
				"switch-port/state/switch = default", "switch-port/state/number = 2", "switch-port/state/kind = UNKNOWN",
				"switch-port/state/allow-teaming = true", "switch-port/state/forwarding = false", "switch-port/state/all-vlans = true",
				"switch-port/state/carried-vlans = 7")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { compare(t, texts(InterfaceState(tt.iface)), tt.want) })
	}
}

func TestInterfaceType(t *testing.T) {
	ethernet := mac(t, "02:00:00:00:00:01")
	tests := []struct {
		kind string
		mac  spec.MAC
		want string
	}{
		{"", ethernet, "ethernetCsmacd"}, {"veth", ethernet, "ethernetCsmacd"}, {"tun", ethernet, "ethernetCsmacd"},
		{"tun", spec.MAC{}, "tunnel"}, {"bridge", ethernet, "bridge"}, {"bond", ethernet, "ieee8023adLag"},
		{"team", ethernet, "ieee8023adLag"}, {"vlan", ethernet, "l2vlan"}, {"loopback", spec.MAC{}, "softwareLoopback"},
	}
	leaf := ocpath.Get(ocpath.InterfacesInterfaceStateType)
	for _, tt := range tests {
		got := interfaceType(&spec.Interface{Present: true, LinkKind: tt.kind, MAC: tt.mac})
		if got != tt.want {
			t.Errorf("%q with %v: %s, want %s", tt.kind, tt.mac, got, tt.want)
		}
		if _, ok := leaf.Value(got); !ok {
			t.Errorf("%s is no iana-if-type", got)
		}
	}
}

func TestPortSpeed(t *testing.T) {
	for megabits, want := range map[uint32]string{
		10: "SPEED_10MB", 100: "SPEED_100MB", 1000: "SPEED_1GB", 2500: "SPEED_2500MB", 5000: "SPEED_5GB", 10000: "SPEED_10GB",
		25000: "SPEED_25GB", 40000: "SPEED_40GB", 100000: "SPEED_100GB", 400000: "SPEED_400GB", 17: "SPEED_UNKNOWN", 7000: "SPEED_UNKNOWN",
	} {
		if got := portSpeed(megabits); got != want {
			t.Errorf("%d Mbit/s: %s, want %s", megabits, got, want)
		}
	}
}

func TestOperStatusNames(t *testing.T) {
	leaf := ocpath.Get(ocpath.InterfacesInterfaceStateOperStatus)
	seen := map[string]bool{}
	for s := spec.OperUp; s <= spec.OperLowerLayerDown; s++ {
		name := operStatus(s)
		if _, ok := leaf.Value(name); !ok || seen[name] {
			t.Errorf("status %d is %q: not in the model, or used twice", s, name)
		}
		seen[name] = true
	}
}

func fullSwitch() *spec.SwitchState {
	return &spec.SwitchState{
		Name: "red", Enabled: true, Learning: true, Ageing: 300 * time.Second, MaxEntries: 100, Dynamic: 5, Static: 2,
		Moves: 3, Refused: 1,
		VLANs: map[uint16]*spec.VLANState{10: {ID: 10, Name: "office", Members: []string{"v0", "v1"}}, 20: {ID: 20, Suspended: true}},
	}
}

func TestSwitchState(t *testing.T) {
	s := fullSwitch()
	compare(t, texts(SwitchState(s), VLANState("red", s.VLANs[10]), VLANState("red", s.VLANs[20]), MemberState("red", "a", "v0")),
		prefixed("/network-instances/network-instance[name=red]/",
			"name = red", "state/name = red", "state/type = L2VSI", "state/enabled = true",
			"fdb/state/mac-learning = true", "fdb/state/mac-aging-time = 300", "fdb/state/maximum-entries = 100",
			"fdb/state/static-entries = 2",
			"vlans/vlan[vlan-id=10]/vlan-id = 10", "vlans/vlan[vlan-id=10]/state/vlan-id = 10",
			"vlans/vlan[vlan-id=10]/state/name = office", "vlans/vlan[vlan-id=10]/state/status = ACTIVE",
			"vlans/vlan[vlan-id=10]/state/member = v0,v1",
			"vlans/vlan[vlan-id=20]/vlan-id = 20", "vlans/vlan[vlan-id=20]/state/vlan-id = 20",
			"vlans/vlan[vlan-id=20]/state/status = SUSPENDED",
			"interfaces/interface[id=a]/id = a", "interfaces/interface[id=a]/state/id = a",
			"interfaces/interface[id=a]/state/interface = v0"))
	if got := instanceType(spec.DefaultSwitch); got != "DEFAULT_INSTANCE" {
		t.Errorf("the default switch is of type %s", got)
	}
}

func TestPortComponent(t *testing.T) {
	tests := []struct {
		name  string
		iface spec.Interface
		want  string // oper-status; "" for no component
	}{
		{"NIC that is up", spec.Interface{Present: true, AdminUp: true, Oper: spec.OperUp}, "ACTIVE"},
		{"NIC without carrier", spec.Interface{Present: true, AdminUp: true, Oper: spec.OperDown}, "INACTIVE"},
		{"NIC that is off", spec.Interface{Present: true}, "DISABLED"},
		{"veth that is a port", spec.Interface{Present: true, LinkKind: "veth", Port: &spec.PortState{}}, "DISABLED"},
		{"veth that is a member", spec.Interface{Present: true, LinkKind: "veth", AdminUp: true, Oper: spec.OperUp, Member: &spec.MemberState{}}, "ACTIVE"},
		{"aggregate", spec.Interface{Present: true, Port: &spec.PortState{}, Aggregate: &spec.AggregateState{}}, ""},
		{"veth that is none", spec.Interface{Present: true, LinkKind: "veth"}, ""},
		{"port that is not there", spec.Interface{Port: &spec.PortState{}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := PortComponent(&tt.iface)
			got := ""
			if r != nil {
				got = r.Leaves[len(r.Leaves)-1].Value.Str()
			}
			if got != tt.want {
				t.Errorf("status %q, want %q", got, tt.want)
			}
		})
	}
}

// firmware is a machine whose firmware tells everything.
func firmware(t *testing.T) *host.Host {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"sys_vendor": "Maker", "product_name": "Model", "product_version": "2", "product_sku": "SKU-1",
		"product_serial": "S123", "bios_version": "1.0",
	} {
		file(t, filepath.Join(root, "sys/class/dmi/id", name), text)
	}
	file(t, filepath.Join(root, "proc/cpuinfo"), "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: EPYC\n")
	file(t, filepath.Join(root, "proc/sys/kernel/osrelease"), "6.1.0\n")
	file(t, filepath.Join(root, "etc/os-release"), "NAME=Debian\nPRETTY_NAME=\"Debian 12\"\nVERSION_ID=12\n")
	h, err := host.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func file(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestComponents(t *testing.T) {
	rows, err := Components(firmware(t), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, texts(rows...), slices.Concat(
		prefixed("/components/component[name=chassis]/",
			"name = chassis", "state/name = chassis", "state/type = CHASSIS", "state/oper-status = ACTIVE",
			"state/description = the machine that the element runs on", "state/mfg-name = Maker", "state/model-name = Model",
			"state/hardware-version = 2", "state/firmware-version = 1.0", "state/part-no = SKU-1", "state/serial-no = S123"),
		prefixed("/components/component[name=operating-system]/",
			"name = operating-system", "state/name = operating-system", "state/type = OPERATING_SYSTEM",
			"state/oper-status = ACTIVE", "state/description = Debian 12", "state/mfg-name = Debian",
			"state/software-version = 12 (Linux 6.1.0)", "state/parent = chassis"),
		prefixed("/components/component[name=signalbox]/",
			"name = signalbox", "state/name = signalbox", "state/type = SOFTWARE_MODULE", "state/oper-status = ACTIVE",
			"state/description = the switch element", "state/software-version = 1.2.3", "state/parent = operating-system"),
		prefixed("/components/component[name=cpu-0]/",
			"name = cpu-0", "state/name = cpu-0", "state/type = CPU", "state/oper-status = ACTIVE", "state/id = 0",
			"state/description = EPYC", "state/mfg-name = AuthenticAMD", "state/parent = chassis"),
	))
}

func TestGRPCServerState(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9339": "127.0.0.1", "[::]:9339": "ANY", "0.0.0.0:9339": "ANY", "[::ffff:192.0.2.1]:9339": "192.0.2.1", "[2001:db8::1]:9339": "2001:db8::1",
	} {
		compare(t, texts(GRPCServerState(netip.MustParseAddrPort(address), true)),
			prefixed("/system/grpc-servers/grpc-server[name=DEFAULT]/",
				"name = DEFAULT", "state/name = DEFAULT", "state/services = GNMI", "state/enable = true", "state/port = 9339",
				"state/listen-addresses = "+want, "state/transport-security = true"))
	}
}

func TestCollectorState(t *testing.T) {
	prefix := "/system/grpc-servers/grpc-server[name=DEFAULT]/dial-out/collector[address=192.0.2.1:57400]/"
	compare(t, texts(CollectorState(Collector{Address: "192.0.2.1:57400", Target: "sw1"})),
		prefixed(prefix, "address = 192.0.2.1:57400", "state/address = 192.0.2.1:57400", "state/target = sw1", "state/registered = false", "state/tries = 0", "state/sessions = 0"))
	compare(t, texts(CollectorState(Collector{Address: "192.0.2.1:57400", Target: "sw1", Registered: true, Since: time.Unix(5, 0), Tries: 2, Sessions: 1})),
		prefixed(prefix, "address = 192.0.2.1:57400", "state/address = 192.0.2.1:57400", "state/target = sw1", "state/registered = true",
			"state/last-change = 5000000000", "state/tries = 2", "state/sessions = 1"))
}

// allRows is everything that the rows of this package can say.
func allRows(t *testing.T) []*Row {
	t.Helper()
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	system, err := SystemState(h)
	if err != nil {
		t.Fatal(err)
	}
	process, err := ProcessState(h)
	if err != nil {
		t.Fatal(err)
	}
	components, err := Components(firmware(t), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	rates := NewRates(nil, slog.Default())
	rates.Follow("eth1", DefaultLoadInterval)
	trunk, access, sw := fullInterface(t), fullInterface(t), fullSwitch()
	access.Port.Mode = spec.Access
	team := fullAggregate(spec.StaticLAG)
	team.Port.Mode = spec.Access
	components = append(components, SFlowState(fullSFlow())...)
	components = append(components, QoSInterface(fullQoS(), fullQoSNames())...)
	components = append(components, InterfaceState(fullQoS()))
	components = append(components, LLDPInterface(fullLLDP())...)
	components = append(components, DCBState(fullDCB())...)
	components = append(components, DCBState(&spec.Interface{Name: "eth2", DCB: &spec.DCBState{Reason: "none"}})...)
	components = append(components, VirtualFunctions(fullSRIOV())...)
	components = append(components, InterfaceState(fullSRIOV()))
	components = append(components, LLDPSystem(&spec.LLDP{Suppressed: spec.LLDPSystemName}, ownLLDP()))
	return append(components, system, process, InterfaceState(trunk), InterfaceState(access), PortComponent(trunk),
		InterfaceState(team), InterfaceState(fullAggregate(spec.SwitchIndependent)), InterfaceState(fullMember(t)),
		LACPSystem(1), LACPInterface(fullAggregate(spec.LACPManaged)), LACPMember(fullMember(t)),
		rates.LoadInterval("eth1"), SwitchState(sw), VLANState("red", sw.VLANs[10]), MemberState("red", "a", "v0"),
		ConfigurationTime(time.Unix(1, 0)), UnconfirmedCommit("night", time.Unix(2, 0)), ConfigurationVersion(7, time.Unix(1, 0), "admin"),
		GRPCServerState(netip.MustParseAddrPort("[::]:1"), false),
		CollectorState(Collector{Address: "192.0.2.1:57400", Target: "sw1", Since: time.Unix(1, 0), Tries: 3, Sessions: 1, Err: "refused"}),
		SessionState(fullSession(spec.TraceRunning)), SessionState(fullSession(spec.TraceFailed)), eventRow())
}

// fullSFlow has each thing that can be configured of sFlow.
func fullSFlow() *SFlow {
	return &SFlow{
		Enabled: true, IPv4: netip.MustParseAddr("192.0.2.1"), IPv6: netip.MustParseAddr("2001:db8::1"), DSCP: 46, SampleSize: 128, Rate: 1000, Polling: time.Second,
		Interfaces: map[string]SFlowInterface{"eth1": {Enabled: true, Rate: 10, Polling: 2 * time.Second}},
		Collectors: []SFlowCollector{{At: netip.MustParseAddrPort("192.0.2.9:6343"), Source: netip.MustParseAddr("192.0.2.1"), Datagram: 1400}},
	}
}

type source interface {
	Leaves() []ocpath.ID
	Events() bool
	Read(context.Context, []string, func([]string, []schema.Value) error) (time.Time, error)
}

// sources are all of this package.
func sources(h *host.Host, load *Load, rates *Rates, device fixed) []source {
	engine := telemetry.New(telemetry.Options{})
	return []source{NewCounters(device, device), NewDiscards(device), NewLACPCounters(device), NewLLDPCounters(nil), NewLLDPTotals(nil), NewLLDPAges(nil), NewLLDPAddresses(nil), NewLLDPManagementInterface(nil), NewPFCCounters(nil), NewVFCounters(nil),
		NewQoSQueues(nil, true), NewQoSQueues(nil, false), NewQoSTerms(nil, true), NewQoSTerms(nil, false), NewQoSPolicers(nil), rates, NewFDB(device), NewFDBCounts(device),
		NewSystemCPUs(load), NewComponentCPUs(load), NewSystemGauges(h), NewProcessUsage(h, load), NewSubscriptions(engine), NewSubscriptionTotals(engine),
		NewSessionCounters(traced{}), NewPacketTests(explained{}), NewPacketTestSteps(explained{}), NewPacketTestOutputs(explained{}), NewSFlowSent(nil), NewSFlowSampled(nil)}
}

// TestEveryStateLeafIsTold walks the served schema: each state leaf comes from
// a row or a source, and from one of them.
func TestEveryStateLeafIsTold(t *testing.T) {
	from := map[ocpath.ID]string{}
	for _, r := range allRows(t) {
		for _, leaf := range r.Leaves {
			from[leaf.ID] = "row"
		}
	}
	for _, s := range sources(nil, nil, nil, fixed{}) {
		for _, id := range s.Leaves() {
			if from[id] != "" {
				t.Errorf("%s is told by a source and by a %s", ocpath.Path(id), from[id])
			}
			from[id] = "source"
		}
	}
	for id := range ocpath.ID(ocpath.Len()) {
		n := ocpath.Get(id)
		switch {
		case !n.IsLeaf(), slices.Contains(ocpath.Get(n.Parent).Keys, id): // a key comes with its entry
		case n.Config && from[id] != "":
			t.Errorf("%s is configuration and told as state", ocpath.Path(id))
		case !n.Config && from[id] == "":
			t.Errorf("%s is served and nothing tells it", ocpath.Path(id))
		}
	}
}

// checkValue proves that a value is one of its leaf's type: its text is read
// back as the same. A string with a comma in it is no text of a leaf-list, and
// a union may take a name for a string.
func checkValue(t *testing.T, id ocpath.ID, value schema.Value) {
	t.Helper()
	elems := []schema.Value{value}
	if ocpath.Get(id).Kind == ocpath.LeafList {
		elems = value.List()
	}
	for _, e := range elems {
		parsed, err := schema.Parse(id, e.String())
		if ocpath.Get(id).Kind == ocpath.LeafList && len(parsed.List()) == 1 {
			parsed = parsed.List()[0]
		}
		same := parsed.Equal(e) || ocpath.Get(id).Type == ocpath.Union && parsed.String() == e.String()
		if err != nil || !same {
			t.Errorf("%s: told as %#v, read back as %#v, %v", ocpath.Path(id), e, parsed, err)
		}
	}
}

func TestRowsFitTheSchema(t *testing.T) {
	for _, r := range allRows(t) {
		for _, leaf := range r.Leaves {
			checkValue(t, leaf.ID, leaf.Value)
			if list := schema.NearestList(leaf.ID); list != r.List || len(r.Keys) != schema.KeyCount(leaf.ID) {
				t.Errorf("%s: in a row of %s with keys %v", ocpath.Path(leaf.ID), ocpath.Path(r.List), r.Keys)
			}
		}
	}
}
