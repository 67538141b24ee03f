package openconfig

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// LLDPDescription is what neighbors are told that an element of a version is.
func LLDPDescription(version string) string { return "Signalbox " + version }

// LLDPSystem is what openconfig-lldp says of the whole system. It is decided
// here, so it is the configuration's; own has what holds where nothing is
// configured.
func LLDPSystem(l *spec.LLDP, own spec.LLDP) *Row {
	r := row(ocpath.Root)
	r.bool(ocpath.LldpStateEnabled, l.Enabled)
	r.uint(ocpath.LldpStateHelloTimer, uint64(l.Period()/time.Second))
	r.uint(ocpath.LldpStateTtl, uint64(l.Lifetime()/time.Second))
	chassis, name, description := l.Chassis, l.SystemName, l.SystemDescription
	if chassis == (spec.LLDPID{}) {
		chassis = own.Chassis
	}
	if name == "" {
		name = own.SystemName
	}
	if description == "" {
		description = own.SystemDescription
	}
	r.text(ocpath.LldpStateChassisId, chassis.String())
	r.subtype(ocpath.LldpStateChassisIdType, chassis.Subtype)
	r.text(ocpath.LldpStateSystemName, name)
	r.text(ocpath.LldpStateSystemDescription, description)
	if l.Suppressed != 0 {
		r.put(ocpath.LldpStateSuppressTlvAdvertisement, suppressed(l.Suppressed))
	}
	return r
}

// subtype puts an enumeration whose values are numbered from 1 on; a number that
// is none of them has no value.
func (r *Row) subtype(leaf ocpath.ID, n uint8) {
	if values := ocpath.Get(leaf).Values; n >= 1 && int(n) <= len(values) {
		r.name(leaf, values[n-1].Name)
	}
}

func suppressed(set spec.LLDPTLVs) schema.Value {
	var elems []schema.Value
	for bit, name := range [...]string{"PORT_DESCRIPTION", "SYSTEM_NAME", "SYSTEM_DESCRIPTION", "SYSTEM_CAPABILITIES", "MANAGEMENT_ADDRESS"} {
		if set&(1<<bit) != 0 {
			elems = append(elems, schema.EnumValue(name))
		}
	}
	return schema.ListValue(elems)
}

// LLDPInterface is openconfig-lldp's entry of an interface with its neighbors;
// none for an interface that is not set up for it.
func LLDPInterface(i *spec.Interface) []*Row {
	if i.LLDP == nil {
		return nil
	}
	r := row(ocpath.LldpInterfacesInterface, i.Name)
	r.text(ocpath.LldpInterfacesInterfaceName, i.Name)
	r.text(ocpath.LldpInterfacesInterfaceStateName, i.Name)
	r.bool(ocpath.LldpInterfacesInterfaceStateEnabled, i.LLDP.Enabled)
	r.text(ocpath.LldpInterfacesInterfaceStatePortDescription, i.LLDP.PortDescription)
	rows := []*Row{r}
	for n := range i.LLDP.Neighbors {
		rows = append(rows, lldpNeighbor(i.Name, &i.LLDP.Neighbors[n])...)
	}
	return rows
}

func lldpNeighbor(name string, n *spec.LLDPNeighbor) []*Row {
	id := neighborKey(n.ID)
	r := row(ocpath.LldpInterfacesInterfaceNeighborsNeighbor, name, id)
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborId, id)
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborStateId, id)
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborStateChassisId, n.Chassis.String())
	r.subtype(ocpath.LldpInterfacesInterfaceNeighborsNeighborStateChassisIdType, n.Chassis.Subtype)
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborStatePortId, n.Port.PortString())
	r.subtype(ocpath.LldpInterfacesInterfaceNeighborsNeighborStatePortIdType, n.Port.Subtype)
	r.uint(ocpath.LldpInterfacesInterfaceNeighborsNeighborStateTtl, uint64(n.TTL/time.Second))
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborStatePortDescription, n.PortDescription)
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborStateSystemName, n.SystemName)
	r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborStateSystemDescription, n.SystemDescription)
	rows := []*Row{r}
	rows = append(rows, lldpCapabilities(name, id, n)...)
	rows = append(rows, lldpAddresses(name, id, n)...)
	return append(rows, lldpCustom(name, id, n)...)
}

