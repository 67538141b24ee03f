package openconfig

import (
	"errors"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Short names of the structs that are decoded.
type (
	classifierEntry = oc.OpenconfigQos_Qos_Classifiers_Classifier
	termEntry       = oc.OpenconfigQos_Qos_Classifiers_Classifier_Terms_Term
	groupEntry      = oc.OpenconfigQos_Qos_ForwardingGroups_ForwardingGroup
	policyEntry     = oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy
	schedulerEntry  = oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler
	inputEntry      = oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Inputs_Input
	profileEntry    = oc.OpenconfigQos_Qos_QueueManagementProfiles_QueueManagementProfile
	qosEntry        = oc.OpenconfigQos_Qos_Interfaces_Interface
	trustMode       = oc.E_SignalboxQos_TrustMode
)

// DefaultClass is the key under which the class of what is in no queue is told;
// no queue can be called so.
const DefaultClass = "default-class"

// qos is what is configured of openconfig-qos beside the interfaces, decoded. It
// is immutable but for what is built of it, which ports with the same
// configuration share.
type qos struct {
	classifiers map[string]*classifier
	policies    map[string]*policy
	profiles    map[string]*spec.RED
	trust       trust
	built       *qosBuilt
	// broken says that some of it is refused, so that nothing can be made of it.
	broken bool
}

func newQoS() *qos {
	return &qos{map[string]*classifier{}, map[string]*policy{}, map[string]*spec.RED{}, defaultTrust(), newQoSBuilt(), false}
}

// qosInterfaces gives the list of interfaces that have classes; it may be nil.
func qosInterfaces(d *oc.Device) map[string]*qosEntry {
	if i := d.GetQos().GetInterfaces(); i != nil {
		return i.Interface
	}
	return nil
}

// qosQueues gives the list of queues; it may be nil.
func qosQueues(d *oc.Device) map[string]*oc.OpenconfigQos_Qos_Queues_Queue {
	if q := d.GetQos().GetQueues(); q != nil {
		return q.Queue
	}
	return nil
}

// qosGroups gives the list of forwarding groups; it may be nil.
func qosGroups(d *oc.Device) map[string]*groupEntry {
	if g := d.GetQos().GetForwardingGroups(); g != nil {
		return g.ForwardingGroup
	}
	return nil
}

// qosClassifiers gives the list of classifiers; it may be nil.
func qosClassifiers(d *oc.Device) map[string]*classifierEntry {
	if c := d.GetQos().GetClassifiers(); c != nil {
		return c.Classifier
	}
	return nil
}

// qosPolicies gives the list of scheduler policies; it may be nil.
func qosPolicies(d *oc.Device) map[string]*policyEntry {
	if p := d.GetQos().GetSchedulerPolicies(); p != nil {
		return p.SchedulerPolicy
	}
	return nil
}

// qosProfiles gives the list of queue management profiles; it may be nil.
func qosProfiles(d *oc.Device) map[string]*profileEntry {
	if p := d.GetQos().GetQueueManagementProfiles(); p != nil {
		return p.QueueManagementProfile
	}
	return nil
}

// qosTouched are the entries of openconfig-qos that a transaction touched.
type qosTouched struct {
	classifiers, groups, queues, policies, profiles map[string]struct{} // by name
	interfaces                                      map[string]struct{} // by interface-id
	trust                                           bool                // what marks mean
}

func newQoSTouched() *qosTouched {
	set := func() map[string]struct{} { return map[string]struct{}{} }
	return &qosTouched{set(), set(), set(), set(), set(), set(), false}
}

// add notes a path below /qos.
func (t *qosTouched) add(path schema.Path) {
	for node, set := range map[ocpath.ID]map[string]struct{}{
		ocpath.QosClassifiersClassifier:                         t.classifiers,
		ocpath.QosForwardingGroupsForwardingGroup:               t.groups,
		ocpath.QosQueuesQueue:                                   t.queues,
		ocpath.QosSchedulerPoliciesSchedulerPolicy:              t.policies,
		ocpath.QosQueueManagementProfilesQueueManagementProfile: t.profiles,
		ocpath.QosInterfacesInterface:                           t.interfaces,
	} {
		if path.Node >= node && path.Node < ocpath.Get(node).End && len(path.Keys) > 0 {
			set[path.Keys[0]] = struct{}{}
		}
	}
	t.trust = t.trust || path.Node >= ocpath.QosTrust && path.Node < ocpath.Get(ocpath.QosTrust).End
}

// objects reports that anything but interfaces was touched.
func (t *qosTouched) objects() bool {
	return t.trust || len(t.classifiers)+len(t.groups)+len(t.queues)+len(t.policies)+len(t.profiles) > 0
}

// decodeQoSObjects decodes what was touched of classifiers, policies, profiles
// and trust, and what refers to it. It gives the references of interfaces to
// what may be another one now.
func (c *Config) decodeQoSObjects(before *Config, touched *qosTouched) ([]qosUse, error) {
	c.qos = before.qos
	if !touched.objects() {
		return nil, nil
	}
	touched.follow(c.device)
	q := &qos{maps.Clone(before.qos.classifiers), maps.Clone(before.qos.policies), maps.Clone(before.qos.profiles), before.qos.trust, nil, false}
	c.qos = q
	d := c.device
	errs := []error{checkQueues(d, touched), checkGroups(d, touched)}
	if touched.trust {
		var err error
		q.trust, err = decodeTrust(d)
		errs = append(errs, err)
	}
	var uses []qosUse
	for _, name := range slices.Sorted(maps.Keys(touched.classifiers)) {
		uses = append(uses, qosUse{useClassifier, name})
		errs = append(errs, decodeInto(q.classifiers, name, qosClassifiers(d)[name], d, decodeClassifier))
	}
	for _, name := range slices.Sorted(maps.Keys(touched.policies)) {
		uses = append(uses, qosUse{usePolicy, name})
		errs = append(errs, decodeInto(q.policies, name, qosPolicies(d)[name], d, decodePolicy))
	}
	for _, name := range slices.Sorted(maps.Keys(touched.profiles)) {
		uses = append(uses, qosUse{useProfile, name})
		errs = append(errs, decodeInto(q.profiles, name, qosProfiles(d)[name], d, decodeProfile))
	}
	if touched.trust {
		uses = append(uses, qosUse{useTrust, ""})
	}
	q.built = before.qos.built.without(uses)
	err := errors.Join(errs...)
	q.broken = err != nil
	return uses, err
}

// decodeInto decodes an entry of a list into what is kept of it; nil is gone.
func decodeInto[E, V any](all map[string]*V, name string, entry *E, d *oc.Device, decode func(*oc.Device, string, *E) (*V, error)) error {
	if entry == nil {
		delete(all, name)
		return nil
	}
	v, err := decode(d, name, entry)
	all[name] = v
	return err
}

// follow adds what refers to what was touched: to a queue the groups and
// policies, to a group the classifiers, and trust. All of it is looked through,
// which is no more than there are classes; ports are found by the index.
func (t *qosTouched) follow(d *oc.Device) {
	for name, entry := range qosPolicies(d) {
		if len(t.queues) > 0 && namesQueue(entry, t.queues) {
			t.policies[name] = struct{}{}
		}
	}
	for name, entry := range qosGroups(d) {
		if has(t.queues, groupQueue(entry)) {
			t.groups[name] = struct{}{}
		}
	}
	t.trust = t.trust || len(t.groups) > 0
	for name, entry := range qosClassifiers(d) {
		if len(t.groups) > 0 && namesGroup(entry, t.groups) {
			t.classifiers[name] = struct{}{}
		}
	}
}

func has(set map[string]struct{}, name string) bool {
	_, ok := set[name]
	return ok
}

// namesGroup reports a classifier with a term that has one of the groups as its
// target.
func namesGroup(entry *classifierEntry, groups map[string]struct{}) bool {
	for _, term := range classifierTerms(entry) {
		if has(groups, termGroup(term)) {
			return true
		}
	}
	return false
}

// checkQueues wants names for queues that what is told of them can have, and
// room for them.
func checkQueues(d *oc.Device, touched *qosTouched) error {
	all := qosQueues(d)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(touched.queues)) {
		if all[name] != nil && (name == "" || name == DefaultClass) {
			errs = append(errs, invalid(at(ocpath.QosQueuesQueue, name), "no queue can have this name: %q is the class of what is in no queue", DefaultClass))
		}
	}
	if n := len(all); n > spec.MaxQueues {
		errs = append(errs, &Error{Kind: Exhausted, Path: at(ocpath.QosQueues).String(), Reason: plural(n, "queue", spec.MaxQueues)})
	}
	return errors.Join(errs...)
}

// checkGroups wants groups to name a queue that exists.
func checkGroups(d *oc.Device, touched *qosTouched) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(touched.groups)) {
		if entry := qosGroups(d)[name]; entry != nil {
			errs = append(errs, checkGroupQueue(d, name, entry))
		}
	}
	return errors.Join(errs...)
}

func checkGroupQueue(d *oc.Device, name string, entry *groupEntry) error {
	path := at(ocpath.QosForwardingGroupsForwardingGroupConfigOutputQueue, name)
	switch queue := groupQueue(entry); {
	case queue == "":
		return invalid(path, "is missing: name the queue in which frames of the group wait")
	case qosQueues(d)[queue] == nil:
		return invalid(path, "there is no queue %s: configure it in /qos/queues, or name another one", queue)
	}
	return nil
}

// groupQueue is the queue of a forwarding group, "" for none.
func groupQueue(entry *groupEntry) string {
	if config := entry.GetConfig(); config != nil {
		return value(config.OutputQueue, "")
	}
	return ""
}
