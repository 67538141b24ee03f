package netdev_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
)

const megabit = 1_000_000

// sender sends frames that a class is named for by their priority.
type sender struct {
	t  *testing.T
	fd int
}

func newSender(t *testing.T, ns *lab.NS, index uint32, minor uint16) *sender {
	t.Helper()
	s := &sender{t: t}
	ns.Do(t, func() {
		var err error
		if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Error(err)
			return
		}
		for _, err := range []error{
			unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_PRIORITY, netdev.Handle<<16|int(minor)),
			unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20),
			unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: 0x0300, Ifindex: int(index)}),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(func() { unix.Close(s.fd) })
	return s
}

// send sends frames of some size, and returns how many found no room.
func (s *sender) send(frames, size int) (dropped int) {
	s.t.Helper()
	frame := make([]byte, size)
	frame[12], frame[13] = 0x88, 0xb5 // an EtherType for experiments
	return s.frame(frames, frame)
}

// frame sends one again and again.
func (s *sender) frame(frames int, frame []byte) (dropped int) {
	s.t.Helper()
	for range frames {
		_, err := unix.Write(s.fd, frame)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			dropped++
		case err != nil:
			s.t.Fatalf("send: %v", err)
		}
	}
	return dropped
}

// collect counts the frames of a size that come until want of them did, or none
// any more for a while.
func collect(wire *lab.Wire, want, size int) (frames int) {
	for frames < want {
		frame := wire.Receive(2 * time.Second)
		if frame == nil {
			break
		}
		if len(frame) == size {
			frames++
		}
	}
	return frames
}

func stat(t *testing.T, c *netdev.Conn, k netdev.ClassKey) netdev.QueueStat {
	t.Helper()
	all, err := c.QueueStats()
	if err != nil {
		t.Fatal(err)
	}
	s, there := all[k]
	if !there {
		t.Fatalf("no statistics of %v among %v", k, all)
	}
	return s
}

// loaded is an interface with a leaf in which frames wait.
type loaded struct {
	here *lab.NS
	c    *netdev.Conn
	key  netdev.ClassKey
	wire *lab.Wire
	send *sender
}

const frames, size = 300, 1000

func newLoaded(t *testing.T, rate uint64) *loaded {
	t.Helper()
	here, there := lab.New(t), lab.New(t)
	l := &loaded{here: here, c: dial(t, here)}
	index := shaped(t, here, there, l.c, "v0", rate, 1)
	l.key = netdev.ClassKey{IfIndex: index, Minor: 1}
	l.wire = there.Wire(t, "far-v0")
	l.send = newSender(t, here, index, 1)
	if dropped := l.send.send(frames, size); dropped != 0 {
		t.Fatalf("%d frames found no room", dropped)
	}
	if s := stat(t, l.c, l.key); s.BacklogPackets < frames/2 {
		t.Fatalf("%d frames wait, want most of %d", s.BacklogPackets, frames)
	}
	return l
}

// TestChangeUnderLoad changes the rates and limits of a class in which frames
// wait, and none is lost.
func TestChangeUnderLoad(t *testing.T) {
	l := newLoaded(t, 20*megabit)
	root := netdev.ClassKey{IfIndex: l.key.IfIndex, Minor: 0xffff}
	for n := range uint64(50) {
		rate := (10 + n) * megabit
		put(t, l.c.Classes(), root, netdev.Class{Rate: rate, Ceil: rate}.Normal(root.Minor))
		put(t, l.c.Leaves(), l.key, leaf(rate/2, rate))
		put(t, l.c.Queues(), l.key, netdev.Queue{Octets: uint32(1<<20 + n)})
		if n%10 == 0 {
			put(t, l.c.Schedulers(), l.key.IfIndex, netdev.Scheduler{Default: defaultClass})
		}
	}
	if got := collect(l.wire, frames, size); got != frames {
		t.Errorf("%d of %d frames came", got, frames)
	}
	s := stat(t, l.c, l.key)
	if s.SentPackets != frames || s.SentOctets != frames*size || s.Dropped != 0 || s.BacklogPackets != 0 {
		t.Errorf("counted %+v", s)
	}
}

// TestDeleteUnderLoad deletes a class in which frames wait, and moves one: what
// waits leaves before.
func TestDeleteUnderLoad(t *testing.T) {
	tests := map[string]func(*testing.T, *loaded){
		"delete": func(t *testing.T, l *loaded) {
			if err := l.c.Queues().Delete(l.key); err != nil {
				t.Error(err)
			}
			l.send.send(1, size+1) // which waits, and is none of those that are counted
			if err := l.c.Leaves().Delete(l.key); err != nil {
				t.Error(err)
			}
			if all := list(t, l.c.Leaves()); len(all) != 0 {
				t.Errorf("left: %v", all)
			}
		},
		"move": func(t *testing.T, l *loaded) {
			v := leaf(20*megabit, 20*megabit)
			v.Parent = 0
			put(t, l.c.Leaves(), l.key, v)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLoaded(t, 20*megabit)
			change(t, l)
			if got := collect(l.wire, frames, size); got != frames {
				t.Errorf("%d of %d frames came", got, frames)
			}
		})
	}
}

// TestDeleteStuck deletes a class that nothing leaves.
func TestDeleteStuck(t *testing.T) {
	l := newLoaded(t, 8000)
	if err := l.c.Leaves().Delete(l.key); err != nil {
		t.Error(err)
	}
	if all := list(t, l.c.Leaves()); len(all) != 0 {
		t.Errorf("left: %v", all)
	}
}

// TestQueueStats counts what found no room, and what waits.
func TestQueueStats(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 8000, 1, 2)
	k := netdev.ClassKey{IfIndex: index, Minor: 2}
	put(t, c.Queues(), k, netdev.Queue{Packets: 10})
	dropped := newSender(t, here, index, 2).send(100, 500)
	s := stat(t, c, k)
	if s.BacklogPackets != 10 || s.BacklogOctets != 5000 || s.SentPackets == 0 || s.SentPackets*500 != s.SentOctets {
		t.Errorf("counted %+v", s)
	}
	if int(s.Dropped) != dropped || uint64(s.Dropped)+s.SentPackets+uint64(s.BacklogPackets) != 100 {
		t.Errorf("counted %+v of 100 frames, of which %d found no room", s, dropped)
	}
	if s := stat(t, c, netdev.ClassKey{IfIndex: index, Minor: 1}); s != (netdev.QueueStat{}) {
		t.Errorf("the other class counted %+v", s)
	}
}
