package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func mustParse(t testing.TB, text string) *gpb.Path {
	t.Helper()
	p, err := ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func exact(t testing.TB, text string) Path {
	t.Helper()
	p, err := Exact(nil, mustParse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const fdbEntry = "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:01][vlan=10]"

func TestG7_Match(t *testing.T) {
	candidates := []string{
		"/interfaces/interface[name=eth0]/config/mtu",
		"/interfaces/interface[name=eth0]/state/mtu",
		"/interfaces/interface[name=eth0]/state/counters/in-octets",
		"/interfaces/interface[name=eth1]/state/mtu",
		"/components/component[name=eth0]/state/name",
		fdbEntry + "/state/entry-type",
		"/system/state/hostname",
	}
	for _, tt := range []struct {
		pattern string
		want    []int // of candidates
	}{
		{"/", []int{0, 1, 2, 3, 4, 5, 6}},
		{"/interfaces", []int{0, 1, 2, 3}},
		{"/interfaces/interface", []int{0, 1, 2, 3}},
		{"/interfaces/interface[name=*]/state", []int{1, 2, 3}},
		{"/interfaces/interface[name=eth0]", []int{0, 1, 2}},
		{"/interfaces/interface[name=eth0]/*/mtu", []int{0, 1}},
		{"/interfaces/interface/state/mtu", []int{1, 3}},
		{"/*/*[name=eth0]", []int{0, 1, 2, 4}},
		{"/*/*/state", []int{1, 2, 3, 4}},
		{"/...", []int{0, 1, 2, 3, 4, 5, 6}},
		{"/.../mtu", []int{0, 1, 3}},
		{"/.../.../mtu", []int{0, 1, 3}},
		{"/interfaces/...", []int{0, 1, 2, 3}},
		{"/interfaces/.../in-octets", []int{2}},
		{"/.../state/...", []int{1, 2, 3, 4, 5, 6}},
		{"/.../interface[name=eth1]/.../mtu", []int{3}},
		{"/network-instances/network-instance/fdb/mac-table/entries/entry[vlan=10]", []int{5}},
		{"/network-instances/network-instance/fdb/mac-table/entries/entry[vlan=010]", []int{5}},
		{"/network-instances/network-instance/fdb/mac-table/entries/entry[vlan=11]", nil},
		{"/network-instances/network-instance[name=a]/fdb", nil},
		{"/.../entry[mac-address=02:00:00:00:00:01]", []int{5}},
		{fdbEntry, []int{5}},
	} {
		t.Run(tt.pattern, func(t *testing.T) {
			p, err := Compile(nil, mustParse(t, tt.pattern))
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for i, c := range candidates {
				path := exact(t, c)
				if p.Match(path.Node, path.Keys) != p.Touches(path) {
					t.Errorf("Match and Touches differ for %s", c)
				}
				if p.Match(path.Node, path.Keys) {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("matches %v, want %v", got, tt.want)
			}
		})
	}
}

func TestG2_CompileErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		prefix *gpb.Path
		path   *gpb.Path
		want   error
		says   string
	}{
		{"unknown at the top", nil, mustParse(t, "/interfacs"), ErrInvalid, `/interfacs: unknown element "interfacs", did you mean interfaces?`},
		{"unknown further down", nil, mustParse(t, "/interfaces/interface[name=a]/state/countrs/x"), ErrInvalid, "/interfaces/interface[name=a]/state/countrs: unknown element \"countrs\", did you mean counters?"},
		{"nothing near", nil, mustParse(t, "/interfaces/interface/hold-time/xyzzy"), ErrInvalid, "there are config, state"},
		{"below a leaf", nil, mustParse(t, "/system/state/hostname/x"), ErrInvalid, "nothing lies below a leaf"},
		{"unknown behind a wildcard", nil, mustParse(t, "/interfaces/*/*/nope"), ErrInvalid, "/interfaces/*/*/nope"},
		{"unknown behind any path", nil, mustParse(t, "/.../nope"), ErrInvalid, "nope"},
		{"unknown key", nil, mustParse(t, "/interfaces/interface[nam=a]"), ErrInvalid, `no key "nam", did you mean name?`},
		{"key at a container", nil, mustParse(t, "/interfaces[name=a]"), ErrInvalid, "no list"},
		{"key of a wrong type", nil, mustParse(t, "/network-instances/network-instance/vlans/vlan[vlan-id=x]"), ErrInvalid, "vlan-id"},
		{"keys at any path", nil, mustParse(t, "/...[a=b]/mtu"), ErrInvalid, "takes no keys"},
		{"deviated", nil, mustParse(t, "/interfaces/interface/subinterfaces/subinterface"), ErrUnimplemented, "/interfaces/interface/subinterfaces"},
		{"deviated behind a wildcard", nil, mustParse(t, "/interfaces/*/subinterfaces"), ErrUnimplemented, "subinterfaces"},
		{"another origin", nil, &gpb.Path{Origin: "cli"}, ErrInvalid, `origin "cli"`},
		{"origin twice", &gpb.Path{Origin: "openconfig"}, &gpb.Path{Origin: "openconfig"}, ErrInvalid, "both"},
		//lint:ignore SA1019 it is refused
		{"element instead of elem", nil, &gpb.Path{Element: []string{"a"}}, ErrInvalid, "elem"},
		{"very long", nil, &gpb.Path{Elem: slices.Repeat([]*gpb.PathElem{{Name: "*"}}, 10_000)}, ErrInvalid, "10000 elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Compile(tt.prefix, tt.path)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}

func TestG6_PrefixAndOrigin(t *testing.T) {
	for _, tt := range []struct{ prefix, path *gpb.Path }{
		{mustParse(t, "/interfaces"), mustParse(t, "interface[name=a]/state/mtu")},
		{mustParse(t, "openconfig:/interfaces/interface[name=a]"), mustParse(t, "state/mtu")},
		{&gpb.Path{Target: "box"}, mustParse(t, "openconfig:/interfaces/interface[name=a]/state/mtu")},
		{mustParse(t, "/interfaces/interface[name=a]/state/mtu"), nil},
	} {
		p, err := Compile(tt.prefix, tt.path)
		if err != nil {
			t.Errorf("%v + %v: %v", tt.prefix, tt.path, err)
			continue
		}
		if want := MustCompile("/interfaces/interface[name=a]/state/mtu"); p.ID() != want.ID() {
			t.Errorf("%v + %v is another pattern", tt.prefix, tt.path)
		}
	}
}

func TestPathForms(t *testing.T) {
	for _, text := range []string{
		"/", "/interfaces", "/interfaces/interface", "/interfaces/interface[name=eth0]/state/counters/in-octets", fdbEntry + "/state/age",
		`/interfaces/interface[name=a/b\]\\c]/name`, "/network-instances/network-instance[name=ü]/vlans/vlan[vlan-id=7]",
	} {
		t.Run(text, func(t *testing.T) {
			p := exact(t, text)
			if p.String() != text {
				t.Errorf("text form %s", p)
			}
			want := &gpb.Path{Elem: mustParse(t, text).Elem}
			if diff := cmp.Diff(want, ToProto(p), protocmp.Transform()); diff != "" {
				t.Errorf("ToProto (-want +got):\n%s", diff)
			}
			got := new(gpb.Path)
			if err := proto.Unmarshal(p.AppendWire(nil), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("AppendWire (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParsePathErrors(t *testing.T) {
	for _, text := range []string{"//", "/a//b", "/a[b]", "/a[b=c", "/a[=c]", "/a[b=c]d", "/a[b=c][b=d]", "/[a=b]"} {
		if p, err := ParsePath(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s is %v, %v; want ErrInvalid", text, p, err)
		}
	}
}

func TestExact(t *testing.T) {
	for _, tt := range []struct {
		path, says string
		keys       []string
	}{
		{fdbEntry, "", []string{"default", "02:00:00:00:00:01", "10"}},
		{"/network-instances/network-instance[name=a]/vlans/vlan", "", []string{"a"}},
		{"/network-instances/network-instance[name=a]/vlans/vlan[vlan-id=007]", "", []string{"a", "7"}},
		{"/network-instances/network-instance/vlans", "key name is missing", nil},
		{"/network-instances/network-instance[name=*]/vlans", "key name is a wildcard", nil},
		{"/network-instances/network-instance[name=a]/fdb/mac-table/entries/entry[vlan=10]", "key mac-address is missing", nil},
		{"/interfaces/*", "unknown element", nil},
	} {
		t.Run(tt.path, func(t *testing.T) {
			p, err := Exact(nil, mustParse(t, tt.path))
			if tt.says != "" {
				if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want one that says %q", err, tt.says)
				}
				return
			}
			if err != nil || !slices.Equal(p.Keys, tt.keys) {
				t.Errorf("got %v, %v; want keys %v", p, err, tt.keys)
			}
		})
	}
}

func TestG8_Depth(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		level   uint32
		want    []string
	}{
		{"/interfaces/interface", 1, []string{"name"}},
		{"/interfaces/interface/hold-time", 1, nil},
		{"/interfaces/interface/hold-time", 2, []string{"down", "up", "down", "up"}},
		{"/interfaces/interface/hold-time", 0, []string{"down", "up", "down", "up"}},
		{"/interfaces/interface/name", 1, []string{"name"}},
	} {
		p := MustCompile(tt.pattern).Depth(tt.level).Only(func(*ocpath.Node) bool { return true })
		var got []string
		for id := range ocpath.ID(ocpath.Len()) {
			if p.Has(id) {
				got = append(got, ocpath.Get(id).Name)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s with depth %d: %v, want %v", tt.pattern, tt.level, got, tt.want)
		}
	}
}

func TestPatternKeys(t *testing.T) {
	list := ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry
	for _, tt := range []struct {
		name    string
		pattern Pattern
		want    []string
	}{
		{"all", MustCompile("/"), []string{"", "", ""}},
		{"one", MustCompile(fdbEntry), []string{"default", "02:00:00:00:00:01", "10"}},
		{"some", MustCompile("/.../entry[vlan=10]"), []string{"", "", "10"}},
		{"two", Union(MustCompile(fdbEntry), MustCompile("/network-instances/network-instance[name=default]/fdb")), []string{"default", "", ""}},
		{"elsewhere", Union(MustCompile(fdbEntry), MustCompile("/system")), []string{"default", "02:00:00:00:00:01", "10"}},
	} {
		if got := tt.pattern.Keys(list); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/interfaces/interface[name=eth0]/state", "openconfig:/a[b=c\\]d]", "/.../*[name=*]/...", "a\\/b", "/x[a=b][c=d]/y", fdbEntry, "[", "\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := ParsePath(text)
		if err != nil {
			return
		}
		checkPath(t, path)
	})
}

func FuzzPathProto(f *testing.F) {
	for _, seed := range []string{"/", "/interfaces/interface[name=eth0]/state", "/.../*[name=*]/..."} {
		b, err := proto.Marshal(mustParse(f, seed))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		prefix, path := new(gpb.Path), new(gpb.Path)
		if proto.Unmarshal(a, prefix) == nil && proto.Unmarshal(b, path) == nil {
			checkPath(t, path)
			_, _ = Compile(prefix, path)
		}
	})
}

// checkPath compiles a path: an exact one must match itself and nothing else
// of its kind.
func checkPath(t *testing.T, path *gpb.Path) {
	p, err := Compile(nil, path)
	if err != nil {
		if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnimplemented) {
			t.Fatalf("%v: an error of no kind", err)
		}
		if _, err := Exact(nil, path); err == nil {
			t.Fatalf("%v is exact and does not compile", path)
		}
		return
	}
	one, err := Exact(nil, path)
	if err != nil {
		return
	}
	if !p.Match(one.Node, one.Keys) || !p.Touches(one) {
		t.Fatalf("%s does not match itself", one)
	}
	back, err := ParsePath(one.String())
	if err != nil {
		t.Fatalf("%s: %v", one, err)
	}
	if again, err := Exact(nil, back); err != nil || !again.Within(one) || !one.Within(again) {
		t.Fatalf("%s comes back as %s (%v)", one, again, err)
	}
}

func BenchmarkMatch(b *testing.B) {
	p := MustCompile("/interfaces/interface[name=eth0]/state")
	id, keys := ocpath.InterfacesInterfaceStateCountersInOctets, []string{"eth0"}
	for range b.N {
		if !p.Match(id, keys) {
			b.Fatal("no match")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	path := mustParse(b, "/interfaces/interface[name=eth0]/state/counters/in-octets")
	b.ReportAllocs()
	for range b.N {
		if _, err := Compile(nil, path); err != nil {
			b.Fatal(err)
		}
	}
}

// Many alternatives match what they match one by one.
func TestG36_ManyAlternatives(t *testing.T) {
	var all []Pattern
	for i := range 40 {
		name := fmt.Sprint("eth", i%30)
		all = append(all, MustCompile("/interfaces/interface[name="+name+"]/"+[]string{"state/mtu", "config", "ethernet"}[i%3]))
	}
	all = append(all, MustCompile("/interfaces/interface/state/oper-status"), MustCompile("/system"),
		MustCompile("/interfaces/interface/switch-port/discards/discard[direction=INGRESS]"))
	joined := Union(all...)
	if joined.index == nil {
		t.Fatal("no index is made")
	}
	one := func(is func(Pattern) bool) bool { return slices.ContainsFunc(all, is) }
	for id := range ocpath.ID(ocpath.Len()) {
		for _, keys := range [][]string{nil, {"eth3"}, {"eth4"}, {"eth99"}, {"eth3", "INGRESS", "VLAN"}, {"eth99", "EGRESS", "VLAN"}} {
			if len(keys) > KeyCount(id) {
				continue
			}
			if want, got := one(func(p Pattern) bool { return p.Match(id, keys) }), joined.Match(id, keys); want != got {
				t.Errorf("Match(%s, %q): %v, want %v", ocpath.Path(id), keys, got, want)
			}
			path := Path{id, keys}
			if want, got := one(func(p Pattern) bool { return p.Touches(path) }), joined.Touches(path); want != got {
				t.Errorf("Touches(%s, %q): %v, want %v", ocpath.Path(id), keys, got, want)
			}
		}
	}
}
