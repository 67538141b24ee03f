package lab

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Wire sends and receives whole Ethernet frames at one interface. A frame
// that carries a VLAN tag is given and sent with it in place. One goroutine may
// send while another receives.
type Wire struct {
	t    testing.TB
	name string
	fd   int
	to   unix.SockaddrLinklayer
	buf  []byte // of the receiver
	oob  []byte
}

// Wire opens the interface for frames.
func (n *NS) Wire(t testing.TB, name string) *Wire {
	t.Helper()
	index := n.Link(t, name).Attrs().Index
	w := &Wire{
		t: t, name: name, to: unix.SockaddrLinklayer{Ifindex: index, Protocol: 0x0300},
		buf: make([]byte, 1<<16), oob: make([]byte, 256),
	}
	n.Do(t, func() {
		var err error
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0x0300) // ETH_P_ALL
		must(t, "packet socket", err)
		wait := unix.Timeval{Usec: 1000}
		must(t, "packet socket", errors.Join(
			unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
			unix.SetsockoptInt(w.fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
			unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.Bind(w.fd, &w.to),
		))
	})
	t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

// Send puts one frame on the wire.
func (w *Wire) Send(frame []byte) {
	w.t.Helper()
	if err := w.TrySend(frame); err != nil {
		w.t.Fatalf("%s: send: %v", w.name, err)
	}
}

// TrySend is Send where the error belongs to the test.
func (w *Wire) TrySend(frame []byte) error {
	_, err := unix.Write(w.fd, frame)
	return err
}

// Receive is the next frame that came in, or nil when none came within the
// time. It is valid until the next call.
func (w *Wire) Receive(within time.Duration) []byte {
	w.t.Helper()
	for end := time.Now().Add(within); ; {
		n, o, _, from, err := unix.Recvmsg(w.fd, w.buf, w.oob, 0)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN):
			if time.Now().After(end) {
				return nil
			}
			continue
		case err != nil:
			w.t.Fatalf("%s: receive: %v", w.name, err)
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		return tagged(w.buf[:n], w.oob[:o])
	}
}

// tagged puts the tag back that the kernel took out of the frame: struct
// tpacket_auxdata has status at 0, the tag at 16 and its TPID at 18.
func tagged(frame, oob []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(frame) < 12 {
		return frame
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 {
			continue
		}
		if m.Data[0]&unix.TP_STATUS_VLAN_VALID == 0 {
			continue
		}
		out := append([]byte{}, frame[:12]...)
		out = append(out, m.Data[19], m.Data[18], m.Data[17], m.Data[16])
		return append(out, frame[12:]...)
	}
	return frame
}
