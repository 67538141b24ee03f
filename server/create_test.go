package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
)

// BenchmarkG22_Creation is a Set of ten thousand leaves that creates what they
// are of, up to what subscribers are told: a thousand interfaces, or 3,333 VLANs
// of a switch. Beside the time it tells that of the processors, which others on
// the machine do not disturb as much.
func BenchmarkG22_Creation(b *testing.B) {
	var ports, vlans strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&ports, `{"name":"port%d","config":{"name":"port%[1]d","type":"iana-if-type:ethernetCsmacd","enabled":true,"description":"number %[1]d","mtu":1501},`+
			`"hold-time":{"config":{"up":1,"down":1}},"openconfig-if-rates:rates":{"config":{"load-interval":61}},`+
			`"openconfig-if-ethernet:ethernet":{"openconfig-vlan:switched-vlan":{"config":{"interface-mode":"ACCESS","access-vlan":10}}}},`, i)
	}
	for id := 1; id <= 3333; id++ {
		fmt.Fprintf(&vlans, `{"vlan-id":%d,"config":{"vlan-id":%[1]d,"name":"number %[1]d","status":"ACTIVE"}},`, id)
	}
	for _, bench := range []struct{ name, path, document string }{
		{"ports", "/interfaces", `{"interface":[` + strings.TrimSuffix(ports.String(), ",") + `]}`},
		{"vlans", "/network-instances/network-instance[name=large]", `{"config":{"name":"large","type":"openconfig-network-instance-types:L2VSI"},"vlans":{"vlan":[` + strings.TrimSuffix(vlans.String(), ",") + `]}}`},
	} {
		b.Run(bench.name, func(b *testing.B) { benchmarkCreation(b, bench.path, bench.document) })
	}
}

func benchmarkCreation(b *testing.B, text, document string) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	device := &idle{}
	engine := telemetry.New(telemetry.Options{Log: log})
	defer engine.Close()
	o := newObserver(engine, openconfig.NewRates(device, log), device, log)
	store, err := config.Open(b.Context(), config.Options{Dir: b.TempDir(), Device: applies{device}, Log: log, Committed: o.committed, Status: o.status})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	path := textPath(b, text)
	create := &gpb.SetRequest{Update: []*gpb.Update{{Path: path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(document)}}}}}
	remove := &gpb.SetRequest{Delete: []*gpb.Path{path}}
	var busy time.Duration
	b.ResetTimer()
	for range b.N {
		before := processorTime(b)
		if _, err := store.Set(b.Context(), create); err != nil {
			b.Fatal(err)
		}
		busy += processorTime(b) - before
		b.StopTimer()
		if _, err := store.Set(b.Context(), remove); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(busy.Milliseconds())/float64(b.N), "cpu-ms/op")
}

// applies is an idle device that does not tell what it is given.
type applies struct{ *idle }

func (applies) Apply(context.Context, spec.Change) error { return nil }

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
