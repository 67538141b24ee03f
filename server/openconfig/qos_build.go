package openconfig

import (
	"errors"
	"fmt"
	"sync"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// qosBuilt are the classifiers and schedulers as ports have them: ports with the
// same configuration share one.
type qosBuilt struct {
	mu          sync.Mutex // guards what follows
	classifiers map[classifierKey]*spec.Classifier
	schedulers  map[schedulerKey]builtPolicy
}

// classifierKey is what decides about the terms of a port.
type classifierKey struct {
	ethernet, ipv4, ipv6 string // classifiers by name; "" is none
	trust                trustMode
}

// schedulerKey is what decides about a direction of a port.
type schedulerKey struct {
	policy   string
	input    bool
	profiles string // profileKey
}

// builtPolicy is what a policy is in a direction. The scheduler is nil where all
// it does is to police.
type builtPolicy struct {
	scheduler *spec.Scheduler
	policers  []spec.Policer
}

func newQoSBuilt() *qosBuilt {
	return &qosBuilt{classifiers: map[classifierKey]*spec.Classifier{}, schedulers: map[schedulerKey]builtPolicy{}}
}

// without keeps what was built of anything else.
func (b *qosBuilt) without(uses []qosUse) *qosBuilt {
	gone := make(map[qosUse]bool, len(uses))
	profiles := false
	for _, use := range uses {
		gone[use] = true
		profiles = profiles || use.kind == useProfile
	}
	kept := newQoSBuilt()
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, c := range b.classifiers {
		trusts := key.trust == oc.SignalboxQos_TrustMode_DSCP || key.trust == oc.SignalboxQos_TrustMode_PCP
		if !gone[qosUse{useClassifier, key.ethernet}] && !gone[qosUse{useClassifier, key.ipv4}] && !gone[qosUse{useClassifier, key.ipv6}] &&
			!(trusts && gone[qosUse{useTrust, ""}]) {
			kept.classifiers[key] = c
		}
	}
	for key, s := range b.schedulers {
		if !gone[qosUse{usePolicy, key.policy}] && !(profiles && key.profiles != "") {
			kept.schedulers[key] = s
		}
	}
	return kept
}

// classifierOf is the classifier of all ports with a key; each part of it is
// known to exist.
func (q *qos) classifierOf(key classifierKey) *spec.Classifier {
	b := q.built
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.classifiers[key]; c != nil {
		return c
	}
	c := new(spec.Classifier)
	for _, part := range []struct{ kind, name string }{{ethernetType, key.ethernet}, {ipv4Type, key.ipv4}, {ipv6Type, key.ipv6}} {
		if part.name == "" {
			continue
		}
		c.Name = joinNames(c.Name, part.name)
		for _, term := range q.classifiers[part.name].terms {
			term.ID = part.kind + "/" + term.ID
			c.Terms = append(c.Terms, term)
		}
	}
	c.Terms = append(c.Terms, q.trust.terms(key.trust)...)
	b.classifiers[key] = c
	return c
}

func joinNames(names, name string) string {
	if names == "" {
		return name
	}
	return names + "+" + name
}

// policyOf is what a policy, which is known to exist, is in a direction, with the
// profiles of its queues.
func (q *qos) policyOf(key schedulerKey, profiles map[string]string) (builtPolicy, error) {
	b := q.built
	b.mu.Lock()
	defer b.mu.Unlock()
	if built, ok := b.schedulers[key]; ok {
		return built, nil
	}
	built, err := q.policies[key.policy].build(key.input)
	if err != nil {
		return built, err
	}
	if built.scheduler != nil {
		for n := range built.scheduler.Groups {
			for m := range built.scheduler.Groups[n].Queues {
				queue := &built.scheduler.Groups[n].Queues[m]
				queue.RED = q.profiles[profiles[queue.Queue]]
			}
		}
	}
	b.schedulers[key] = built
	return built, nil
}

// build makes of a policy what it is in a direction.
func (p *policy) build(input bool) (builtPolicy, error) {
	var built builtPolicy
	shaped := &spec.Scheduler{Policy: p.name, DefaultQueue: p.defaultQueue}
	var errs []error
	bounds := (*scheduler)(nil)
	for _, s := range p.schedulers {
		switch {
		case s.polices(input):
			policer, err := s.policer(input)
			errs = append(errs, err)
			built.policers = append(built.policers, policer)
		case len(s.inputs) == 0:
			if bounds != nil {
				errs = append(errs, invalid(s.at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputs),
					"scheduler %d has no inputs and bounds the port already: name the queues of this one", bounds.sequence))
			}
			bounds = s
			errs = append(errs, s.bound(shaped))
		default:
			group, err := s.group()
			errs = append(errs, err)
			shaped.Groups = append(shaped.Groups, group)
		}
	}
	errs = append(errs, p.check(shaped, built.policers))
	if bounds != nil || len(shaped.Groups) > 0 {
		built.scheduler = shaped
	}
	return built, errors.Join(errs...)
}

