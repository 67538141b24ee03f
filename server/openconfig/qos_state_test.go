package openconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// fullQoS is an interface with each thing that can be in effect.
func fullQoS() *spec.Interface {
	queue := spec.QueueState{Guaranteed: 1e6, Ceiling: 2e6, Burst: 2000, CeilingBurst: 3000, Priority: 1, Quantum: 1514,
		QueueLimit: spec.QueueLimit{Octets: 131072, RED: &spec.RED{Min: 10000, Max: 30000, ECN: true}}}
	rest := spec.QueueState{Ceiling: 2e6, QueueLimit: spec.QueueLimit{Packets: 100}}
	scheduler := &spec.SchedulerState{Rate: 10e6, Burst: 5000, Queues: map[string]spec.QueueState{"voice": queue, "": rest}}
	return &spec.Interface{Name: "p1", Present: true, QoS: &spec.QoSState{
		Input: scheduler, Output: scheduler, Classified: true,
		Policers: []spec.PolicerState{{Sequence: 1, Committed: 1e6, Burst: 12500}, {Sequence: 2, Committed: 1e6, Peak: 2e6, Burst: 12500, PeakBurst: 25000}},
	}}
}

func fullQoSNames() QoSNames {
	return QoSNames{ID: "one", Classifiers: map[string]string{"ETHERNET": "all", "IPV4": "four"}, Trust: "DSCP",
		Terms: []string{"ETHERNET/a/b", "IPV4/10", "trust-dscp-5"}, Input: "in", Output: "out"}
}

