package spec

import (
	"regexp"
	"testing"
)

// Every reason has a name and a code of its own; a new one that was not
// entered in the table has neither.
func TestDropReasonsAreNamed(t *testing.T) {
	word := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	names := map[string]DropReason{}
	codes := map[uint16]DropReason{}
	for r := DropPortDown; r < NumDropReasons; r++ {
		name, code := r.String(), r.SFlowCode()
		if !word.MatchString(name) {
			t.Errorf("reason %d: name %q, want words in capitals", r, name)
		}
		if other, ok := names[name]; ok {
			t.Errorf("reasons %d and %d have the same name %s", other, r, name)
		}
		if code < 256 {
			t.Errorf("%s: sFlow code %d, want 256 or more", name, code)
		}
		if other, ok := codes[code]; ok {
			t.Errorf("%s and %s have the same sFlow code %d", other, name, code)
		}
		names[name], codes[code] = r, r
	}
}

func TestDropReasonString(t *testing.T) {
	for _, test := range []struct {
		reason DropReason
		name   string
		code   uint16
		egress bool
	}{
		{DropNone, "NONE", 0, false},
		{DropTagMismatch, "TAG_MISMATCH", 264, false},
		{DropLoopback, "LOOPBACK", 268, false},
		{DropEgressVLAN, "EGRESS_VLAN", 301, true},
		{DropTooBig, "TOO_BIG", 262, true},
		{DropTransmit, "TRANSMIT", 519, true},
		{NumDropReasons, "DropReason(22)", 0, false},
	} {
		if got := test.reason.String(); got != test.name {
			t.Errorf("reason %d: name %q, want %q", test.reason, got, test.name)
		}
		if got := test.reason.SFlowCode(); got != test.code {
			t.Errorf("%s: sFlow code %d, want %d", test.name, got, test.code)
		}
		if got := test.reason.Egress(); got != test.egress {
			t.Errorf("%s: egress %t, want %t", test.name, got, test.egress)
		}
	}
}
