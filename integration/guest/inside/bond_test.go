package inside

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// needGuest skips what runs in the guest only.
func needGuest(t *testing.T) {
	t.Helper()
	if os.Getenv("SIGNALBOX_GUEST") == "" {
		t.Skip("this runs in a guest: see integration/guest")
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newNode(t *testing.T) *teaming.Node {
	t.Helper()
	n, err := teaming.NewNode(t.Context(), os.Getenv(testenv.Binary))
	ok(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("an element's log:\n%s", n.Log())
		}
		ok(t, n.Close())
	})
	return n
}

// bonded is an element with a host, and a machine that has a bond to it.
type bonded struct {
	n       *teaming.Node
	host    *teaming.Host
	machine *teaming.Host // its bond is eth0
	wires   []*traffic.Wire
}

var members = teaming.MemberNames(2)

func newBonded(t *testing.T, b topology.Bond, team element.Team) *bonded {
	t.Helper()
	needGuest(t)
	s := &bonded{n: newNode(t), machine: &teaming.Host{Namespace: testenv.Namespace(t), MAC: traffic.MAC(0x102), IP: netip.MustParseAddr("10.9.0.2")}}
	var err error
	s.host, err = s.n.Host("host", 1)
	ok(t, err)
	for _, m := range members {
		w, err := traffic.NewWire(topology.End{Namespace: s.n.Namespace, Name: m}, topology.End{Namespace: s.machine.Namespace, Name: m})
		ok(t, err)
		t.Cleanup(func() { ok(t, w.Close()) })
		s.wires = append(s.wires, w)
	}
	b.MAC, b.Address = s.machine.MAC, netip.MustParsePrefix("10.9.0.2/16")
	ok(t, s.machine.Namespace.Bond("eth0", b, members...))
	team.Name, team.Members, team.VLAN = "team", members, element.AccessVLAN(10)
	ok(t, s.n.Apply(t.Context(), []*gpb.Update{element.Access("host", 10)}, team.Updates()))
	ok(t, teaming.Neighbours(s.host, s.machine))
	return s
}

// ports wants the bond to say of each member's link whether it is up, and with
// LACP what state both ends are in.
func (s *bonded) ports(t *testing.T, want map[string]string, states ...string) {
	t.Helper()
	ok(t, teaming.Await(func() error {
		text, err := s.machine.Namespace.BondText("eth0")
		if err != nil {
			return err
		}
		for _, part := range strings.Split(text, "Slave Interface: ")[1:] {
			name, rest, _ := strings.Cut(part, "\n")
			if !strings.Contains(rest, "MII Status: "+want[name]) {
				return fmt.Errorf("%s should be %s: %s; %s", name, want[name], text, s.n.MembersText(t.Context()))
			}
			if want[name] != "up" || len(states) == 0 {
				continue
			}
			var got []string
			for _, m := range portState.FindAllStringSubmatch(rest, -1) {
				got = append(got, m[1])
			}
			if !slices.Equal(got, states) {
				return fmt.Errorf("%s has the states %q, want %q: %s; %s", name, got, states, text, s.n.MembersText(t.Context()))
			}
		}
		return nil
	}))
}

// portState is how /proc/net/bonding shows the state of an end of a link: first
// the bond's own, then the partner's.
var portState = regexp.MustCompile(`port state: (\d+)`)

const perSecond = 2000 // frames, in an emulated machine

