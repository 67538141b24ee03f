package openconfig

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// BenchmarkNextQoS translates the change of one port's classes among 1,000 that
// have a policy of 8 queues, that of a policy that one port has, and that of the
// policy of all.
func BenchmarkNextQoS(b *testing.B) {
	var ports, entries []string
	for n := range 1000 {
		name, policy := fmt.Sprintf("v%d", n), "all"
		if n == 7 {
			policy = "one"
		}
		ports = append(ports, strings.ReplaceAll(p1Port, "p1", name))
		entries = append(entries, `{"interface-id":"`+name+`","config":{"interface-id":"`+name+`"},"input":{"config":{"signalbox-qos:trust":"DSCP"}},"output":{"scheduler-policy":{"config":{"name":"`+policy+`"}}}}`)
	}
	queues := []string{"q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7"}
	policy := `;` + schedulersText(`"priority":"STRICT";`+inputsText(queues[:2]...), `;`+inputsText(queues[2:]...))
	text := `{` + interfacesText(ports...) + `,"openconfig-qos:qos":{` + strings.Join([]string{
		namedList("queues", "queue", queues...), namedList("forwarding-groups", "forwarding-group", `g "output-queue":"q0","signalbox-qos:traffic-class":5`),
		policiesText(`all `+policy, `one `+policy), `"interfaces":{"interface":[` + strings.Join(entries, ",") + `]}`}, ",") + `}}`
	d := new(oc.Device)
	if err := oc.Unmarshal([]byte(text), d); err != nil {
		b.Fatal(err)
	}
	before, _, err := decode(d)
	if err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		path  schema.Path
		ports int
	}{
		{"port", at(ocpath.QosInterfacesInterfaceInputConfigTrust, "v7"), 1},
		{"policy of one", at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerConfigPriority, "one", "1"), 1},
		{"policy of the others", at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerConfigPriority, "all", "1"), 999},
	} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				touched := NewTouched()
				touched.Add(tt.path)
				_, change, err := before.Next(d, touched)
				if err != nil || len(change.Ports) != tt.ports {
					b.Fatalf("%d ports, %v, want %d", len(change.Ports), err, tt.ports)
				}
			}
		})
	}
}
