package fastpath

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
)

// table is what every table of this package is (reconcile.Table).
type table[K, V comparable] interface {
	List() (map[K]V, error)
	Put(K, V) error
	Delete(K) error
}

// checkTable puts values, lists them, changes one, deletes all twice.
func checkTable[K, V comparable](t *testing.T, tbl table[K, V], values map[K]V, change V) {
	t.Helper()
	want := func(what string, want map[K]V) {
		t.Helper()
		got, err := tbl.List()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	want("at first", map[K]V{})
	for k, v := range values {
		if err := tbl.Put(k, v); err != nil {
			t.Fatalf("put %v: %v", k, err)
		}
	}
	want("after Put", values)
	key := slices.Collect(maps.Keys(values))[0]
	changed := maps.Clone(values)
	changed[key] = change
	for range 2 {
		if err := tbl.Put(key, change); err != nil {
			t.Fatalf("change %v: %v", key, err)
		}
		want("after a change", changed)
	}
	for range 2 {
		for k := range values {
			if err := tbl.Delete(k); err != nil {
				t.Fatalf("delete %v: %v", k, err)
			}
		}
		want("after Delete", map[K]V{})
	}
}

func TestTables(t *testing.T) {
	newNetNS(t)
	o := open(t, pinDir(t))
	t.Cleanup(func() { o.Remove() })
	full := trunk(1, 2, 63, 64, 4094)
	full.Switch, full.IfIndex, full.MTU, full.Peer = spec.MaxSwitches, 1<<31-1, spec.MaxMTU, true
	all := full
	all.Tagged.AddRange(2, spec.MaxVLAN)
	var set PortSet
	for _, n := range []uint16{1, 63, 64, spec.MaxPorts} {
		set.Add(n)
	}
	t.Run("ports", func(t *testing.T) {
		checkTable(t, o.Ports(), map[uint16]Port{1: {Switch: 1}, spec.MaxPorts: full}, all)
	})
	t.Run("aggregates", func(t *testing.T) {
		aggregate := Port{Switch: 2, LAG: spec.MaxAggregates, PVID: 7, Forwarding: true, MTU: 9000, NoTeaming: true}
		member := Port{MemberOf: 9, IfIndex: 4, Forwarding: true, MTU: 9000}
		checkTable(t, o.Ports(), map[uint16]Port{9: aggregate, spec.MaxPorts: member, 10: member}, Port{MemberOf: spec.MaxPorts - 1})
	})
	t.Run("LAGs", func(t *testing.T) {
		one := LAG{Distribution: spec.Dynamic, FlowletGap: 500 * time.Microsecond, Designated: 31}
		one.Members[31] = LAGMember{IfIndex: 1<<31 - 1, Port: spec.MaxPorts, Active: true, Peer: true}
		one.Members[0] = LAGMember{IfIndex: 2, Port: 3, Active: true}
		for b := range one.Buckets {
			one.Buckets[b] = LAGBucket{31, 0}
		}
		two := LAG{Distribution: spec.ActiveBackup, Independent: true, Designated: NoMember}
		for b := range two.Buckets {
			two.Buckets[b] = LAGBucket{NoMember, NoMember}
		}
		checkTable(t, o.LAGs(), map[uint16]LAG{1: one, spec.MaxAggregates: one, 5: two}, two)
	})
	t.Run("port numbers", func(t *testing.T) {
		checkTable(t, o.PortNumbers(), map[uint32]uint16{1: 1, 4097: 2, 8193: spec.MaxPorts, 12289: 4, 7: 5}, 9)
	})
	t.Run("switches", func(t *testing.T) {
		checkTable(t, o.Switches(), map[uint16]Switch{1: {}, spec.MaxSwitches: {true, true, 1 << 20, 9}}, Switch{Enabled: true})
	})
	t.Run("VLANs", func(t *testing.T) {
		checkTable(t, o.FIDs(), map[VLAN]FID{{1, 1}: {1, false}, {spec.MaxSwitches, spec.MaxVLAN}: {spec.MaxFIDs, true}}, FID{ID: 77})
	})
	t.Run("flood", func(t *testing.T) {
		checkTable(t, o.Flood(), map[uint16]PortSet{1: {1: 1}, spec.MaxFIDs: set}, PortSet{63: 1 << 63})
	})
	t.Run("statics", func(t *testing.T) {
		checkTable(t, o.Statics(), map[Address]uint16{{1, host(1)}: 1, {spec.MaxFIDs, host(1)}: spec.MaxPorts}, 5)
	})
}

func TestOutOfRange(t *testing.T) {
	newNetNS(t)
	o := open(t, pinDir(t))
	t.Cleanup(func() { o.Remove() })
	taken := map[uint32]uint16{5: 1, 5 + 4096: 2, 5 + 2*4096: 3, 5 + 3*4096: 4}
	for i, n := range taken {
		if err := o.PortNumbers().Put(i, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.FIDs().Put(VLAN{1, 9}, FID{ID: 9}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"port 0", o.Ports().Put(0, Port{Switch: 1}), "want 1..4095"},
		{"port 4096", o.Ports().Put(4096, Port{Switch: 1}), "want 1..4095"},
		{"port without switch", o.Ports().Put(1, Port{}), "want switch 1..63"},
		{"PVID 4095", o.Ports().Put(1, Port{Switch: 1, PVID: 4095}), "PVID 0..4094"},
		{"interface 0", o.PortNumbers().Put(0, 1), "interface 0"},
		{"interface of port 0", o.PortNumbers().Put(1, 0), "want 1..4095"},
		{"fifth interface of a set", o.PortNumbers().Put(5+4*4096, 5), "no room"},
		{"switch 64", o.Switches().Put(64, Switch{}), "want 1..63"},
		{"VLAN 0", o.FIDs().Put(VLAN{1, 0}, FID{ID: 1}), "VLAN 1..4094"},
		{"VLAN 4095", o.FIDs().Put(VLAN{1, 4095}, FID{ID: 1}), "VLAN 1..4094"},
		{"FID 0", o.FIDs().Put(VLAN{1, 1}, FID{}), "want 1..16383"},
		{"FID of another VLAN", o.FIDs().Put(VLAN{1, 1}, FID{ID: 9}), "belongs to switch 1 vlan 9"},
		{"member of itself", o.Ports().Put(7, Port{MemberOf: 7}), "member of another port"},
		{"aggregate with an interface", o.Ports().Put(7, Port{Switch: 1, LAG: 1, IfIndex: 1}), "want one of aggregate"},
		{"aggregate that is a member", o.Ports().Put(7, Port{Switch: 1, LAG: 1, MemberOf: 8}), "want one of aggregate"},
		{"aggregate 129", o.Ports().Put(7, Port{Switch: 1, LAG: 129}), "aggregate 1..128"},
		{"LAG 0", o.LAGs().Put(0, LAG{Distribution: spec.Dynamic}), "want 1..128"},
		{"LAG 129", o.LAGs().Put(129, LAG{Distribution: spec.Dynamic}), "want 1..128"},
		{"no distribution", o.LAGs().Put(1, LAG{}), "distribution 0 is none"},
		{"distribution 8", o.LAGs().Put(1, LAG{Distribution: 8}), "distribution 8 is none"},
		{"bucket of no member", o.LAGs().Put(1, LAG{Distribution: spec.Dynamic}), "bucket 0: member 0 is not active"},
		{"bucket out of range", o.LAGs().Put(1, LAG{Distribution: spec.Dynamic, Buckets: [spec.LAGBuckets]LAGBucket{{NoMember, 32}}}), "member 32 is not active"},
		{"member without a port", o.LAGs().Put(1, LAG{Distribution: spec.Dynamic, Members: [spec.MaxMembers]LAGMember{{IfIndex: 3}}}), "want both"},
		{"members of FID 0", o.Flood().Put(0, PortSet{}), "want 1..16383"},
		{"members of FID 16384", o.Flood().Put(16384, PortSet{}), "want 1..16383"},
	}
	for _, tt := range tests {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error with %q", tt.name, tt.err, tt.want)
		}
	}
	if got, err := o.PortNumbers().List(); err != nil || cmp.Diff(taken, got) != "" {
		t.Errorf("port numbers after the refusals: %v, %v; want %v", got, err, taken)
	}
}

func TestCountersReset(t *testing.T) {
	b := fdbBed(t)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	if c := b.counters(1)[1]; c.In.Broadcast != 1 || c.In.Octets != 60 {
		t.Errorf("counted %+v, want one broadcast of 60 octets", c.In)
	}
	b.ok(b.o.ResetCounters(1))
	if c := b.counters(1)[1]; c != (spec.Counters{}) {
		t.Errorf("after the reset %+v, want nothing", c)
	}
	if err := b.o.ReadCounters(nil); err != nil {
		t.Errorf("read no counters: %v", err)
	}
}
