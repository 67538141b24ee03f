package teaming_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestStandbyTakesOver loses an active member while a third one waits.
func TestStandbyTakesOver(t *testing.T) {
	for _, team := range []element.Team{static(), lacp("ACTIVE", "FAST")} {
		t.Run(fmt.Sprint("LACP ", team.LACP), func(t *testing.T) {
			p := newPair(t, 3)
			ok(t, p.Configure(t.Context(), with(team, map[string]any{"standby-member": []any{"m03"}}), team))
			ok(t, p.A.Members(t.Context(), "team", "m01", "m02"))
			ok(t, p.A.Leaf(t.Context(), memberLeaf("m03", "role"), "STANDBY"))
			ok(t, p.A.Leaf(t.Context(), memberLeaf("m03", "reason"), "STANDBY"))
			ok(t, teaming.Reach(p.HostA, p.HostB))
			s := newStream(t, p.HostA, p.HostB, fewFlows, 0)
			s.Start(perSecond)
			ok(t, s.Flowing(500))
			ok(t, p.Wires[0].Cut())
			ok(t, p.A.Members(t.Context(), "team", "m02", "m03"))
			ok(t, s.Flowing(500))
			ok(t, p.Wires[0].Mend())
			ok(t, p.A.Members(t.Context(), "team", "m01", "m02"))
			ok(t, p.A.Leaf(t.Context(), memberLeaf("m03", "role"), "STANDBY"))
			ok(t, s.Flowing(500))
			loss, err := s.Settle()
			ok(t, err)
			t.Log(loss)
			if loss.Exceeds(1) {
				t.Error(loss)
			}
		})
	}
}

// TestUpDelay holds a member back whose carrier is new.
func TestUpDelay(t *testing.T) {
	p := newPair(t, 2)
	ok(t, p.Configure(t.Context(), static(), static()))
	ok(t, p.Ready(t.Context()))
	delay := "/interfaces/interface[name=team]/aggregation/teaming/config/up-delay"
	ok(t, p.A.Configure(t.Context(), element.Update(delay, 600_000)))
	ok(t, p.A.Members(t.Context(), "team", p.Names...)) // it is for what comes up from now on
	ok(t, p.Wires[0].Cut())
	down(t, p.A, "m01", "NO_CARRIER")
	ok(t, p.Wires[0].Mend())
	down(t, p.A, "m01", "UP_DELAY")
	ok(t, p.A.Leaf(t.Context(), memberLeaf("m01", "collecting"), "true")) // the other end knows nothing of it
	ok(t, p.A.Configure(t.Context(), element.Update(delay, 0)))
	ok(t, p.Ready(t.Context()))
}

// TestFallback lets one member carry traffic where nobody speaks LACP.
func TestFallback(t *testing.T) {
	n, speakers := spoken(t, 2)
	protocol := "/lacp/interfaces/interface[name=team]/"
	ok(t, n.Configure(t.Context(), element.Update(protocol+"config", map[string]any{"fallback": true, "fallback-timeout": 1})))
	ok(t, n.Leaf(t.Context(), protocol+"state/fell-back", "true"))
	ok(t, n.Members(t.Context(), "team", "m01"))
	for _, s := range speakers { // somebody speaks after all
		s.begin()
	}
	ok(t, n.Members(t.Context(), "team", "m01", "m02"))
	ok(t, n.Leaf(t.Context(), protocol+"state/fell-back", "false"))
}

// TestMembersOfOneSpeed leaves out a member of another speed.
func TestMembersOfOneSpeed(t *testing.T) {
	n, speakers := spoken(t, 1)
	speakers[0].begin()
	ok(t, n.Members(t.Context(), "team", "m01"))
	tap, err := traffic.NewTap(n.Namespace, "m02")
	ok(t, err)
	ok(t, traffic.Speed(n.Namespace, "m02", 1000)) // a veth has 10,000
	t.Cleanup(func() { ok(t, tap.Close()) })
	ok(t, n.Configure(t.Context(), element.Member("m02", "team")))
	_, f, err := tap.Receive(teaming.Soon, func(f traffic.Frame) bool { _, _, is := readPDU(f); return is })
	ok(t, err)
	heard, _, _ := readPDU(f)
	other := end{systemPriority: 100, system: traffic.MAC(0xcafe), key: 7, portPriority: 1, port: 2, state: allWell}
	frame := traffic.Frame{Dst: slowProtocols, Src: traffic.MAC(0x202), Type: slowType, Payload: pdu(other, heard)}.Bytes(60)
	ok(t, teaming.Await(func() error {
		if err := tap.Send(traffic.Offload{}, frame); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // the rate of the partner's PDUs
		reason, err := n.Text(t.Context(), memberLeaf("m02", "reason"))
		if err == nil && reason != "SPEED" {
			err = fmt.Errorf("the reason is %s", reason)
		}
		return err
	}))
	ok(t, n.Members(t.Context(), "team", "m01"))
}

