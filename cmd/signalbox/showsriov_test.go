package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func somePhysicalFunction() []sriovRow {
	vlan, pcp, least, most, zero, yes, no := uint64(100), uint64(3), uint64(50), uint64(1000), uint64(0), true, false
	return []sriovRow{{
		Name: "eth1", Oper: "UP", Driver: "igb", Firmware: "3.25", PCI: "0000:01:00.0", Total: 7, Number: 3, Free: 2, Eswitch: "SWITCHDEV",
		Capabilities: []string{"VF_SPOOF_CHECK", "VF_TRUST"}, Pending: "REBIND",
		VFs: []vfRow{
			{Interface: "eth1", ID: 0, MAC: "02:00:00:00:00:01", VLAN: &vlan, PCP: &pcp, TPID: "TPID_0X88A8", MinRate: &least, MaxRate: &most,
				SpoofCheck: &yes, Trust: &no, Link: "AUTO", PCI: "0000:01:10.0", Driver: "igbvf", Netdev: "eth1v0", Representor: "eth1r0", Use: "HOST", LinkUp: &yes,
				Counters: &vfCounters{InPackets: 1, InOctets: 60, OutPackets: 2, OutOctets: 120}},
			{Interface: "eth1", ID: 1, VLAN: &zero, MinRate: &zero, MaxRate: &zero, Driver: "igbvf", Netdev: "eth1v1", Rebind: true, Use: "NONE", LinkUp: &no},
			{Interface: "eth1", ID: 2},
		},
	}}
}

func TestPrintSRIOV(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rows     []sriovRow
		counters bool
		want     []string
	}{
		{"all", somePhysicalFunction(), false, []string{
			"eth1 | UP | igb | 3.25 | 0000:01:00.0 | 3 | 2 | 7 | SWITCHDEV | spoof_check trust | REBIND | -",
			"eth1 | 0 | 02:00:00:00:00:01 | 100 (priority 3) 802.1ad | 50 Mbit/s to 1 Gbit/s | yes | no | AUTO | HOST | igbvf | eth1v0 (up) | eth1r0 | 0000:01:10.0",
			"eth1 | 1 | - | none | any | - | - | - | NONE | igbvf | eth1v1 (rebind for its address) | - | -",
			"eth1 | 2 | - | - | - | - | - | - | - | - | - | - | -",
		}},
		{"counters", somePhysicalFunction(), true, []string{"eth1 | 0 | 1 | 60 | 0 | 2 | 120 | 0"}},
		{"none", nil, false, []string{"no interface with SR-IOV"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			c := versionCommand()
			c.SetOut(&out)
			if err := printSRIOV(c, &clientFlags{}, tt.rows, tt.counters); err != nil {
				t.Fatal(err)
			}
			has(t, squeezed(out.String()), tt.want...)
		})
	}
}

func TestPrintSRIOVAsJSON(t *testing.T) {
	var out bytes.Buffer
	c := versionCommand()
	c.SetOut(&out)
	if err := printSRIOV(c, &clientFlags{json: true}, somePhysicalFunction(), false); err != nil {
		t.Fatal(err)
	}
	has(t, strings.Split(out.String(), "\n"), `"vlan-id": 100,`, `"spoof-check": true,`)
	var rows []sriovRow
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != 1 || len(rows[0].VFs) != 3 || *rows[0].VFs[0].MaxRate != 1000 {
		t.Errorf("%s: %v", &out, err)
	}
}
