package openconfig

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// QoSInterface is the entry of an interface in /qos/interfaces, with what is in
// effect as it was observed; none for an interface without classes and rates.
func QoSInterface(i *spec.Interface, names QoSNames) []*Row {
	if i.QoS == nil {
		return nil
	}
	id := names.ID
	r := row(ocpath.QosInterfacesInterface, id)
	r.text(ocpath.QosInterfacesInterfaceInterfaceId, id)
	r.text(ocpath.QosInterfacesInterfaceStateInterfaceId, id)
	r.text(ocpath.QosInterfacesInterfaceInterfaceRefStateInterface, i.Name)
	rows := []*Row{r}
	if i.QoS.Classified {
		r.text(ocpath.QosInterfacesInterfaceInputStateClassifier, names.Classifiers[ethernetType])
		r.name(ocpath.QosInterfacesInterfaceInputStateTrust, names.Trust)
		rows = append(rows, classifierRows(id, &names)...)
	}
	if s := i.QoS.Input; s != nil {
		r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicyStateRate, s.Rate)
		r.positive(ocpath.QosInterfacesInterfaceInputSchedulerPolicyStateBurst, uint64(s.Burst))
		rows = append(rows, queueRows(id, s, inputQueueLeaves())...)
	}
	if i.QoS.Input != nil || len(i.QoS.Policers) > 0 {
		r.text(ocpath.QosInterfacesInterfaceInputSchedulerPolicyStateName, names.Input)
	}
	if s := i.QoS.Output; s != nil {
		r.text(ocpath.QosInterfacesInterfaceOutputSchedulerPolicyStateName, names.Output)
		r.uint(ocpath.QosInterfacesInterfaceOutputSchedulerPolicyStateRate, s.Rate)
		r.positive(ocpath.QosInterfacesInterfaceOutputSchedulerPolicyStateBurst, uint64(s.Burst))
		rows = append(rows, queueRows(id, s, outputQueueLeaves())...)
	}
	return append(rows, policerRows(id, i.QoS.Policers)...)
}

// bandwidthState adds what bounds an interface to its row.
func bandwidthState(r *Row, q *spec.QoSState) {
	if q == nil {
		return
	}
	if q.Input != nil {
		r.uint(ocpath.InterfacesInterfaceBandwidthStateInputRate, q.Input.Rate)
	}
	if q.Output != nil {
		r.uint(ocpath.InterfacesInterfaceBandwidthStateOutputRate, q.Output.Rate)
	}
}

// classifierRows are the classifiers of a port that classifies, and its terms.
func classifierRows(id string, names *QoSNames) (rows []*Row) {
	for _, kind := range slices.Sorted(maps.Keys(names.Classifiers)) {
		if kind == ethernetType {
			continue
		}
		r := row(ocpath.QosInterfacesInterfaceInputClassifiersClassifier, id, kind)
		r.name(ocpath.QosInterfacesInterfaceInputClassifiersClassifierType, kind)
		r.name(ocpath.QosInterfacesInterfaceInputClassifiersClassifierStateType, kind)
		r.text(ocpath.QosInterfacesInterfaceInputClassifiersClassifierStateName, names.Classifiers[kind])
		rows = append(rows, r)
	}
	for _, term := range names.Terms {
		kind, own := termPlace(term)
		if kind == "" {
			r := row(ocpath.QosInterfacesInterfaceInputTermsTerm, id, own)
			r.text(ocpath.QosInterfacesInterfaceInputTermsTermId, own)
			r.text(ocpath.QosInterfacesInterfaceInputTermsTermStateId, own)
			rows = append(rows, r)
			continue
		}
		r := row(ocpath.QosInterfacesInterfaceInputClassifiersClassifierTermsTerm, id, kind, own)
		r.text(ocpath.QosInterfacesInterfaceInputClassifiersClassifierTermsTermId, own)
		r.text(ocpath.QosInterfacesInterfaceInputClassifiersClassifierTermsTermStateId, own)
		rows = append(rows, r)
	}
	return rows
}

// termPlace tells where a term of a port (spec.Term) is told: in the classifier
// of a type or, with "", among those that are in none; and its id there.
func termPlace(term string) (kind, id string) {
	kind, id, typed := strings.Cut(term, "/")
	switch {
	case strings.HasPrefix(term, TrustTerms), !typed:
		return "", term
	case kind == ethernetType:
		return "", id
	}
	return kind, id
}

