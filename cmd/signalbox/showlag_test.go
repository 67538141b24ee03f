package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// squeezed is what a command printed, with one blank where columns are apart.
func squeezed(text string) []string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.TrimSpace(regexp.MustCompile(` {2,}`).ReplaceAllString(line, " | ")))
	}
	return lines
}

func has(t *testing.T, got []string, wanted ...string) {
	t.Helper()
	text := strings.Join(got, "\n")
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func bond1() []lagRow {
	return []lagRow{{
		Name: "bond1", Mode: "STATIC", Distribution: "TRANSPORT_PORTS", Oper: "UP", VLANs: "10", Speed: 20000, MinLinks: 1,
		Failovers: 2, LastDuration: 1500, LastReason: "NO_CARRIER",
		Members: []memberRow{
			{Aggregate: "bond1", Name: "eth1", Role: "ACTIVE", Reason: "NONE", Oper: "UP", Collecting: true, Distributing: true, Share: "100", Speed: "10 Gbit/s", Transitions: 3},
			{Aggregate: "bond1", Name: "eth2", Role: "DOWN", Reason: "NO_CARRIER", Oper: "DOWN", Share: "0"},
		},
	}}
}

func TestPrintLAGs(t *testing.T) {
	var out bytes.Buffer
	c := versionCommand()
	c.SetOut(&out)
	if err := printLAGs(c, &clientFlags{}, bond1()); err != nil {
		t.Fatal(err)
	}
	has(t, squeezed(out.String()),
		"bond1 | STATIC | TRANSPORT_PORTS | UP | 10 | 1/2 | 1 | 20 Gbit/s | - | 2 | 1.5ms, NO_CARRIER",
		"bond1 | eth1 | ACTIVE | - | UP | yes | yes | 100.00 % | 10 Gbit/s | 3 | -",
		"bond1 | eth2 | DOWN | NO_CARRIER | DOWN | no | no | 0.00 % | - | 0 | -")
	if got, want := withMembers(bond1()), "bond1 eth1 eth2"; strings.Join(got, " ") != want {
		t.Errorf("counters of %v, want %s", got, want)
	}
	out.Reset()
	if err := printLAGs(c, &clientFlags{}, nil); err != nil || out.String() != "no aggregate\n" {
		t.Errorf("without aggregates: %q, %v", out.String(), err)
	}
}

func TestPrintLAGsAsJSON(t *testing.T) {
	var out bytes.Buffer
	c := versionCommand()
	c.SetOut(&out)
	if err := printLAGs(c, &clientFlags{json: true}, bond1()); err != nil {
		t.Fatal(err)
	}
	has(t, strings.Split(out.String(), "\n"), `"share": 100,`)
	var rows []lagRow
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != 1 || len(rows[0].Members) != 2 || rows[0].Members[1].Reason != "NO_CARRIER" {
		t.Errorf("%s: %v", &out, err)
	}
}

func TestSpeedsAndShares(t *testing.T) {
	for in, want := range map[string]string{
		"SPEED_10GB": "10 Gbit/s", "openconfig-if-ethernet:SPEED_2500MB": "2500 Mbit/s", "SPEED_UNKNOWN": "", "": "",
	} {
		if got := speedName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[uint64]string{0: "", 2500: "2500 Mbit/s", 40000: "40 Gbit/s"} {
		if got := megabits(in); got != want {
			t.Errorf("%d: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "50": "50.00 %", "33.2": "33.20 %", "0.39": "0.39 %"} {
		if got := percent(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPrintLACP(t *testing.T) {
	bits := []string{"ACTIVITY", "AGGREGATION", "SYNCHRONIZATION", "COLLECTING", "DISTRIBUTING"}
	partner := newLACPEnd(32768, "02:00:00:00:00:02", 9, 2, 255, bits)
	rows := []lacpRow{{
		Name: "bond1", Mode: "ACTIVE", Interval: "SLOW", System: "02:00:00:00:00:01", Priority: 32768, Fallback: true, Timeout: 90,
		Members: []lacpMemberRow{
			{Aggregate: "bond1", Name: "eth1", Actor: newLACPEnd(32768, "02:00:00:00:00:01", 1, 7, 128, bits), Partner: &partner, PartnerChurn: true, Counters: lacpCounters{In: 12, Out: 13}},
			{Aggregate: "bond1", Name: "eth2", Actor: newLACPEnd(32768, "02:00:00:00:00:01", 1, 8, 128, []string{"DEFAULTED"}), BothPassive: true},
		},
	}}
	for _, tt := range []struct {
		counters bool
		want     []string
	}{
		{false, []string{
			"bond1 | ACTIVE | SLOW | 32768,02:00:00:00:00:01 | 2 | after 90 s",
			"bond1 | eth1 | actor | 32768,02:00:00:00:00:01 | 1 | 128,7 | 0x3d activity aggregation synchronization collecting distributing | -",
			"bond1 | eth1 | partner | 32768,02:00:00:00:00:02 | 9 | 255,2 | 0x3d activity aggregation synchronization collecting distributing | not in sync for 60 s",
			"bond1 | eth2 | actor | 32768,02:00:00:00:00:01 | 1 | 128,8 | 0x40 defaulted | both ends are passive",
			"bond1 | eth2 | partner | - | - | - | - | not heard",
		}},
		{true, []string{"bond1 | eth1 | 12 | 13 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0"}},
	} {
		var out bytes.Buffer
		c := versionCommand()
		c.SetOut(&out)
		if err := printLACP(c, &clientFlags{}, rows, tt.counters); err != nil {
			t.Fatal(err)
		}
		has(t, squeezed(out.String()), tt.want...)
	}
}
