package spec

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPortCheck(t *testing.T) {
	port := func(change func(*Port)) *Port {
		p := &Port{Name: "p1", Enabled: true, Switched: &Switched{Switch: "default", Mode: Access, PVID: 10}}
		change(p)
		return p
	}
	tests := []struct {
		name   string
		port   *Port
		reason string // "": nothing is wrong
	}{
		{"access", port(func(*Port) {}), ""},
		{"no switch port", port(func(p *Port) { p.Switched = nil }), ""},
		{"trunk without a native VLAN", port(func(p *Port) { p.Switched.Mode, p.Switched.PVID = Trunk, 0 }), ""},
		{"longest name", port(func(p *Port) { p.Name = strings.Repeat("x", 15) }), ""},
		{"longest description", port(func(p *Port) { p.Description = strings.Repeat("x", 255) }), ""},
		{"no name", port(func(p *Port) { p.Name = "" }), "name"},
		{"name too long", port(func(p *Port) { p.Name = strings.Repeat("x", 16) }), "name"},
		{"slash in the name", port(func(p *Port) { p.Name = "a/b" }), "name"},
		{"space in the name", port(func(p *Port) { p.Name = "a b" }), "name"},
		{"parent folder", port(func(p *Port) { p.Name = ".." }), "name"},
		{"loopback", port(func(p *Port) { p.Name = "lo" }), "loopback"},
		{"description too long", port(func(p *Port) { p.Description = strings.Repeat("x", 256) }), "255"},
		{"MTU too small", port(func(p *Port) { p.MTU = 67 }), "want 68 to 65535"},
		{"MTU too large", port(func(p *Port) { p.MTU = 65536 }), "want 68 to 65535"},
		{"group address", port(func(p *Port) { p.MAC = MAC{1} }), "group"},
		{"hold-time below zero", port(func(p *Port) { p.HoldDown = -time.Millisecond }), "hold-time"},
		{"no switch named", port(func(p *Port) { p.Switched.Switch = "" }), "no switch"},
		{"access without a VLAN", port(func(p *Port) { p.Switched.PVID = 0 }), "without a vlan"},
		{"VLAN 4095", port(func(p *Port) { p.Switched.PVID = 4095 }), "vlan 4095"},
		{"no mode", port(func(p *Port) { p.Switched.Mode = 0 }), "mode"},
		{"trunk with VLAN 0", port(func(p *Port) { p.Switched.Mode = Trunk; p.Switched.Tagged.Add(0) }), "trunk vlans 0"},
		{"trunk with VLAN 4095", port(func(p *Port) { p.Switched.Mode = Trunk; p.Switched.Tagged.Add(4095) }), "trunk vlans 4095"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantInvalid(t, tt.port.Check(), &Invalid{Port: tt.port.Name}, tt.reason)
		})
	}
}

func TestSwitchCheck(t *testing.T) {
	sw := func(change func(*Switch)) *Switch {
		s := NewSwitch("s")
		s.VLANs = map[uint16]VLAN{1: {ID: 1}, 4094: {ID: 4094}}
		s.Static = map[FDBKey]string{{VLAN: 1, MAC: MAC{2, 5: 1}}: "p1"}
		change(s)
		return s
	}
	tests := []struct {
		name   string
		sw     *Switch
		want   Invalid
		reason string
	}{
		{"good", sw(func(*Switch) {}), Invalid{}, ""},
		{"no name", sw(func(s *Switch) { s.Name = "" }), Invalid{}, "no name"},
		{"ageing below zero", sw(func(s *Switch) { s.Ageing = -1 }), Invalid{Switch: "s"}, "ageing"},
		{"VLAN 0", sw(func(s *Switch) { s.VLANs[0] = VLAN{} }), Invalid{Switch: "s"}, "want 1 to 4094"},
		{"VLAN 4095", sw(func(s *Switch) { s.VLANs[4095] = VLAN{ID: 4095} }), Invalid{Switch: "s", VLAN: 4095}, "want 1 to 4094"},
		{"group as a static entry", sw(func(s *Switch) { s.Static[FDBKey{1, MAC{1}}] = "p1" }), Invalid{Switch: "s", VLAN: 1}, "no single station"},
		{"nobody as a static entry", sw(func(s *Switch) { s.Static[FDBKey{1, MAC{}}] = "p1" }), Invalid{Switch: "s", VLAN: 1}, "no single station"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantInvalid(t, tt.sw.Check(), &tt.want, tt.reason)
		})
	}
}

// wantInvalid compares all but the reason, which must hold some words.
func wantInvalid(t *testing.T, err error, want *Invalid, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("error %v, want none", err)
		}
		return
	}
	var got *Invalid
	if !errors.As(err, &got) {
		t.Fatalf("error %v, want an *Invalid that says %q", err, reason)
	}
	if got.Port != want.Port || got.Switch != want.Switch || got.VLAN != want.VLAN || !strings.Contains(got.Reason, reason) {
		t.Errorf("got %+v, want %+v that says %q", got, want, reason)
	}
}

func TestInvalidNamesTheObject(t *testing.T) {
	tests := []struct {
		err  Invalid
		want string
	}{
		{Invalid{Port: "p1", Reason: "r"}, "port p1: r"},
		{Invalid{Switch: "s", Reason: "r"}, "switch s: r"},
		{Invalid{Switch: "s", VLAN: 5, Reason: "r"}, "switch s: vlan 5: r"},
		{Invalid{Switch: "s", VLAN: 5, MAC: MAC{2, 5: 1}, Reason: "r"}, "switch s: static entry 02:00:00:00:00:01 vlan 5: r"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
