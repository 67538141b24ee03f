package openconfig

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// refusedQoS wants one error, that names the path.
func refusedQoS(t *testing.T, path string, kind Kind, parts ...string) {
	t.Helper()
	_, _, err := decode(tree(t, qosText(parts...)))
	if found := Errors(err, 0); len(found) != 1 || found[0].Path != path || found[0].Kind != kind || found[0].Reason == "" {
		t.Errorf("refused with %v, want %s", err, path)
	}
}

func TestQoSTermsRefused(t *testing.T) {
	const conditions = "/qos/classifiers/classifier[name=c]/terms/term[id=1]/conditions"
	flags := func(mode, match string) string {
		return `"transport":{"config":{` + mode + match + `"explicit-tcp-flags":["openconfig-packet-match-types:TCP_SYN","openconfig-packet-match-types:TCP_ACK"]}}`
	}
	tests := []struct{ name, kind, conditions, path string }{
		{"IPv6 of an IPv4 classifier", "IPV4", `"ipv6":{"config":{"dscp":1}}`, conditions + "/ipv6"},
		{"IPv4 of an IPv6 classifier", "IPV6", `"ipv4":{"config":{"dscp":1}}`, conditions + "/ipv4"},
		{"two families", "ETHERNET", `"ipv4":{"config":{"dscp":1}},"ipv6":{"config":{"dscp":1}}`, conditions + "/ipv6"},
		{"a prefix of IPv4 in frames of IPv6", "ETHERNET", `"l2":{"config":{"ethertype":"openconfig-packet-match-types:ETHERTYPE_IPV6"}},"ipv4":{"config":{"source-address":"192.0.2.0/24"}}`, conditions},
		{"ports in ARP", "ETHERNET", `"l2":{"config":{"ethertype":2054}},"transport":{"config":{"destination-port":22}}`, conditions},
		{"flags of TCP in UDP", "IPV4", `"ipv4":{"config":{"protocol":17}},` + flags(`"detail-mode":"EXPLICIT",`, `"explicit-detail-match-mode":"ALL",`), conditions},
		{"ports of ICMP", "IPV4", `"ipv4":{"config":{"protocol":1}},"transport":{"config":{"source-port":1}}`, conditions},
		{"a mask of nothing", "ETHERNET", `"l2":{"config":{"source-mac-mask":"ff:ff:ff:00:00:00"}}`, conditions + "/l2/config/source-mac-mask"},
		{"more than the mask", "ETHERNET", `"l2":{"config":{"source-mac":"02:00:00:00:00:01","source-mac-mask":"ff:ff:ff:00:00:00"}}`, conditions + "/l2/config/source-mac"},
		{"a tag as the type", "ETHERNET", `"l2":{"config":{"ethertype":"openconfig-packet-match-types:ETHERTYPE_VLAN"}}`, conditions + "/l2/config/ethertype"},
		{"DSCP twice", "IPV4", `"ipv4":{"config":{"dscp":1,"dscp-set":[2]}}`, conditions + "/ipv4/config/dscp-set"},
		{"ports backwards", "IPV4", `"transport":{"config":{"source-port":"10..9"}}`, conditions + "/transport/config/source-port"},
		{"port 0", "IPV4", `"transport":{"config":{"destination-port":0}}`, conditions + "/transport/config/destination-port"},
		{"flags without a mode", "IPV4", flags("", ""), conditions + "/transport/config/explicit-tcp-flags"},
		{"any of many flags", "IPV4", flags(`"detail-mode":"EXPLICIT",`, `"explicit-detail-match-mode":"ANY",`), conditions + "/transport/config/explicit-detail-match-mode"},
		{"all or any", "IPV4", flags(`"detail-mode":"EXPLICIT",`, ""), conditions + "/transport/config/explicit-detail-match-mode"},
		{"a mode without flags", "IPV4", `"transport":{"config":{"detail-mode":"EXPLICIT"}}`, conditions + "/transport/config/detail-mode"},
		{"builtin", "IPV4", `"transport":{"config":{"detail-mode":"BUILTIN"}}`, conditions + "/transport/config/detail-mode"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refusedQoS(t, tt.path, Invalid, queuesText, groupsText, classifiersText(`c "type":"`+tt.kind+`";`+termsText(termText("1", tt.conditions, toReal))))
		})
	}
}

