package netdev_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/internal/lab"
	"github.com/signalbox/signalbox/datapath/netdev"
)

// pair has two namespaces whose interfaces m0 are the ends of one link.
func pair(t *testing.T) (here, there *lab.NS) {
	t.Helper()
	here, there = lab.New(t), lab.New(t)
	here.Veth(t, "m0", there, "m0")
	for _, ns := range []*lab.NS{here, there} {
		ns.SetUp(t, "m0", true)
	}
	for _, ns := range []*lab.NS{here, there} {
		ns.WaitUp(t, "m0")
	}
	return here, there
}

// slow opens a socket at an interface, and hands over what it receives.
func slow(t *testing.T, ns *lab.NS, name string) (*netdev.GroupSocket, chan []byte) {
	t.Helper()
	pdus := make(chan []byte, 1000)
	s, err := dial(t, ns).GroupSocket(netdev.SlowProtocols, uint32(ns.Link(t, name).Attrs().Index), func(pdu []byte) { pdus <- pdu })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, pdus
}

// next waits for a PDU.
func next(t *testing.T, pdus chan []byte) []byte {
	t.Helper()
	select {
	case pdu := <-pdus:
		return pdu
	case <-time.After(30 * time.Second):
		t.Fatal("no PDU came")
		return nil
	}
}

// await waits for a frame on the wire.
func await(t *testing.T, w *lab.Wire, want func(frame []byte) bool) []byte {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if frame := w.Receive(time.Second); frame != nil && want(frame) {
			return frame
		}
	}
	t.Fatal("no such frame came")
	return nil
}

// slowFrame is a slow protocol's frame with the number in its PDU.
func slowFrame(destination string, number byte) []byte {
	return append([]byte(destination+"\x02\x00\x00\x00\x00\x07\x88\x09"), bytes.Repeat([]byte{number}, 110)...)
}

const slowAddress = "\x01\x80\xc2\x00\x00\x02"

func TestGroupSocket(t *testing.T) {
	here, there := pair(t)
	ours, ourPDUs := slow(t, here, "m0")
	theirs, theirPDUs := slow(t, there, "m0")
	for _, tt := range []struct {
		from *netdev.GroupSocket
		to   chan []byte
		pdu  byte
	}{{ours, theirPDUs, 1}, {theirs, ourPDUs, 2}, {ours, theirPDUs, 3}} {
		want := bytes.Repeat([]byte{tt.pdu}, 110)
		if err := tt.from.Send(want); err != nil {
			t.Fatal(err)
		}
		if got := next(t, tt.to); !bytes.Equal(got, want) {
			t.Errorf("received %x, want %x", got, want)
		}
	}
	if len(ourPDUs)+len(theirPDUs) != 0 {
		t.Error("a socket received what its own interface sent")
	}
}

