package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// table is a device's FDB, written down.
type table []spec.FDBEntry

func (t table) FDB(_ context.Context, yield func(spec.FDBEntry) bool) error {
	for _, e := range t {
		if !yield(e) {
			break
		}
	}
	return nil
}

func (table) Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error) {
	return nil, time.Now(), nil
}

// watched is an observer with a real engine behind it and a subscriber to
// everything.
type watched struct {
	*observer
	t      *testing.T
	engine *telemetry.Engine
	told   chan *gpb.SubscribeResponse
}

// watch subscribes to paths, with changes told as they happen.
func watch(t *testing.T, entries table, paths ...string) *watched {
	t.Helper()
	w := &watched{t: t, engine: telemetry.New(telemetry.Options{}), told: make(chan *gpb.SubscribeResponse, 1024)}
	rates := openconfig.NewRates(entries, slog.Default())
	w.engine.Add(openconfig.NewFDB(entries))
	w.engine.Add(openconfig.NewDiscards(entries))
	w.observer = newObserver(w.engine, rates, entries, slog.Default())
	list := &gpb.SubscriptionList{Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO}
	for _, text := range paths {
		path, err := schema.ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: path, Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		req := &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}}
		done <- w.engine.Subscribe(ctx, req, nil, w.take)
	}()
	t.Cleanup(func() { cancel(); <-done; w.engine.Close() })
	w.next() // the first answer: nothing is there
	return w
}

func (w *watched) take(frame []byte) error {
	m := new(gpb.SubscribeResponse)
	if err := proto.Unmarshal(frame, m); err != nil {
		return err
	}
	w.told <- m
	return nil
}

// next collects what is told until the answer is a sync or, after it, until
// the marker that flush publishes.
func (w *watched) next() (lines []string) {
	w.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case m := <-w.told:
			if m.GetSyncResponse() {
				return lines
			}
			n := m.GetUpdate()
			for _, p := range n.GetDelete() {
				lines = append(lines, "- "+text(n.GetPrefix(), p))
			}
			for _, u := range n.GetUpdate() {
				line := text(n.GetPrefix(), u.GetPath())
				if line == marker {
					return lines
				}
				lines = append(lines, "+ "+line)
			}
		case <-timeout:
			w.t.Fatalf("nothing more is told after %q", lines)
		}
	}
}

const marker = "/system/state/hostname"

// flush gives what was told up to now.
func (w *watched) flush() []string {
	w.t.Helper()
	w.engine.Publish(telemetry.Batch{Updates: []telemetry.Update{{
		Path: schema.Path{Node: ocpath.SystemStateHostname}, Value: schema.StringValue(time.Now().String())}}})
	lines := w.next()
	slices.Sort(lines)
	return lines
}

func text(prefix, path *gpb.Path) string {
	p, err := schema.Exact(prefix, path)
	if err != nil {
		return err.Error()
	}
	return p.String()
}

func (w *watched) wants(lines ...string) {
	w.t.Helper()
	slices.Sort(lines)
	if diff := cmp.Diff(lines, w.flush()); diff != "" {
		w.t.Errorf("told (-want +got):\n%s", diff)
	}
}

func veth(name string, port *spec.PortState) *spec.Interface {
	return &spec.Interface{Name: name, Present: true, Index: 5, LinkKind: "veth", AdminUp: true, Oper: spec.OperUp, MTU: 1500, Port: port}
}

func seen(interfaces ...*spec.Interface) spec.Event {
	e := spec.Event{Time: time.Now(), Interfaces: map[string]*spec.Interface{}}
	for _, i := range interfaces {
		e.Interfaces[i.Name] = i
	}
	return e
}

func TestG29_InterfaceChangesAndGoes(t *testing.T) {
	w := watch(t, nil, "/interfaces", "/components", marker)
	i := veth("v0", nil)
	w.observed(seen(i))
	if lines := w.flush(); len(lines) < 10 {
		t.Errorf("a new interface: %q", lines)
	}
	again := *i
	w.observed(seen(&again))
	w.wants()
	changed := again // what was told is never modified
	changed.MTU, changed.Description = 9000, "uplink"
	w.observed(seen(&changed))
	w.wants("+ /interfaces/interface[name=v0]/state/mtu", "+ /interfaces/interface[name=v0]/state/description")
	plain := changed
	plain.Description = ""
	w.observed(seen(&plain))
	w.wants("- /interfaces/interface[name=v0]/state/description")
	w.observed(spec.Event{Interfaces: map[string]*spec.Interface{"v0": nil}})
	w.wants("- /interfaces/interface[name=v0]")
}