func TestQoSClassifiersRefused(t *testing.T) {
	term := termsText(termText("1", ``, toReal))
	var many []string
	for n := range 65 {
		many = append(many, termText(fmt.Sprint(n), ``, ``))
	}
	four, six, all := `four "type":"IPV4";`+term, `six "type":"IPV6";`+term, `all "type":"ETHERNET";`+term
	full := `full "type":"IPV4";` + termsText(many[:64]...)
	tests := []struct {
		name, path string
		kind       Kind
		parts      []string
	}{
		{"no type", "/qos/classifiers/classifier[name=c]/config/type", Invalid, []string{classifiersText(`c ;` + term)}},
		{"MPLS", "/qos/classifiers/classifier[name=c]/config/type", Unimplemented, []string{classifiersText(`c "type":"MPLS";` + term)}},
		{"too many terms", "/qos/classifiers/classifier[name=c]/terms", Invalid, []string{classifiersText(`c "type":"IPV4";` + termsText(many...))}},
		{"no such group", "/qos/classifiers/classifier[name=c]/terms/term[id=1]/actions/config/target-group", Invalid,
			[]string{classifiersText(`c "type":"IPV4";` + termsText(termText("1", ``, `"config":{"target-group":"nobody"}`)))}},
		{"an id of the element's", "/qos/classifiers/classifier[name=c]/terms/term[id=trust-1]", Invalid, []string{classifiersText(`c "type":"IPV4";` + termsText(termText("trust-1", ``, ``)))}},
		{"DSCP", "/qos/classifiers/classifier[name=c]/terms/term[id=1]/actions/remark/config/set-dscp", Invalid,
			[]string{classifiersText(`c "type":"IPV4";` + termsText(termText("1", ``, `"remark":{"config":{"set-dscp":64}}`)))}},
		{"PCP", "/qos/classifiers/classifier[name=c]/terms/term[id=1]/actions/remark/config/set-dot1p", Invalid,
			[]string{classifiersText(`c "type":"IPV4";` + termsText(termText("1", ``, `"remark":{"config":{"set-dot1p":8}}`)))}},
		{"IPv6 as IPv4", "/qos/interfaces/interface[interface-id=p1]/input/classifiers/classifier[type=IPV4]/config/name", Invalid, []string{classifiersText(six), qosInterfaceText("p1", classifierAt("IPV4", "six"))}},
		{"ETHERNET as IPv4", "/qos/interfaces/interface[interface-id=p1]/input/classifiers/classifier[type=IPV4]/config/name", Invalid, []string{classifiersText(all), qosInterfaceText("p1", classifierAt("IPV4", "all"))}},
		{"IPv4 as ETHERNET", "/qos/interfaces/interface[interface-id=p1]/input/config/classifier", Invalid, []string{classifiersText(four), qosInterfaceText("p1", classifierAt("ETHERNET", "four"))}},
		{"multicast", "/qos/interfaces/interface[interface-id=p1]/input/classifiers/classifier[type=IPV4_MULTICAST]", Unimplemented, []string{classifiersText(four), qosInterfaceText("p1", classifierAt("IPV4_MULTICAST", "four"))}},
		{"no such classifier", "/qos/interfaces/interface[interface-id=p1]/input/classifiers/classifier[type=IPV4]/config/name", Invalid, []string{qosInterfaceText("p1", classifierAt("IPV4", "nobody"))}},
		{"no name", "/qos/interfaces/interface[interface-id=p1]/input/classifiers/classifier[type=IPV4]/config/name", Invalid, []string{qosInterfaceText("p1", `"input":{"classifiers":{"classifier":[{"type":"IPV4","config":{"type":"IPV4"}}]}}`)}},
		{"too many terms together", "/qos/interfaces/interface[interface-id=p1]/input", Invalid, []string{classifiersText(full), qosInterfaceText("p1",
			`"input":{"config":{"signalbox-qos:trust":"PCP"},"classifiers":{"classifier":[{"type":"IPV4","config":{"type":"IPV4","name":"full"}}]}}`)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refusedQoS(t, tt.path, tt.kind, append([]string{queuesText, groupsText}, tt.parts...)...)
		})
	}
}

