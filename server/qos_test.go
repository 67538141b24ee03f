package server

import (
	"testing"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// named is a configuration in which an entry of /qos/interfaces is about v0.
func named(t *testing.T, before *openconfig.Config, id string) *openconfig.Config {
	t.Helper()
	all, err := tree.New()
	if err != nil {
		t.Fatal(err)
	}
	edit := all.Edit(nil)
	set := func(leaf ocpath.ID, text string, keys ...string) {
		t.Helper()
		v, err := schema.Parse(leaf, text)
		if err == nil {
			err = edit.Set(schema.Path{Node: leaf, Keys: keys}, v)
		}
		if err != nil {
			t.Fatalf("%s: %v", ocpath.Path(leaf), err)
		}
	}
	set(ocpath.InterfacesInterfaceConfigType, "ethernetCsmacd", "v0")
	set(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigInterfaceMode, "ACCESS", "v0")
	set(ocpath.InterfacesInterfaceEthernetSwitchedVlanConfigAccessVlan, "10", "v0")
	set(ocpath.QosQueuesQueueConfigName, "q", "q")
	set(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputsInputConfigInputType, "QUEUE", "s", "1", "q")
	set(ocpath.QosSchedulerPoliciesSchedulerPolicySchedulersSchedulerInputsInputConfigQueue, "q", "s", "1", "q")
	set(ocpath.QosInterfacesInterfaceInterfaceRefConfigInterface, "v0", id)
	set(ocpath.QosInterfacesInterfaceOutputSchedulerPolicyConfigName, "s", id)
	touched := openconfig.NewTouched()
	for _, path := range []schema.Path{
		{Node: ocpath.InterfacesInterface, Keys: []string{"v0"}}, {Node: ocpath.QosQueuesQueue, Keys: []string{"q"}},
		{Node: ocpath.QosSchedulerPoliciesSchedulerPolicy, Keys: []string{"s"}},
		{Node: ocpath.QosInterfacesInterface, Keys: []string{"one"}}, {Node: ocpath.QosInterfacesInterface, Keys: []string{"two"}},
	} {
		touched.Add(path)
	}
	next, _, err := before.Next(edit.Tree(), touched)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestQoSComesAndGoes: classes and rates are told when they are in effect, under
// the names of the configuration, and go when they are not.
func TestQoSComesAndGoes(t *testing.T) {
	const (
		own, one, two = "/qos/interfaces/interface[interface-id=v0]", "/qos/interfaces/interface[interface-id=one]", "/qos/interfaces/interface[interface-id=two]"
		rate, name    = "/output/scheduler-policy/state/rate", "/output/scheduler-policy/state/name"
	)
	w := watch(t, nil, "/qos/interfaces/interface/output/scheduler-policy/state", marker)
	bounded := func(rate uint64) *spec.Interface {
		i := veth("v0", &spec.PortState{Switch: "red", Number: 1})
		i.QoS = &spec.QoSState{Output: &spec.SchedulerState{Rate: rate, Queues: map[string]spec.QueueState{"q": {Ceiling: rate}}}}
		return i
	}
	w.observed(seen(bounded(1e6)))
	w.wants("+ " + own + rate)
	config := named(t, openconfig.NewConfig(), "one")
	w.qosApplied(config)
	w.wants("- "+own, "+ "+one+rate, "+ "+one+name)
	w.qosApplied(named(t, config, "one"))
	w.wants()
	w.observed(seen(bounded(1e6)))
	w.wants()
	w.observed(seen(bounded(2e6)))
	w.wants("+ " + one + rate)
	w.qosApplied(named(t, config, "two"))
	w.wants("- "+one, "+ "+two+rate, "+ "+two+name)
	w.observed(seen(veth("v0", &spec.PortState{Switch: "red", Number: 1})))
	w.wants("- " + two)
	w.observed(seen(bounded(1e6)))
	w.wants("+ "+two+rate, "+ "+two+name)
	w.observed(spec.Event{Interfaces: map[string]*spec.Interface{"v0": nil}})
	w.wants("- " + two)
}