// TestBonds teams an element with bonds of the kernel, and has each lose a
// member and get it back.
func TestBonds(t *testing.T) {
	lacp := func(mode, interval string) element.Team {
		return element.Team{LACP: true, Protocol: map[string]any{"lacp-mode": mode, "interval": interval}}
	}
	tests := []struct {
		name   string
		bond   topology.Bond
		team   element.Team
		states []string // of the bond's end and of the element's
	}{
		{"802.3ad fast", topology.Bond{Mode: "802.3ad", Fast: true}, lacp("ACTIVE", "FAST"), []string{"63", "63"}},
		{"802.3ad slow", topology.Bond{Mode: "802.3ad"}, lacp("ACTIVE", "SLOW"), []string{"61", "61"}},
		{"802.3ad fast to passive slow", topology.Bond{Mode: "802.3ad", Fast: true}, lacp("PASSIVE", "SLOW"), []string{"63", "60"}},
		{"802.3ad passive to active", topology.Bond{Mode: "802.3ad", Fast: true, Passive: true}, lacp("ACTIVE", "FAST"), []string{"62", "63"}},
		{"balance-xor", topology.Bond{Mode: "balance-xor"}, element.Team{}, nil},
		{"active-backup", topology.Bond{Mode: "active-backup"}, element.Team{Options: map[string]any{"distribution": "ACTIVE_BACKUP", "primary": "m01", "primary-reselect": "FAILURE"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newBonded(t, tt.bond, tt.team)
			up := map[string]string{"m01": "up", "m02": "up"}
			s.ports(t, up, tt.states...)
			ok(t, teaming.Reach(s.host, s.machine))
			ok(t, teaming.Reach(s.machine, s.host))
			s.failsOver(t, tt.bond.Mode == "active-backup", up, tt.states)
			s.flows(t, tt.bond.Mode == "active-backup")
		})
	}
}

// failsOver cuts the first wire while flows go to the machine, and mends it.
func (s *bonded) failsOver(t *testing.T, backup bool, up map[string]string, states []string) {
	t.Helper()
	stream, err := teaming.NewStream(s.host, s.machine, 16, 0)
	ok(t, err)
	defer stream.Close()
	stream.Start(perSecond)
	ok(t, stream.Flowing(200))
	ok(t, s.wires[0].Cut())
	ok(t, s.n.Members(t.Context(), "team", "m02"))
	s.ports(t, map[string]string{"m01": "down", "m02": "up"}, states...)
	ok(t, stream.Flowing(200))
	loss, err := stream.Settle()
	ok(t, err)
	t.Logf("carrier lost: %s", loss)
	// A bond that waits for its next look at the carrier drops what comes in at
	// its backup until then.
	if loss.Exceeds(1) && !backup {
		t.Errorf("carrier lost: %s", loss)
	}
	stream.Start(perSecond)
	ok(t, stream.Flowing(200))
	ok(t, s.wires[0].Mend())
	want := members
	if backup { // neither goes back to it
		want = members[1:]
	}
	ok(t, s.n.Members(t.Context(), "team", want...))
	s.ports(t, up, states...)
	ok(t, stream.Flowing(200))
	loss, err = stream.Settle()
	ok(t, err)
	t.Logf("carrier back: %s", loss)
	if loss.Exceeds(0) && !backup {
		t.Errorf("carrier back: %s", loss)
	}
}

// flows sends in both directions: nothing is lost, and where not one of them is
// to carry all, each member carries some to the bond. (A bond takes the hash of
// a packet socket's frames from the socket, so it sends all of them one way.)
func (s *bonded) flows(t *testing.T, backup bool) {
	t.Helper()
	for _, w := range s.wires {
		ok(t, w.FromA.Reset())
	}
	for _, way := range [][2]*teaming.Host{{s.host, s.machine}, {s.machine, s.host}} {
		stream, err := teaming.NewStream(way[0], way[1], 256, 0)
		ok(t, err)
		loss, err := stream.Burst(1024)
		ok(t, err)
		if loss.Exceeds(0) || loss.Late != 0 {
			t.Errorf("%s to %s: %s", way[0].IP, way[1].IP, loss)
		}
		ok(t, stream.Close())
	}
	for i, w := range s.wires {
		total, err := w.FromA.Total()
		ok(t, err)
		if !backup && total.Frames == 0 || backup && i == 0 && total.Frames != 0 {
			t.Errorf("%d frames left by %s", total.Frames, members[i])
		}
	}
}

// TestMutePartner loses the bond's PDUs while the carriers stay.
func TestMutePartner(t *testing.T) {
	s := newBonded(t, topology.Bond{Mode: "802.3ad", Fast: true}, element.Team{LACP: true, Protocol: map[string]any{"interval": "FAST"}})
	ok(t, s.n.Members(t.Context(), "team", members...))
	ok(t, s.wires[0].Mute(true))
	ok(t, s.n.Members(t.Context(), "team", "m02"))
	ok(t, s.n.Leaf(t.Context(), "/interfaces/interface[name=m01]/team-member/state/reason", "NO_PARTNER"))
	ok(t, teaming.Reach(s.host, s.machine))
	ok(t, s.wires[0].Mute(false))
	ok(t, s.n.Members(t.Context(), "team", members...))
	s.ports(t, map[string]string{"m01": "up", "m02": "up"}, "63", "63")
}

// TestRestartIsNotNoticed kills the element: the bond counts no failure, and
// keeps its partner. An emulated machine is too slow to be back within LACP's
// three seconds, so it is the slow rate here.
func TestRestartIsNotNoticed(t *testing.T) {
	s := newBonded(t, topology.Bond{Mode: "802.3ad"}, element.Team{LACP: true, Protocol: map[string]any{"interval": "SLOW"}})
	up := map[string]string{"m01": "up", "m02": "up"}
	s.ports(t, up, "61", "61")
	ok(t, teaming.Reach(s.host, s.machine))
	counts := func() []string {
		text, err := s.machine.Namespace.BondText("eth0")
		ok(t, err)
		return regexp.MustCompile(`(Link Failure Count|Churned Count|Aggregator ID|system mac address): .*`).FindAllString(text, -1)
	}
	before := counts()
	stream, err := teaming.NewStream(s.host, s.machine, 16, 0)
	ok(t, err)
	defer stream.Close()
	stream.Start(perSecond)
	for range 3 {
		ok(t, s.n.Restart(t.Context()))
		ok(t, s.n.Members(t.Context(), "team", members...))
	}
	loss, err := stream.Settle()
	ok(t, err)
	t.Logf("three restarts: %s", loss)
	s.ports(t, up, "61", "61")
	if after := counts(); !slices.Equal(after, before) {
		t.Errorf("the bond said %q, says %q", before, after)
	}
	if loss.Exceeds(0) {
		t.Error(loss)
	}
}
