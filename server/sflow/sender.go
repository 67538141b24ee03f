package sflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// maxDatagram is the most octets of one datagram, so that no path cuts it.
const maxDatagram = 1400

// MaxHeader is the most octets of a frame that are told.
const MaxHeader = 512

// Sender joins samples into datagrams and sends them to collectors. It is for
// one goroutine.
type Sender struct {
	agent      netip.Addr
	began      time.Time
	collectors []*net.UDPConn
	sequence   uint32
	samples    uint32
	octets     []byte // of the datagram that is being filled
	sent       uint64
	failed     uint64
}

// NewSender opens a socket to each collector. The agent's address is what
// collectors know the element by.
func NewSender(agent netip.Addr, collectors []netip.AddrPort, now time.Time) (*Sender, error) {
	if !agent.IsValid() {
		return nil, errors.New("sflow: no agent address")
	}
	s := &Sender{agent: agent, began: now}
	for _, c := range collectors {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(c))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sflow: collector %s: %w", c, err), s.Close())
		}
		s.collectors = append(s.collectors, conn)
	}
	return s, nil
}

// Close closes the sockets.
func (s *Sender) Close() error {
	var errs []error
	for _, c := range s.collectors {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

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
		if s.octets = sample(s.octets); len(s.octets) <= maxDatagram {
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
	for _, c := range s.collectors {
		if _, err := c.Write(s.octets); err != nil {
			s.failed++ // a collector that is away is no fault of ours
		} else {
			s.sent++
		}
	}
	s.octets, s.samples = s.octets[:0], 0
}

// Tagged gives the first octets of a frame with its tag put back into them: the
// kernel keeps it beside the frame. The tag is its control information.
func Tagged(header []byte, tag uint16) []byte {
	if len(header) < 12 {
		return header
	}
	b := make([]byte, 0, len(header)+4)
	b = append(b, header[:12]...)
	b = binary.BigEndian.AppendUint16(b, 0x8100)
	b = binary.BigEndian.AppendUint16(b, tag)
	return append(b, header[12:]...)
}
