package openconfig

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// touchQoS notes everything below /qos.
func touchQoS(t *qosTouched, d *oc.Device) {
	add := func(set map[string]struct{}, names ...string) {
		for _, name := range names {
			set[name] = struct{}{}
		}
	}
	add(t.classifiers, slices.Collect(maps.Keys(qosClassifiers(d)))...)
	add(t.groups, slices.Collect(maps.Keys(qosGroups(d)))...)
	add(t.queues, slices.Collect(maps.Keys(qosQueues(d)))...)
	add(t.policies, slices.Collect(maps.Keys(qosPolicies(d)))...)
	add(t.profiles, slices.Collect(maps.Keys(qosProfiles(d)))...)
	add(t.interfaces, slices.Collect(maps.Keys(qosInterfaces(d)))...)
	t.trust = t.trust || d.GetQos().GetTrust() != nil
}

// qosText is a configuration of /qos beside p1, p2, the aggregate lag1 with its
// member m1, and h1, which is no port.
func qosText(parts ...string) string {
	p2 := strings.ReplaceAll(p1Port, "p1", "p2")
	h1 := strings.ReplaceAll(`{`+p1Name+`}`, "p1", "h1")
	lag := `{"name":"lag1","config":{"name":"lag1","type":"iana-if-type:ieee8023adLag"},"openconfig-if-aggregate:aggregation":{"config":{"lag-type":"STATIC"},"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}}}`
	m1 := `{"name":"m1","config":{"name":"m1","type":"iana-if-type:ethernetCsmacd"},"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"lag1"}}}`
	return `{` + interfacesText(p1Port, p2, h1, lag, m1) + `,"openconfig-qos:qos":{` + strings.Join(parts, ",") + `}}`
}

// namedList is a list of what has a name, with what each entry has beside it.
func namedList(container, list string, entries ...string) string {
	var all []string
	for _, entry := range entries {
		name, rest, _ := strings.Cut(entry, " ")
		config, siblings, _ := strings.Cut(rest, ";")
		all = append(all, `{"name":"`+name+`","config":{"name":"`+name+`"`+comma(config)+`}`+comma(siblings)+`}`)
	}
	return `"` + container + `":{"` + list + `":[` + strings.Join(all, ",") + `]}`
}

func comma(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return "," + text
}

// The parts that most tests need.
var (
	queuesText = namedList("queues", "queue", "voice", "bulk", "rest")
	groupsText = namedList("forwarding-groups", "forwarding-group",
		`real "output-queue":"voice","signalbox-qos:traffic-class":5`, `data "output-queue":"bulk","signalbox-qos:traffic-class":1`)
)

func classifiersText(entries ...string) string {
	return namedList("classifiers", "classifier", entries...)
}

func termText(id, conditions, actions string) string {
	return `{"id":"` + id + `","config":{"id":"` + id + `"},"conditions":{` + conditions + `},"actions":{` + actions + `}}`
}

func termsText(terms ...string) string { return `"terms":{"term":[` + strings.Join(terms, ",") + `]}` }

const toReal = `"config":{"target-group":"real"}`

func policiesText(entries ...string) string {
	return namedList("scheduler-policies", "scheduler-policy", entries...)
}

// schedulersText lists schedulers with sequences 1, 2, …
func schedulersText(entries ...string) string {
	var all []string
	for n, entry := range entries {
		sequence := string(rune('1' + n))
		config, rest, _ := strings.Cut(entry, ";")
		all = append(all, `{"sequence":`+sequence+`,"config":{"sequence":`+sequence+comma(config)+`}`+comma(rest)+`}`)
	}
	return `"schedulers":{"scheduler":[` + strings.Join(all, ",") + `]}`
}

// inputsText has inputs written as "queue" or "queue=weight".
func inputsText(entries ...string) string {
	var all []string
	for _, entry := range entries {
		queue, weight, weighed := strings.Cut(entry, "=")
		if weighed {
			weight = `,"weight":"` + weight + `"`
		}
		all = append(all, `{"id":"`+queue+`","config":{"id":"`+queue+`","input-type":"QUEUE","queue":"`+queue+`"`+weight+`}}`)
	}
	return `"inputs":{"input":[` + strings.Join(all, ",") + `]}`
}