func TestQoSObjectsRefused(t *testing.T) {
	var many []string
	for n := range 1025 {
		many = append(many, fmt.Sprint("q", n))
	}
	profile := func(config string) string {
		return namedList("queue-management-profiles", "queue-management-profile", `red ;"red":{"uniform":{"config":{`+config+`}}}`)
	}
	const uniform = "/qos/queue-management-profiles/queue-management-profile[name=red]/red/uniform/config/"
	tests := []struct {
		name, path string
		kind       Kind
		parts      []string
	}{
		{"too many queues", "/qos/queues", Exhausted, []string{namedList("queues", "queue", many...)}},
		{"a queue of the element's", "/qos/queues/queue[name=default-class]", Invalid, []string{namedList("queues", "queue", "default-class")}},
		{"a group without a queue", "/qos/forwarding-groups/forwarding-group[name=g]/config/output-queue", Invalid, []string{namedList("forwarding-groups", "forwarding-group", "g")}},
		{"a group of no queue", "/qos/forwarding-groups/forwarding-group[name=g]/config/output-queue", Invalid, []string{namedList("forwarding-groups", "forwarding-group", `g "output-queue":"nobody"`)}},
		{"two groups of a class", "/qos/forwarding-groups/forwarding-group[name=h]/config/traffic-class", Invalid, []string{queuesText, namedList("forwarding-groups", "forwarding-group",
			`g "output-queue":"bulk","signalbox-qos:traffic-class":1`, `h "output-queue":"rest","signalbox-qos:traffic-class":1`)}},
		{"a DSCP that means nothing", "/qos/trust/dscps/dscp[dscp=3]/config/traffic-class", Invalid, []string{`"signalbox-qos:trust":{"dscps":{"dscp":[{"dscp":3,"config":{"dscp":3}}]}}`}},
		{"a PCP that means nothing", "/qos/trust/pcps/pcp[pcp=3]/config/traffic-class", Invalid, []string{`"signalbox-qos:trust":{"pcps":{"pcp":[{"pcp":3,"config":{"pcp":3}}]}}`}},
		{"trust without groups", "/qos/interfaces/interface[interface-id=p1]/input/config/trust", Invalid, []string{qosInterfaceText("p1", `"input":{"config":{"signalbox-qos:trust":"DSCP"}}`)}},
		{"no minimum", uniform + "min-threshold", Invalid, []string{profile(`"max-threshold":"1000"`)}},
		{"no maximum", uniform + "max-threshold", Invalid, []string{profile(`"min-threshold":"1000"`)}},
		{"minimum above", uniform + "min-threshold", Invalid, []string{profile(`"min-threshold":"1000","max-threshold":"1000"`)}},
		{"from the first octet on", uniform + "min-threshold", Invalid, []string{profile(`"min-threshold":"0","max-threshold":"1000"`)}},
		{"too high", uniform + "max-threshold", Invalid, []string{profile(`"min-threshold":"1","max-threshold":"9223372036854775808"`)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refusedQoS(t, tt.path, tt.kind, tt.parts...) })
	}
}

