package openconfig

import (
	"fmt"
	"testing"

	"github.com/signalbox/signalbox/gen/oc"
)

// BenchmarkNext translates the change of one interface among 4,000 that are
// plain ports, and 128 aggregates of 4 members.
func BenchmarkNext(b *testing.B) {
	d := new(oc.Device)
	list := d.GetOrCreateInterfaces()
	for n := range 4000 {
		entry := list.GetOrCreateInterface(fmt.Sprintf("p%d", n))
		entry.GetOrCreateConfig().Type = oc.IETFInterfaces_InterfaceType_ethernetCsmacd
		vlan := entry.GetOrCreateEthernet().GetOrCreateSwitchedVlan().GetOrCreateConfig()
		vlan.InterfaceMode = oc.OpenconfigVlanTypes_VlanModeType_TRUNK
	}
	for n := range 512 {
		entry := list.GetOrCreateInterface(fmt.Sprintf("m%d", n))
		entry.GetOrCreateConfig().Type = oc.IETFInterfaces_InterfaceType_ethernetCsmacd
		aggregate := fmt.Sprintf("b%d", n/4)
		entry.GetOrCreateEthernet().GetOrCreateConfig().AggregateId = &aggregate
		lag := list.GetOrCreateInterface(aggregate)
		lag.GetOrCreateConfig().Type = oc.IETFInterfaces_InterfaceType_ieee8023adLag
		lag.GetOrCreateAggregation().GetOrCreateConfig().LagType = oc.OpenconfigIfAggregate_AggregationType_LACP
	}
	before, _, err := decode(d)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"p7", "m7", "b1"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				touched := NewTouched()
				touched.Interfaces[name] = struct{}{}
				if _, _, err := before.Next(d, touched); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
