package openconfig

import (
	"errors"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// rates2 are the rates of a scheduler and what becomes of what is above them:
// one rate, or two where twoRates is set.
type rates2 struct {
	twoRates               bool
	behavior               oc.E_OpenconfigQosTypes_QueueBehavior
	committed, peak        spec.Rate
	burst, peakBurst       uint32
	limit                  spec.QueueLimit
	conform, exceed, above action // above: of two rates
	nodes                  *rateNodes
}

// action is what becomes of a frame, as it is configured.
type action struct {
	drop   *bool
	remark spec.Remark
}

// rateNodes are the leaves of one of both kinds. Those that it does not have are
// zero.
type rateNodes struct {
	all, cir, cirPercent, pir, pirPercent, bc, be, behavior, octets, packets ocpath.ID
	conform, exceed, violate                                                 actionNodes
}

// actionNodes are the leaves of an action.
type actionNodes struct {
	remarkNodes
	drop ocpath.ID
}

func oneRateNodes() *rateNodes {
	return &rateNodes{
		all:        ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColor,
		cir:        ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConfigCir,
		cirPercent: ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConfigCirPct,
		bc:         ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConfigBc,
		behavior:   ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConfigQueuingBehavior,
		octets:     ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConfigMaxQueueDepthBytes,
		packets:    ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConfigMaxQueueDepthPackets,
		conform: actionNodes{remarkNodes{
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConformActionConfigSetDscp,
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorConformActionConfigSetDot1p,
		}, 0},
		exceed: actionNodes{remarkNodes{
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorExceedActionConfigSetDscp,
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorExceedActionConfigSetDot1p,
		}, ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOneRateTwoColorExceedActionConfigDrop},
	}
}

func twoRateNodes() *rateNodes {
	return &rateNodes{
		all:        ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColor,
		cir:        ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigCir,
		cirPercent: ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigCirPct,
		pir:        ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigPir,
		pirPercent: ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigPirPct,
		bc:         ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigBc,
		be:         ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigBe,
		behavior:   ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigQueuingBehavior,
		octets:     ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigMaxQueueDepthBytes,
		packets:    ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConfigMaxQueueDepthPackets,
		conform: actionNodes{remarkNodes{
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConformActionConfigSetDscp,
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorConformActionConfigSetDot1p,
		}, 0},
		exceed: actionNodes{remarkNodes{
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorExceedActionConfigSetDscp,
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorExceedActionConfigSetDot1p,
		}, ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorExceedActionConfigDrop},
		violate: actionNodes{remarkNodes{
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorViolateActionConfigSetDscp,
			ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorViolateActionConfigSetDot1p,
		}, ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerTwoRateThreeColorViolateActionConfigDrop},
	}
}

// decodeRates translates one-rate-two-color or two-rate-three-color, of which a
// scheduler has one; nil for none.
func (s *scheduler) decodeRates(t oc.E_OpenconfigQosTypes_QOS_SCHEDULER_TYPE, entry *schedulerEntry) (*rates2, error) {
	const (
		oneRate = oc.OpenconfigQosTypes_QOS_SCHEDULER_TYPE_ONE_RATE_TWO_COLOR
		twoRate = oc.OpenconfigQosTypes_QOS_SCHEDULER_TYPE_TWO_RATE_THREE_COLOR
	)
	one, two := entry.GetOneRateTwoColor(), entry.GetTwoRateThreeColor()
	switch {
	case one != nil && two != nil:
		return nil, invalid(s.at(twoRateNodes().all), "together with one-rate-two-color: use one of them")
	case one != nil && t == twoRate:
		return nil, invalid(s.at(oneRateNodes().all), "the type of the scheduler is TWO_RATE_THREE_COLOR")
	case two != nil && t == oneRate:
		return nil, invalid(s.at(twoRateNodes().all), "the type of the scheduler is ONE_RATE_TWO_COLOR")
	case one != nil:
		return s.decodeOneRate(one)
	case two != nil:
		return s.decodeTwoRates(two)
	}
	return nil, nil
}

func (s *scheduler) decodeOneRate(entry *oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_OneRateTwoColor) (*rates2, error) {
	r := &rates2{nodes: oneRateNodes()}
	var errs [7]error
	if c := entry.GetConfig(); c != nil {
		r.behavior = c.QueuingBehavior
		r.committed, errs[0] = s.decodeRate(c.Cir, c.CirPct, r.nodes.cir, r.nodes.cirPercent)
		r.burst, errs[1] = s.decodeBurst(c.Bc, r.nodes.bc)
		r.limit, errs[2] = s.decodeLimit(c.MaxQueueDepthBytes, c.MaxQueueDepthPackets, r.nodes)
	}
	r.conform, r.exceed, r.above = noAction(), noAction(), noAction()
	if c := entry.GetConformAction().GetConfig(); c != nil {
		r.conform, errs[3] = s.decodeAction(nil, c.SetDscp, c.SetDot1P, r.nodes.conform)
	}
	if c := entry.GetExceedAction().GetConfig(); c != nil {
		r.exceed, errs[4] = s.decodeAction(c.Drop, c.SetDscp, c.SetDot1P, r.nodes.exceed)
	}
	errs[5] = s.checkRates(r)
	return r, errors.Join(errs[:]...)
}

func (s *scheduler) decodeTwoRates(entry *oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_TwoRateThreeColor) (*rates2, error) {
	r := &rates2{twoRates: true, nodes: twoRateNodes()}
	var errs [9]error
	if c := entry.GetConfig(); c != nil {
		r.behavior = c.QueuingBehavior
		r.committed, errs[0] = s.decodeRate(c.Cir, c.CirPct, r.nodes.cir, r.nodes.cirPercent)
		r.peak, errs[1] = s.decodeRate(c.Pir, c.PirPct, r.nodes.pir, r.nodes.pirPercent)
		r.burst, errs[2] = s.decodeBurst(c.Bc, r.nodes.bc)
		r.peakBurst, errs[3] = s.decodeBurst(c.Be, r.nodes.be)
		r.limit, errs[4] = s.decodeLimit(c.MaxQueueDepthBytes, c.MaxQueueDepthPackets, r.nodes)
	}
	r.conform, r.exceed, r.above = noAction(), noAction(), noAction()
	if c := entry.GetConformAction().GetConfig(); c != nil {
		r.conform, errs[5] = s.decodeAction(nil, c.SetDscp, c.SetDot1P, r.nodes.conform)
	}
	if c := entry.GetExceedAction().GetConfig(); c != nil {
		r.exceed, errs[6] = s.decodeAction(c.Drop, c.SetDscp, c.SetDot1P, r.nodes.exceed)
	}
	if c := entry.GetViolateAction().GetConfig(); c != nil {
		r.above, errs[7] = s.decodeAction(c.Drop, c.SetDscp, c.SetDot1P, r.nodes.violate)
	}
	errs[8] = s.checkRates(r)
	return r, errors.Join(errs[:]...)
}

// decodeRate translates a rate that is absolute or a percentage of the line.
func (s *scheduler) decodeRate(rate *uint64, percent *uint8, rateNode, percentNode ocpath.ID) (spec.Rate, error) {
	switch {
	case rate != nil && percent != nil:
		return spec.Rate{}, invalid(s.at(percentNode), "together with a rate in bit/s: use one of them")
	case percent != nil && (*percent == 0 || *percent > 100):
		return spec.Rate{}, invalid(s.at(percentNode), "%d: want 1 to 100", *percent)
	case percent != nil:
		return spec.Rate{Percent: *percent}, nil
	case rate != nil:
		return spec.Rate{BitsPerSecond: *rate}, checkBitRate(*rate, func(reason string) error { return invalid(s.at(rateNode), "%s", reason) })
	}
	return spec.Rate{}, nil
}

// checkBitRate wants a rate that can be kept.
func checkBitRate(rate uint64, refuse func(reason string) error) error {
	if rate < spec.MinRate || rate > spec.MaxRate {
		return refuse(rangeText(rate, spec.MinRate, spec.MaxRate, "bit/s"))
	}
	return nil
}

// decodeBurst wants a burst that lets a frame through.
func (s *scheduler) decodeBurst(octets *uint32, node ocpath.ID) (uint32, error) {
	if octets != nil && (*octets < spec.MinBurst || *octets > spec.MaxBurst) {
		return 0, invalid(s.at(node), "%s, or no frame passes", rangeText(uint64(*octets), spec.MinBurst, spec.MaxBurst, "octets"))
	}
	return value(octets, 0), nil
}

func (s *scheduler) decodeLimit(octets, packets *uint32, nodes *rateNodes) (spec.QueueLimit, error) {
	switch {
	case octets != nil && packets != nil:
		return spec.QueueLimit{}, invalid(s.at(nodes.packets), "together with max-queue-depth-bytes: use one of them")
	case octets != nil && (*octets < spec.MinBurst || *octets > spec.MaxBurst):
		return spec.QueueLimit{}, invalid(s.at(nodes.octets), "%s", rangeText(uint64(*octets), spec.MinBurst, spec.MaxBurst, "octets"))
	case packets != nil && *packets == 0:
		return spec.QueueLimit{}, invalid(s.at(nodes.packets), "0: want room for 1 packet or more")
	}
	return spec.QueueLimit{Octets: value(octets, 0), Packets: value(packets, 0)}, nil
}

func noAction() action { return action{remark: spec.Unmarked} }

func (s *scheduler) decodeAction(drop *bool, dscp, pcp *uint8, nodes actionNodes) (action, error) {
	a := action{drop: drop}
	var err error
	a.remark, err = decodeRemark(dscp, pcp, nodes.remarkNodes, s.at(nodes.dscp).Keys...)
	if err == nil && value(drop, false) && a.remark != spec.Unmarked {
		err = invalid(s.at(nodes.drop), "what is dropped is not marked: use one of them")
	}
	return a, err
}

// checkRates holds rates against each other.
func (s *scheduler) checkRates(r *rates2) error {
	if r.twoRates && spec.Above(r.committed, r.peak) {
		return invalid(s.at(r.nodes.cir), "the minimum is above the maximum: want at most the pir")
	}
	return nil
}
