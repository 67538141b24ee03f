package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/integration/topology"
	"golang.org/x/sys/unix"
)

// Load is what one host sends another: as much as the way takes, or at a pace.
// Its UDP is received by a PortCount only.
type Load struct {
	// Port of layer 4 at the receiver, from FirstPort on, tells loads apart.
	Port uint16
	// DSCP of its packets, but for the first of a TCP connection.
	DSCP uint8
	// TCP sends one stream; else it is UDP.
	TCP bool
	// Rate of UDP in bit/s of frames; 0 sends as much as the way takes.
	Rate uint64
	// Segments are how many datagrams of UDP are sent as one (UDP_SEGMENT, as
	// QUIC does), 1 to 44; 0 counts as 1.
	Segments int
	// CPU that sends; a negative number leaves that to the kernel.
	CPU int
}

// Octets of a frame that fills an MTU of 1500, and of what UDP carries in it.
const (
	FrameOctets = 1514
	udpPayload  = FrameOctets - atPayload
)

// Sender is a load that is being sent.
type Sender struct {
	stop   atomic.Bool
	done   chan error
	stream *Connection // of TCP
	fd     int
}

// StartLoad sends a load until Stop. The receiver's address is on the host to.
func StartLoad(from, to *topology.Namespace, receiver netip.Addr, l Load) (*Sender, error) {
	s := &Sender{done: make(chan error, 1), fd: -1}
	at := netip.AddrPortFrom(receiver, l.Port)
	if err := s.open(from, to, at, l); err != nil {
		return nil, fmt.Errorf("load to %s: %w", at, err)
	}
	go func() {
		s.done <- urgently(func() error { return onCPU(l.CPU, func() error { return s.run(l) }) })
	}()
	return s, nil
}

// urgently runs f on a thread that goes before others that want its CPU: a load
// that waits for a CPU is none. The thread is kept, as topology.Namespace.Do's.
func urgently(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const most, usual = -20, 0
	set := func(nice int) error {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
			return fmt.Errorf("the thread's priority: %w", err)
		}
		return nil
	}
	if err := set(most); err != nil {
		return err
	}
	return errors.Join(f(), set(usual))
}

func (s *Sender) open(from, to *topology.Namespace, at netip.AddrPort, l Load) (err error) {
	if l.TCP {
		if s.stream, err = Dial(from, to, at, Discard, -1); err != nil {
			return err
		}
		s.fd = s.stream.client
	} else if s.fd, err = datagrams(from, at); err != nil {
		return err
	}
	err = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS, int(l.DSCP)<<2)
	if err == nil && l.Segments > 1 {
		err = unix.SetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, udpPayload)
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

// datagrams is a UDP socket that is connected, and whose calls wait a bounded
// time.
func datagrams(from *topology.Namespace, at netip.AddrPort) (fd int, err error) {
	err = from.Do(func() error {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = errors.Join(
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 100_000}),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20),
			unix.Connect(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
		)
		if err != nil {
			return errors.Join(err, unix.Close(fd))
		}
		return nil
	})
	return fd, err
}

func (s *Sender) run(l Load) error {
	chunk := make([]byte, 1<<17)
	octets := len(chunk)
	if !l.TCP {
		octets = udpPayload * max(l.Segments, 1)
		chunk = chunk[:octets]
	}
	frames := uint64(octets/udpPayload) * FrameOctets * 8 // bits
	for start, sent := time.Now(), uint64(0); !s.stop.Load(); sent += frames {
		if l.Rate != 0 {
			due := time.Duration(float64(sent) / float64(l.Rate) * float64(time.Second))
			time.Sleep(time.Until(start.Add(due)))
		}
		if err := send(s.fd, chunk); err != nil && !s.stop.Load() {
			return err
		}
	}
	return nil
}

// send passes over what says that the way takes nothing now.
func send(fd int, b []byte) error {
	_, err := unix.Write(fd, b)
	switch {
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
		return nil
	}
	return err
}

// Stop ends the load; what a TCP stream has not sent yet is given up.
func (s *Sender) Stop() error {
	s.stop.Store(true)
	var err error
	if s.stream != nil {
		err = errors.Join(
			unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
			unix.Shutdown(s.fd, unix.SHUT_RDWR))
	}
	return errors.Join(err, <-s.done, s.close())
}

func (s *Sender) close() error {
	if s.stream != nil {
		return s.stream.Close()
	}
	return unix.Close(s.fd)
}

// Probe sends a datagram to ProbePort each period for some time, each with the
// moment at which it was sent. A PortCount tells how long they took. What sends
// stays on a CPU; a negative number leaves that to the kernel.
func Probe(from *topology.Namespace, receiver netip.Addr, dscp uint8, cpu int, period, long time.Duration) error {
	fd, err := datagrams(from, netip.AddrPortFrom(receiver, ProbePort))
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, int(dscp)<<2); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return urgently(func() error { return onCPU(cpu, func() error { return probe(fd, period, long) }) })
}

func probe(fd int, period, long time.Duration) error {
	payload := make([]byte, 64)
	for start := time.Now(); time.Since(start) < long; time.Sleep(period) {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return err
		}
		binary.NativeEndian.PutUint64(payload, uint64(now.Nano()))
		if err := send(fd, payload); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
	return nil
}
