package openconfig

import (
	"testing"

	"github.com/signalbox/signalbox/gen/oc"
)

// FuzzQoS decodes any configuration of classes and rates: it is refused with a
// path, or what ports are given is right by itself.
func FuzzQoS(f *testing.F) {
	f.Add(qosText(queuesText, groupsText, classifiersText(`c "type":"IPV4";`+termsText(termText("1", `"transport":{"config":{"source-port":"1..2"}}`, toReal))), qosInterfaceText("p1", classifierAt("IPV4", "c"))))
	f.Add(qosText(queuesText, policiesText(`s ;`+schedulersText(`;`+oneRate(`"cir":"3000000"`), strict+`;`+inputsText("voice=3", "bulk"), `;`+inputsText("rest")+`,`+twoRates(`"cir":"2000000","pir-pct":50`))), qosInterfaceText("p1", policyAt("input", "s"))))
	f.Add(qosText(queuesText, groupsText, `"signalbox-qos:trust":{"dscps":{"dscp":[{"dscp":10,"config":{"dscp":10,"traffic-class":5}}]},"pcps":{"pcp":[{"pcp":7,"config":{"pcp":7,"traffic-class":1}}]}}`,
		qosInterfaceText("lag1", `"input":{"config":{"signalbox-qos:trust":"PCP"}}`)))
	f.Add(qosText(`"signalbox-qos:trust":{"dscps":{"dscp":[{"dscp":64,"config":{"dscp":64,"traffic-class":8}}]}}`))
	f.Add(bandwidthText("p1", `"maximum-bandwidth":"5000000","minimum-bandwidth":"1000000","minimum-weight":20,"minimum-bandwidth-mode":"WEIGHT"`, queuesText))
	f.Fuzz(func(t *testing.T, text string) {
		d := new(oc.Device)
		if oc.Unmarshal([]byte(text), d) != nil {
			return
		}
		config, change, err := decode(d)
		if err != nil {
			for _, e := range Errors(err, 0) {
				if e.Path == "" {
					t.Errorf("%s: refused without a path: %v", text, e)
				}
			}
			return
		}
		for name, port := range change.Ports {
			if err := port.Check(); err != nil {
				t.Errorf("%s: decoded into what cannot be: %v", text, err)
			}
			if names := config.QoSNames(name); port.QoS != nil && port.QoS.Classifier != nil && len(names.Terms) != len(port.QoS.Classifier.Terms) {
				t.Errorf("%s: %s has %d terms, and names of %d", text, name, len(port.QoS.Classifier.Terms), len(names.Terms))
			}
		}
	})
}

func FuzzTerms(f *testing.F) {
	f.Add("IPV4/10", "1..2")
	f.Add("ETHERNET/a/b", "0..65536")
	f.Add("trust-dscp-5", "x")
	f.Fuzz(func(t *testing.T, id, ports string) {
		if kind, own := termPlace(ipv4Type + "/" + id); kind != ipv4Type || own != id {
			t.Errorf("%q is told as %q in %q", id, own, kind)
		}
		if kind, own := termPlace(ethernetType + "/" + id); kind != "" || own != id {
			t.Errorf("%q is told as %q in %q", id, own, kind)
		}
		if r, ok := portRange(ports); ok && r.First > r.Last {
			t.Errorf("%q is %+v", ports, r)
		}
		if a, b := compareTerms(id, ports), compareTerms(ports, id); a != -b || (a == 0) != (id == ports) {
			t.Errorf("%q and %q are compared as %d and %d", id, ports, a, b)
		}
	})
}
