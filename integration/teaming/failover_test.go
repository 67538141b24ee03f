package teaming_test

import (
	"testing"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// The load of the tests of failover.
const (
	fewFlows  = 16
	perSecond = 20_000
)

// TestCarrierLossIsNotNoticed pulls a member's cable under load: one frame at
// most is lost, and none when it is back.
func TestCarrierLossIsNotNoticed(t *testing.T) {
	tests := []struct {
		name string
		team element.Team
	}{
		{"static", static()},
		{"LACP fast", lacp("ACTIVE", "FAST")},
		{"LACP slow", lacp("ACTIVE", "SLOW")},
		{"static, IP addresses", with(static(), map[string]any{"distribution": "IP_ADDRESSES"})},
		{"static, dynamic", with(static(), map[string]any{"distribution": "DYNAMIC"})},
		{"static, active-backup", with(static(), map[string]any{"distribution": "ACTIVE_BACKUP", "primary": "m01"})},
		{"LACP, active-backup", with(lacp("ACTIVE", "FAST"), map[string]any{"distribution": "ACTIVE_BACKUP", "primary": "m01"})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t, 3)
			ok(t, p.Configure(t.Context(), tt.team, tt.team))
			backup := tt.team.Options["distribution"] == "ACTIVE_BACKUP"
			if !backup {
				ok(t, p.Ready(t.Context()))
			}
			ok(t, teaming.Reach(p.HostA, p.HostB))
			s := newStream(t, p.HostA, p.HostB, fewFlows, 0)
			t.Run("alone", func(t *testing.T) { loseAndReturn(t, p, s, "m01", func() {}) })
			t.Run("behind another event", func(t *testing.T) {
				loseAndReturn(t, p, s, "m01", func() { ok(t, otherEvent(p.A.Namespace)) })
			})
		})
	}
}

// otherEvent lets a link of a namespace lose its carrier, after which the kernel
// holds the news of further ones back for a second (net/core/link_watch.c).
func otherEvent(n *topology.Namespace) error {
	other, err := topology.New()
	if err != nil {
		return err
	}
	defer other.Close()
	if err := topology.Cable(topology.End{Namespace: n, Name: "other"}, topology.End{Namespace: other, Name: "far"}); err != nil {
		return err
	}
	if err := n.AwaitRunning("other", teaming.Soon); err != nil {
		return err
	}
	if err := other.SetUp("far", false); err != nil {
		return err
	}
	return n.DeleteLink("other")
}

// loseAndReturn takes a member's carrier while frames flow, and gives it back.
func loseAndReturn(t *testing.T, p *teaming.Pair, s *teaming.Stream, member string, before func()) {
	t.Helper()
	n := p.A
	role := "/interfaces/interface[name=" + member + "]/team-member/state/role"
	s.Start(perSecond)
	ok(t, s.Flowing(1000))
	before()
	ok(t, wireOf(p, member).Cut())
	ok(t, n.Leaf(t.Context(), role, "DOWN"))
	ok(t, s.Flowing(1000))
	loss, err := s.Settle()
	ok(t, err)
	t.Logf("carrier lost: %s", loss)
	if loss.Exceeds(1) {
		t.Errorf("carrier lost: %s; want at most 1 lost", loss)
	}
	reason, err := n.Text(t.Context(), "/interfaces/interface[name="+member+"]/team-member/state/reason")
	if err != nil || reason != "NO_CARRIER" {
		t.Errorf("the member is down for %s, %v; want NO_CARRIER", reason, err)
	}
	s.Start(perSecond)
	ok(t, s.Flowing(1000))
	ok(t, wireOf(p, member).Mend())
	ok(t, n.Leaf(t.Context(), role, "ACTIVE"))
	ok(t, p.B.Leaf(t.Context(), role, "ACTIVE"))
	ok(t, s.Flowing(1000))
	loss, err = s.Settle()
	ok(t, err)
	t.Logf("carrier back: %s", loss)
	if loss.Exceeds(0) {
		t.Errorf("carrier back: %s; want none lost", loss)
	}
}

func wireOf(p *teaming.Pair, member string) *traffic.Wire {
	for i, name := range p.Names {
		if name == member {
			return p.Wires[i]
		}
	}
	return nil
}