func qosInterfaceText(id string, parts ...string) string {
	return `"interfaces":{"interface":[{"interface-id":"` + id + `","config":{"interface-id":"` + id + `"}` + comma(strings.Join(parts, ",")) + `}]}`
}

func policyAt(direction, policy string) string {
	return `"` + direction + `":{"scheduler-policy":{"config":{"name":"` + policy + `"}}}`
}

// oneRate and twoRates are containers of a scheduler.
func oneRate(config string) string  { return `"one-rate-two-color":{"config":{` + config + `}}` }
func twoRates(config string) string { return `"two-rate-three-color":{"config":{` + config + `}}` }

// decodeP1 gives the classes of p1.
func decodeP1(t *testing.T, parts ...string) *spec.QoS {
	t.Helper()
	_, change, err := decode(tree(t, qosText(parts...)))
	if err != nil {
		t.Fatal(err)
	}
	return change.Ports["p1"].QoS
}

func TestQoSMatch(t *testing.T) {
	all := spec.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	tests := []struct {
		name, kind, conditions string
		want                   spec.Match
	}{
		{"anything", "ETHERNET", ``, spec.Match{}},
		{"addresses", "ETHERNET", `"l2":{"config":{"source-mac":"02:00:00:00:00:01","destination-mac":"01:00:5e:00:00:00","destination-mac-mask":"ff:ff:ff:00:00:00"}}`,
			spec.Match{Source: spec.MAC{2, 0, 0, 0, 0, 1}, SourceMask: all, Destination: spec.MAC{1, 0, 0x5e}, DestinationMask: spec.MAC{0xff, 0xff, 0xff}}},
		{"tag", "ETHERNET", `"l2":{"config":{"signalbox-qos:vlan-id":10,"signalbox-qos:pcp-set":[0,5]}}`, spec.Match{VLAN: 10, PCPs: 1 | 1<<5}},
		{"type by name", "ETHERNET", `"l2":{"config":{"ethertype":"openconfig-packet-match-types:ETHERTYPE_ARP"}}`, spec.Match{EtherType: 0x0806}},
		{"type by number", "ETHERNET", `"l2":{"config":{"ethertype":35020}}`, spec.Match{EtherType: 0x88cc}},
		{"IPv4", "IPV4", `"ipv4":{"config":{"source-address":"192.0.2.1/24","destination-address":"198.51.100.0/24","dscp":46,"hop-limit":0,"protocol":"openconfig-packet-match-types:IP_UDP"}}`,
			spec.Match{Version: 4, SourcePrefix: netip.MustParsePrefix("192.0.2.0/24"), DestinationPrefix: netip.MustParsePrefix("198.51.100.0/24"), DSCPs: 1 << 46, HasTTL: true, Protocol: 17, HasProtocol: true}},
		{"IPv6", "IPV6", `"ipv6":{"config":{"source-address":"2001:db8::/32","dscp-set":[0,8,63],"protocol":58}}`,
			spec.Match{Version: 6, SourcePrefix: netip.MustParsePrefix("2001:db8::/32"), DSCPs: 1 | 1<<8 | 1<<63, Protocol: 58, HasProtocol: true}},
		{"IPv4 without conditions", "IPV4", ``, spec.Match{Version: 4}},
		{"ports", "IPV4", `"transport":{"config":{"source-port":"1024..65535","destination-port":443}}`,
			spec.Match{Version: 4, SourcePorts: spec.PortRange{First: 1024, Last: 65535}, DestinationPorts: spec.PortRange{First: 443, Last: 443}}},
		{"any port", "IPV6", `"transport":{"config":{"source-port":"ANY","destination-port":"0..1023"}}`, spec.Match{Version: 6, DestinationPorts: spec.PortRange{Last: 1023}}},
		{"flags", "IPV4", `"transport":{"config":{"detail-mode":"EXPLICIT","explicit-detail-match-mode":"ALL","explicit-tcp-flags":["openconfig-packet-match-types:TCP_SYN","openconfig-packet-match-types:TCP_ECE","openconfig-packet-match-types:TCP_CWR"]}}`,
			spec.Match{Version: 4, TCPFlags: 0xc2}},
		{"any of one flag", "IPV4", `"transport":{"config":{"detail-mode":"EXPLICIT","explicit-detail-match-mode":"ANY","explicit-tcp-flags":["openconfig-packet-match-types:TCP_FIN"]}}`,
			spec.Match{Version: 4, TCPFlags: 1}},
		{"layers together", "ETHERNET", `"l2":{"config":{"ethertype":"openconfig-packet-match-types:ETHERTYPE_IPV4","signalbox-qos:vlan-id":7}},"ipv4":{"config":{"protocol":6}},"transport":{"config":{"destination-port":22}}`,
			spec.Match{EtherType: 0x0800, VLAN: 7, Version: 4, Protocol: 6, HasProtocol: true, DestinationPorts: spec.PortRange{First: 22, Last: 22}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := decodeP1(t, queuesText, groupsText, classifiersText(`c "type":"`+tt.kind+`";`+termsText(termText("10", tt.conditions, toReal))), qosInterfaceText("p1", classifierAt(tt.kind, "c")))
			want := []spec.Term{{ID: tt.kind + "/10", Match: tt.want, Queue: "voice", Remark: spec.Unmarked}}
			if diff := cmp.Diff(want, q.Classifier.Terms, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("terms differ (-want +got):\n%s", diff)
			}
		})
	}
}

