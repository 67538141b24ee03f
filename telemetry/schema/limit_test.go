package schema

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// limitOf builds a limit of lines "+path" and "-path".
func limitOf(lines ...string) *Limit {
	var rules []Rule
	for _, line := range lines {
		rules = append(rules, Rule{MustCompile(line[1:]), line[0] == '+'})
	}
	return NewLimit(rules)
}

func exactPath(t testing.TB, text string) Path {
	t.Helper()
	p, err := Exact(nil, mustParse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestG42_Limit(t *testing.T) {
	const (
		eth1 = "/interfaces/interface[name=eth1]"
		eth2 = "/interfaces/interface[name=eth2]"
	)
	tests := []struct {
		name    string
		rules   []string
		path    string
		permits bool
		touches bool
		whole   bool
	}{
		{"no rule", nil, eth1, false, false, false},
		{"root", []string{"+/"}, eth1 + "/config/mtu", true, true, true},
		{"the first that fits", []string{"-/interfaces", "+/"}, eth1 + "/config/mtu", false, false, false},
		{"the first that fits, elsewhere", []string{"-/interfaces", "+/"}, "/system/state/hostname", true, true, true},
		{"a key", []string{"+" + eth1}, eth1 + "/config/mtu", true, true, true},
		{"another key", []string{"+" + eth1}, eth2 + "/config/mtu", false, false, false},
		{"any key", []string{"+/interfaces/interface[name=*]"}, eth2 + "/config/mtu", true, true, true},
		{"one of all denied", []string{"-" + eth1, "+/interfaces"}, eth1 + "/config/mtu", false, false, false},
		{"the list of which one is denied", []string{"-" + eth1, "+/interfaces"}, "/interfaces", true, true, false},
		{"another than the denied", []string{"-" + eth1, "+/interfaces"}, eth2, true, true, true},
		{"above what is permitted", []string{"+" + eth1 + "/config"}, "/interfaces", false, true, false},
		{"the entry above what is permitted", []string{"+" + eth1 + "/config"}, eth1, false, true, false},
		{"an entry beside it", []string{"+" + eth1 + "/config"}, eth2, false, false, false},
		{"the entry above what is denied", []string{"-" + eth1 + "/config", "+/"}, eth1, true, true, false},
		{"permitted for all, denied for one", []string{"-" + eth1 + "/config", "+/interfaces/interface[name=*]/config"}, eth1, false, false, false},
		{"permitted for all, denied for another", []string{"-" + eth1 + "/config", "+/interfaces/interface[name=*]/config"}, eth2, false, true, false},
		{"two lists", []string{"+/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=1]", "-/network-instances/network-instance[name=a]", "+/network-instances"},
			"/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=1]/config/name", true, true, true},
		{"two lists, another inner key", []string{"+/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=1]", "-/network-instances/network-instance[name=a]", "+/network-instances"},
			"/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=2]/config/name", false, false, false},
		{"the inner key alone", []string{"+/network-instances/network-instance[name=*]/vlans/vlan[vlan-id=1]"},
			"/network-instances/network-instance[name=b]/vlans/vlan[vlan-id=1]", true, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, p := limitOf(tt.rules...), exactPath(t, tt.path)
			if got := [3]bool{l.Permits(p), l.Touches(p), l.Whole(p)}; got != [3]bool{tt.permits, tt.touches, tt.whole} {
				t.Errorf("%s: permits, touches, whole: %t, want %t", tt.path, got, [3]bool{tt.permits, tt.touches, tt.whole})
			}
		})
	}
}

// TestG42_LimitAdmits has the example of gNSI (pathz/authorization-README.md,
// example 5): a rule for one entry does not admit a request for all.
func TestG42_LimitAdmits(t *testing.T) {
	one := []string{"+/interfaces/interface[name=eth1]/state/counters"}
	all := []string{"-/interfaces/interface[name=eth1]", "+/interfaces/interface[name=*]"}
	tests := []struct {
		name, path string
		rules      []string
		want       bool
	}{
		{"all, of one who has one", "/interfaces/interface/state/counters", one, false},
		{"one, of one who has it", "/interfaces/interface[name=eth1]/state/counters", one, true},
		{"all, of one who has all but one", "/interfaces/interface/state/counters", all, true},
		{"the one that is denied", "/interfaces/interface[name=eth1]/state/counters", all, false},
		{"everything, of one who has a part", "/", all, false},
		{"any name", "/interfaces/interface[name=eth1]/*/counters", one, true},
		{"any depth", "/.../counters", all, true},
		{"any depth, of one who has nothing of it", "/.../hostname", all, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := limitOf(tt.rules...).Admits(MustCompile(tt.path)); got != tt.want {
				t.Errorf("%s within %v: %t, want %t", tt.path, tt.rules, got, tt.want)
			}
		})
	}
}

