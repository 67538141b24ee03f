package openconfig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// fixed is what a device tells, written down.
type fixed struct {
	counters []spec.InterfaceCounters
	entries  []spec.FDBEntry
	state    spec.State
	at       time.Time
	err      error
}

func (f fixed) Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error) {
	return f.counters, f.at, f.err
}

func (f fixed) State() *spec.State { return &f.state }

func (f fixed) FDB(_ context.Context, yield func(spec.FDBEntry) bool) error {
	for _, e := range f.entries {
		if !yield(e) {
			break
		}
	}
	return f.err
}

func device(t *testing.T) fixed {
	port := &spec.Counters{
		In:  spec.Direction{Octets: 1000, Unicast: 10, Multicast: 2, Broadcast: 3},
		Out: spec.Direction{Octets: 2000, Unicast: 20, Multicast: 4, Broadcast: 6},
	}
	port.In.Drops[spec.DropTagMismatch], port.In.Drops[spec.DropLoopback] = 5, 2
	port.Out.Drops[spec.DropTooBig] = 8
	link := spec.LinkCounters{InOctets: 11, InFrames: 12, InMulticast: 13, InErrors: 14, InDiscards: 15, InFCSErrors: 16,
		OutOctets: 17, OutFrames: 18, OutErrors: 19, OutDiscards: 20}
	learned := spec.FDBEntry{Switch: "red", FDBKey: spec.FDBKey{VLAN: 10, MAC: mac(t, "02:00:00:00:00:0a")}, Port: "v0", Age: 7 * time.Second}
	static := spec.FDBEntry{Switch: "blue", FDBKey: spec.FDBKey{VLAN: 20, MAC: mac(t, "02:00:00:00:00:0b")}, Port: "v1", Static: true}
	return fixed{
		counters: []spec.InterfaceCounters{{Name: "v0", Link: link, Port: port}, {Name: "lo", Link: link}, {Name: "gone0", Port: &spec.Counters{}}},
		entries:  []spec.FDBEntry{learned, static},
		state: spec.State{
			Interfaces: map[string]*spec.Interface{"v0": {Present: true, CarrierTransitions: 3}, "lo": {Present: true}, "gone0": {}},
			Switches:   map[string]*spec.SwitchState{"red": fullSwitch()},
		},
		at: time.Unix(1700000000, 0),
	}
}