// classifierAt is an input with a classifier of a type.
func classifierAt(kind, name string) string {
	if kind == "ETHERNET" {
		return `"input":{"config":{"signalbox-qos:classifier":"` + name + `"}}`
	}
	return `"input":{"classifiers":{"classifier":[{"type":"` + kind + `","config":{"type":"` + kind + `","name":"` + name + `"}}]}}`
}

// TestQoSTerms: the classifier of every kind of frame comes first, then those of
// IP, then what follows from trust; in each the terms are in their order.
func TestQoSTerms(t *testing.T) {
	any4 := termText("x", ``, `"remark":{"config":{"set-dscp":10,"set-dot1p":1}}`)
	q := decodeP1(t, queuesText, groupsText,
		classifiersText(`four "type":"IPV4";`+termsText(termText("10", ``, toReal), any4, termText("9", ``, toReal)), `six "type":"IPV6";`+termsText(termText("1", ``, toReal)),
			`all "type":"ETHERNET";`+termsText(termText("1", `"l2":{"config":{"ethertype":35020}}`, ``))),
		`"signalbox-qos:trust":{"dscps":{"dscp":[{"dscp":10,"config":{"dscp":10,"traffic-class":5}}]}}`,
		qosInterfaceText("p1", `"input":{"config":{"signalbox-qos:classifier":"all","signalbox-qos:trust":"DSCP"},"classifiers":{"classifier":[`+
			`{"type":"IPV6","config":{"type":"IPV6","name":"six"}},{"type":"IPV4","config":{"type":"IPV4","name":"four"}}]}}`))
	var ids []string
	for _, term := range q.Classifier.Terms {
		ids = append(ids, term.ID+"→"+term.Queue)
	}
	want := []string{"ETHERNET/1→", "IPV4/9→voice", "IPV4/10→voice", "IPV4/x→", "IPV6/1→voice", "trust-dscp-1→bulk", "trust-dscp-5→voice"}
	if !slices.Equal(ids, want) {
		t.Errorf("terms are %v, want %v", ids, want)
	}
	if got, want := q.Classifier.Terms[3].Remark, (spec.Remark{DSCP: 10, PCP: 1}); got != want {
		t.Errorf("the term marks %v, want %v", got, want)
	}
	one, five := q.Classifier.Terms[5].Match.DSCPs, q.Classifier.Terms[6].Match.DSCPs
	if want := uint64(0xff00 &^ (1 << 10)); one != want {
		t.Errorf("DSCPs of traffic class 1 are %#x, want %#x", one, want)
	}
	if want := uint64(0xff)<<40 | 1<<46 | 1<<10; five != want {
		t.Errorf("DSCPs of traffic class 5 are %#x, want %#x", five, want)
	}
}

