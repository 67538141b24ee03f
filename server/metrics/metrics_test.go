package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// rows is a source of given rows.
type rows struct {
	leaves []ocpath.ID
	keys   [][]string
	values [][]schema.Value
	err    error
}

func (r rows) Leaves() []ocpath.ID { return r.leaves }
func (r rows) Events() bool        { return false }
func (r rows) Read(_ context.Context, _ []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	for i := range r.keys {
		if err := emit(r.keys[i], r.values[i]); err != nil {
			return time.Time{}, err
		}
	}
	return time.Now(), r.err
}

// seen is a state that was observed.
type seen spec.State

func (s *seen) State() *spec.State { return (*spec.State)(s) }

func octets() rows {
	return rows{
		leaves: []ocpath.ID{ocpath.InterfacesInterfaceStateName, ocpath.InterfacesInterfaceStateCountersInOctets, ocpath.InterfacesInterfaceStateCountersInBroadcastPkts},
		keys:   [][]string{{"p1"}, {"p2"}},
		values: [][]schema.Value{
			{schema.StringValue("p1"), schema.UintValue(1234), {}}, // untold by the kernel
			{schema.StringValue("p2"), schema.UintValue(7), schema.UintValue(5)},
		},
	}
}

func uptime() rows {
	return rows{leaves: []ocpath.ID{ocpath.SystemStateUpTime}, keys: [][]string{nil}, values: [][]schema.Value{{schema.UintValue(1_500_000_000)}}}
}

func get(t *testing.T, limit *schema.Limit, sources ...telemetry.Source) (int, string) {
	t.Helper()
	e := New(Options{
		Sources: sources, Version: "1.2", Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Readable: func(context.Context) (*schema.Limit, error) { return limit, nil },
		Observer: &seen{Interfaces: map[string]*spec.Interface{
			"p1": {Present: true, Oper: spec.OperUp, AdminUp: true, MTU: 1500, SpeedMegabits: 10000, Port: &spec.PortState{Forwarding: true}},
			"bond": {
				Present: true, Oper: spec.OperLowerLayerDown,
				Aggregate: &spec.AggregateState{Members: []string{"p2", "p3"}, Active: []string{"p3"}},
			},
		}},
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Code, w.Body.String()
}

func TestScrape(t *testing.T) {
	code, page := get(t, nil, octets(), uptime())
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, page)
	}
	for _, line := range []string{
		`signalbox_interface_in_octets_total{interface="p1"} 1234`,
		`signalbox_interface_in_octets_total{interface="p2"} 7`,
		`signalbox_interface_in_broadcast_pkts_total{interface="p2"} 5`,
		`signalbox_host_up_seconds 1.5`,
		`signalbox_interface_up{interface="p1"} 1`,
		`signalbox_interface_up{interface="bond"} 0`,
		`signalbox_interface_speed_bytes_per_second{interface="p1"} 1.25e+09`,
		`signalbox_port_forwarding{interface="p1"} 1`,
		`signalbox_lag_members{interface="bond"} 2`,
		`signalbox_lag_active_members{interface="bond"} 1`,
		`signalbox_build_info{version="1.2"} 1`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, word := range []string{`broadcast_pkts_total{interface="p1"}`, `lag_members{interface="p1"}`, `speed_bytes_per_second{interface="bond"}`} {
		if strings.Contains(page, word) {
			t.Errorf("a line with %s, which nobody observed", word)
		}
	}
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestScrapeIsLimited: who may read one interface is told that one.
func TestScrapeIsLimited(t *testing.T) {
	path := &gpb.Path{Elem: []*gpb.PathElem{{Name: "interfaces"}, {Name: "interface", Key: map[string]string{"name": "p2"}}}}
	pattern, err := schema.Compile(nil, path)
	if err != nil {
		t.Fatal(err)
	}
	limit := schema.NewLimit([]schema.Rule{{Pattern: pattern, Permit: true}})
	_, page := get(t, limit, octets(), uptime())
	if !strings.Contains(page, `signalbox_interface_in_octets_total{interface="p2"} 7`) {
		t.Error("nothing of p2, which may be read")
	}
	for _, word := range []string{`interface="p1"`, `interface="bond"`, "signalbox_host_up_seconds"} {
		if strings.Contains(page, word) {
			t.Errorf("a line with %s, which must not be read", word)
		}
	}
}

// TestScrapeFails: half a page looks like devices that went.
func TestScrapeFails(t *testing.T) {
	broken := octets()
	broken.err = errors.New("no such map")
	code, page := get(t, nil, broken, uptime())
	if code != http.StatusInternalServerError || !strings.Contains(page, "no such map") {
		t.Errorf("status %d: %s; want 500 and the reason", code, page)
	}
}

// TestTable: each leaf has a number and as many keys as its metric has labels.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, group := range table() {
		for _, f := range group.families {
			node, keys := ocpath.Get(f.leaf), 0
			for n := node; n.ID != 0; n = ocpath.Get(n.Parent) {
				keys += len(n.Keys)
			}
			switch {
			case keys != len(group.labels):
				t.Errorf("%s: %d labels for %d keys", f.name, len(group.labels), keys)
			case node.Config:
				t.Errorf("%s: %s is configuration", f.name, node.Name)
			case names[f.name]:
				t.Errorf("%s: there are two of the name", f.name)
			}
			names[f.name] = true
		}
	}
}
