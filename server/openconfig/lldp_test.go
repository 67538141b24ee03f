package openconfig

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// discovery is a configuration of LLDP beside p1 and p2.
func discovery(config, listed string) string {
	return `{` + interfacesText(p1Port, strings.ReplaceAll(p1Port, "p1", "p2")) +
		`,"openconfig-lldp:lldp":{"config":{` + config + `},"interfaces":{"interface":[` + listed + `]}}}`
}

const listedP1 = `{"name":"p1","config":{"name":"p1"}}`

func TestLLDP(t *testing.T) {
	off := strings.Replace(listedP1, `"name":"p1"}`, `"name":"p1","enabled":false}`, 1)
	tests := []struct {
		name, config, listed string
		want                 spec.LLDP
	}{
		{"defaults", "", listedP1, spec.LLDP{Enabled: true}},
		{"off", "", off, spec.LLDP{}},
		{"off everywhere", `"enabled":false`, listedP1, spec.LLDP{}},
		{
			"all", `"hello-timer":"5","ttl":20,"system-name":"sw1","system-description":"d","suppress-tlv-advertisement":["openconfig-lldp-types:SYSTEM_NAME","openconfig-lldp-types:MANAGEMENT_ADDRESS"]`,
			`{"name":"p1","config":{"name":"p1","port-description":"here"}}`,
			spec.LLDP{Enabled: true, Interval: 5 * time.Second, TTL: 20 * time.Second, SystemName: "sw1", SystemDescription: "d",
				PortDescription: "here", Suppressed: spec.LLDPSystemName | spec.LLDPManagementAddress},
		},
		{"management", `"management-interface":"eth9"`, listedP1, spec.LLDP{Enabled: true, ManagementInterface: "eth9"}},
		{"chassis by name", `"chassis-id":"rack"`, listedP1, spec.LLDP{Enabled: true, Chassis: spec.LLDPID{Subtype: 7, Value: "rack"}}},
		{"chassis by address", `"chassis-id":"192.0.2.1","chassis-id-type":"NETWORK_ADDRESS"`, listedP1,
			spec.LLDP{Enabled: true, Chassis: spec.LLDPID{Subtype: 5, Value: "\x01\xc0\x00\x02\x01"}}},
		{"chassis by MAC", `"chassis-id":"02:00:00:00:00:01","chassis-id-type":"MAC_ADDRESS"`, listedP1,
			spec.LLDP{Enabled: true, Chassis: spec.LLDPID{Subtype: 4, Value: "\x02\x00\x00\x00\x00\x01"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, change, err := decode(tree(t, discovery(tt.config, tt.listed)))
			if err != nil {
				t.Fatal(err)
			}
			if got := change.Ports["p1"].LLDP; got == nil || *got != tt.want {
				t.Errorf("p1 has %+v, want %+v", got, tt.want)
			}
			if got := change.Ports["p2"].LLDP; got != nil {
				t.Errorf("p2 has %+v and is not listed", got)
			}
		})
	}
}

func TestLLDPRefused(t *testing.T) {
	tests := []struct{ name, config, listed, path string }{
		{"no time", `"hello-timer":"0"`, listedP1, "/lldp/config/hello-timer"},
		{"too long", `"hello-timer":"3601"`, listedP1, "/lldp/config/hello-timer"},
		{"kept for too short", `"hello-timer":"5","ttl":5`, listedP1, "/lldp/config/ttl"},
		{"kept for too short by default", `"ttl":30`, listedP1, "/lldp/config/ttl"},
		{"no MAC", `"chassis-id":"x","chassis-id-type":"MAC_ADDRESS"`, listedP1, "/lldp/config/chassis-id"},
		{"no address", `"chassis-id":"x","chassis-id-type":"NETWORK_ADDRESS"`, listedP1, "/lldp/config/chassis-id"},
		{"empty", `"chassis-id":""`, listedP1, "/lldp/config/chassis-id"},
		{"type alone", `"chassis-id-type":"LOCAL"`, listedP1, "/lldp/config/chassis-id-type"},
		{"long interface", `"management-interface":"` + strings.Repeat("x", 16) + `"`, listedP1, "/lldp/config/management-interface"},
		{"no interface's name", `"management-interface":""`, listedP1, "/lldp/config/management-interface"},
		{"mandatory", `"suppress-tlv-advertisement":["openconfig-lldp-types:PORT_ID"]`, listedP1, "/lldp/config/suppress-tlv-advertisement"},
		{"long description", "", `{"name":"p1","config":{"name":"p1","port-description":"` + strings.Repeat("x", 256) + `"}}`,
			"/lldp/interfaces/interface[name=p1]/config/port-description"},
		{"no interface", "", `{"name":"p9","config":{"name":"p9"}}`, "/lldp/interfaces/interface[name=p9]/config/name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := decode(tree(t, discovery(tt.config, tt.listed)))
			if found := Errors(err, 0); len(found) != 1 || found[0].Path != tt.path || found[0].Kind != Invalid {
				t.Errorf("refused with %v, want %s", err, tt.path)
			}
		})
	}
}

