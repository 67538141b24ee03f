package teaming_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// islands is an element that is teamed with two bridges which know nothing of
// it, joined by a trunk, with a host at each bridge and two at the element.
//
//	near ┐          ┌ m01 ── left ── far left
//	     ├ element ═╡         │ trunk
//	also ┘          └ m02 ── right ── far right
type islands struct {
	n         *teaming.Node
	near      *teaming.Host
	also      *teaming.Host
	far       [2]*teaming.Host
	bridges   [2]*topology.Namespace
	wires     [2]*traffic.Wire
	listeners map[*teaming.Host]*traffic.Socket
}

func newIslands(t *testing.T) *islands {
	t.Helper()
	testenv.NeedRoot(t)
	is := &islands{n: newNode(t), listeners: map[*teaming.Host]*traffic.Socket{}}
	var err error
	is.near, err = is.n.Host("host", 1)
	ok(t, err)
	is.also, err = is.n.Host("also", 2)
	ok(t, err)
	for i, member := range teaming.MemberNames(2) {
		is.bridges[i] = testenv.Namespace(t)
		w, err := traffic.NewWire(topology.End{Namespace: is.n.Namespace, Name: member}, topology.End{Namespace: is.bridges[i], Name: "team"})
		ok(t, err)
		t.Cleanup(func() { ok(t, w.Close()) })
		is.wires[i] = w
		is.far[i] = &teaming.Host{Namespace: testenv.Namespace(t), MAC: traffic.MAC(0x180 + uint32(i)), IP: mustAddr(fmt.Sprintf("10.9.0.%d", 11+i))}
		ok(t, topology.Cable(topology.End{Namespace: is.bridges[i], Name: "host"},
			topology.End{Namespace: is.far[i].Namespace, Name: "eth0", MAC: is.far[i].MAC, Address: mustPrefix(is.far[i].IP.String() + "/16")}))
	}
	ok(t, topology.Cable(topology.End{Namespace: is.bridges[0], Name: "trunk"}, topology.End{Namespace: is.bridges[1], Name: "trunk"}))
	for _, b := range is.bridges {
		ok(t, b.Bridge("br", "team", "host", "trunk"))
	}
	for _, h := range is.hosts() {
		s, err := traffic.Open(h.Namespace, "eth0")
		ok(t, err)
		t.Cleanup(func() { ok(t, s.Close()) })
		is.listeners[h] = s
		for _, other := range is.hosts() {
			if other != h {
				ok(t, h.Namespace.Neighbour("eth0", other.IP, other.MAC))
			}
		}
	}
	return is
}

func (is *islands) hosts() []*teaming.Host {
	return []*teaming.Host{is.near, is.also, is.far[0], is.far[1]}
}

// configure makes the team; everything is in VLAN 10.
func (is *islands) configure(t *testing.T, options map[string]any) {
	t.Helper()
	options["switch-independent"] = true
	team := element.Team{Name: "team", Members: teaming.MemberNames(2), VLAN: element.AccessVLAN(10), Options: options}
	ok(t, is.n.Apply(t.Context(), []*gpb.Update{element.Access("host", 10), element.Access("also", 10)}, team.Updates()))
	for _, m := range teaming.MemberNames(2) {
		ok(t, is.n.Leaf(t.Context(), memberLeaf(m, "collecting"), "true"))
	}
	for _, h := range is.hosts() {
		ok(t, h.Namespace.AwaitRunning("eth0", teaming.Soon))
	}
	ok(t, teaming.Reach(is.near, is.far[0]))
	ok(t, teaming.Reach(is.also, is.far[1]))
}

func TestSwitchIndependent(t *testing.T) {
	for _, distribution := range []string{"VLAN_SOURCE_MAC", "SWITCH_PORT", "ACTIVE_BACKUP"} {
		t.Run(distribution, func(t *testing.T) {
			is := newIslands(t)
			is.configure(t, map[string]any{"distribution": distribution, "primary": "m01"})
			t.Run("to all", func(t *testing.T) { is.toAll(t) })
			t.Run("to one", func(t *testing.T) { is.toOne(t) })
			t.Run("each address at one place", func(t *testing.T) { is.places(t) })
			t.Run("failover", func(t *testing.T) { is.failsOver(t) })
		})
	}
}

