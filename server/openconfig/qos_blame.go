package openconfig

import (
	"github.com/signalbox/signalbox/gen/ocpath"
)

// blamePolicer finds the rate that a frame of a port is above: of its policer at
// a place from 1 on, or of the only one. Where it has several and nobody knows
// which one it was, it is their policy.
func (c *Config) blamePolicer(port string, place int) string {
	ids := c.index.qosOf(port)
	if len(ids) == 0 {
		return ""
	}
	w := wishesOf(qosInterfaces(c.device)[ids[0]])
	policy := c.qos.policies[w.input.policy]
	direction, err := c.decodeDirection(ids[0], &w.input, true)
	if policy == nil || err != nil {
		return at(ocpath.QosInterfacesInterfaceInputSchedulerPolicyConfigName, ids[0]).String()
	}
	if len(direction.policers) == 1 {
		place = 1
	}
	if place < 1 || place > len(direction.policers) {
		return at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulers, policy.name).String()
	}
	for _, s := range policy.schedulers {
		if s.sequence == direction.policers[place-1].Sequence && s.rates != nil {
			return s.at(s.rates.nodes.cir).String()
		}
	}
	return ""
}
