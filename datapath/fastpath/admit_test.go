package fastpath

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// arp is an ARP packet of IPv4 in a broadcast; a gratuitous one where sender
// and target are the same.
func arp(src spec.MAC, tag int, sender, target uint32) []byte {
	b := frame(broadcast, src, tag, 28)
	at := len(b) - 28
	binary.BigEndian.PutUint16(b[at-2:], 0x0806)
	copy(b[at:], []byte{0, 1, 8, 0, 6, 4, 0, 1})
	copy(b[at+8:], src[:])
	binary.BigEndian.PutUint32(b[at+14:], sender)
	binary.BigEndian.PutUint32(b[at+24:], target)
	return b
}

// advertisement is a neighbour advertisement to all nodes.
func advertisement(src spec.MAC, flags byte) []byte {
	b := flow{v6: true, proto: unix.IPPROTO_ICMPV6, src: 1, dst: 2}.frame()
	copy(b, []byte{0x33, 0x33, 0, 0, 0, 1})
	copy(b[6:], src[:])
	b[54], b[58] = 136, flags
	return b
}

// TestLAGIngress has frames come in at members of an aggregate with static or
// LACP mode: only collecting members take in, by the aggregate's rules.
func TestLAGIngress(t *testing.T) {
	b := newBed(t, 3+2)
	toHost1 := frame(host(1), host(60), untagged, 46)
	tests := []struct {
		name  string
		setup func(*team)
		frame []byte
		in    spec.DropReason
		out   int // 1: to port 1, 2: to ports 1 and 2, 0: nowhere
	}{
		{name: "unicast", frame: toHost1, out: 1},
		{name: "broadcast", frame: frame(broadcast, host(60), untagged, 46), out: 2},
		{name: "unknown", frame: frame(host(99), host(60), untagged, 46), out: 2},
		{name: "not collecting", setup: func(x *team) { x.collect(1, false) }, frame: toHost1, in: spec.DropLAGInactive},
		{name: "other member not collecting", setup: func(x *team) { x.collect(0, false) }, frame: toHost1, out: 1},
		{name: "collecting, not distributing", setup: func(x *team) {
			x.lag.Members[1].Active = false
			for i := range x.lag.Buckets {
				x.lag.Buckets[i] = LAGBucket{0, NoMember}
			}
			x.put()
		}, frame: toHost1, out: 1},
		{name: "aggregate not forwarding", setup: func(x *team) { x.aggregate(Port{PVID: 10}) }, frame: toHost1, in: spec.DropLAGInactive},
		{name: "aggregate gone", setup: func(x *team) { x.ok(x.o.Ports().Delete(teamPort)) }, frame: toHost1, in: spec.DropLAGInactive},
		{name: "switch disabled", setup: func(x *team) { x.ok(x.o.Switches().Put(1, Switch{})) }, frame: toHost1, in: spec.DropSwitchDisabled},
		{name: "tag at an access aggregate", frame: frame(host(1), host(60), 10, 46), in: spec.DropTagMismatch},
		{name: "trunk", setup: func(x *team) { x.aggregate(trunk(0, 10)) }, frame: frame(host(1), host(60), 10, 46), out: 1},
		{name: "VLAN not carried", setup: func(x *team) { x.aggregate(trunk(0, 10)) }, frame: frame(host(1), host(60), 20, 46), in: spec.DropIngressVLAN},
		{name: "no native VLAN", setup: func(x *team) { x.aggregate(trunk(0, 10)) }, frame: toHost1, in: spec.DropUntagged},
		{name: "back to the aggregate", frame: frame(host(50), host(60), untagged, 46), in: spec.DropLoopback},
		{name: "broadcast, nobody else", setup: func(x *team) { x.members(10, teamPort) }, frame: frame(broadcast, host(60), untagged, 46), in: spec.DropEmptyPortList},
		{name: "source at another port moves", frame: frame(host(1), host(2), untagged, 46), setup: func(x *team) {
			x.run(2, frame(broadcast, host(2), untagged, 46))
		}, out: 1},
		{name: "slow protocol of another type", frame: frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 2}, host(60), untagged, 46), in: spec.DropReservedMAC},
		{name: "LLDP's address under another type", frame: frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 0xe}, host(60), untagged, 46), in: spec.DropReservedMAC},
		{name: "cut short", frame: frame(host(1), host(60), 10, 0)[:16], in: spec.DropMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			team := newTeam(b.sub(t), 2, spec.TransportPorts, false)
			if tt.setup != nil {
				tt.setup(team)
			}
			before := team.counters(firstMember + 1)
			team.run(firstMember+1, tt.frame)
			after := team.counters(firstMember + 1)
			in := diff(after[firstMember+1].In, before[firstMember+1].In)
			checkDrop(t, "in", in, tt.in)
			if in.Frames() != 1 || after[teamPort].In != before[teamPort].In {
				t.Errorf("%d frames counted in at the member, want 1; at the aggregate %+v, before %+v",
					in.Frames(), after[teamPort].In, before[teamPort].In)
			}
			for n, want := range map[int]bool{1: tt.out > 0, 2: tt.out > 1, firstMember: false, firstMember + 1: false} {
				if got := diff(after[n].Out, before[n].Out); got.Frames() > 0 != want || got.Discards() != 0 {
					t.Errorf("out of port %d: %+v, want a frame: %v", n, got, want)
				}
			}
			for _, e := range team.entries() {
				if e.MAC == host(60) && e.Port != teamPort {
					t.Errorf("the source is learned at port %d, want %d", e.Port, teamPort)
				}
			}
		})
	}
}

