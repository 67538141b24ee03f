package teaming_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// opposite is an element that is teamed with an Open vSwitch by two wires, and
// a host at each.
type opposite struct {
	n        *teaming.Node
	ovs      *teaming.OVS
	near     *teaming.Host // at the element
	far      *teaming.Host // at Open vSwitch
	wires    []*traffic.Wire
	bondName string
}

func newOpposite(t *testing.T) *opposite {
	t.Helper()
	testenv.NeedRoot(t)
	o := &opposite{n: newNode(t), bondName: "bond0"}
	var err error
	o.ovs, err = teaming.NewOVS(t.Context(), testenv.Packages(t, teaming.OpenVSwitch()))
	ok(t, err)
	t.Cleanup(func() { ok(t, o.ovs.Close()) })
	o.near, err = o.n.Host("host", 1)
	ok(t, err)
	o.far = &teaming.Host{Namespace: testenv.Namespace(t), MAC: traffic.MAC(0x102), IP: mustAddr("10.9.0.2")}
	ok(t, topology.Cable(topology.End{Namespace: o.ovs.Namespace, Name: "host"},
		topology.End{Namespace: o.far.Namespace, Name: "eth0", MAC: o.far.MAC, Address: mustPrefix("10.9.0.2/16")}))
	for _, name := range teaming.MemberNames(2) {
		w, err := traffic.NewWire(topology.End{Namespace: o.n.Namespace, Name: name}, topology.End{Namespace: o.ovs.Namespace, Name: name})
		ok(t, err)
		t.Cleanup(func() { ok(t, w.Close()) })
		o.wires = append(o.wires, w)
	}
	ok(t, teaming.Neighbours(o.near, o.far))
	_, err = o.ovs.Set(t.Context(), "add-port", "br0", "host", "--", "add-bond", "br0", "bond0", "m01", "m02")
	ok(t, err)
	return o
}

// partner configures the bond of Open vSwitch.
func (o *opposite) partner(t *testing.T, settings ...string) {
	t.Helper()
	_, err := o.ovs.Set(t.Context(), append([]string{"set", "port", o.bondName}, settings...)...)
	ok(t, err)
}

// own configures the team of the element.
func (o *opposite) own(t *testing.T, team element.Team) {
	t.Helper()
	team.Name, team.Members = "team", teaming.MemberNames(2)
	if team.VLAN == nil {
		team.VLAN = element.AccessVLAN(10)
	}
	request := &gpb.SetRequest{Update: append(team.Updates(), element.Access("host", 10))}
	if !team.LACP { // what another team left of it
		request.Delete = []*gpb.Path{element.Path("/lacp/interfaces/interface[name=team]")}
	}
	_, err := o.n.Set(t.Context(), request)
	ok(t, err)
}

// agreed waits until both ends use the members.
func (o *opposite) agreed(t *testing.T, members ...string) {
	t.Helper()
	ok(t, o.n.Members(t.Context(), "team", members...))
	ok(t, teaming.Await(func() error {
		said, err := o.ovs.Show(t.Context(), "bond/show", o.bondName)
		if err == nil && len(enabled.FindAllString(said, -1)) != len(members) {
			err = fmt.Errorf("Open vSwitch says %s", said)
		}
		return err
	}))
}

// enabled is how ovs-appctl shows a member that is used.
var enabled = regexp.MustCompile(`(?m)^(member|slave) \S+: enabled`)

func TestOpenVSwitch(t *testing.T) {
	o := newOpposite(t)
	tests := []struct {
		name    string
		partner []string
		own     element.Team
	}{
		{"active and active, fast", []string{"lacp=active", "bond_mode=balance-tcp", "other_config:lacp-time=fast"}, lacp("ACTIVE", "FAST")},
		{"passive and active, fast", []string{"lacp=passive", "bond_mode=balance-tcp", "other_config:lacp-time=fast"}, lacp("ACTIVE", "FAST")},
		{"active and passive, slow", []string{"lacp=active", "bond_mode=balance-tcp", "other_config:lacp-time=slow"}, lacp("PASSIVE", "SLOW")},
		{"active and active, slow and fast", []string{"lacp=active", "bond_mode=balance-tcp", "other_config:lacp-time=slow"}, lacp("ACTIVE", "FAST")},
		{"without LACP", []string{"lacp=off", "bond_mode=balance-slb"}, static()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o.partner(t, tt.partner...)
			o.own(t, tt.own)
			o.agreed(t, "m01", "m02")
			ok(t, teaming.Reach(o.near, o.far))
			if tt.own.LACP {
				o.statesOfLACP(t)
			}
			o.carries(t)
			o.failsOver(t)
		})
	}
}

