package openconfig

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Discards is the telemetry source of
// /interfaces/interface/switch-port/discards: a row for each reason in the
// direction it belongs to, also while nothing was dropped for it. Ports of
// switches have them, and members of aggregates.
type Discards struct {
	reader CounterReader
}

// NewDiscards builds the source.
func NewDiscards(reader CounterReader) *Discards { return &Discards{reader} }

// Leaves are in the order of discardValues.
func (*Discards) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardDirection,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardReason,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateDirection,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateReason,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStateSflowCode,
		ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStatePkts,
	}
}

// Events reports that the rows of a port that comes or goes are told by
// DiscardRows and DiscardList.
func (*Discards) Events() bool { return true }

// Read gives the rows of an interface, direction and reason, or of any.
func (d *Discards) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	all, at, err := d.reader.Counters(ctx)
	if err != nil {
		return time.Time{}, err
	}
	rows := discardRows(keys)
	for n := range all {
		if all[n].Port == nil || len(keys) > 0 && !matches(keys[:1], all[n].Name) {
			continue
		}
		if err := emitDiscards(&all[n], rows, emit); err != nil {
			return at, err
		}
	}
	return at, nil
}

// discardRow is a row as each port has it.
type discardRow struct {
	reason          spec.DropReason
	direction, name string
	values          []schema.Value // the last is the count
}

// discardRows are the rows of a port that match, in the order of their keys, so
// that nobody sorts those of each port.
func discardRows(keys []string) []discardRow {
	var rows []discardRow
	for reason := spec.DropNone + 1; reason < spec.NumDropReasons; reason++ {
		direction := "INGRESS"
		if reason.Egress() {
			direction = "EGRESS"
		}
		if len(keys) == 3 && !matches(keys[1:], direction, reason.String()) {
			continue
		}
		values := append(discardValues(direction, reason), schema.Value{})
		rows = append(rows, discardRow{reason, direction, reason.String(), values})
	}
	slices.SortFunc(rows, func(a, b discardRow) int {
		return cmp.Or(cmp.Compare(a.direction, b.direction), cmp.Compare(a.name, b.name))
	})
	return rows
}

// emitDiscards hands out the rows of a port; their last values are used again.
func emitDiscards(c *spec.InterfaceCounters, rows []discardRow, emit func([]string, []schema.Value) error) error {
	keys := []string{c.Name, "", ""}
	for _, r := range rows {
		pkts := c.Port.In.Drops[r.reason]
		if r.reason.Egress() {
			pkts = c.Port.Out.Drops[r.reason]
		}
		keys[1], keys[2] = r.direction, r.name
		r.values[len(r.values)-1] = schema.UintValue(pkts)
		if err := emit(keys, r.values); err != nil {
			return err
		}
	}
	return nil
}

// discardValues is a row without its count.
func discardValues(direction string, reason spec.DropReason) []schema.Value {
	name := schema.EnumValue(reason.String())
	return []schema.Value{
		schema.EnumValue(direction), name,
		schema.EnumValue(direction), name,
		schema.UintValue(uint64(reason.SFlowCode())),
	}
}

// HasDiscards reports an interface that the datapath counts by reason; nil is
// none.
func HasDiscards(i *spec.Interface) bool { return i != nil && (i.Port != nil || i.Member != nil) }

// DiscardRows are the rows that come with a port, without their counts.
func DiscardRows(iface string) []*Row {
	leaves := (*Discards)(nil).Leaves()
	var rows []*Row
	for reason := spec.DropNone + 1; reason < spec.NumDropReasons; reason++ {
		direction := "INGRESS"
		if reason.Egress() {
			direction = "EGRESS"
		}
		r := row(ocpath.InterfacesInterfaceSwitchPortDiscardsDiscard, iface, direction, reason.String())
		for i, value := range discardValues(direction, reason) {
			r.put(leaves[i], value)
		}
		rows = append(rows, r)
	}
	return rows
}

// DiscardList is the path of a port's rows: what goes with it.
func DiscardList(iface string) schema.Path {
	return schema.Path{Node: ocpath.InterfacesInterfaceSwitchPortDiscardsDiscard, Keys: []string{iface}}
}
