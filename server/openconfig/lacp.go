package openconfig

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// Short names of the structs that are decoded.
type (
	lacpEntry  = oc.OpenconfigLacp_Lacp_Interfaces_Interface
	lacpMember = oc.OpenconfigLacp_Lacp_Interfaces_Interface_Members_Member
)

// lacpInterfaces gives the list of aggregates that LACP is set up for; it may
// be nil.
func lacpInterfaces(d *oc.Device) map[string]*lacpEntry {
	if i := d.GetLacp().GetInterfaces(); i != nil {
		return i.Interface
	}
	return nil
}

// lacpMembers gives the members that LACP is set up for; it may be nil.
func lacpMembers(entry *lacpEntry) map[string]*lacpMember {
	if m := entry.GetMembers(); m != nil {
		return m.Member
	}
	return nil
}

// lacpSystemPriority is the priority of aggregates that have none of their
// own.
func lacpSystemPriority(d *oc.Device) uint16 {
	if config := d.GetLacp().GetConfig(); config != nil {
		return value(config.SystemPriority, spec.DefaultSystemPriority)
	}
	return spec.DefaultSystemPriority
}

// decodeLACP translates openconfig-lacp's entry of an aggregate.
func (c *Config) decodeLACP(l *spec.LACP, name string) error {
	l.SystemPriority = lacpSystemPriority(c.device)
	entry := lacpInterfaces(c.device)[name]
	config := entry.GetConfig()
	if config == nil {
		return c.checkLACPMembers(name, entry)
	}
	l.Passive = config.LacpMode == oc.OpenconfigLacp_LacpActivityType_PASSIVE
	l.Fast = config.Interval == oc.OpenconfigLacp_LacpPeriodType_FAST
	l.SystemPriority = value(config.SystemPriority, l.SystemPriority)
	l.Fallback = value(config.Fallback, false)
	if config.FallbackTimeout != nil {
		l.FallbackTimeout = time.Duration(*config.FallbackTimeout) * time.Second
	}
	var err error
	if config.SystemIdMac != nil {
		l.SystemID, err = decodeStationMAC(*config.SystemIdMac, func(reason string) error {
			return invalid(at(ocpath.LacpInterfacesInterfaceConfigSystemIdMac, name), "%s", reason)
		})
	}
	return errors.Join(err, c.checkLACPMembers(name, entry))
}

// checkLACPMembers wants each member that is set up to be one of the aggregate.
func (c *Config) checkLACPMembers(name string, entry *lacpEntry) error {
	var errs []error
	team := c.index.team(name)
	for _, member := range slices.Sorted(maps.Keys(lacpMembers(entry))) {
		if !slices.Contains(team, member) {
			errs = append(errs, notAMember(at(ocpath.LacpInterfacesInterfaceMembersMemberConfigInterface, name, member), member, name))
		}
	}
	return errors.Join(errs...)
}

// checkNoLACP refuses an entry for what does not speak LACP.
func checkNoLACP(name string, entry *lacpEntry, reason string) error {
	if entry == nil {
		return nil
	}
	return invalid(at(ocpath.LacpInterfacesInterfaceConfigName, name), "%s, or remove this entry", reason)
}

// portPriority is the LACP priority of a member.
func (c *Config) portPriority(aggregate, member string) uint16 {
	if config := lacpMembers(lacpInterfaces(c.device)[aggregate])[member].GetConfig(); config != nil {
		return value(config.PortPriority, spec.DefaultPortPriority)
	}
	return spec.DefaultPortPriority
}
