package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox/signalbox/gen/ocpath"
)

// family is how one leaf is told to Prometheus.
type family struct {
	leaf ocpath.ID
	// name is in the form of https://prometheus.io/docs/practices/naming: base
	// units, _total for what only grows.
	name, help string
	kind       prometheus.ValueType
	// scale multiplies the leaf's value where its unit is not the base unit;
	// zero is one.
	scale float64
}

// labels are the names of the labels that the keys of a row become: those of
// all lists above it, outermost first.
type labels []string

var (
	perInterface = labels{"interface"}
	perDiscard   = labels{"interface", "direction", "reason"}
	perSwitch    = labels{"switch"}
	perQueue     = labels{"interface", "queue"}
	perTerm      = labels{"interface", "term"}
	perPolicer   = labels{"interface", "sequence"}
	perHost      = labels{}
)

// table is all that is told of sources, by the labels of their rows.
func table() []struct {
	labels   labels
	families []family
} {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []struct {
		labels   labels
		families []family
	}{
		{perInterface, []family{
			{leaf: ocpath.InterfacesInterfaceStateCountersInOctets, name: "interface_in_octets_total", help: "Octets received.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersInUnicastPkts, name: "interface_in_unicast_pkts_total", help: "Unicast frames received.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersInMulticastPkts, name: "interface_in_multicast_pkts_total", help: "Multicast frames received.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersInBroadcastPkts, name: "interface_in_broadcast_pkts_total", help: "Broadcast frames received.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersInPkts, name: "interface_in_pkts_total", help: "Frames received.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersInDiscards, name: "interface_in_discards_total", help: "Frames received and dropped.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersInErrors, name: "interface_in_errors_total", help: "Frames received with an error.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutOctets, name: "interface_out_octets_total", help: "Octets sent.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutUnicastPkts, name: "interface_out_unicast_pkts_total", help: "Unicast frames sent.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutMulticastPkts, name: "interface_out_multicast_pkts_total", help: "Multicast frames sent.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutBroadcastPkts, name: "interface_out_broadcast_pkts_total", help: "Broadcast frames sent.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutPkts, name: "interface_out_pkts_total", help: "Frames sent.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutDiscards, name: "interface_out_discards_total", help: "Frames dropped on their way out.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersOutErrors, name: "interface_out_errors_total", help: "Frames that could not be sent for an error.", kind: counter},
			{leaf: ocpath.InterfacesInterfaceStateCountersCarrierTransitions, name: "interface_carrier_transitions_total", help: "Changes of the carrier.", kind: counter},
		}},
		{perDiscard, []family{
			{leaf: ocpath.InterfacesInterfaceSwitchPortDiscardsDiscardStatePkts, name: "discards_total", help: "Frames dropped at a switch port, by direction and reason.", kind: counter},
		}},
		{perSwitch, []family{
			{leaf: ocpath.NetworkInstancesNetworkInstanceFdbStateDynamicEntries, name: "fdb_dynamic_entries", help: "Addresses that a switch has learned.", kind: gauge},
			{leaf: ocpath.NetworkInstancesNetworkInstanceFdbStateMoves, name: "fdb_moves_total", help: "Addresses that moved to another port.", kind: counter},
			{leaf: ocpath.NetworkInstancesNetworkInstanceFdbStateRefused, name: "fdb_refused_total", help: "Addresses not learned for want of room.", kind: counter},
		}},
		{perQueue, []family{
			{leaf: ocpath.QosInterfacesInterfaceInputQueuesQueueStateTransmitOctets, name: "queue_in_transmit_octets_total", help: "Octets that left a queue of what an interface takes in.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceInputQueuesQueueStateTransmitPkts, name: "queue_in_transmit_pkts_total", help: "Packets that left a queue of what an interface takes in.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceInputQueuesQueueStateDroppedPkts, name: "queue_in_dropped_pkts_total", help: "Packets that found no room in a queue of what an interface takes in.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceInputQueuesQueueStateWaitingOctets, name: "queue_in_waiting_octets", help: "Octets that wait in a queue of what an interface takes in.", kind: gauge},
			{leaf: ocpath.QosInterfacesInterfaceOutputQueuesQueueStateTransmitOctets, name: "queue_out_transmit_octets_total", help: "Octets that left a queue of what leaves by an interface.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceOutputQueuesQueueStateTransmitPkts, name: "queue_out_transmit_pkts_total", help: "Packets that left a queue of what leaves by an interface.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceOutputQueuesQueueStateDroppedPkts, name: "queue_out_dropped_pkts_total", help: "Packets that found no room in a queue of what leaves by an interface.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceOutputQueuesQueueStateWaitingOctets, name: "queue_out_waiting_octets", help: "Octets that wait in a queue of what leaves by an interface.", kind: gauge},
		}},
		{perTerm, []family{
			{leaf: ocpath.QosInterfacesInterfaceInputTermsTermStateMatchedPackets, name: "term_matched_pkts_total", help: "Packets that a term chose the class of.", kind: counter},
		}},
		{perPolicer, []family{
			{leaf: ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateConformingPkts, name: "policer_conforming_pkts_total", help: "Packets within the committed rate of a policer.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateExceedingPkts, name: "policer_exceeding_pkts_total", help: "Packets above the committed rate of a policer.", kind: counter},
			{leaf: ocpath.QosInterfacesInterfaceInputSchedulerPolicySchedulersSchedulerStateViolatingPkts, name: "policer_violating_pkts_total", help: "Packets above the peak rate of a policer.", kind: counter},
		}},
		{perHost, []family{
			{leaf: ocpath.SystemStateUpTime, name: "host_up_seconds", help: "Time since the host started.", kind: gauge, scale: 1e-9},
			{leaf: ocpath.SystemMemoryStatePhysical, name: "host_memory_physical_bytes", help: "Memory of the host.", kind: gauge},
			{leaf: ocpath.SystemMemoryStateAvailable, name: "host_memory_available_bytes", help: "Memory of the host that can be had without swapping.", kind: gauge},
		}},
	}
}