// check wants of the whole policy what can be kept.
func (p *policy) check(shaped *spec.Scheduler, policers []spec.Policer) error {
	path := at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulers, p.name)
	groupOf := map[string]uint32{}
	var errs []error
	var minima, percent uint64
	for n := range shaped.Groups {
		g := &shaped.Groups[n]
		minima += g.Minimum.BitsPerSecond // each at most spec.MaxRate
		percent += uint64(g.Minimum.Percent)
		for _, queue := range g.Queues {
			if other, twice := groupOf[queue.Queue]; twice {
				s := &scheduler{policy: p.name, sequence: g.Sequence}
				errs = append(errs, invalid(s.at(inputQueueLeaf, queue.ID), "queue %s is an input of scheduler %d already", queue.Queue, other))
			}
			groupOf[queue.Queue] = g.Sequence
		}
	}
	if percent > 100 {
		errs = append(errs, invalid(path, "the minima are %d percent of the line together", percent))
	}
	if most := shaped.Maximum.BitsPerSecond; most != 0 && minima > most {
		errs = append(errs, invalid(path, "the minima are %d bit/s together, above the maximum of the port, %d bit/s", minima, most))
	}
	if _, ok := groupOf[shaped.DefaultQueue]; !ok && shaped.DefaultQueue != "" {
		errs = append(errs, invalid(at(ocpath.QosSchedulerPoliciesSchedulerPolicyConfigDefaultQueue, p.name), "queue %s is in no scheduler that shapes", shaped.DefaultQueue))
	}
	if levels := shaped.Levels(); levels > spec.MaxPriorities {
		errs = append(errs, invalid(path, "%d levels of priority: want at most %d; each queue of a STRICT scheduler is one, each other scheduler, and without a default-queue what is in no queue",
			levels, spec.MaxPriorities))
	}
	if classes := shaped.Classes(); classes > spec.MaxClasses {
		errs = append(errs, invalid(path, "%s", plural(classes, "queue", spec.MaxClasses)))
	}
	if n := len(policers); n > spec.MaxPolicers {
		errs = append(errs, invalid(path, "%s", plural(n, "policer", spec.MaxPolicers)))
	}
	return errors.Join(errs...)
}

// polices reports whether the scheduler polices in a direction: where it is told
// to or, without being told, as a scheduler of two rates at the input.
func (s *scheduler) polices(input bool) bool {
	if s.rates == nil {
		return false
	}
	switch s.rates.behavior {
	case oc.OpenconfigQosTypes_QueueBehavior_POLICE:
		return true
	case oc.OpenconfigQosTypes_QueueBehavior_SHAPE:
		return false
	}
	return s.rates.twoRates && input
}

// bound takes the rate of a scheduler without inputs, which is that of the port.
func (s *scheduler) bound(shaped *spec.Scheduler) error {
	r := s.rates
	switch {
	case r.twoRates:
		return invalid(s.at(r.nodes.all), "a scheduler without inputs bounds the port, by one-rate-two-color")
	case r.committed.IsZero():
		return invalid(s.at(r.nodes.cir), "is missing: the scheduler has no inputs, so it bounds the port")
	case r.limit != spec.QueueLimit{}:
		return invalid(s.at(r.nodes.all), "a scheduler without inputs has no queue to limit")
	}
	shaped.Maximum, shaped.Burst = r.committed, r.burst
	return s.checkShapes()
}