func TestQoSPoliciesRefused(t *testing.T) {
	const (
		policy = "/qos/scheduler-policies/scheduler-policy[name=s]/"
		first  = policy + "schedulers/scheduler[sequence=1]/"
		second = policy + "schedulers/scheduler[sequence=2]/"
		one    = "one-rate-two-color/"
		two    = "two-rate-three-color/"
	)
	bulk, voice := inputsText("bulk"), inputsText("voice")
	shaped := func(config string) string { return schedulersText(`;` + bulk + `,` + oneRate(config)) }
	double := func(config string) string { return schedulersText(`;` + bulk + `,` + twoRates(config)) }
	policed := func(rest string) string {
		return schedulersText(`;"one-rate-two-color":{"config":{"cir":"1000000","queuing-behavior":"POLICE"` + rest)
	}
	tests := []struct {
		name, config, schedulers, path string
		kind                           Kind
	}{
		{"no scheduler", ``, ``, policy + "schedulers", Invalid},
		{"neither input nor rate", ``, schedulersText(`;`), first + "inputs", Invalid},
		{"no such queue", ``, schedulersText(`;` + inputsText("nobody")), first + "inputs/input[id=nobody]/config/queue", Invalid},
		{"an input without a queue", ``, schedulersText(`;"inputs":{"input":[{"id":"x","config":{"id":"x","input-type":"QUEUE"}}]}`), first + "inputs/input[id=x]/config/queue", Invalid},
		{"an input of no type", ``, schedulersText(`;"inputs":{"input":[{"id":"x","config":{"id":"x","queue":"bulk"}}]}`), first + "inputs/input[id=x]/config/input-type", Invalid},
		{"an input of colours", ``, schedulersText(`;"inputs":{"input":[{"id":"x","config":{"id":"x","input-type":"IN_PROFILE"}}]}`), first + "inputs/input[id=x]/config/input-type", Unimplemented},
		{"a queue twice", ``, schedulersText(`;"inputs":{"input":[{"id":"x","config":{"id":"x","input-type":"QUEUE","queue":"bulk"}},{"id":"y","config":{"id":"y","input-type":"QUEUE","queue":"bulk"}}]}`), first + "inputs/input[id=y]/config/queue", Invalid},
		{"a queue of two schedulers", ``, schedulersText(`;`+bulk, `;`+bulk), second + "inputs/input[id=bulk]/config/queue", Invalid},
		{"weight above", ``, schedulersText(`;` + inputsText("bulk=65536")), first + "inputs/input[id=bulk]/config/weight", Invalid},
		{"one weight of nothing", ``, schedulersText(`;` + inputsText("bulk=0", "rest=1")), first + "inputs/input[id=bulk]/config/weight", Invalid},
		{"stacked", ``, schedulersText(`;` + bulk + `,"output":{"config":{"output-type":"SCHEDULER"}}`), first + "output/config/output-type", Unimplemented},
		{"both kinds of rates", ``, schedulersText(`;` + bulk + `,` + oneRate(`"cir":"1000000"`) + `,` + twoRates(`"cir":"1000000","pir":"1000000"`)), first + "two-rate-three-color", Invalid},
		{"another type", ``, schedulersText(`"type":"openconfig-qos-types:TWO_RATE_THREE_COLOR";` + bulk + `,` + oneRate(`"cir":"1000000"`)), first + "one-rate-two-color", Invalid},
		{"no rate", ``, shaped(`"cir":"0"`), first + one + "config/cir", Invalid},
		{"a rate of 2^63", ``, shaped(`"cir":"9223372036854775808"`), first + one + "config/cir", Invalid},
		{"no percent", ``, shaped(`"cir-pct":0`), first + one + "config/cir-pct", Invalid},
		{"rate and percent", ``, shaped(`"cir":"1000000","cir-pct":5`), first + one + "config/cir-pct", Invalid},
		{"less than a frame", ``, shaped(`"cir":"1000000","bc":1517`), first + one + "config/bc", Invalid},
		{"two limits", ``, shaped(`"cir":"1000000","max-queue-depth-bytes":5000,"max-queue-depth-packets":5`), first + one + "config/max-queue-depth-packets", Invalid},
		{"room for less than a frame", ``, shaped(`"cir":"1000000","max-queue-depth-bytes":100`), first + one + "config/max-queue-depth-bytes", Invalid},
		{"room for nothing", ``, shaped(`"cir":"1000000","max-queue-depth-packets":0`), first + one + "config/max-queue-depth-packets", Invalid},
		{"minimum above maximum", ``, double(`"cir":"2000000","pir":"1000000"`), first + two + "config/cir", Invalid},
		{"percent above percent", ``, double(`"cir-pct":20,"pir-pct":10`), first + two + "config/cir", Invalid},
		{"minima above the port", ``, schedulersText(`;`+oneRate(`"cir":"3000000"`), `;`+bulk+`,`+twoRates(`"cir":"2000000","signalbox-qos:queuing-behavior":"SHAPE"`),
			`;`+voice+`,`+twoRates(`"cir":"2000000","signalbox-qos:queuing-behavior":"SHAPE"`)), policy + "schedulers", Invalid},
		{"minima above the line", ``, schedulersText(`;`+bulk+`,`+twoRates(`"cir-pct":60,"signalbox-qos:queuing-behavior":"SHAPE"`),
			`;`+voice+`,`+twoRates(`"cir-pct":60,"signalbox-qos:queuing-behavior":"SHAPE"`)), policy + "schedulers", Invalid},
		{"bounded twice", ``, schedulersText(`;`+oneRate(`"cir":"3000000"`), `;`+oneRate(`"cir":"3000000"`)), second + "inputs", Invalid},
		{"bounded by nothing", ``, schedulersText(`;` + oneRate(`"bc":3000`)), first + one + "config/cir", Invalid},
		{"bounded by two rates", ``, schedulersText(`;` + twoRates(`"cir":"1000000","pir":"2000000","signalbox-qos:queuing-behavior":"SHAPE"`)), first + "two-rate-three-color", Invalid},
		{"a limit of no queue", ``, schedulersText(`;` + oneRate(`"cir":"1000000","max-queue-depth-bytes":5000`)), first + "one-rate-two-color", Invalid},
		{"shaped and marked", ``, schedulersText(`;` + bulk + `,"one-rate-two-color":{"config":{"cir":"1000000"},"exceed-action":{"config":{"set-dscp":1}}}`), first + one + "exceed-action/config", Invalid},
		{"shaped and not dropped", ``, schedulersText(`;` + bulk + `,"one-rate-two-color":{"config":{"cir":"1000000"},"exceed-action":{"config":{"drop":false}}}`), first + one + "exceed-action/config/drop", Invalid},
		{"default of another policy", `"signalbox-qos:default-queue":"rest"`, schedulersText(`;` + bulk), policy + "config/default-queue", Invalid},
		{"too many levels", ``, schedulersText(strict + `;` + inputsText("a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8")), policy + "schedulers", Invalid},
		{"a policer without a rate", ``, schedulersText(`;` + oneRate(`"queuing-behavior":"POLICE"`)), first + one + "config/cir", Invalid},
		{"a policer of one rate of two", ``, schedulersText(`;` + twoRates(`"cir":"1000000","signalbox-qos:queuing-behavior":"POLICE"`)), first + two + "config/pir", Invalid},
		{"a policer in percent", ``, schedulersText(`;` + oneRate(`"cir-pct":5,"queuing-behavior":"POLICE"`)), first + one + "config/cir-pct", Invalid},
		{"a policer with a queue", ``, policed(`,"max-queue-depth-packets":5}}`), first + one + "config/max-queue-depth-packets", Invalid},
		{"dropped and marked", ``, policed(`},"exceed-action":{"config":{"drop":true,"set-dscp":1}}}`), first + one + "exceed-action/config/drop", Invalid},
		{"marked by what is no DSCP", ``, policed(`},"exceed-action":{"config":{"set-dscp":64}}}`), first + one + "exceed-action/config/set-dscp", Invalid},
		{"an urgent policer", ``, strings.Replace(policed(`}}`), `"sequence":1}`, `"sequence":1,`+strict+`}`, 1), first + "config/priority", Invalid},
	}
	queues := namedList("queues", "queue", "voice", "bulk", "rest", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refusedQoS(t, tt.path, tt.kind, queues, policiesText(`s `+tt.config+`;`+tt.schedulers))
		})
	}
	t.Run("all weights of nothing", func(t *testing.T) {
		_, _, err := decode(tree(t, qosText(queues, policiesText(`s ;`+schedulersText(`;`+inputsText("bulk=0", "rest=0"))))))
		if found := Errors(err, 0); len(found) != 2 || !strings.Contains(found[0].Reason, "all weights are 0") {
			t.Errorf("refused with %v, want both weights", err)
		}
	})
}

