package openconfig

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// wishes are what an entry of /qos/interfaces asks for, by name.
type wishes struct {
	// classifiers by the type under which the entry has them; ETHERNET is the
	// leaf of signalbox-qos.
	classifiers   map[string]string
	trust         trustMode
	input, output direction
}

// direction is one direction of an entry.
type direction struct {
	policy   string
	queues   []string          // that the entry lists, in ascending order
	profiles map[string]string // by queue
}

func (w *wishes) trusts() bool {
	return w.trust == oc.SignalboxQos_TrustMode_DSCP || w.trust == oc.SignalboxQos_TrustMode_PCP
}

// classifierTypes are the names of the types under which an interface can list
// classifiers.
func classifierTypes() map[oc.E_OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type]string {
	return map[oc.E_OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type]string{
		oc.OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type_IPV4:           ipv4Type,
		oc.OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type_IPV6:           ipv6Type,
		oc.OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type_MPLS:           "MPLS",
		oc.OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type_IPV4_MULTICAST: "IPV4_MULTICAST",
		oc.OpenconfigQos_Qos_Interfaces_Interface_Input_Classifiers_Classifier_Config_Type_IPV6_MULTICAST: "IPV6_MULTICAST",
	}
}

// wishesOf reads an entry.
func wishesOf(entry *qosEntry) *wishes {
	w := &wishes{classifiers: map[string]string{}}
	in := entry.GetInput()
	if config := in.GetConfig(); config != nil {
		w.trust = config.Trust
		if config.Classifier != nil {
			w.classifiers[ethernetType] = *config.Classifier
		}
	}
	types := classifierTypes()
	if list := in.GetClassifiers(); list != nil {
		for kind, classifier := range list.Classifier {
			name := ""
			if config := classifier.GetConfig(); config != nil {
				name = value(config.Name, "")
			}
			w.classifiers[types[kind]] = name
		}
	}
	if config := in.GetSchedulerPolicy().GetConfig(); config != nil {
		w.input.policy = value(config.Name, "")
	}
	if list := in.GetQueues(); list != nil {
		for name, queue := range list.Queue {
			profile := (*string)(nil)
			if config := queue.GetConfig(); config != nil {
				profile = config.QueueManagementProfile
			}
			w.input.list(name, profile)
		}
	}
	out := entry.GetOutput()
	if config := out.GetSchedulerPolicy().GetConfig(); config != nil {
		w.output.policy = value(config.Name, "")
	}
	if list := out.GetQueues(); list != nil {
		for name, queue := range list.Queue {
			profile := (*string)(nil)
			if config := queue.GetConfig(); config != nil {
				profile = config.QueueManagementProfile
			}
			w.output.list(name, profile)
		}
	}
	slices.Sort(w.input.queues)
	slices.Sort(w.output.queues)
	return w
}

// list notes a queue of the direction.
func (d *direction) list(queue string, profile *string) {
	d.queues = append(d.queues, queue)
	if profile != nil {
		if d.profiles == nil {
			d.profiles = map[string]string{}
		}
		d.profiles[queue] = *profile
	}
}

// directionNodes are the nodes of a direction of an entry.
type directionNodes struct{ policy, queue, profile ocpath.ID }

func inputNodes() directionNodes {
	return directionNodes{ocpath.QosInterfacesInterfaceInputSchedulerPolicyConfigName, ocpath.QosInterfacesInterfaceInputQueuesQueueConfigName, ocpath.QosInterfacesInterfaceInputQueuesQueueConfigQueueManagementProfile}
}

func outputNodes() directionNodes {
	return directionNodes{ocpath.QosInterfacesInterfaceOutputSchedulerPolicyConfigName, ocpath.QosInterfacesInterfaceOutputQueuesQueueConfigName, ocpath.QosInterfacesInterfaceOutputQueuesQueueConfigQueueManagementProfile}
}

