package openconfig

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// LLDPReader tells what changes all the time of LLDP, by interface, and the
// counts of all interfaces.
type LLDPReader interface {
	LLDP() (map[string]spec.LLDPActivity, spec.LLDPCounters)
	// LLDPManagement tells the addresses that neighbors are told, and their
	// interface; "" where there are none.
	LLDPManagement() (name string, addresses []spec.LLDPManagement)
}

// LLDPCounters is the telemetry source of what is counted at an interface, and
// of when a frame was last sent and received.
type LLDPCounters struct{ reader LLDPReader }

// NewLLDPCounters builds the source.
func NewLLDPCounters(reader LLDPReader) *LLDPCounters { return &LLDPCounters{reader} }

// Leaves are in the order of lldpCounters.
func (*LLDPCounters) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.LldpInterfacesInterfaceStateCountersFrameIn,
		ocpath.LldpInterfacesInterfaceStateCountersFrameOut,
		ocpath.LldpInterfacesInterfaceStateCountersFrameErrorIn,
		ocpath.LldpInterfacesInterfaceStateCountersFrameDiscard,
		ocpath.LldpInterfacesInterfaceStateCountersTlvDiscard,
		ocpath.LldpInterfacesInterfaceStateCountersTlvUnknown,
		ocpath.LldpInterfacesInterfaceStateCountersFrameErrorOut,
		ocpath.LldpInterfacesInterfaceStateLastPacketTransmitted,
		ocpath.LldpInterfacesInterfaceStateLastGoodPacketReceived,
	}
}

// Events reports none: counters are sampled.
func (*LLDPCounters) Events() bool { return false }

// Read gives the counters of an interface, or of any.
func (l *LLDPCounters) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	all, _ := l.reader.LLDP()
	for name, a := range all {
		if !matches(keys, name) {
			continue
		}
		values := append(lldpCounters(&a.Counters), schema.UintValue(a.Counters.OutErrors), moment(a.LastOut), moment(a.LastIn))
		if err := emit([]string{name}, values); err != nil {
			return at, err
		}
	}
	return at, nil
}

func lldpCounters(c *spec.LLDPCounters) []schema.Value {
	var values []schema.Value
	for _, n := range [...]uint64{c.In, c.Out, c.InErrors, c.Discarded, c.TLVsDiscarded, c.TLVsUnknown} {
		values = append(values, schema.UintValue(n))
	}
	return values
}

// moment is a time in nanoseconds since 1970; never has no value.
func moment(t time.Time) schema.Value {
	if t.IsZero() {
		return schema.Value{}
	}
	return schema.UintValue(uint64(t.UnixNano()))
}

// LLDPTotals is the telemetry source of /lldp/state/counters.
type LLDPTotals struct{ reader LLDPReader }

// NewLLDPTotals builds the source.
func NewLLDPTotals(reader LLDPReader) *LLDPTotals { return &LLDPTotals{reader} }

// Leaves are the counters of all interfaces.
func (*LLDPTotals) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.LldpStateCountersFrameIn,
		ocpath.LldpStateCountersFrameOut,
		ocpath.LldpStateCountersFrameErrorIn,
		ocpath.LldpStateCountersFrameDiscard,
		ocpath.LldpStateCountersTlvDiscard,
		ocpath.LldpStateCountersTlvUnknown,
		ocpath.LldpStateCountersTlvAccepted,
		ocpath.LldpStateCountersEntriesAgedOut,
	}
}

// Events reports none: counters are sampled.
func (*LLDPTotals) Events() bool { return false }

// Read gives the one row.
func (l *LLDPTotals) Read(_ context.Context, _ []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	_, c := l.reader.LLDP()
	return at, emit(nil, append(lldpCounters(&c), schema.UintValue(c.TLVsAccepted), schema.UintValue(c.AgedOut)))
}

// LLDPAges is the telemetry source of how long ago neighbors were first and last
// heard.
type LLDPAges struct{ reader LLDPReader }

// NewLLDPAges builds the source.
func NewLLDPAges(reader LLDPReader) *LLDPAges { return &LLDPAges{reader} }

// Leaves are seconds since both.
func (*LLDPAges) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.LldpInterfacesInterfaceNeighborsNeighborStateAge,
		ocpath.LldpInterfacesInterfaceNeighborsNeighborStateLastUpdate,
	}
}

// Events reports none: ages are sampled.
func (*LLDPAges) Events() bool { return false }

// Read gives the ages of a neighbor of an interface, or of any.
func (l *LLDPAges) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	all, _ := l.reader.LLDP()
	for name, a := range all {
		for id, heard := range a.Heard {
			key := neighborKey(id)
			if !matches(keys, name, key) {
				continue
			}
			age, update := at.Sub(heard.First)/time.Second, at.Sub(heard.Last)/time.Second
			if err := emit([]string{name, key}, []schema.Value{schema.UintValue(uint64(max(age, 0))), schema.IntValue(int64(max(update, 0)))}); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}

// LLDPAddresses is the telemetry source of /lldp/mgmt-addresses: what neighbors are
// told, as it was found at the host's interface.
type LLDPAddresses struct{ reader LLDPReader }

// NewLLDPAddresses builds the source.
func NewLLDPAddresses(reader LLDPReader) *LLDPAddresses { return &LLDPAddresses{reader} }

// Leaves are in the order of Read.
func (*LLDPAddresses) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.LldpMgmtAddressesMgmtAddressAddress,
		ocpath.LldpMgmtAddressesMgmtAddressStateAddress,
		ocpath.LldpMgmtAddressesMgmtAddressStateInterfaceNumber,
		ocpath.LldpMgmtAddressesMgmtAddressStateInterfaceNumberSubtype,
	}
}

// Events reports none: the host's addresses are looked at.
func (*LLDPAddresses) Events() bool { return false }

// Read gives one address, or each.
func (l *LLDPAddresses) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	_, addresses := l.reader.LLDPManagement()
	for _, m := range addresses {
		text := m.Address.String()
		if !matches(keys, text) {
			continue
		}
		address := schema.StringValue(text)
		values := []schema.Value{address, address, schema.UintValue(uint64(m.Interface)), schema.EnumValue("IFINDEX")}
		if err := emit([]string{text}, values); err != nil {
			return at, err
		}
	}
	return at, nil
}

// LLDPManagementInterface is the telemetry source of
// /lldp/state/management-interface: where the addresses are that neighbors are told.
type LLDPManagementInterface struct{ reader LLDPReader }

// NewLLDPManagementInterface builds the source.
func NewLLDPManagementInterface(reader LLDPReader) *LLDPManagementInterface {
	return &LLDPManagementInterface{reader}
}

// Leaves is the one leaf.
func (*LLDPManagementInterface) Leaves() []ocpath.ID {
	return []ocpath.ID{ocpath.LldpStateManagementInterface}
}

// Events reports none: the host's addresses are looked at.
func (*LLDPManagementInterface) Events() bool { return false }

// Read gives the one row; without an address there is no value.
func (l *LLDPManagementInterface) Read(_ context.Context, _ []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	name, _ := l.reader.LLDPManagement()
	if name == "" {
		return at, nil
	}
	return at, emit(nil, []schema.Value{schema.StringValue(name)})
}
