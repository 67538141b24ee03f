package openconfig

import (
	"errors"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// decodeTeaming translates signalbox-teaming's part of an aggregate, switch-independent
// apart; what is not set has its default already. Ranges are the
// model's.
func decodeTeaming(a *spec.Aggregate, name string, entry *interfaceEntry) error {
	config := entry.GetAggregation().GetTeaming().GetConfig()
	if config == nil {
		return nil
	}
	if config.Distribution != oc.SignalboxTeaming_Distribution_UNSET {
		a.Distribution = spec.Distribution(config.Distribution) // in the same order; a test compares
	}
	if config.PrimaryReselect != oc.SignalboxTeaming_PrimaryReselect_UNSET {
		a.Reselect = spec.Reselect(config.PrimaryReselect)
	}
	a.Primary = value(config.Primary, "")
	a.UpDelay = time.Duration(value(config.UpDelay, 0)) * time.Millisecond
	a.DownDelay = time.Duration(value(config.DownDelay, 0)) * time.Millisecond
	a.Announcements = value(config.Announcements, a.Announcements)
	a.SpeedWeighted = value(config.SpeedWeighted, a.SpeedWeighted)
	if config.FlowletGap != nil {
		a.FlowletGap = time.Duration(*config.FlowletGap) * time.Microsecond
	}
	if config.RebalanceInterval != nil {
		a.RebalanceInterval = time.Duration(*config.RebalanceInterval) * time.Millisecond
	}
	return checkDistribution(a, name)
}

// checkDistribution has the datapath's vocabulary say which distributions
// switches can bear that know nothing of the aggregate.
func checkDistribution(a *spec.Aggregate, name string) error {
	port := spec.Port{Name: name, Aggregate: &spec.Aggregate{}}
	*port.Aggregate = *spec.NewAggregate(a.Mode)
	port.Aggregate.Distribution = a.Distribution
	err := port.Check()
	if refused := (*spec.Invalid)(nil); errors.As(err, &refused) && checkName(name) == nil {
		return invalid(at(ocpath.InterfacesInterfaceAggregationTeamingConfigDistribution, name), "%s", refused.Reason)
	}
	return nil
}

// standbyMembers are the members that an aggregate keeps on standby.
func standbyMembers(entry *interfaceEntry) []string {
	if config := entry.GetAggregation().GetTeaming().GetConfig(); config != nil {
		return config.StandbyMember
	}
	return nil
}

// notAMember refuses a reference to a member that the aggregate does not have.
func notAMember(path schema.Path, member, aggregate string) *Error {
	return invalid(path, "interface %s is no member of aggregate %s: set its aggregate-id, or remove this reference too", member, aggregate)
}

// decodeAllowTeaming translates signalbox-switch-port's allow-teaming into a
// port's part of a switch, nil where it is none.
func decodeAllowTeaming(s *spec.Switched, name string, entry *interfaceEntry) error {
	config := entry.GetSwitchPort().GetConfig()
	switch {
	case config == nil || config.AllowTeaming == nil:
		return nil
	case s == nil:
		return invalid(at(ocpath.InterfacesInterfaceSwitchPortConfigAllowTeaming, name),
			"is for a switch port, and %s is none: set its switched-vlan, or remove this leaf", name)
	}
	s.NoTeaming = !*config.AllowTeaming
	return nil
}
