package endtoend

import (
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

const qosInterfaces = "/qos/interfaces/interface"

// marked is a UDP packet from one host to another with a DSCP.
func marked(from, to *host, dscp byte, size int) traffic.Frame {
	payload := traffic.UDP(to.mac, from.mac, size)[14:]
	payload[1] = dscp << 2
	return traffic.Frame{Dst: to.mac, Src: from.mac, Type: 0x0800, Payload: payload}
}

// classified has p1 trust the DSCP, and what leaves by p2 wait by class: class 5
// before all others.
func classified(t *testing.T) *site {
	t.Helper()
	testenv.NeedRoot(t)
	s := newSite(t, "p1", "p2")
	policy := element.Policy{Name: "by-class", Default: 0, Groups: []element.SchedulerGroup{
		{Strict: true, Weights: map[int]int{5: 1}},
		{Minimum: 100_000_000, Weights: map[int]int{0: 1, 1: 3}},
		{Maximum: 1_000_000_000},
	}}
	s.configure(append(element.Queues(), element.Access("p1", 10), element.Access("p2", 10),
		policy.Update(), element.Trusts("p1"), element.Schedules("p2", "by-class"))...)
	s.forwarding(true, "p1", "p2")
	return s
}

// TestClassesWaitInTheirQueues: what a host marks waits in the queue of its class
// where it leaves, and is counted there and at the term that chose it; a restart
// by SIGKILL changes nothing of it.
func TestClassesWaitInTheirQueues(t *testing.T) {
	s := classified(t)
	p1, p2 := s.hosts["p1"], s.hosts["p2"]
	w := func(dscp byte, n int) {
		for range n {
			s.send(p1, marked(p1, p2, dscp, 100))
		}
	}
	s.send(p2, marked(p2, p1, 0, 100)) // so that its address is known
	s.leaf(qosInterfaces+"[interface-id=p2]/output/queues/queue[name=queue5]/state/guaranteed-rate", "900000000")
	s.leaf(qosInterfaces+"[interface-id=p2]/output/queues/queue[name=queue1]/state/priority", "1")
	s.leaf(qosInterfaces+"[interface-id=p2]/output/scheduler-policy/state/rate", "1000000000")
	w(46, 5)
	w(8, 3)
	sent := qosInterfaces + "[interface-id=p2]/output/queues/queue[name=%s]/state/transmit-pkts"
	s.leaf(fmt.Sprintf(sent, "queue5"), "5")
	s.leaf(fmt.Sprintf(sent, "queue1"), "3")
	s.leaf(qosInterfaces+"[interface-id=p1]/input/terms/term[id=trust-dscp-5]/state/matched-packets", "5")
	s.leaf(qosInterfaces+"[interface-id=p1]/input/terms/term[id=trust-dscp-1]/state/matched-packets", "3")
	s.ok(s.Kill())
	s.start()
	w(46, 2)
	s.leaf(fmt.Sprintf(sent, "queue5"), "7")
	s.leaf(qosInterfaces+"[interface-id=p1]/input/terms/term[id=trust-dscp-5]/state/matched-packets", "7")
	if out, err := s.cli("show", "qos", "p2"); err != nil || !strings.Contains(out, "queue5") {
		t.Errorf("show qos: %v: %s", err, out)
	}
}

// TestClassIsTold: an event and an explanation name the queue.
func TestClassIsTold(t *testing.T) {
	s := classified(t)
	p1, p2 := s.hosts["p1"], s.hosts["p2"]
	s.configure(session("classes", map[string]any{"interface": []string{"p1"}}))
	events := s.watch("classes", nil)
	s.send(p2, marked(p2, p1, 0, 100))
	for range 2 { // looked up, and of a known flow
		s.send(p1, marked(p1, p2, 46, 100))
	}
	events.saw(t, "stage=CLASS", "detail=queue queue5")
	out, err := s.cli("explain", "p1", "--frame", fmt.Sprintf("%x", marked(p1, p2, 46, 100).Bytes(100)))
	if err != nil || !strings.Contains(out, "queue queue5") {
		t.Errorf("explain: %v: %s", err, out)
	}
}

// TestPolicerDropsByItsLine: what is above a policer's rate is dropped, counted by
// reason and by colour, and the event names the rate.
func TestPolicerDropsByItsLine(t *testing.T) {
	testenv.NeedRoot(t)
	s := newSite(t, "p1", "p2")
	p1, p2 := s.hosts["p1"], s.hosts["p2"]
	const policy = "/qos/scheduler-policies/scheduler-policy[name=police]"
	s.configure(element.Access("p1", 10), element.Access("p2", 10),
		element.Update(policy, map[string]any{
			"name": "police", "config": map[string]any{"name": "police"},
			"schedulers": map[string]any{"scheduler": []any{map[string]any{
				"sequence": 3, "config": map[string]any{"sequence": 3},
				"one-rate-two-color": map[string]any{"config": map[string]any{"cir": "8000", "bc": 3000, "queuing-behavior": "POLICE"}},
			}}},
		}),
		element.Update(qosInterfaces+"[interface-id=p1]", map[string]any{
			"interface-id": "p1", "config": map[string]any{"interface-id": "p1"},
			"input": map[string]any{"scheduler-policy": map[string]any{"config": map[string]any{"name": "police"}}},
		}),
		session("drops", map[string]any{"drops-only": true}),
	)
	s.forwarding(true, "p1", "p2")
	events := s.watch("drops", nil)
	for range 20 {
		s.send(p1, marked(p1, p2, 0, 1000))
	}
	event := events.saw(t, "stage=CLASS", "drop-reason=POLICED")
	if want := policy + "/schedulers/scheduler[sequence=3]/one-rate-two-color/config/cir"; event["config-path"] != want {
		t.Errorf("config-path %q, want %q", event["config-path"], want)
	}
	discards := s.count("/interfaces/interface[name=p1]/switch-port/discards/discard[direction=INGRESS][reason=POLICED]/state/pkts")
	exceeding := s.count(qosInterfaces + "[interface-id=p1]/input/scheduler-policy/schedulers/scheduler[sequence=3]/state/exceeding-pkts")
	if discards < 15 || discards != exceeding {
		t.Errorf("%d discards and %d packets above the rate, want the same, most of 20", discards, exceeding)
	}
}

// TestBandwidthIsBothWays: one leaf bounds what a guest sends and what it
// receives; without it the port is as it was.
func TestBandwidthIsBothWays(t *testing.T) {
	testenv.NeedRoot(t)
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Bandwidth("p1", map[string]any{"maximum-bandwidth": uint64(50_000_000)}))
	s.forwarding(true, "p1", "p2")
	s.leaf("/interfaces/interface[name=p1]/bandwidth/state/input-rate", "50000000")
	s.leaf("/interfaces/interface[name=p1]/bandwidth/state/output-rate", "50000000")
	for sequence := range uint16(5) {
		if _, err := traffic.Ping(s.hosts["p1"].namespace, s.hosts["p2"].ip, sequence, soon); err != nil {
			t.Fatal(err)
		}
	}
	for _, direction := range []string{"input", "output"} {
		if n := s.count(qosInterfaces + "[interface-id=p1]/" + direction + "/queues/queue[name=default-class]/state/transmit-pkts"); n < 5 {
			t.Errorf("%s: %d packets went through the queue, want the 5 pings", direction, n)
		}
	}
	_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=p1]/bandwidth")}})
	s.ok(err)
	if _, err := traffic.Ping(s.hosts["p1"].namespace, s.hosts["p2"].ip, 9, soon); err != nil {
		t.Error(err)
	}
	set := func(u *gpb.Update) *gpb.SetRequest { return &gpb.SetRequest{Update: []*gpb.Update{u}} }
	s.refused(set(element.Bandwidth("p1", map[string]any{"maximum-bandwidth": uint64(0)})), codes.InvalidArgument, "maximum-bandwidth")
	s.refused(set(element.Schedules("p1", "none")), codes.InvalidArgument, "/qos/interfaces/interface[interface-id=p1]", "there is no scheduler policy none")
}
