package openconfig

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
)

// tree reads a configuration by RFC 7951.
func tree(t *testing.T, text string) *oc.Device {
	t.Helper()
	d := new(oc.Device)
	if err := oc.Unmarshal([]byte(text), d); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// touchAll notes everything in a configuration.
func touchAll(d *oc.Device) Touched {
	t := NewTouched()
	for name := range interfaces(d) {
		t.Interfaces[name] = struct{}{}
	}
	for name := range instances(d) {
		touchInstance(t, d, name)
	}
	for name := range lacpInterfaces(d) {
		t.lacp[name] = struct{}{}
	}
	for name := range lldpInterfaces(d) {
		t.lldp[name] = struct{}{}
	}
	t.lldp[""] = struct{}{}
	touchQoS(t.qos, d)
	for id := range sessions(d) {
		t.sessions[id] = struct{}{}
	}
	return t
}

// touchInstance notes everything in one network instance.
func touchInstance(t Touched, d *oc.Device, name string) {
	p, instance := t.instance(name), instances(d)[name]
	for id := range members(instance) {
		p.members[id] = struct{}{}
	}
	for id := range vlanList(instance) {
		p.vlans[id] = struct{}{}
	}
	for key := range statics(instance) {
		p.statics[key] = struct{}{}
	}
}

// decode validates and translates the whole of a configuration.
func decode(d *oc.Device) (*Config, spec.Change, error) { return NewConfig().Next(d, touchAll(d)) }

// The parts of a configuration that most tests need.
const (
	p1Name   = `"name":"p1","config":{"name":"p1","type":"iana-if-type:ethernetCsmacd"}`
	p1Port   = `{` + p1Name + `,"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}}}`
	blueName = `"name":"blue","config":{"name":"blue","type":"openconfig-network-instance-types:L2VSI"}`
)

func interfacesText(entries ...string) string {
	return `"openconfig-interfaces:interfaces":{"interface":[` + strings.Join(entries, ",") + `]}`
}

func instancesText(entries ...string) string {
	return `"openconfig-network-instance:network-instances":{"network-instance":[` + strings.Join(entries, ",") + `]}`
}

// p1With is p1 with members of its config container and with siblings of it.
func p1With(config, beside string) string {
	return `{` + interfacesText(`{"name":"p1","config":{"name":"p1"`+config+`}`+beside+`}`) + `}`
}

// p1VLAN is p1 with switched-vlan.
func p1VLAN(members string) string {
	return p1With(ethernet, `,"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{`+members+`}}}`)
}

// blueWith is the switch blue, beside the access port p1, with what it has.
func blueWith(members string) string {
	return `{` + interfacesText(p1Port) + `,` + instancesText(`{`+blueName+members+`}`) + `}`
}

const ethernet = `,"type":"iana-if-type:ethernetCsmacd"`

// listed makes p1 a member of the instance that it is put into.
const listed = `,"interfaces":{"interface":[{"id":"a","config":{"id":"a","interface":"p1"}}]}`

func static(mac string, vlan int, port string) string {
	ref := ""
	if port != "" {
		ref = `,"interface":{"interface-ref":{"config":{"interface":"` + port + `"}}}`
	}
	return fmt.Sprintf(`,"fdb":{"mac-table":{"entries":{"entry":[{"mac-address":"%s","vlan":%d,"config":{"mac-address":"%s","vlan":%d}%s}]}}}`, mac, vlan, mac, vlan, ref)
}

const vlan10 = `,"vlans":{"vlan":[{"vlan-id":10,"config":{"vlan-id":10,"name":"ten","status":"SUSPENDED"}}]}`

func vlanSet(ids ...uint16) (set spec.VLANSet) {
	for _, id := range ids {
		set.Add(id)
	}
	return set
}

func TestDecode(t *testing.T) {
	access := func(onSwitch string) *spec.Port {
		return &spec.Port{Name: "p1", Enabled: true, Switched: &spec.Switched{Switch: onSwitch, Mode: spec.Access, PVID: 10}}
	}
	trunk := vlanSet(10)
	trunk.AddRange(20, 30)
	tests := []struct {
		name string
		tree string
		want spec.Config
	}{
		{"nothing", `{}`, spec.Config{}},
		{
			"an interface with defaults", p1With(ethernet, ""),
			spec.Config{Ports: map[string]*spec.Port{"p1": {Name: "p1", Enabled: true}}},
		},
		{
			"an interface with everything",
			p1With(ethernet+`,"enabled":false,"description":"to the attic","mtu":9000`,
				`,"hold-time":{"config":{"up":100,"down":20}},"openconfig-if-ethernet:ethernet":{"config":{"mac-address":"02:00:00:00:00:0A"}}`),
			spec.Config{Ports: map[string]*spec.Port{"p1": {
				Name: "p1", Description: "to the attic", MTU: 9000, MAC: spec.MAC{2, 0, 0, 0, 0, 10},
				HoldUp: 100 * time.Millisecond, HoldDown: 20 * time.Millisecond,
			}}},
		},
		{
			"an access port of the default switch", p1VLAN(`"interface-mode":"ACCESS","access-vlan":10`),
			spec.Config{Ports: map[string]*spec.Port{"p1": access("default")}},
		},
		{
			"a trunk with native VLAN and ranges", p1VLAN(`"interface-mode":"TRUNK","native-vlan":5,"trunk-vlans":[10,"20..30"]`),
			spec.Config{Ports: map[string]*spec.Port{"p1": {Name: "p1", Enabled: true, Switched: &spec.Switched{Switch: "default", Mode: spec.Trunk, PVID: 5, Tagged: trunk}}}},
		},
		{
			"a trunk of all VLANs", p1VLAN(`"interface-mode":"TRUNK"`),
			spec.Config{Ports: map[string]*spec.Port{"p1": {Name: "p1", Enabled: true, Switched: &spec.Switched{Switch: "default", Mode: spec.Trunk, AllVLANs: true}}}},
		},
		{
			"a switch with everything",
			blueWith(listed + vlan10 + `,"fdb":{"config":{"mac-learning":false,"mac-aging-time":30,"maximum-entries":100},"mac-table":{"entries":{"entry":[{"mac-address":"02:00:00:00:00:01","vlan":10,"config":{"mac-address":"02:00:00:00:00:01","vlan":10},"interface":{"interface-ref":{"config":{"interface":"p1"}}}}]}}}`),
			spec.Config{
				Ports: map[string]*spec.Port{"p1": access("blue")},
				Switches: map[string]*spec.Switch{"blue": {
					Name: "blue", Enabled: true, Ageing: 30 * time.Second, MaxEntries: 100,
					VLANs:  map[uint16]spec.VLAN{10: {ID: 10, Name: "ten", Suspended: true}},
					Static: map[spec.FDBKey]string{{VLAN: 10, MAC: spec.MAC{2, 0, 0, 0, 0, 1}}: "p1"},
				}},
			},
		},
		{
			"the default switch with defaults, disabled",
			`{` + instancesText(`{"name":"default","config":{"name":"default","type":"openconfig-network-instance-types:DEFAULT_INSTANCE","signalbox-switch:enabled":false}}`) + `}`,
			spec.Config{Switches: map[string]*spec.Switch{"default": {Name: "default", Learning: true, Ageing: spec.DefaultAgeing, VLANs: map[uint16]spec.VLAN{}}}},
		},
		{
			"an ageing time of 0 keeps entries",
			`{` + instancesText(`{`+blueName+`,"fdb":{"config":{"mac-aging-time":0}}}`) + `}`,
			spec.Config{Switches: map[string]*spec.Switch{"blue": {Name: "blue", Enabled: true, Learning: true, VLANs: map[uint16]spec.VLAN{}}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, change, err := decode(tree(t, tt.tree))
			if err != nil {
				t.Fatal(err)
			}
			want := spec.Change{Ports: tt.want.Ports, Switches: tt.want.Switches}
			if want.Ports == nil {
				want.Ports = map[string]*spec.Port{}
			}
			if want.Switches == nil {
				want.Switches = map[string]*spec.Switch{}
			}
			if diff := cmp.Diff(want, change); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const (
		p1     = "/interfaces/interface[name=p1]"
		vlan   = p1 + "/ethernet/switched-vlan/config/"
		blue   = "/network-instances/network-instance[name=blue]"
		member = blue + "/interfaces/interface[id=a]/config/interface"
	)
	entry := func(mac string) string {
		return blue + "/fdb/mac-table/entries/entry[mac-address=" + mac + "][vlan=10]"
	}
	const station = "02:00:00:00:00:01"
	tests := []struct {
		name   string
		tree   string
		path   string
		reason string
		kind   Kind
	}{
		{"loopback", `{` + interfacesText(`{"name":"lo","config":{"name":"lo"`+ethernet+`}}`) + `}`, "/interfaces/interface[name=lo]", "loopback", Invalid},
		{"long name", `{` + interfacesText(`{"name":"sixteen-octets-x","config":{"name":"sixteen-octets-x"`+ethernet+`}}`) + `}`, "/interfaces/interface[name=sixteen-octets-x]", "1 to 15 octets", Invalid},
		{"slash in a name", `{` + interfacesText(`{"name":"a/b","config":{"name":"a/b"`+ethernet+`}}`) + `}`, "/interfaces/interface[name=a/b]", "slash", Invalid},
		{"type missing", p1With(`,"mtu":1500`, ""), p1 + "/config/type", "is missing: set it to ethernetCsmacd", Invalid},
		{"unknown kind", p1With(`,"type":"iana-if-type:softwareLoopback"`, ""), p1 + "/config/type", "softwareLoopback is not served: only ethernetCsmacd and", Invalid},
		{"mtu", p1With(ethernet+`,"mtu":67`, ""), p1 + "/config/mtu", "67: want 68 to 65535", Invalid},
		{"description", p1With(ethernet+`,"description":"`+strings.Repeat("x", 256)+`"`, ""), p1 + "/config/description", "at most 255", Invalid},
		{"load interval", p1With(ethernet, `,"openconfig-if-rates:rates":{"config":{"load-interval":0}}`), p1 + "/rates/config/load-interval", "seconds", Invalid},
		{"multicast address", p1With(ethernet, `,"openconfig-if-ethernet:ethernet":{"config":{"mac-address":"01:00:5e:00:00:01"}}`), p1 + "/ethernet/config/mac-address", "group address", Invalid},
		{"zero address", p1With(ethernet, `,"openconfig-if-ethernet:ethernet":{"config":{"mac-address":"00:00:00:00:00:00"}}`), p1 + "/ethernet/config/mac-address", "nobody", Invalid},

		{"mode missing", p1VLAN(`"access-vlan":10`), vlan + "interface-mode", "set it to ACCESS or TRUNK", Invalid},
		{"access VLAN missing", p1VLAN(`"interface-mode":"ACCESS"`), vlan + "access-vlan", "is missing", Invalid},
		{"access VLAN 0", p1VLAN(`"interface-mode":"ACCESS","access-vlan":0`), vlan + "access-vlan", "vlan 0: want 1 to 4094", Invalid},
		{"access VLAN 4095", p1VLAN(`"interface-mode":"ACCESS","access-vlan":4095`), vlan + "access-vlan", "vlan 4095: want 1 to 4094", Invalid},
		{"native VLAN 0", p1VLAN(`"interface-mode":"TRUNK","native-vlan":0`), vlan + "native-vlan", "vlan 0", Invalid},
		{"trunk VLAN 4095", p1VLAN(`"interface-mode":"TRUNK","trunk-vlans":[4095]`), vlan + "trunk-vlans", "vlan 4095", Invalid},
		{"range the wrong way", p1VLAN(`"interface-mode":"TRUNK","trunk-vlans":["30..20"]`), vlan + "trunk-vlans", "x below y", Invalid},
		{"range of one", p1VLAN(`"interface-mode":"TRUNK","trunk-vlans":["20..20"]`), vlan + "trunk-vlans", "x below y", Invalid},
		{"overlapping ranges", p1VLAN(`"interface-mode":"TRUNK","trunk-vlans":["10..20","20..30"]`), vlan + "trunk-vlans", "vlan 20 is in the list already", Invalid},
		{"a VLAN and a range", p1VLAN(`"interface-mode":"TRUNK","trunk-vlans":["10..20",15]`), vlan + "trunk-vlans", "vlan 15 is in the list already", Invalid},
		{"access leaf in TRUNK", p1VLAN(`"interface-mode":"TRUNK","access-vlan":10`), vlan + "access-vlan", "is for interface-mode ACCESS", Invalid},
		{"native leaf in ACCESS", p1VLAN(`"interface-mode":"ACCESS","access-vlan":10,"native-vlan":10`), vlan + "native-vlan", "is for interface-mode TRUNK", Invalid},
		{"trunk leaf in ACCESS", p1VLAN(`"interface-mode":"ACCESS","access-vlan":10,"trunk-vlans":[10]`), vlan + "trunk-vlans", "is for interface-mode TRUNK", Invalid},

		{"instance type missing", `{` + instancesText(`{"name":"blue","config":{"name":"blue"}}`) + `}`, blue + "/config/type", "set it to L2VSI", Invalid},
		{"DEFAULT_INSTANCE elsewhere", `{` + instancesText(`{"name":"blue","config":{"name":"blue","type":"openconfig-network-instance-types:DEFAULT_INSTANCE"}}`) + `}`, blue + "/config/type", "is for default only", Invalid},
		{"routing instance", `{` + instancesText(`{"name":"blue","config":{"name":"blue","type":"openconfig-network-instance-types:L3VRF"}}`) + `}`, blue + "/config/type", "L3VRF is not served", Invalid},
		{"maximum entries 0", blueWith(`,"fdb":{"config":{"maximum-entries":0}}`), blue + "/fdb/config/maximum-entries", "want 1 or more", Invalid},
		{"VLAN 0", blueWith(`,"vlans":{"vlan":[{"vlan-id":0,"config":{"vlan-id":0}}]}`), blue + "/vlans/vlan[vlan-id=0]", "want 1 to 4094", Invalid},
		{"member without interface", blueWith(`,"interfaces":{"interface":[{"id":"a","config":{"id":"a"}}]}`), member, "is missing", Invalid},
		{"member not configured", blueWith(`,"interfaces":{"interface":[{"id":"a","config":{"id":"a","interface":"p9"}}]}`), member, "p9 is not configured", Invalid},
		{
			"port on two switches",
			`{` + interfacesText(p1Port) + `,` + instancesText(`{`+blueName+listed+`}`, `{`+strings.ReplaceAll(blueName, "blue", "red")+listed+`}`) + `}`,
			"/network-instances/network-instance[name=red]/interfaces/interface[id=a]/config/interface", "is listed by " + blue, Invalid,
		},
		{
			"port listed twice by one switch",
			blueWith(`,"interfaces":{"interface":[{"id":"a","config":{"id":"a","interface":"p1"}},{"id":"b","config":{"id":"b","interface":"p1"}}]}`),
			blue + "/interfaces/interface[id=b]/config/interface", "is listed by", Invalid,
		},

		{"multicast static entry", blueWith(listed + vlan10 + static("01:00:00:00:00:01", 10, "p1")), entry("01:00:00:00:00:01") + "/config/mac-address", "group address", Invalid},
		{"zero static entry", blueWith(listed + vlan10 + static("00:00:00:00:00:00", 10, "p1")), entry("00:00:00:00:00:00") + "/config/mac-address", "nobody", Invalid},
		{"static entry on an unknown VLAN", blueWith(listed + static(station, 10, "p1")), entry(station) + "/config/vlan", "set " + blue + "/vlans/vlan[vlan-id=10]", Invalid},
		{"static entry without port", blueWith(listed + vlan10 + static(station, 10, "")), entry(station) + "/interface/interface-ref/config/interface", "is missing", Invalid},
		{"static entry to an unknown port", blueWith(listed + vlan10 + static(station, 10, "p9")), entry(station) + "/interface/interface-ref/config/interface", "p9 is not configured", Invalid},
		{"static entry to another switch's port", blueWith(vlan10 + static(station, 10, "p1")), entry(station) + "/interface/interface-ref/config/interface", "p1 is on switch default", Invalid},
		{
			"static entry to no switch port",
			`{` + interfacesText(`{`+p1Name+`}`) + `,` + instancesText(`{`+blueName+listed+vlan10+static(station, 10, "p1")+`}`) + `}`,
			entry(station) + "/interface/interface-ref/config/interface", "is no switch port", Invalid,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := decode(tree(t, tt.tree))
			for _, e := range Errors(err, 0) {
				if e.Path == tt.path && strings.Contains(e.Reason, tt.reason) && e.Kind == tt.kind {
					return
				}
			}
			t.Errorf("error: %v\nwant %s: %s (%s)", err, tt.path, tt.reason, tt.kind)
		})
	}
}

func TestSameAddressInCapitalsIsRefused(t *testing.T) {
	one := static("02:00:00:00:00:0a", 10, "p1")
	two := strings.ReplaceAll(one, "0a", "0A")
	both := one[:len(one)-len("]}}}")] + "," + two[strings.Index(two, "[")+1:]
	if _, _, err := decode(tree(t, blueWith(listed+vlan10+both))); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("error %v", err)
	}
}

// TestDecodeOfATransaction gives only what a transaction touches.
func TestDecodeOfATransaction(t *testing.T) {
	entries := vlan10 + static("02:00:00:00:00:01", 10, "p1")
	tests := []struct {
		name          string
		before, after string
		interfaces    []string
		instances     []string
		ports         []string // "-p1" is gone
		switches      []string
		refused       string // path
	}{
		{"one of two interfaces", `{` + interfacesText(p1Port, strings.ReplaceAll(p1Port, "p1", "p2")) + `}`, `{` + interfacesText(p1Port, strings.ReplaceAll(p1Port, "p1", "p2")) + `}`, []string{"p2"}, nil, []string{"p2"}, nil, ""},
		{"an interface goes", `{` + interfacesText(p1Port) + `}`, `{}`, []string{"p1"}, nil, []string{"-p1"}, nil, ""},
		{"a switch goes and its port moves", blueWith(listed), `{` + interfacesText(p1Port) + `}`, nil, []string{"blue"}, []string{"p1"}, []string{"-blue"}, ""},
		{"a switch lists a port", blueWith(""), blueWith(listed), nil, []string{"blue"}, []string{"p1"}, []string{"blue"}, ""},
		{"an interface goes that is listed", blueWith(listed), `{` + instancesText(`{`+blueName+listed+`}`) + `}`, []string{"p1"}, nil, nil, nil, "/network-instances/network-instance[name=blue]/interfaces/interface[id=a]/config/interface"},
		{"a port leaves the switch of its static entry", blueWith(listed + entries), blueWith(entries), nil, []string{"blue"}, nil, nil, "/network-instances/network-instance[name=blue]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]/interface/interface-ref/config/interface"},
		{"an interface is a switch port no more", blueWith(listed + entries), `{` + interfacesText(`{`+p1Name+`}`) + `,` + instancesText(`{`+blueName+listed+entries+`}`) + `}`, []string{"p1"}, nil, nil, nil, "/network-instances/network-instance[name=blue]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]/interface/interface-ref/config/interface"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to := tree(t, tt.before), tree(t, tt.after)
			before, start, err := decode(from)
			if err != nil {
				t.Fatal(err)
			}
			touched := NewTouched()
			for _, name := range tt.interfaces {
				touched.Interfaces[name] = struct{}{}
			}
			for _, name := range tt.instances {
				touchInstance(touched, from, name)
				touchInstance(touched, to, name)
			}
			after, change, err := before.Next(to, touched)
			if tt.refused != "" {
				var refused *Error
				if !errors.As(err, &refused) || refused.Path != tt.refused {
					t.Fatalf("error %v, want one about %s", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.ports, changeNames(change.Ports)); diff != "" {
				t.Errorf("ports: %s", diff)
			}
			if diff := cmp.Diff(tt.switches, changeNames(change.Switches)); diff != "" {
				t.Errorf("switches: %s", diff)
			}
			after.matches(t, to)
			back, err := before.Of(change)
			if err != nil {
				t.Fatal(err)
			}
			for name, port := range back.Ports {
				if diff := cmp.Diff(start.Ports[name], port); diff != "" {
					t.Errorf("taken back: %s", diff)
				}
			}
			for name, sw := range back.Switches {
				if diff := cmp.Diff(start.Switches[name], sw); diff != "" {
					t.Errorf("taken back: %s", diff)
				}
			}
		})
	}
}

// matches wants what was decoded step by step to be what is decoded as a whole.
func (c *Config) matches(t *testing.T, d *oc.Device) {
	t.Helper()
	whole, _, err := decode(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole.switches, c.switches); diff != "" {
		t.Errorf("switches, step by step: %s", diff)
	}
	if diff := cmp.Diff(whole.index.text(), c.index.text()); diff != "" {
		t.Errorf("index, step by step: %s", diff)
	}
}

func (x *index) text() (lines []string) {
	x.members.Scan(func(port string, list []listing) bool {
		lines = append(lines, fmt.Sprint(port, " ", list))
		return true
	})
	x.teams.Scan(func(aggregate string, list []string) bool {
		lines = append(lines, fmt.Sprint(aggregate, " ", list))
		return true
	})
	x.statics.Scan(func(port string, list []station) bool {
		lines = append(lines, fmt.Sprint(port, " ", list))
		return true
	})
	return lines
}

func changeNames[V any](m map[string]*V) (names []string) {
	for name, v := range m {
		if v == nil {
			name = "-" + name
		}
		names = append(names, name)
	}
	return names
}

func TestFromDevice(t *testing.T) {
	cause := errors.New("attach: permission denied")
	tests := []struct {
		name string
		err  error
		want []Error
	}{
		{"port", &spec.Invalid{Port: "p1", Reason: "r"}, []Error{{Kind: Invalid, Path: "/interfaces/interface[name=p1]", Reason: "r"}}},
		{"switch", &spec.Invalid{Switch: "s", Reason: "r"}, []Error{{Kind: Invalid, Path: "/network-instances/network-instance[name=s]", Reason: "r"}}},
		{"vlan", &spec.Invalid{Switch: "s", VLAN: 5, Reason: "r"}, []Error{{Kind: Invalid, Path: "/network-instances/network-instance[name=s]/vlans/vlan[vlan-id=5]", Reason: "r"}}},
		{"full", &spec.Invalid{Port: "p1", Full: true, Reason: "r"}, []Error{{Kind: Exhausted, Path: "/interfaces/interface[name=p1]", Reason: "r"}}},
		{"unsupported", &spec.Invalid{Port: "p1", DCB: spec.DCBPlace{Part: spec.DCBTrafficClass, Number: 5}, Unsupported: true, Reason: "r"},
			[]Error{{Kind: Unimplemented, Path: "/interfaces/interface[name=p1]/dcb/ets/traffic-classes/traffic-class[id=5]", Reason: "r"}}},
		{"kernel", fmt.Errorf("port p1: %w", cause), []Error{{Kind: Unavailable, Reason: "port p1: attach: permission denied"}}},
		{"both", errors.Join(&spec.Invalid{Port: "p1", Reason: "r"}, cause), []Error{{Kind: Invalid, Path: "/interfaces/interface[name=p1]", Reason: "r"}, {Kind: Unavailable, Reason: cause.Error()}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Errors(FromDevice(tt.err), 0)
			if len(got) != len(tt.want) {
				t.Fatalf("%v, want %v", got, tt.want)
			}
			for i, w := range tt.want {
				if got[i].Kind != w.Kind || got[i].Path != w.Path || got[i].Reason != w.Reason {
					t.Errorf("%+v, want %+v", got[i], w)
				}
			}
		})
	}
}
