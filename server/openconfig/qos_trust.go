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
		for _, dscp := range slices.Sorted(maps.Keys(list.Dscp)) {
			class := (*uint8)(nil)
			if config := list.Dscp[dscp].GetConfig(); config != nil {
				class = config.TrafficClass
			}
			errs = append(errs, means(t.dscps[:], dscp, class, ocpath.QosTrustDscpsDscpConfigTrafficClass))
		}
	}
	if list := d.GetQos().GetTrust().GetPcps(); list != nil {
		for _, pcp := range slices.Sorted(maps.Keys(list.Pcp)) {
			class := (*uint8)(nil)
			if config := list.Pcp[pcp].GetConfig(); config != nil {
				class = config.TrafficClass
			}
			errs = append(errs, means(t.pcps[:], pcp, class, ocpath.QosTrustPcpsPcpConfigTrafficClass))
		}
	}
	return t, errors.Join(append(errs, t.decodeGroups(d))...)
}

// means sets the traffic class of a mark.
func means(classes []uint8, mark uint8, class *uint8, leaf ocpath.ID) error {
	switch {
	case int(mark) >= len(classes):
		return invalid(at(ocpath.Get(ocpath.Get(leaf).Parent).Parent, strconv.Itoa(int(mark))), "there is no such mark: want 0 to %d", len(classes)-1)
	case class == nil || *class >= trafficClasses:
		return invalid(at(leaf, strconv.Itoa(int(mark))), "want a traffic class, 0 to %d", trafficClasses-1)
	}
	classes[mark] = *class
	return nil
}

func (t *trust) decodeGroups(d *oc.Device) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(qosGroups(d))) {
		config := qosGroups(d)[name].GetConfig()
		if config == nil || config.TrafficClass == nil {
			continue
		}
		class := *config.TrafficClass
		if class >= trafficClasses {
			errs = append(errs, invalid(at(ocpath.QosForwardingGroupsForwardingGroupConfigTrafficClass, name), "%d: want 0 to %d", class, trafficClasses-1))
			continue
		}
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