// decodeQoS translates the entry of /qos/interfaces that is about a port, and
// the bandwidth of signalbox-qos; nil where both ask for nothing.
func (c *Config) decodeQoS(name string, entry *interfaceEntry, port *spec.Port) (*spec.QoS, error) {
	if c.qos.broken {
		return nil, nil // the reason is told already
	}
	b, errBandwidth := decodeBandwidth(name, entry)
	ids := c.index.qosOf(name)
	if len(ids) == 0 && b.empty() {
		return nil, errBandwidth
	}
	if port.Switched == nil && port.Member == nil {
		reason := "interface " + name + " is neither a switch port nor a member of an aggregate: configure its switched-vlan"
		return nil, errors.Join(errBandwidth, c.checkNoQoS(name, reason), b.refuse(name, reason))
	}
	errs := []error{errBandwidth}
	if len(ids) > 1 {
		errs = append(errs, invalid(at(ocpath.QosInterfacesInterfaceInterfaceRefConfigInterface, ids[1]), "interface %s has the entry %s already", name, ids[0]))
	}
	q := new(spec.QoS)
	w := new(wishes)
	if len(ids) > 0 {
		w = wishesOf(qosInterfaces(c.device)[ids[0]])
		var err [3]error
		q.Classifier, err[0] = c.decodePortClassifier(ids[0], w)
		in, errIn := c.decodeDirection(ids[0], &w.input, true)
		out, errOut := c.decodeDirection(ids[0], &w.output, false)
		q.Input, q.Policers, q.Output = in.scheduler, in.policers, out.scheduler
		err[1], err[2] = errIn, errOut
		errs = append(errs, err[:]...)
	}
	errs = append(errs, b.apply(q, name, ids, w), checkPlace(q, port, ids, w, &b))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if q.Classifier == nil && q.Input == nil && q.Output == nil && len(q.Policers) == 0 && q.Sharing == spec.ShareNone && q.Share == (spec.Share{}) {
		return nil, nil
	}
	return q, nil
}

// checkPlace refuses what an aggregate can't have, which is queues, and what a
// member can't have, which is everything but queues for what leaves.
func checkPlace(q *spec.QoS, port *spec.Port, ids []string, w *wishes, b *bandwidth) error {
	var errs []error
	refuse := func(wrong bool, reason string, node ocpath.ID, keys ...string) {
		if wrong {
			errs = append(errs, invalid(at(node, append(slices.Clone(ids[:1]), keys...)...), "%s", reason))
		}
	}
	switch {
	case port.Aggregate != nil:
		const reason = "an aggregate has no queues of its own: name its members"
		refuse(w.input.policy != "" && q.Input != nil, reason, inputNodes().policy)
		refuse(w.output.policy != "" && q.Output != nil, reason, outputNodes().policy)
		errs = append(errs, (&bandwidth{maximum: b.maximum, sharing: b.sharing}).refuse(port.Name, reason))
	case port.Member != nil:
		reason := fmt.Sprintf("a member has an output policy only: name %s, where what comes in is classified and policed", port.Member.Aggregate)
		refuse(w.input.policy != "", reason, inputNodes().policy)
		refuse(w.trusts(), reason, ocpath.QosInterfacesInterfaceInputConfigTrust)
		for kind := range w.classifiers {
			if kind == ethernetType {
				refuse(true, reason, ocpath.QosInterfacesInterfaceInputConfigClassifier)
				continue
			}
			refuse(true, reason, ocpath.QosInterfacesInterfaceInputClassifiersClassifierConfigName, kind)
		}
		errs = append(errs, b.refuse(port.Name, reason))
	}
	return errors.Join(errs...)
}

// checkNoQoS refuses entries for what can't have classes.
func (c *Config) checkNoQoS(port, reason string) error {
	var errs []error
	for _, id := range c.index.qosOf(port) {
		node := ocpath.QosInterfacesInterfaceConfigInterfaceId
		if config := qosInterfaces(c.device)[id].GetInterfaceRef().GetConfig(); config != nil && config.Interface != nil {
			node = ocpath.QosInterfacesInterfaceInterfaceRefConfigInterface
		}
		errs = append(errs, invalid(at(node, id), "%s, or remove this entry", reason))
	}
	return errors.Join(errs...)
}

