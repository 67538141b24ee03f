package openconfig

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// CounterReader reads the counters of every interface at one moment.
type CounterReader interface {
	Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error)
}

// Observer tells what was last observed. Nobody modifies it.
type Observer interface {
	State() *spec.State
}

// Counters is the telemetry source of /interfaces/interface/state/counters.
//
// For a switch port frames and octets are the datapath's, so that they agree
// with its discards; errors are the kernel's. For any other interface all are
// the kernel's, which tells neither unicast nor broadcast.
type Counters struct {
	reader   CounterReader
	observer Observer
}

// NewCounters builds the source.
func NewCounters(reader CounterReader, observer Observer) *Counters {
	return &Counters{reader, observer}
}

// Leaves are in the order of appendCounters.
func (*Counters) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.InterfacesInterfaceStateCountersInOctets,
		ocpath.InterfacesInterfaceStateCountersInPkts,
		ocpath.InterfacesInterfaceStateCountersInUnicastPkts,
		ocpath.InterfacesInterfaceStateCountersInMulticastPkts,
		ocpath.InterfacesInterfaceStateCountersInBroadcastPkts,
		ocpath.InterfacesInterfaceStateCountersInDiscards,
		ocpath.InterfacesInterfaceStateCountersInErrors,
		ocpath.InterfacesInterfaceStateCountersInFcsErrors,
		ocpath.InterfacesInterfaceStateCountersOutOctets,
		ocpath.InterfacesInterfaceStateCountersOutPkts,
		ocpath.InterfacesInterfaceStateCountersOutUnicastPkts,
		ocpath.InterfacesInterfaceStateCountersOutMulticastPkts,
		ocpath.InterfacesInterfaceStateCountersOutBroadcastPkts,
		ocpath.InterfacesInterfaceStateCountersOutDiscards,
		ocpath.InterfacesInterfaceStateCountersOutErrors,
		ocpath.InterfacesInterfaceStateCountersCarrierTransitions,
		ocpath.InterfacesInterfaceStateCountersLinkTransitions,
	}
}

// Events reports none: counters are sampled.
func (*Counters) Events() bool { return false }

// Read gives the counters of the interface keys[0], or of all.
func (c *Counters) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	all, at, err := c.reader.Counters(ctx)
	if err != nil {
		return time.Time{}, err
	}
	interfaces := c.observer.State().Interfaces
	var key [1]string
	var values []schema.Value
	for n := range all {
		if !matches(keys, all[n].Name) {
			continue
		}
		key[0] = all[n].Name
		values = appendCounters(values[:0], &all[n], interfaces[all[n].Name])
		if err := emit(key[:], values); err != nil {
			return at, err
		}
	}
	return at, nil
}

// matches reports whether a row's keys are the ones asked for; "" is any, and
// so is a key that is not given.
func matches(asked []string, row ...string) bool {
	for i, key := range row {
		if i < len(asked) && asked[i] != "" && asked[i] != key {
			return false
		}
	}
	return true
}

func appendCounters(values []schema.Value, c *spec.InterfaceCounters, observed *spec.Interface) []schema.Value {
	if c.Port != nil {
		values = appendDirection(values, &c.Port.In)
		values = append(values, schema.UintValue(c.Link.InErrors), schema.UintValue(c.Link.InFCSErrors))
		values = appendDirection(values, &c.Port.Out)
		values = append(values, schema.UintValue(c.Link.OutErrors))
	} else {
		values = appendLink(values, &c.Link)
	}
	if observed == nil || !observed.Present {
		return append(values, schema.Value{}, schema.Value{})
	}
	transitions := schema.UintValue(observed.CarrierTransitions)
	return append(values, transitions, transitions)
}

func appendDirection(values []schema.Value, d *spec.Direction) []schema.Value {
	return append(values,
		schema.UintValue(d.Octets),
		schema.UintValue(d.Frames()),
		schema.UintValue(d.Unicast),
		schema.UintValue(d.Multicast),
		schema.UintValue(d.Broadcast),
		schema.UintValue(d.Discards()),
	)
}

func appendLink(values []schema.Value, l *spec.LinkCounters) []schema.Value {
	untold := schema.Value{}
	return append(values,
		schema.UintValue(l.InOctets), schema.UintValue(l.InFrames), untold, schema.UintValue(l.InMulticast), untold,
		schema.UintValue(l.InDiscards), schema.UintValue(l.InErrors), schema.UintValue(l.InFCSErrors),
		schema.UintValue(l.OutOctets), schema.UintValue(l.OutFrames), untold, untold, untold,
		schema.UintValue(l.OutDiscards), schema.UintValue(l.OutErrors),
	)
}
