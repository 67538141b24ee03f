package openconfig

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

// lag is an aggregate with what it has beside its config container, and with
// members of that.
func lag(name, config, beside string) string {
	return fmt.Sprintf(`{"name":"%[1]s","config":{"name":"%[1]s","type":"iana-if-type:ieee8023adLag"%[2]s}%[3]s}`, name, config, beside)
}

// aggregation is the container of a lag-type with members of its config
// container and with siblings of it.
func aggregation(lagType, config, beside string) string {
	return fmt.Sprintf(`,"openconfig-if-aggregate:aggregation":{"config":{"lag-type":"%s"%s}%s}`, lagType, config, beside)
}

func teaming(config string) string { return `,"signalbox-teaming:teaming":{"config":{` + config + `}}` }

// team makes interfaces members of an aggregate.
func team(aggregate string, names ...string) string {
	var entries []string
	for _, name := range names {
		entries = append(entries, member(name, aggregate, "", ""))
	}
	return strings.Join(entries, ",")
}

func member(name, aggregate, config, beside string) string {
	return fmt.Sprintf(`{"name":"%[1]s","config":{"name":"%[1]s"`+ethernet+`%[3]s},"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"%[2]s"}%[4]s}}`,
		name, aggregate, config, beside)
}

// lacpText is /lacp with one entry.
func lacpText(global, name, config, members string) string {
	return fmt.Sprintf(`"openconfig-lacp:lacp":{%[1]s"interfaces":{"interface":[{"name":"%[2]s","config":{"name":"%[2]s"%[3]s}%[4]s}]}}`, global, name, config, members)
}

func lacpMember1(name, config string) string {
	return fmt.Sprintf(`,"members":{"member":[{"interface":"%[1]s","config":{"interface":"%[1]s"%[2]s}}]}`, name, config)
}

const access10 = `,"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}`

