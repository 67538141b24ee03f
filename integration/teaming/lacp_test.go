package teaming_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/traffic"
)

// memberLeaf is a leaf of what a member does, lacpLeaf one of its LACP.
func memberLeaf(member, leaf string) string {
	return "/interfaces/interface[name=" + member + "]/team-member/state/" + leaf
}

func lacpLeaf(member, leaf string) string {
	return "/lacp/interfaces/interface[name=team]/members/member[interface=" + member + "]/state/" + leaf
}

// down waits until a member carries nothing, for a reason.
func down(t *testing.T, n *teaming.Node, member, reason string) {
	t.Helper()
	if err := n.Leaf(t.Context(), memberLeaf(member, "reason"), reason); err != nil {
		t.Fatalf("%v; %s", err, n.MembersText(t.Context()))
	}
	ok(t, n.Leaf(t.Context(), memberLeaf(member, "distributing"), "false"))
}

func TestTwoPassiveEndsAreShown(t *testing.T) {
	p := newPair(t, 1)
	ok(t, p.Configure(t.Context(), lacp("PASSIVE", "FAST"), lacp("PASSIVE", "FAST")))
	for _, n := range []*teaming.Node{p.A, p.B} {
		if err := n.Leaf(t.Context(), lacpLeaf("m01", "both-passive"), "true"); err != nil {
			t.Errorf("%v; %s", err, n.MembersText(t.Context()))
		}
		down(t, n, "m01", "NO_PARTNER")
		ok(t, n.Leaf(t.Context(), "/interfaces/interface[name=team]/state/oper-status", "LOWER_LAYER_DOWN"))
	}
	ok(t, p.A.Configure(t.Context(), element.Update("/lacp/interfaces/interface[name=team]/config/lacp-mode", "ACTIVE")))
	ok(t, p.Ready(t.Context()))
	for _, n := range []*teaming.Node{p.A, p.B} {
		ok(t, n.Leaf(t.Context(), lacpLeaf("m01", "both-passive"), "false"))
	}
}

// spoken is a node whose members m01… end at speakers of one system.
func spoken(t *testing.T, members int) (*teaming.Node, []*speaker) {
	t.Helper()
	n := newNode(t)
	var speakers []*speaker
	for i, name := range teaming.MemberNames(members) {
		speakers = append(speakers, newSpeaker(t, n, name, end{
			systemPriority: 100, system: traffic.MAC(0xcafe), key: 7, portPriority: 1, port: uint16(i + 1), state: allWell,
		}))
	}
	team := lacp("ACTIVE", "FAST")
	team.Name, team.Members, team.VLAN = "team", teaming.MemberNames(members), element.AccessVLAN(10)
	ok(t, n.Apply(t.Context(), team.Updates()))
	return n, speakers
}

func TestPartnerOfAnotherKeyIsLeftOut(t *testing.T) {
	n, speakers := spoken(t, 3)
	for _, s := range speakers {
		s.begin()
	}
	ok(t, n.Members(t.Context(), "team", "m01", "m02", "m03"))
	tests := []struct {
		name         string
		change, back func(*end)
	}{
		{"another key", func(e *end) { e.key = 8 }, func(e *end) { e.key = 7 }},
		{"another system", func(e *end) { e.system = traffic.MAC(0xbeef) }, func(e *end) { e.system = traffic.MAC(0xcafe) }},
		{"an individual link", func(e *end) { e.state &^= 0x04 }, func(e *end) { e.state = allWell }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			speakers[1].become(tt.change)
			ok(t, n.Members(t.Context(), "team", "m01", "m03"))
			down(t, n, "m02", "WRONG_PARTNER")
			speakers[1].become(tt.back)
			ok(t, n.Members(t.Context(), "team", "m01", "m02", "m03"))
		})
	}
	if changes, err := n.Counter(t.Context(), lacpLeaf("m02", "counters/partner-changes")); err != nil || changes < 2 {
		t.Errorf("%d changes of the partner were counted, %v; want 2 and more", changes, err)
	}
	t.Run("out of sync", func(t *testing.T) {
		speakers[1].become(func(e *end) { e.state &^= 0x38 })
		ok(t, n.Members(t.Context(), "team", "m01", "m03"))
		down(t, n, "m02", "UNSELECTED") // the partner is the better system
		speakers[1].become(func(e *end) { e.state = allWell })
		ok(t, n.Members(t.Context(), "team", "m01", "m02", "m03"))
	})
}

