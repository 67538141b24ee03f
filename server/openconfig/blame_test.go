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
	"vlans":{"vlan":[{"vlan-id":30,"config":{"vlan-id":30,"status":"SUSPENDED"}}]}}]},
	"openconfig-qos:qos":{"queues":{"queue":[{"name":"q","config":{"name":"q"}}]},
	"scheduler-policies":{"scheduler-policy":[
	{"name":"one","config":{"name":"one"},"schedulers":{"scheduler":[
		{"sequence":7,"config":{"sequence":7},"one-rate-two-color":{"config":{"cir":"1000000","queuing-behavior":"POLICE"}}}]}},
	{"name":"two","config":{"name":"two"},"schedulers":{"scheduler":[
		{"sequence":1,"config":{"sequence":1},"one-rate-two-color":{"config":{"cir":"1000000","queuing-behavior":"POLICE"}}},
		{"sequence":2,"config":{"sequence":2},"two-rate-three-color":{"config":{"cir":"1000000","pir":"2000000"}}}]}}]},
	"interfaces":{"interface":[
	{"interface-id":"p1","config":{"interface-id":"p1"},"input":{"scheduler-policy":{"config":{"name":"one"}}}},
	{"interface-id":"p2","config":{"interface-id":"p2"},"input":{"scheduler-policy":{"config":{"name":"two"}}}}]}}}`

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
		{"disabled", Drop{Reason: spec.DropPortDown, Interface: "p4"}, i + "[name=p4]/config/enabled"},
		{"held", Drop{Reason: spec.DropPortDown, Interface: "p5"}, i + "[name=p5]/hold-time/config/up"},
		{"too few members", Drop{Reason: spec.DropPortDown, Interface: "m1"}, i + "[name=lag1]/aggregation/config/min-links"},
		{"not configured", Drop{Reason: spec.DropPortDown, Interface: "p9"}, i + "[name=p9]"},
		{"no carrier", Drop{Reason: spec.DropPortDown, Interface: "p1"}, ""},
		{"switch", Drop{Reason: spec.DropSwitchDisabled, Interface: "p3"}, "/network-instances/network-instance[name=red]/config/enabled"},
		{"default switch", Drop{Reason: spec.DropSwitchDisabled, Interface: "p1"}, "/network-instances/network-instance[name=default]/config/enabled"},
		{"malformed", Drop{Reason: spec.DropMalformed, Interface: "p1"}, ""},
		{"group as a source", Drop{Reason: spec.DropMulticastSource, Interface: "p1"}, ""},
		{"itself", Drop{Reason: spec.DropSourceIsDest, Interface: "p1"}, ""},
		{"tag", Drop{Reason: spec.DropTagMismatch, Interface: "p1"}, i + "[name=p1]/ethernet/switched-vlan/config/interface-mode"},
		{"tag at a member", Drop{Reason: spec.DropTagMismatch, Interface: "m1"}, i + "[name=lag1]/aggregation/switched-vlan/config/interface-mode"},
		{"not in the list", Drop{Reason: spec.DropIngressVLAN, Interface: "p2", VLAN: 30}, i + "[name=p2]/ethernet/switched-vlan/config/trunk-vlans"},
		{"not on the switch", Drop{Reason: spec.DropIngressVLAN, Interface: "p3", VLAN: 40}, "/network-instances/network-instance[name=red]/vlans/vlan[vlan-id=40]"},
		{"no native VLAN", Drop{Reason: spec.DropUntagged, Interface: "p3"}, i + "[name=p3]/ethernet/switched-vlan/config/native-vlan"},
		{"suspended", Drop{Reason: spec.DropVLANSuspended, Interface: "p3", VLAN: 30}, "/network-instances/network-instance[name=red]/vlans/vlan[vlan-id=30]/config/status"},
		{"reserved", Drop{Reason: spec.DropReservedMAC, Interface: "p1"}, ""},
		{"alone in its access VLAN", Drop{Reason: spec.DropEmptyPortList, Interface: "p1", VLAN: 10}, i + "[name=p1]/ethernet/switched-vlan/config/access-vlan"},
		{"alone in its native VLAN", Drop{Reason: spec.DropEmptyPortList, Interface: "p2", VLAN: 1}, i + "[name=p2]/ethernet/switched-vlan/config/native-vlan"},
		{"alone in a VLAN of its list", Drop{Reason: spec.DropEmptyPortList, Interface: "p2", VLAN: 20}, i + "[name=p2]/ethernet/switched-vlan/config/trunk-vlans"},
		{"loopback", Drop{Reason: spec.DropLoopback, Interface: "p1", VLAN: 10}, ""},
		{"out of the VLAN", Drop{Reason: spec.DropEgressVLAN, Interface: "p1", VLAN: 20}, i + "[name=p1]/ethernet/switched-vlan/config/access-vlan"},
		{"out of the list", Drop{Reason: spec.DropEgressVLAN, Interface: "p2", VLAN: 30}, i + "[name=p2]/ethernet/switched-vlan/config/trunk-vlans"},
		{"out disabled", Drop{Reason: spec.DropEgressDown, Interface: "p4", VLAN: 10}, i + "[name=p4]/config/enabled"},
		{"MTU", Drop{Reason: spec.DropTooBig, Interface: "p1", VLAN: 10}, i + "[name=p1]/config/mtu"},
		{"MTU of an aggregate", Drop{Reason: spec.DropTooBig, Interface: "m1", VLAN: 10}, i + "[name=lag1]/config/mtu"},
		{"kernel", Drop{Reason: spec.DropTransmit, Interface: "p1", VLAN: 10}, ""},
		{"LACP", Drop{Reason: spec.DropLAGInactive, Interface: "m1"}, i + "[name=lag1]/aggregation/config/lag-type"},
		{"member", Drop{Reason: spec.DropLAGInactive, Interface: "m2"}, i + "[name=m2]/ethernet/config/aggregate-id"},
		{"standby", Drop{Reason: spec.DropLAGInactive, Interface: "m3"}, i + "[name=lag2]/aggregation/teaming/config/standby-member"},
		{"member disabled", Drop{Reason: spec.DropLAGInactive, Interface: "m4"}, i + "[name=m4]/config/enabled"},
		{"duplicate", Drop{Reason: spec.DropLAGDuplicate, Interface: "m2", VLAN: 10}, i + "[name=lag2]/aggregation/teaming/config/switch-independent"},
		{"reflection", Drop{Reason: spec.DropLAGReflection, Interface: "m2", VLAN: 10}, i + "[name=lag2]/aggregation/teaming/config/switch-independent"},
		{"elsewhere", Drop{Reason: spec.DropAddressElsewhere, Interface: "p1", VLAN: 10}, i + "[name=p1]/switch-port/config/allow-teaming"},
		{"the only policer", Drop{Reason: spec.DropPoliced, Interface: "p1"}, "/qos/scheduler-policies/scheduler-policy[name=one]/schedulers/scheduler[sequence=7]/one-rate-two-color/config/cir"},
		{"the second policer", Drop{Reason: spec.DropPoliced, Interface: "p2", Policer: 2}, "/qos/scheduler-policies/scheduler-policy[name=two]/schedulers/scheduler[sequence=2]/two-rate-three-color/config/cir"},
		{"one of the policers", Drop{Reason: spec.DropPoliced, Interface: "p2"}, "/qos/scheduler-policies/scheduler-policy[name=two]/schedulers"},
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