func TestPortComesAndGoes(t *testing.T) {
	w := watch(t, nil, "/interfaces/interface/switch-port/state/number", "/interfaces/interface/switch-port/discards/discard/reason",
		"/components/component/name", "/network-instances/network-instance/interfaces", marker)
	w.observed(seen(veth("v0", nil)))
	w.wants()
	w.observed(seen(veth("v0", &spec.PortState{Switch: "red", Number: 1})))
	lines := w.flush()
	for _, want := range []string{
		"+ /interfaces/interface[name=v0]/switch-port/state/number",
		"+ /interfaces/interface[name=v0]/switch-port/discards/discard[direction=EGRESS][reason=TOO_BIG]/reason",
		"+ /components/component[name=port-v0]/name",
		"+ /network-instances/network-instance[name=red]/interfaces/interface[id=v0]/state/interface",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is not among %q", want, lines)
		}
	}
	w.observed(seen(veth("v0", &spec.PortState{Switch: "blue", Number: 1})))
	lines = w.flush()
	if !slices.Contains(lines, "+ /network-instances/network-instance[name=blue]/interfaces/interface[id=v0]/state/interface") {
		t.Errorf("the port moved to another switch: %q", lines)
	}
	w.observed(seen(veth("v0", nil)))
	lines = w.flush()
	for _, want := range []string{
		"- /components/component[name=port-v0]",
		"- /interfaces/interface[name=v0]/switch-port/state",
		"- /interfaces/interface[name=v0]/switch-port/discards",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the port is none any more: %s is not among %q", want, lines)
		}
	}
}

func TestSwitchChanges(t *testing.T) {
	w := watch(t, nil, "/network-instances", marker)
	vlan := func(id uint16, members ...string) *spec.VLANState { return &spec.VLANState{ID: id, Members: members} }
	red := func(vlans ...*spec.VLANState) spec.Event {
		s := &spec.SwitchState{Name: "red", Enabled: true, VLANs: map[uint16]*spec.VLANState{}}
		for _, v := range vlans {
			s.VLANs[v.ID] = v
		}
		return spec.Event{Switches: map[string]*spec.SwitchState{"red": s}}
	}
	w.observed(red(vlan(10, "v0"), vlan(20)))
	w.flush()
	w.observed(red(vlan(10, "v0", "v1"), vlan(20)))
	w.wants("+ /network-instances/network-instance[name=red]/vlans/vlan[vlan-id=10]/state/member")
	w.observed(red(vlan(10, "v0", "v1")))
	w.wants("- /network-instances/network-instance[name=red]/vlans/vlan[vlan-id=20]")
	w.observed(spec.Event{Switches: map[string]*spec.SwitchState{"red": nil}})
	w.wants("- /network-instances/network-instance[name=red]")
}

func TestFDBChanges(t *testing.T) {
	entry := func(last byte, port string) spec.FDBEntry {
		return spec.FDBEntry{Switch: "red", FDBKey: spec.FDBKey{VLAN: 10, MAC: spec.MAC{2, 5: last}}, Port: port}
	}
	known := table{entry(9, "v0")}
	w := watch(t, known, "/network-instances/network-instance/fdb/mac-table/entries/entry/interface/interface-ref/state/interface", marker)
	at := "/network-instances/network-instance[name=red]/fdb/mac-table/entries/entry[mac-address=02:00:00:00:00:0%s][vlan=10]"
	path := func(last string) string { return fmt.Sprintf(at, last) }
	leaf := "/interface/interface-ref/state/interface"
	tests := []struct {
		name   string
		events []spec.FDBEvent
		want   []string
	}{
		{"learned", []spec.FDBEvent{{Entry: entry(1, "v0")}}, []string{"+ " + path("1") + leaf}},
		{"moved twice", []spec.FDBEvent{{Entry: entry(1, "v1")}, {Entry: entry(1, "v0")}}, []string{"+ " + path("1") + leaf}},
		{"gone", []spec.FDBEvent{{Entry: entry(1, "v0"), Gone: true}}, []string{"- " + path("1")}},
		{"learned and gone", []spec.FDBEvent{{Entry: entry(2, "v0")}, {Entry: entry(2, "v0"), Gone: true}}, []string{"- " + path("2")}},
		{"gone and learned", []spec.FDBEvent{{Entry: entry(3, "v0"), Gone: true}, {Entry: entry(3, "v1")}}, []string{"+ " + path("3") + leaf}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.observed(spec.Event{FDB: tt.events})
			w.wants(tt.want...)
		})
	}
	w.t = t
	w.observed(spec.Event{FDBLost: true, Switches: map[string]*spec.SwitchState{"red": {Name: "red"}}})
	<-w.lost
	if err := w.tellFDB(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lines := w.flush(); !slices.Contains(lines, "+ "+path("9")+leaf) {
		t.Errorf("changes were missed, and then told: %q", lines)
	}
}