func TestGroupSocketSendsFromTheInterfacesAddress(t *testing.T) {
	here, there := pair(t)
	s, _ := slow(t, here, "m0")
	w := there.Wire(t, "m0")
	for _, mac := range []string{"\x02\x00\x00\x00\x00\x11", "\x02\x00\x00\x00\x00\x12"} {
		if err := here.LinkSetHardwareAddr(here.Link(t, "m0"), []byte(mac)); err != nil {
			t.Fatal(err)
		}
		if err := s.Send([]byte{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		want := append([]byte(slowAddress+mac+"\x88\x09\x01\x02\x03"), make([]byte, 43)...)
		got := await(t, w, func(frame []byte) bool { return binary.BigEndian.Uint16(frame[12:]) == 0x8809 })
		if !bytes.Equal(got, want) {
			t.Errorf("on the wire %x, want %x", got, want)
		}
	}
}

func TestGroupSocketTakesOnlyWhatIsForTheProtocols(t *testing.T) {
	here, there := pair(t)
	_, pdus := slow(t, here, "m0")
	w := there.Wire(t, "m0")
	tagged := append([]byte(nil), slowFrame(slowAddress, 2)[:12]...)
	tagged = append(append(tagged, 0x81, 0, 0, 10), slowFrame(slowAddress, 2)[12:]...)
	other := slowFrame(slowAddress, 4)
	other[12], other[13] = 0x88, 0xcc
	big := append(slowFrame(slowAddress, 5), bytes.Repeat([]byte{5}, 1300)...)
	for _, frame := range [][]byte{
		slowFrame("\x01\x80\xc2\x00\x00\x0e", 1), tagged, slowFrame("\xff\xff\xff\xff\xff\xff", 3), other, big, slowFrame(slowAddress, 6),
	} {
		w.Send(frame)
	}
	if got := next(t, pdus); got[0] != 5 || len(got) > 512 {
		t.Errorf("received PDU %d of %d octets, want 5, cut", got[0], len(got))
	}
	if got := next(t, pdus); got[0] != 6 || len(got) != 110 {
		t.Errorf("received PDU %d of %d octets, want 6 of 110", got[0], len(got))
	}
}

func TestGroupSocketStaysWithItsInterface(t *testing.T) {
	here, there := pair(t)
	s, pdus := slow(t, here, "m0")
	link := here.Link(t, "m0")
	for range 3 {
		if err := here.LinkSetDown(link); err != nil {
			t.Fatal(err)
		}
		if err := s.Send([]byte{1}); !errors.Is(err, unix.ENETDOWN) {
			t.Errorf("send at an interface that is down: %v, want ENETDOWN", err)
		}
		if err := here.LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
		here.WaitUp(t, "m0")
		there.Wire(t, "m0").Send(slowFrame(slowAddress, 9))
		next(t, pdus)
	}
	if err := here.LinkDel(link); err != nil {
		t.Fatal(err)
	}
	if err := s.Send([]byte{1}); !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("send at an interface that went: %v, want ENXIO or ENETDOWN", err)
	}
	if _, err := dial(t, here).GroupSocket(netdev.SlowProtocols, uint32(link.Attrs().Index), func([]byte) {}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("open at an interface that went: %v, want ENODEV", err)
	}
}

func TestGroupSocketHasBounds(t *testing.T) {
	here, there := pair(t)
	_, pdus := slow(t, here, "m0")
	w := there.Wire(t, "m0")
	begin := time.Now()
	for i := range 5000 {
		w.Send(slowFrame(slowAddress, byte(i)))
	}
	n, most := len(pdus), 32*(2+int(time.Since(begin)/(100*time.Millisecond)))
	if n > most {
		t.Errorf("%d of 5000 PDUs were taken in, want at most %d", n, most)
	}
	next(t, pdus)
}

func TestAnnounce(t *testing.T) {
	here, there := pair(t)
	c, w := dial(t, here), there.Wire(t, "m0")
	var addresses []netdev.Address
	for i := range 1000 {
		addresses = append(addresses, netdev.Address{MAC: [6]byte{2, 0, 0, 0, byte(i >> 8), byte(i)}, VLAN: uint16(i % 3)})
	}
	begin := time.Now()
	n, err := c.Announce(uint32(here.Link(t, "m0").Attrs().Index), addresses)
	if n != len(addresses) || err != nil {
		t.Fatalf("announced %d: %v", n, err)
	}
	t.Logf("1,000 addresses announced in %v", time.Since(begin))
	var frames [][]byte
	for _, a := range addresses {
		mac := string(a.MAC[:])
		want := "\xff\xff\xff\xff\xff\xff" + mac
		if a.VLAN != 0 {
			want += "\x81\x00\x00" + string(rune(a.VLAN))
		}
		want += "\x80\x35\x00\x01\x08\x00\x06\x04\x00\x03" + mac + "\x00\x00\x00\x00" + mac
		got := await(t, w, func(frame []byte) bool { return bytes.Equal(frame[6:12], a.MAC[:]) })
		if !bytes.HasPrefix(got, []byte(want)) || len(got) < 60 {
			t.Fatalf("announced %x, want %x", got, want)
		}
		frames = append(frames, bytes.Clone(got))
	}
	t.Run("tshark", func(t *testing.T) {
		tshark := lab.Wireshark(t, frames)
		for _, line := range tshark("_ws.expert or _ws.malformed or _ws.short") {
			t.Errorf("tshark complains: %s", line)
		}
		if n := len(tshark("arp.opcode == 3 and arp.src.hw_mac == arp.dst.hw_mac and eth.src == arp.src.hw_mac")); n != len(frames) {
			t.Errorf("tshark reads %d of %d announcements", n, len(frames))
		}
	})
}

func TestAnnounceTellsWhatFailed(t *testing.T) {
	here, _ := pair(t)
	c := dial(t, here)
	link := here.Link(t, "m0")
	one := []netdev.Address{{MAC: [6]byte{2}}}
	if n, err := c.Announce(9999, one); n != 0 || !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.ENODEV) {
		t.Errorf("no interface: announced %d, %v", n, err)
	}
	if err := here.LinkSetDown(link); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Announce(uint32(link.Attrs().Index), one); n != 0 || !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("interface down: announced %d, %v", n, err)
	}
	if n, err := c.Announce(9999, nil); n != 0 || err != nil {
		t.Errorf("nobody to announce: %d, %v", n, err)
	}
}

func TestAnnounceFillsAQueue(t *testing.T) {
	here, _ := pair(t)
	index := here.Link(t, "m0").Attrs().Index
	narrow := &netlink.Tbf{ // a frame a second, and room for some
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       60, Buffer: netlink.Xmittime(60, 2000), Limit: 600,
	}
	if err := here.QdiscAdd(narrow); errors.Is(err, unix.ENOENT) {
		t.Skip("the kernel has no tbf")
	} else if err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat([]netdev.Address{{MAC: [6]byte{2}}}, 100)
	if n, err := dial(t, here).Announce(uint32(index), many); n == 0 || n == len(many) || !errors.Is(err, unix.ENOBUFS) {
		t.Errorf("announced %d, %v, want some and ENOBUFS", n, err)
	}
}

// TestGroupSocketOfLLDP: another group has another address and EtherType, and
// may be heard whole.
func TestGroupSocketOfLLDP(t *testing.T) {
	here, there := pair(t)
	pdus := make(chan []byte, 10)
	s, err := dial(t, here).GroupSocket(netdev.LLDP, uint32(here.Link(t, "m0").Attrs().Index), func(pdu []byte) { pdus <- pdu })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := there.Wire(t, "m0")
	w.Send(slowFrame(slowAddress, 1))
	unit := bytes.Repeat([]byte{2}, 1400)
	w.Send(append([]byte("\x01\x80\xc2\x00\x00\x0e\x02\x00\x00\x00\x00\x07\x88\xcc"), unit...))
	if got := next(t, pdus); !bytes.Equal(got, unit) {
		t.Errorf("received %d octets from %x on, want 1400 of 02", len(got), got[:1])
	}
	if err := s.Send(unit); err != nil {
		t.Fatal(err)
	}
	await(t, w, func(frame []byte) bool {
		return bytes.HasPrefix(frame, []byte("\x01\x80\xc2\x00\x00\x0e")) && bytes.HasSuffix(frame, append([]byte("\x88\xcc"), unit...))
	})
}
