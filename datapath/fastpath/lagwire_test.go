package fastpath

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// TestLAGWire sends real frames to and from an aggregate, by both ways of
// leaving: a flooded one has one copy to it, and none goes from member to member.
func TestLAGWire(t *testing.T) {
	for _, peer := range []bool{false, true} {
		t.Run(fmt.Sprintf("peer=%v", peer), func(t *testing.T) {
			b := newBed(t, 3+3)
			team := newTeam(b, 3, spec.TransportPorts, false)
			for m := range team.lag.Members[:3] {
				team.lag.Members[m].Peer = peer
			}
			team.put()
			team.aggregate(trunk(0, 10, 20))
			w := b.hosts()
			network := []wire{w[firstMember], w[firstMember+1], w[firstMember+2]}

			for i := range 20 { // unicast and broadcast by turns
				f := frame(host(50), host(1), untagged, 46+i)
				g := frame(host(50), host(1), 10, 46+i)
				if i%2 == 1 {
					f, g = frame(broadcast, host(1), untagged, 46+i), frame(broadcast, host(1), 10, 46+i)
				}
				w[1].send(f)
				if got := oneOf(network); !bytes.Equal(got, g) {
					t.Errorf("frame %d: by a member came\n%x, want\n%x", i, got, g)
				}
				w[1].want("its own frame")
				if i%2 == 1 {
					w[2].want("broadcast to a port", f)
				}
			}

			network[2].send(frame(broadcast, host(50), 10, 46))
			w[1].want("broadcast from the network", frame(broadcast, host(50), untagged, 46))
			w[2].want("broadcast from the network", frame(broadcast, host(50), untagged, 46))
			network[1].send(frame(host(77), host(50), 10, 46))
			w[1].want("unknown from the network", frame(host(77), host(50), untagged, 46))
			for m := range network {
				network[m].want("what came from the network")
			}
			if out := team.out(); out[0]+out[1]+out[2] != 20 || out[3] != 0 {
				t.Errorf("counted by member and dropped %v, want 20 in all and none dropped", out)
			}
		})
	}
}

// oneOf is the frame that came to one of the wires; nil where there were none
// or several.
func oneOf(wires []wire) []byte {
	var all [][]byte
	for deadline := time.Now().Add(5 * time.Second); len(all) == 0 && time.Now().Before(deadline); {
		for _, w := range wires {
			all = append(all, w.frames()...)
		}
	}
	if len(all) != 1 {
		return nil
	}
	return all[0]
}

// slowFrame is a LACPDU but for its body.
func slowFrame() []byte {
	b := frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 2}, host(60), untagged, 110)
	binary.BigEndian.PutUint16(b[12:], 0x8809)
	return b
}

// lldpFrame is one of LLDP but for its body.
func lldpFrame() []byte {
	b := frame(spec.MAC{1, 0x80, 0xc2, 0, 0, 0xe}, host(60), untagged, 110)
	binary.BigEndian.PutUint16(b[12:], 0x88cc)
	return b
}

// TestWhatIsTheHosts opens plain packet sockets: they get what slow protocols
// send at a member, and LLDP there and at a port. That is counted as taken in
// and not as dropped, whether the member is collecting, or the port forwarding,
// or not. What has a tag is not the host's, nor are slow protocols at a port.
func TestWhatIsTheHosts(t *testing.T) {
	const port = 1
	b := newBed(t, 3+2)
	team := newTeam(b, 2, spec.TransportPorts, false)
	w := b.hosts()
	tests := []struct {
		name  string
		at    uint16
		frame []byte
		close func(open bool) // lets frames in, or not
		want  bool
	}{
		{"slow protocol at a member", firstMember, slowFrame(), func(open bool) { team.collect(0, open) }, true},
		{"slow protocol at a port", port, slowFrame(), nil, false},
		{"LLDP at a member", firstMember, lldpFrame(), func(open bool) { team.collect(0, open) }, true},
		{"LLDP at a port", port, lldpFrame(), func(open bool) {
			p := access(10)
			p.Forwarding = open
			b.port(port, p)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := b.sub(t)
			for _, open := range []bool{true, false} {
				if tt.close != nil {
					tt.close(open)
				}
				before := b.counters(tt.at)[tt.at]
				if !tt.want {
					b.run(tt.at, tt.frame)
				} else if got := b.heard(tt.at, tt.frame[12:14], func() { w[tt.at].send(tt.frame) }); !bytes.Equal(got, tt.frame) {
					t.Errorf("open %v: the host read %x, want the frame", open, got)
				}
				in := diff(b.counters(tt.at)[tt.at].In, before.In)
				if in.Frames() != 1 || (in.Discards() == 0) != tt.want || tt.want && in.Multicast != 1 {
					t.Errorf("open %v: counted %+v, want one frame, taken in: %v", open, in, tt.want)
				}
			}
			if tt.close != nil {
				tt.close(true)
			}
			tagged := slices.Insert(bytes.Clone(tt.frame), 12, 0x81, 0, 0, 10)
			if verdict, _ := b.run(tt.at, tagged); verdict != tcxDrop {
				t.Errorf("a tagged one has verdict %d, want %d", verdict, tcxDrop)
			}
		})
	}
}