func TestQoSTrustPCP(t *testing.T) {
	q := decodeP1(t, queuesText, groupsText, `"signalbox-qos:trust":{"pcps":{"pcp":[{"pcp":7,"config":{"pcp":7,"traffic-class":5}}]}}`,
		qosInterfaceText("p1", `"input":{"config":{"signalbox-qos:trust":"PCP"}}`))
	want := []spec.Term{
		{ID: "trust-pcp-1", Match: spec.Match{PCPs: 1 << 1}, Queue: "bulk", Remark: spec.Unmarked},
		{ID: "trust-pcp-5", Match: spec.Match{PCPs: 1<<5 | 1<<7}, Queue: "voice", Remark: spec.Unmarked},
	}
	if diff := cmp.Diff(want, q.Classifier.Terms, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("terms differ (-want +got):\n%s", diff)
	}
}

const strict = `"priority":"STRICT"`

func TestQoSPolicies(t *testing.T) {
	queue := func(name string, weight uint64, limit spec.QueueLimit) spec.SchedulerQueue {
		return spec.SchedulerQueue{ID: name, Queue: name, Weight: weight, QueueLimit: limit}
	}
	none := spec.QueueLimit{}
	tests := []struct {
		name, direction, config, schedulers string
		want                                spec.QoS
	}{
		{"strict and weights", "output", ``, schedulersText(strict+`;`+inputsText("voice"), `;`+inputsText("bulk=3", "rest=1")),
			spec.QoS{Output: &spec.Scheduler{Policy: "s", Groups: []spec.SchedulerGroup{
				{Sequence: 1, Strict: true, Queues: []spec.SchedulerQueue{queue("voice", 0, none)}},
				{Sequence: 2, Queues: []spec.SchedulerQueue{queue("bulk", 3, none), queue("rest", 1, none)}},
			}}}},
		{"order of urgency", "output", `"signalbox-qos:default-queue":"rest"`, schedulersText(strict + `;` + inputsText("bulk=1", "rest", "voice=7")),
			spec.QoS{Output: &spec.Scheduler{Policy: "s", DefaultQueue: "rest", Groups: []spec.SchedulerGroup{
				{Sequence: 1, Strict: true, Queues: []spec.SchedulerQueue{queue("voice", 7, none), queue("bulk", 1, none), queue("rest", 0, none)}},
			}}}},
		{"bounds", "output", ``, schedulersText(
			`"type":"openconfig-qos-types:ONE_RATE_TWO_COLOR";`+oneRate(`"cir":"10000000","bc":20000`),
			`;`+inputsText("voice")+`,`+oneRate(`"cir":"1000000","bc":3000,"queuing-behavior":"SHAPE","max-queue-depth-bytes":50000`)+``,
			`"type":"openconfig-qos-types:TWO_RATE_THREE_COLOR";`+inputsText("bulk")+`,`+twoRates(`"cir":"2000000","pir-pct":50,"bc":4000,"be":5000,"signalbox-qos:max-queue-depth-packets":100`)),
			spec.QoS{Output: &spec.Scheduler{Policy: "s", Maximum: spec.Rate{BitsPerSecond: 10e6}, Burst: 20000, Groups: []spec.SchedulerGroup{
				{Sequence: 2, Maximum: spec.Rate{BitsPerSecond: 1e6}, ExcessBurst: 3000, Queues: []spec.SchedulerQueue{queue("voice", 0, spec.QueueLimit{Octets: 50000})}},
				{Sequence: 3, Minimum: spec.Rate{BitsPerSecond: 2e6}, Maximum: spec.Rate{Percent: 50}, Burst: 4000, ExcessBurst: 5000, Queues: []spec.SchedulerQueue{queue("bulk", 0, spec.QueueLimit{Packets: 100})}},
			}}}},
		{"policers", "input", ``, schedulersText(
			`;`+oneRate(`"cir":"1000000","bc":3000,"queuing-behavior":"POLICE"`),
			`;`+inputsText("bulk", "rest")+`,"two-rate-three-color":{"config":{"cir":"2000000","pir":"3000000","bc":4000,"be":5000},"conform-action":{"config":{"set-dscp":10}},"exceed-action":{"config":{"set-dscp":12,"set-dot1p":1}}}`,
			`;`+inputsText("voice")+`,"one-rate-two-color":{"config":{"cir":"1000000","queuing-behavior":"POLICE"},"exceed-action":{"config":{"set-dscp":0}}}`),
			spec.QoS{Policers: []spec.Policer{
				{Sequence: 1, Committed: 1e6, Burst: 3000, Conform: pass(), Exceed: spec.PolicerAction{Drop: true, Remark: spec.Unmarked}, Violate: pass()},
				{Sequence: 2, Queues: []string{"bulk", "rest"}, Committed: 2e6, Peak: 3e6, Burst: 4000, PeakBurst: 5000,
					Conform: spec.PolicerAction{Remark: spec.Remark{DSCP: 10, PCP: spec.NoRemark}}, Exceed: spec.PolicerAction{Remark: spec.Remark{DSCP: 12, PCP: 1}},
					Violate: spec.PolicerAction{Drop: true, Remark: spec.Unmarked}},
				{Sequence: 3, Queues: []string{"voice"}, Committed: 1e6, Conform: pass(), Exceed: spec.PolicerAction{Remark: spec.Remark{DSCP: 0, PCP: spec.NoRemark}}, Violate: pass()},
			}}},
		{"shaped and policed input", "input", ``, schedulersText(
			`;`+inputsText("voice")+`,`+twoRates(`"cir":"2000000","pir":"3000000","signalbox-qos:queuing-behavior":"SHAPE"`), `;`+inputsText("voice")+`,`+oneRate(`"cir":"1000000","queuing-behavior":"POLICE"`)),
			spec.QoS{
				Input: &spec.Scheduler{Policy: "s", Groups: []spec.SchedulerGroup{{Sequence: 1, Minimum: spec.Rate{BitsPerSecond: 2e6}, Maximum: spec.Rate{BitsPerSecond: 3e6},
					Queues: []spec.SchedulerQueue{queue("voice", 0, none)}}}},
				Policers: []spec.Policer{{Sequence: 2, Queues: []string{"voice"}, Committed: 1e6, Conform: pass(), Exceed: spec.PolicerAction{Drop: true, Remark: spec.Unmarked}, Violate: pass()}},
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := decodeP1(t, queuesText, groupsText, policiesText(`s `+tt.config+`;`+tt.schedulers), qosInterfaceText("p1", policyAt(tt.direction, "s")))
			if diff := cmp.Diff(&tt.want, q); diff != "" {
				t.Errorf("classes differ (-want +got):\n%s", diff)
			}
		})
	}
}

