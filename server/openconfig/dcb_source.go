package openconfig

import (
	"context"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// DCBReader reads what priority-based flow control counts, by interface, of
// those that have it.
type DCBReader interface {
	DCBCounters() (map[string]spec.DCBCounters, error)
}

// PFCCounters is the telemetry source of pauses by priority.
type PFCCounters struct{ reader DCBReader }

// NewPFCCounters builds the source.
func NewPFCCounters(reader DCBReader) *PFCCounters { return &PFCCounters{reader} }

// Leaves are pauses sent and received.
func (*PFCCounters) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.InterfacesInterfaceDcbPfcPrioritiesPriorityStateRequests,
		ocpath.InterfacesInterfaceDcbPfcPrioritiesPriorityStateIndications,
	}
}

// Events reports none: counters are sampled.
func (*PFCCounters) Events() bool { return false }

// Read gives the counters of a priority of an interface, or of any.
func (c *PFCCounters) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	all, err := c.reader.DCBCounters()
	if err != nil {
		return at, err
	}
	for name, n := range all {
		for priority := range spec.Priorities {
			key := strconv.Itoa(priority)
			if !matches(keys, name, key) {
				continue
			}
			values := []schema.Value{schema.UintValue(n.Requests[priority]), schema.UintValue(n.Indications[priority])}
			if err := emit([]string{name, key}, values); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}
