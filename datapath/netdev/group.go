package netdev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group names the frames of a protocol that its neighbors on the link hear and
// nobody forwards.
//
//	octet  0  destination, the group's address
//	       6  source, the interface's own
//	      12  EtherType
//	      14  the PDU
type Group struct {
	Address   [6]byte
	EtherType uint16
	// Most is how many octets of a frame are looked at.
	Most int
}

// The protocols that are spoken: LACP among the slow ones (IEEE 802.3, annex
// 57A), whose PDUs begin with their subtype, and LLDP (IEEE 802.1AB, 7).
var (
	SlowProtocols = Group{[6]byte{0x01, 0x80, 0xC2, 0x00, 0x00, 0x02}, 0x8809, 512}
	LLDP          = Group{[6]byte{0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E}, 0x88CC, 1514}
)

const (
	etherHeader = 14
	etherLeast  = 60 // octets of the shortest frame, without its check sequence
)

// Bounds on what a GroupSocket does: a partner in its senses sends a handful of
// PDUs a second.
const (
	groupBuffer = 16 << 10 // octets that may wait; the kernel drops the rest
	groupBurst  = 32       // PDUs that are taken in within a groupWindow
	groupWindow = 100 * time.Millisecond
	groupSend   = 50 * time.Millisecond // for an interface that takes no frames
)

// GroupSocket sends and receives the PDUs of a group at one interface. It stays
// with the interface while that is down.
type GroupSocket struct {
	file     *os.File
	raw      syscall.RawConn
	group    Group
	ifindex  uint32
	received func(pdu []byte)

	quit, done chan struct{}
}

// GroupSocket opens one at an interface of the connection's namespace.
//
// received is called for each PDU that comes in, at most 320 times a second;
// what comes beyond that is dropped. The socket's own goroutine calls it, so it
// must not wait for Close; it may keep the octets. What the interface itself
// sends is not received, nor what carries a VLAN id.
//
// errors.Is(err, unix.ENODEV) where there is no such interface. It needs
// CAP_NET_RAW.
func (c *Conn) GroupSocket(group Group, ifindex uint32, received func(pdu []byte)) (*GroupSocket, error) {
	s := &GroupSocket{group: group, ifindex: ifindex, received: received, quit: make(chan struct{}), done: make(chan struct{})}
	if err := s.open(c); err != nil {
		return nil, fmt.Errorf("interface %d: listen to EtherType %#04x: %w", ifindex, group.EtherType, err)
	}
	go s.run()
	return s, nil
}

func (s *GroupSocket) open(c *Conn) error {
	fd, err := c.packetSocket()
	if err != nil {
		return err
	}
	s.file = os.NewFile(uintptr(fd), "group")
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = s.group.bind(fd, int(s.ifindex))
	}
	if err != nil {
		return errors.Join(err, s.file.Close())
	}
	return nil
}

// bind lets a socket hear from now on what is sent to the group, also where the
// driver filters groups.
func (g *Group) bind(fd, ifindex int) error {
	filter := g.filter()
	member := unix.PacketMreq{Ifindex: int32(ifindex), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
	copy(member.Address[:], g.Address[:])
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, groupBuffer),
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(g.EtherType), Ifindex: ifindex}),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member),
	)
}

// filter lets pass what goes to the group's address. The kernel calls a group's
// frame that has a VLAN id, and no interface for it, another host's.
func (g *Group) filter() []unix.SockFilter {
	const (
		load, loadHalf        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		equal, answer         = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		packetType     uint32 = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	)
	return []unix.SockFilter{
		{Code: load, K: packetType},
		{Code: equal, K: unix.PACKET_MULTICAST, Jf: 5},
		{Code: load, K: 0},
		{Code: equal, K: binary.BigEndian.Uint32(g.Address[:]), Jf: 3},
		{Code: loadHalf, K: 4},
		{Code: equal, K: uint32(binary.BigEndian.Uint16(g.Address[4:])), Jf: 1},
		{Code: answer, K: 1 << 16},
		{Code: answer, K: 0},
	}
}

// Close ends the socket and waits for its goroutine.
func (s *GroupSocket) Close() error {
	close(s.quit)
	err := s.file.Close()
	<-s.done
	return err
}

// Send puts a PDU on the wire with the interface's
// present address as source. An interface that takes no frames holds it up for
// 50 ms. errors.Is(err, unix.ENETDOWN) where the interface is down, and ENXIO
// where it went.
func (s *GroupSocket) Send(pdu []byte) error {
	frame, err := s.frame(pdu)
	if err == nil {
		err = s.file.SetWriteDeadline(time.Now().Add(groupSend))
	}
	if err == nil {
		_, err = s.file.Write(frame)
	}
	if err != nil {
		return fmt.Errorf("interface %d: send a pdu of EtherType %#04x: %w", s.ifindex, s.group.EtherType, err)
	}
	return nil
}

func (s *GroupSocket) frame(pdu []byte) ([]byte, error) {
	var own unix.Sockaddr
	var err error
	if failed := s.raw.Control(func(fd uintptr) { own, err = unix.Getsockname(int(fd)) }); failed != nil || err != nil {
		return nil, errors.Join(failed, err)
	}
	frame := make([]byte, 0, max(etherLeast, etherHeader+len(pdu)))
	frame = append(frame, s.group.Address[:]...)
	frame = append(frame, own.(*unix.SockaddrLinklayer).Addr[:6]...)
	frame = binary.BigEndian.AppendUint16(frame, s.group.EtherType)
	frame = append(frame, pdu...)
	return frame[:cap(frame)], nil
}

// run hands over what comes in until Close.
func (s *GroupSocket) run() {
	defer close(s.done)
	window := time.NewTicker(groupWindow)
	defer window.Stop()
	buffer := make([]byte, s.group.Most)
	for taken := 0; ; {
		n, err := s.file.Read(buffer)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err == nil && n > etherHeader {
			s.received(bytes.Clone(buffer[etherHeader:n]))
		}
		// An error is told once and then over: the interface went down.
		if taken++; taken < groupBurst {
			continue
		}
		select {
		case <-window.C:
			taken = 0
		case <-s.quit:
			return
		}
	}
}

// packetSocket opens one for whole frames that hears nothing yet, in the
// connection's namespace.
func (c *Conn) packetSocket() (fd int, err error) {
	err = c.inNamespace(func() error {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	return fd, nil
}

// networkOrder is a number as the kernel wants it in a sockaddr.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
