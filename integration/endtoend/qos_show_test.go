package endtoend

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestShowQoS: the command line shows what a queue sends beside what it is given,
// while a guest sends more than that, and what was dropped and classified.
func TestShowQoS(t *testing.T) {
	s := newSite(t, "p1", "p2")
	const given = 4_000_000
	s.configure(append(element.Queues(), element.Access("p1", 10), element.Access("p2", 10),
		element.Policy{Name: "shared", Default: -1, Groups: []element.SchedulerGroup{
			{Strict: true, Maximum: given, Weights: map[int]int{5: 1}}, {Weights: map[int]int{0: 1}}}}.Update(),
		element.Trusts("p1"), element.Schedules("p2", "shared"))...)
	s.forwarding(true, "p1", "p2")
	received, err := traffic.NewPortCount(s.hosts["p2"].namespace, "eth0")
	s.ok(err)
	defer received.Close()
	load, err := traffic.StartLoad(s.hosts["p1"].namespace, s.hosts["p2"].namespace, s.hosts["p2"].ip, traffic.Load{Port: traffic.FirstPort, DSCP: 5 << 3, CPU: -1})
	s.ok(err)
	defer load.Stop()
	testenv.Within(t, 6*soon, func() error {
		out, err := s.cli("show", "qos", "p2", "--json")
		if err != nil {
			return err
		}
		var shown []struct {
			Directions []struct {
				Policy string `json:"scheduler-policy"`
				Queues []struct {
					Queue   string
					Rate    uint64
					Ceiling uint64 `json:"ceiling-rate"`
					Dropped uint64 `json:"dropped-pkts"`
				}
			}
		}
		if err := json.Unmarshal([]byte(out), &shown); err != nil {
			return err
		}
		for _, d := range shown[0].Directions {
			for _, q := range d.Queues {
				if q.Queue == element.Queue(5) && d.Policy == "shared" && q.Ceiling == given && q.Dropped > 0 && q.Rate > given*9/10 && q.Rate < given*11/10 {
					return nil
				}
			}
		}
		return fmt.Errorf("it says\n%s\nwant %s to send what it is given", out, element.Queue(5))
	})
	out, err := s.cli("show", "qos")
	s.ok(err)
	for _, word := range []string{"p2         output     shared", "queue5", "4.00 Mbit/s", "█", "default-class", "trust-dscp-5"} {
		if !strings.Contains(out, word) {
			t.Errorf("it says\n%s\nwant %q in it", out, word)
		}
	}
	t.Logf("signalbox show qos\n%s", out)
	if out, err := s.cli("__complete", "show", "qos", ""); err != nil || !strings.Contains(out, "p2\tshared") {
		t.Errorf("completion says %v\n%s", err, out)
	}
	if out, err := s.cli("show", "qos", "nowhere"); err == nil {
		t.Errorf("an interface without classes is shown: %s", out)
	}
}

// TestQoSBadInput: what can't be is refused with its path, and nothing changes.
func TestQoSBadInput(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(append(element.Queues(), element.Access("p1", 10),
		element.Policy{Name: "shared", Default: 0, Groups: []element.SchedulerGroup{{Weights: map[int]int{0: 1, 1: 2}}}}.Update(),
		element.Schedules("p1", "shared"))...)
	before := s.running()
	const policy = "/qos/scheduler-policies/scheduler-policy[name=bad]/schedulers/scheduler[sequence=1]"
	weights := element.Update(policy+"/inputs/input[id=a]/config", map[string]any{"input-type": "QUEUE", "queue": "queue2", "weight": "0"})
	rate := func(leaf string, n any) *gpb.Update {
		return element.Update(policy+"/one-rate-two-color/config/"+leaf, n)
	}
	tests := []struct {
		name    string
		request *gpb.SetRequest
		words   []string
	}{
		{"a policy in use", &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/qos/scheduler-policies/scheduler-policy[name=shared]")}},
			[]string{"/qos/interfaces/interface[interface-id=p1]/output/scheduler-policy/config/name", "there is no scheduler policy shared"}},
		{"a queue in use", &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/qos/queues/queue[name=queue1]")}},
			[]string{"/qos/forwarding-groups/forwarding-group[name=queue1]/config/output-queue", "there is no queue queue1"}},
		{"all weights are 0", &gpb.SetRequest{Update: []*gpb.Update{weights}}, []string{policy + "/inputs/input[id=a]/config/weight", "nobody has a share"}},
		{"a rate of 0", &gpb.SetRequest{Update: []*gpb.Update{rate("cir", "0")}}, []string{policy + "/one-rate-two-color/config/cir", "8000"}},
		{"a rate of 2^63", &gpb.SetRequest{Update: []*gpb.Update{rate("cir", "9223372036854775808")}}, []string{policy + "/one-rate-two-color/config/cir", "9223372036854775808"}},
		{"a burst below a frame", &gpb.SetRequest{Update: []*gpb.Update{rate("cir", "1000000"), rate("bc", 1000)}}, []string{policy + "/one-rate-two-color/config/bc", "1518"}},
		{"minima above the maximum", &gpb.SetRequest{Update: []*gpb.Update{element.Policy{Name: "bad", Default: -1, Groups: []element.SchedulerGroup{
			{Maximum: 1_000_000}, {Minimum: 2_000_000, Weights: map[int]int{1: 1}}}}.Update()}}, []string{"/qos/scheduler-policies/scheduler-policy[name=bad]/schedulers", "above the maximum"}},
		{"fields that contradict each other", &gpb.SetRequest{Update: []*gpb.Update{
			element.Update("/qos/classifiers/classifier[name=bad]/config/type", "ETHERNET"),
			element.Update("/qos/classifiers/classifier[name=bad]/terms/term[id=1]/conditions/ipv4/config/source-address", "192.0.2.0/24"),
			element.Update("/qos/classifiers/classifier[name=bad]/terms/term[id=1]/conditions/l2/config/ethertype", "ETHERTYPE_IPV6")}},
			[]string{"/qos/classifiers/classifier[name=bad]/terms/term[id=1]/conditions", "matches nothing"}},
		{"policy and bandwidth", &gpb.SetRequest{Update: []*gpb.Update{element.Bandwidth("p1", map[string]any{"maximum-bandwidth": uint64(1_000_000)})}},
			[]string{"/interfaces/interface[name=p1]/bandwidth/config/maximum-bandwidth", "/qos/interfaces/interface[interface-id=p1]/output/scheduler-policy/config/name"}},
		{"no port", &gpb.SetRequest{Update: []*gpb.Update{element.Schedules("p2", "shared")}}, []string{"/qos/interfaces/interface[interface-id=p2]/config/interface-id", "not configured"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { s.refused(tt.request, codes.InvalidArgument, tt.words...) })
	}
	if after := s.running(); after != before {
		t.Errorf("the configuration was\n%s\nand is\n%s", before, after)
	}
}
