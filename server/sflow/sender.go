package sflow

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// MaxHeader is the most octets of a frame that are told.
const MaxHeader = 512

// Collector is where a Sender sends to.
type Collector struct {
	At     netip.AddrPort
	Source netip.Addr // to send from; zero is any
	DSCP   uint8
	// Datagram is the most octets of one datagram, so that no path cuts it.
	Datagram int
}

// Sender joins samples into datagrams and sends them to one collector. It is for
// one goroutine.
type Sender struct {
	agent    netip.Addr
	began    time.Time
	conn     net.Conn
	most     int // octets of a datagram
	sequence uint32
	samples  uint32
	octets   []byte // of the datagram that is being filled
	sent     uint64
	failed   uint64
}

// NewSender opens a socket. The agent's address is what the collector knows the
// element by.
func NewSender(agent netip.Addr, c Collector, now time.Time) (*Sender, error) {
	if !agent.IsValid() {
		return nil, errors.New("sflow: no agent address")
	}
	d := net.Dialer{Control: c.control}
	if c.Source.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.Source, 0))
	}
	conn, err := d.Dial("udp", c.At.String())
	if err != nil {
		return nil, fmt.Errorf("sflow: collector %s: %w", c.At, err)
	}
	return &Sender{agent: agent, began: now, conn: conn, most: c.Datagram}, nil
}

// control marks what is sent.
func (c Collector) control(_, _ string, raw syscall.RawConn) error {
	var err error
	failed := raw.Control(func(fd uintptr) {
		if c.At.Addr().Is4() {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, int(c.DSCP)<<2)
		} else {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(c.DSCP)<<2)
		}
	})
	return errors.Join(failed, err)
}

// Close closes the socket.
func (s *Sender) Close() error { return s.conn.Close() }

// Sent counts datagrams by whether the kernel took them.
func (s *Sender) Sent() (sent, failed uint64) { return s.sent, s.failed }

// Flow tells of a sampled frame.
func (s *Sender) Flow(f *Flow, now time.Time) {
	f.Header = f.Header[:min(len(f.Header), MaxHeader)]
	s.add(f.append, now)
}

// Drop tells of a dropped frame.
func (s *Sender) Drop(d *Drop, now time.Time) {
	d.Header = d.Header[:min(len(d.Header), MaxHeader)]
	s.add(d.append, now)
}

// Interface tells an interface's counters.
func (s *Sender) Interface(i *Interface, now time.Time) { s.add(i.append, now) }

// add appends a sample to the datagram, which goes out first where the sample
// has no room in it.
func (s *Sender) add(sample func([]byte) []byte, now time.Time) {
	before := len(s.octets)
	if s.samples > 0 {
		if s.octets = sample(s.octets); len(s.octets) <= s.most {
			s.samples++
			return
		}
		s.octets = s.octets[:before]
		s.Flush(now)
	}
	h := header{agent: s.agent}
	s.octets = sample(h.append(s.octets[:0]))
	s.samples = 1
}

// Flush sends what waits.
func (s *Sender) Flush(now time.Time) {
	if s.samples == 0 {
		return
	}
	s.sequence++
	h := header{agent: s.agent, sequence: s.sequence, uptime: uint32(now.Sub(s.began).Milliseconds()), samples: s.samples}
	copy(s.octets, h.append(nil))
	if _, err := s.conn.Write(s.octets); err != nil {
		s.failed++ // a collector that is away is no fault of ours
	} else {
		s.sent++
	}
	s.octets, s.samples = s.octets[:0], 0
}
