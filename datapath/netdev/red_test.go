package netdev_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
)

// TestREDQueue marks and drops before a queue is full, where the kernel has
// RED: that of the guest does (integration/guest). Where it has none the queue
// is refused, and stays what it was.
func TestREDQueue(t *testing.T) {
	here, there := lab.New(t), lab.New(t)
	c := dial(t, here)
	index := shaped(t, here, there, c, "v0", 1*megabit, 1)
	k := netdev.ClassKey{IfIndex: index, Minor: 1}
	red := netdev.Queue{Octets: 1 << 20, RedMin: 10_000, RedMax: 30_000}
	before := list(t, c.Queues())
	if !c.HasRED() {
		if os.Getenv("SIGNALBOX_GUEST") != "" {
			t.Fatal("the guest's kernel has no RED")
		}
		if err := c.Queues().Put(k, red); !errors.Is(err, unix.ENOENT) {
			t.Errorf("put: %v, want ENOENT", err)
		}
		if after := list(t, c.Queues()); after[k] != before[k] {
			t.Errorf("the queue is %+v, was %+v", after[k], before[k])
		}
		return
	}
	if err := c.Queues().Delete(k); err != nil {
		t.Fatal(err)
	}
	marking := red
	marking.ECN = true
	other := netdev.Queue{Octets: 2 << 20, RedMin: 1518, RedMax: 1 << 20}
	testTable(t, c.Queues(), k, red, marking, other, netdev.Queue{Octets: 1 << 20}, red, netdev.Queue{Packets: 5})

	send := newSender(t, here, index, 1)
	frame := make([]byte, 1000)
	frame[12], frame[14], frame[15] = 0x08, 0x45, 0x02 // IPv4 whose sender understands ECN, RFC 3168
	put(t, c.Queues(), k, red)
	send.frame(500, frame)
	s := stat(t, c, k)
	if s.Dropped == 0 || s.Marked != 0 || s.BacklogOctets >= red.Octets ||
		uint64(s.Dropped)+uint64(s.BacklogPackets)+s.SentPackets != 500 {
		t.Errorf("dropping, counted %+v", s)
	}
	put(t, c.Queues(), k, marking) // what waits stays
	if now := stat(t, c, k); uint64(now.BacklogPackets)+now.SentPackets != uint64(s.BacklogPackets)+s.SentPackets {
		t.Errorf("counted %+v, and after a change %+v", s, now)
	}
	send.frame(200, frame)
	if now := stat(t, c, k); now.Marked == 0 || now.Dropped != s.Dropped {
		t.Errorf("marking, counted %+v, before %+v", now, s)
	}
}
