package openconfig

import (
	"errors"
	"net/netip"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Short names of the structs that are decoded.
type (
	lldpConfig = oc.OpenconfigLldp_Lldp_Config
	lldpEntry  = oc.OpenconfigLldp_Lldp_Interfaces_Interface
)

// LLDP is what is configured of LLDP for the whole system, as it holds at an
// interface that says nothing more. Nobody modifies it.
func (c *Config) LLDP() *spec.LLDP { return &c.lldp }

// lldpInterfaces gives the list of interfaces that LLDP is set up for; it may be
// nil.
func lldpInterfaces(d *oc.Device) map[string]*lldpEntry {
	if i := d.GetLldp().GetInterfaces(); i != nil {
		return i.Interface
	}
	return nil
}

// lldpLeaf reports a leaf that holds for the whole system.
func lldpLeaf(node ocpath.ID) bool {
	return node >= ocpath.LldpConfig && node < ocpath.Get(ocpath.LldpConfig).End
}

// decodeLLDPSystem decodes /lldp/config where it was touched.
func (c *Config) decodeLLDPSystem(before *Config, touched Touched) error {
	c.lldp = before.lldp
	if _, ok := touched.lldp[""]; !ok {
		return nil
	}
	config := c.device.GetLldp().GetConfig()
	if config == nil {
		config = new(lldpConfig)
	}
	l := spec.LLDP{
		Enabled:    value(config.Enabled, true),
		SystemName: value(config.SystemName, ""), SystemDescription: value(config.SystemDescription, ""),
	}
	var errs [5]error
	l.Interval, errs[0] = decodeHelloTimer(config.HelloTimer)
	l.TTL, errs[1] = decodeTTL(config.Ttl, l.Period())
	l.Chassis, errs[2] = decodeChassis(config)
	l.Suppressed, errs[3] = decodeSuppressed(config.SuppressTlvAdvertisement)
	l.ManagementInterface, errs[4] = decodeManagementInterface(config.ManagementInterface)
	c.lldp = l
	return errors.Join(errs[:]...)
}

func decodeHelloTimer(n *uint64) (time.Duration, error) {
	if n == nil {
		return 0, nil
	}
	if most := uint64(spec.MaxLLDPInterval / time.Second); *n < 1 || *n > most {
		return 0, invalid(at(ocpath.LldpConfigHelloTimer), "%d: want 1 to %d seconds", *n, most)
	}
	return time.Duration(*n) * time.Second, nil
}

func decodeTTL(n *uint16, interval time.Duration) (time.Duration, error) {
	ttl := seconds(n)
	if n != nil && ttl <= interval {
		return 0, invalid(at(ocpath.LldpConfigTtl), "%d: want more than the %v between frames (hello-timer), or neighbors forget the element in between", *n, interval)
	}
	return ttl, nil
}

// decodeManagementInterface takes any interface of the host: it need not be
// configured, nor be there now.
func decodeManagementInterface(name *string) (string, error) {
	if name == nil {
		return "", nil
	}
	if n := len(*name); n < 1 || n > spec.MaxName {
		return "", invalid(at(ocpath.LldpConfigManagementInterface), "%d octets: want an interface's name of 1 to %d", n, spec.MaxName)
	}
	return *name, nil
}

// decodeChassis gives the octets of a chassis id; the zero value where it is the
// element's own address.
func decodeChassis(config *lldpConfig) (spec.LLDPID, error) {
	if config.ChassisId == nil {
		if t := config.ChassisIdType; t != oc.OpenconfigLldpTypes_ChassisIdType_UNSET && t != spec.LLDPChassisMAC {
			return spec.LLDPID{}, invalid(at(ocpath.LldpConfigChassisIdType), "without a chassis-id it is MAC_ADDRESS, that of the element")
		}
		return spec.LLDPID{}, nil
	}
	text, path := *config.ChassisId, at(ocpath.LldpConfigChassisId)
	if n := len(text); n < 1 || n > spec.MaxLLDPText {
		return spec.LLDPID{}, invalid(path, "%d octets: want 1 to %d", n, spec.MaxLLDPText)
	}
	switch config.ChassisIdType {
	case oc.OpenconfigLldpTypes_ChassisIdType_UNSET:
		return spec.LLDPID{Subtype: uint8(oc.OpenconfigLldpTypes_ChassisIdType_LOCAL), Value: text}, nil
	case oc.OpenconfigLldpTypes_ChassisIdType_MAC_ADDRESS:
		mac, err := decodeStationMAC(text, func(reason string) error { return invalid(path, "%s", reason) })
		return spec.LLDPID{Subtype: spec.LLDPChassisMAC, Value: string(mac[:])}, err
	case oc.OpenconfigLldpTypes_ChassisIdType_NETWORK_ADDRESS:
		return decodeChassisAddress(path, text)
	}
	return spec.LLDPID{Subtype: uint8(config.ChassisIdType), Value: text}, nil // the enumeration has the subtypes' numbers
}

// decodeChassisAddress gives an address behind its family's number (802.1AB,
// 8.5.2.3).
func decodeChassisAddress(path schema.Path, text string) (spec.LLDPID, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return spec.LLDPID{}, invalid(path, "%q is no IP address", text)
	}
	family := "\x01"
	if a.Is6() {
		family = "\x02"
	}
	return spec.LLDPID{Subtype: spec.LLDPChassisAddress, Value: family + string(a.AsSlice())}, nil
}

