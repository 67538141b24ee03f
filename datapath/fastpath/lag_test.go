package fastpath

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// spread are flows as they are met: ten thousand of each, numbered in sequence.
var spread = []struct {
	name string
	flow func(i int) flow
	by   []spec.Distribution // the distributions that tell them apart
}{
	{"source ports", func(i int) flow {
		return flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: uint16(20000 + i), dport: 80}
	},
		[]spec.Distribution{spec.TransportPorts, spec.Dynamic}},
	{"ports of several hosts", func(i int) flow {
		return flow{proto: unix.IPPROTO_UDP, src: uint32(i % 100), dst: 7, sport: uint16(32768 + i/100*2), dport: 53}
	}, []spec.Distribution{spec.TransportPorts}},
	{"destination ports, IPv6", func(i int) flow {
		return flow{v6: true, proto: unix.IPPROTO_UDP, src: 1, dst: 2, sport: 5000, dport: uint16(20000 + i)}
	}, []spec.Distribution{spec.TransportPorts}},
	{"hosts", func(i int) flow { return flow{proto: unix.IPPROTO_TCP, src: uint32(i), dst: 9, sport: 179, dport: 179} },
		[]spec.Distribution{spec.TransportPorts, spec.IPAddresses}},
	{"hosts of two networks", func(i int) flow {
		return flow{src: uint32(i / 100), dst: 1<<16 + uint32(i%100), proto: unix.IPPROTO_ICMP}
	}, []spec.Distribution{spec.TransportPorts, spec.IPAddresses}},
	{"hosts, IPv6", func(i int) flow {
		return flow{v6: true, proto: unix.IPPROTO_TCP, src: uint32(i), dst: 9, sport: 1, dport: 2}
	},
		[]spec.Distribution{spec.TransportPorts, spec.IPAddresses}},
	{"source addresses", func(i int) flow { return flow{sourceMAC: uint16(1000 + i)} },
		[]spec.Distribution{spec.MACAddresses, spec.VLANSourceMAC}},
}

// TestLAGShares sends ten thousand flows of each kind over two to 32 members:
// no member's share is far from even.
func TestLAGShares(t *testing.T) {
	const flows = 10_000
	b := newBed(t, 3+spec.MaxMembers)
	for _, kind := range spread {
		for _, d := range kind.by {
			for n, bound := range map[uint16]float64{2: 3, 3: 3, 4: 3, 8: 3, 32: 6} {
				t.Run(fmt.Sprintf("%s/%s/%d", kind.name, d, n), func(t *testing.T) {
					team := newTeam(b.sub(t), n, d, false)
					before := team.out()
					for i := range flows {
						team.feed(team.ifindex[1], kind.flow(i).frame())
					}
					for m, got := range team.out()[:n] {
						buckets := 0
						for _, bucket := range team.lag.Buckets {
							if int(bucket.First) == m {
								buckets++
							}
						}
						want := flows * float64(buckets) / spec.LAGBuckets
						if off := 100 * math.Abs(float64(got-before[m])-want) / want; off > bound {
							t.Errorf("member %d: %d frames, want %.0f ±%.0f %%", m, got-before[m], want, bound)
						}
					}
				})
			}
		}
	}
}

// TestLAGFailover takes the carrier of one member: exactly its flows leave by
// the second member of their bucket, and they are back when it is. Nobody
// writes a table meanwhile.
func TestLAGFailover(t *testing.T) {
	const flows = 500
	b := newBed(t, 3+8)
	for _, d := range []spec.Distribution{spec.TransportPorts, spec.IPAddresses, spec.MACAddresses, spec.VLANSourceMAC, spec.Dynamic} {
		t.Run(d.String(), func(t *testing.T) {
			team := newTeam(b.sub(t), 8, d, false)
			flow := func(i int) []byte {
				return flow{proto: unix.IPPROTO_TCP, src: uint32(i), dst: 2, sport: 1, dport: 2, sourceMAC: uint16(100 + i)}.frame()
			}
			all := func(dead int) []int {
				var by []int
				for i := range flows {
					m := team.leaves(flow(i))
					if m < 0 || m == dead {
						t.Fatalf("flow %d left by member %d, member %d is dead", i, m, dead)
					}
					by = append(by, m)
				}
				return by
			}
			whole := all(-1)
			const dead = 5
			team.carrier(dead, false)
			failed := all(dead)
			moved := map[int]int{}
			for i := range whole {
				if whole[i] != dead && failed[i] != whole[i] {
					t.Errorf("flow %d moved from member %d to %d", i, whole[i], failed[i])
				}
				if whole[i] == dead {
					moved[failed[i]]++
				}
			}
			if len(moved) != 7 {
				t.Errorf("the flows of the dead member went to %v, want all seven others", moved)
			}
			team.carrier(dead, true)
			team.wantLive(dead)
			if d := cmp.Diff(whole, all(-1)); d != "" {
				t.Errorf("members after the carrier is back (-before +after):\n%s", d)
			}
		})
	}
}

// wantLive waits until member m is as good as the kernel can make it.
func (t *team) wantLive(m uint16) {
	t.Helper()
	eventually(t, memberName(m)+" has carrier", func() error {
		up := []bool{false}
		t.ok(t.o.Carriers([]uint32{t.ifindex[firstMember+m]}, up))
		if !up[0] {
			return fmt.Errorf("it has none")
		}
		return nil
	})
}

