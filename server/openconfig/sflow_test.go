package openconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// sampling is a configuration of sFlow beside p1.
func sampling(config, lists string) string {
	return `{` + interfacesText(p1Port, strings.ReplaceAll(p1Port, "p1", "p2")) +
		`,"openconfig-sampling:sampling":{"openconfig-sampling-sflow:sflow":{"config":{` + config + `}` + lists + `}}}`
}

const (
	collectors = `,"collectors":{"collector":[{"address":"192.0.2.9","port":6343,"config":{"address":"192.0.2.9","port":6343}}]}`
	enabled    = `"enabled":true,"agent-id-ipv4":"192.0.2.1","ingress-sampling-rate":1000`
)

func touchSampling(t *testing.T, text string) (*Config, error) {
	t.Helper()
	d := tree(t, text)
	touched := touchAll(d)
	touched.sflow[""] = struct{}{}
	c, _, err := NewConfig().Next(d, touched)
	return c, err
}

func TestSFlowSessions(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"off", sampling(`"agent-id-ipv4":"192.0.2.1"`, collectors), ""},
		{"no collector", sampling(enabled, ""), ""},
		{"every port", sampling(enabled, collectors), "sflow:1000[] sflow:drops[]"},
		{"no samples", sampling(`"enabled":true,"agent-id-ipv6":"2001:db8::1"`, collectors), "sflow:drops[]"},
		{
			"one port off", sampling(enabled, collectors+`,"interfaces":{"interface":[{"name":"p1","config":{"name":"p1","enabled":false}}]}`),
			"sflow:1000[p2] sflow:drops[]",
		},
		{
			"a rate of its own", sampling(enabled, collectors+`,"interfaces":{"interface":[{"name":"p1","config":{"name":"p1","ingress-sampling-rate":10}}]}`),
			"sflow:10[p1] sflow:1000[p2] sflow:drops[]",
		},
		{
			"what is no switch port", strings.Replace(sampling(enabled, collectors+`,"interfaces":{"interface":[{"name":"p1","config":{"name":"p1","enabled":false}}]}`),
				`"interface":[`, `"interface":[{"name":"host","config":{"name":"host","type":"iana-if-type:ethernetCsmacd"}},`, 1),
			"sflow:1000[p2] sflow:drops[]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := touchSampling(t, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, id := range slices.Sorted(maps.Keys(c.sessions)) {
				s := c.sessions[id]
				got = append(got, id+fmt.Sprint(s.Ports))
				if s.SnapLength != 128 || !s.Samples() || !s.Enabled {
					t.Errorf("%s: %+v", id, s)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("sessions %v, want %s", got, tt.want)
			}
		})
	}
}

// TestSFlowSessionsGoOn: what is not altered is not started again.
func TestSFlowSessionsGoOn(t *testing.T) {
	first, err := touchSampling(t, sampling(enabled, collectors))
	if err != nil {
		t.Fatal(err)
	}
	d := tree(t, sampling(enabled+`,"dscp":46`, collectors))
	touched := NewTouched()
	touched.sflow[""] = struct{}{}
	second, _, err := first.Next(d, touched)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(second.Sessions(first)); n != 0 || second.SFlow().DSCP != 46 {
		t.Errorf("%d sessions are altered by another DSCP, want none", n)
	}
	off, _, err := second.Next(tree(t, `{}`), func() Touched { t := touchAll(d); t.sflow[""] = struct{}{}; return t }())
	if err != nil {
		t.Fatal(err)
	}
	if changed := off.Sessions(second); len(changed) != 2 || changed["sflow:drops"] != nil || off.SFlow() != nil {
		t.Errorf("%v are altered when sFlow goes, want both to end", changed)
	}
}

func TestSFlowRefuses(t *testing.T) {
	listed := func(config string) string {
		return `,"interfaces":{"interface":[{"name":"p1","config":{"name":"p1",` + config + `}}]}`
	}
	tests := []struct{ name, text, path, word string }{
		{"no agent", sampling(`"enabled":true`, collectors), "/sampling/sflow/config/enabled", "agent-id-ipv4"},
		{"sample size", sampling(enabled+`,"sample-size":20`, ""), "/sampling/sflow/config/sample-size", "64 to 512"},
		{"rate", sampling(`"ingress-sampling-rate":4000000000`, ""), "/sampling/sflow/config/ingress-sampling-rate", "at most"},
		{"rate of an interface", sampling("", listed(`"ingress-sampling-rate":4000000000`)), "/sampling/sflow/interfaces/interface[name=p1]/config/ingress-sampling-rate", "at most"},
		{
			"no such interface", sampling(enabled, strings.ReplaceAll(listed(`"enabled":false`), "p1", "p9")),
			"/sampling/sflow/interfaces/interface[name=p9]/config/name", "no such interface",
		},
		{
			"datagram", sampling(enabled, strings.Replace(collectors, `"port":6343}}`, `"port":6343,"max-datagram-size":100}}`, 1)),
			"/sampling/sflow/collectors/collector[address=192.0.2.9][port=6343]/config/max-datagram-size", "want 200",
		},
		{
			"source of another kind", sampling(enabled, strings.Replace(collectors, `"port":6343}}`, `"port":6343,"source-address":"2001:db8::1"}}`, 1)),
			"/sampling/sflow/collectors/collector[address=192.0.2.9][port=6343]/config/source-address", "kind",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := touchSampling(t, tt.text)
			var refused *Error
			if !errors.As(err, &refused) || refused.Path != tt.path || !strings.Contains(refused.Reason, tt.word) {
				t.Errorf("error %v, want one of %s with %q", err, tt.path, tt.word)
			}
		})
	}
}