func policerRows(id string, policers []spec.PolicerState) (rows []*Row) {
	for n := range policers {
		p := &policers[n]
		r := row(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersScheduler, id, sequenceKey(p.Sequence))
		r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerSequence, uint64(p.Sequence))
		r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateSequence, uint64(p.Sequence))
		r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateCommittedRate, p.Committed)
		r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateCommittedBurst, uint64(p.Burst))
		if p.Peak != 0 {
			r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStatePeakRate, p.Peak)
			r.uint(ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStatePeakBurst, uint64(p.PeakBurst))
		}
		rows = append(rows, r)
	}
	return rows
}

func sequenceKey(sequence uint32) string { return strconv.FormatUint(uint64(sequence), 10) }

// queueKey is the name under which a queue is told.
func queueKey(queue string) string {
	if queue == "" {
		return DefaultClass
	}
	return queue
}

// queueLeaves are the leaves of a queue in one direction.
type queueLeaves struct {
	list, key, name, guaranteed, ceiling, burst, ceilingBurst, priority, quantum ocpath.ID
	octets, packets, redMin, redMax, redECN                                      ocpath.ID
}

func inputQueueLeaves() *queueLeaves {
	return &queueLeaves{
		ocpath.QosInterfacesInterfaceInputQueuesQueue, ocpath.QosInterfacesInterfaceInputQueuesQueueName, ocpath.QosInterfacesInterfaceInputQueuesQueueStateName,
		ocpath.QosInterfacesInterfaceInputQueuesQueueStateGuaranteedRate, ocpath.QosInterfacesInterfaceInputQueuesQueueStateCeilingRate,
		ocpath.QosInterfacesInterfaceInputQueuesQueueStateBurst, ocpath.QosInterfacesInterfaceInputQueuesQueueStateCeilingBurst,
		ocpath.QosInterfacesInterfaceInputQueuesQueueStatePriority, ocpath.QosInterfacesInterfaceInputQueuesQueueStateQuantum,
		ocpath.QosInterfacesInterfaceInputQueuesQueueStateLimitOctets, ocpath.QosInterfacesInterfaceInputQueuesQueueStateLimitPkts,
		ocpath.QosInterfacesInterfaceInputQueuesQueueStateRedMinThreshold, ocpath.QosInterfacesInterfaceInputQueuesQueueStateRedMaxThreshold,
		ocpath.QosInterfacesInterfaceInputQueuesQueueStateRedEcn,
	}
}

func outputQueueLeaves() *queueLeaves {
	return &queueLeaves{
		ocpath.QosInterfacesInterfaceOutputQueuesQueue, ocpath.QosInterfacesInterfaceOutputQueuesQueueName, ocpath.QosInterfacesInterfaceOutputQueuesQueueStateName,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateGuaranteedRate, ocpath.QosInterfacesInterfaceOutputQueuesQueueStateCeilingRate,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateBurst, ocpath.QosInterfacesInterfaceOutputQueuesQueueStateCeilingBurst,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStatePriority, ocpath.QosInterfacesInterfaceOutputQueuesQueueStateQuantum,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateLimitOctets, ocpath.QosInterfacesInterfaceOutputQueuesQueueStateLimitPkts,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateRedMinThreshold, ocpath.QosInterfacesInterfaceOutputQueuesQueueStateRedMaxThreshold,
		ocpath.QosInterfacesInterfaceOutputQueuesQueueStateRedEcn,
	}
}

func queueRows(id string, s *spec.SchedulerState, l *queueLeaves) (rows []*Row) {
	for _, queue := range slices.Sorted(maps.Keys(s.Queues)) {
		q := s.Queues[queue]
		r := row(l.list, id, queueKey(queue))
		r.text(l.key, queueKey(queue))
		r.text(l.name, queueKey(queue))
		r.uint(l.guaranteed, q.Guaranteed)
		r.uint(l.ceiling, q.Ceiling)
		r.positive(l.burst, uint64(q.Burst))
		r.positive(l.ceilingBurst, uint64(q.CeilingBurst))
		r.uint(l.priority, uint64(q.Priority))
		r.positive(l.quantum, uint64(q.Quantum))
		r.positive(l.octets, uint64(q.Octets))
		r.positive(l.packets, uint64(q.Packets))
		if red := q.RED; red != nil {
			r.uint(l.redMin, uint64(red.Min))
			r.uint(l.redMax, uint64(red.Max))
			r.bool(l.redECN, red.ECN)
		}
		rows = append(rows, r)
	}
	return rows
}