func neighborKey(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func lldpCapabilities(name, id string, n *spec.LLDPNeighbor) (rows []*Row) {
	for bit, capability := range [...]string{ // 802.1AB, table 8-4
		"OTHER", "REPEATER", "MAC_BRIDGE", "WLAN_ACCESS_POINT", "ROUTER", "TELEPHONE", "DOCSIS_CABLE_DEVICE", "STATION_ONLY", "C_VLAN", "S_VLAN", "TWO_PORT_MAC_RELAY",
	} {
		if n.Capabilities&(1<<bit) == 0 {
			continue
		}
		r := row(ocpath.LldpInterfacesInterfaceNeighborsNeighborCapabilitiesCapability, name, id, capability)
		r.name(ocpath.LldpInterfacesInterfaceNeighborsNeighborCapabilitiesCapabilityName, capability)
		r.name(ocpath.LldpInterfacesInterfaceNeighborsNeighborCapabilitiesCapabilityStateName, capability)
		r.bool(ocpath.LldpInterfacesInterfaceNeighborsNeighborCapabilitiesCapabilityStateEnabled, n.Enabled&(1<<bit) != 0)
		rows = append(rows, r)
	}
	return rows
}

func lldpAddresses(name, id string, n *spec.LLDPNeighbor) (rows []*Row) {
	seen := map[string]bool{}
	for _, m := range n.Management {
		address := m.Address.String()
		if seen[address] {
			continue
		}
		seen[address] = true
		r := row(ocpath.LldpInterfacesInterfaceNeighborsNeighborMgmtAddressesMgmtAddress, name, id, address)
		r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborMgmtAddressesMgmtAddressAddress, address)
		r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborMgmtAddressesMgmtAddressStateAddress, address)
		r.uint(ocpath.LldpInterfacesInterfaceNeighborsNeighborMgmtAddressesMgmtAddressStateInterfaceNumber, uint64(m.Interface))
		r.subtype(ocpath.LldpInterfacesInterfaceNeighborsNeighborMgmtAddressesMgmtAddressStateInterfaceNumberSubtype, m.InterfaceSubtype)
		rows = append(rows, r)
	}
	return rows
}

// customType is the type of organizationally specific TLVs (802.1AB, table 8-1).
const customType = 127

// lldpCustom are the organizationally specific TLVs. The model has one of each
// OUI and subtype: of several the first is told.
func lldpCustom(name, id string, n *spec.LLDPNeighbor) (rows []*Row) {
	seen := map[[4]byte]bool{}
	for _, c := range n.Custom {
		key := [4]byte{c.OUI[0], c.OUI[1], c.OUI[2], c.Subtype}
		if seen[key] {
			continue
		}
		seen[key] = true
		oui, subtype := ouiText(c.OUI), strconv.Itoa(int(c.Subtype))
		r := row(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlv, name, id, strconv.Itoa(customType), oui, subtype)
		r.put(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvType, schema.IntValue(customType))
		r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvOui, oui)
		r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvOuiSubtype, subtype)
		r.put(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvStateType, schema.IntValue(customType))
		r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvStateOui, oui)
		r.text(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvStateOuiSubtype, subtype)
		r.put(ocpath.LldpInterfacesInterfaceNeighborsNeighborCustomTlvsTlvStateValue, schema.BinaryValue([]byte(c.Value)))
		rows = append(rows, r)
	}
	return rows
}

// ouiText writes an OUI as IEEE 802 has it: "00-80-C2".
func ouiText(oui [3]byte) string {
	return strings.ToUpper(hex.EncodeToString(oui[:1]) + "-" + hex.EncodeToString(oui[1:2]) + "-" + hex.EncodeToString(oui[2:]))
}
