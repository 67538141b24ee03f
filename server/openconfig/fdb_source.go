package openconfig

import (
	"context"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// FDBReader goes through the entries of the filtering databases, in no order,
// until yield returns false.
type FDBReader interface {
	FDB(ctx context.Context, yield func(spec.FDBEntry) bool) error
}

// FDB is the telemetry source of the filtering databases:
// /network-instances/network-instance/fdb/mac-table/entries.
type FDB struct {
	reader FDBReader
}

// NewFDB builds the source.
func NewFDB(reader FDBReader) *FDB { return &FDB{reader} }

// Leaves are in the order of fdbValues.
func (*FDB) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryMacAddress,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryVlan,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateMacAddress,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateVlan,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateEntryType,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryInterfaceInterfaceRefStateInterface,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateAge,
	}
}

// Events reports that entries that come, move or go are told by FDBRow and
// FDBEntryPath.
func (*FDB) Events() bool { return true }

// Read gives the entries of a switch, address and VLAN, or of any. They are
// collected first: a slow client must not hold up the table's owner.
func (f *FDB) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	var entries []spec.FDBEntry
	err := f.reader.FDB(ctx, func(e spec.FDBEntry) bool {
		if len(keys) == 0 || (matches(keys, e.Switch) && matches(keys[1:], e.MAC.String(), strconv.Itoa(int(e.VLAN)))) {
			entries = append(entries, e)
		}
		return true
	})
	at := time.Now()
	if err != nil {
		return time.Time{}, err
	}
	for i := range entries {
		if err := emit(fdbKeys(&entries[i]), fdbValues(&entries[i])); err != nil {
			return at, err
		}
	}
	return at, nil
}

func fdbKeys(e *spec.FDBEntry) []string {
	return []string{e.Switch, e.MAC.String(), strconv.Itoa(int(e.VLAN))}
}

func fdbValues(e *spec.FDBEntry) []schema.Value {
	mac, vlan := schema.StringValue(e.MAC.String()), schema.UintValue(uint64(e.VLAN))
	kind, age := "DYNAMIC", schema.UintValue(uint64(e.Age/time.Second))
	if e.Static {
		kind, age = "STATIC", schema.Value{}
	}
	return []schema.Value{mac, vlan, mac, vlan, schema.EnumValue(kind), schema.StringValue(e.Port), age}
}

// FDBRow is an entry that came or moved, without its age.
func FDBRow(e *spec.FDBEntry) *Row {
	r := row(ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, fdbKeys(e)...)
	leaves := (*FDB)(nil).Leaves()
	for i, value := range fdbValues(e)[:len(leaves)-1] {
		r.put(leaves[i], value)
	}
	return r
}

// FDBEntryPath is the path of an entry: what goes with it.
func FDBEntryPath(e *spec.FDBEntry) schema.Path {
	return schema.Path{Node: ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, Keys: fdbKeys(e)}
}

// FDBCounts is the telemetry source of what a filtering database counts:
// /network-instances/network-instance/fdb/state.
type FDBCounts struct {
	observer Observer
}

// NewFDBCounts builds the source.
func NewFDBCounts(observer Observer) *FDBCounts { return &FDBCounts{observer} }

// Leaves are those whose values grow with the traffic.
func (*FDBCounts) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.NetworkInstancesNetworkInstanceFdbStateDynamicEntries,
		ocpath.NetworkInstancesNetworkInstanceFdbStateMoves,
		ocpath.NetworkInstancesNetworkInstanceFdbStateRefused,
	}
}

// Events reports none: the counts are sampled.
func (*FDBCounts) Events() bool { return false }

// Read gives the counts of the switch keys[0], or of all.
func (f *FDBCounts) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	for name, s := range f.observer.State().Switches {
		if !matches(keys, name) {
			continue
		}
		values := []schema.Value{
			schema.UintValue(uint64(s.Dynamic)), schema.UintValue(s.Moves), schema.UintValue(s.Refused),
		}
		if err := emit([]string{name}, values); err != nil {
			return at, err
		}
	}
	return at, nil
}
