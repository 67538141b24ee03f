package telemetry

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// TestRestoreLooksOnce: what went at once is looked for in a source at once.
// One look, and one record of all that happens meanwhile, for each of thousands
// of entries takes gigabytes.
func TestRestoreLooksOnce(t *testing.T) {
	const entries = 200
	fdb := newFDB()
	e := newEngine(t, Options{}, fdb)
	b := Batch{Of: Config}
	for i := range entries {
		keys := []string{"default", fmt.Sprintf("02:00:00:00:00:%02x", i), "10"}
		fdb.put(keys[0]+"|"+keys[1]+"|"+keys[2], schema.StringValue(keys[1]), schema.UintValue(10), schema.EnumValue("DYNAMIC"), schema.UintValue(5))
		at := schema.Path{Node: ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryConfigVlan, Keys: keys}
		b.Updates = append(b.Updates, Update{Path: at, Value: schema.UintValue(10)})
		b.Deletes = append(b.Deletes, schema.Path{Node: ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, Keys: keys})
	}
	e.Publish(Batch{Of: Config, Updates: b.Updates})
	reading, on := make(chan struct{}), make(chan struct{})
	fdb.mu.Lock()
	fdb.hook = func() { close(reading); <-on }
	fdb.mu.Unlock()
	e.Publish(Batch{Of: Config, Deletes: b.Deletes})
	<-reading
	e.mu.Lock()
	records := len(e.recorders)
	e.mu.Unlock()
	close(on)
	e.Close()
	if records != 1 || fdb.reads != 1 {
		t.Errorf("%d records and %d looks for %d entries, want one each", records, fdb.reads, entries)
	}
}

// TestG29_AllRowsToldAnew: a list whose rows are all told to be gone keeps what
// is published in it.
func TestG29_AllRowsToldAnew(t *testing.T) {
	const (
		list  = "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry"
		entry = list + "[mac-address=02:00:00:00:00:01][vlan=10]"
		lost  = list + "[mac-address=02:00:00:00:00:02][vlan=10]"
	)
	e := newEngine(t, Options{}, newFDB())
	publish(t, e, Config, entry+"/config/vlan=10", "/network-instances/network-instance[name=default]/config/type=L2VSI")
	c := subscribe(t, e, stream(t, onChange(t, "/")))
	c.synced(1)
	e.Notify(batch(t, All, entry+"/state/entry-type=STATIC", lost+"/state/entry-type=DYNAMIC"))
	c.until("both", func() bool { return c.tree[entry+"/state/entry-type"] != "" && c.tree[lost+"/state/entry-type"] != "" })
	before := maps.Clone(c.state())
	delete(before, lost+"/state/entry-type")
	for _, key := range []string{"/mac-address", "/vlan"} {
		delete(before, lost+key)
	}
	e.Notify(batch(t, All, "-"+list, entry+"/state/entry-type=STATIC"))
	c.until("one left", func() bool { return maps.Equal(c.tree, before) })
}

func TestRestoreKeys(t *testing.T) {
	entry := ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry
	instance := ocpath.NetworkInstancesNetworkInstance
	gone := func(node ocpath.ID, keys ...string) *change {
		ids := idents{root: &ident{list: ocpath.Root}}
		return &change{id: ids.of(node, keys), node: node, gone: true}
	}
	a, b := "02:00:00:00:00:0a", "02:00:00:00:00:0b"
	for _, tt := range []struct {
		name string
		gone []*change
		want []string
	}{
		{"one", []*change{gone(entry, "x", a, "10")}, []string{"x", a, "10"}},
		{"two addresses", []*change{gone(entry, "x", a, "10"), gone(entry, "x", b, "10")}, []string{"x", "", "10"}},
		{"an entry and all around it", []*change{gone(entry, "x", a, "10"), gone(instance, "x")}, []string{"x", "", ""}},
		{"two instances", []*change{gone(instance, "x"), gone(instance, "y")}, []string{"", "", ""}},
	} {
		r := &restore{gone: subtrees{}}
		for _, c := range tt.gone {
			r.add(c, 3)
		}
		if diff := cmp.Diff(tt.want, r.keys); diff != "" {
			t.Errorf("%s: keys (-want +got):\n%s", tt.name, diff)
		}
		rows := []*change{gone(entry, "x", a, "10"), gone(entry, "y", b, "20")}
		held := slices.Collect(func(yield func(bool) bool) {
			for _, row := range rows {
				if !yield(r.gone.hold(row.id)) {
					return
				}
			}
		})
		if want := []bool{true, tt.name == "two instances"}; !slices.Equal(held, want) {
			t.Errorf("%s: rows held %v, want %v", tt.name, held, want)
		}
	}
}