// heard is the frame that a packet socket for an EtherType reads at an
// interface while send sends it; nil for none.
func (b *bed) heard(n uint16, etherType []byte, send func()) []byte {
	b.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	b.ok(err)
	defer unix.Close(fd)
	b.ok(unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(etherType), Ifindex: int(b.ifindex[n])}))
	tv := unix.NsecToTimeval(int64(5 * time.Second))
	b.ok(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	send()
	buf := make([]byte, 2000)
	read, err := unix.Read(fd, buf)
	b.ok(err)
	return buf[:read]
}

// load sends frames of many flows through the program from another thread, as
// often as it can, until stop is called, which tells how many it sent.
func (t *team) load() (stop func() uint64) {
	t.Helper()
	var (
		sent atomic.Uint64
		done atomic.Bool
		wait sync.WaitGroup
	)
	var frames [][]byte
	for i := range 64 {
		frames = append(frames, flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: uint16(i), dport: 80}.frame())
	}
	wait.Add(1)
	go func() {
		defer wait.Done()
		runtime.LockOSThread() // the thread ends with the goroutine
		if err := netns.Set(t.ns); err != nil {
			t.Error(err)
			return
		}
		for i := 0; !done.Load(); i++ {
			_, err := t.o.program.Run(&ebpf.RunOptions{Data: frames[i%len(frames)], Context: &skBuff{Ifindex: t.ifindex[1]}})
			if err != nil {
				t.Error(err)
				return
			}
			sent.Add(1)
		}
	}()
	eventually(t, "frames are sent", func() error {
		if sent.Load() == 0 {
			return fmt.Errorf("none was")
		}
		return nil
	})
	return func() uint64 { done.Store(true); wait.Wait(); return sent.Load() }
}

// TestLAGTableSwap writes tables while frames pass, members that come and go
// among them: each frame leaves.
func TestLAGTableSwap(t *testing.T) {
	b := newBed(t, 3+8)
	for _, d := range []spec.Distribution{spec.TransportPorts, spec.Dynamic, spec.VLANSourceMAC} {
		t.Run(d.String(), func(t *testing.T) {
			team := newTeam(b.sub(t), 8, d, false)
			before := team.out()
			stop := team.load()
			whole := team.lag
			for i := range 2000 {
				team.lag = whole
				if gone := i % 9; gone < 8 {
					for j, bucket := range whole.Buckets {
						if int(bucket.First) == gone {
							team.lag.Buckets[j].First = bucket.Second
						}
						if int(team.lag.Buckets[j].Second) == gone {
							team.lag.Buckets[j].Second = NoMember
						}
					}
					team.lag.Members[gone] = LAGMember{}
				}
				team.put()
			}
			sent := stop()
			var left uint64
			after := team.out()
			for m := range 8 {
				left += after[m] - before[m]
			}
			if left != sent || after[8] != before[8] {
				t.Errorf("%d frames left and %d were dropped, want all %d to leave", left, after[8]-before[8], sent)
			}
		})
	}
}

// TestLAGCarrierLost takes carriers while frames pass and nobody writes a
// table: each frame leaves by a member, whichever of them are dead.
func TestLAGCarrierLost(t *testing.T) {
	b := newBed(t, 3+4)
	team := newTeam(b, 4, spec.TransportPorts, false)
	before := team.out()
	stop := team.load()
	for i := range 40 {
		m := uint16(i % 4)
		team.carrier(m, false)
		if i%3 == 0 {
			team.setLink(memberName((m+1)%4), false)
			team.setLink(memberName((m+1)%4), true)
		}
		team.carrier(m, true)
	}
	sent := stop()
	var left uint64
	after := team.out()
	for m := range 4 {
		left += after[m] - before[m]
	}
	if left != sent || after[4] != before[4] {
		t.Errorf("%d frames left and %d were dropped, want all %d to leave", left, after[4]-before[4], sent)
	}
}

// TestLAGDynamic moves a bucket: it stays where it was until it has paused, and
// what leaves by each bucket is counted.
func TestLAGDynamic(t *testing.T) {
	b := newBed(t, 3+2)
	team := newTeam(b, 2, spec.Dynamic, false)
	all := func(to uint8, gap time.Duration) {
		for i := range team.lag.Buckets {
			team.lag.Buckets[i] = LAGBucket{to, 1 - to}
		}
		team.lag.FlowletGap = gap
		team.put()
	}
	f := flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: 3, dport: 4}.frame()
	want := func(what string, m int) {
		t.Helper()
		if got := team.leaves(f); got != m {
			t.Errorf("%s: the frame left by member %d, want %d", what, got, m)
		}
	}
	all(0, time.Hour)
	want("the first frame", 0)
	all(1, time.Hour)
	for range 3 {
		want("no pause", 0)
	}
	all(1, time.Microsecond)
	eventually(t, "the bucket has paused", func() error {
		if m := team.leaves(f); m != 1 {
			return fmt.Errorf("it leaves by member %d", m)
		}
		return nil
	})
	all(0, time.Hour)
	want("no pause again", 1)
	team.carrier(1, false)
	want("its member is dead", 0)
	team.carrier(1, true)
	team.wantLive(1)
	want("the dead one is back", 0)

	sum := func() (n uint64, buckets int) {
		loads, err := b.o.LAGLoads(teamNumber)
		b.ok(err)
		for _, l := range loads {
			n += l
			if l > 0 {
				buckets++
			}
		}
		return n, buckets
	}
	before, buckets := sum()
	if buckets != 1 {
		t.Errorf("%d buckets have a load, want one", buckets)
	}
	want("counted", 0)
	if after, _ := sum(); after-before != uint64(len(f)) {
		t.Errorf("the load rose by %d octets, want %d", after-before, len(f))
	}
	if _, err := b.o.LAGLoads(0); err == nil {
		t.Error("LAG 0 has loads")
	}
}

