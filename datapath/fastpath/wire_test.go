package fastpath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// wire is a packet socket on host n's end of its pair.
type wire struct {
	testing.TB
	fd int
}

// hosts moves the hosts' ends into a namespace of their own, attaches the
// program to each port and gives a packet socket for each host, by number.
func (b *bed) hosts() map[uint16]wire {
	b.Helper()
	ns, err := netns.New()
	b.ok(err)
	b.Cleanup(func() { ns.Close() })
	for _, which := range []string{"all", "default"} { // no frames but the tests'
		b.ok(os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0))
	}
	b.ok(netns.Set(b.ns))
	for n := range b.ifindex {
		l, err := netlink.LinkByName(hostName(n))
		b.ok(err)
		b.ok(netlink.LinkSetNsFd(l, int(ns)))
		b.ok(b.o.Attachments().Put(b.ifindex[n], Attachment{Current: true}))
	}
	b.ok(netns.Set(ns))
	wires := map[uint16]wire{}
	for n := range b.ifindex {
		l, err := netlink.LinkByName(hostName(n))
		b.ok(err)
		b.ok(netlink.LinkSetUp(l))
		wires[n] = b.wire(hostName(n))
		b.operUp(hostName(n))
	}
	b.ok(netns.Set(b.ns))
	for n := range b.ifindex {
		b.operUp(fmt.Sprintf("p%d", n))
	}
	return wires
}

// operUp waits until the kernel has switched an interface's queue on; it drops
// what is sent before.
func (b *bed) operUp(name string) {
	b.Helper()
	eventually(b, name+" is up", func() error {
		l, err := netlink.LinkByName(name)
		if err == nil && l.Attrs().OperState != netlink.OperUp {
			err = fmt.Errorf("its state is %v", l.Attrs().OperState)
		}
		return err
	})
}

func hostName(n uint16) string { return fmt.Sprintf("h%d", n) }

// wire opens an interface of the current namespace.
func (b *bed) wire(name string) wire {
	b.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	b.ok(err)
	b.Cleanup(func() { unix.Close(fd) })
	i, err := net.InterfaceByName(name)
	b.ok(err)
	b.ok(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1))
	b.ok(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	tv := unix.NsecToTimeval(int64(20 * time.Millisecond))
	b.ok(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	all := binary.BigEndian.Uint16([]byte{byte(unix.ETH_P_ALL & 0xff), byte(unix.ETH_P_ALL >> 8)})
	b.ok(unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index}))
	return wire{b.TB, fd}
}

func (w wire) send(frame []byte) {
	w.Helper()
	if _, err := unix.Write(w.fd, frame); err != nil {
		w.Fatalf("send: %v", err)
	}
}

// frames are those that have arrived and bear the tests' type, tag in the
// band, until none comes for the socket's timeout.
func (w wire) frames() [][]byte {
	w.Helper()
	var all [][]byte
	for {
		f, err := w.receive()
		if errors.Is(err, unix.EAGAIN) {
			return all
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			w.Fatalf("receive: %v", err)
		}
		if bytes.Contains(f[12:min(len(f), 22)], []byte{0x88, 0xb5}) {
			all = append(all, f)
		}
	}
}

func (w wire) receive() ([]byte, error) {
	buf, oob := make([]byte, 1<<17), make([]byte, 128)
	n, oobn, _, _, err := unix.Recvmsg(w.fd, buf, oob, 0)
	if err != nil {
		return nil, err
	}
	return withTag(buf[:n], oob[:oobn]), nil
}

// withTag puts the tag that the kernel keeps beside the frame back into it
// (packet(7), PACKET_AUXDATA).
func withTag(frame, oob []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return frame
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 {
			tag := binary.BigEndian.AppendUint16(nil, aux.Vlan_tpid)
			tag = binary.BigEndian.AppendUint16(tag, aux.Vlan_tci)
			return append(append(append([]byte{}, frame[:12]...), tag...), frame[12:]...)
		}
	}
	return frame
}

