package teaming_test

import (
	"fmt"
	"testing"

	"github.com/signalbox/signalbox/integration/teaming"
)

// manyFlows are enough for shares to be told.
const manyFlows = 10_000

// TestFlowsAreSpread sends 10,000 flows over 2, 4 and 8 members: shares are
// even, no frame overtakes another one, and a member's loss moves its own
// flows only.
func TestFlowsAreSpread(t *testing.T) {
	for _, members := range []int{2, 4, 8} {
		t.Run(fmt.Sprint(members, " members"), func(t *testing.T) {
			p := newPair(t, members)
			ok(t, p.Configure(t.Context(), static(), static()))
			ok(t, p.Ready(t.Context()))
			s := newStream(t, p.HostA, p.HostB, manyFlows, 0)
			loss, err := s.Burst(3 * manyFlows)
			ok(t, err)
			if loss.Exceeds(0) || loss.Late != 0 {
				t.Errorf("got %s; want none lost, and none late", loss)
			}
			before, frames, err := teaming.Carried(p.Wires, manyFlows)
			ok(t, err)
			even := float64(3*manyFlows) / float64(members)
			for i, n := range frames {
				if share := float64(n) / even; share < 0.9 || share > 1.1 {
					t.Errorf("member %s carried %d frames, %.1f %% of an even share", p.Names[i], n, 100*share)
				}
			}
			t.Logf("of %d frames the members carried %v", loss.Sent, frames)
			moved(t, p, s, before)
		})
	}
}

// moved cuts the first member's cable and compares which way the flows go, and
// again when it is back.
func moved(t *testing.T, p *teaming.Pair, s *teaming.Stream, before []int) {
	t.Helper()
	ways := func(what string) []int {
		t.Helper()
		for _, w := range p.Wires {
			ok(t, w.FromA.Reset())
		}
		loss, err := s.Burst(manyFlows)
		ok(t, err)
		if loss.Exceeds(0) {
			t.Errorf("%s: %s", what, loss)
		}
		byFlow, _, err := teaming.Carried(p.Wires, manyFlows)
		ok(t, err)
		return byFlow
	}
	ok(t, p.Wires[0].Cut())
	for _, n := range []*teaming.Node{p.A, p.B} {
		ok(t, n.Members(t.Context(), "team", p.Names[1:]...))
	}
	without := ways("without a member")
	others := 0
	for flow, way := range without {
		if before[flow] != 0 && way != before[flow] || way == 0 {
			others++
		}
	}
	t.Logf("%d flows of other members moved", others)
	if others > manyFlows/100 {
		t.Errorf("%d flows of other members moved", others)
	}
	ok(t, p.Wires[0].Mend())
	ok(t, p.Ready(t.Context()))
	differ := 0
	for flow, way := range ways("with all members") {
		if way != before[flow] {
			differ++
		}
	}
	if differ != 0 {
		t.Errorf("%d flows go another way than before the member was lost", differ)
	}
}