// TestCountersOfATeam wants the aggregate to have counted what its members have,
// also after one of them has left.
func TestCountersOfATeam(t *testing.T) {
	p := newPair(t, 3)
	ok(t, p.Configure(t.Context(), static(), static()))
	ok(t, p.Ready(t.Context()))
	count := func(n *teaming.Node, name, leaf string) uint64 {
		return counter(t, n, "/interfaces/interface[name="+name+"]/state/counters/"+leaf)
	}
	s := newStream(t, p.HostA, p.HostB, manyFlows, 0)
	before := count(p.A, "team", "out-pkts")
	loss, err := s.Burst(manyFlows)
	ok(t, err)
	if loss.Exceeds(0) {
		t.Error(loss)
	}
	for _, side := range []struct {
		n    *teaming.Node
		leaf string
	}{{p.A, "out-pkts"}, {p.A, "out-octets"}, {p.B, "in-pkts"}, {p.B, "in-octets"}} {
		var sum uint64
		for _, m := range p.Names {
			sum += count(side.n, m, side.leaf)
		}
		if got := count(side.n, "team", side.leaf); got != sum {
			t.Errorf("%s of the team is %d, the members' sum %d", side.leaf, got, sum)
		}
	}
	if got := count(p.A, "team", "out-pkts") - before; got != loss.Sent {
		t.Errorf("the team counted %d frames out, sent were %d", got, loss.Sent)
	}
	before = count(p.A, "team", "out-pkts")
	_, err = p.A.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=m03]/ethernet/config/aggregate-id")}})
	ok(t, err)
	if got := count(p.A, "team", "out-pkts"); got != before {
		t.Errorf("a member left, and the team's counter went from %d to %d", before, got)
	}
	ok(t, p.A.Configure(t.Context(), element.Member("m03", "team")))
	if got := count(p.A, "m03", "out-pkts"); got != 0 {
		t.Errorf("a new membership begins with %d frames", got)
	}
}

// TestMembersAreToldOnChange subscribes to all of a team and has it lose a
// member: what became of it comes by itself, in one message.
func TestMembersAreToldOnChange(t *testing.T) {
	p := newPair(t, 2)
	ok(t, p.Configure(t.Context(), lacp("ACTIVE", "FAST"), lacp("ACTIVE", "FAST")))
	ok(t, p.Ready(t.Context()))
	stream, err := p.A.Subscribe(t.Context())
	ok(t, err)
	var wanted []*gpb.Subscription
	for _, path := range []string{"/interfaces/interface[name=m01]/team-member/state", "/interfaces/interface[name=team]/aggregation/teaming/state"} {
		wanted = append(wanted, &gpb.Subscription{Path: element.Path(path), Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	ok(t, stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO, Subscription: wanted,
	}}}))
	told := map[string]*gpb.TypedValue{}
	cut := false
	for told["/interfaces/interface[name=m01]/team-member/state/role"].GetStringVal() != "DOWN" ||
		told["/interfaces/interface[name=team]/aggregation/teaming/state/failovers"].GetUintVal() == 0 ||
		told["/interfaces/interface[name=team]/aggregation/teaming/state/last-failover/reason"].GetStringVal() != "NO_CARRIER" {
		answer, err := stream.Recv()
		ok(t, err)
		if answer.GetSyncResponse() && !cut {
			cut = true
			ok(t, p.Wires[0].Cut())
		}
		for _, u := range answer.GetUpdate().GetUpdate() {
			told[element.Join(answer.GetUpdate().GetPrefix(), u.GetPath())] = u.GetVal()
		}
	}
	if reason := told["/interfaces/interface[name=m01]/team-member/state/reason"].GetStringVal(); reason != "NO_CARRIER" {
		t.Errorf("the role DOWN stands beside the reason %s", reason)
	}
}

// TestAddressAtTwoPorts has a machine send by two ports of a switch: with
// allow-teaming its address moves, without it stays where it is and what comes
// elsewhere is dropped.
func TestAddressAtTwoPorts(t *testing.T) {
	n := newNode(t)
	var hosts []*teaming.Host
	var sockets []*traffic.Socket
	for i, port := range []string{"p1", "p2", "p3"} {
		h, err := n.Host(port, uint8(i+1))
		ok(t, err)
		s, err := traffic.Open(h.Namespace, "eth0")
		ok(t, err)
		t.Cleanup(func() { ok(t, s.Close()) })
		hosts, sockets = append(hosts, h), append(sockets, s)
		ok(t, n.Configure(t.Context(), element.Access(port, 10)))
	}
	for _, h := range hosts {
		ok(t, h.Namespace.AwaitRunning("eth0", teaming.Soon))
	}
	ok(t, teaming.Neighbours(hosts[0], hosts[2]))
	ok(t, teaming.Reach(hosts[0], hosts[2]))
	mac := traffic.MAC(0x999)
	entry := "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=" + mac.String() + "][vlan=10]/interface/interface-ref/state/interface"
	send := func(at int, text string) {
		t.Helper()
		ok(t, sockets[at].Send(traffic.Frame{Dst: hosts[2].MAC, Src: mac, Payload: []byte(text)}.Bytes(60)))
	}
	arrives := func(text string) {
		t.Helper()
		_, err := sockets[2].Receive(teaming.Soon, func(f traffic.Frame) bool { return string(f.Payload[:len(text)]) == text })
		ok(t, err)
	}
	send(0, "first")
	arrives("first")
	ok(t, n.Leaf(t.Context(), entry, "p1"))
	send(1, "moved")
	arrives("moved")
	ok(t, n.Leaf(t.Context(), entry, "p2"))
	ok(t, n.Configure(t.Context(), element.Update("/interfaces/interface[name=p1]/switch-port/config/allow-teaming", false)))
	send(0, "refused")
	send(1, "still here")
	arrives("still here")
	_, err := sockets[2].Receive(1, func(f traffic.Frame) bool { return string(f.Payload[:7]) == "refused" })
	if !errors.Is(err, traffic.ErrTimeout) {
		t.Errorf("the frame at the other port is not dropped: %v", err)
	}
	drops := "/interfaces/interface[name=p1]/switch-port/discards/discard[direction=INGRESS][reason=ADDRESS_ELSEWHERE]/state/pkts"
	ok(t, n.Leaf(t.Context(), drops, "1"))
	ok(t, n.Leaf(t.Context(), entry, "p2"))
}