// TestMalformedPDUsChangeNothing sends what is no PDU beside what is one.
func TestMalformedPDUsChangeNothing(t *testing.T) {
	n, speakers := spoken(t, 2)
	for _, s := range speakers {
		s.begin()
	}
	ok(t, n.Members(t.Context(), "team", "m01", "m02"))
	right := pdu(end{system: traffic.MAC(1), port: 1}, end{system: traffic.MAC(2), port: 2})
	with := func(at int, value byte) []byte { b := bytes.Clone(right); b[at] = value; return b }
	bad := map[string][]byte{
		"no octet behind the subtype": {lacpSubtype}, "half a PDU": right[:50], "actor's length 0": with(3, 0),
		"actor's length 255": with(3, 255), "actor of another type": with(2, 9), "partner's length 19": with(23, 19),
		"partner of another type": with(22, 0), "subtype 0": with(0, 0), "subtype 200": with(0, 200),
		"a marker without its information": {markerSubtype, 1},
	}
	sum := func() (sum uint64) {
		for _, leaf := range []string{"lacp-rx-errors", "lacp-unknown-errors", "lacp-errors"} {
			c, err := n.Counter(t.Context(), lacpLeaf("m02", "counters/"+leaf))
			ok(t, err)
			sum += c
		}
		return sum
	}
	changes := func() map[string]uint64 {
		return map[string]uint64{
			"failovers":   counter(t, n, "/interfaces/interface[name=team]/aggregation/teaming/state/failovers"),
			"transitions": counter(t, n, memberLeaf("m02", "transitions")),
		}
	}
	was := changes()
	for name, payload := range bad {
		before := sum()
		ok(t, speakers[1].say(payload))
		if err := teaming.Await(func() error {
			if got := sum(); got != before+1 {
				return fmt.Errorf("%d errors are counted, want %d", got, before+1)
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Longer ones are right, as far as they are known (802.1AX-2020, 6.4.2.4);
	// what is too long for a slow protocol is nothing's business.
	ok(t, speakers[1].say(append(bytes.Clone(right), make([]byte, 1390-len(right))...)))
	ok(t, n.Members(t.Context(), "team", "m01", "m02"))
	if now := changes(); now["failovers"] != was["failovers"] {
		t.Logf("a long PDU of another partner moved the member: %v, before %v", now, was)
	}
}

func counter(t *testing.T, n *teaming.Node, path string) uint64 {
	t.Helper()
	c, err := n.Counter(t.Context(), path)
	ok(t, err)
	return c
}

// TestOwnPDUsComeBack loops what a member sends back to it, and to another
// member: no partner is who one is oneself.
func TestOwnPDUsComeBack(t *testing.T) {
	n, speakers := spoken(t, 2)
	speakers[0].begin()
	ok(t, n.Members(t.Context(), "team", "m01"))
	for i := range 3 { // the second speaker only echoes
		f, err := speakers[1].Receive(teaming.Soon, func(f traffic.Frame) bool { return f.Type == slowType })
		if err != nil {
			t.Fatalf("PDU %d of m02: %v", i, err)
		}
		ok(t, speakers[1].Send(f.Bytes(0)))
	}
	down(t, n, "m02", "LOOP")
	ok(t, n.Members(t.Context(), "team", "m01"))
}

func TestMarkersAreAnswered(t *testing.T) {
	n, speakers := spoken(t, 1)
	s := speakers[0]
	_, err := s.Receive(teaming.Soon, func(f traffic.Frame) bool { return f.Type == slowType })
	ok(t, err) // the element listens
	asked := marker(s.mac, 0xfeed)
	ok(t, s.say(asked))
	f, err := s.Receive(teaming.Soon, func(f traffic.Frame) bool { return f.Type == slowType && f.Payload[0] == markerSubtype })
	ok(t, err)
	want := bytes.Clone(asked)
	want[2] = 2 // a response
	if len(f.Payload) < 110 || !bytes.Equal(f.Payload[:18], want[:18]) {
		t.Errorf("the answer is % x, want % x", f.Payload, want)
	}
	ok(t, n.Leaf(t.Context(), lacpLeaf("m01", "counters/marker-in-pkts"), "1"))
	ok(t, n.Leaf(t.Context(), lacpLeaf("m01", "counters/marker-response-out-pkts"), "1"))
}

func TestThirtyTwoMembers(t *testing.T) {
	p := newPair(t, 32)
	ok(t, p.Configure(t.Context(), lacp("ACTIVE", "FAST"), lacp("ACTIVE", "FAST")))
	ok(t, p.Ready(t.Context()))
	s := newStream(t, p.HostA, p.HostB, manyFlows, 0)
	loss, err := s.Burst(manyFlows)
	ok(t, err)
	if loss.Exceeds(0) {
		t.Error(loss)
	}
	_, frames, err := teaming.Carried(p.Wires, manyFlows)
	ok(t, err)
	if slices.Min(frames) == 0 {
		t.Errorf("the members carried %v: one carried nothing", frames)
	}
	err = p.A.Configure(t.Context(), element.Member("m33", "team"))
	refused(t, err, "m33", "32")
}

// TestMutePartner loses the partner while the carrier stays.
func TestMutePartner(t *testing.T) {
	p := newPair(t, 2)
	ok(t, p.Configure(t.Context(), lacp("ACTIVE", "FAST"), lacp("ACTIVE", "FAST")))
	ok(t, p.Ready(t.Context()))
	ok(t, p.Wires[0].Mute(true))
	for _, n := range []*teaming.Node{p.A, p.B} {
		down(t, n, "m01", "NO_PARTNER")
		ok(t, n.Members(t.Context(), "team", "m02"))
	}
	crosses(t, p, 0)
	ok(t, p.Wires[0].Mute(false))
	ok(t, p.Ready(t.Context()))
	crosses(t, p, 0)
}

// TestPDUsAreFew has a partner that talks without end: the answers stay within
// three a second (IEEE 802.1AX-2020, 6.4.16). Each burst is longer than that.
func TestPDUsAreFew(t *testing.T) {
	n, speakers := spoken(t, 1)
	s := speakers[0]
	s.begin()
	ok(t, n.Members(t.Context(), "team", "m01"))
	_, before := s.hears()
	start := time.Now()
	for i := range 2000 {
		s.become(func(e *end) { e.state ^= 0x08; e.key = uint16(i % 3) })
		s.mu.Lock()
		err := s.say(pdu(s.actor, s.heard))
		s.mu.Unlock()
		ok(t, err)
		time.Sleep(time.Millisecond) // the rate of the talk
	}
	_, after := s.hears()
	if most := 3*int(time.Since(start)/time.Second+1) + 3; after-before > most {
		t.Errorf("%d PDUs in %v, want at most %d", after-before, time.Since(start), most)
	}
	s.become(func(e *end) { e.state, e.key = allWell, 7 })
	ok(t, n.Members(t.Context(), "team", "m01"))
}

// TestRestartWithoutAFlap kills the element again and again under load: the
// partner sees nothing, and no frame is lost.
func TestRestartWithoutAFlap(t *testing.T) {
	p := newPair(t, 2)
	ok(t, p.Configure(t.Context(), lacp("ACTIVE", "FAST"), lacp("ACTIVE", "FAST")))
	ok(t, p.Ready(t.Context()))
	there, back := newStream(t, p.HostA, p.HostB, fewFlows, 0), newStream(t, p.HostB, p.HostA, fewFlows, 0)
	seen := func() map[string]uint64 {
		all := map[string]uint64{"failovers": counter(t, p.B, "/interfaces/interface[name=team]/aggregation/teaming/state/failovers")}
		for _, m := range p.Names {
			all[m+" transitions"] = counter(t, p.B, memberLeaf(m, "transitions"))
			for _, leaf := range []string{"lacp-timeout-transitions", "partner-changes", "lacp-rx-errors", "lacp-errors"} {
				all[m+" "+leaf] = counter(t, p.B, lacpLeaf(m, "counters/"+leaf))
			}
		}
		return all
	}
	before := seen()
	there.Start(perSecond / 2)
	back.Start(perSecond / 2)
	for range 5 {
		ok(t, there.Flowing(500))
		ok(t, p.A.Restart(t.Context()))
		ok(t, p.A.Members(t.Context(), "team", p.Names...))
		for _, m := range p.Names { // it has sent a PDU, and the partner has heard it
			heard := counter(t, p.B, lacpLeaf(m, "counters/lacp-in-pkts"))
			ok(t, teaming.Await(func() error {
				if counter(t, p.B, lacpLeaf(m, "counters/lacp-in-pkts")) == heard {
					return fmt.Errorf("no PDU came at %s", m)
				}
				return nil
			}))
		}
	}
	for _, s := range []*teaming.Stream{there, back} {
		loss, err := s.Settle()
		ok(t, err)
		t.Log(loss)
		if loss.Exceeds(0) {
			t.Errorf("%s; want none lost", loss)
		}
	}
	if after := seen(); !maps.Equal(after, before) {
		t.Errorf("the partner counted %v before, %v after", before, after)
	}
}

// TestMinLinks has fewer members than the aggregate must have.
func TestMinLinks(t *testing.T) {
	for _, team := range []element.Team{static(), lacp("ACTIVE", "FAST")} {
		team.MinLinks = 2
		t.Run(fmt.Sprint("LACP ", team.LACP), func(t *testing.T) {
			p := newPair(t, 2)
			ok(t, p.Configure(t.Context(), team, team))
			ok(t, p.Ready(t.Context()))
			oper := "/interfaces/interface[name=team]/state/oper-status"
			ok(t, p.A.Leaf(t.Context(), oper, "UP"))
			ok(t, p.Wires[1].Cut())
			ok(t, p.A.Leaf(t.Context(), oper, "LOWER_LAYER_DOWN"))
			down(t, p.A, "m01", "TOO_FEW_LINKS")
			s := newStream(t, p.HostA, p.HostB, 4, 0)
			if loss, err := s.Burst(4); err != nil || loss.Lost != 4 {
				t.Errorf("%v, %v; want nothing to cross", loss, err)
			}
			ok(t, p.Wires[1].Mend())
			ok(t, p.Ready(t.Context()))
			err := p.A.Configure(t.Context(), element.Update("/interfaces/interface[name=team]/aggregation/config/min-links", 3))
			refused(t, err, "min-links")
			ok(t, p.Ready(t.Context()))
		})
	}
}