// decodePortClassifier joins the classifiers and the trust of an entry.
func (c *Config) decodePortClassifier(id string, w *wishes) (*spec.Classifier, error) {
	var errs []error
	for _, kind := range slices.Sorted(maps.Keys(w.classifiers)) {
		errs = append(errs, c.checkPortClassifier(id, kind, w.classifiers[kind]))
	}
	if w.trusts() && c.qos.trust.groups == ([trafficClasses]string{}) {
		errs = append(errs, invalid(at(ocpath.QosInterfacesInterfaceInputConfigTrust, id), "no forwarding group has a traffic-class: configure it in /qos/forwarding-groups"))
	}
	if err := errors.Join(errs...); err != nil || len(w.classifiers) == 0 && !w.trusts() {
		return nil, err
	}
	built := c.qos.classifierOf(classifierKey{w.classifiers[ethernetType], w.classifiers[ipv4Type], w.classifiers[ipv6Type], w.trust})
	if n := len(built.Terms); n > spec.MaxTerms {
		return nil, invalid(at(ocpath.QosInterfacesInterfaceInput, id), "its classifiers and its trust have %s", plural(n, "term", spec.MaxTerms))
	}
	return built, nil
}

func (c *Config) checkPortClassifier(id, kind, name string) error {
	path := at(ocpath.QosInterfacesInterfaceInputClassifiersClassifierConfigName, id, kind)
	if kind == ethernetType {
		path = at(ocpath.QosInterfacesInterfaceInputConfigClassifier, id)
	}
	if kind != ethernetType && kind != ipv4Type && kind != ipv6Type {
		path := at(ocpath.QosInterfacesInterfaceInputClassifiersClassifier, id, kind)
		return &Error{Kind: Unimplemented, Path: path.String(), Reason: fmt.Sprintf("%s is not served: want IPV4 or IPV6", kind)}
	}
	if name == "" {
		return invalid(path, "is missing: name a classifier")
	}
	switch found := c.qos.classifiers[name]; {
	case found == nil:
		return invalid(path, "there is no classifier %s: configure it in /qos/classifiers, or name another one", name)
	case found.kind != kind && found.kind == ethernetType:
		return invalid(path, "classifier %s is of the type ETHERNET: name it in input/config/classifier", name)
	case found.kind != kind && found.kind != "":
		return invalid(path, "classifier %s is of the type %s: want one of the type %s", name, found.kind, kind)
	}
	return nil
}

// decodeDirection gives what the policy of a direction is.
func (c *Config) decodeDirection(id string, d *direction, input bool) (builtPolicy, error) {
	nodes := outputNodes()
	if input {
		nodes = inputNodes()
	}
	found := c.qos.policies[d.policy]
	if d.policy != "" && found == nil {
		return builtPolicy{}, invalid(at(nodes.policy, id), "there is no scheduler policy %s: configure it in /qos/scheduler-policies, or name another one", d.policy)
	}
	var errs []error
	for _, queue := range d.queues {
		if found == nil || !found.has(queue) {
			errs = append(errs, invalid(at(nodes.queue, id, queue), "the scheduler policy of the interface has no queue %s", queue))
		}
		if profile, ok := d.profiles[queue]; ok && qosProfiles(c.device)[profile] == nil {
			errs = append(errs, invalid(at(nodes.profile, id, queue), "there is no queue management profile %s: configure it in /qos/queue-management-profiles, or name another one", profile))
		}
	}
	if err := errors.Join(errs...); err != nil || found == nil {
		return builtPolicy{}, err
	}
	built, err := c.qos.policyOf(schedulerKey{d.policy, input, profileKey(d.profiles)}, d.profiles)
	if err != nil {
		return built, err
	}
	for queue := range d.profiles {
		if !built.queues(queue) {
			return built, invalid(at(nodes.profile, id, queue), "no scheduler that shapes has the queue: nothing waits in it here")
		}
	}
	return built, nil
}

// queues reports whether frames wait in a queue.
func (b *builtPolicy) queues(queue string) bool {
	return b.scheduler != nil && slices.ContainsFunc(b.scheduler.Groups, func(g spec.SchedulerGroup) bool {
		return slices.ContainsFunc(g.Queues, func(q spec.SchedulerQueue) bool { return q.Queue == queue })
	})
}
