package tree

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

func bound(t testing.TB) *Schema {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// path reads a path without wildcards.
func path(t testing.TB, text string) schema.Path {
	t.Helper()
	p, err := schema.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	exact, err := schema.Exact(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return exact
}

// set sets leaves, "path = value" each, on a tree.
func set(t testing.TB, s *Schema, base *oc.Device, lines ...string) (*oc.Device, Difference) {
	t.Helper()
	e := s.Edit(base)
	for _, line := range lines {
		text, value, _ := strings.Cut(line, " = ")
		p := path(t, text)
		v, err := schema.Parse(p.Node, value)
		if err == nil {
			err = e.Set(p, v)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return e.Tree(), e.Difference()
}

func lines(s *Schema, d *oc.Device) []string {
	var out []string
	for _, leaf := range s.Leaves(d) {
		out = append(out, leaf.Path.String()+" = "+leaf.Value.String())
	}
	return out
}

const (
	p1   = "/interfaces/interface[name=p1]"
	p2   = "/interfaces/interface[name=p2]"
	blue = "/network-instances/network-instance[name=blue]"
)

// TestEachLeafIsHeld sets each configurable leaf that the schema serves, to
// one of its values, and reads it back.
func TestEachLeafIsHeld(t *testing.T) {
	s := bound(t)
	for i := range ocpath.Len() {
		n := ocpath.Get(ocpath.ID(i))
		if !n.IsLeaf() || !n.Config {
			continue
		}
		t.Run(ocpath.Path(n.ID), func(t *testing.T) {
			var keys []string
			for _, list := range schema.Lists(n.ID) {
				for _, key := range ocpath.Get(list).Keys {
					keys = append(keys, sample(ocpath.Get(key)))
				}
			}
			p := schema.Path{Node: n.ID, Keys: keys}
			v, err := schema.Parse(n.ID, sample(n))
			if err != nil {
				t.Fatal(err)
			}
			e := s.Edit(nil)
			if err := e.Set(p, v); err != nil {
				t.Fatal(err)
			}
			if got := s.Get(e.Tree(), p); !got.Equal(v) {
				t.Errorf("%s, want %s", got, v)
			}
			document, err := s.JSON(e.Tree())
			if err != nil || !json.Valid(document) {
				t.Fatalf("JSON %s: %v", document, err)
			}
			again := new(oc.Device)
			err = oc.Unmarshal(document, again)
			if n.Kind == ocpath.LeafList && err != nil && strings.Contains(err.Error(), "bad leaf type") {
				return // ygot follows a leafref before it sees that it is a leaf-list's
			}
			if err != nil {
				t.Fatalf("ygot does not read %s: %v", document, err)
			}
			if diff := s.Compare(e.Tree(), again); !diff.Empty() {
				t.Errorf("ygot reads something else: %+v", diff)
			}
			if err := e.Delete(p); err != nil {
				t.Fatal(err)
			}
			if s.Get(e.Tree(), p).Valid() != s.IsKey(n.ID) {
				t.Error("a leaf is there after its delete, or a key is gone")
			}
		})
	}
}

// sample is a value that a leaf may have.
func sample(n *ocpath.Node) string {
	switch {
	case len(n.Values) > 0:
		return n.Values[0].Name
	case n.Name == "mac-address", strings.Contains(n.Name, "-mac"):
		return "02:00:00:00:00:01"
	case ocpath.Get(ocpath.Get(n.Parent).Parent).Name == "ipv4" && strings.HasSuffix(n.Name, "-address"):
		return "192.0.2.0/24"
	case ocpath.Get(ocpath.Get(n.Parent).Parent).Name == "ipv6" && strings.HasSuffix(n.Name, "-address"):
		return "2001:db8::/32"
	case n.Name == "address", n.Name == "source-address", n.Name == "agent-id-ipv4":
		return "192.0.2.1"
	case n.Name == "agent-id-ipv6":
		return "2001:db8::1"
	case n.Type == ocpath.Bool:
		return "true"
	case n.Type == ocpath.Union:
		return "10,20..30"
	case n.Type == ocpath.String:
		return `a/b[c]=d "é`
	}
	if n.Name == "flowlet-gap" || n.Name == "polling-interval" {
		return "100"
	}
	return "7"
}

func TestEditSharesWhatItDoesNotTouch(t *testing.T) {
	s := bound(t)
	base, _ := set(t, s, nil, p1+"/config/mtu = 1500", p2+"/config/mtu = 1500", blue+"/config/type = L2VSI")
	before := lines(s, base)
	next, diff := set(t, s, base, p1+"/config/mtu = 9000")
	if got := lines(s, base); !cmp.Equal(before, got) {
		t.Errorf("the base was modified: %s", cmp.Diff(before, got))
	}
	if next.Interfaces.Interface["p2"] != base.Interfaces.Interface["p2"] || next.NetworkInstances != base.NetworkInstances {
		t.Error("what was not touched was copied")
	}
	if next.Interfaces.Interface["p1"] == base.Interfaces.Interface["p1"] {
		t.Error("what was touched is shared")
	}
	if len(diff.Updates) != 1 || len(diff.Deletes)+len(diff.Created) != 0 {
		t.Errorf("difference %+v, want the one leaf", diff)
	}
}

func TestDelete(t *testing.T) {
	s := bound(t)
	start := []string{
		p1 + "/config/mtu = 1500", p1 + "/ethernet/switched-vlan/config/access-vlan = 10", p2 + "/config/mtu = 1500",
		blue + "/vlans/vlan[vlan-id=10]/config/name = ten", blue + "/vlans/vlan[vlan-id=9]/config/name = nine",
	}
	base, _ := set(t, s, nil, start...)
	tests := []struct {
		path string
		gone []string // of the lines
	}{
		{p1 + "/config/mtu", []string{p1 + "/config/mtu = 1500"}},
		{p1 + "/config", []string{p1 + "/config/mtu = 1500"}},
		{p1 + "/config/name", nil},
		{p1 + "/config/enabled", nil},
		{p1 + "/ethernet/switched-vlan", []string{p1 + "/ethernet/switched-vlan/config/access-vlan = 10"}},
		{p1, []string{p1 + "/config/mtu = 1500", p1 + "/config/name = p1", p1 + "/ethernet/switched-vlan/config/access-vlan = 10"}},
		{"/interfaces/interface[name=p3]", nil},
		{blue + "/vlans/vlan", []string{blue + "/vlans/vlan[vlan-id=9]/config/name = nine", blue + "/vlans/vlan[vlan-id=9]/config/vlan-id = 9", blue + "/vlans/vlan[vlan-id=10]/config/name = ten", blue + "/vlans/vlan[vlan-id=10]/config/vlan-id = 10"}},
		{"/", lines(s, base)},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			e := s.Edit(base)
			if err := e.Delete(path(t, tt.path)); err != nil {
				t.Fatal(err)
			}
			left := map[string]bool{}
			for _, line := range lines(s, e.Tree()) {
				left[line] = true
			}
			var gone []string
			for _, line := range lines(s, base) {
				if !left[line] {
					gone = append(gone, line)
				}
			}
			if diff := cmp.Diff(tt.gone, gone); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(s.Compare(base, e.Tree()), e.Difference()); diff != "" {
				t.Errorf("difference by what was touched: %s", diff)
			}
		})
	}
}

func TestEmptyContainersGo(t *testing.T) {
	s := bound(t)
	base, _ := set(t, s, nil, p1+"/config/mtu = 1500", p1+"/ethernet/switched-vlan/config/access-vlan = 10")
	e := s.Edit(base)
	if err := e.Delete(path(t, p1+"/ethernet/switched-vlan/config/access-vlan")); err != nil {
		t.Fatal(err)
	}
	if e.Tree().Interfaces.Interface["p1"].Ethernet != nil {
		t.Error("an ethernet container with nothing in it is left")
	}
	if err := e.Delete(path(t, p1)); err != nil {
		t.Fatal(err)
	}
	if s.Exists(e.Tree(), schema.Path{}) {
		t.Errorf("something is left: %+v", e.Tree())
	}
}

func TestSetRefuses(t *testing.T) {
	s := bound(t)
	tests := []struct {
		path   string
		value  schema.Value
		reason string
	}{
		{p1 + "/config/name", schema.StringValue("p2"), "contradicts the key p1"},
		{p1 + "/ethernet/switched-vlan/config/access-vlan", schema.UintValue(4095), "range"},
		{p1 + "/config/mtu", schema.UintValue(70000), "uint16"},
		{p1 + "/config/mtu", schema.StringValue("x"), "uint16"},
		{p1 + "/config/type", schema.EnumValue("nothing"), "none of the names"},
		{p1 + "/ethernet/config/mac-address", schema.StringValue("02:00"), "pattern"},
		{p1 + "/ethernet/switched-vlan/config/trunk-vlans", schema.ListValue([]schema.Value{schema.UintValue(10), schema.UintValue(10)}), "twice"},
		{blue + "/vlans/vlan[vlan-id=0]/config/name", schema.StringValue("x"), "range"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			err := s.Edit(nil).Set(path(t, tt.path), tt.value)
			if err == nil || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("error %v, want one with %q", err, tt.reason)
			}
		})
	}
}

func TestAppend(t *testing.T) {
	s := bound(t)
	p := path(t, p1+"/ethernet/switched-vlan/config/trunk-vlans")
	e := s.Edit(nil)
	for _, text := range []string{"10,20..30", "30,10", "10"} {
		v, err := schema.Parse(p.Node, text)
		if err == nil {
			err = e.Append(p, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Get(e.Tree(), p).String(); got != "10,20..30,30" {
		t.Errorf("%s, want 10,20..30,30", got)
	}
}

func TestEntriesAreInTheOrderOfTheirKeys(t *testing.T) {
	s := bound(t)
	d, _ := set(t, s, nil, blue+"/vlans/vlan[vlan-id=100]/config/name = z", blue+"/vlans/vlan[vlan-id=9]/config/name = x", blue+"/vlans/vlan[vlan-id=20]/config/name = y")
	got := strings.Join(lines(s, d), " ")
	if a, b, c := strings.Index(got, "= x"), strings.Index(got, "= y"), strings.Index(got, "= z"); a > b || b > c {
		t.Errorf("not ascending: %s", got)
	}
}