func leafUpdate(node ocpath.ID, value schema.Value, keys ...string) telemetry.Update {
	return telemetry.Update{Path: schema.Path{Node: node, Keys: keys}, Value: value}
}

func TestCommits(t *testing.T) {
	w := watch(t, nil, "/interfaces/interface/rates/state/load-interval", "/interfaces/interface/rates/config/load-interval",
		"/network-instances/network-instance/interfaces/interface/state/interface", "/system/state/last-configuration-timestamp", marker)
	const stamp = "+ /system/state/last-configuration-timestamp"
	member := "/network-instances/network-instance[name=red]/interfaces/interface[id=%s]"
	leaf := member + "/state/interface"
	w.observed(seen(veth("v0", &spec.PortState{Switch: "red", Number: 1})))
	w.wants("+ /interfaces/interface[name=v0]/rates/state/load-interval", "+ "+fmt.Sprintf(leaf, "v0"))

	w.committed(config.Commit{}) // of a new folder
	w.wants()

	w.committed(config.Commit{Time: time.Unix(1, 0), Updates: []telemetry.Update{
		leafUpdate(ocpath.InterfacesInterfaceRatesConfigLoadInterval, schema.UintValue(30), "v0"),
		leafUpdate(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, schema.StringValue("v0"), "red", "first"),
	}})
	w.wants(stamp, "+ /interfaces/interface[name=v0]/rates/config/load-interval", "+ /interfaces/interface[name=v0]/rates/state/load-interval",
		"- "+fmt.Sprintf(member, "v0"), "+ "+fmt.Sprintf(leaf, "first"))

	w.committed(config.Commit{Time: time.Unix(2, 0), Deletes: []schema.Path{
		{Node: ocpath.InterfacesInterfaceRatesConfigLoadInterval, Keys: []string{"v0"}},
		{Node: ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfig, Keys: []string{"red", "first"}},
	}})
	w.wants(stamp, "- /interfaces/interface[name=v0]/rates/config/load-interval", "+ /interfaces/interface[name=v0]/rates/state/load-interval",
		"- "+fmt.Sprintf(member, "first"), "+ "+fmt.Sprintf(leaf, "v0"))
}

// TestLACPComesAndGoes: a member's entry goes with its membership, the
// aggregate's own part with the protocol.
func TestLACPComesAndGoes(t *testing.T) {
	const (
		b1   = "/lacp/interfaces/interface[name=b1]"
		m1   = b1 + "/members/member[interface=m1]"
		mode = "/state/lacp-mode"
		key  = "/state/oper-key"
	)
	w := watch(t, nil, "/lacp/interfaces/interface/state/lacp-mode", "/lacp/interfaces/interface/members/member/state/oper-key",
		"/lacp/state/system-priority", marker)
	bond := &spec.Interface{Name: "b1", Present: true, Aggregate: &spec.AggregateState{Mode: spec.LACPManaged, LACP: &spec.LACPState{}}}
	member := func(key uint16) *spec.Interface {
		i := veth("m1", nil)
		i.Member = &spec.MemberState{Aggregate: "b1", LACP: &spec.LACPMember{Actor: spec.LACPEnd{Key: key}}}
		return i
	}
	w.observed(seen(bond, member(1)))
	w.wants("+ "+b1+mode, "+ "+m1+key)
	passive := *bond
	passive.Aggregate = &spec.AggregateState{Mode: spec.LACPManaged, LACP: &spec.LACPState{Passive: true}}
	w.observed(seen(&passive))
	w.wants("+ " + b1 + mode)
	w.observed(seen(member(2)))
	w.wants("+ " + m1 + key)
	w.observed(seen(veth("m1", nil)))
	w.wants("- " + m1)
	w.observed(spec.Event{Interfaces: map[string]*spec.Interface{"b1": nil}})
	w.wants("- " + b1)

	const told = "+ /lacp/state/system-priority"
	priority := leafUpdate(ocpath.LacpConfigSystemPriority, schema.UintValue(7))
	w.committed(config.Commit{})
	w.wants(told)
	w.committed(config.Commit{Time: time.Unix(1, 0), Updates: []telemetry.Update{priority}})
	w.wants(told)
	w.committed(config.Commit{Time: time.Unix(2, 0)})
	w.wants()
	w.committed(config.Commit{Time: time.Unix(3, 0), Deletes: []schema.Path{priority.Path}})
	w.wants(told)
}
