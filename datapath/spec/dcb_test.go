package spec

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestDCBApplications(t *testing.T) {
	a := DCBApplication{SelectDSCP, 46, 6}
	b := DCBApplication{SelectEtherType, 0x8906, 3}
	c := DCBApplication{SelectEtherType, 0x8906, 4}
	s, less := NewDCBApplications([]DCBApplication{a, c, b, a}), NewDCBApplications([]DCBApplication{b})
	if got := slices.Collect(s.All()); !slices.Equal(got, []DCBApplication{b, c, a}) || s.Len() != 3 {
		t.Errorf("set %v of %d, want each once, sorted", got, s.Len())
	}
	if s != NewDCBApplications([]DCBApplication{c, b, a}) {
		t.Error("another order is another set")
	}
	if got := s.Without(less); !slices.Equal(got, []DCBApplication{c, a}) {
		t.Errorf("without %s: %v", less, got)
	}
	if got := less.Without(s); got != nil {
		t.Errorf("nothing is left, got %v", got)
	}
	if got, want := s.String(), "ETHERTYPE 35078 → 3, ETHERTYPE 35078 → 4, DSCP 46 → 6"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestDCBApplicationsAsText(t *testing.T) {
	s := NewDCBApplications([]DCBApplication{{SelectPort, 0xfffe, 7}, {SelectDSCP, 0, 0}})
	text, err := json.Marshal(&s)
	var back DCBApplications
	if err != nil || json.Unmarshal(text, &back) != nil || back != s {
		t.Errorf("%s is read back as %s, %v; want %s", text, back, err, s)
	}
	for _, wrong := range []string{"0", "zz", "010203"} {
		if err := back.UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q is read as %s", wrong, back)
		}
	}
}

func TestDCBApplicationCheck(t *testing.T) {
	for a, good := range map[DCBApplication]bool{
		{SelectEtherType, 0, 0}: true, {SelectEtherType, 1535, 0}: false, {SelectEtherType, 1536, 7}: true, {SelectEtherType, 1536, 8}: false,
		{SelectDSCP, 63, 0}: true, {SelectDSCP, 64, 0}: false, {SelectStream, 0, 0}: false, {SelectDatagram, 1, 0}: true, {SelectPort, 65535, 0}: true,
		{0, 1, 0}: false, {6, 1, 0}: false,
	} {
		if err := a.Check(); (err == nil) != good {
			t.Errorf("%+v: %v, want good %t", a, err, good)
		}
	}
}

func TestDCBXModeNames(t *testing.T) {
	for m, want := range map[DCBXMode]string{0: "none", DCBXHost | DCBXIEEE: "HOST+IEEE", DCBXLLDManaged | DCBXCEE | DCBXStatic | 0x80: "LLD_MANAGED+CEE+STATIC"} {
		if got := m.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint8(m), got, want)
		}
	}
}

// TestMostApplications keeps the table within what the kernel tells at once.
func TestMostApplications(t *testing.T) {
	var list []DCBApplication
	for n := range uint16(MaxDCBApplications) {
		list = append(list, DCBApplication{SelectPort, n + 1, 0})
	}
	p := &Port{Name: "p1", DCB: &DCB{Applications: NewDCBApplications(list)}}
	if err := p.Check(); err != nil {
		t.Errorf("%d: %v", len(list), err)
	}
	p.DCB.Applications = NewDCBApplications(append(list, DCBApplication{SelectPort, 9999, 0}))
	if err := p.Check(); err == nil {
		t.Error("one more is accepted")
	}
}
