package openconfig

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/host"
)

// Names of the components of every element. Those of CPUs and ports have a
// number or an interface's name after a prefix, so that none can be another's.
const (
	chassisComponent = "chassis"
	systemComponent  = "operating-system"
	moduleComponent  = "signalbox"
)

func cpuComponent(number int) string { return "cpu-" + strconv.Itoa(number) }

// PortComponentName is the name of the component behind an interface.
func PortComponentName(iface string) string { return "port-" + iface }

// isPort reports whether there is a component behind an interface: a device
// with a driver of its own, a port of a switch, or a member of an aggregate. An
// aggregate is no device.
func isPort(i *spec.Interface) bool {
	return i.Present && i.Aggregate == nil && (i.LinkKind == "" || i.Port != nil || i.Member != nil)
}

func componentRow(name, kind string) *Row {
	r := row(ocpath.ComponentsComponent, name)
	r.text(ocpath.ComponentsComponentName, name)
	r.text(ocpath.ComponentsComponentStateName, name)
	r.name(ocpath.ComponentsComponentStateType, kind)
	return r
}

// Components are the parts that do not change while the element runs: the
// machine, its processors, its system software and the element itself, of the
// version given.
func Components(h *host.Host, version string) ([]*Row, error) {
	hardware, err := h.Hardware()
	if err != nil {
		return nil, err
	}
	system, err := h.System()
	if err != nil {
		return nil, err
	}
	processors, err := h.Processors()
	if err != nil {
		return nil, err
	}
	rows := []*Row{chassis(hardware), operatingSystem(system), module(version)}
	for _, number := range slices.Sorted(maps.Keys(processors)) {
		rows = append(rows, processor(number, processors[number]))
	}
	return rows, nil
}

func chassis(hardware host.Hardware) *Row {
	r := componentRow(chassisComponent, "CHASSIS")
	r.text(ocpath.ComponentsComponentStateDescription, "the machine that the element runs on")
	r.text(ocpath.ComponentsComponentStateMfgName, hardware.Vendor)
	r.text(ocpath.ComponentsComponentStateModelName, hardware.Product)
	r.text(ocpath.ComponentsComponentStateHardwareVersion, hardware.Version)
	r.text(ocpath.ComponentsComponentStateFirmwareVersion, hardware.FirmwareVersion)
	r.text(ocpath.ComponentsComponentStatePartNo, hardware.SKU)
	r.text(ocpath.ComponentsComponentStateSerialNo, hardware.Serial)
	r.name(ocpath.ComponentsComponentStateOperStatus, "ACTIVE")
	return r
}

func operatingSystem(system host.System) *Row {
	r := componentRow(systemComponent, "OPERATING_SYSTEM")
	r.text(ocpath.ComponentsComponentStateDescription, system.Name)
	r.text(ocpath.ComponentsComponentStateMfgName, system.Vendor)
	r.text(ocpath.ComponentsComponentStateSoftwareVersion, system.Version)
	r.text(ocpath.ComponentsComponentStateParent, chassisComponent)
	r.name(ocpath.ComponentsComponentStateOperStatus, "ACTIVE")
	return r
}

func module(version string) *Row {
	r := componentRow(moduleComponent, "SOFTWARE_MODULE")
	r.text(ocpath.ComponentsComponentStateDescription, "the switch element")
	r.text(ocpath.ComponentsComponentStateSoftwareVersion, version)
	r.text(ocpath.ComponentsComponentStateParent, systemComponent)
	r.name(ocpath.ComponentsComponentStateOperStatus, "ACTIVE")
	return r
}

func processor(number int, p host.Processor) *Row {
	r := componentRow(cpuComponent(number), "CPU")
	r.text(ocpath.ComponentsComponentStateId, strconv.Itoa(number))
	r.text(ocpath.ComponentsComponentStateDescription, p.Model)
	r.text(ocpath.ComponentsComponentStateMfgName, p.Vendor)
	r.text(ocpath.ComponentsComponentStateParent, chassisComponent)
	r.name(ocpath.ComponentsComponentStateOperStatus, "ACTIVE")
	return r
}

// PortComponent is the component behind an interface; nil where there is none.
func PortComponent(i *spec.Interface) *Row {
	if !isPort(i) {
		return nil
	}
	r := componentRow(PortComponentName(i.Name), "PORT")
	r.text(ocpath.ComponentsComponentStateId, strconv.FormatUint(uint64(i.Index), 10))
	r.text(ocpath.ComponentsComponentStateDescription, portDescription(i))
	r.text(ocpath.ComponentsComponentStateParent, chassisComponent)
	r.name(ocpath.ComponentsComponentStateOperStatus, portStatus(i))
	return r
}

func portDescription(i *spec.Interface) string {
	if i.LinkKind == "" {
		return fmt.Sprintf("network interface %s", i.Name)
	}
	return fmt.Sprintf("network interface %s (%s)", i.Name, i.LinkKind)
}

func portStatus(i *spec.Interface) string {
	switch {
	case !i.AdminUp:
		return "DISABLED"
	case i.Oper == spec.OperUp:
		return "ACTIVE"
	}
	return "INACTIVE"
}
