package teaming_test

import (
	"fmt"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
)

// crossing is one way in which VLANs cross a team.
type crossing struct {
	name string
	team map[string]any // at the ends of the team
	host map[string]any // at the hosts
	tci  uint16         // of the hosts' frames
}

func crossings() []crossing {
	return []crossing{
		{"access", element.AccessVLAN(10), element.AccessVLAN(10), 0},
		{"trunk", element.TrunkVLANs(0, 10, 20), element.AccessVLAN(20), 0},
		{"native", element.TrunkVLANs(10, 20), element.AccessVLAN(10), 0},
		{"trunk to trunk", element.TrunkVLANs(0, 10, 20), element.TrunkVLANs(0, 10, 20), 20},
	}
}

func distributions() []string {
	return []string{"TRANSPORT_PORTS", "IP_ADDRESSES", "MAC_ADDRESSES", "VLAN_SOURCE_MAC", "SWITCH_PORT", "DYNAMIC", "ACTIVE_BACKUP"}
}

// TestMatrix has frames of each kind of VLAN cross teams of each mode and
// distribution; what changes between two of them is a Set.
func TestMatrix(t *testing.T) {
	modes := []struct {
		name string
		a, b element.Team
	}{
		{"static", static(), static()},
		{"LACP", lacp("ACTIVE", "FAST"), lacp("PASSIVE", "SLOW")},
	}
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			p := newPair(t, 2)
			ok(t, p.Configure(t.Context(), mode.a, mode.b))
			for _, distribution := range distributions() {
				for _, c := range crossings() {
					t.Run(distribution+" "+c.name, func(t *testing.T) {
						become(t, p, c, distribution)
						crosses(t, p, c.tci)
					})
				}
			}
		})
	}
}

// become changes at both ends how VLANs cross and frames are spread.
func become(t *testing.T, p *teaming.Pair, c crossing, distribution string) {
	t.Helper()
	for _, n := range []*teaming.Node{p.A, p.B} {
		_, err := n.Set(t.Context(), &gpb.SetRequest{
			Replace: []*gpb.Update{
				element.Update("/interfaces/interface[name=host]/ethernet/switched-vlan/config", c.host),
				element.Update("/interfaces/interface[name=team]/aggregation/switched-vlan/config", c.team),
			},
			Update: []*gpb.Update{element.Update("/interfaces/interface[name=team]/aggregation/teaming/config/distribution", distribution)},
		})
		ok(t, err)
	}
}

// crosses wants each frame of some flows to arrive once, in both directions,
// as soon as the team stands.
func crosses(t *testing.T, p *teaming.Pair, tci uint16) {
	t.Helper()
	for _, way := range [][2]*teaming.Host{{p.HostA, p.HostB}, {p.HostB, p.HostA}} {
		s, err := teaming.NewStream(way[0], way[1], fewFlows, tci)
		ok(t, err)
		err = teaming.Await(func() error {
			loss, err := s.Burst(4 * fewFlows)
			if err == nil && loss.Lost != 0 {
				err = fmt.Errorf("%s to %s: %s", way[0].IP, way[1].IP, loss)
			}
			return err
		})
		if err != nil {
			t.Errorf("%v; A: %s; B: %s", err, p.A.MembersText(t.Context()), p.B.MembersText(t.Context()))
		}
		ok(t, s.Close())
	}
}