// TestLLDPTouches: a change costs the interfaces that it is about.
func TestLLDPTouches(t *testing.T) {
	before, _, err := decode(tree(t, discovery("", listedP1)))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		path schema.Path
		want []string
	}{
		{"an interface", at(ocpath.LldpInterfacesInterfaceConfigEnabled, "p1"), []string{"p1"}},
		{"all", at(ocpath.LldpConfigHelloTimer), []string{"p1"}},
		{"something else", at(ocpath.InterfacesInterfaceConfigDescription, "p2"), []string{"p2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			touched := NewTouched()
			touched.Add(tt.path)
			_, change, err := before.Next(tree(t, discovery(`"hello-timer":"7"`, listedP1)), touched)
			if got := slices.Sorted(maps.Keys(change.Ports)); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("changes %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func ownLLDP() spec.LLDP {
	return spec.LLDP{Chassis: spec.LLDPID{Subtype: 4, Value: "\x02\x00\x00\x00\x00\x01"}, SystemName: "host", SystemDescription: "Signalbox 1"}
}

func TestLLDPSystem(t *testing.T) {
	const prefix = "/lldp/state/"
	compare(t, texts(LLDPSystem(&spec.LLDP{Enabled: true}, ownLLDP())), prefixed(prefix, "enabled = true", "hello-timer = 30", "ttl = 121",
		"chassis-id = 02:00:00:00:00:01", "chassis-id-type = MAC_ADDRESS", "system-name = host", "system-description = Signalbox 1"))
	compare(t, texts(LLDPSystem(&spec.LLDP{Interval: 5 * time.Second, SystemName: "sw1", Chassis: spec.LLDPID{Subtype: 7, Value: "rack"}, Suppressed: spec.LLDPCapabilities}, ownLLDP())),
		prefixed(prefix, "enabled = false", "hello-timer = 5", "ttl = 21", "chassis-id = rack", "chassis-id-type = LOCAL",
			"system-name = sw1", "system-description = Signalbox 1", "suppress-tlv-advertisement = SYSTEM_CAPABILITIES"))
}

func fullLLDP() *spec.Interface {
	return &spec.Interface{Name: "p1", LLDP: &spec.LLDPState{Enabled: true, PortDescription: "here", Neighbors: []spec.LLDPNeighbor{{
		ID: 3, LLDPUnit: spec.LLDPUnit{
			Chassis: spec.LLDPID{Subtype: 5, Value: "\x01\xc0\x00\x02\x01"}, Port: spec.LLDPID{Subtype: 5, Value: "eth0"}, TTL: time.Minute,
			PortDescription: "there", SystemName: "sw2", SystemDescription: "other", HasCapabilities: true, Capabilities: 0x14, Enabled: 4,
			Management: []spec.LLDPManagement{
				{Address: netip.MustParseAddr("192.0.2.1"), InterfaceSubtype: 2, Interface: 7},
				{Address: netip.MustParseAddr("192.0.2.1"), InterfaceSubtype: 9, Interface: 8},
			},
			Custom: []spec.LLDPCustom{{OUI: [3]byte{0, 0x80, 0xc2}, Subtype: 1, Value: "\x00\x0a"}, {OUI: [3]byte{0, 0x80, 0xc2}, Subtype: 1, Value: "again"}},
		},
	}}}}
}

func TestLLDPInterface(t *testing.T) {
	const entry, neighbor = "/lldp/interfaces/interface[name=p1]/", "/lldp/interfaces/interface[name=p1]/neighbors/neighbor[id=3]/"
	want := prefixed(entry, "name = p1", "state/name = p1", "state/enabled = true", "state/port-description = here")
	want = append(want, prefixed(neighbor, "id = 3", "state/id = 3", "state/chassis-id = 192.0.2.1", "state/chassis-id-type = NETWORK_ADDRESS",
		"state/port-id = eth0", "state/port-id-type = INTERFACE_NAME", "state/ttl = 60", "state/port-description = there",
		"state/system-name = sw2", "state/system-description = other",
		"capabilities/capability[name=MAC_BRIDGE]/name = MAC_BRIDGE", "capabilities/capability[name=MAC_BRIDGE]/state/name = MAC_BRIDGE",
		"capabilities/capability[name=MAC_BRIDGE]/state/enabled = true", "capabilities/capability[name=ROUTER]/name = ROUTER",
		"capabilities/capability[name=ROUTER]/state/name = ROUTER", "capabilities/capability[name=ROUTER]/state/enabled = false",
		"mgmt-addresses/mgmt-address[address=192.0.2.1]/address = 192.0.2.1", "mgmt-addresses/mgmt-address[address=192.0.2.1]/state/address = 192.0.2.1",
		"mgmt-addresses/mgmt-address[address=192.0.2.1]/state/interface-number = 7",
		"mgmt-addresses/mgmt-address[address=192.0.2.1]/state/interface-number-subtype = IFINDEX")...)
	custom := neighbor + "custom-tlvs/tlv[type=127][oui=00-80-C2][oui-subtype=1]/"
	want = append(want, prefixed(custom, "type = 127", "oui = 00-80-C2", "oui-subtype = 1", "state/type = 127", "state/oui = 00-80-C2",
		"state/oui-subtype = 1", "state/value = AAo=")...)
	compare(t, texts(LLDPInterface(fullLLDP())...), want)
	if got := LLDPInterface(&spec.Interface{Name: "p2"}); got != nil {
		t.Errorf("an interface without LLDP has %v", texts(got...))
	}
}

// managed is a device that tells neighbors of two addresses, or of none.
type managed struct{ name string }

func (managed) LLDP() (map[string]spec.LLDPActivity, spec.LLDPCounters) {
	return nil, spec.LLDPCounters{}
}

func (m managed) LLDPManagement() (string, []spec.LLDPManagement) {
	if m.name == "" {
		return "", nil
	}
	return m.name, []spec.LLDPManagement{
		{Address: netip.MustParseAddr("192.0.2.1"), InterfaceSubtype: spec.LLDPIfIndex, Interface: 7},
		{Address: netip.MustParseAddr("2001:db8::1"), InterfaceSubtype: spec.LLDPIfIndex, Interface: 7},
	}
}

func TestLLDPManagement(t *testing.T) {
	read := func(s source, keys ...string) (got []string) {
		t.Helper()
		if _, err := s.Read(t.Context(), keys, func(keys []string, values []schema.Value) error {
			for i, leaf := range s.Leaves() {
				checkValue(t, leaf, values[i])
				got = append(got, at(leaf, keys...).String()+" = "+values[i].String())
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		return got
	}
	const four, six = "/lldp/mgmt-addresses/mgmt-address[address=192.0.2.1]/", "/lldp/mgmt-addresses/mgmt-address[address=2001:db8::1]/"
	is4 := prefixed(four, "address = 192.0.2.1", "state/address = 192.0.2.1", "state/interface-number = 7", "state/interface-number-subtype = IFINDEX")
	is6 := prefixed(six, "address = 2001:db8::1", "state/address = 2001:db8::1", "state/interface-number = 7", "state/interface-number-subtype = IFINDEX")
	compare(t, read(NewLLDPAddresses(managed{"eth9"})), append(slices.Clone(is4), is6...))
	compare(t, read(NewLLDPAddresses(managed{"eth9"}), "2001:db8::1"), is6)
	compare(t, read(NewLLDPAddresses(managed{})), nil)
	compare(t, read(NewLLDPManagementInterface(managed{"eth9"})), []string{"/lldp/state/management-interface = eth9"})
	compare(t, read(NewLLDPManagementInterface(managed{})), nil)
}