func TestQoSInterfacesRefused(t *testing.T) {
	const entry = "/qos/interfaces/interface[interface-id=p1]/"
	policies := policiesText(`shape ;`+schedulersText(`;`+inputsText("bulk")), `police ;`+schedulersText(`;`+inputsText("bulk")+`,`+oneRate(`"cir":"1000000","queuing-behavior":"POLICE"`)))
	profiles := namedList("queue-management-profiles", "queue-management-profile", `red ;"red":{"uniform":{"config":{"min-threshold":"10000","max-threshold":"30000"}}}`)
	queueAt := func(direction, policy, queue, profile string) string {
		return `"` + direction + `":{"scheduler-policy":{"config":{"name":"` + policy + `"}},"queues":{"queue":[{"name":"` + queue + `","config":{"name":"` + queue + `","queue-management-profile":"` + profile + `"}}]}}`
	}
	tests := []struct{ name, path, entries string }{
		{"queues of an aggregate", "/qos/interfaces/interface[interface-id=lag1]/output/scheduler-policy/config/name", qosInterfaceText("lag1", policyAt("output", "shape"))},
		{"queues of what comes in at an aggregate", "/qos/interfaces/interface[interface-id=lag1]/input/scheduler-policy/config/name", qosInterfaceText("lag1", policyAt("input", "shape"))},
		{"what comes in at a member", "/qos/interfaces/interface[interface-id=m1]/input/scheduler-policy/config/name", qosInterfaceText("m1", policyAt("input", "police"))},
		{"a member that trusts", "/qos/interfaces/interface[interface-id=m1]/input/config/trust", qosInterfaceText("m1", `"input":{"config":{"signalbox-qos:trust":"DSCP"}}`)},
		{"no port", "/qos/interfaces/interface[interface-id=h1]/config/interface-id", qosInterfaceText("h1", policyAt("output", "shape"))},
		{"no interface", "/qos/interfaces/interface[interface-id=p9]/config/interface-id", qosInterfaceText("p9", policyAt("output", "shape"))},
		{"no interface by reference", "/qos/interfaces/interface[interface-id=x]/interface-ref/config/interface", qosInterfaceText("x", `"interface-ref":{"config":{"interface":"p9"}}`)},
		{"two entries", "/qos/interfaces/interface[interface-id=x]/interface-ref/config/interface",
			`"interfaces":{"interface":[{"interface-id":"p1","config":{"interface-id":"p1"}},{"interface-id":"x","config":{"interface-id":"x"},"interface-ref":{"config":{"interface":"p1"}}}]}`},
		{"no such policy", entry + "output/scheduler-policy/config/name", qosInterfaceText("p1", policyAt("output", "nobody"))},
		{"no such policy at the input", entry + "input/scheduler-policy/config/name", qosInterfaceText("p1", policyAt("input", "nobody"))},
		{"policed at the output", "/qos/scheduler-policies/scheduler-policy[name=police]/schedulers/scheduler[sequence=1]/one-rate-two-color/config/queuing-behavior", qosInterfaceText("p1", policyAt("output", "police"))},
		{"a queue of another policy", entry + "output/queues/queue[name=rest]/config/name", qosInterfaceText("p1", queueAt("output", "shape", "rest", "red"))},
		{"no such profile", entry + "output/queues/queue[name=bulk]/config/queue-management-profile", qosInterfaceText("p1", queueAt("output", "shape", "bulk", "nobody"))},
		{"a profile of a policed queue", entry + "input/queues/queue[name=bulk]/config/queue-management-profile", qosInterfaceText("p1", queueAt("input", "police", "bulk", "red"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refusedQoS(t, tt.path, Invalid, queuesText, groupsText, policies, profiles, tt.entries)
		})
	}
}

// TestQoSInUse: what an entry refers to can't be deleted without it.
func TestQoSInUse(t *testing.T) {
	parts := map[string]string{
		"queue": queuesText, "group": groupsText, "policy": policiesText(`s ;` + schedulersText(`;`+inputsText("rest"))),
		"classifier": classifiersText(`c "type":"ETHERNET";` + termsText(termText("1", ``, toReal))),
		"profile":    namedList("queue-management-profiles", "queue-management-profile", `red ;"red":{"uniform":{"config":{"min-threshold":"10000","max-threshold":"30000"}}}`),
		"interface": qosInterfaceText("p1", `"input":{"config":{"signalbox-qos:classifier":"c"}}`,
			`"output":{"scheduler-policy":{"config":{"name":"s"}},"queues":{"queue":[{"name":"rest","config":{"name":"rest","queue-management-profile":"red"}}]}}`),
	}
	text := func(without string) string {
		var all []string
		for name, part := range parts {
			if name != without {
				all = append(all, part)
			}
		}
		return qosText(all...)
	}
	config, _, err := decode(tree(t, text("")))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		gone    string
		deleted schema.Path
		want    []string
	}{
		{"queue", at(ocpath.QosQueuesQueue, "rest"), []string{"/qos/scheduler-policies/scheduler-policy[name=s]/schedulers/scheduler[sequence=1]/inputs/input[id=rest]/config/queue"}},
		{"queue", at(ocpath.QosQueuesQueue, "voice"), []string{"/qos/forwarding-groups/forwarding-group[name=real]/config/output-queue"}},
		{"group", at(ocpath.QosForwardingGroupsForwardingGroup, "real"), []string{"/qos/classifiers/classifier[name=c]/terms/term[id=1]/actions/config/target-group"}},
		{"classifier", at(ocpath.QosClassifiersClassifier, "c"), []string{"/qos/interfaces/interface[interface-id=p1]/input/config/classifier"}},
		{"policy", at(ocpath.QosSchedulerPoliciesSchedulerPolicy, "s"), []string{"/qos/interfaces/interface[interface-id=p1]/output/queues/queue[name=rest]/config/name", "/qos/interfaces/interface[interface-id=p1]/output/scheduler-policy/config/name"}},
		{"profile", at(ocpath.QosQueueManagementProfilesQueueManagementProfile, "red"), []string{"/qos/interfaces/interface[interface-id=p1]/output/queues/queue[name=rest]/config/queue-management-profile"}},
	}
	for _, tt := range tests {
		t.Run(tt.deleted.String(), func(t *testing.T) {
			touched := NewTouched()
			touched.Add(tt.deleted)
			_, _, err := config.Next(tree(t, text(tt.gone)), touched)
			for _, e := range Errors(err, 0) {
				if slices.Contains(tt.want, e.Path) {
					return
				}
			}
			t.Errorf("refused with %v, want %v", err, tt.want)
		})
	}
}