// TestSourceBucket compares Go's arithmetic with the program's.
func TestSourceBucket(t *testing.T) {
	b := newBed(t, 3+32)
	for _, d := range []spec.Distribution{spec.VLANSourceMAC, spec.SwitchPort, spec.ActiveBackup} {
		t.Run(d.String(), func(t *testing.T) {
			team := newTeam(b.sub(t), 32, d, false)
			team.port(1, trunk(10, 20))
			team.aggregate(trunk(10, 20))
			team.static(20, host(50), teamPort)
			for i := range uint16(50) {
				vlan, tag := uint16(10), untagged
				if i%2 == 1 {
					vlan, tag = 20, 20
				}
				mac := host(i*77 + 100)
				bucket, ok := SourceBucket(d, mac, vlan, 1)
				if !ok {
					t.Fatal("the distribution doesn't pin a source")
				}
				if got, want := team.leaves(frame(host(50), mac, tag, 46)), int(team.lag.Buckets[bucket].First); got != want {
					t.Errorf("%s in VLAN %d left by member %d, want %d", mac, vlan, got, want)
				}
			}
		})
	}
}

// TestLAGRestart opens the pins again: the tables are there, frames go on by the
// same members, and counters go on.
func TestLAGRestart(t *testing.T) {
	b := newBed(t, 3+4)
	team := newTeam(b, 4, spec.TransportPorts, true)
	f := flow{proto: unix.IPPROTO_TCP, src: 1, dst: 2, sport: 3, dport: 4}.frame()
	lags, err := b.o.LAGs().List()
	b.ok(err)
	if d := cmp.Diff(map[uint16]LAG{teamNumber: team.lag}, lags); d != "" {
		t.Errorf("LAGs (-put +listed):\n%s", d)
	}
	ports, err := b.o.Ports().List()
	b.ok(err)
	by := team.leaves(f)
	out := team.out()
	b.reopen()
	again, err := b.o.LAGs().List()
	b.ok(err)
	if d := cmp.Diff(lags, again); d != "" {
		t.Errorf("LAGs after a restart (-before +after):\n%s", d)
	}
	portsAgain, err := b.o.Ports().List()
	b.ok(err)
	if d := cmp.Diff(ports, portsAgain); d != "" {
		t.Errorf("ports after a restart (-before +after):\n%s", d)
	}
	if !slices.Equal(out, team.out()) {
		t.Errorf("counters after a restart %v, want %v", team.out(), out)
	}
	if got := team.leaves(f); got != by {
		t.Errorf("the frame left by member %d, before the restart by %d", got, by)
	}
	b.ok(b.o.LAGs().Delete(teamNumber))
	b.ok(b.o.LAGs().Delete(teamNumber))
	b.ok(b.o.LAGs().Delete(999))
	if lags, err = b.o.LAGs().List(); err != nil || len(lags) != 0 {
		t.Errorf("LAGs after all were deleted: %v, %v", lags, err)
	}
}

// TestLAGGSO sends segments of 64 KB to an aggregate: they leave whole by one
// member, tagged or not, where their pieces fit the MTU.
func TestLAGGSO(t *testing.T) {
	const size = 65000
	for _, out := range []Port{access(10), trunk(0, 10)} {
		t.Run(fmt.Sprintf("trunk=%v", out.Trunk), func(t *testing.T) {
			b := newBed(t, 3+2)
			team := newTeam(b, 2, spec.ActiveBackup, false)
			team.aggregate(out)
			w := b.hosts()
			b.ok(unix.SetsockoptInt(w[1].fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1))
			w[1].send(gsoFrame(host(50), host(1), size, 1448))
			want := 14 + 40 + size
			if out.Trunk {
				want += 4
			}
			w[firstMember].wantLength("pieces that fit", want)
			w[1].send(gsoFrame(host(50), host(1), size, 1500))
			w[firstMember].wantNoneOf("pieces that do not fit", size)
			c := team.counters(firstMember)[firstMember]
			if c.Out.Drops[spec.DropTooBig] != 1 || c.Out.Unicast != 1 || c.Out.Octets != uint64(want) {
				t.Errorf("out: %+v, want one frame of %d octets and one too big", c.Out, want)
			}
		})
	}
}
