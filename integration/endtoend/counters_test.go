package endtoend

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

// TestCountersAddUp sends random frames, right ones and wrong ones, and
// compares: what came in is what was sent, by kind; discards are the sum of the
// reasons; each copy that left or was dropped on its way out is accounted for.
func TestCountersAddUp(t *testing.T) {
	names := []string{"p1", "p2", "p3", "p4"}
	s := newSite(t, names...)
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Trunk("p3", 10, 20), element.Trunk("p4", 0, 10, 20))
	s.forwarding(true, names...)
	random := rand.New(rand.NewPCG(1, 2)) // the same frames each time
	sent := map[string]uint64{}
	before := counters(s)
	for range 2000 {
		port := names[random.IntN(len(names))]
		s.ok(s.hosts[port].Send(randomFrame(random, s, names)))
		sent[port]++
	}
	addUp(s, names, sent, before)
}

// addUp compares what the ports counted since before with what was sent to them and
// what their hosts got, and their discards with the sum of the reasons, all of it
// since ever. It gives the counters.
func addUp(s *site, names []string, sent, before map[string]uint64) (after map[string]uint64) {
	s.t.Helper()
	testenv.Within(s.t, soon, func() error {
		after = counters(s)
		for _, port := range names {
			path := "/interfaces/interface[name=" + port + "]/state/counters/"
			if got := after[path+"in-pkts"] - before[path+"in-pkts"]; got != sent[port] {
				return fmt.Errorf("%s has %d of the %d frames sent to it", port, got, sent[port])
			}
			l, err := s.hosts[port].namespace.Link("eth0")
			if err != nil {
				return err
			}
			arrived := l.Attrs().Statistics.RxPackets
			if got := after[path+"out-pkts"]; got != arrived {
				return fmt.Errorf("%s has sent %d frames, the host behind it has got %d", port, got, arrived)
			}
		}
		return nil
	})
	for _, port := range names {
		counter := func(name string) uint64 {
			return after["/interfaces/interface[name="+port+"]/state/counters/"+name]
		}
		for direction, prefix := range map[string]string{"INGRESS": "in", "EGRESS": "out"} {
			if got, want := dropped(after, port, direction), counter(prefix+"-discards"); got != want {
				s.t.Errorf("%s %s: the reasons sum up to %d, the discards are %d", port, direction, got, want)
			}
			kinds := counter(prefix+"-unicast-pkts") + counter(prefix+"-multicast-pkts") + counter(prefix+"-broadcast-pkts")
			if got := counter(prefix + "-pkts"); got != kinds {
				s.t.Errorf("%s: %s-pkts is %d, the kinds sum up to %d", port, prefix, got, kinds)
			}
		}
	}
	return after
}

// randomFrame is a frame that may be right or wrong in any way.
func randomFrame(random *rand.Rand, s *site, names []string) []byte {
	address := func() net.HardwareAddr {
		switch random.IntN(8) {
		case 0:
			return traffic.Broadcast
		case 1:
			return net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, byte(random.IntN(18))}
		case 2:
			return net.HardwareAddr{0x33, 0x33, 0, 0, 0, byte(random.IntN(256))}
		case 3:
			return traffic.MAC(uint32(0x1000 + random.IntN(50)))
		}
		return s.hosts[names[random.IntN(len(names))]].mac
	}
	f := traffic.Frame{Dst: address(), Src: address()}
	if random.IntN(2) == 0 {
		f.Tagged, f.TCI = true, []uint16{0, 10, 20, 30, 4095}[random.IntN(5)]
	}
	return f.Bytes(60 + random.IntN(1400))
}

// counters reads all counters of the ports.
func counters(s *site) map[string]uint64 {
	s.t.Helper()
	leaves, err := s.Leaves(s.t.Context(), "/interfaces/interface/state/counters", "/interfaces/interface/switch-port/discards")
	s.ok(err)
	out := map[string]uint64{}
	for path, v := range leaves {
		if n, ok := v.GetValue().(*gpb.TypedValue_UintVal); ok {
			out[path] = n.UintVal
		}
	}
	return out
}

// dropped sums one port's drops of one direction over all reasons.
func dropped(counters map[string]uint64, port, direction string) uint64 {
	var sum uint64
	for path, n := range counters {
		if strings.HasPrefix(path, "/interfaces/interface[name="+port+"]/switch-port/discards/discard[direction="+direction+"]") && strings.HasSuffix(path, "/state/pkts") {
			sum += n
		}
	}
	return sum
}

func TestReasonsOfDrops(t *testing.T) {
	s := newSite(t, "p1", "p2", "trunk")
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Trunk("trunk", 0, 10))
	s.forwarding(true, "p1", "p2", "trunk")
	a, b, c := s.hosts["p1"], s.hosts["p2"], s.hosts["trunk"]
	crosses(s, "p1", "p2", "learn")
	group := net.HardwareAddr{0x01, 0, 0x5e, 0, 0, 1}
	tests := []struct {
		name, port string
		from       *host
		frame      traffic.Frame
	}{
		{"MULTICAST_SOURCE", "p1", a, traffic.Frame{Dst: b.mac, Src: group}},
		{"SOURCE_IS_DEST", "p1", a, traffic.Frame{Dst: a.mac, Src: a.mac}},
		{"TAG_MISMATCH", "p1", a, traffic.Frame{Dst: b.mac, Src: a.mac, Tagged: true, TCI: 10}},
		{"INGRESS_VLAN", "trunk", c, traffic.Frame{Dst: b.mac, Src: c.mac, Tagged: true, TCI: 20}},
		{"UNTAGGED", "trunk", c, traffic.Frame{Dst: b.mac, Src: c.mac}},
		{"LOOPBACK", "p1", a, traffic.Frame{Dst: a.mac, Src: traffic.MAC(0x77)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := "/interfaces/interface[name=" + tt.port + "]/switch-port/discards/discard[direction=INGRESS][reason=" + tt.name + "]/state/pkts"
			before := s.count(path)
			s.send(tt.from, tt.frame)
			testenv.Within(t, soon, func() error {
				if got := s.count(path); got != before+1 {
					return fmt.Errorf("%d frames dropped as %s, want %d", got, tt.name, before+1)
				}
				return nil
			})
		})
	}
}
