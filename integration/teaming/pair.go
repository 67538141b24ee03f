package teaming

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// Pair is two elements, A and B, with wires between members of the same names,
// and a host behind port "host" of each.
//
//	host A ── A ══ wires ══ B ── host B
type Pair struct {
	A, B         *Node
	HostA, HostB *Host
	Names        []string // of the members, the same at both elements
	Wires        []*traffic.Wire
	closers
}

// MemberNames are the names of count members, in order.
func MemberNames(count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("m%02d", i+1)
	}
	return names
}

// NewPair makes a pair that is configured for nothing.
func NewPair(ctx context.Context, binary string, members int) (*Pair, error) {
	p := &Pair{Names: MemberNames(members)}
	if err := p.make(ctx, binary); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Pair) make(ctx context.Context, binary string) (err error) {
	for _, side := range []struct {
		node   **Node
		host   **Host
		number uint8
	}{{&p.A, &p.HostA, 1}, {&p.B, &p.HostB, 2}} {
		if *side.node, err = NewNode(ctx, binary); err != nil {
			return err
		}
		p.then((*side.node).Close)
		if *side.host, err = (*side.node).Host("host", side.number); err != nil {
			return err
		}
	}
	for _, name := range p.Names {
		w, err := traffic.NewWire(topology.End{Namespace: p.A.Namespace, Name: name}, topology.End{Namespace: p.B.Namespace, Name: name})
		if err != nil {
			return err
		}
		p.then(w.Close)
		p.Wires = append(p.Wires, w)
	}
	return Neighbours(p.HostA, p.HostB)
}

// Neighbours lets hosts know each other's addresses, so that no ARP runs.
func Neighbours(a, b *Host) error {
	return errors.Join(a.Namespace.Neighbour("eth0", b.IP, b.MAC), b.Namespace.Neighbour("eth0", a.IP, a.MAC))
}

// Configure makes aggregate "team" of all members at both ends, and an untagged
// port of VLAN 10 to the hosts. What a team lacks is set: name, members and
// VLAN.
func (p *Pair) Configure(ctx context.Context, a, b element.Team) error {
	for _, side := range []struct {
		node *Node
		team element.Team
	}{{p.A, a}, {p.B, b}} {
		t := side.team
		t.Name = "team"
		if t.Members == nil {
			t.Members = p.Names
		}
		if t.VLAN == nil {
			t.VLAN = element.AccessVLAN(10)
		}
		if err := side.node.Apply(ctx, []*gpb.Update{element.Access("host", 10)}, t.Updates()); err != nil {
			return err
		}
	}
	return nil
}

// Ready waits until all members carry traffic at both ends and the hosts have
// heard of each other.
func (p *Pair) Ready(ctx context.Context) error {
	for _, n := range []*Node{p.A, p.B} {
		if err := n.Members(ctx, "team", p.Names...); err != nil {
			return err
		}
	}
	return Reach(p.HostA, p.HostB)
}

// Reach waits until a ping from one host to the other is answered.
func Reach(from, to *Host) error {
	var sequence uint16
	return Await(func() error {
		sequence++
		_, err := traffic.Ping(from.Namespace, to.IP, sequence, pingBound)
		if err != nil {
			err = fmt.Errorf("ping %s to %s: %w", from.IP, to.IP, err)
		}
		return err
	})
}

// pingBound is how long the answer to one of several pings is waited for.
const pingBound = 500 * time.Millisecond

// Others are the members but those.
func (p *Pair) Others(without ...string) []string {
	return slices.DeleteFunc(slices.Clone(p.Names), func(name string) bool { return slices.Contains(without, name) })
}
