package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/openconfig/goyang/pkg/yang"
)

// small is a module with each shape that the tree treats in its own way.
const small = `module small {
	namespace "urn:small"; prefix "s";
	identity base; identity b { base base; } identity a { base base; }
	typedef counter64 { type uint64; }
	container top {
		list entry {
			key "id kind";
			leaf id { type leafref { path "../state/id"; } }
			leaf kind { type leafref { path "/s:top/s:entry[s:id=current()/../s:id]/s:state/kind"; } }
			container state {
				config false;
				leaf id { type uint16; }
				leaf kind { type enumeration { enum SECOND { value 2; } enum FIRST { value 1; } } }
				leaf pkts { type counter64; }
				leaf ratio { type decimal64 { fraction-digits 2; } }
				leaf which { type union { type identityref { base base; } type leafref { path "../id"; } type union { type string; type uint16; } } }
				leaf lost { type leafref { path "../nowhere"; } }
			}
			choice way { case one { leaf left { type string; } } leaf right { type string { length "1..2"; } } }
		}
	}
	rpc call { input { leaf x { type string; } } }
	notification news { leaf x { type string; } }
}`

// smallTree parses the module small.
func smallTree(t *testing.T) *tree {
	t.Helper()
	ms := yang.NewModules()
	if err := ms.Parse(small, "small.yang"); err != nil {
		t.Fatal(err)
	}
	for _, err := range ms.Process() {
		t.Fatal(err)
	}
	tr := &tree{mods: ms, root: rootOf(ms)}
	tr.number(tr.root)
	return tr
}

// find gives the node of a path.
func (t *tree) find(path string) *node {
	for _, n := range t.nodes {
		if n.path() == path {
			return n
		}
	}
	return nil
}

func TestTreeShape(t *testing.T) {
	var got []string
	for _, n := range smallTree(t).nodes[1:] {
		got = append(got, n.keyedPath())
	}
	want := []string{
		"/top", "/top/entry[id][kind]", "/top/entry[id][kind]/id", "/top/entry[id][kind]/kind",
		"/top/entry[id][kind]/left", "/top/entry[id][kind]/right", "/top/entry[id][kind]/state",
		"/top/entry[id][kind]/state/id", "/top/entry[id][kind]/state/kind", "/top/entry[id][kind]/state/lost",
		"/top/entry[id][kind]/state/pkts", "/top/entry[id][kind]/state/ratio", "/top/entry[id][kind]/state/which",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTypeOf(t *testing.T) {
	tr := smallTree(t)
	for _, test := range []struct {
		path  string
		want  typeInfo
		fault string
	}{
		{"/top/entry/right", typeInfo{name: "String"}, ""},
		{"/top/entry/id", typeInfo{name: "Uint16"}, ""},
		{"/top/entry/kind", typeInfo{name: "Enum", values: []value{{name: "FIRST"}, {name: "SECOND"}}}, ""},
		{"/top/entry/state/pkts", typeInfo{name: "Uint64"}, ""},
		{"/top/entry/state/ratio", typeInfo{name: "Decimal64", fraction: 2}, ""},
		{"/top/entry/state/which", typeInfo{name: "Union", members: []string{"Identity", "Uint16", "String"},
			values: []value{{"a", "small"}, {"b", "small"}}}, ""},
		{"/top/entry/state/lost", typeInfo{}, "/top/entry/state has no nowhere"},
	} {
		got, err := tr.typeOf(tr.find(test.path))
		switch {
		case test.fault != "" && (err == nil || !strings.Contains(err.Error(), test.fault)):
			t.Errorf("%s: got %v, want an error with %q", test.path, err, test.fault)
		case test.fault == "" && (err != nil || !reflect.DeepEqual(got, test.want)):
			t.Errorf("%s: got %+v, %v, want %+v", test.path, got, err, test.want)
		}
	}
}

func TestClassOf(t *testing.T) {
	tr := smallTree(t)
	for path, want := range map[string]string{
		"/top":                  "Event",
		"/top/entry/id":         "Event",
		"/top/entry/state/id":   "Event",
		"/top/entry/state/pkts": "Sample",
	} {
		if got := classOf(tr.find(path)); got != want {
			t.Errorf("%s: class %s, want %s", path, got, want)
		}
	}
}

func TestSuffix(t *testing.T) {
	tr := smallTree(t)
	for path, want := range map[string]string{
		"":                      "",
		"/top":                  "\x1a\x05\x0a\x03top",
		"/top/entry":            "\x1a\x05\x0a\x03top",
		"/top/entry/id":         "\x1a\x04\x0a\x02id",
		"/top/entry/state/pkts": "\x1a\x07\x0a\x05state\x1a\x06\x0a\x04pkts",
	} {
		if got := suffix(tr.find(path)); got != want {
			t.Errorf("%s: suffix %q, want %q", path, got, want)
		}
	}
}

func TestMissing(t *testing.T) {
	upstream, have := smallTree(t), smallTree(t)
	state := have.find("/top/entry/state")
	state.children = state.children[:1]
	entry := have.find("/top/entry")
	entry.children = entry.children[2:]
	have.missing(upstream.root, have.root)
	want := []string{"/top/entry/id", "/top/entry/kind", "/top/entry/state/kind", "/top/entry/state/lost",
		"/top/entry/state/pkts", "/top/entry/state/ratio", "/top/entry/state/which"}
	if !reflect.DeepEqual(have.deviated, want) {
		t.Errorf("got %v, want %v", have.deviated, want)
	}
}

func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"/interfaces/interface/state/in-8021q-frames": "InterfacesInterfaceStateIn8021qFrames",
		"/system": "System",
	} {
		if got := camel(path); got != want {
			t.Errorf("camel(%s) = %s, want %s", path, got, want)
		}
	}
	for name, want := range map[string]string{
		"Device": "device",
		"OpenconfigNetworkInstance_NetworkInstances_NetworkInstance": "network_instances",
	} {
		if got := structFile(name); got != want {
			t.Errorf("structFile(%s) = %s, want %s", name, got, want)
		}
	}
}

func TestManifestCheck(t *testing.T) {
	m := &manifest{tag: "v1", sums: map[string]string{"a": "1", "b": "2"}}
	for _, test := range []struct {
		name  string
		have  map[string]string
		fault string
	}{
		{"the same", map[string]string{"a": "1", "b": "2"}, ""},
		{"changed", map[string]string{"a": "1", "b": "3"}, "b: SHA-256 is 3, want 2 of v1"},
		{"not read", map[string]string{"a": "1"}, "b: in the manifest, but not read"},
		{"one more", map[string]string{"a": "1", "b": "2", "c": "4"}, "c: read, but not in the manifest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := m.check(test.have)
			if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got %v, want %q", err, test.fault)
			}
		})
	}
}