// toAll has each host send broadcasts, multicasts and frames to nobody: each
// other host gets each of them once, and the sender gets none back.
func (is *islands) toAll(t *testing.T) {
	t.Helper()
	const count = 50
	for _, dst := range []net.HardwareAddr{traffic.Broadcast, {0x01, 0x00, 0x5e, 1, 2, 3}, traffic.MAC(0xdead)} {
		for _, from := range is.hosts() {
			for i := range count {
				ok(t, is.listeners[from].Send(traffic.Frame{Dst: dst, Src: from.MAC, Payload: fmt.Appendf(nil, "%s %s %d;", dst, from.IP, i)}.Bytes(60)))
			}
			for _, at := range is.hosts() {
				want := 1
				if at == from {
					want = 0
				}
				is.gets(t, at, fmt.Sprintf("%s %s ", dst, from.IP), count*want, want)
			}
		}
	}
}

// gets wants a host to receive so many frames whose text begins so, each of
// them so often; more are waited for a moment.
func (is *islands) gets(t *testing.T, at *teaming.Host, text string, total, each int) {
	t.Helper()
	seen := map[string]int{}
	bound := teaming.Soon
	for got := 0; ; {
		if got >= total {
			bound = 20 * time.Millisecond // for those that must not come
		}
		f, err := is.listeners[at].Receive(bound, func(f traffic.Frame) bool {
			return f.Type == traffic.EtherTypeLocal && strings.HasPrefix(string(f.Payload), text)
		})
		if errors.Is(err, traffic.ErrTimeout) {
			if got < total {
				t.Errorf("%s got %d of %d frames %q", at.IP, got, total, text)
			}
			break
		}
		ok(t, err)
		got++
		seen[string(f.Payload)]++
	}
	for which, n := range seen {
		if n != each {
			t.Errorf("%s got %q %d times, want %d", at.IP, strings.TrimRight(which, "\x00"), n, each)
			return
		}
	}
}

// toOne streams between all hosts: none is lost, and none comes twice.
func (is *islands) toOne(t *testing.T) {
	t.Helper()
	for _, from := range is.hosts() {
		for _, to := range is.hosts() {
			if from == to {
				continue
			}
			s, err := teaming.NewStream(from, to, fewFlows, 0)
			ok(t, err)
			loss, err := s.Burst(2000)
			ok(t, err)
			if loss.Exceeds(0) || loss.Late != 0 {
				t.Errorf("%s to %s: %s", from.IP, to.IP, loss)
			}
			ok(t, s.Close())
		}
	}
}

// places wants each of the element's hosts to be behind the team at one bridge
// and behind the trunk at the other.
func (is *islands) places(t *testing.T) map[*teaming.Host]int {
	t.Helper()
	at := map[*teaming.Host]int{}
	for _, h := range []*teaming.Host{is.near, is.also} {
		var ports [2]string
		for i, b := range is.bridges {
			behind, err := b.Behind("br")
			ok(t, err)
			ports[i] = behind[h.MAC.String()]
		}
		switch ports {
		case [2]string{"team", "trunk"}:
			at[h] = 0
		case [2]string{"trunk", "team"}:
			at[h] = 1
		default:
			t.Errorf("%s is behind %q of the bridges", h.IP, ports)
		}
	}
	return at
}

// failsOver cuts the member of a host while it receives: the bridges hear of its
// new place by announcements alone, since it sends nothing.
func (is *islands) failsOver(t *testing.T) {
	t.Helper()
	lost := is.places(t)[is.near]
	kept := 1 - lost
	announced := counter(t, is.n, "/interfaces/interface[name=team]/aggregation/teaming/state/announced-addresses")
	s, err := teaming.NewStream(is.far[kept], is.near, fewFlows, 0)
	ok(t, err)
	out, err := teaming.NewStream(is.also, is.far[kept], fewFlows, 0)
	ok(t, err)
	for _, each := range []*teaming.Stream{s, out} {
		each.Start(perSecond / 4)
		ok(t, each.Flowing(500))
	}
	ok(t, is.wires[lost].Cut())
	ok(t, is.n.Leaf(t.Context(), memberLeaf(teaming.MemberNames(2)[lost], "role"), "DOWN"))
	for _, each := range []*teaming.Stream{s, out} {
		ok(t, each.Flowing(500))
	}
	loss, err := s.Settle()
	ok(t, err)
	t.Logf("in, until the bridges knew: %s", loss)
	sent, err := out.Settle()
	ok(t, err)
	t.Logf("out: %s", sent)
	if sent.Exceeds(1) {
		t.Errorf("out: %s; want at most 1 lost", sent)
	}
	ok(t, errors.Join(s.Close(), out.Close()))
	is.now(t, is.near, kept)
	if now := counter(t, is.n, "/interfaces/interface[name=team]/aggregation/teaming/state/announced-addresses"); now <= announced {
		t.Errorf("%d addresses are announced, before %d", now, announced)
	}
	is.toOne(t)
	is.toAll(t)
	ok(t, is.wires[lost].Mend())
	ok(t, is.n.Leaf(t.Context(), memberLeaf(teaming.MemberNames(2)[lost], "collecting"), "true"))
	is.now(t, is.near, lost)
	is.toOne(t)
	is.toAll(t)
}