// TestLAGChoices takes one member after the other: first, second, any, none.
func TestLAGChoices(t *testing.T) {
	b := newBed(t, 3+4)
	team := newTeam(b, 4, spec.ActiveBackup, false)
	for i := range team.lag.Buckets {
		team.lag.Buckets[i] = LAGBucket{2, 0}
	}
	team.put()
	f := flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: 1, dport: 2}.frame()
	steps := []struct {
		what   string
		change func()
		want   int
	}{
		{"first", func() {}, 2},
		{"second", func() { team.carrier(2, false) }, 0},
		{"any", func() { team.carrier(0, false) }, 1},
		{"any that is active", func() { team.lag.Members[1].Active = false; team.put() }, 3},
		{"down, not only without carrier", func() { team.setLink(memberName(3), false) }, -1},
		{"second is back", func() { team.carrier(0, true); team.wantLive(0) }, 0},
		{"first is back", func() { team.carrier(2, true); team.wantLive(2) }, 2},
		{"no member in the buckets", func() {
			for i := range team.lag.Buckets {
				team.lag.Buckets[i] = LAGBucket{NoMember, NoMember}
			}
			team.put()
		}, 0},
		{"no LAG", func() { team.ok(team.o.LAGs().Delete(teamNumber)) }, -1},
	}
	for _, s := range steps {
		s.change()
		before := team.counters(teamPort)[teamPort].Out
		if got := team.leaves(f); got != s.want {
			t.Errorf("%s: the frame left by member %d, want %d", s.what, got, s.want)
		}
		want := spec.DropNone
		if s.want < 0 {
			want = spec.DropEgressDown
		}
		checkDrop(t, s.what, diff(team.counters(teamPort)[teamPort].Out, before), want)
	}
}

// TestLAGStaleDevice makes members anew under the number that they had, and
// takes one to another namespace where it is up under the same number.
func TestLAGStaleDevice(t *testing.T) {
	b := newBed(t, 3+2)
	team := newTeam(b, 2, spec.ActiveBackup, false)
	for i := range team.lag.Buckets {
		team.lag.Buckets[i] = LAGBucket{0, 1}
	}
	team.put()
	f := flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: 1, dport: 2}.frame()
	want := func(what string, m int) {
		t.Helper()
		if got := team.leaves(f); got != m {
			t.Errorf("%s: the frame left by member %d, want %d", what, got, m)
		}
	}
	want("before", 0)
	for range 5 {
		l, err := netlink.LinkByName(memberName(0))
		b.ok(err)
		b.ok(netlink.LinkDel(l))
		want("deleted", 1)
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "passing" // takes the memory of the one deleted, perhaps
		b.ok(netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "passing2"}))
		b.setLink("passing", true)
		b.setLink("passing2", true)
		want("another one made", 1)
		attrs.Name, attrs.Index = memberName(0), int(b.ifindex[firstMember])
		b.ok(netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: hostName(firstMember)}))
		want("made anew, down", 1)
		b.setLink(memberName(0), true)
		b.setLink(hostName(firstMember), true)
		team.wantLive(0)
		want("made anew, up", 0)
		l, err = netlink.LinkByName("passing")
		b.ok(err)
		b.ok(netlink.LinkDel(l))
	}
	other, err := netns.New()
	b.ok(err)
	defer other.Close()
	b.ok(netns.Set(b.ns))
	l, err := netlink.LinkByName(memberName(0))
	b.ok(err)
	b.ok(netlink.LinkSetNsFd(l, int(other)))
	b.ok(netns.Set(other))
	b.setLink(memberName(0), true)
	l, err = netlink.LinkByName(memberName(0))
	b.ok(err)
	if uint32(l.Attrs().Index) != b.ifindex[firstMember] {
		t.Errorf("the interface has number %d elsewhere, want %d as before", l.Attrs().Index, b.ifindex[firstMember])
	}
	b.ok(netns.Set(b.ns))
	want("in another namespace", 1)
}

// TestLAGEgressDrops has frames that can't leave by an aggregate: where no
// member was chosen they are counted at the aggregate, else at the member.
func TestLAGEgressDrops(t *testing.T) {
	b := newBed(t, 3+2)
	tests := []struct {
		name      string
		setup     func(*team)
		frame     []byte
		aggregate spec.DropReason
		member    spec.DropReason
	}{
		{name: "not forwarding", setup: func(x *team) { x.aggregate(Port{PVID: 10}) },
			frame: frame(host(50), host(1), untagged, 46), aggregate: spec.DropEgressDown},
		{name: "VLAN not carried", setup: func(x *team) { x.aggregate(trunk(0, 20)) },
			frame: frame(host(50), host(1), untagged, 46), aggregate: spec.DropEgressVLAN},
		{name: "longer than the MTU", frame: frame(host(50), host(1), untagged, 1501), member: spec.DropTooBig},
		{name: "flooded, longer than the MTU", frame: frame(broadcast, host(1), untagged, 1501), member: spec.DropTooBig},
		{name: "flooded, no member", setup: func(x *team) { x.ok(x.o.LAGs().Delete(teamNumber)) },
			frame: frame(broadcast, host(1), untagged, 46), aggregate: spec.DropEgressDown},
		{name: "flooded, members dead", setup: func(x *team) { x.setLink(memberName(0), false); x.setLink(memberName(1), false) },
			frame: frame(broadcast, host(1), untagged, 46), aggregate: spec.DropEgressDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			team := newTeam(b.sub(t), 2, spec.ActiveBackup, false)
			for m := range uint16(2) {
				team.setLink(memberName(m), true)
				team.wantLive(m)
			}
			team.members(10, 1, teamPort)
			if tt.setup != nil {
				tt.setup(team)
			}
			before := team.counters(firstMember + 1)
			team.run(1, tt.frame)
			after := team.counters(firstMember + 1)
			checkDrop(t, "aggregate", diff(after[teamPort].Out, before[teamPort].Out), tt.aggregate)
			checkDrop(t, "member", diff(after[firstMember].Out, before[firstMember].Out), tt.member)
			checkDrop(t, "in", diff(after[1].In, before[1].In), spec.DropNone)
		})
	}
}