// group is a scheduler that shapes.
func (s *scheduler) group() (spec.SchedulerGroup, error) {
	g := spec.SchedulerGroup{Sequence: s.sequence, Strict: s.strict, Queues: append([]spec.SchedulerQueue(nil), s.inputs...)}
	r := s.rates
	if r == nil {
		return g, nil
	}
	if r.twoRates {
		g.Minimum, g.Maximum, g.Burst, g.ExcessBurst = r.committed, r.peak, r.burst, r.peakBurst
	} else {
		g.Maximum, g.ExcessBurst = r.committed, r.burst
	}
	for n := range g.Queues {
		g.Queues[n].QueueLimit = r.limit
	}
	return g, s.checkShapes()
}

// checkShapes refuses actions of a scheduler that shapes: what finds no room is
// dropped, and nothing else happens.
func (s *scheduler) checkShapes() error {
	r := s.rates
	var errs []error
	for _, a := range []struct {
		action
		nodes actionNodes
	}{{r.conform, r.nodes.conform}, {r.exceed, r.nodes.exceed}, {r.above, r.nodes.violate}} {
		switch {
		case a.remark != spec.Unmarked:
			errs = append(errs, invalid(s.at(ocpath.Get(a.nodes.dscp).Parent), "a scheduler that shapes marks nothing: mark by a term, or use POLICE at the input"))
		case a.drop != nil && !*a.drop:
			errs = append(errs, invalid(s.at(a.nodes.drop), "what finds no room in a queue is dropped"))
		}
	}
	return errors.Join(errs...)
}

// policer is a scheduler that polices.
func (s *scheduler) policer(input bool) (spec.Policer, error) {
	r := s.rates
	p := spec.Policer{
		Sequence: s.sequence, Committed: r.committed.BitsPerSecond, Peak: r.peak.BitsPerSecond, Burst: r.burst, PeakBurst: r.peakBurst,
		Conform: spec.PolicerAction{Remark: r.conform.remark}, Violate: spec.PolicerAction{Remark: spec.Unmarked},
	}
	for _, in := range s.inputs {
		p.Queues = append(p.Queues, in.Queue)
	}
	if r.twoRates {
		p.Exceed = spec.PolicerAction{Drop: value(r.exceed.drop, false), Remark: r.exceed.remark}
		p.Violate = r.above.orDrop()
	} else {
		p.Exceed = r.exceed.orDrop()
	}
	return p, s.checkPolices(input)
}

// orDrop is an action that drops where nothing else is configured.
func (a action) orDrop() spec.PolicerAction {
	return spec.PolicerAction{Drop: value(a.drop, a.remark == spec.Unmarked), Remark: a.remark}
}

func (s *scheduler) checkPolices(input bool) error {
	r := s.rates
	switch {
	case !input && r.behavior == oc.OpenconfigQosTypes_QueueBehavior_POLICE:
		return invalid(s.at(r.nodes.behavior), "nothing is policed at the output: use SHAPE there, or the policy at the input")
	case r.committed.Percent != 0:
		return invalid(s.at(r.nodes.cirPercent), "a policer's rate is absolute: use cir")
	case r.peak.Percent != 0:
		return invalid(s.at(r.nodes.pirPercent), "a policer's rate is absolute: use pir")
	case r.committed.IsZero():
		return invalid(s.at(r.nodes.cir), "is missing: want the rate above which frames are policed")
	case r.twoRates && r.peak.IsZero():
		return invalid(s.at(r.nodes.pir), "is missing: want the rate above which frames violate")
	case r.limit.Octets != 0:
		return invalid(s.at(r.nodes.octets), "nothing waits in a policer: use SHAPE")
	case r.limit.Packets != 0:
		return invalid(s.at(r.nodes.packets), "nothing waits in a policer: use SHAPE")
	case s.strict:
		return invalid(s.at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerConfigPriority), "a policer serves nothing: it has no priority")
	}
	return nil
}

// rangeText says that a number is not within bounds.
func rangeText(n, least, most uint64, unit string) string {
	return fmt.Sprintf("%d: want %d to %d %s", n, least, most, unit)
}
