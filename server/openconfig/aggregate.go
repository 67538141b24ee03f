package openconfig

import (
	"errors"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// isAggregate reports an interface of the type of link aggregation groups.
func isAggregate(entry *interfaceEntry) bool {
	return entry != nil && interfaceConfig(entry).Type == oc.IETFInterfaces_InterfaceType_ieee8023adLag
}

// aggregateOf is the aggregate that an interface is configured to be a member
// of, "" for none.
func aggregateOf(entry *interfaceEntry) string {
	if config := entry.GetEthernet().GetConfig(); config != nil {
		return value(config.AggregateId, "")
	}
	return ""
}

// decodeAggregate translates openconfig-if-aggregate, with what other modules
// add to it; nil for an interface that is no aggregate.
func (c *Config) decodeAggregate(name string, entry *interfaceEntry) (*spec.Aggregate, error) {
	lacp := lacpInterfaces(c.device)[name]
	if !isAggregate(entry) {
		return nil, errors.Join(checkNoAggregate(name, entry), checkNoLACP(name, lacp, "interface "+name+" is no aggregate: set its type to ieee8023adLag"))
	}
	errs := []error{checkAggregateEthernet(name, entry)}
	mode, err := decodeLAGType(name, entry)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	a := spec.NewAggregate(mode)
	errs = append(errs, decodeTeaming(a, name, entry))
	if mode == spec.LACPManaged {
		errs = append(errs, c.decodeLACP(&a.LACP, name))
	} else {
		errs = append(errs, checkNoLACP(name, lacp, "aggregate "+name+" is STATIC: set its lag-type to LACP"))
	}
	errs = append(errs, c.checkTeam(a, name, entry))
	return a, errors.Join(errs...)
}

// checkNoAggregate refuses the leaves of aggregates at another interface.
func checkNoAggregate(name string, entry *interfaceEntry) error {
	aggregation := entry.GetAggregation()
	if aggregation.GetConfig() == nil && aggregation.GetTeaming().GetConfig() == nil && aggregation.GetSwitchedVlan().GetConfig() == nil {
		return nil
	}
	return invalid(at(ocpath.InterfacesInterfaceAggregation, name), "is for an interface of type ieee8023adLag, and %s is none", name)
}

// checkAggregateEthernet refuses what an aggregate, which has no interface in
// the kernel, cannot have.
func checkAggregateEthernet(name string, entry *interfaceEntry) error {
	var errs []error
	if config := entry.GetEthernet().GetConfig(); config != nil && config.MacAddress != nil {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetConfigMacAddress, name),
			"an aggregate has no address of its own: its members have"))
	}
	if entry.GetEthernet().GetSwitchedVlan().GetConfig() != nil {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfig, name),
			"%s is an aggregate: use %s", name, at(ocpath.InterfacesInterfaceAggregationSwitchedVlanConfig, name)))
	}
	return errors.Join(errs...)
}

// decodeLAGType translates lag-type and switch-independent. The former is
// mandatory here: an aggregate that guesses how the other end works is a loop.
func decodeLAGType(name string, entry *interfaceEntry) (spec.AggregateMode, error) {
	independent := false
	if config := entry.GetAggregation().GetTeaming().GetConfig(); config != nil {
		independent = value(config.SwitchIndependent, false)
	}
	lagType := oc.OpenconfigIfAggregate_AggregationType_UNSET
	if config := entry.GetAggregation().GetConfig(); config != nil {
		lagType = config.LagType
	}
	switch {
	case lagType == oc.OpenconfigIfAggregate_AggregationType_LACP && independent:
		return 0, invalid(at(ocpath.InterfacesInterfaceAggregationTeamingConfigSwitchIndependent, name),
			"true is for lag-type STATIC: with LACP the switch at the other end takes part")
	case lagType == oc.OpenconfigIfAggregate_AggregationType_LACP:
		return spec.LACPManaged, nil
	case lagType == oc.OpenconfigIfAggregate_AggregationType_UNSET:
		return 0, invalid(at(ocpath.InterfacesInterfaceAggregationConfigLagType, name), "is missing: set it to LACP or STATIC")
	case independent:
		return spec.SwitchIndependent, nil
	}
	return spec.StaticLAG, nil
}