// now waits until the bridges know a host at a place.
func (is *islands) now(t *testing.T, h *teaming.Host, place int) {
	t.Helper()
	want := [2]string{"trunk", "trunk"}
	want[place] = "team"
	ok(t, teaming.Await(func() error {
		for i, b := range is.bridges {
			behind, err := b.Behind("br")
			if err != nil {
				return err
			}
			if got := behind[h.MAC.String()]; got != want[i] {
				return fmt.Errorf("%s is behind %q of bridge %d, want %q", h.IP, got, i, want[i])
			}
		}
		return nil
	}))
}

// TestSwitchIndependentVLANs has tagged and untagged frames cross to bridges
// that know nothing of VLANs.
func TestSwitchIndependentVLANs(t *testing.T) {
	is := newIslands(t)
	is.configure(t, map[string]any{})
	for _, c := range crossings() {
		t.Run(c.name, func(t *testing.T) {
			_, err := is.n.Set(t.Context(), &gpb.SetRequest{Replace: []*gpb.Update{
				element.Update("/interfaces/interface[name=host]/ethernet/switched-vlan/config", c.host),
				element.Update("/interfaces/interface[name=also]/ethernet/switched-vlan/config", c.host),
				element.Update("/interfaces/interface[name=team]/aggregation/switched-vlan/config", c.team),
			}})
			ok(t, err)
			far := c.tci // of the frames between the bridges
			if c.name == "trunk" {
				far = 20
			}
			for _, way := range []struct {
				from, to *teaming.Host
				tci      uint16
			}{{is.near, is.far[0], c.tci}, {is.far[0], is.near, far}, {is.also, is.far[1], c.tci}, {is.far[1], is.also, far}} {
				s, err := teaming.NewStream(way.from, way.to, fewFlows, way.tci)
				ok(t, err)
				ok(t, teaming.Await(func() error {
					loss, err := s.Burst(200)
					if err == nil && (loss.Exceeds(0) || loss.Late != 0) {
						err = fmt.Errorf("%s to %s: %s", way.from.IP, way.to.IP, loss)
					}
					return err
				}))
				ok(t, s.Close())
			}
		})
	}
}

// TestAddressMovesByGratuitousARP has an address that was at the element appear
// behind the bridges: frames from there are taken for reflections until a
// gratuitous ARP says that it has moved.
func TestAddressMovesByGratuitousARP(t *testing.T) {
	is := newIslands(t)
	is.configure(t, map[string]any{})
	entry := "/network-instances/network-instance[name=default]/fdb/mac-table/entries/entry[mac-address=" + is.also.MAC.String() + "][vlan=10]/interface/interface-ref/state/interface"
	ok(t, is.n.Leaf(t.Context(), entry, "also"))
	reflected := func() uint64 {
		var sum uint64
		leaves, err := is.n.Leaves(t.Context(), "/interfaces/interface/switch-port/discards")
		ok(t, err)
		for path, v := range leaves {
			if strings.Contains(path, "LAG_REFLECTION") && !strings.HasSuffix(path, "sflow-code") {
				sum += v.GetUintVal()
			}
		}
		return sum
	}
	before := reflected()
	far := is.listeners[is.far[0]]
	ok(t, far.Send(traffic.Frame{Dst: traffic.Broadcast, Src: is.also.MAC, Payload: []byte("reflected")}.Bytes(60)))
	ok(t, far.Send(traffic.Frame{Dst: traffic.Broadcast, Src: is.far[0].MAC, Payload: []byte("behind it")}.Bytes(60)))
	is.gets(t, is.near, "behind it", 1, 1)
	is.gets(t, is.near, "reflected", 0, 0)
	if got := reflected(); got <= before {
		t.Errorf("%d reflections are counted, before %d", got, before)
	}
	ok(t, is.n.Leaf(t.Context(), entry, "also"))
	ok(t, far.Send(gratuitousARP(is.also)))
	ok(t, is.n.Leaf(t.Context(), entry, "team"))
}

// gratuitousARP is a host's announcement of its own address (RFC 5944, 4.6).
func gratuitousARP(h *teaming.Host) []byte {
	ip := h.IP.As4()
	b := []byte{0, 1, 8, 0, 6, 4, 0, 1}
	b = append(append(b, h.MAC...), ip[:]...)
	b = append(append(b, 0, 0, 0, 0, 0, 0), ip[:]...)
	return traffic.Frame{Dst: traffic.Broadcast, Src: h.MAC, Type: 0x0806, Payload: b}.Bytes(60)
}