// TestIndependentIngress has frames come in at both members of a
// switch-independent aggregate of three. The designated member is 0. Host 1's own
// frames leave by member `pinned`, so it takes in those to host 1.
func TestIndependentIngress(t *testing.T) {
	b := newBed(t, 3+3)
	told := func(x *team) { x.run(1, arp(host(1), untagged, 7, 7)) }
	known := func(x *team) { x.run(1, frame(broadcast, host(1), untagged, 46)) }
	both := func(f ...func(*team)) func(*team) {
		return func(x *team) {
			for _, f := range f {
				f(x)
			}
		}
	}
	unstatic := func(x *team) { x.ok(x.o.Statics().Delete(Address{10, host(1)})) }
	const (
		pinned = iota // which members take the frame in
		designated
		all
		none
	)
	tests := []struct {
		name  string
		setup func(*team)
		frame []byte
		takes int
		else_ spec.DropReason // at the others
	}{
		{name: "to a host here", frame: frame(host(1), host(60), untagged, 46), takes: pinned, else_: spec.DropLAGDuplicate},
		{name: "to a host here, soon after a change", setup: (*team).put, frame: frame(host(1), host(60), untagged, 46), takes: all},
		{name: "broadcast", frame: frame(broadcast, host(60), untagged, 46), takes: designated, else_: spec.DropLAGDuplicate},
		{name: "broadcast, soon after a change", setup: (*team).put, frame: frame(broadcast, host(60), untagged, 46), takes: designated, else_: spec.DropLAGDuplicate},
		{name: "multicast", frame: frame(spec.MAC{1, 0, 0x5e, 0, 0, 1}, host(60), untagged, 46), takes: designated, else_: spec.DropLAGDuplicate},
		{name: "unknown", frame: frame(host(99), host(60), untagged, 46), takes: designated, else_: spec.DropLAGDuplicate},
		{name: "to the network", frame: frame(host(50), host(60), untagged, 46), takes: none, else_: spec.DropLoopback},
		{name: "own broadcast", setup: known, frame: frame(broadcast, host(1), untagged, 46), takes: none, else_: spec.DropLAGReflection},
		{name: "own unicast", setup: known, frame: frame(host(2), host(1), untagged, 46), takes: none, else_: spec.DropLAGReflection},
		{name: "own gratuitous ARP", setup: both(unstatic, told), frame: arp(host(1), untagged, 7, 7), takes: none, else_: spec.DropLAGReflection},
		{name: "gratuitous ARP of one that moved", setup: both(unstatic, known), frame: arp(host(1), untagged, 7, 7), takes: designated, else_: spec.DropLAGDuplicate},
		{name: "advertisement of one that moved", setup: both(unstatic, known), frame: advertisement(host(1), 0x20), takes: designated, else_: spec.DropLAGDuplicate},
		{name: "solicited advertisement", setup: both(unstatic, known), frame: advertisement(host(1), 0x60), takes: none, else_: spec.DropLAGReflection},
		{name: "ARP request of one here", setup: both(unstatic, known), frame: arp(host(1), untagged, 7, 8), takes: none, else_: spec.DropLAGReflection},
		{name: "gratuitous ARP of a static entry", frame: arp(host(1), untagged, 7, 7), takes: none, else_: spec.DropLAGReflection},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for m := range uint16(3) {
				team := newTeam(b.sub(t), 3, spec.VLANSourceMAC, true)
				team.settled()
				pin := team.leaves(frame(host(50), host(1), untagged, 46))
				team.static(10, host(1), 1)
				if tt.setup != nil {
					tt.setup(team)
				}
				want := tt.else_
				switch {
				case tt.takes == pinned && int(m) == pin, tt.takes == designated && m == 0, tt.takes == all:
					want = spec.DropNone
				}
				before := team.counters(firstMember + 3)[firstMember+m].In
				team.run(firstMember+m, tt.frame)
				in := diff(team.counters(firstMember + 3)[firstMember+m].In, before)
				checkDrop(t, fmt.Sprintf("at member %d, host 1 is pinned to %d", m, pin), in, want)
			}
		})
	}
}