func pass() spec.PolicerAction { return spec.PolicerAction{Remark: spec.Unmarked} }

// TestQoSProfile: a profile bounds a queue at one interface, whatever the others
// that have the same policy do.
func TestQoSProfile(t *testing.T) {
	profiles := namedList("queue-management-profiles", "queue-management-profile", `red ;"red":{"uniform":{"config":{"min-threshold":"10000","max-threshold":"30000","enable-ecn":true}}}`)
	entries := `"interfaces":{"interface":[` +
		`{"interface-id":"p1","config":{"interface-id":"p1"},"output":{"scheduler-policy":{"config":{"name":"s"}},"queues":{"queue":[{"name":"bulk","config":{"name":"bulk","queue-management-profile":"red"}}]}}},` +
		`{"interface-id":"two","config":{"interface-id":"two"},"interface-ref":{"config":{"interface":"p2"}},"output":{"scheduler-policy":{"config":{"name":"s"}}}}]}`
	_, change, err := decode(tree(t, qosText(queuesText, profiles, policiesText(`s ;`+schedulersText(`;`+inputsText("bulk", "rest"))), entries)))
	if err != nil {
		t.Fatal(err)
	}
	one, two := change.Ports["p1"].QoS.Output.Groups[0].Queues, change.Ports["p2"].QoS.Output.Groups[0].Queues
	if got, want := one[0].RED, (&spec.RED{Min: 10000, Max: 30000, ECN: true}); got == nil || *got != *want {
		t.Errorf("bulk at p1 has %+v, want %+v", got, want)
	}
	for _, q := range []spec.SchedulerQueue{one[1], two[0], two[1]} {
		if q.RED != nil {
			t.Errorf("queue %s has %+v, want none", q.Queue, q.RED)
		}
	}
}

