package openconfig

import (
	"context"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// QoSReader reads what is counted of the classes and rates of all ports at one
// moment, by interface.
type QoSReader interface {
	QoSCounters(context.Context) (map[string]spec.QoSCounters, time.Time, error)
}

// qosShared is how long one reading serves: all sources of a sample read within
// it, and nobody else asks for what is older.
const qosShared = 100 * time.Millisecond

// QoSReading reads for all sources of classes and rates: one sample asks several
// of them, each for a part of what the kernel tells at once.
type QoSReading struct {
	reader    QoSReader
	directory *QoSDirectory

	mu  sync.Mutex // guards what follows; held while it is read
	all map[string]spec.QoSCounters
	at  time.Time // of all; zero before the first reading
}

// NewQoSReading builds what the sources read by. The directory has the names
// under which ports are told.
func NewQoSReading(reader QoSReader, directory *QoSDirectory) *QoSReading {
	return &QoSReading{reader: reader, directory: directory}
}

func (r *QoSReading) read(ctx context.Context) (map[string]spec.QoSCounters, time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < qosShared {
		return r.all, r.at, nil
	}
	all, at, err := r.reader.QoSCounters(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	r.all, r.at = all, at
	return all, at, nil
}

// each calls f for the counters of the entry keys[0] of /qos/interfaces, or of
// each.
func (r *QoSReading) each(ctx context.Context, keys []string, f func(id string, c *spec.QoSCounters) error) (time.Time, error) {
	all, at, err := r.read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for port, counters := range all {
		id := r.directory.Of(port).ID
		if !matches(keys, id) {
			continue
		}
		if err := f(id, &counters); err != nil {
			return at, err
		}
	}
	return at, nil
}

// QoSQueues is the telemetry source of what is counted of the queues of one
// direction, and of what waits in them.
type QoSQueues struct {
	reading *QoSReading
	input   bool
}

// NewQoSQueues builds the source of a direction.
func NewQoSQueues(reading *QoSReading, input bool) *QoSQueues { return &QoSQueues{reading, input} }

// Leaves are in the order of queueCounters.
func (q *QoSQueues) Leaves() []ocpath.ID {
	if q.input {
		return []ocpath.ID{
			ocpath.QosInterfacesInterfaceInputQueuesQueueStateTransmitPkts,
			ocpath.QosInterfacesInterfaceInputQueuesQueueStateTransmitOctets,
			ocpath.QosInterfacesInterfaceInputQueuesQueueStateDroppedPkts,
			ocpath.QosInterfacesInterfaceInputQueuesQueueStateEcnMarkedPkts,
			ocpath.QosInterfacesInterfaceInputQueuesQueueStateWaitingOctets,
			ocpath.QosInterfacesInterfaceInputQueuesQueueStateWaitingPkts,
		}
	}
	return []ocpath.ID{
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateTransmitPkts,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateTransmitOctets,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateDroppedPkts,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateEcnMarkedPkts,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateWaitingOctets,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateWaitingPkts,
	}
}

// Events reports none: counters are sampled.
func (*QoSQueues) Events() bool { return false }

// Read gives the counters of a queue of an interface, or of any.
func (q *QoSQueues) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	return q.reading.each(ctx, keys, func(id string, c *spec.QoSCounters) error {
		queues := c.Output
		if q.input {
			queues = c.Input
		}
		for queue, counters := range queues {
			key := []string{id, queueKey(queue)}
			if !matches(keys, key...) {
				continue
			}
			if err := emit(key, queueCounters(&counters)); err != nil {
				return err
			}
		}
		return nil
	})
}

func queueCounters(c *spec.QueueCounters) []schema.Value {
	return uints(c.Packets, c.Octets, c.Dropped, c.Marked, uint64(c.WaitingOctets), uint64(c.WaitingPackets))
}

func uints(numbers ...uint64) []schema.Value {
	values := make([]schema.Value, len(numbers))
	for i, n := range numbers {
		values[i] = schema.UintValue(n)
	}
	return values
}

// QoSTerms is the telemetry source of what is counted of terms: of those in the
// list of classifiers of an interface, or of the others.
type QoSTerms struct {
	reading *QoSReading
	listed  bool
}

// NewQoSTerms builds the source of the terms that are in the list of classifiers,
// or of the others.
func NewQoSTerms(reading *QoSReading, listed bool) *QoSTerms { return &QoSTerms{reading, listed} }

// Leaves are the matched packets and octets.
func (t *QoSTerms) Leaves() []ocpath.ID {
	if t.listed {
		return []ocpath.ID{
			ocpath.QosInterfacesInterfaceInputClassifiersClassifierTermsTermStateMatchedPackets,
			ocpath.QosInterfacesInterfaceInputClassifiersClassifierTermsTermStateMatchedOctets,
		}
	}
	return []ocpath.ID{
		ocpath.QosInterfacesInterfaceInputTermsTermStateMatchedPackets,
		ocpath.QosInterfacesInterfaceInputTermsTermStateMatchedOctets,
	}
}

// Events reports none: counters are sampled.
func (*QoSTerms) Events() bool { return false }

// Read gives the counters of a term of an interface, or of any.
func (t *QoSTerms) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	return t.reading.each(ctx, keys, func(id string, c *spec.QoSCounters) error {
		for n := range c.Terms {
			kind, own := termPlace(c.Terms[n].ID)
			key := []string{id, own}
			if kind != "" {
				key = []string{id, kind, own}
			}
			if (kind != "") != t.listed || !matches(keys, key...) {
				continue
			}
			if err := emit(key, uints(c.Terms[n].Packets, c.Terms[n].Octets)); err != nil {
				return err
			}
		}
		return nil
	})
}

// QoSPolicers is the telemetry source of what is counted of policers.
type QoSPolicers struct{ reading *QoSReading }

// NewQoSPolicers builds the source.
func NewQoSPolicers(reading *QoSReading) *QoSPolicers { return &QoSPolicers{reading} }

// Leaves are packets and octets of each colour.
func (*QoSPolicers) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateConformingPkts,
		ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateConformingOctets,
		ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateExceedingPkts,
		ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateExceedingOctets,
		ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateViolatingPkts,
		ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateViolatingOctets,
	}
}

// Events reports none: counters are sampled.
func (*QoSPolicers) Events() bool { return false }

// Read gives the counters of a policer of an interface, or of any.
func (p *QoSPolicers) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	return p.reading.each(ctx, keys, func(id string, c *spec.QoSCounters) error {
		for n := range c.Policers {
			counters := &c.Policers[n]
			key := []string{id, sequenceKey(counters.Sequence)}
			if !matches(keys, key...) {
				continue
			}
			values := uints(counters.ConformPackets, counters.ConformOctets, counters.ExceedPackets, counters.ExceedOctets, counters.ViolatePackets, counters.ViolateOctets)
			if err := emit(key, values); err != nil {
				return err
			}
		}
		return nil
	})
}
