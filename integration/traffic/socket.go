package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// Socket is an AF_PACKET socket (packet(7)) on one interface. It sees frames
// whole, with their tag, and not those that it sent itself.
type Socket struct {
	fd  int
	buf []byte
}

// Open opens a socket on an interface.
func Open(n *topology.Namespace, name string) (*Socket, error) {
	index, err := n.Index(name)
	if err != nil {
		return nil, err
	}
	s := &Socket{buf: make([]byte, 1<<17)}
	err = n.Do(func() error {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("packet socket on %s: %w", name, err)
	}
	if err := s.bind(index); err != nil {
		return nil, errors.Join(fmt.Errorf("packet socket on %s: %w", name, err), s.Close())
	}
	return s, nil
}

func (s *Socket) bind(index int) error {
	for _, option := range []int{unix.PACKET_AUXDATA, unix.PACKET_IGNORE_OUTGOING} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, option, 1); err != nil {
			return err
		}
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<26); err != nil {
		return err
	}
	return unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL), Ifindex: index})
}

// bigEndian gives the number whose bytes in memory are v's in network order.
func bigEndian(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

// Close closes the socket.
func (s *Socket) Close() error { return unix.Close(s.fd) }

// Send writes one frame.
func (s *Socket) Send(frame []byte) error {
	if _, err := unix.Write(s.fd, frame); err != nil {
		return fmt.Errorf("send %d octets: %w", len(frame), err)
	}
	return nil
}

// ErrTimeout says that no frame came within the bound.
var ErrTimeout = errors.New("no frame came in time")

// Receive gives the next frame that keep wants, and throws away those before
// it; ErrTimeout when none comes within the bound.
func (s *Socket) Receive(bound time.Duration, keep func(Frame) bool) (Frame, error) {
	deadline := time.Now().Add(bound)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return Frame{}, ErrTimeout
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return Frame{}, fmt.Errorf("wait for a frame: %w", err)
		}
		if ready == 0 || err != nil {
			continue
		}
		b, err := s.read()
		if errors.Is(err, unix.ENETDOWN) {
			continue // said once when the interface goes down; it may come up again
		}
		if err != nil {
			return Frame{}, err
		}
		if f, ok := Parse(b); ok && keep(f) {
			return f, nil
		}
	}
}

// auxdata is struct tpacket_auxdata (include/uapi/linux/if_packet.h), in the
// host's byte order.
type auxdata struct {
	Status, Len, Snaplen        uint32
	MAC, Net, VLANTCI, VLANTPID uint16
}

// read takes one frame and puts back the tag that the kernel took out of it.
func (s *Socket) read() ([]byte, error) {
	var oob [128]byte
	n, oobn, _, _, err := unix.Recvmsg(s.fd, s.buf, oob[:], 0)
	if err != nil {
		return nil, fmt.Errorf("receive a frame: %w", err)
	}
	frame := append([]byte(nil), s.buf[:n]...)
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return nil, fmt.Errorf("receive a frame: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < int(unsafe.Sizeof(auxdata{})) {
			continue
		}
		var aux auxdata
		if _, err := binary.Decode(m.Data, binary.NativeEndian, &aux); err != nil {
			return nil, fmt.Errorf("receive a frame: %w", err)
		}
		if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 && n >= 12 {
			frame = insertTag(frame, aux)
		}
	}
	return frame, nil
}

func insertTag(frame []byte, aux auxdata) []byte {
	tpid := uint16(etherTypeCVLAN)
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = aux.VLANTPID
	}
	tagged := append([]byte(nil), frame[:12]...)
	tagged = binary.BigEndian.AppendUint16(tagged, tpid)
	tagged = binary.BigEndian.AppendUint16(tagged, aux.VLANTCI)
	return append(tagged, frame[12:]...)
}