// bandwidthText is p1 with leaves of the simple form, beside what /qos has.
func bandwidthText(port, config string, parts ...string) string {
	text := qosText(parts...)
	return strings.Replace(text, `{"name":"`+port+`",`, `{"signalbox-qos:bandwidth":{"config":{`+config+`}},"name":"`+port+`",`, 1)
}

func TestBandwidthRefused(t *testing.T) {
	const leaf = "/interfaces/interface[name=p1]/bandwidth/config/"
	policies := policiesText(`s ;` + schedulersText(`;`+inputsText("bulk")))
	tests := []struct{ name, port, config, path, reason, entry string }{
		{"nothing", "p1", `"maximum-bandwidth":"0"`, leaf + "maximum-bandwidth", "", ""},
		{"2^63", "p1", `"minimum-bandwidth":"9223372036854775808"`, leaf + "minimum-bandwidth", "", ""},
		{"minimum above maximum", "p1", `"maximum-bandwidth":"1000000","minimum-bandwidth":"2000000"`, leaf + "minimum-bandwidth", "", ""},
		{"an aggregate", "lag1", `"maximum-bandwidth":"1000000"`, "/interfaces/interface[name=lag1]/bandwidth/config/maximum-bandwidth", "members", ""},
		{"a mode of an aggregate", "lag1", `"minimum-bandwidth-mode":"WEIGHT"`, "/interfaces/interface[name=lag1]/bandwidth/config/minimum-bandwidth-mode", "members", ""},
		{"a share of a member", "m1", `"minimum-weight":5`, "/interfaces/interface[name=m1]/bandwidth/config/minimum-weight", "lag1", ""},
		{"no port", "h1", `"minimum-weight":5`, "/interfaces/interface[name=h1]/bandwidth/config/minimum-weight", "switch port", ""},
		{"with an output policy", "p1", `"maximum-bandwidth":"1000000"`, leaf + "maximum-bandwidth", "/qos/interfaces/interface[interface-id=p1]/output/scheduler-policy/config/name", policyAt("output", "s")},
		{"with an input policy", "p1", `"maximum-bandwidth":"1000000"`, leaf + "maximum-bandwidth", "/qos/interfaces/interface[interface-id=p1]/input/scheduler-policy/config/name", policyAt("input", "s")},
		{"a mode with queues", "p1", `"minimum-bandwidth-mode":"WEIGHT"`, leaf + "minimum-bandwidth-mode", "/qos/interfaces/interface[interface-id=p1]/output/scheduler-policy/config/name", policyAt("output", "s")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts := []string{queuesText, policies}
			if tt.entry != "" {
				parts = append(parts, qosInterfaceText("p1", tt.entry))
			}
			_, _, err := decode(tree(t, bandwidthText(tt.port, tt.config, parts...)))
			if found := Errors(err, 0); len(found) != 1 || found[0].Path != tt.path || !strings.Contains(found[0].Reason, tt.reason) {
				t.Errorf("refused with %v, want %s", err, tt.path)
			}
		})
	}
}