func TestDecodeAggregates(t *testing.T) {
	static := lag("b1", "", aggregation("STATIC", "", access10))
	tests := []struct {
		name string
		tree string
		want map[string]*spec.Port
	}{
		{
			"static with two members", `{` + interfacesText(static, team("b1", "m1", "m2")) + `}`,
			map[string]*spec.Port{
				"b1": {
					Name: "b1", Enabled: true, Switched: &spec.Switched{Switch: "default", Mode: spec.Access, PVID: 10}, Aggregate: spec.NewAggregate(spec.StaticLAG),
				},
				"m1": {Name: "m1", Enabled: true, Member: &spec.Member{Aggregate: "b1", Priority: 32768}},
				"m2": {Name: "m2", Enabled: true, Member: &spec.Member{Aggregate: "b1", Priority: 32768}},
			},
		},
		{
			"switch-independent with everything",
			`{` + interfacesText(lag("b1", `,"mtu":9000`, aggregation("STATIC", `,"min-links":2`, teaming(
				`"switch-independent":true,"distribution":"ACTIVE_BACKUP","primary":"m2","primary-reselect":"BETTER","standby-member":["m1"],"up-delay":100,"down-delay":20,`+
					`"announcements":3,"speed-weighted":true,"flowlet-gap":50,"rebalance-interval":0`))),
				team("b1", "m1"), member("m2", "b1", `,"openconfig-if-sdn-ext:forwarding-viable":false`, "")) + `}`,
			map[string]*spec.Port{
				"b1": {
					Name: "b1", Enabled: true, MTU: 9000, Aggregate: &spec.Aggregate{
						Mode: spec.SwitchIndependent, Distribution: spec.ActiveBackup, MinLinks: 2, Primary: "m2", Reselect: spec.ReselectBetter,
						UpDelay: 100 * time.Millisecond, DownDelay: 20 * time.Millisecond, Announcements: 3, SpeedWeighted: true,
						FlowletGap: 50 * time.Microsecond, LACP: spec.NewAggregate(spec.SwitchIndependent).LACP,
					},
				},
				"m1": {Name: "m1", Enabled: true, Member: &spec.Member{Aggregate: "b1", Priority: 32768, Standby: true}},
				"m2": {Name: "m2", Enabled: true, Member: &spec.Member{Aggregate: "b1", Priority: 32768, Drained: true}},
			},
		},
		{
			"LACP with everything",
			`{` + interfacesText(lag("b1", "", aggregation("LACP", "", "")), team("b1", "m1")) + `,` +
				lacpText(`"config":{"system-priority":5},`, "b1", `,"interval":"FAST","lacp-mode":"PASSIVE","system-id-mac":"02:00:00:00:00:01","fallback":true,"fallback-timeout":30`,
					lacpMember1("m1", `,"port-priority":7`)) + `}`,
			map[string]*spec.Port{
				"b1": {
					Name: "b1", Enabled: true, Aggregate: func() *spec.Aggregate {
						a := spec.NewAggregate(spec.LACPManaged)
						a.LACP = spec.LACP{Passive: true, Fast: true, SystemID: spec.MAC{2, 5: 1}, SystemPriority: 5, Fallback: true, FallbackTimeout: 30 * time.Second}
						return a
					}(),
				},
				"m1": {Name: "m1", Enabled: true, Member: &spec.Member{Aggregate: "b1", Priority: 7}},
			},
		},
		{
			"a guest that may be no team",
			p1With(ethernet, `,"signalbox-switch-port:switch-port":{"config":{"allow-teaming":false}},"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"TRUNK"}}}`),
			map[string]*spec.Port{"p1": {Name: "p1", Enabled: true, Switched: &spec.Switched{Switch: "default", Mode: spec.Trunk, AllVLANs: true, NoTeaming: true}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, change, err := decode(tree(t, tt.tree))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, change.Ports); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefusesAggregates(t *testing.T) {
	const (
		b1 = "/interfaces/interface[name=b1]"
		m1 = "/interfaces/interface[name=m1]"
	)
	b1With := func(config, beside string, members ...string) string {
		return `{` + interfacesText(lag("b1", "", aggregation("STATIC", config, beside)), team("b1", append(members, "m1")...)) + `}`
	}
	lacp := func(text string) string {
		return `{` + interfacesText(lag("b1", "", aggregation("LACP", "", "")), team("b1", "m1")) + `,` + text + `}`
	}
	many := make([]string, 33)
	for n := range many {
		many[n] = fmt.Sprintf("m%02d", n)
	}
	tests := []struct {
		name   string
		tree   string
		path   string
		reason string
	}{
		{"lag-type missing", `{` + interfacesText(lag("b1", "", "")) + `}`, b1 + "/aggregation/config/lag-type", "set it to LACP or STATIC"},
		{"aggregation elsewhere", p1With(ethernet, aggregation("STATIC", "", "")), "/interfaces/interface[name=p1]/aggregation", "p1 is none"},
		{"address of an aggregate", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", "")+`,"openconfig-if-ethernet:ethernet":{"config":{"mac-address":"02:00:00:00:00:01"}}`)) + `}`, b1 + "/ethernet/config/mac-address", "its members have"},
		{"VLAN in the wrong place", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", "")+`,"openconfig-if-ethernet:ethernet":{`+access10[1:]+`}`)) + `}`, b1 + "/ethernet/switched-vlan/config", "use " + b1 + "/aggregation/switched-vlan/config"},
		{"VLAN of an aggregate missing", b1With("", `,"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS"}}`), b1 + "/aggregation/switched-vlan/config/access-vlan", "is missing"},
		{"min-links", b1With(`,"min-links":2`, ""), b1 + "/aggregation/config/min-links", "has 1 members"},
		{"standby of nobody", b1With("", teaming(`"standby-member":["m2"]`)), b1 + "/aggregation/teaming/config/standby-member", "m2 is no member of aggregate b1"},
		{"primary of nobody", b1With("", teaming(`"primary":"m2"`)), b1 + "/aggregation/teaming/config/primary", "m2 is no member"},
		{"primary on standby", b1With("", teaming(`"primary":"m1","standby-member":["m1"]`)), b1 + "/aggregation/teaming/config/primary", "m1 is a standby-member too"},
		{"switch-independent with LACP", `{` + interfacesText(lag("b1", "", aggregation("LACP", "", teaming(`"switch-independent":true`)))) + `}`, b1 + "/aggregation/teaming/config/switch-independent", "is for lag-type STATIC"},
		{"switch-independent by ports", b1With("", teaming(`"switch-independent":true,"distribution":"TRANSPORT_PORTS"`)), b1 + "/aggregation/teaming/config/distribution", "want VLAN_SOURCE_MAC"},
		{"33 members", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", "")), team("b1", many...)) + `}`, "/interfaces/interface[name=m32]/ethernet/config/aggregate-id", "it can have 32"},

		{"member of nothing", `{` + interfacesText(team("b9", "m1")) + `}`, m1 + "/ethernet/config/aggregate-id", "b9 is not configured"},
		{"member of itself", `{` + interfacesText(team("m1", "m1")) + `}`, m1 + "/ethernet/config/aggregate-id", "m1 is no aggregate"},
		{"member of a port", `{` + interfacesText(p1Port, team("p1", "m1")) + `}`, m1 + "/ethernet/config/aggregate-id", "p1 is no aggregate"},
		{"member that is an aggregate", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", "")), lag("b2", "", aggregation("STATIC", "", "")+`,"openconfig-if-ethernet:ethernet":{"config":{"openconfig-if-aggregate:aggregate-id":"b1"}}`)) + `}`, "/interfaces/interface[name=b2]/ethernet/config/aggregate-id", "member of another one"},
		{"member that is a port", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", "")), member("m1", "b1", "", access10)) + `}`, m1 + "/ethernet/switched-vlan/config", "use " + b1 + "/aggregation/switched-vlan/config"},
		{"member that is on a switch", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", "")), team("b1", "p1")) + `,` + instancesText(`{`+blueName+listed+`}`) + `}`, "/network-instances/network-instance[name=blue]/interfaces/interface[id=a]/config/interface", "member of aggregate b1: list that"},
		{"MTU of a member beside its aggregate's", `{` + interfacesText(lag("b1", `,"mtu":9000`, aggregation("STATIC", "", "")), member("m1", "b1", `,"mtu":1400`, "")) + `}`, m1 + "/config/mtu", "1400: aggregate b1 has 9000"},
		{"drained and no member", p1With(ethernet+`,"openconfig-if-sdn-ext:forwarding-viable":false`, ""), "/interfaces/interface[name=p1]/config/forwarding-viable", "disable it instead"},
		{"allow-teaming without a port", p1With(ethernet, `,"signalbox-switch-port:switch-port":{"config":{"allow-teaming":true}}`), "/interfaces/interface[name=p1]/switch-port/config/allow-teaming", "is for a switch port"},

		{"LACP of nothing", `{` + lacpText("", "b9", "", "") + `}`, "/lacp/interfaces/interface[name=b9]/config/name", "b9 is not configured"},
		{"LACP of a port", `{` + interfacesText(p1Port) + `,` + lacpText("", "p1", "", "") + `}`, "/lacp/interfaces/interface[name=p1]/config/name", "p1 is no aggregate: set its type to ieee8023adLag, or remove"},
		{"LACP of a static aggregate", b1With("", "")[:len(b1With("", ""))-1] + `,` + lacpText("", "b1", "", "") + `}`, "/lacp/interfaces/interface[name=b1]/config/name", "set its lag-type to LACP"},
		{"LACP member of another", lacp(lacpText("", "b1", "", lacpMember1("m2", ""))), "/lacp/interfaces/interface[name=b1]/members/member[interface=m2]/config/interface", "m2 is no member"},
		{"system id of a group", lacp(lacpText("", "b1", `,"system-id-mac":"01:00:00:00:00:01"`, "")), "/lacp/interfaces/interface[name=b1]/config/system-id-mac", "group address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := decode(tree(t, tt.tree))
			for _, e := range Errors(err, 0) {
				if e.Path == tt.path && strings.Contains(e.Reason, tt.reason) && e.Kind == Invalid {
					return
				}
			}
			t.Errorf("error: %v\nwant %s: %s", err, tt.path, tt.reason)
		})
	}
}

// TestDecodeOfATeamsTransaction: a member takes its aggregate with it, an
// aggregate and an entry of LACP their members, and nothing else is decoded.
func TestDecodeOfATeamsTransaction(t *testing.T) {
	const m1 = "/interfaces/interface[name=m1]"
	lacp := aggregation("LACP", "", "")
	both := func(entries ...string) string {
		return interfacesText(append(entries, lag("b1", "", lacp), lag("b2", "", lacp), team("b1", "m1"), team("b2", "m2"))...)
	}
	tests := []struct {
		name          string
		before, after string
		interfaces    []string
		lacp          []string
		ports         []string // "-p1" is gone
		refused       string   // path
	}{
		{"a member comes", `{` + both() + `}`, `{` + both(team("b1", "m3")) + `}`, []string{"m3"}, nil, []string{"b1", "m3"}, ""},
		{"a member goes", `{` + both(team("b1", "m3")) + `}`, `{` + both() + `}`, []string{"m3"}, nil, []string{"b1", "-m3"}, ""},
		{"a member changes sides", `{` + both(team("b1", "m3")) + `}`, `{` + both(team("b2", "m3")) + `}`, []string{"m3"}, nil, []string{"b1", "b2", "m3"}, ""},
		{"an aggregate changes", `{` + both() + `}`, `{` + both() + `}`, []string{"b1"}, nil, []string{"b1", "m1"}, ""},
		{"a plain port changes", `{` + both(p1Port) + `}`, `{` + both(p1Port) + `}`, []string{"p1"}, nil, []string{"p1"}, ""},
		{"an entry of LACP comes", `{` + both() + `}`, `{` + both() + `,` + lacpText("", "b1", `,"interval":"FAST"`, "") + `}`, nil, []string{"b1"}, []string{"b1", "m1"}, ""},
		{"the system priority of all", `{` + both(p1Port) + `}`, `{` + both(p1Port) + `,"openconfig-lacp:lacp":{"config":{"system-priority":5}}}`, nil, []string{""}, []string{"b1", "b2"}, ""},
		{"an aggregate has another MTU than its member", `{` + both(member("m3", "b1", `,"mtu":1400`, "")) + `}`,
			`{` + interfacesText(lag("b1", `,"mtu":9000`, lacp), lag("b2", "", lacp), team("b1", "m1"), team("b2", "m2"), member("m3", "b1", `,"mtu":1400`, "")) + `}`, []string{"b1"}, nil, nil, "/interfaces/interface[name=m3]/config/mtu"},
		{"an aggregate goes and its member stays", `{` + both() + `}`, `{` + interfacesText(lag("b2", "", lacp), team("b1", "m1"), team("b2", "m2")) + `}`, []string{"b1"}, nil, nil, m1 + "/ethernet/config/aggregate-id"},
		{"a member that is needed goes", `{` + interfacesText(lag("b1", "", aggregation("STATIC", `,"min-links":2`, "")), team("b1", "m1", "m2")) + `}`,
			`{` + interfacesText(lag("b1", "", aggregation("STATIC", `,"min-links":2`, "")), team("b1", "m2")) + `}`, []string{"m1"}, nil, nil, "/interfaces/interface[name=b1]/aggregation/config/min-links"},
		{"the primary goes", `{` + interfacesText(lag("b1", "", aggregation("STATIC", "", teaming(`"primary":"m1"`))), team("b1", "m1", "m2")) + `}`,
			`{` + interfacesText(lag("b1", "", aggregation("STATIC", "", teaming(`"primary":"m1"`))), team("b1", "m2")) + `}`, []string{"m1"}, nil, nil, "/interfaces/interface[name=b1]/aggregation/teaming/config/primary"},
		{"a member goes that LACP knows", `{` + both(team("b1", "m3")) + `,` + lacpText("", "b1", "", lacpMember1("m3", "")) + `}`,
			`{` + both() + `,` + lacpText("", "b1", "", lacpMember1("m3", "")) + `}`, []string{"m3"}, nil, nil, "/lacp/interfaces/interface[name=b1]/members/member[interface=m3]/config/interface"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := tree(t, tt.after)
			before, _, err := decode(tree(t, tt.before))
			if err != nil {
				t.Fatal(err)
			}
			touched := NewTouched()
			for _, name := range tt.interfaces {
				touched.Interfaces[name] = struct{}{}
			}
			for _, name := range tt.lacp {
				touched.lacp[name] = struct{}{}
			}
			after, change, err := before.Next(to, touched)
			if tt.refused != "" {
				for _, e := range Errors(err, 0) {
					if e.Path == tt.refused {
						return
					}
				}
				t.Fatalf("error %v, want one about %s", err, tt.refused)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(nameSet(tt.ports), nameSet(changeNames(change.Ports))); diff != "" {
				t.Errorf("ports: %s", diff)
			}
			after.matches(t, to)
		})
	}
}

func nameSet(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}
