package main

import (
	"bytes"
	"testing"
)

func TestPrintLLDP(t *testing.T) {
	rows := []lldpRow{
		{Name: "eth1", Enabled: true, Counters: lldpCounters{In: 3, Out: 4, Discarded: 1}, Neighbors: []lldpNeighborRow{{
			Interface: "eth1", ID: "1", System: "tor1", Chassis: "02:00:00:00:00:01", Port: "swp7", Description: "rack 4",
			Capabilities: []string{"MAC_BRIDGE", "ROUTER"}, Addresses: []string{"192.0.2.1"}, TTL: 120, Heard: 7,
		}}},
		{Name: "eth2"},
	}
	tests := []struct {
		name     string
		rows     []lldpRow
		counters bool
		want     string
	}{
		{"neighbors", rows, false, "eth1 | tor1 | 02:00:00:00:00:01 | swp7 | rack 4 | mac_bridge router | 192.0.2.1 | 120 s | 7 s ago"},
		{"counters", rows, true, "eth1 | yes | 1 | 3 | 4 | 0 | 0 | 1"},
		{"off", rows, true, "eth2 | no | 0 | 0 | 0 | 0 | 0 | 0"},
		{"nobody there", rows[1:], false, "no neighbor was heard"},
		{"not set up", nil, false, "no interface with LLDP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			c := versionCommand()
			c.SetOut(&out)
			if err := printLLDP(c, &clientFlags{}, tt.rows, tt.counters); err != nil {
				t.Fatal(err)
			}
			has(t, squeezed(out.String()), tt.want)
		})
	}
}
