package openconfig

import (
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// ethernetState adds openconfig-if-ethernet's part.
func ethernetState(r *Row, i *spec.Interface) {
	r.put(ocpath.InterfacesInterfaceEthernetStateMacAddress, macValue(i.MAC))
	r.put(ocpath.InterfacesInterfaceEthernetStateHwMacAddress, macValue(i.PermanentMAC))
	if i.SpeedMegabits == 0 || i.Aggregate != nil { // the driver tells neither; an aggregate has lag-speed
		return
	}
	r.name(ocpath.InterfacesInterfaceEthernetStateNegotiatedPortSpeed, portSpeed(i.SpeedMegabits))
	duplex := "HALF"
	if i.FullDuplex {
		duplex = "FULL"
	}
	r.name(ocpath.InterfacesInterfaceEthernetStateNegotiatedDuplexMode, duplex)
}

// portSpeed is the identity of a speed, SPEED_UNKNOWN where the model has
// none.
func portSpeed(megabits uint32) string {
	name := fmt.Sprintf("SPEED_%dMB", megabits)
	if megabits%1000 == 0 {
		name = fmt.Sprintf("SPEED_%dGB", megabits/1000)
	}
	if _, ok := ocpath.Get(ocpath.InterfacesInterfaceEthernetStateNegotiatedPortSpeed).Value(name); !ok {
		return "SPEED_UNKNOWN"
	}
	return name
}
