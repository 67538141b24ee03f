package openconfig

import (
	"errors"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// decodePort translates one entry of openconfig-interfaces, with what other
// modules add to it; nil where the interface is not configured.
func (c *Config) decodePort(name string) (*spec.Port, error) {
	entry := interfaces(c.device)[name]
	if entry == nil {
		return nil, errors.Join(c.index.checkReferences(name),
			checkNoLACP(name, lacpInterfaces(c.device)[name], "interface "+name+" is not configured in /interfaces: configure it"),
			checkNoLLDP(name, lldpInterfaces(c.device)[name], "interface "+name+" is not configured in /interfaces: configure it"),
			c.checkNoQoS(name, "interface "+name+" is not configured in /interfaces: configure it"))
	}
	config := interfaceConfig(entry)
	port := &spec.Port{
		Name:        name,
		Enabled:     value(config.Enabled, true),
		Description: value(config.Description, ""),
		MTU:         uint32(value(config.Mtu, 0)),
	}
	if hold := entry.GetHoldTime().GetConfig(); hold != nil {
		port.HoldUp = time.Duration(value(hold.Up, 0)) * time.Millisecond
		port.HoldDown = time.Duration(value(hold.Down, 0)) * time.Millisecond
	}
	errs := []error{checkInterface(name, entry), c.index.checkListed(name)}
	var err error
	port.MAC, err = decodeMAC(name, entry)
	errs = append(errs, err)
	port.Aggregate, err = c.decodeAggregate(name, entry)
	errs = append(errs, err)
	port.Member, err = c.decodeMember(name, entry)
	errs = append(errs, err)
	port.LLDP, err = c.decodeLLDP(name, isAggregate(entry))
	errs = append(errs, err)
	port.DCB, err = decodeDCB(name, entry)
	errs = append(errs, err)
	port.SRIOV, err = decodeSRIOV(name, entry)
	errs = append(errs, err)
	port.Switched, err = decodeSwitchedVLAN(name, c.index.switchOf(name), entry)
	errs = append(errs, err, decodeAllowTeaming(port.Switched, name, entry), c.checkStations(name, port.Switched))
	port.QoS, err = c.decodeQoS(name, entry, port)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := port.Check(); err != nil { // what the checks above leave to it
		return nil, FromDevice(err)
	}
	return port, nil
}

// interfaceConfig gives an entry's config container, an empty one for none.
func interfaceConfig(entry *interfaceEntry) *oc.OpenconfigInterfaces_Interfaces_Interface_Config {
	if config := entry.GetConfig(); config != nil {
		return config
	}
	return new(oc.OpenconfigInterfaces_Interfaces_Interface_Config)
}

// checkInterface holds the leaves of openconfig-interfaces against what the
// element and the kernel can do.
func checkInterface(name string, entry *interfaceEntry) error {
	config := interfaceConfig(entry)
	errs := []error{checkName(name), checkType(name, config.Type)}
	if n := len(value(config.Description, "")); n > spec.MaxDescription {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceConfigDescription, name),
			"%d octets: the kernel keeps at most %d", n, spec.MaxDescription))
	}
	if config.Mtu != nil && *config.Mtu < spec.MinMTU {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceConfigMtu, name),
			"%d: want %d to %d octets", *config.Mtu, spec.MinMTU, spec.MaxMTU))
	}
	if interval := entry.GetRates().GetConfig(); interval != nil && interval.LoadInterval != nil && *interval.LoadInterval == 0 {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceRatesConfigLoadInterval, name),
			"0: want the seconds that rates are measured over"))
	}
	return errors.Join(errs...)
}

// checkName wants a name that a network interface can have.
func checkName(name string) error {
	err := (&spec.Port{Name: name}).Check()
	if reason := (*spec.Invalid)(nil); errors.As(err, &reason) {
		return invalid(at(ocpath.InterfacesInterface, name), "%s", reason.Reason)
	}
	return nil
}

// checkType wants a kind of interface that is served. The leaf is mandatory.
func checkType(name string, t oc.E_IETFInterfaces_InterfaceType) error {
	path := at(ocpath.InterfacesInterfaceConfigType, name)
	switch t {
	case oc.IETFInterfaces_InterfaceType_ethernetCsmacd, oc.IETFInterfaces_InterfaceType_ieee8023adLag:
		return nil
	case oc.IETFInterfaces_InterfaceType_UNSET:
		return invalid(path, "is missing: set it to ethernetCsmacd, or to ieee8023adLag for an aggregate")
	}
	return invalid(path, "%s is not served: only ethernetCsmacd and ieee8023adLag are", t.ΛMap()["E_IETFInterfaces_InterfaceType"][int64(t)].Name)
}