// carries sends flows both ways: none is lost, and both members carry some.
func (o *opposite) carries(t *testing.T) {
	t.Helper()
	for _, w := range o.wires {
		ok(t, errors.Join(w.FromA.Reset(), w.FromB.Reset()))
	}
	out, err := teaming.NewStream(o.near, o.far, 256, 0)
	ok(t, err)
	sent := o.streams(t, "to Open vSwitch", out, func() {})
	if left := o.left(t); left != sent.Sent {
		t.Errorf("of %d frames %d left by the members", sent.Sent, left)
	}
	for i, w := range o.wires {
		if total, err := w.FromA.Total(); err != nil || total.Frames == 0 {
			t.Errorf("none left by member %d, %v", i+1, err)
		}
	}
	ok(t, out.Close())
	in, err := teaming.NewStream(o.far, o.near, 256, 0)
	ok(t, err)
	sent = o.streams(t, "from Open vSwitch", in, func() {})
	var came uint64
	for _, w := range o.wires {
		total, err := w.FromB.Total()
		ok(t, err)
		came += total.Frames
	}
	if got := sent.Sent - uint64(sent.Lost); got != came {
		t.Errorf("of %d frames that came by the members %d arrived", came, got)
	}
	ok(t, in.Close())
}

// streams runs a stream while something is done. What Open vSwitch loses, which
// switches in a process of its own, is only told.
func (o *opposite) streams(t *testing.T, what string, s *teaming.Stream, do func()) teaming.Loss {
	t.Helper()
	s.Start(perSecond / 4)
	ok(t, s.Flowing(500))
	do()
	ok(t, s.Flowing(500))
	loss, err := s.Settle()
	ok(t, err)
	t.Logf("%s: %s", what, loss)
	if loss.Late != 0 {
		t.Errorf("%s: %s; want none late", what, loss)
	}
	return loss
}

// failsOver cuts a wire under load, and mends it.
func (o *opposite) failsOver(t *testing.T) {
	t.Helper()
	s, err := teaming.NewStream(o.near, o.far, fewFlows, 0)
	ok(t, err)
	defer s.Close()
	wants := func(most uint64, what string, do func()) {
		t.Helper()
		before := o.left(t)
		sent := o.streams(t, what, s, do)
		if left := o.left(t) - before; left+most < sent.Sent || left > sent.Sent {
			t.Errorf("%s: of %d frames %d left by the members", what, sent.Sent, left)
		}
	}
	wants(1, "carrier lost", func() {
		ok(t, o.wires[0].Cut())
		o.agreed(t, "m02")
	})
	wants(0, "carrier back", func() {
		ok(t, o.wires[0].Mend())
		o.agreed(t, "m01", "m02")
	})
}

// left is how many frames have left the element by wires that stood.
func (o *opposite) left(t *testing.T) (sum uint64) {
	t.Helper()
	for _, w := range o.wires {
		total, err := w.FromA.Total()
		ok(t, err)
		sum += total.Frames
	}
	return sum
}

// statesOfLACP compares what both ends say of each other.
func (o *opposite) statesOfLACP(t *testing.T) {
	t.Helper()
	said, err := o.ovs.Show(t.Context(), "lacp/show", o.bondName)
	ok(t, err)
	for _, m := range teaming.MemberNames(2) {
		system, err := o.n.Text(t.Context(), lacpLeaf(m, "system-id"))
		ok(t, err)
		if !strings.Contains(said, "partner sys_id: "+strings.ToLower(system)) {
			t.Errorf("the element's system is %s; Open vSwitch says %s", system, said)
		}
		partner, err := o.n.Text(t.Context(), lacpLeaf(m, "partner-id"))
		ok(t, err)
		if !strings.Contains(said, "sys_id: "+strings.ToLower(partner)) {
			t.Errorf("the partner is %s; Open vSwitch says %s", partner, said)
		}
		for _, leaf := range []string{"synchronization", "collecting", "distributing"} {
			want := map[string]string{"synchronization": "IN_SYNC"}[leaf]
			if want == "" {
				want = "true"
			}
			if got, err := o.n.Text(t.Context(), lacpLeaf(m, leaf)); err != nil || got != want {
				t.Errorf("%s of %s is %s, %v", leaf, m, got, err)
			}
		}
	}
}
