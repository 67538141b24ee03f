package openconfig

import (
	"regexp"
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// blamed is a configuration in which each reason has a line to follow from:
// p1 is an access port, p2 a trunk with a list, p3 one without, p4 disabled,
// p5 held down, m1 to m3 members of the aggregates lag1 (LACP) and lag2.
const blamed = `{"openconfig-interfaces:interfaces":{"interface":[
	{"name":"p1","config":{"name":"p1","type":"iana-if-type:ethernetCsmacd","mtu":1400},"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}}},
	{"name":"p2","config":{"name":"p2","type":"iana-if-type:ethernetCsmacd"},"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK","native-vlan":1,"trunk-vlans":[10,20]}}}},
	{"name":"p3","config":{"name":"p3","type":"iana-if-type:ethernetCsmacd"},"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK"}}}},
	{"name":"p4","config":{"name":"p4","type":"iana-if-type:ethernetCsmacd","enabled":false},"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK"}}}},
	{"name":"p5","config":{"name":"p5","type":"iana-if-type:ethernetCsmacd"},"hold-time":{"config":{"up":1000}},"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK"}}}},
	{"name":"lag1","config":{"name":"lag1","type":"iana-if-type:ieee8023adLag"},"openconfig-if-aggregate:aggregation":{"config":{"lag-type":"LACP","min-links":1},"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}}},
	{"name":"lag2","config":{"name":"lag2","type":"iana-if-type:ieee8023adLag"},"openconfig-if-aggregate:aggregation":{"config":{"lag-type":"STATIC"},"signalbox-teaming:teaming":{"config":{"switch-independent":true,"standby-member":["m3"]}},"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}}},
	{"name":"m1","config":{"name":"m1","type":"iana-if-type:ethernetCsmacd"},"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"lag1"}}},
	{"name":"m2","config":{"name":"m2","type":"iana-if-type:ethernetCsmacd"},"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"lag2"}}},
	{"name":"m3","config":{"name":"m3","type":"iana-if-type:ethernetCsmacd"},"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"lag2"}}},
	{"name":"m4","config":{"name":"m4","type":"iana-if-type:ethernetCsmacd","enabled":false},"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"lag2"}}}]},
	"openconfig-network-instance:network-instances":{"network-instance":[
	{"name":"red","config":{"name":"red","type":"openconfig-network-instance-types:L2VSI"},
	"interfaces":{"interface":[{"id":"p3","config":{"id":"p3","interface":"p3"}}]},
	"vlans":{"vlan":[{"vlan-id":30,"config":{"vlan-id":30,"status":"SUSPENDED"}}]}}]}}`

func TestBlame(t *testing.T) {
	c, _, err := decode(tree(t, blamed))
	if err != nil {
		t.Fatal(err)
	}
	const i = "/interfaces/interface"
	standard := regexp.MustCompile(`\(IEEE 802\.[13]Q?-2022, [0-9.]+\)$`)
	tests := []struct {
		name string
		drop Drop
		path string // "": a standard, or the kernel
	}{
		{"disabled", Drop{spec.DropPortDown, "p4", 0}, i + "[name=p4]/config/enabled"},
		{"held", Drop{spec.DropPortDown, "p5", 0}, i + "[name=p5]/hold-time/config/up"},
		{"too few members", Drop{spec.DropPortDown, "m1", 0}, i + "[name=lag1]/aggregation/config/min-links"},
		{"not configured", Drop{spec.DropPortDown, "p9", 0}, i + "[name=p9]"},
		{"no carrier", Drop{spec.DropPortDown, "p1", 0}, ""},
		{"switch", Drop{spec.DropSwitchDisabled, "p3", 0}, "/network-instances/network-instance[name=red]/config/enabled"},
		{"default switch", Drop{spec.DropSwitchDisabled, "p1", 0}, "/network-instances/network-instance[name=default]/config/enabled"},
		{"malformed", Drop{spec.DropMalformed, "p1", 0}, ""},
		{"group as a source", Drop{spec.DropMulticastSource, "p1", 0}, ""},
		{"itself", Drop{spec.DropSourceIsDest, "p1", 0}, ""},
		{"tag", Drop{spec.DropTagMismatch, "p1", 0}, i + "[name=p1]/ethernet/switched-vlan/config/interface-mode"},
		{"tag at a member", Drop{spec.DropTagMismatch, "m1", 0}, i + "[name=lag1]/aggregation/switched-vlan/config/interface-mode"},
		{"not in the list", Drop{spec.DropIngressVLAN, "p2", 30}, i + "[name=p2]/ethernet/switched-vlan/config/trunk-vlans"},
		{"not on the switch", Drop{spec.DropIngressVLAN, "p3", 40}, "/network-instances/network-instance[name=red]/vlans/vlan[vlan-id=40]"},
		{"no native VLAN", Drop{spec.DropUntagged, "p3", 0}, i + "[name=p3]/ethernet/switched-vlan/config/native-vlan"},
		{"suspended", Drop{spec.DropVLANSuspended, "p3", 30}, "/network-instances/network-instance[name=red]/vlans/vlan[vlan-id=30]/config/status"},
		{"reserved", Drop{spec.DropReservedMAC, "p1", 0}, ""},
		{"alone in its access VLAN", Drop{spec.DropEmptyPortList, "p1", 10}, i + "[name=p1]/ethernet/switched-vlan/config/access-vlan"},
		{"alone in its native VLAN", Drop{spec.DropEmptyPortList, "p2", 1}, i + "[name=p2]/ethernet/switched-vlan/config/native-vlan"},
		{"alone in a VLAN of its list", Drop{spec.DropEmptyPortList, "p2", 20}, i + "[name=p2]/ethernet/switched-vlan/config/trunk-vlans"},
		{"loopback", Drop{spec.DropLoopback, "p1", 10}, ""},
		{"out of the VLAN", Drop{spec.DropEgressVLAN, "p1", 20}, i + "[name=p1]/ethernet/switched-vlan/config/access-vlan"},
		{"out of the list", Drop{spec.DropEgressVLAN, "p2", 30}, i + "[name=p2]/ethernet/switched-vlan/config/trunk-vlans"},
		{"out disabled", Drop{spec.DropEgressDown, "p4", 10}, i + "[name=p4]/config/enabled"},
		{"MTU", Drop{spec.DropTooBig, "p1", 10}, i + "[name=p1]/config/mtu"},
		{"MTU of an aggregate", Drop{spec.DropTooBig, "m1", 10}, i + "[name=lag1]/config/mtu"},
		{"kernel", Drop{spec.DropTransmit, "p1", 10}, ""},
		{"LACP", Drop{spec.DropLAGInactive, "m1", 0}, i + "[name=lag1]/aggregation/config/lag-type"},
		{"member", Drop{spec.DropLAGInactive, "m2", 0}, i + "[name=m2]/ethernet/config/aggregate-id"},
		{"standby", Drop{spec.DropLAGInactive, "m3", 0}, i + "[name=lag2]/aggregation/teaming/config/standby-member"},
		{"member disabled", Drop{spec.DropLAGInactive, "m4", 0}, i + "[name=m4]/config/enabled"},
		{"duplicate", Drop{spec.DropLAGDuplicate, "m2", 10}, i + "[name=lag2]/aggregation/teaming/config/switch-independent"},
		{"reflection", Drop{spec.DropLAGReflection, "m2", 10}, i + "[name=lag2]/aggregation/teaming/config/switch-independent"},
		{"elsewhere", Drop{spec.DropAddressElsewhere, "p1", 10}, i + "[name=p1]/switch-port/config/allow-teaming"},
	}
	seen := map[spec.DropReason]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seen[tt.drop.Reason] = true
			got := c.Blame(tt.drop)
			if got.Path != tt.path {
				t.Errorf("path %q, want %q", got.Path, tt.path)
			}
			if got.Text == "" {
				t.Error("no text")
			}
			if tt.path != "" {
				exists(t, got.Path)
				return
			}
			switch tt.drop.Reason {
			case spec.DropPortDown, spec.DropTransmit:
			default:
				if !standard.MatchString(got.Text) {
					t.Errorf("%q names no standard", got.Text)
				}
			}
		})
	}
	for reason := spec.DropNone + 1; reason < spec.NumDropReasons; reason++ {
		if !seen[reason] {
			t.Errorf("%s is not tested", reason)
		}
	}
}

// exists fails where a path is not in the schema that is served.
func exists(t *testing.T, text string) {
	t.Helper()
	p, err := schema.ParsePath(text)
	if err == nil {
		_, err = schema.Exact(nil, p)
	}
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
}
