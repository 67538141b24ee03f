package endtoend

import (
	"fmt"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

const operStatus = "/interfaces/interface[name=%s]/state/oper-status"

func TestPortsComeAndGo(t *testing.T) {
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10), element.Access("late", 10))
	s.forwarding(true, "p1")
	s.leaf(fmt.Sprintf(operStatus, "late"), "NOT_PRESENT")

	s.plug("late", 9)
	s.forwarding(true, "late")
	crosses(s, "p1", "late", "appeared")

	s.ok(s.sw.DeleteLink("late"))
	s.leaf(fmt.Sprintf(operStatus, "late"), "NOT_PRESENT")

	s.plug("late", 10)
	s.forwarding(true, "late")
	crosses(s, "p1", "late", "made again")

	s.ok(s.sw.SetUp("late", false))
	s.ok(s.sw.Rename("late", "other"))
	s.leaf(fmt.Sprintf(operStatus, "late"), "NOT_PRESENT")
	s.ok(s.sw.SetUp("other", true))
	a := s.hosts["p1"]
	s.send(a, frame(a, traffic.Broadcast, "to a name that is not configured"))
	s.lacks(s.hosts["late"], "to a name that is not configured")

	s.ok(s.sw.SetUp("other", false))
	s.ok(s.sw.Rename("other", "late"))
	s.forwarding(true, "late")
	crosses(s, "p1", "late", "renamed back")
}

// crosses wants frames to go both ways between the hosts behind two ports.
func crosses(s *site, one, two, text string) {
	s.t.Helper()
	a, b := s.hosts[one], s.hosts[two]
	s.send(a, frame(a, traffic.Broadcast, text))
	s.gets(b, text)
	s.send(b, frame(b, a.mac, text+" answer"))
	s.gets(a, text+" answer")
}

func TestCountersOutliveTheInterface(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "before")
	before := s.count("/interfaces/interface[name=p2]/state/counters/in-pkts")
	s.ok(s.sw.DeleteLink("p2"))
	s.leaf(fmt.Sprintf(operStatus, "p2"), "NOT_PRESENT")
	s.plug("p2", 12)
	s.forwarding(true, "p2")
	crosses(s, "p1", "p2", "after")
	if after := s.count("/interfaces/interface[name=p2]/state/counters/in-pkts"); after <= before {
		t.Errorf("in-pkts is %d after the interface was made again, want more than the %d before", after, before)
	}
}

func TestAdminStateAndCarrier(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	a, b := s.hosts["p1"], s.hosts["p2"]

	s.configure(element.Update("/interfaces/interface[name=p2]/config/enabled", false))
	s.leaf("/interfaces/interface[name=p2]/state/admin-status", "DOWN")
	s.leaf(fmt.Sprintf(operStatus, "p2"), "DOWN")
	s.send(a, frame(a, traffic.Broadcast, "to a port that is down"))
	s.lacks(b, "to a port that is down")

	s.configure(element.Update("/interfaces/interface[name=p2]/config/enabled", true))
	s.forwarding(true, "p2")
	crosses(s, "p1", "p2", "up again")

	s.ok(b.namespace.SetUp("eth0", false))
	s.leaf(fmt.Sprintf(operStatus, "p2"), "DOWN")
	s.ok(b.namespace.SetUp("eth0", true))
	s.leaf(fmt.Sprintf(operStatus, "p2"), "UP")
}

func TestHoldTime(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10),
		element.Update("/interfaces/interface[name=p2]/hold-time/config", map[string]any{"up": 600, "down": 0}))
	s.forwarding(true, "p1", "p2")
	a, b := s.hosts["p1"], s.hosts["p2"]
	s.ok(b.namespace.SetUp("eth0", false))
	s.leaf(fmt.Sprintf(operStatus, "p2"), "DOWN")
	s.ok(b.namespace.SetUp("eth0", true))
	s.send(a, frame(a, traffic.Broadcast, "while held down"))
	s.lacks(b, "while held down")
	s.forwarding(true, "p2")
	crosses(s, "p1", "p2", "after the hold time")
}

func TestAttributesReachTheKernel(t *testing.T) {
	s := newSite(t, "p1")
	s.configure(element.Access("p1", 10),
		element.Update("/interfaces/interface[name=p1]/config", map[string]any{"mtu": 1700, "description": "to the printer"}),
		element.Update("/interfaces/interface[name=p1]/ethernet/config/mac-address", "02:00:00:00:99:01"))
	testenv.Within(t, soon, func() error {
		l, err := s.sw.Link("p1")
		if err != nil {
			return err
		}
		got := fmt.Sprint(l.Attrs().MTU, l.Attrs().Alias, l.Attrs().HardwareAddr)
		if want := fmt.Sprint(1700, "to the printer", "02:00:00:00:99:01"); got != want {
			return fmt.Errorf("the kernel has %s, want %s", got, want)
		}
		return nil
	})
	s.leaf("/interfaces/interface[name=p1]/state/mtu", "1700")
	s.leaf("/interfaces/interface[name=p1]/state/description", "to the printer")
}

func TestInterfacesThatAreNotConfiguredAreLeftAlone(t *testing.T) {
	s := newSite(t, "p1")
	here, there := topology.End{Namespace: s.sw, Name: "mine"}, topology.End{Namespace: testenv.Namespace(t), Name: "far"}
	s.ok(topology.Cable(here, there))
	s.configure(element.Access("p1", 10))
	s.forwarding(true, "p1")
	s.leaf(fmt.Sprintf(operStatus, "mine"), "UP")
	mine, err := traffic.Open(s.sw, "mine")
	s.ok(err)
	defer mine.Close()
	far, err := traffic.Open(there.Namespace, "far")
	s.ok(err)
	defer far.Close()
	f := traffic.Frame{Dst: traffic.Broadcast, Src: traffic.MAC(77), Payload: []byte("for this machine")}
	s.ok(far.Send(f.Bytes(60)))
	if _, err := mine.Receive(soon, carries("for this machine")); err != nil {
		t.Errorf("a frame to the machine itself: %v", err)
	}
	s.lacks(s.hosts["p1"], "for this machine")
}

func TestPortLeavesTheSwitch(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	crosses(s, "p1", "p2", "as ports")
	_, err := s.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=p2]")}})
	s.ok(err)
	testenv.Within(t, soon, func() error {
		leaves, err := s.Leaves(t.Context(), "/interfaces/interface[name=p2]/switch-port/state")
		if err == nil && len(leaves) > 0 {
			err = fmt.Errorf("it is still a port: %v", leaves)
		}
		return err
	})
	a := s.hosts["p1"]
	s.send(a, frame(a, traffic.Broadcast, "no port any more"))
	s.lacks(s.hosts["p2"], "no port any more")
}
