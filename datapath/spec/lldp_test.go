package spec

import "testing"

func TestLLDPIDs(t *testing.T) {
	tests := []struct {
		id   LLDPID
		port bool
		want string
	}{
		{LLDPID{Subtype: LLDPChassisMAC, Value: "\x02\x00\x00\x00\x00\x01"}, false, "02:00:00:00:00:01"},
		{LLDPID{Subtype: LLDPPortMAC, Value: "\x02\x00\x00\x00\x00\x01"}, true, "02:00:00:00:00:01"},
		{LLDPID{Subtype: 5, Value: "\x01\xc0\x00\x02\x01"}, false, "192.0.2.1"},
		{LLDPID{Subtype: 4, Value: "\x01\xc0\x00\x02\x01"}, true, "192.0.2.1"},
		{LLDPID{Subtype: LLDPPortInterface, Value: "eth0"}, true, "eth0"},
		{LLDPID{Subtype: 7, Value: "\x00\xff"}, false, "00ff"},
	}
	for _, tt := range tests {
		got := tt.id.String()
		if tt.port {
			got = tt.id.PortString()
		}
		if got != tt.want {
			t.Errorf("%+v reads %q, want %q", tt.id, got, tt.want)
		}
	}
}
