package main

import (
	"strings"
	"testing"
)

func TestCompletePathAndValue(t *testing.T) {
	const teaming = "/interfaces/interface[name=bond1]/aggregation/teaming/config/"
	tests := []struct {
		name  string
		args  []string
		typed string
		want  []string
	}{
		{"the path", nil, teaming + "up", []string{teaming + "up-delay"}},
		{"an enumeration", []string{teaming + "distribution"}, "", []string{
			"TRANSPORT_PORTS", "IP_ADDRESSES", "MAC_ADDRESSES", "VLAN_SOURCE_MAC", "SWITCH_PORT", "DYNAMIC", "ACTIVE_BACKUP",
		}},
		{"the rest of a name", []string{teaming + "primary-reselect"}, "B", []string{"BETTER"}},
		{"a boolean", []string{teaming + "speed-weighted"}, "", []string{"false", "true"}},
		{"a number", []string{teaming + "up-delay"}, "", nil},
		{"unknown", []string{"/nothing/here"}, "", nil},
		{"behind the value", []string{teaming + "speed-weighted", "true"}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := completePathAndValue(nil, tt.args, tt.typed)
			if strings.Join(got, " ") != strings.Join(tt.want, " ") {
				t.Errorf("completePathAndValue(%q, %q) = %q, want %q", tt.args, tt.typed, got, tt.want)
			}
		})
	}
}
