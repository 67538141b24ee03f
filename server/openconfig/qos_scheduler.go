package openconfig

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// policy is /qos/scheduler-policies/scheduler-policy, decoded. What it becomes at
// a port depends on the direction.
type policy struct {
	name         string
	schedulers   []*scheduler // by sequence
	defaultQueue string
}

// scheduler is one of a policy.
type scheduler struct {
	policy   string
	sequence uint32
	strict   bool
	inputs   []spec.SchedulerQueue // by urgency where strict, else by id
	rates    *rates2               // nil where it has none
}

// at is the path of a node of the scheduler.
func (s *scheduler) at(node ocpath.ID, keys ...string) schema.Path {
	return at(node, append([]string{s.policy, strconv.FormatUint(uint64(s.sequence), 10)}, keys...)...)
}

// schedulers gives the list of a policy; it may be nil.
func schedulers(entry *policyEntry) map[uint32]*schedulerEntry {
	if s := entry.GetSchedulers(); s != nil {
		return s.Scheduler
	}
	return nil
}

// inputs gives the list of a scheduler; it may be nil.
func inputs(entry *schedulerEntry) map[string]*inputEntry {
	if i := entry.GetInputs(); i != nil {
		return i.Input
	}
	return nil
}

// namesQueue reports a policy that names one of the queues.
func namesQueue(entry *policyEntry, queues map[string]struct{}) bool {
	if config := entry.GetConfig(); config != nil && has(queues, value(config.DefaultQueue, "")) {
		return true
	}
	for _, s := range schedulers(entry) {
		for _, input := range inputs(s) {
			if config := input.GetConfig(); config != nil && has(queues, value(config.Queue, "")) {
				return true
			}
		}
	}
	return false
}

// decodePolicy translates an entry of /qos/scheduler-policies, and refuses what
// is wrong in either direction.
func decodePolicy(d *oc.Device, name string, entry *policyEntry) (*policy, error) {
	p := &policy{name: name}
	var errs []error
	list := schedulers(entry)
	for _, sequence := range slices.Sorted(maps.Keys(list)) {
		s, err := decodeScheduler(d, name, sequence, list[sequence])
		errs = append(errs, err)
		p.schedulers = append(p.schedulers, s)
	}
	if len(list) == 0 {
		errs = append(errs, invalid(at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulers, name), "the policy has no scheduler"))
	}
	if config := entry.GetConfig(); config != nil {
		p.defaultQueue = value(config.DefaultQueue, "")
	}
	if p.defaultQueue != "" && !p.has(p.defaultQueue) {
		errs = append(errs, invalid(at(ocpath.QosSchedulerPoliciesSchedulerPolicyConfigDefaultQueue, name),
			"queue %s is no input of a scheduler of the policy", p.defaultQueue))
	}
	if err := errors.Join(errs...); err != nil {
		return p, err
	}
	return p, p.checkBuilds()
}

// checkBuilds refuses a policy that can be used in neither direction. One that
// can be used in one is refused where it is used in the other.
func (p *policy) checkBuilds() error {
	_, input := p.build(true)
	_, output := p.build(false)
	switch {
	case input == nil || output == nil:
		return nil
	case slices.ContainsFunc(p.schedulers, func(s *scheduler) bool { return s.polices(false) }):
		return input
	}
	return output
}

// has reports whether a queue is an input of one of the schedulers.
func (p *policy) has(queue string) bool {
	return slices.ContainsFunc(p.schedulers, func(s *scheduler) bool {
		return slices.ContainsFunc(s.inputs, func(q spec.SchedulerQueue) bool { return q.Queue == queue })
	})
}

func decodeScheduler(d *oc.Device, policy string, sequence uint32, entry *schedulerEntry) (*scheduler, error) {
	s := &scheduler{policy: policy, sequence: sequence}
	config := entry.GetConfig()
	if config == nil {
		config = new(oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Config)
	}
	s.strict = config.Priority == oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Config_Priority_STRICT
	errs := []error{s.checkOutput(entry), s.decodeInputs(d, entry)}
	var err error
	s.rates, err = s.decodeRates(config.Type, entry)
	errs = append(errs, err)
	if len(s.inputs) == 0 && s.rates == nil {
		errs = append(errs, invalid(s.at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputs),
			"the scheduler has neither an input nor a rate: name a queue, or the rate that bounds the port"))
	}
	return s, errors.Join(errs...)
}

// checkOutput wants the interface as the output, which it is by default.
func (s *scheduler) checkOutput(entry *schedulerEntry) error {
	config := entry.GetOutput().GetConfig()
	if config == nil {
		return nil
	}
	switch config.OutputType {
	case oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Output_Config_OutputType_SCHEDULER,
		oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Output_Config_OutputType_FWD_GROUP:
		path := s.at(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerOutputConfigOutputType)
		return &Error{Kind: Unimplemented, Path: path.String(), Reason: "schedulers are not stacked: want INTERFACE"}
	}
	return nil
}