// settled makes the last change of the table an old one.
func (t *team) settled() {
	table, _ := t.o.LAGs().tables(teamNumber)
	table.Changed -= 60 * t.o.hz
}

// TestIndependentDesignatedDies takes the carrier from the designated member:
// another one takes broadcasts in before anybody writes the table.
func TestIndependentDesignatedDies(t *testing.T) {
	b := newBed(t, 3+3)
	team := newTeam(b, 3, spec.SwitchPort, true)
	taken := func() (by []uint16) {
		for m := range uint16(3) {
			before := team.counters(firstMember + 3)[firstMember+m].In
			team.run(firstMember+m, frame(broadcast, host(60), untagged, 46))
			in := diff(team.counters(firstMember + 3)[firstMember+m].In, before)
			if in.Discards() == 0 {
				by = append(by, m)
			}
		}
		return by
	}
	for _, s := range []struct {
		what   string
		change func()
		want   uint16
	}{
		{"all live", func() {}, 0},
		{"designated dead", func() { team.carrier(0, false) }, 1},
		{"next one dead", func() { team.carrier(1, false) }, 2},
		{"designated is back", func() { team.carrier(0, true); team.wantLive(0) }, 0},
		{"another one designated", func() { team.lag.Designated = 2; team.put() }, 2},
	} {
		s.change()
		if got := taken(); len(got) != 1 || got[0] != s.want {
			t.Errorf("%s: members %v took a broadcast in, want %d", s.what, got, s.want)
		}
	}
}

// TestGratuitousARPMoves lets the lock of a gratuitous ARP pass: then the
// address may go into the network.
func TestGratuitousARPMoves(t *testing.T) {
	b := newBed(t, 3+2)
	team := newTeam(b, 2, spec.VLANSourceMAC, true)
	b.ok(b.o.Statics().Delete(Address{10, host(1)}))
	in := func() spec.Direction {
		before := team.counters(firstMember)[firstMember].In
		team.run(firstMember, arp(host(1), untagged, 7, 7))
		return diff(team.counters(firstMember)[firstMember].In, before)
	}
	team.run(1, arp(host(1), untagged, 7, 7))
	checkDrop(t, "at once", in(), spec.DropLAGReflection)
	team.run(1, frame(broadcast, host(1), untagged, 46))
	checkDrop(t, "after other frames", in(), spec.DropLAGReflection)

	s, ok := b.o.FDB().find(fdbKey(10, host(1)))
	if !ok {
		t.Fatal("the address is not there")
	}
	const told = 1<<32 - 1<<20
	word := *s.port
	*s.port = word&^told | (word&told>>20+4095-1-30)%4095 + 1<<20 // 7.5 s earlier
	team.run(1, frame(broadcast, host(1), untagged, 46))
	b.wantEntries("before the move", Entry{MAC: host(1), Port: 1}, Entry{MAC: host(50), Port: teamPort, Static: true})
	checkDrop(t, "later", in(), spec.DropNone)
	b.wantEntries("moved", Entry{MAC: host(1), Port: teamPort}, Entry{MAC: host(50), Port: teamPort, Static: true})
	// Back here, as at any time.
	team.run(1, frame(broadcast, host(1), untagged, 46))
	b.wantEntries("moved back", Entry{MAC: host(1), Port: 1}, Entry{MAC: host(50), Port: teamPort, Static: true})
}

// TestNoTeaming keeps an address of another port out, and no other one.
func TestNoTeaming(t *testing.T) {
	b := fdbBed(t)
	closed := access(10)
	closed.NoTeaming = true
	b.port(2, closed)
	b.static(10, host(30), 3)
	b.run(1, frame(broadcast, host(1), untagged, 46))
	steps := []struct {
		what string
		port uint16
		src  uint16
		want spec.DropReason
	}{
		{"of another port", 2, 1, spec.DropAddressElsewhere},
		{"static at another port", 2, 30, spec.DropAddressElsewhere},
		{"new", 2, 2, spec.DropNone},
		{"its own", 2, 2, spec.DropNone},
		{"moves away", 3, 2, spec.DropNone},
		{"does not come back", 2, 2, spec.DropAddressElsewhere},
	}
	for _, s := range steps {
		before := b.counters(3)[s.port].In
		b.run(s.port, frame(broadcast, host(s.src), untagged, 46))
		checkDrop(t, s.what, diff(b.counters(3)[s.port].In, before), s.want)
	}
	b.wantEntries("after all", Entry{MAC: host(1), Port: 1}, Entry{MAC: host(2), Port: 3}, Entry{MAC: host(30), Port: 3, Static: true})
	_, err := b.o.FDB().Delete(func(e Entry) bool { return e.MAC == host(2) })
	b.ok(err)
	before := b.counters(3)[2].In
	b.run(2, frame(broadcast, host(2), untagged, 46))
	checkDrop(t, "forgotten elsewhere", diff(b.counters(3)[2].In, before), spec.DropNone)
}
