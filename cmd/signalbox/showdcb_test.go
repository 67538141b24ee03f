package main

import (
	"bytes"
	"testing"
)

func TestPrintDCB(t *testing.T) {
	rows := []dcbRow{
		{
			Name: "eth1", Supported: true, Mode: []string{"HOST", "IEEE"}, MaxClasses: 8, MaxPFC: 2, Paused: []string{"3", "4"}, Delay: 7000,
			Classes: []dcbClassRow{
				{Interface: "eth1", ID: "0", Algorithm: "ETS", Bandwidth: "40", MaxRate: 1000, Priorities: []string{"0", "1"}},
				{Interface: "eth1", ID: "1", Algorithm: "STRICT"},
			},
			Priorities:   []dcbPriorityRow{{Interface: "eth1", Priority: "3", Class: "1", Paused: true, Buffer: "1", Requests: 5, Indications: 6}},
			Applications: []dcbApplicationRow{{"eth1", "DSCP", "46", []string{"6"}}},
		},
		{Name: "eth2", Reason: "the driver has none"},
	}
	var out bytes.Buffer
	c := versionCommand()
	c.SetOut(&out)
	if err := printDCB(c, &clientFlags{}, rows); err != nil {
		t.Fatal(err)
	}
	has(t, squeezed(out.String()),
		"eth1 | yes | HOST IEEE | no | 8 | 3 4 | 2 | 7000 | -",
		"eth2 | no | - | no | - | - | - | - | the driver has none",
		"eth1 | 0 | ETS | 40 % | 1000 kbit/s | 0 1",
		"eth1 | 1 | STRICT | - | - | -",
		"eth1 | 3 | 1 | yes | 1 | 5 | 6",
		"eth1 | DSCP | 46 | 6")
	out.Reset()
	if err := printDCB(c, &clientFlags{}, nil); err != nil {
		t.Fatal(err)
	}
	has(t, squeezed(out.String()), "no interface of a device")
}