// TestQoSShared: ports with the same configuration share what is made of it, also
// across transactions that touch neither.
func TestQoSShared(t *testing.T) {
	entry := func(id string) string {
		return `{"interface-id":"` + id + `","config":{"interface-id":"` + id + `"},"input":{"config":{"signalbox-qos:trust":"DSCP"}},"output":{"scheduler-policy":{"config":{"name":"s"}}}}`
	}
	text := func(ids ...string) string {
		var entries []string
		for _, id := range ids {
			entries = append(entries, entry(id))
		}
		return qosText(queuesText, groupsText, policiesText(`s ;`+schedulersText(`;`+inputsText("bulk", "rest"))), `"interfaces":{"interface":[`+strings.Join(entries, ",")+`]}`)
	}
	config, change, err := decode(tree(t, text("p1")))
	if err != nil {
		t.Fatal(err)
	}
	one := change.Ports["p1"].QoS
	touched := NewTouched()
	touched.Add(at(ocpath.QosInterfacesInterface, "p2"))
	_, change, err = config.Next(tree(t, text("p1", "p2")), touched)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(change.Ports)); !slices.Equal(got, []string{"p2"}) {
		t.Fatalf("touched %v, want p2 alone", got)
	}
	two := change.Ports["p2"].QoS
	if two.Classifier != one.Classifier || two.Output != one.Output {
		t.Errorf("%+v and %+v share nothing", one, two)
	}
}

