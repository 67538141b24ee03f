package openconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// trafficClasses are 0 to 7 (IEEE 802.1Q-2022, 8.6.6).
const trafficClasses = 8

// dscpEF is Expedited Forwarding (RFC 3246).
const dscpEF = 46

// trust is what the marks of frames mean.
type trust struct {
	dscps  [64]uint8              // traffic class by DSCP
	pcps   [8]uint8               // traffic class by priority code point
	groups [trafficClasses]string // forwarding group by traffic class; "" is none
	queues [trafficClasses]string // its queue
}

// defaultTrust has the default meaning of marks, and no groups.
func defaultTrust() trust {
	var t trust
	for dscp := range t.dscps {
		t.dscps[dscp] = uint8(dscp >> 3)
	}
	t.dscps[dscpEF] = 5
	for pcp := range t.pcps {
		t.pcps[pcp] = uint8(pcp)
	}
	return t
}

// decodeTrust translates what marks mean, and which group has which traffic
// class.
func decodeTrust(d *oc.Device) (trust, error) {
	t := defaultTrust()
	var errs []error
	if list := d.GetQos().GetTrust().GetDscps(); list != nil {
		for _, dscp := range slices.Sorted(maps.Keys(list.Dscp)) { // 0 to 63 by the models
			class := list.Dscp[dscp].GetConfig()
			if class == nil || class.TrafficClass == nil {
				errs = append(errs, invalid(at(ocpath.QosTrustDscpsDscpConfigTrafficClass, strconv.Itoa(int(dscp))), "is missing: want 0 to 7"))
				continue
			}
			t.dscps[dscp] = *class.TrafficClass
		}
	}
	if list := d.GetQos().GetTrust().GetPcps(); list != nil {
		for _, pcp := range slices.Sorted(maps.Keys(list.Pcp)) {
			class := list.Pcp[pcp].GetConfig()
			if class == nil || class.TrafficClass == nil {
				errs = append(errs, invalid(at(ocpath.QosTrustPcpsPcpConfigTrafficClass, strconv.Itoa(int(pcp))), "is missing: want 0 to 7"))
				continue
			}
			t.pcps[pcp] = *class.TrafficClass
		}
	}
	return t, errors.Join(append(errs, t.decodeGroups(d))...)
}

func (t *trust) decodeGroups(d *oc.Device) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(qosGroups(d))) {
		config := qosGroups(d)[name].GetConfig()
		if config == nil || config.TrafficClass == nil {
			continue
		}
		class := *config.TrafficClass
		if other := t.groups[class]; other != "" {
			errs = append(errs, invalid(at(ocpath.QosForwardingGroupsForwardingGroupConfigTrafficClass, name),
				"forwarding group %s has traffic class %d already", other, class))
			continue
		}
		t.groups[class], t.queues[class] = name, value(config.OutputQueue, "")
	}
	return errors.Join(errs...)
}

// TrustTerms begins the ids of the terms that follow from trust.
const TrustTerms = "trust-"

// terms are those that stand behind the terms of classifiers at an input that
// trusts a mark: one for each traffic class that has a group.
func (t *trust) terms(mode trustMode) []spec.Term {
	var terms []spec.Term
	for class := range uint8(trafficClasses) {
		if t.groups[class] == "" {
			continue
		}
		term := spec.Term{Queue: t.queues[class], Remark: spec.Unmarked}
		switch mode {
		case oc.SignalboxQos_TrustMode_DSCP:
			term.ID = fmt.Sprintf("%sdscp-%d", TrustTerms, class)
			for dscp, of := range t.dscps {
				if of == class {
					term.Match.DSCPs |= 1 << dscp
				}
			}
		case oc.SignalboxQos_TrustMode_PCP:
			term.ID = fmt.Sprintf("%spcp-%d", TrustTerms, class)
			for pcp, of := range t.pcps {
				if of == class {
					term.Match.PCPs |= 1 << pcp
				}
			}
		}
		if term.Match.DSCPs != 0 || term.Match.PCPs != 0 {
			terms = append(terms, term)
		}
	}
	return terms
}
