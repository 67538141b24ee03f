package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// Offload is struct virtio_net_hdr (include/uapi/linux/virtio_net.h): what a
// virtual machine hands over beside a frame whose checksum or segments are
// still to be made. In the host's byte order.
//
//	0       1       2         4         6           8             10
//	+-------+-------+---------+---------+-----------+-------------+
//	| flags | gso   | header  | segment | checksum  | checksum    |
//	|       | type  | octets  | octets  | from      | at, from it |
//	+-------+-------+---------+---------+-----------+-------------+
type Offload struct {
	Flags, GSOType                                             uint8
	HeaderOctets, SegmentOctets, ChecksumStart, ChecksumOffset uint16
}

// Values of Offload's fields.
const (
	NeedsChecksum = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	GSOTCPv4      = 1 // VIRTIO_NET_HDR_GSO_TCPV4
)

// offloadOctets is the length of Offload on the descriptor.
const offloadOctets = 10

// The offloads of TUNSETOFFLOAD (include/uapi/linux/if_tun.h).
const tunOffloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6

// Tap is the virtual machine's side of a tap interface.
type Tap struct {
	fd  int
	buf []byte
}

// NewTap makes a tap interface with virtio headers and checksum and TSO
// offload, as QEMU does. It goes with Close.
func NewTap(n *topology.Namespace, name string) (*Tap, error) {
	t := &Tap{buf: make([]byte, 1<<17)}
	err := n.Do(func() (err error) {
		t.fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		if err := unix.IoctlIfreq(t.fd, unix.TUNSETIFF, request); err != nil {
			return fmt.Errorf("make it: %w", err)
		}
		return unix.IoctlSetInt(t.fd, unix.TUNSETOFFLOAD, tunOffloads)
	})
	if err == nil {
		err = n.SetUp(name, true)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tap %s: %w", name, err), t.Close())
	}
	return t, nil
}

// Close removes the interface.
func (t *Tap) Close() error { return unix.Close(t.fd) }

// Send hands one frame to the kernel as a virtual machine would.
func (t *Tap) Send(o Offload, frame []byte) error {
	b := make([]byte, 0, offloadOctets+len(frame))
	b, err := binary.Append(b, binary.NativeEndian, o)
	if err != nil {
		return err
	}
	if _, err := unix.Write(t.fd, append(b, frame...)); err != nil {
		return fmt.Errorf("tap: send %d octets: %w", len(frame), err)
	}
	return nil
}

// Receive gives the next frame that keep wants with its offload;
// ErrTimeout when none comes within the bound.
func (t *Tap) Receive(bound time.Duration, keep func(Frame) bool) (Offload, Frame, error) {
	deadline := time.Now().Add(bound)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return Offload{}, Frame{}, ErrTimeout
		}
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return Offload{}, Frame{}, fmt.Errorf("tap: wait: %w", err)
		}
		if ready == 0 || err != nil {
			continue
		}
		o, f, ok, err := t.read()
		if err != nil {
			return o, f, err
		}
		if ok && keep(f) {
			return o, f, nil
		}
	}
}

func (t *Tap) read() (o Offload, f Frame, ok bool, err error) {
	n, err := unix.Read(t.fd, t.buf)
	if err != nil {
		return o, f, false, fmt.Errorf("tap: receive: %w", err)
	}
	if n < offloadOctets {
		return o, f, false, nil
	}
	if _, err := binary.Decode(t.buf[:offloadOctets], binary.NativeEndian, &o); err != nil {
		return o, f, false, err
	}
	f, ok = Parse(append([]byte(nil), t.buf[offloadOctets:n]...))
	return o, f, ok, nil
}
