package endtoend

import (
	"fmt"
	"net"
	"testing"

	"github.com/signalbox/signalbox/integration/element"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/traffic"
)

func TestVLANsAreSeparate(t *testing.T) {
	s := newSite(t, "p1", "p2", "p3")
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Access("p3", 20))
	s.forwarding(true, "p1", "p2", "p3")
	a, b, c := s.hosts["p1"], s.hosts["p2"], s.hosts["p3"]

	s.send(a, frame(a, traffic.Broadcast, "broadcast"))
	s.gets(b, "broadcast")
	s.lacks(c, "broadcast")
	s.lacks(a, "broadcast")

	s.send(b, frame(b, a.mac, "answer"))
	s.gets(a, "answer")
	s.send(a, frame(a, b.mac, "learned"))
	s.gets(b, "learned")
	s.send(a, frame(a, c.mac, "to the other VLAN"))
	s.gets(b, "to the other VLAN") // unknown in VLAN 10, so flooded there
	s.lacks(c, "to the other VLAN")
}

func TestTagsOfTrunks(t *testing.T) {
	s := newSite(t, "access", "trunk", "every", "hybrid")
	s.configure(element.Access("access", 10), element.Trunk("trunk", 0, 10, "20..29"),
		element.Trunk("every", 0), element.Trunk("hybrid", 10, 20))
	s.forwarding(true, "access", "trunk", "every", "hybrid")
	access, trunk, every, hybrid := s.hosts["access"], s.hosts["trunk"], s.hosts["every"], s.hosts["hybrid"]
	tests := []struct {
		name string
		from *host
		tag  int // -1: none
		want map[*host]int
	}{
		{"untagged from an access port", access, -1, map[*host]int{trunk: 10, every: 10, hybrid: -1}},
		{"priority-tagged from an access port", access, 0, map[*host]int{trunk: 10, every: 10, hybrid: -1}},
		{"own VLAN tagged at an access port", access, 10, nil},
		{"tagged 10 from a trunk", trunk, 10, map[*host]int{access: -1, every: 10, hybrid: -1}},
		{"tagged 20 from a trunk", trunk, 20, map[*host]int{every: 20, hybrid: 20}},
		{"tagged 25, which hybrid does not carry", trunk, 25, map[*host]int{every: 25}},
		{"tagged 30, which does not exist", trunk, 30, nil},
		{"untagged at a trunk without native VLAN", trunk, -1, nil},
		{"untagged at a trunk with native VLAN", hybrid, -1, map[*host]int{access: -1, trunk: 10, every: 10}},
		{"tagged with the native VLAN", hybrid, 10, map[*host]int{access: -1, trunk: 10, every: 10}},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := fmt.Sprintf("tags %d.", i)
			f := frame(tt.from, traffic.Broadcast, text)
			if tt.tag >= 0 {
				f.Tagged, f.TCI = true, uint16(tt.tag)
			}
			s.send(tt.from, f)
			for at, want := range tt.want {
				got := s.gets(at, text)
				if tag := vlanOf(got); tag != want {
					t.Errorf("arrives at %s with the tag %d, want %d", at.mac, tag, want)
				}
			}
			for _, at := range s.hosts {
				if _, wanted := tt.want[at]; !wanted {
					s.lacks(at, text)
				}
			}
		})
	}
}

// vlanOf is the VLAN of a tagged frame, -1 for none.
func vlanOf(f traffic.Frame) int {
	if !f.Tagged {
		return -1
	}
	return int(f.TCI & 0xfff)
}

