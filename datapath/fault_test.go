package datapath

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

var errInjected = errors.New("injected")

// faults counts the calls of all tables and fails one of them, before or
// after its work is done.
type faults struct {
	calls  []string
	failAt int // number of the call, from 1; 0: none
	after  bool
	hook   func(name string) // runs before each call
}

func (f *faults) call(name string, work func() error) error {
	f.calls = append(f.calls, name)
	if f.hook != nil {
		f.hook(name)
	}
	fail := len(f.calls) == f.failAt
	if fail && !f.after {
		return errInjected
	}
	if err := work(); err != nil {
		return err
	}
	if fail {
		return errInjected
	}
	return nil
}

// faulty is a table of the kernel with a fault in it.
type faulty[K comparable, V any] struct {
	reconcile.Table[K, V]
	name   string
	faults *faults
}

func (t faulty[K, V]) Put(k K, v V) error {
	return t.faults.call("put "+t.name, func() error { return t.Table.Put(k, v) })
}

func (t faulty[K, V]) Delete(k K) error {
	return t.faults.call("delete "+t.name, func() error { return t.Table.Delete(k) })
}

func wrap[K, V comparable](s *reconcile.Shadow[K, V], f *faults) {
	s.Table = faulty[K, V]{s.Table, s.Name(), f}
}

// inject puts the faults before every table.
func (b *bench) inject() *faults {
	b.t.Helper()
	f := &faults{}
	b.owner(func() {
		t := b.tables
		wrap(t.mac, f)
		wrap(t.mtu, f)
		wrap(t.alias, f)
		wrap(t.switches, f)
		wrap(t.fids, f)
		wrap(t.ports, f)
		wrap(t.lags, f)
		wrap(t.flood, f)
		wrap(t.statics, f)
		wrap(t.numbers, f)
		wrap(t.attachments, f)
		wrap(t.up, f)
		wrap(t.classifiers, f)
		wrap(t.policers, f)
		wrap(t.detours, f)
		wrap(t.schedulers, f)
		wrap(t.lines, f)
		wrap(t.groups, f)
		wrap(t.leaves, f)
		wrap(t.queues, f)
		wrap(t.dcb.mode, f)
		wrap(t.dcb.ets, f)
		wrap(t.dcb.pfc, f)
		wrap(t.dcb.applications, f)
	})
	return f
}

// owner runs f in the owner's goroutine.
func (b *bench) owner(f func()) {
	b.t.Helper()
	if err := b.do(context.Background(), func() error { f(); return nil }); err != nil {
		b.t.Fatal(err)
	}
}

// readable is everything that an apply may change, as text: what the kernel
// has, read anew, and what the record says.
func (b *bench) readable() string {
	b.t.Helper()
	var lines []string
	note := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	b.owner(func() {
		o := b.objects
		list(b.t, note, "switch", o.Switches().List)
		list(b.t, note, "vlan", o.FIDs().List)
		list(b.t, note, "port", o.Ports().List)
		list(b.t, note, "lag", o.LAGs().List)
		list(b.t, note, "flood", o.Flood().List)
		list(b.t, note, "static", o.Statics().List)
		list(b.t, note, "number", o.PortNumbers().List)
		list(b.t, note, "attachment", o.Attachments().List)
		list(b.t, note, "up", b.conn.AdminUp().List)
		list(b.t, note, "mtu", b.conn.MTU().List)
		list(b.t, note, "alias", b.conn.Alias().List)
		list(b.t, note, "mac", b.conn.MAC().List)
		list(b.t, note, "classifier", o.Classifiers().List)
		list(b.t, note, "policer", o.Policers().List)
		list(b.t, note, "detour", b.conn.Detours().List)
		list(b.t, note, "scheduler", b.conn.Schedulers().List)
		list(b.t, note, "class", b.conn.Classes().List)
		list(b.t, note, "leaf", b.conn.Leaves().List)
		list(b.t, note, "queue", b.conn.Queues().List)
	})
	slices.Sort(lines)
	record, err := os.ReadFile(b.record.path)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(lines, "\n") + "\n" + string(record)
}