func decodeSuppressed(list []oc.E_OpenconfigLldpTypes_LLDP_TLV) (all spec.LLDPTLVs, err error) {
	for _, tlv := range list {
		switch tlv {
		case oc.OpenconfigLldpTypes_LLDP_TLV_PORT_DESCRIPTION:
			all |= spec.LLDPPortDescription
		case oc.OpenconfigLldpTypes_LLDP_TLV_SYSTEM_NAME:
			all |= spec.LLDPSystemName
		case oc.OpenconfigLldpTypes_LLDP_TLV_SYSTEM_DESCRIPTION:
			all |= spec.LLDPSystemDescription
		case oc.OpenconfigLldpTypes_LLDP_TLV_SYSTEM_CAPABILITIES:
			all |= spec.LLDPCapabilities
		case oc.OpenconfigLldpTypes_LLDP_TLV_MANAGEMENT_ADDRESS:
			all |= spec.LLDPManagementAddress
		default:
			err = invalid(at(ocpath.LldpConfigSuppressTlvAdvertisement), "no frame is without the chassis and the port")
		}
	}
	return all, err
}

// decodeLLDP translates openconfig-lldp's entry of an interface; nil for none.
func (c *Config) decodeLLDP(name string, aggregate bool) (*spec.LLDP, error) {
	entry := lldpInterfaces(c.device)[name]
	if entry == nil {
		return nil, nil
	}
	if aggregate {
		return nil, checkNoLLDP(name, entry, "an aggregate does not speak LLDP: name its members")
	}
	l := c.lldp
	if config := entry.GetConfig(); config != nil {
		l.Enabled = l.Enabled && value(config.Enabled, true)
		l.PortDescription = value(config.PortDescription, "")
	}
	if n := len(l.PortDescription); n > spec.MaxLLDPText {
		return nil, invalid(at(ocpath.LldpInterfacesInterfaceConfigPortDescription, name), "%d octets: want at most %d", n, spec.MaxLLDPText)
	}
	return &l, nil
}

// checkNoLLDP refuses an entry for what can't speak LLDP.
func checkNoLLDP(name string, entry *lldpEntry, reason string) error {
	if entry == nil {
		return nil
	}
	return invalid(at(ocpath.LldpInterfacesInterfaceConfigName, name), "%s, or remove this entry", reason)
}

// addLLDP adds to the interfaces that are touched those of which LLDP was.
func (c *Config) addLLDP(names map[string]struct{}, touched Touched) {
	for name := range touched.lldp {
		if name != "" {
			names[name] = struct{}{}
		}
	}
	if _, all := touched.lldp[""]; all {
		for name := range lldpInterfaces(c.device) {
			names[name] = struct{}{}
		}
	}
}