func TestSwitchesShareNothing(t *testing.T) {
	s := newSite(t, "red1", "red2", "blue1", "blue2")
	s.configure(
		element.Switch("red", "red1", "red2"), element.Switch("blue", "blue1", "blue2"),
		element.Access("red1", 10), element.Access("red2", 10), element.Access("blue1", 10), element.Access("blue2", 10),
	)
	s.forwarding(true, "red1", "red2", "blue1", "blue2")
	// The same two addresses on both switches.
	one, two := traffic.MAC(0x111), traffic.MAC(0x222)
	for _, name := range []string{"red", "blue"} {
		s.hosts[name+"1"].mac, s.hosts[name+"2"].mac = one, two
	}
	for _, name := range []string{"red", "blue"} {
		other := map[string]string{"red": "blue", "blue": "red"}[name]
		a, b := s.hosts[name+"1"], s.hosts[name+"2"]
		s.send(a, frame(a, traffic.Broadcast, name+" first"))
		s.gets(b, name+" first")
		s.send(b, frame(b, one, name+" answer"))
		s.gets(a, name+" answer")
		s.send(a, frame(a, two, name+" unicast"))
		s.gets(b, name+" unicast")
		for _, text := range []string{" first", " answer", " unicast"} {
			s.lacks(s.hosts[other+"1"], name+text)
			s.lacks(s.hosts[other+"2"], name+text)
		}
	}
	for _, name := range []string{"red", "blue"} {
		for mac, port := range map[string]string{one.String(): name + "1", two.String(): name + "2"} {
			s.leaf(fmt.Sprintf("/network-instances/network-instance[name=%s]/fdb/mac-table/entries/entry[mac-address=%s][vlan=10]/interface/interface-ref/state/interface", name, mac), port)
		}
	}
}

func TestReservedAddressesStay(t *testing.T) {
	s := newSite(t, "p1", "p2")
	s.configure(element.Access("p1", 10), element.Access("p2", 10))
	s.forwarding(true, "p1", "p2")
	a, b := s.hosts["p1"], s.hosts["p2"]
	for last := range byte(16) {
		s.send(a, frame(a, net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, last}, "reserved"))
	}
	s.send(a, frame(a, net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 0x10}, "not reserved"))
	s.gets(b, "not reserved")
	s.lacks(b, "reserved")
	got := s.count("/interfaces/interface[name=p1]/switch-port/discards/discard[direction=INGRESS][reason=RESERVED_MAC]/state/pkts")
	if got != 16 {
		t.Errorf("%d frames dropped as RESERVED_MAC, want 16", got)
	}
}

func TestStaticEntryNeitherMovesNorAges(t *testing.T) {
	s := newSite(t, "p1", "p2", "p3")
	a, b, c := s.hosts["p1"], s.hosts["p2"], s.hosts["p3"]
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Access("p3", 10),
		element.Switch("default"), element.VLAN("default", 10), element.StaticEntry("default", a.mac.String(), 10, "p1"))
	s.forwarding(true, "p1", "p2", "p3")
	thief := frame(b, traffic.Broadcast, "I am p1")
	thief.Src = a.mac
	s.send(b, thief)
	s.gets(c, "I am p1")
	s.send(c, frame(c, a.mac, "to p1"))
	s.gets(a, "to p1")
	s.lacks(b, "to p1")
}

func TestMovesAreFollowed(t *testing.T) {
	s := newSite(t, "p1", "p2", "p3")
	s.configure(element.Access("p1", 10), element.Access("p2", 10), element.Access("p3", 10))
	s.forwarding(true, "p1", "p2", "p3")
	a, b, c := s.hosts["p1"], s.hosts["p2"], s.hosts["p3"]
	s.send(a, frame(a, traffic.Broadcast, "here"))
	s.gets(c, "here")
	s.send(c, frame(c, a.mac, "before the move"))
	s.gets(a, "before the move")

	moved := frame(b, traffic.Broadcast, "now here")
	moved.Src = a.mac
	s.send(b, moved)
	s.gets(c, "now here")
	s.send(c, frame(c, a.mac, "after the move"))
	s.gets(b, "after the move")
	s.lacks(a, "after the move")
	testenv.Within(t, soon, func() error {
		if n := s.count("/network-instances/network-instance[name=default]/fdb/state/moves"); n != 1 {
			return fmt.Errorf("%d moves, want 1", n)
		}
		return nil
	})
}
