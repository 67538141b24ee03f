package access

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnsi/pathz"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/signalbox/signalbox/telemetry/schema"
)

func protoPath(t testing.TB, text string) *gpb.Path {
	t.Helper()
	p, err := schema.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// policyOf builds a policy of lines "PERMIT READ user alice /path" and of
// "group NAME: user user".
func policyOf(t testing.TB, lines ...string) *pathz.AuthorizationPolicy {
	t.Helper()
	p := &pathz.AuthorizationPolicy{}
	for i, line := range lines {
		if rest, ok := strings.CutPrefix(line, "group "); ok {
			name, users, _ := strings.Cut(rest, ":")
			g := &pathz.Group{Name: name}
			for _, u := range strings.Fields(users) {
				g.Users = append(g.Users, &pathz.User{Name: u})
			}
			p.Groups = append(p.Groups, g)
			continue
		}
		f := strings.Fields(line)
		r := &pathz.AuthorizationRule{Id: fmt.Sprint("r", i), Path: protoPath(t, f[4]),
			Action: pathz.Action(pathz.Action_value["ACTION_"+f[0]]), Mode: pathz.Mode(pathz.Mode_value["MODE_"+f[1]])}
		if f[2] == "user" {
			r.Principal = &pathz.AuthorizationRule_User{User: f[3]}
		} else {
			r.Principal = &pathz.AuthorizationRule_Group{Group: f[3]}
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func textOf(t testing.TB, p *pathz.AuthorizationPolicy) []byte {
	t.Helper()
	text, err := protojson.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func exact(t testing.TB, text string) schema.Path {
	t.Helper()
	p, err := schema.Exact(nil, protoPath(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestG42_PathzBestMatch has the examples of gNSI's authorization-README.md
// with lists that are served.
func TestG42_PathzBestMatch(t *testing.T) {
	const (
		vlan   = "/network-instances/network-instance[name=DEFAULT]/vlans/vlan[vlan-id=10]"
		anyNI  = "/network-instances/network-instance[name=*]/vlans/vlan[vlan-id=10]"
		anyVID = "/network-instances/network-instance[name=DEFAULT]/vlans/vlan[vlan-id=*]"
		groups = "group admin: stevie"
	)
	tests := []struct {
		name  string
		rules []string
		path  string
		want  bool
	}{
		{"example 1: keys go before user", []string{groups, "PERMIT READ group admin " + vlan, "DENY READ user stevie " + anyNI}, vlan, true},
		{"example 2: user before group", []string{groups, "PERMIT READ user stevie " + vlan, "DENY READ group admin " + vlan}, vlan, true},
		{"example 3: denied on ties", []string{"PERMIT READ user stevie " + anyVID, "DENY READ user stevie " + anyNI}, vlan, false},
		{"example 4: denied on ties of groups", []string{groups, "group engineers: stevie", "PERMIT READ group admin " + vlan, "DENY READ group engineers " + vlan}, vlan, false},
		{"no rule", nil, vlan, false},
		{"nobody's rule", []string{"PERMIT READ user brian /"}, vlan, false},
		{"a group of others", []string{"group admin: brian", "PERMIT READ group admin /"}, vlan, false},
		{"of the other mode", []string{"PERMIT WRITE user stevie /"}, vlan, false},
		{"all", []string{"PERMIT READ user stevie /"}, vlan, true},
		{"the longer path", []string{"DENY READ user stevie /", "PERMIT READ user stevie /network-instances"}, vlan, true},
		{"the longer path, denied", []string{"PERMIT READ user stevie /", "DENY READ user stevie /network-instances"}, vlan, false},
		{"longer goes before keys", []string{"DENY READ user stevie " + vlan, "PERMIT READ user stevie /network-instances/network-instance/vlans/vlan/config"}, vlan + "/config/name", true},
		{"a key left away is a wildcard", []string{"PERMIT READ user stevie /network-instances/network-instance/vlans/vlan"}, vlan, true},
		{"another key", []string{"PERMIT READ user stevie " + vlan}, "/network-instances/network-instance[name=DEFAULT]/vlans/vlan[vlan-id=11]", false},
		{"above the rule", []string{"PERMIT READ user stevie " + vlan}, "/network-instances/network-instance[name=DEFAULT]", false},
		{"a rule for what is not served", []string{"DENY READ user stevie /interfaces/interface/subinterfaces", "PERMIT READ user stevie /"}, vlan, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parsePathz(textOf(t, policyOf(t, tt.rules...)))
			if err != nil {
				t.Fatal(err)
			}
			if got := p.limit("stevie", pathz.Mode_MODE_READ).Permits(exact(t, tt.path)); got != tt.want {
				t.Errorf("%s: %t, want %t", tt.path, got, tt.want)
			}
			if p.limit("", pathz.Mode_MODE_READ).Touches(schema.Path{}) {
				t.Error("nobody may read something")
			}
		})
	}
}

func TestG42_PathzThatCannotBe(t *testing.T) {
	edit := func(change func(*pathz.AuthorizationPolicy)) string {
		p := policyOf(t, "group g: a b", "PERMIT READ user a /interfaces", "DENY WRITE group g /interfaces/interface[name=eth1]")
		change(p)
		return string(textOf(t, p))
	}
	rule := func(change func(*pathz.AuthorizationRule)) string {
		return edit(func(p *pathz.AuthorizationPolicy) { change(p.Rules[1]) })
	}
	if _, err := parsePathz([]byte(edit(func(*pathz.AuthorizationPolicy) {}))); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, policy, err string }{
		{"empty", "", "unexpected token"},
		{"not JSON", "permit", "invalid value"},
		{"a field that is not known", `{"rules": [], "rule": []}`, "unknown field"},
		{"no id", rule(func(r *pathz.AuthorizationRule) { r.Id = "" }), "rule 2 has no id of its own"},
		{"one id twice", rule(func(r *pathz.AuthorizationRule) { r.Id = "r1" }), "rule 2 has no id of its own"},
		{"no principal", rule(func(r *pathz.AuthorizationRule) { r.Principal = nil }), "neither a user nor a group"},
		{"an unknown group", rule(func(r *pathz.AuthorizationRule) { r.Principal = &pathz.AuthorizationRule_Group{Group: "h"} }), `no group "h"`},
		{"no action", rule(func(r *pathz.AuthorizationRule) { r.Action = 0 }), "want ACTION_PERMIT"},
		{"no mode", rule(func(r *pathz.AuthorizationRule) { r.Mode = 0 }), "want MODE_READ"},
		{"another mode", rule(func(r *pathz.AuthorizationRule) { r.Mode = 9 }), "want MODE_READ"},
		{"no path", rule(func(r *pathz.AuthorizationRule) { r.Path = nil }), "no path"},
		{"a mistyped path", rule(func(r *pathz.AuthorizationRule) { r.Path = protoPath(t, "/interfaces/interfaze") }), "unknown element"},
		{"a mistyped key", rule(func(r *pathz.AuthorizationRule) { r.Path = protoPath(t, "/interfaces/interface[nam=x]") }), "no key"},
		{"another origin", rule(func(r *pathz.AuthorizationRule) { r.Path = &gpb.Path{Origin: "cli"} }), "origin"},
		{"any element", rule(func(r *pathz.AuthorizationRule) { r.Path = protoPath(t, "/interfaces/*") }), "a wildcard may be the value of a key"},
		{"any depth", rule(func(r *pathz.AuthorizationRule) { r.Path = protoPath(t, "/...") }), "a wildcard may be the value of a key"},
		{"a part of a key", rule(func(r *pathz.AuthorizationRule) { r.Path = protoPath(t, "/interfaces/interface[name=eth*]") }), "stands for the whole value"},
		{"one group twice", edit(func(p *pathz.AuthorizationPolicy) { p.Groups = append(p.Groups, p.Groups[0]) }), "has no name of its own"},
		{"a user without a name", edit(func(p *pathz.AuthorizationPolicy) { p.Groups[0].Users[0].Name = "" }), "a user without a name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parsePathz([]byte(tt.policy)); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\u00a0", " "), tt.err) {
				t.Errorf("got %v, want an error with %q", err, tt.err)
			}
		})
	}
}

// plain decides as gNSI's text says, rule by rule and with no index.
func plain(m *pathz.AuthorizationPolicy, user string, mode pathz.Mode, path *gpb.Path) bool {
	member := func(r *pathz.AuthorizationRule) bool {
		return r.GetUser() == user || slices.ContainsFunc(m.GetGroups(), func(g *pathz.Group) bool {
			return r.GetGroup() == g.GetName() && slices.ContainsFunc(g.GetUsers(), func(u *pathz.User) bool { return u.GetName() == user })
		})
	}
	fits := func(rule *gpb.Path) bool {
		if len(rule.GetElem()) > len(path.GetElem()) {
			return false
		}
		for i, e := range rule.GetElem() {
			other := path.GetElem()[i]
			if e.GetName() != other.GetName() {
				return false
			}
			for key, value := range e.GetKey() {
				if value != "*" && value != other.GetKey()[key] {
					return false
				}
			}
		}
		return true
	}
	keys := func(p *gpb.Path) (n int) {
		for _, e := range p.GetElem() {
			for _, value := range e.GetKey() {
				if value != "*" {
					n++
				}
			}
		}
		return n
	}
	var best *pathz.AuthorizationRule
	for _, r := range m.GetRules() {
		if r.GetMode() != mode || !member(r) || !fits(r.GetPath()) {
			continue
		}
		if best == nil || cmp.Or(
			cmp.Compare(len(r.GetPath().GetElem()), len(best.GetPath().GetElem())),
			cmp.Compare(keys(r.GetPath()), keys(best.GetPath())),
			cmp.Compare(len(r.GetUser()), len(best.GetUser())), // of one user: "" or the name
			cmp.Compare(-r.GetAction(), -best.GetAction()),
		) > 0 {
			best = r
		}
	}
	return best.GetAction() == pathz.Action_ACTION_PERMIT
}

// FuzzG42_PathzMatch makes policies of a seed and compares the decisions with
// those of the plain text.
func FuzzG42_PathzMatch(f *testing.F) {
	paths := []string{"/", "/interfaces", "/interfaces/interface", "/interfaces/interface[name=*]", "/interfaces/interface[name=a]", "/interfaces/interface[name=b]/config",
		"/interfaces/interface[name=a]/config/mtu", "/interfaces/interface/config", "/network-instances/network-instance[name=a]/vlans/vlan",
		"/network-instances/network-instance[name=*]/vlans/vlan[vlan-id=1]", "/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=1]",
		"/network-instances/network-instance/vlans/vlan[vlan-id=2]/config", "/network-instances/network-instance[name=b]"}
	asked := []string{"/interfaces/interface[name=a]/config/mtu", "/interfaces/interface[name=b]/config/mtu", "/interfaces/interface[name=c]/state/mtu", "/interfaces",
		"/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=1]/config/name", "/network-instances/network-instance[name=b]/vlans/vlan[vlan-id=1]",
		"/network-instances/network-instance[name=b]/vlans/vlan[vlan-id=2]/config/name", "/system/state/hostname"}
	for seed := range uint64(64) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, rules uint8) {
		random := rand.New(rand.NewPCG(seed, 42))
		lines := []string{"group g: u v", "group h: u", "group i: w"}
		for range rules % 12 {
			lines = append(lines, strings.Join([]string{
				[]string{"PERMIT", "DENY"}[random.IntN(2)], []string{"READ", "READ", "WRITE"}[random.IntN(3)],
				[]string{"user u", "user v", "group g", "group h", "group i"}[random.IntN(5)], paths[random.IntN(len(paths))]}, " "))
		}
		m := policyOf(t, lines...)
		p, err := parsePathz(textOf(t, m))
		if err != nil {
			t.Fatalf("%q: %v", lines, err)
		}
		for _, path := range asked {
			for _, user := range []string{"u", "v", "w", "x"} {
				want := plain(m, user, pathz.Mode_MODE_READ, protoPath(t, path))
				if got := p.limit(user, pathz.Mode_MODE_READ).Permits(exact(t, path)); got != want {
					t.Errorf("%s reads %s by\n%s: %t, want %t", user, path, strings.Join(lines, "\n"), got, want)
				}
			}
		}
	})
}

func FuzzG42_PathzPolicy(f *testing.F) {
	f.Add([]byte(textOf(f, policyOf(f, "group g: a b", "PERMIT READ user a /", "DENY WRITE group g /interfaces/interface[name=eth1]"))))
	f.Add([]byte(`{"rules":[{"id":"1","user":"a","path":{"elem":[{"name":"interfaces"},{"name":"interface","key":{"name":"*"}}]},"action":"ACTION_PERMIT","mode":"MODE_READ"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := parsePathz(content)
		if err != nil {
			return
		}
		if p.limit("", pathz.Mode_MODE_READ).Touches(schema.Path{}) || p.limit("", pathz.Mode_MODE_WRITE).Touches(schema.Path{}) {
			t.Errorf("nobody may do something by %q", content)
		}
		if !json.Valid(content) {
			t.Errorf("%q is taken, and is no JSON", content)
		}
	})
}