// want fails unless exactly these frames arrive.
func (w wire) want(what string, want ...[]byte) {
	w.Helper()
	var got [][]byte
	for deadline := time.Now().Add(5 * time.Second); ; {
		got = append(got, w.frames()...)
		if len(got) >= len(want) || time.Now().After(deadline) {
			break
		}
	}
	if len(got) != len(want) {
		w.Errorf("%s: %d frames arrived, want %d: %x", what, len(got), len(want), got)
		return
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			w.Errorf("%s: frame %d is\n%x, want\n%x", what, i, got[i], want[i])
		}
	}
}

// TestWire sends real frames between hosts on access, trunk and native ports,
// through both ways of leaving.
func TestWire(t *testing.T) {
	for _, peer := range []bool{false, true} {
		t.Run(fmt.Sprintf("peer=%v", peer), func(t *testing.T) {
			b := newBed(t, 5)
			b.vlans(10, 20)
			for n, p := range []Port{1: access(10), 2: access(10), 3: trunk(0, 10, 20), 4: trunk(10, 20), 5: access(20)} {
				if n > 0 {
					p.Peer = peer
					b.port(uint16(n), p)
				}
			}
			b.members(10, 1, 2, 3, 4)
			b.members(20, 3, 4, 5)
			w := b.hosts()
			const prio = 3 << 13

			w[1].send(frame(broadcast, host(1), untagged, 46))
			w[1].want("own broadcast")
			w[2].want("broadcast to access", frame(broadcast, host(1), untagged, 46))
			w[3].want("broadcast to trunk", frame(broadcast, host(1), 10, 46))
			w[4].want("broadcast to native", frame(broadcast, host(1), untagged, 46))
			w[5].want("broadcast of another VLAN")

			w[3].send(frame(host(1), host(3), prio|10, 46))
			w[1].want("unicast from trunk to access", frame(host(1), host(3), untagged, 46))
			w[2].want("unicast to another host")
			w[1].send(frame(host(3), host(1), prio, 46))
			w[3].want("priority tag to trunk", frame(host(3), host(1), prio|10, 46))
			w[4].send(frame(host(3), host(4), untagged, 100))
			w[3].want("native to trunk", frame(host(3), host(4), 10, 100))
			w[3].send(frame(host(4), host(3), 10, 100))
			w[4].want("trunk to native", frame(host(4), host(3), untagged, 100))

			w[3].send(frame(spec.MAC{1, 0, 0x5e, 0, 0, 1}, host(3), prio|20, 46))
			w[4].want("multicast to trunk", frame(spec.MAC{1, 0, 0x5e, 0, 0, 1}, host(3), prio|20, 46))
			w[5].want("multicast to access", frame(spec.MAC{1, 0, 0x5e, 0, 0, 1}, host(3), untagged, 46))
			for n := uint16(1); n <= 2; n++ {
				w[n].want("multicast of another VLAN")
			}
			w[5].send(frame(host(77), host(5), untagged, 1500))
			w[3].want("unknown unicast, full size", frame(host(77), host(5), 20, 1500))
			w[4].want("unknown unicast, full size", frame(host(77), host(5), 20, 1500))
		})
	}
}

// TestServiceTag sends a frame with an outer tag of another TPID: it is
// untagged for the switch, and keeps its tag.
func TestServiceTag(t *testing.T) {
	b := newBed(t, 3)
	b.vlans(10)
	b.port(1, access(10))
	b.port(2, access(10))
	b.port(3, trunk(0, 10))
	b.members(10, 1, 2, 3)
	w := b.hosts()
	f := frame(broadcast, host(1), 99, 1400)
	f[12], f[13] = 0x88, 0xa8
	w[1].send(f)
	w[2].want("to access", f)
	tagged := append(append(append([]byte{}, f[:12]...), 0x81, 0, 0, 10), f[12:]...)
	w[3].want("to trunk", tagged)
	w[2].send(frame(host(1), host(2), untagged, 46))
	w[1].want("learned in the VLAN of the port", frame(host(1), host(2), untagged, 46))
}
