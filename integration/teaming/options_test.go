package teaming_test

import (
	"fmt"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
)

// change is one change of a team under load.
type change struct {
	leaf  string // from /interfaces or /lacp on
	value any    // nil deletes it
}

// optionChanges are changes of every option, some there and back.
func optionChanges() []change {
	teaming := "/interfaces/interface[name=team]/aggregation/teaming/config/"
	var all []change
	for _, d := range distributions() {
		all = append(all, change{teaming + "distribution", d})
	}
	return append(all,
		change{teaming + "distribution", "TRANSPORT_PORTS"},
		change{teaming + "primary", "m02"},
		change{teaming + "distribution", "ACTIVE_BACKUP"},
		change{teaming + "primary", "m03"},
		change{teaming + "primary-reselect", "FAILURE"},
		change{teaming + "primary", "m01"},
		change{teaming + "primary-reselect", "BETTER"},
		change{teaming + "primary-reselect", "ALWAYS"},
		change{teaming + "distribution", "DYNAMIC"},
		change{teaming + "flowlet-gap", 50},
		change{teaming + "rebalance-interval", 10},
		change{teaming + "rebalance-interval", 0},
		change{teaming + "primary", nil},
		change{teaming + "standby-member", []any{"m01"}},
		change{teaming + "standby-member", nil},
		change{teaming + "standby-member", []any{"m02", "m03"}},
		change{teaming + "standby-member", nil},
		change{teaming + "distribution", "TRANSPORT_PORTS"},
		change{teaming + "up-delay", 100},
		change{teaming + "up-delay", 0},
		change{teaming + "down-delay", 100},
		change{teaming + "down-delay", 0},
		change{teaming + "announcements", 0},
		change{teaming + "announcements", 3},
		change{teaming + "speed-weighted", true},
		change{teaming + "speed-weighted", false},
		change{"/interfaces/interface[name=m01]/config/forwarding-viable", false},
		change{"/interfaces/interface[name=m01]/config/forwarding-viable", true},
		change{"/interfaces/interface[name=team]/aggregation/config/min-links", 2},
		change{"/interfaces/interface[name=team]/aggregation/config/min-links", 1},
		change{"/interfaces/interface[name=team]/config/description", "changed"},
	)
}

// protocolChanges are those of LACP that leave the partnership alone.
func protocolChanges() []change {
	protocol := "/lacp/interfaces/interface[name=team]/"
	return []change{
		{protocol + "config/interval", "SLOW"}, {protocol + "config/interval", "FAST"},
		{protocol + "config/lacp-mode", "PASSIVE"}, {protocol + "config/lacp-mode", "ACTIVE"},
		{protocol + "config/fallback", true}, {protocol + "config/fallback-timeout", 5}, {protocol + "config/fallback", false},
		{protocol + "members/member[interface=m01]/config/port-priority", 5},
	}
}

// TestOptionsChangeUnderLoad changes every option of a team while 20,000 flows
// cross it: none of them loses a frame.
func TestOptionsChangeUnderLoad(t *testing.T) {
	const flows = 20_000
	for _, team := range []element.Team{static(), lacp("ACTIVE", "FAST")} {
		changes := optionChanges()
		if team.LACP {
			changes = append(changes, protocolChanges()...)
		}
		t.Run(fmt.Sprint("LACP ", team.LACP), func(t *testing.T) {
			p := newPair(t, 3)
			ok(t, p.Configure(t.Context(), team, team))
			ok(t, p.Ready(t.Context()))
			streams := []*teaming.Stream{newStream(t, p.HostA, p.HostB, flows, 0), newStream(t, p.HostB, p.HostA, fewFlows, 0)}
			for _, c := range changes {
				t.Run(fmt.Sprint(c.leaf, " ", c.value), func(t *testing.T) {
					loseNothing(t, streams, func() {
						_, err := p.A.Set(t.Context(), c.request())
						ok(t, err)
					})
				})
			}
			t.Run("a member leaves and joins", func(t *testing.T) { leaveAndJoin(t, p, streams) })
		})
	}
}

// request makes the change; a new list entry on its path comes with it.
func (c change) request() *gpb.SetRequest {
	if c.value == nil {
		return &gpb.SetRequest{Delete: []*gpb.Path{element.Path(c.leaf)}}
	}
	updates := []*gpb.Update{element.Update(c.leaf, c.value)}
	if member, _, entry := strings.Cut(c.leaf, "/config/port-priority"); entry {
		updates = append(updates, element.Update(member+"/config/interface", "m01"))
	}
	return &gpb.SetRequest{Update: updates}
}

// loseNothing does something while both ends send.
func loseNothing(t *testing.T, streams []*teaming.Stream, do func()) {
	t.Helper()
	for _, s := range streams {
		s.Start(perSecond / 2)
		ok(t, s.Flowing(100))
	}
	do()
	for _, s := range streams {
		ok(t, s.Flowing(500))
	}
	for i, s := range streams {
		loss, err := s.Settle()
		ok(t, err)
		t.Log(loss)
		if loss.Exceeds(0) {
			t.Errorf("%s, %s; want none lost", []string{"out", "in"}[i], loss)
		}
	}
}

// leaveAndJoin takes a member out by configuration and puts it back. What is on
// its way to a member that leaves is lost: the other end of a static team does
// not hear of it.
func leaveAndJoin(t *testing.T, p *teaming.Pair, streams []*teaming.Stream) {
	t.Helper()
	loseNothing(t, streams[:1], func() {
		_, err := p.A.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{element.Path("/interfaces/interface[name=m02]/ethernet/config/aggregate-id")}})
		ok(t, err)
		ok(t, p.A.Members(t.Context(), "team", p.Others("m02")...))
	})
	loseNothing(t, streams[:1], func() {
		ok(t, p.A.Configure(t.Context(), element.Member("m02", "team")))
		ok(t, p.A.Members(t.Context(), "team", p.Names...))
	})
}