func list[K comparable, V any](t testing.TB, note func(string, ...any), name string, read func() (map[K]V, error)) {
	all, err := read()
	if err != nil {
		t.Errorf("list %s: %v", name, err)
	}
	for k, v := range all {
		note("%s %v: %v", name, k, v)
	}
}

// before and after are two configurations that differ in every table: values
// change, come and go.
func before() spec.Change {
	office := spec.NewSwitch("office")
	office.VLANs = map[uint16]spec.VLAN{30: {ID: 30, Name: "guests"}, 40: {ID: 40}}
	office.Static = map[spec.FDBKey]string{{VLAN: 10, MAC: station(9)}: "p2", {VLAN: 10, MAC: station(8)}: "p1"}
	p1 := access("p1", "office", 10)
	p1.MTU, p1.Description, p1.MAC = 1400, "printer", station(101)
	p2 := access("p2", "office", 10)
	p2.MTU, p2.Description = 1450, "scanner"
	p1.QoS = &spec.QoS{
		Classifier: byDSCP("voice", "mail"), Policers: []spec.Policer{policer(1, "voice"), policer(2)},
		Input: shaped(100e6), Output: shared(1e9, "voice", "mail", "bulk"),
	}
	p2.QoS = &spec.QoS{Classifier: byDSCP("bulk"), Policers: []spec.Policer{policer(1)}, Input: shaped(50e6), Output: shared(1e9, "bulk", "other")}
	c := ports(p1, p2, trunk("p4", "cellar", 0, 10, 11),
		team("old", spec.StaticLAG, nil), team("lag", spec.StaticLAG, nil),
		member("m1", "lag"), member("m2", "lag"), member("m3", "old"))
	c.Switches = map[string]*spec.Switch{"office": office}
	return c
}

func after() spec.Change {
	office := spec.NewSwitch("office")
	office.Learning, office.MaxEntries = false, 5
	office.VLANs = map[uint16]spec.VLAN{40: {ID: 40, Suspended: true}}
	office.Static = map[spec.FDBKey]string{{VLAN: 20, MAC: station(9)}: "p1"}
	p1 := trunk("p1", "office", 20)
	p1.MTU, p1.Description = 1300, "uplink"
	p3 := access("p3", "lab", 10)
	p3.Description, p3.MAC, p3.MTU = "new", station(103), 2000
	p1.QoS = &spec.QoS{Classifier: byDSCP("mail"), Policers: []spec.Policer{policer(1, "mail")}, Output: shared(2e9, "mail", "bulk")}
	p1.QoS.Output.Groups[1].Minimum = spec.Rate{} // its queues are no longer of a group of their own
	p3.QoS = &spec.QoS{Classifier: byDSCP("new"), Input: shaped(10e6), Output: shared(1e9, "new", "newer", "newest")}
	// An aggregate goes, another comes, a third gets and gives members and MTU.
	lag := team("lag", spec.SwitchIndependent, nil)
	lag.MTU = 1400
	c := ports(p1, p3, lag, team("new", spec.StaticLAG, nil), member("m2", "new"), member("m3", "lag"))
	c.Ports["p2"], c.Ports["p4"], c.Ports["old"] = nil, nil, nil
	c.Switches = map[string]*spec.Switch{"office": office, "lab": spec.NewSwitch("lab")}
	return c
}

// TestFaults fails each call of an apply, before and after its work, and wants
// the kernel, the record and the state as they were.
func TestFaults(t *testing.T) {
	b := newBench(t)
	for _, p := range []string{"p1", "p2", "p3", "p4", "m1", "m2", "m3"} {
		b.host(p)
	}
	b.apply(before())
	b.carries("p1", "p2", "p4", "lag", "old")
	b.wait("two members", func(i *spec.Interface) bool { return len(i.Aggregate.Active) == 2 }, "lag")
	f := b.inject()
	was, calls := b.readable(), 0
	for n := 1; ; n++ {
		failed := false
		for _, afterwards := range []bool{false, true} {
			f.calls, f.failAt, f.after = nil, n, afterwards
			err := b.Apply(context.Background(), after())
			if len(f.calls) < n {
				break // there are fewer calls: it went through
			}
			failed = true
			name := fmt.Sprintf("call %d, %s (after its work: %t)", n, f.calls[n-1], afterwards)
			if !errors.Is(err, errInjected) {
				t.Fatalf("%s: error %v, want the injected one", name, err)
			}
			if diff := cmp.Diff(was, b.readable()); diff != "" {
				t.Fatalf("%s: not as before (-want +got):\n%s", name, diff)
			}
			f.failAt = 0
			b.wants(t, name)
		}
		if !failed {
			calls = n - 1
			break
		}
	}
	if calls < 30 {
		t.Errorf("%d calls failed in turn: the change does not touch everything", calls)
	}
	wantSteps(t, f.calls)
	f.calls = nil
	b.apply(after())
	if len(f.calls) > 0 {
		t.Errorf("applied again: calls %q, want none", f.calls)
	}
	b.wants(t, "at the end")
	b.carries("p1", "p3")
}