// read is what a source tells, as lines of path and value, each value checked
// against the schema.
func read(t *testing.T, s source, keys ...string) []string {
	t.Helper()
	var lines []string
	leaves := s.Leaves()
	_, err := s.Read(t.Context(), keys, func(keys []string, values []schema.Value) error {
		if len(values) != len(leaves) {
			return fmt.Errorf("%d values for %d leaves", len(values), len(leaves))
		}
		for i, value := range values {
			if value.Valid() {
				checkValue(t, leaves[i], value)
				lines = append(lines, schema.Path{Node: leaves[i], Keys: slices.Clone(keys)}.String()+" = "+value.String())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func TestCountersSource(t *testing.T) {
	d := device(t)
	got := read(t, NewCounters(d, d), "")
	compare(t, got, slices.Concat(
		prefixed("/interfaces/interface[name=v0]/state/counters/",
			"in-octets = 1000", "in-pkts = 15", "in-unicast-pkts = 10", "in-multicast-pkts = 2", "in-broadcast-pkts = 3",
			"in-discards = 7", "in-errors = 14", "in-fcs-errors = 16", "out-octets = 2000", "out-pkts = 30",
			"out-unicast-pkts = 20", "out-multicast-pkts = 4", "out-broadcast-pkts = 6", "out-discards = 8",
			"out-errors = 19", "carrier-transitions = 3", "link-transitions = 3"),
		prefixed("/interfaces/interface[name=lo]/state/counters/",
			"in-octets = 11", "in-pkts = 12", "in-multicast-pkts = 13", "in-discards = 15", "in-errors = 14",
			"in-fcs-errors = 16", "out-octets = 17", "out-pkts = 18", "out-discards = 20", "out-errors = 19",
			"carrier-transitions = 0", "link-transitions = 0"),
		prefixed("/interfaces/interface[name=gone0]/state/counters/",
			"in-octets = 0", "in-pkts = 0", "in-unicast-pkts = 0", "in-multicast-pkts = 0", "in-broadcast-pkts = 0",
			"in-discards = 0", "in-errors = 0", "in-fcs-errors = 0", "out-octets = 0", "out-pkts = 0",
			"out-unicast-pkts = 0", "out-multicast-pkts = 0", "out-broadcast-pkts = 0", "out-discards = 0", "out-errors = 0"),
	))
	if one := read(t, NewCounters(d, d), "lo"); len(one) != 12 || !strings.Contains(one[0], "[name=lo]") {
		t.Errorf("asked for lo alone: %q", one)
	}
}

// TestDiscardsAddUp compares the sum over all reasons with the port's total.
func TestDiscardsAddUp(t *testing.T) {
	d := device(t)
	rows, total := 0, map[string]uint64{}
	s := NewDiscards(d)
	_, err := s.Read(t.Context(), []string{"v0", "", ""}, func(keys []string, values []schema.Value) error {
		rows++
		total[keys[1]] += values[5].Uint()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	port := d.counters[0].Port
	if rows != int(spec.NumDropReasons)-1 || total["INGRESS"] != port.In.Discards() || total["EGRESS"] != port.Out.Discards() {
		t.Errorf("%d rows with %v, want %d with %d and %d", rows, total, spec.NumDropReasons-1, port.In.Discards(), port.Out.Discards())
	}
	compare(t, read(t, s, "v0", "EGRESS", "TOO_BIG"),
		prefixed("/interfaces/interface[name=v0]/switch-port/discards/discard[direction=EGRESS][reason=TOO_BIG]/",
			"direction = EGRESS", "reason = TOO_BIG", "state/direction = EGRESS", "state/reason = TOO_BIG",
			"state/sflow-code = 262", "state/pkts = 8"))
	if got := read(t, s, "lo"); len(got) != 0 {
		t.Errorf("an interface that is no port has discards %q", got)
	}
	if got, want := len(texts(DiscardRows("v0")...)), 5*rows; got != want {
		t.Errorf("%d leaves come with a port, want %d", got, want)
	}
}

func TestFDBSource(t *testing.T) {
	d := device(t)
	red := prefixed("/network-instances/network-instance[name=red]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:0a][vlan=10]/",
		"mac-address = 02:00:00:00:00:0a", "vlan = 10", "state/mac-address = 02:00:00:00:00:0a", "state/vlan = 10",
		"state/entry-type = DYNAMIC", "state/age = 7", "interface/interface-ref/state/interface = v0")
	blue := prefixed("/network-instances/network-instance[name=blue]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:0b][vlan=20]/",
		"mac-address = 02:00:00:00:00:0b", "vlan = 20", "state/mac-address = 02:00:00:00:00:0b", "state/vlan = 20",
		"state/entry-type = STATIC", "interface/interface-ref/state/interface = v1")
	tests := []struct {
		name string
		keys []string
		want []string
	}{
		{"all", []string{"", "", ""}, slices.Concat(red, blue)},
		{"a switch", []string{"red", "", ""}, slices.Clone(red)},
		{"an address", []string{"", "02:00:00:00:00:0b", ""}, slices.Clone(blue)},
		{"a VLAN", []string{"", "", "10"}, slices.Clone(red)},
		{"an entry", []string{"blue", "02:00:00:00:00:0b", "20"}, slices.Clone(blue)},
		{"nothing", []string{"red", "02:00:00:00:00:0b", ""}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { compare(t, read(t, NewFDB(d), tt.keys...), tt.want) })
	}
	compare(t, read(t, NewFDBCounts(d), ""), prefixed("/network-instances/network-instance[name=red]/fdb/state/",
		"dynamic-entries = 5", "moves = 3", "refused = 1"))
}

func TestRateWindow(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	steady := func(seconds int) traffic {
		n := uint64(seconds)
		return traffic{1000 * n, 10 * n, 2000 * n, 20 * n}
	}
	want := rates{8000, 10, 16000, 20}
	w := &rateWindow{interval: 60 * time.Second}
	if _, ok := w.rates(at(0), steady(0)); ok {
		t.Error("a rate before anything was measured")
	}
	for s := range 200 {
		if !w.due(at(s)) {
			continue
		}
		w.tried = at(s)
		w.add(at(s), steady(s))
		if got, ok := w.rates(at(s+1), steady(s+1)); !ok || got != want {
			t.Fatalf("after %d s: %+v, %v; want %+v", s, got, ok, want)
		}
	}
	if n := len(w.samples); n > rateSteps+2 {
		t.Errorf("%d samples are kept, want at most %d", n, rateSteps+2)
	}
	silent := steady(199)
	for s := 200; s < 261; s++ {
		w.add(at(s), silent)
	}
	if got, ok := w.rates(at(261), silent); !ok || got != (rates{}) {
		t.Errorf("after an interval of silence: %+v, %v; want nothing", got, ok)
	}
	if _, ok := w.rates(at(262), steady(1)); ok {
		t.Error("a rate from counters that went back")
	}
	w.add(at(262), steady(1))
	if got, ok := w.rates(at(263), steady(2)); !ok || got != want {
		t.Errorf("after a new start: %+v, %v; want %+v", got, ok, want)
	}
}

func TestRatesSource(t *testing.T) {
	d := device(t)
	start := d.at
	r := NewRates(&d, slog.Default())
	r.Follow("v0", 10*time.Second)
	r.Follow("absent0", 10*time.Second)
	if got := read(t, r, ""); len(got) != 0 {
		t.Errorf("before a sample: %q", got)
	}
	if err := r.sample(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	if r.anyDue(start.Add(100 * time.Millisecond)) {
		t.Error("a sample is due at once again")
	}
	port := *d.counters[0].Port
	port.In.Octets += 500
	port.Out.Unicast += 40
	d.counters[0].Port = &port
	d.at = start.Add(2 * time.Second)
	compare(t, read(t, r, "v0"), prefixed("/interfaces/interface[name=v0]/rates/state/",
		"in-bits-rate = 2000", "in-pkts-rate = 0", "out-bits-rate = 0", "out-pkts-rate = 20"))
	r.Follow("v0", 600*time.Second)
	compare(t, texts(r.LoadInterval("v0")), []string{"/interfaces/interface[name=v0]/rates/state/load-interval = 600"})
	r.Forget("v0")
	if got := read(t, r, ""); len(got) != 0 || r.LoadInterval("v0") != nil {
		t.Errorf("after Forget: %q", got)
	}
}

// TestMachineSources reads the machine that the test runs on.
func TestMachineSources(t *testing.T) {
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	load := NewLoad(h, slog.Default())
	if got := read(t, NewSystemCPUs(load), ""); len(got) != 0 {
		t.Errorf("before the first step: %q", got)
	}
	now := time.Now()
	for i := range 2 {
		if err := load.step(now.Add(time.Duration(i) * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	all := read(t, NewSystemCPUs(load), "ALL")
	if want := 2 + 7*int(host.NumClasses); len(all) != want {
		t.Errorf("%d leaves of all processors, want %d", len(all), want)
	}
	for name, s := range map[string]source{
		"components": NewComponentCPUs(load), "gauges": NewSystemGauges(h), "process": NewProcessUsage(h, load),
	} {
		if got := read(t, s, ""); len(got) < len(s.Leaves()) {
			t.Errorf("%s: %q, want all of %d leaves", name, got, len(s.Leaves()))
		}
	}
	if got := read(t, NewProcessUsage(h, load), "1"); len(got) != 0 {
		t.Errorf("of process 1: %q", got)
	}
}

// TestSourcesPassErrorsOn: those of the device, and those of the reader.
func TestSourcesPassErrorsOn(t *testing.T) {
	broken, leaving := errors.New("netlink broke"), errors.New("the client left")
	d := device(t)
	failing := d
	failing.err = broken
	h, err := host.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []source{NewCounters(failing, failing), NewDiscards(failing), NewRates(failing, slog.Default()), NewFDB(failing)} {
		if _, err := s.Read(t.Context(), nil, func([]string, []schema.Value) error { return nil }); !errors.Is(err, broken) {
			t.Errorf("source %d: %v, want %v", i, err, broken)
		}
	}
	for i, s := range []source{NewCounters(d, d), NewDiscards(d), NewFDB(d), NewFDBCounts(d), NewSystemGauges(h)} {
		if _, err := s.Read(t.Context(), nil, func([]string, []schema.Value) error { return leaving }); !errors.Is(err, leaving) {
			t.Errorf("source %d: %v, want %v", i, err, leaving)
		}
	}
}