func TestG42_PatternWithinLimit(t *testing.T) {
	p := MustCompile("/interfaces/interface").Only((*ocpath.Node).IsLeaf).Within(limitOf("-/interfaces/interface[name=eth1]", "+/interfaces"))
	if other := MustCompile("/system"); Union(p, other).Match(ocpath.InterfacesInterfaceConfigMtu, []string{"eth1"}) {
		t.Error("a union with a pattern that has no limit forgets the limit")
	}
	mtu := ocpath.InterfacesInterfaceConfigMtu
	if p.Match(mtu, []string{"eth1"}) || !p.Match(mtu, []string{"eth2"}) || !p.Has(mtu) {
		t.Error("the limit leaves out other than eth1")
	}
	if p.Touches(Path{ocpath.InterfacesInterface, []string{"eth1"}}) || !p.Touches(Path{ocpath.InterfacesInterface, []string{"eth2"}}) {
		t.Error("eth1 is touched, or eth2 is not")
	}
	if q := MustCompile("/interfaces/interface").Only((*ocpath.Node).IsLeaf); p.ID() == q.ID() || q.Within(nil).ID() != q.ID() {
		t.Error("the limit is not part of the pattern's identity")
	}
	if p.Depth(2).Match(mtu, []string{"eth1"}) {
		t.Error("depth forgets the limit")
	}
}

// TestG42_LimitAgainstPlainRules compares the index with a walk through all
// rules, which is what the index must come to.
func TestG42_LimitAgainstPlainRules(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	paths := []string{"/", "/interfaces", "/interfaces/interface", "/interfaces/interface/config", "/interfaces/interface[name=a]",
		"/interfaces/interface[name=b]", "/interfaces/interface[name=a]/config", "/interfaces/interface[name=a]/config/mtu", "/network-instances/network-instance[name=a]",
		"/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=1]", "/network-instances/network-instance/vlans/vlan[vlan-id=1]",
		"/network-instances/network-instance[name=b]/vlans", "/network-instances/network-instance/vlans/vlan/config/name"}
	for range 2000 {
		var lines []string
		for range random.IntN(8) {
			lines = append(lines, string("+-"[random.IntN(2)])+paths[random.IntN(len(paths))])
		}
		l := limitOf(lines...)
		for range 20 {
			node := ocpath.ID(random.IntN(ocpath.Len()))
			keys := make([]string, KeyCount(node))
			for i := range keys {
				keys[i] = []string{"a", "b", "1", "2"}[random.IntN(4)]
			}
			want := false
			if i := slices.IndexFunc(lines, func(line string) bool { return MustCompile(line[1:]).Match(node, keys) }); i >= 0 {
				want = lines[i][0] == '+'
			}
			p := Path{node, keys}
			if got := l.Permits(p); got != want {
				t.Fatalf("%s within %q: %t, want %t", p, lines, got, want)
			}
			if want && !l.Touches(p) || l.Whole(p) && !want {
				t.Fatalf("%s within %q: permitted %t, touches %t, whole %t", p, lines, want, l.Touches(p), l.Whole(p))
			}
		}
	}
}
