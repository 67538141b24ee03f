package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// gauge is a number that follows from what was observed of an interface; ok is
// false where it has none.
type gauge struct {
	leaf       ocpath.ID // what a caller must be allowed to read
	name, help string
	value      func(*spec.Interface) (n float64, ok bool)
}

// gauges are what is told of each interface beside its counters.
func gauges() []gauge {
	return []gauge{
		{
			ocpath.InterfacesInterfaceStateOperStatus, "interface_up", "Whether the interface is operationally up.",
			func(i *spec.Interface) (float64, bool) { return boolean(i.Oper == spec.OperUp), true },
		},
		{
			ocpath.InterfacesInterfaceStateAdminStatus, "interface_admin_up", "Whether the interface is administratively up.",
			func(i *spec.Interface) (float64, bool) { return boolean(i.AdminUp), i.Present },
		},
		{
			ocpath.InterfacesInterfaceStateMtu, "interface_mtu_bytes", "MTU of the interface.",
			func(i *spec.Interface) (float64, bool) { return float64(i.MTU), i.MTU != 0 },
		},
		{
			ocpath.InterfacesInterfaceEthernetStateNegotiatedPortSpeed, "interface_speed_bytes_per_second", "Speed of the link.",
			func(i *spec.Interface) (float64, bool) {
				return float64(i.SpeedMegabits) * 1e6 / 8, i.SpeedMegabits != 0
			},
		},
		{
			ocpath.InterfacesInterfaceSwitchPortStateForwarding, "port_forwarding", "Whether the switch port takes frames in and sends them out.",
			func(i *spec.Interface) (float64, bool) {
				return boolean(i.Port != nil && i.Port.Forwarding), i.Port != nil
			},
		},
		{
			ocpath.InterfacesInterfaceAggregationStateMember, "lag_members", "Members that an aggregate is configured with.",
			func(i *spec.Interface) (float64, bool) {
				return ofAggregate(i, func(a *spec.AggregateState) int { return len(a.Members) })
			},
		},
		{
			ocpath.InterfacesInterfaceAggregationStateMember, "lag_active_members", "Members of an aggregate that carry traffic.",
			func(i *spec.Interface) (float64, bool) {
				return ofAggregate(i, func(a *spec.AggregateState) int { return len(a.Active) })
			},
		},
	}
}

func ofAggregate(i *spec.Interface, count func(*spec.AggregateState) int) (float64, bool) {
	if i.Aggregate == nil {
		return 0, false
	}
	return float64(count(i.Aggregate)), true
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// state tells what follows from the state that was last observed.
func (s scrape) state(ch chan<- prometheus.Metric) {
	interfaces := s.e.options.Observer.State().Interfaces
	for _, g := range gauges() {
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", g.name), g.help, perInterface, nil)
		for name, i := range interfaces {
			if n, ok := g.value(i); ok && s.permits(g.leaf, name) {
				ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, name)
			}
		}
	}
}