// decodeInputs translates the inputs: the most urgent first where the scheduler
// is strict, else by id.
func (s *scheduler) decodeInputs(d *oc.Device, entry *schedulerEntry) error {
	list := inputs(entry)
	var errs []error
	weighed, seen := false, map[string]string{}
	for _, id := range slices.SortedFunc(maps.Keys(list), compareTerms) {
		input, err := s.decodeInput(d, id, list[id])
		errs = append(errs, err)
		weighed = weighed || input.Weight != 0
		if other, twice := seen[input.Queue]; twice && input.Queue != "" {
			errs = append(errs, invalid(s.at(inputQueueLeaf, id), "queue %s is that of input %s already", input.Queue, other))
		}
		seen[input.Queue] = id
		s.inputs = append(s.inputs, input)
	}
	if s.strict {
		slices.SortStableFunc(s.inputs, func(a, b spec.SchedulerQueue) int { return cmp.Compare(b.Weight, a.Weight) })
		return errors.Join(errs...)
	}
	for n := range s.inputs {
		config := list[s.inputs[n].ID].GetConfig()
		if config == nil || config.Weight == nil {
			continue // counts as 1
		}
		path := s.at(inputWeightLeaf, s.inputs[n].ID)
		switch weight := *config.Weight; {
		case weight == 0 && !weighed:
			errs = append(errs, invalid(path, "all weights are 0, so nobody has a share: want 1 to %d", spec.MaxWeight))
		case weight == 0, weight > spec.MaxWeight:
			errs = append(errs, invalid(path, "%d: want 1 to %d", weight, spec.MaxWeight))
		}
	}
	return errors.Join(errs...)
}

// Leaves of an input.
const (
	inputQueueLeaf  = ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputsInputConfigQueue
	inputTypeLeaf   = ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputsInputConfigInputType
	inputWeightLeaf = ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputsInputConfigWeight
)

func (s *scheduler) decodeInput(d *oc.Device, id string, entry *inputEntry) (spec.SchedulerQueue, error) {
	input := spec.SchedulerQueue{ID: id}
	config := entry.GetConfig()
	if config == nil {
		return input, invalid(s.at(inputQueueLeaf, id), "is missing: name a queue")
	}
	input.Queue, input.Weight = value(config.Queue, ""), value(config.Weight, 0)
	switch config.InputType {
	case oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Inputs_Input_Config_InputType_IN_PROFILE,
		oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Inputs_Input_Config_InputType_OUT_PROFILE:
		return input, &Error{Kind: Unimplemented, Path: s.at(inputTypeLeaf, id).String(), Reason: "schedulers are not stacked: want QUEUE"}
	case oc.OpenconfigQos_Qos_SchedulerPolicies_SchedulerPolicy_Schedulers_Scheduler_Inputs_Input_Config_InputType_UNSET:
		return input, invalid(s.at(inputTypeLeaf, id), "is missing: want QUEUE")
	}
	switch {
	case input.Queue == "":
		return input, invalid(s.at(inputQueueLeaf, id), "is missing: name a queue")
	case qosQueues(d)[input.Queue] == nil:
		return input, invalid(s.at(inputQueueLeaf, id), "there is no queue %s: configure it in /qos/queues, or name another one", input.Queue)
	}
	return input, nil
}

// profileKey says in one string which queues of an interface have which profile.
func profileKey(profiles map[string]string) string {
	var b strings.Builder
	for _, queue := range slices.Sorted(maps.Keys(profiles)) {
		b.WriteString(strconv.Quote(queue) + strconv.Quote(profiles[queue]))
	}
	return b.String()
}

// decodeProfile translates an entry of /qos/queue-management-profiles.
func decodeProfile(_ *oc.Device, name string, entry *profileEntry) (*spec.RED, error) {
	const (
		lowest  = ocpath.QosQueueManagementProfilesQueueManagementProfileRedUniformConfigMinThreshold
		highest = ocpath.QosQueueManagementProfilesQueueManagementProfileRedUniformConfigMaxThreshold
	)
	config := entry.GetRed().GetUniform().GetConfig()
	switch {
	case config == nil || config.MinThreshold == nil:
		return nil, invalid(at(lowest, name), "is missing: want the octets from which on packets are dropped or marked")
	case config.MaxThreshold == nil:
		return nil, invalid(at(highest, name), "is missing: want the octets from which on every packet is dropped or marked")
	case *config.MinThreshold == 0 || *config.MinThreshold >= *config.MaxThreshold:
		return nil, invalid(at(lowest, name), "%d: want more than 0 and less than the max-threshold, %d", *config.MinThreshold, *config.MaxThreshold)
	case *config.MaxThreshold > spec.MaxBurst:
		return nil, invalid(at(highest, name), "%d: want at most %d octets", *config.MaxThreshold, spec.MaxBurst)
	}
	return &spec.RED{Min: uint32(*config.MinThreshold), Max: uint32(*config.MaxThreshold), ECN: value(config.EnableEcn, false)}, nil
}