func TestQoSTouches(t *testing.T) {
	entry := func(id, parts string) string {
		return `{"interface-id":"` + id + `","config":{"interface-id":"` + id + `"},` + parts + `}`
	}
	d := tree(t, qosText(queuesText, groupsText,
		namedList("queue-management-profiles", "queue-management-profile", `red ;"red":{"uniform":{"config":{"min-threshold":"10000","max-threshold":"30000"}}}`),
		classifiersText(`c "type":"ETHERNET";`+termsText(termText("1", ``, `"config":{"target-group":"data"}`))),
		policiesText(`s ;`+schedulersText(`;`+inputsText("bulk", "rest"))),
		`"interfaces":{"interface":[`+entry("p1", `"input":{"config":{"signalbox-qos:classifier":"c"}}`)+`,`+
			entry("x", `"interface-ref":{"config":{"interface":"p2"}},"output":{"scheduler-policy":{"config":{"name":"s"}},"queues":{"queue":[{"name":"bulk","config":{"name":"bulk","queue-management-profile":"red"}}]}}`)+`,`+
			entry("lag1", `"input":{"config":{"signalbox-qos:trust":"PCP"}}`)+`]}`))
	config, _, err := decode(d)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		path schema.Path
		want []string
	}{
		{"a classifier", at(ocpath.QosClassifiersClassifierTermsTermActionsConfigTargetGroup, "c", "1"), []string{"p1"}},
		{"a group", at(ocpath.QosForwardingGroupsForwardingGroupConfigOutputQueue, "data"), []string{"lag1", "p1"}},
		{"another group", at(ocpath.QosForwardingGroupsForwardingGroup, "real"), []string{"lag1"}},
		{"a queue", at(ocpath.QosQueuesQueueConfigName, "bulk"), []string{"lag1", "p1", "p2"}},
		{"a queue of a policy", at(ocpath.QosQueuesQueueConfigName, "rest"), []string{"p2"}},
		{"a policy", at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputsInput, "s", "1", "bulk"), []string{"p2"}},
		{"a profile", at(ocpath.QosQueueManagementProfilesQueueManagementProfileRedUniformConfigEnableEcn, "red"), []string{"p2"}},
		{"trust", at(ocpath.QosTrustPcpsPcpConfigTrafficClass, "7"), []string{"lag1"}},
		{"an interface", at(ocpath.QosInterfacesInterfaceInputConfigTrust, "lag1"), []string{"lag1"}},
		{"an interface by its reference", at(ocpath.QosInterfacesInterfaceOutputQueuesQueue, "x", "bulk"), []string{"p2"}},
		{"something else", at(ocpath.InterfacesInterfaceConfigDescription, "p1"), []string{"p1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			touched := NewTouched()
			touched.Add(tt.path)
			_, change, err := config.Next(d, touched)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Sorted(maps.Keys(change.Ports)); !slices.Equal(got, tt.want) {
				t.Errorf("touched %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBandwidth(t *testing.T) {
	most := spec.Rate{BitsPerSecond: 5e6}
	tests := []struct {
		name, port, config string
		want               *spec.QoS
	}{
		{"nothing", "p1", `"minimum-bandwidth-mode":"NONE"`, nil},
		{"maximum", "p1", `"maximum-bandwidth":"5000000"`, &spec.QoS{Input: &spec.Scheduler{Maximum: most}, Output: &spec.Scheduler{Maximum: most}}},
		{"minimum", "p1", `"minimum-bandwidth":"1000000","minimum-weight":20`, &spec.QoS{Share: spec.Share{Rate: 1e6, Weight: 20}}},
		{"uplink", "p2", `"minimum-bandwidth-mode":"ABSOLUTE"`, &spec.QoS{Sharing: spec.ShareAbsolute}},
		{"uplink by weight", "p1", `"maximum-bandwidth":"5000000","minimum-bandwidth-mode":"WEIGHT"`,
			&spec.QoS{Input: &spec.Scheduler{Maximum: most}, Output: &spec.Scheduler{Maximum: most}, Sharing: spec.ShareWeight}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, change, err := decode(tree(t, bandwidthText(tt.port, tt.config, queuesText)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, change.Ports[tt.port].QoS); diff != "" {
				t.Errorf("classes differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestQoSOfTeams: an aggregate classifies and polices what comes in, and its
// members have queues for what leaves.
func TestQoSOfTeams(t *testing.T) {
	_, change, err := decode(tree(t, qosText(queuesText, groupsText,
		policiesText(`in ;`+schedulersText(`;`+oneRate(`"cir":"1000000","queuing-behavior":"POLICE"`)), `out ;`+schedulersText(`;`+inputsText("bulk"))),
		`"interfaces":{"interface":[{"interface-id":"lag1","config":{"interface-id":"lag1"},"input":{"config":{"signalbox-qos:trust":"DSCP"},"scheduler-policy":{"config":{"name":"in"}}}},`+
			`{"interface-id":"m1","config":{"interface-id":"m1"},`+policyAt("output", "out")+`}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	if q := change.Ports["lag1"].QoS; q.Classifier == nil || len(q.Policers) != 1 || q.Input != nil || q.Output != nil {
		t.Errorf("lag1 has %+v", q)
	}
	if q := change.Ports["m1"].QoS; q.Output == nil || q.Classifier != nil {
		t.Errorf("m1 has %+v", q)
	}
}
