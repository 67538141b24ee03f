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

// Frames of the slow protocols (IEEE 802.3, annex 57A).
//
//	octet  0  destination 01:80:C2:00:00:02
//	       6  source, the port's own
//	      12  EtherType 0x8809
//	      14  the PDU, from its subtype on
const (
	etherTypeSlow = 0x8809 // ETH_P_SLOW
	etherHeader   = 14
	etherLeast    = 60  // octets of the shortest frame, without its check sequence
	slowMost      = 512 // octets of a frame that are looked at
)

// Bounds on what a SlowSocket does: a partner in its senses sends a handful of
// PDUs a second.
const (
	slowBuffer = 16 << 10 // octets that may wait; the kernel drops the rest
	slowBurst  = 32       // PDUs that are taken in within a slowWindow
	slowWindow = 100 * time.Millisecond
	slowSend   = 50 * time.Millisecond // for an interface that takes no frames
)

// SlowSocket sends and receives the PDUs of the slow protocols, LACP among them,
// at one interface. It stays with the interface while that is down.
type SlowSocket struct {
	file     *os.File
	raw      syscall.RawConn
	ifindex  uint32
	received func(pdu []byte)

	quit, done chan struct{}
}

// SlowSocket opens one at an interface of the connection's namespace.
//
// received is called for each PDU that comes in, from the subtype on, at most
// 320 times a second; what comes beyond that is dropped. The socket's own
// goroutine calls it, so it must not wait for Close; it may keep the octets.
// What the interface itself sends is not received, nor what carries a VLAN id.
//
// errors.Is(err, unix.ENODEV) where there is no such interface. It needs
// CAP_NET_RAW.
func (c *Conn) SlowSocket(ifindex uint32, received func(pdu []byte)) (*SlowSocket, error) {
	s := &SlowSocket{ifindex: ifindex, received: received, quit: make(chan struct{}), done: make(chan struct{})}
	if err := s.open(c); err != nil {
		return nil, fmt.Errorf("interface %d: listen to slow protocols: %w", ifindex, err)
	}
	go s.run()
	return s, nil
}

func (s *SlowSocket) open(c *Conn) error {
	fd, err := c.packetSocket()
	if err != nil {
		return err
	}
	s.file = os.NewFile(uintptr(fd), "slow protocols")
	if s.raw, err = s.file.SyscallConn(); err == nil {
		err = bindSlow(fd, int(s.ifindex))
	}
	if err != nil {
		return errors.Join(err, s.file.Close())
	}
	return nil
}

// bindSlow lets a socket hear from now on what is sent to the slow protocols'
// address, also where the driver filters groups.
func bindSlow(fd, ifindex int) error {
	filter := slowFilter()
	member := unix.PacketMreq{
		Ifindex: int32(ifindex), Type: unix.PACKET_MR_MULTICAST,
		Alen: 6, Address: [8]byte{0x01, 0x80, 0xC2, 0x00, 0x00, 0x02},
	}
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowBuffer),
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(etherTypeSlow), Ifindex: ifindex}),
		unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member),
	)
}

// slowFilter lets pass what goes to the slow protocols' address. The kernel
// calls a group's frame that has a VLAN id, and no interface for it, another
// host's.
func slowFilter() []unix.SockFilter {
	const (
		load, loadHalf        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		equal, answer         = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		packetType     uint32 = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
	)
	return []unix.SockFilter{
		{Code: load, K: packetType},
		{Code: equal, K: unix.PACKET_MULTICAST, Jf: 5},
		{Code: load, K: 0},
		{Code: equal, K: 0x0180C200, Jf: 3},
		{Code: loadHalf, K: 4},
		{Code: equal, K: 0x0002, Jf: 1},
		{Code: answer, K: 1 << 16},
		{Code: answer, K: 0},
	}
}

// Close ends the socket and waits for its goroutine.
func (s *SlowSocket) Close() error {
	close(s.quit)
	err := s.file.Close()
	<-s.done
	return err
}

// Send puts a PDU, from its subtype on, on the wire with the interface's
// present address as source. An interface that takes no frames holds it up for
// 50 ms. errors.Is(err, unix.ENETDOWN) where the interface is down, and ENXIO
// where it went.
func (s *SlowSocket) Send(pdu []byte) error {
	frame, err := s.frame(pdu)
	if err == nil {
		err = s.file.SetWriteDeadline(time.Now().Add(slowSend))
	}
	if err == nil {
		_, err = s.file.Write(frame)
	}
	if err != nil {
		return fmt.Errorf("interface %d: send a slow protocol's pdu: %w", s.ifindex, err)
	}
	return nil
}

func (s *SlowSocket) frame(pdu []byte) ([]byte, error) {
	var own unix.Sockaddr
	var err error
	if failed := s.raw.Control(func(fd uintptr) { own, err = unix.Getsockname(int(fd)) }); failed != nil || err != nil {
		return nil, errors.Join(failed, err)
	}
	frame := make([]byte, 0, max(etherLeast, etherHeader+len(pdu)))
	frame = append(frame, 0x01, 0x80, 0xC2, 0x00, 0x00, 0x02)
	frame = append(frame, own.(*unix.SockaddrLinklayer).Addr[:6]...)
	frame = binary.BigEndian.AppendUint16(frame, etherTypeSlow)
	frame = append(frame, pdu...)
	return frame[:cap(frame)], nil
}

// run hands over what comes in until Close.
func (s *SlowSocket) run() {
	defer close(s.done)
	window := time.NewTicker(slowWindow)
	defer window.Stop()
	buffer := make([]byte, slowMost)
	for taken := 0; ; {
		n, err := s.file.Read(buffer)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err == nil && n > etherHeader {
			s.received(bytes.Clone(buffer[etherHeader:n]))
		}
		// An error is told once and then over: the interface went down.
		if taken++; taken < slowBurst {
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