// wants compares what is known of each table with what the model wants: no
// call is due.
func (b *bench) wants(t *testing.T, when string) {
	t.Helper()
	b.owner(func() {
		b.model.begin()
		b.tables.touchAll(b.model)
		b.model.settle(time.Now())
		var undo reconcile.Undo
		if err := b.tables.sync(b.model, &undo, func() error { return nil }); err != nil || undo.Len() != 0 {
			t.Errorf("%s: model and tables differ: %d calls were due, error %v", when, undo.Len(), err)
		}
		b.model.begin()
	})
}

// wantSteps wants every table to have been written both ways.
func wantSteps(t *testing.T, calls []string) {
	t.Helper()
	for _, name := range []string{
		"mac address", "mtu", "alias", "switch", "vlan", "port", "lag", "flooding",
		"static entry", "port number", "attachment", "admin state",
		"classifier", "policer", "detour", "scheduler", "class of a line", "class of several queues", "class", "queue",
	} {
		for _, what := range []string{"put ", "delete "} {
			if what == "delete " && name == "queue" {
				continue // it goes with its class
			}
			if !slices.Contains(calls, what+name) {
				t.Errorf("no call %q among %q: the change does not touch everything", what+name, calls)
			}
		}
	}
}

// TestVanishWithin takes an interface away in the middle of an apply, at each
// kind of call: that is no failure, the port waits for it.
func TestVanishWithin(t *testing.T) {
	for _, at := range []string{"put mac address", "put mtu", "put alias", "put attachment", "put admin state"} {
		t.Run(at, func(t *testing.T) {
			b := newBench(t)
			w1 := b.host("p1")
			b.host("p2")
			b.apply(ports(access("p1", "office", 10)))
			f := b.inject()
			f.hook = func(name string) {
				if name == at {
					f.hook = nil
					b.ns.Remove(t, "p2")
				}
			}
			p2 := access("p2", "office", 10)
			p2.MAC, p2.MTU, p2.Description = station(50), 1400, "gone soon"
			b.apply(ports(p2))
			b.wait("p2 not present", func(i *spec.Interface) bool { return !i.Present }, "p2")
			w2 := b.host("p2")
			b.carries("p1", "p2")
			w1.Send(frame(broadcast, station(1), 0, 1))
			expect(t, w2, frame(broadcast, station(1), 0, 1))
			if i := b.State().Interfaces["p2"]; i.MTU != 1400 || i.MAC != station(50) || i.Description != "gone soon" {
				t.Errorf("p2 is %+v, want the configured attributes", i)
			}
		})
	}
}

// TestUnrecorded lets the record fail: nothing may be touched then.
func TestUnrecorded(t *testing.T) {
	b := newBench(t)
	b.host("p1")
	b.host("p2")
	b.apply(ports(access("p1", "office", 10)))
	was := b.readable()
	path := b.record.path
	b.owner(func() { b.record.path = b.dir + "/no/such/folder/record" })
	if err := b.Apply(context.Background(), ports(access("p2", "office", 10))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that of the record", err)
	}
	b.owner(func() { b.record.path = path })
	if diff := cmp.Diff(was, b.readable()); diff != "" {
		t.Errorf("not as before (-want +got):\n%s", diff)
	}
	b.wants(t, "after the record failed")
	b.apply(ports(access("p2", "office", 10)))
	b.carries("p1", "p2")
}
