package element

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

func TestParsePath(t *testing.T) {
	tests := []struct {
		name, in, want string
		wrong          bool
	}{
		{"root", "/", "/", false},
		{"nothing", "", "/", false},
		{"names", "/system/state/hostname", "/system/state/hostname", false},
		{"without the first slash", "system/state", "/system/state", false},
		{"one key", "/interfaces/interface[name=eth0]/config", "/interfaces/interface[name=eth0]/config", false},
		{"two keys are sorted", "/a/e[vlan=10][mac-address=02:00:00:00:00:01]", "/a/e[mac-address=02:00:00:00:00:01][vlan=10]", false},
		{"slash in a key", "/interfaces/interface[name=1/0/3]/state", "/interfaces/interface[name=1/0/3]/state", false},
		{"escaped bracket", `/interfaces/interface[name=a\]b]`, `/interfaces/interface[name=a\]b]`, false},
		{"wildcards", "/interfaces/interface[name=*]/.../mtu", "/interfaces/interface[name=*]/.../mtu", false},
		{"trailing slash", "/interfaces/", "/interfaces", false},
		{"empty element", "/interfaces//state", "", true},
		{"no value", "/interfaces/interface[name]", "", true},
		{"no end", "/interfaces/interface[name=eth0", "", true},
		{"text after keys", "/interfaces/interface[name=eth0]x", "", true},
		{"key twice", "/a/b[k=1][k=2]", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParsePath(tt.in)
			if (err != nil) != tt.wrong {
				t.Fatalf("ParsePath(%q): error %v, want one: %t", tt.in, err, tt.wrong)
			}
			if got := FormatPath(p); err == nil && got != tt.want {
				t.Errorf("ParsePath(%q) = %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/", "/a/b[c=d]", `/a[b=\]]/c\/d`, "/a[b=c][d=e]/...", "[", `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		written := FormatPath(p)
		again, err := ParsePath(written)
		if err != nil {
			t.Fatalf("ParsePath(%q) gives %q, which does not parse: %v", s, written, err)
		}
		if got := FormatPath(again); got != written {
			t.Errorf("%q reads back as %q", written, got)
		}
	})
}

func TestParseValue(t *testing.T) {
	tests := []struct {
		name, in string
		text     bool
		want     string
		wrong    bool
	}{
		{"number", "1500", false, "1500", false},
		{"number for a text leaf", "1500", true, `"1500"`, false},
		{"boolean", "true", false, "true", false},
		{"word", "uplink", false, `"uplink"`, false},
		{"quotes inside", `a "b"`, false, `"a \"b\""`, false},
		{"quoted", `"10"`, false, `"10"`, false},
		{"list", "[10, 20]", true, "[10, 20]", false},
		{"object", `{"mtu":1500}`, true, `{"mtu":1500}`, false},
		{"null is a word", "null", false, `"null"`, false},
		{"empty", "", false, `""`, false},
		{"broken object", "{mtu}", false, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := ParseValue(tt.in, tt.text)
			if (err != nil) != tt.wrong {
				t.Fatalf("ParseValue(%q): error %v, want one: %t", tt.in, err, tt.wrong)
			}
			if got := string(v.GetJsonIetfVal()); got != tt.want {
				t.Errorf("ParseValue(%q) = %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestTree(t *testing.T) {
	tree := &Tree{}
	for path, value := range map[string]*gpb.TypedValue{
		"/interfaces/interface[name=eth10]/state/mtu":       {Value: &gpb.TypedValue_UintVal{UintVal: 9000}},
		"/interfaces/interface[name=eth2]/state/mtu":        {Value: &gpb.TypedValue_UintVal{UintVal: 1500}},
		"/interfaces/interface[name=eth2]/state/enabled":    {Value: &gpb.TypedValue_BoolVal{BoolVal: true}},
		"/interfaces/interface[name=eth2]/state/oper-state": {Value: &gpb.TypedValue_StringVal{StringVal: "UP"}},
		"/interfaces/interface[name=eth2]/state/vlans": {Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: &gpb.ScalarArray{
			Element: []*gpb.TypedValue{{Value: &gpb.TypedValue_UintVal{UintVal: 10}}, {Value: &gpb.TypedValue_StringVal{StringVal: "20..30"}}}}}},
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		tree.insert(nil, &gpb.Update{Path: p, Val: value})
	}
	entries := tree.List("interfaces/interface")
	if len(entries) != 2 || entries[0].Key("name") != "eth2" || entries[1].Key("name") != "eth10" {
		t.Fatalf("List() = %v, want eth2 and eth10", entries)
	}
	e := entries[0]
	if got := e.Uint("state/mtu"); got != 1500 {
		t.Errorf("Uint(state/mtu) = %d, want 1500", got)
	}
	if !e.True("state/enabled") || e.True("state/absent") || e.Has("absent/leaf") {
		t.Error("what is there and what is not is mixed up")
	}
	if got := e.Text("state/vlans"); got != "10,20..30" {
		t.Errorf("Text(state/vlans) = %q, want 10,20..30", got)
	}
	if got := e.Texts("state/vlans"); len(got) != 2 {
		t.Errorf("Texts(state/vlans) = %q, want two", got)
	}
}

func TestCompareNatural(t *testing.T) {
	ordered := []string{"", "eth", "eth1", "eth02", "eth2.10", "eth10", "swp1"}
	for i := range ordered[1:] {
		if CompareNatural(ordered[i], ordered[i+1]) >= 0 {
			t.Errorf("%q does not stand before %q", ordered[i], ordered[i+1])
		}
	}
}
