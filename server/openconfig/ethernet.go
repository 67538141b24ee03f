package openconfig

import (
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// decodeMAC translates openconfig-if-ethernet's mac-address; zero where it is
// not set.
func decodeMAC(name string, entry *interfaceEntry) (spec.MAC, error) {
	config := entry.GetEthernet().GetConfig()
	if config == nil || config.MacAddress == nil {
		return spec.MAC{}, nil
	}
	return decodeStationMAC(*config.MacAddress, func(reason string) error {
		return invalid(at(ocpath.InterfacesInterfaceEthernetConfigMacAddress, name), "%s", reason)
	})
}

// decodeStationMAC reads the address of a single station.
func decodeStationMAC(text string, refuse func(reason string) error) (spec.MAC, error) {
	mac, err := spec.ParseMAC(text)
	switch {
	case err != nil:
		return mac, refuse(err.Error())
	case mac.Multicast():
		return mac, refuse(text + " is a group address: want that of a single station")
	case mac.IsZero():
		return mac, refuse(text + " is the address of nobody")
	}
	return mac, nil
}