// checkTeam holds what an aggregate says of its members against those it has.
func (c *Config) checkTeam(a *spec.Aggregate, name string, entry *interfaceEntry) error {
	members := c.index.team(name)
	var errs []error
	if len(members) > spec.MaxMembers {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetConfigAggregateId, members[spec.MaxMembers]),
			"aggregate %s has %d members: it can have %d", name, len(members), spec.MaxMembers))
	}
	if config := entry.GetAggregation().GetConfig(); config != nil {
		a.MinLinks = value(config.MinLinks, a.MinLinks)
	}
	if int(a.MinLinks) > max(1, len(members)) {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceAggregationConfigMinLinks, name),
			"%d: the aggregate has %d members, so it would never be up; configure them with it, or lower this first", a.MinLinks, len(members)))
	}
	for _, standby := range standbyMembers(entry) {
		if !slices.Contains(members, standby) {
			errs = append(errs, notAMember(at(ocpath.InterfacesInterfaceAggregationTeamingConfigStandbyMember, name), standby, name))
		}
	}
	switch {
	case a.Primary == "":
	case !slices.Contains(members, a.Primary):
		errs = append(errs, notAMember(at(ocpath.InterfacesInterfaceAggregationTeamingConfigPrimary, name), a.Primary, name))
	case slices.Contains(standbyMembers(entry), a.Primary):
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceAggregationTeamingConfigPrimary, name),
			"%s is a standby-member too: the member that is preferred cannot wait for others", a.Primary))
	}
	return errors.Join(errs...)
}

// decodeMember translates what makes an interface a member of an aggregate;
// nil for one that is none.
func (c *Config) decodeMember(name string, entry *interfaceEntry) (*spec.Member, error) {
	aggregate := aggregateOf(entry)
	viable := value(interfaceConfig(entry).ForwardingViable, true)
	if aggregate == "" {
		if !viable {
			return nil, invalid(at(ocpath.InterfacesInterfaceConfigForwardingViable, name),
				"false drains a member of an aggregate, and %s is none: disable it instead", name)
		}
		return nil, nil
	}
	m := &spec.Member{
		Aggregate: aggregate,
		Drained:   !viable,
		Priority:  c.portPriority(aggregate, name),
		Standby:   slices.Contains(standbyMembers(interfaces(c.device)[aggregate]), name),
	}
	return m, errors.Join(c.checkMember(name, aggregate, entry), c.checkMemberIsNoPort(name, aggregate, entry))
}

// checkMember wants the aggregate of a member to be one.
func (c *Config) checkMember(name, aggregate string, entry *interfaceEntry) error {
	path := at(ocpath.InterfacesInterfaceEthernetConfigAggregateId, name)
	target := interfaces(c.device)[aggregate]
	switch {
	case isAggregate(entry):
		return invalid(path, "%s is an aggregate: it cannot be a member of another one", name)
	case target == nil:
		return invalid(path, "aggregate %s is not configured in /interfaces: configure it, or remove this reference too", aggregate)
	case !isAggregate(target):
		return invalid(path, "interface %s is no aggregate: its type is not ieee8023adLag", aggregate)
	}
	return nil
}

// checkMemberIsNoPort wants a member to have nothing that its aggregate has for
// all of its members.
func (c *Config) checkMemberIsNoPort(name, aggregate string, entry *interfaceEntry) error {
	var errs []error
	if entry.GetEthernet().GetSwitchedVlan().GetConfig() != nil {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfig, name),
			"a member of an aggregate is no switch port itself: use %s", at(ocpath.InterfacesInterfaceAggregationSwitchedVlanConfig, aggregate)))
	}
	own := interfaceConfig(entry).Mtu
	if all := interfaceConfig(interfaces(c.device)[aggregate]).Mtu; own != nil && all != nil && *own != *all {
		errs = append(errs, invalid(at(ocpath.InterfacesInterfaceConfigMtu, name),
			"%d: aggregate %s has %d for all of its members: remove this leaf, or that one", *own, aggregate, *all))
	}
	if list := c.index.listings(name); len(list) > 0 {
		errs = append(errs, invalid(at(ocpath.NetworkInstancesNetworkInstanceInterfacesInterfaceConfigInterface, list[0].instance, list[0].id),
			"interface %s is a member of aggregate %s: list that", name, aggregate))
	}
	return errors.Join(errs...)
}