func TestQoSInterface(t *testing.T) {
	const at = "/qos/interfaces/interface[interface-id=one]/"
	queues := func(direction string) []string {
		q, d := at+direction+"/queues/queue[name=voice]/", at+direction+"/queues/queue[name=default-class]/"
		return []string{
			d + "name = default-class", d + "state/name = default-class", d + "state/guaranteed-rate = 0", d + "state/ceiling-rate = 2000000",
			d + "state/priority = 0", d + "state/limit-pkts = 100",
			q + "name = voice", q + "state/name = voice", q + "state/guaranteed-rate = 1000000", q + "state/ceiling-rate = 2000000",
			q + "state/burst = 2000", q + "state/ceiling-burst = 3000", q + "state/priority = 1", q + "state/quantum = 1514",
			q + "state/limit-octets = 131072", q + "state/red-min-threshold = 10000", q + "state/red-max-threshold = 30000", q + "state/red-ecn = true",
		}
	}
	policer := at + "input/scheduler-policy/schedulers/scheduler[sequence="
	four := at + "input/classifiers/classifier[type=IPV4]/"
	want := slices.Concat([]string{
		at + "interface-id = one", at + "state/interface-id = one", at + "interface-ref/state/interface = p1",
		at + "input/state/classifier = all", at + "input/state/trust = DSCP",
		at + "input/scheduler-policy/state/name = in", at + "input/scheduler-policy/state/rate = 10000000", at + "input/scheduler-policy/state/burst = 5000",
		at + "output/scheduler-policy/state/name = out", at + "output/scheduler-policy/state/rate = 10000000", at + "output/scheduler-policy/state/burst = 5000",
		four + "type = IPV4", four + "state/type = IPV4", four + "state/name = four",
		four + "terms/term[id=10]/id = 10", four + "terms/term[id=10]/state/id = 10",
		at + "input/terms/term[id=a/b]/id = a/b", at + "input/terms/term[id=a/b]/state/id = a/b",
		at + "input/terms/term[id=trust-dscp-5]/id = trust-dscp-5", at + "input/terms/term[id=trust-dscp-5]/state/id = trust-dscp-5",
		policer + "1]/sequence = 1", policer + "1]/state/sequence = 1", policer + "1]/state/committed-rate = 1000000", policer + "1]/state/committed-burst = 12500",
		policer + "2]/sequence = 2", policer + "2]/state/sequence = 2", policer + "2]/state/committed-rate = 1000000", policer + "2]/state/committed-burst = 12500",
		policer + "2]/state/peak-rate = 2000000", policer + "2]/state/peak-burst = 25000",
	}, queues("input"), queues("output"))
	var got []string
	for _, r := range QoSInterface(fullQoS(), fullQoSNames()) {
		for _, leaf := range r.Leaves {
			got = append(got, fmt.Sprintf("%s = %s", schema.Path{Node: leaf.ID, Keys: r.Keys}, leaf.Value))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestQoSInterfaceTellsWhatIsInEffect: what is configured and not there is not
// told.
func TestQoSInterfaceTellsWhatIsInEffect(t *testing.T) {
	told := func(q *spec.QoSState) map[ocpath.ID]bool {
		leaves := map[ocpath.ID]bool{}
		for _, r := range QoSInterface(&spec.Interface{Name: "p1", QoS: q}, fullQoSNames()) {
			for _, leaf := range r.Leaves {
				leaves[leaf.ID] = true
			}
		}
		return leaves
	}
	if leaves := told(nil); len(leaves) != 0 {
		t.Errorf("told of an interface without classes: %v", leaves)
	}
	leaves := told(&spec.QoSState{})
	for _, id := range []ocpath.ID{
		ocpath.QosInterfacesInterfaceInputStateClassifier, ocpath.QosInterfacesInterfaceInputStateTrust,
		ocpath.QosInterfacesInterfaceInputClassifiersClassifierStateName, ocpath.QosInterfacesInterfaceInputTermsTermStateId,
		ocpath.QosInterfacesInterfaceInputSchedulerPolicyStateName, ocpath.QosInterfacesInterfaceOutputSchedulerPolicyStateName,
	} {
		if leaves[id] {
			t.Errorf("%s is told and nothing of it is in effect", ocpath.Path(id))
		}
	}
}

// TestQoSNames: state is told under the names of the configuration, and what a
// transaction may have renamed is known.
func TestQoSNames(t *testing.T) {
	config, _, err := decode(tree(t, qosText(queuesText, groupsText, classifiersText(`all "type":"ETHERNET";`+termsText(termText("1", ``, ``))), policiesText(`s ;`+schedulersText(`;`+inputsText("bulk"))),
		qosInterfaceText("one", `"interface-ref":{"config":{"interface":"p1"}},"input":{"config":{"signalbox-qos:classifier":"all","signalbox-qos:trust":"PCP"}}`, policyAt("output", "s")))))
	if err != nil {
		t.Fatal(err)
	}
	want := QoSNames{ID: "one", Classifiers: map[string]string{"ETHERNET": "all"}, Trust: "PCP", Output: "s", Terms: []string{"ETHERNET/1", "trust-pcp-1", "trust-pcp-5"}}
	if diff := cmp.Diff(want, config.QoSNames("p1")); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if got := config.QoSNames("p2"); !got.equal(&QoSNames{ID: "p2"}) {
		t.Errorf("p2 has the names %+v", got)
	}
	if !slices.Contains(config.Renamed(), "p1") {
		t.Errorf("renamed are %v", config.Renamed())
	}
	d := NewQoSDirectory()
	for n, step := range []struct {
		names QoSNames
		news  bool
	}{{QoSNames{ID: "p1"}, false}, {want, true}, {want, false}, {QoSNames{ID: "p1"}, true}} {
		if got := d.Set("p1", step.names); got != step.news {
			t.Errorf("step %d is news: %t, want %t", n, got, step.news)
		}
		if got := d.Of("p1"); !got.equal(&step.names) {
			t.Errorf("step %d: %+v", n, got)
		}
	}
	config, _, err = NewConfig().Next(new(oc.Device), NewTouched())
	if err != nil || len(config.Renamed()) != 0 {
		t.Errorf("nothing renames %v, %v", config.Renamed(), err)
	}
}

// counted is a device that counts how often it is read.
type counted struct {
	reads int
	err   error
}

func (c *counted) QoSCounters(context.Context) (map[string]spec.QoSCounters, time.Time, error) {
	c.reads++
	queues := map[string]spec.QueueCounters{"voice": {Packets: 1, Octets: 2, Dropped: 3, Marked: 4, WaitingOctets: 5, WaitingPackets: 6}, "": {Packets: 7}}
	return map[string]spec.QoSCounters{
		"p1": {Input: queues, Output: queues, Terms: []spec.TermCounters{{ID: "IPV4/10", Packets: 1, Octets: 2}, {ID: "ETHERNET/x", Packets: 3, Octets: 4}, {ID: "trust-dscp-5", Packets: 5, Octets: 6}},
			Policers: []spec.PolicerCounters{{Sequence: 7, ConformPackets: 1, ConformOctets: 2, ExceedPackets: 3, ExceedOctets: 4, ViolatePackets: 5, ViolateOctets: 6}}},
		"p2": {Output: map[string]spec.QueueCounters{"voice": {}}},
	}, time.Unix(1, 0), c.err
}

func TestQoSSources(t *testing.T) {
	directory := NewQoSDirectory()
	directory.Set("p1", QoSNames{ID: "one"})
	reading := NewQoSReading(&counted{}, directory)
	tests := []struct {
		name   string
		source source
		keys   []string
		want   []string
	}{
		{"input", NewQoSQueues(reading, true), nil, []string{"one default-class 7 0 0 0 0 0", "one voice 1 2 3 4 5 6"}},
		{"output", NewQoSQueues(reading, false), nil, []string{"one default-class 7 0 0 0 0 0", "one voice 1 2 3 4 5 6", "p2 voice 0 0 0 0 0 0"}},
		{"one interface", NewQoSQueues(reading, false), []string{"p2"}, []string{"p2 voice 0 0 0 0 0 0"}},
		{"one queue", NewQoSQueues(reading, false), []string{"", "default-class"}, []string{"one default-class 7 0 0 0 0 0"}},
		{"by the port's name", NewQoSQueues(reading, false), []string{"p1"}, nil},
		{"terms of the list", NewQoSTerms(reading, true), nil, []string{"one IPV4 10 1 2"}},
		{"terms of another type", NewQoSTerms(reading, true), []string{"one", "IPV6"}, nil},
		{"other terms", NewQoSTerms(reading, false), []string{"one"}, []string{"one trust-dscp-5 5 6", "one x 3 4"}},
		{"policers", NewQoSPolicers(reading), []string{"", "7"}, []string{"one 7 1 2 3 4 5 6"}},
		{"no such policer", NewQoSPolicers(reading), []string{"", "8"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			_, err := tt.source.Read(context.Background(), tt.keys, func(keys []string, values []schema.Value) error {
				text := fmt.Sprint(keys)
				for i, v := range values {
					checkValue(t, tt.source.Leaves()[i], v)
					text += " " + v.String()
				}
				got = append(got, text[1:len(fmt.Sprint(keys))-1]+text[len(fmt.Sprint(keys)):])
				return nil
			})
			slices.Sort(got)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("told %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestQoSReadingIsShared: the sources of one sample read once, and an error is
// told and not kept.
func TestQoSReadingIsShared(t *testing.T) {
	device := &counted{err: errors.New("gone")}
	reading := NewQoSReading(device, NewQoSDirectory())
	read := func() error {
		_, err := NewQoSPolicers(reading).Read(context.Background(), nil, func([]string, []schema.Value) error { return nil })
		return err
	}
	if err := read(); !errors.Is(err, device.err) {
		t.Errorf("got %v, want %v", err, device.err)
	}
	device.err = nil
	if err := read(); err != nil || device.reads != 2 {
		t.Errorf("%d reads, %v, want 2", device.reads, err)
	}
	reading.at = time.Now().Add(time.Hour) // as if it had just been read, however slow this runs
	if err := read(); err != nil || device.reads != 2 {
		t.Errorf("%d reads, %v, want 2: it is shared", device.reads, err)
	}
	reading.at = time.Now().Add(-qosShared)
	if err := read(); err != nil || device.reads != 3 {
		t.Errorf("%d reads, %v, want 3: it is too old", device.reads, err)
	}
}
