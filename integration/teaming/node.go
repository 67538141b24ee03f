package teaming

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// Soon is the bound of everything that comes by itself. It is generous: the
// machine is busy, or emulated.
const Soon = 30 * time.Second

// Node is an element in a namespace of its own, and the hosts behind its ports.
type Node struct {
	*element.Process
	Namespace *topology.Namespace
	options   element.Options
	closers
}

// NewNode starts an element that is configured for nothing.
func NewNode(ctx context.Context, binary string) (*Node, error) {
	n := &Node{}
	if err := n.make(ctx, binary); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) make(ctx context.Context, binary string) (err error) {
	if n.Namespace, err = topology.New(); err != nil {
		return err
	}
	n.then(n.Namespace.Close)
	state, err := os.MkdirTemp("", "signalbox-teaming-")
	if err != nil {
		return err
	}
	n.then(func() error { return os.RemoveAll(state) })
	n.options = element.Options{Binary: binary, Namespace: n.Namespace, StateDir: state}
	n.then(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Soon)
		defer cancel()
		return element.Flush(ctx, binary, n.Namespace)
	})
	if n.Process, err = element.Start(ctx, n.options); err != nil {
		return err
	}
	n.then(func() error { return n.Process.Stop() })
	return nil
}

// Restart kills the element and starts it again on the same state.
func (n *Node) Restart(ctx context.Context) (err error) {
	if err := n.Kill(); err != nil {
		return err
	}
	n.Process, err = element.Start(ctx, n.options)
	return err
}

// Host is a host with eth0 behind a port.
type Host struct {
	Namespace *topology.Namespace
	MAC       net.HardwareAddr
	IP        netip.Addr
}

// Host puts a host behind a port of this name. Its number makes its addresses:
// 10.9.0.number, and traffic.MAC of it.
func (n *Node) Host(port string, number uint8) (*Host, error) {
	ns, err := topology.New()
	if err != nil {
		return nil, err
	}
	n.then(ns.Close)
	h := &Host{Namespace: ns, MAC: traffic.MAC(0x100 + uint32(number)), IP: netip.AddrFrom4([4]byte{10, 9, 0, number})}
	err = topology.Cable(topology.End{Namespace: n.Namespace, Name: port, Down: true},
		topology.End{Namespace: ns, Name: "eth0", MAC: h.MAC, Address: netip.PrefixFrom(h.IP, 16)})
	return h, err
}

// Leaf waits until a leaf has a value.
func (n *Node) Leaf(ctx context.Context, path, want string) error {
	return Await(func() error {
		got, err := n.Text(ctx, path)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %s, want %s", path, got, want)
		}
		return err
	})
}

// Members waits until exactly these members of an aggregate carry traffic.
func (n *Node) Members(ctx context.Context, aggregate string, want ...string) error {
	return Await(func() error {
		got, err := n.ActiveMembers(ctx, aggregate)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("active members of %s: %q, want %q; %s", aggregate, got, want, n.MembersText(ctx))
		}
		return err
	})
}

// ActiveMembers are the members of an aggregate that carry traffic, in order.
func (n *Node) ActiveMembers(ctx context.Context, aggregate string) ([]string, error) {
	leaves, err := n.Leaves(ctx, "/interfaces/interface[name="+aggregate+"]/aggregation/teaming/state/active-member")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range leaves {
		for _, e := range v.GetLeaflistVal().GetElement() {
			names = append(names, e.GetStringVal())
		}
	}
	slices.Sort(names)
	return names, nil
}

// MembersText is the state of all members and of their LACP, for who looks for
// why one does not carry traffic.
func (n *Node) MembersText(ctx context.Context) string {
	leaves, err := n.Leaves(ctx, "/interfaces/interface/team-member/state", "/lacp/interfaces/interface/members/member/state")
	if err != nil {
		return err.Error()
	}
	var lines []string
	for path, v := range leaves {
		lines = append(lines, fmt.Sprintf("\n  %s = %s", path, v))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// Discards are the reasons for which frames were dropped, with how many, for who
// looks for a lost frame.
func (n *Node) Discards(ctx context.Context) string {
	if text := n.Counted(ctx, "/interfaces/interface/switch-port/discards"); text != "" {
		return "\n" + text
	}
	return ""
}

// Counter reads one leaf that is a number; 0 where it is not there.
func (n *Node) Counter(ctx context.Context, path string) (uint64, error) {
	leaves, err := n.Leaves(ctx, path)
	for _, v := range leaves {
		return v.GetUintVal(), err
	}
	return 0, err
}

// Apply merges configuration in, in one transaction.
func (n *Node) Apply(ctx context.Context, updates ...[]*gpb.Update) error {
	return n.Configure(ctx, slices.Concat(updates...)...)
}

// Await waits until a condition holds, which gives what is missing, or nil.
func Await(condition func() error) error {
	for deadline := time.Now().Add(Soon); ; time.Sleep(2 * time.Millisecond) { // between two looks
		err := condition()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %w", Soon, err)
		}
	}
}

// closers keeps what has to be undone, last first.
type closers struct{ undo []func() error }

func (c *closers) then(f func() error) { c.undo = append(c.undo, f) }

// Close undoes everything.
func (c *closers) Close() error {
	var err error
	for _, f := range slices.Backward(c.undo) {
		err = errors.Join(err, f())
	}
	c.undo = nil
	return err
}
