package teaming_test

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/signalbox/signalbox/integration/teaming"
	"github.com/signalbox/signalbox/integration/testenv"
	"github.com/signalbox/signalbox/integration/topology"
	"github.com/signalbox/signalbox/integration/traffic"
)

// slowProtocols is what LACP's frames are sent to, and their EtherType (IEEE
// 802.3, annex 57A).
var slowProtocols = net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 0x02}

const (
	slowType      = 0x8809
	lacpSubtype   = 1
	markerSubtype = 2
)

// The state of an end of which nothing is wrong, that wants a PDU a second.
const allWell = 0x3f

// end is one end of a link in a PDU.
type end struct {
	systemPriority uint16
	system         net.HardwareAddr
	key            uint16
	portPriority   uint16
	port           uint16
	state          uint8
}

// endOctets is the length of an end's part of a PDU:
//
//	system priority (2) | system (6) | key (2) | port priority (2) | port (2) |
//	state (1) | reserved (3)
const endOctets = 18

func (e end) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, e.systemPriority)
	b = append(b, e.system...)
	b = binary.BigEndian.AppendUint16(b, e.key)
	b = binary.BigEndian.AppendUint16(b, e.portPriority)
	b = binary.BigEndian.AppendUint16(b, e.port)
	return append(b, e.state, 0, 0, 0)
}

func parseEnd(b []byte) end {
	return end{
		binary.BigEndian.Uint16(b), net.HardwareAddr(b[2:8]), binary.BigEndian.Uint16(b[8:]),
		binary.BigEndian.Uint16(b[10:]), binary.BigEndian.Uint16(b[12:]), b[14],
	}
}

// pdu writes what follows the EtherType of a LACPDU (IEEE 802.1AX-2020,
// 6.4.2.3): 110 octets.
func pdu(actor, partner end) []byte {
	b := actor.append([]byte{lacpSubtype, 1, 1, 2 + endOctets})
	b = partner.append(append(b, 2, 2+endOctets))
	b = append(b, 3, 16)
	return append(b, make([]byte, 110-len(b))...)
}

// marker writes what follows the EtherType of a Marker PDU (6.5.3.3): subtype,
// version, type 1 (information), length, port, system, transaction, padding.
func marker(system net.HardwareAddr, transaction uint32) []byte {
	b := append([]byte{markerSubtype, 1, 1, 16, 0, 1}, system...)
	b = binary.BigEndian.AppendUint32(b, transaction)
	return append(b, make([]byte, 110-len(b))...)
}

// readPDU reads the ends of a LACPDU.
func readPDU(f traffic.Frame) (actor, partner end, ok bool) {
	if f.Type != slowType || len(f.Payload) < 110 || f.Payload[0] != lacpSubtype {
		return actor, partner, false
	}
	return parseEnd(f.Payload[4:]), parseEnd(f.Payload[24:]), true
}

// speaker is a partner that says what it is told to at the far end of a
// member, and does no more.
type speaker struct {
	*traffic.Socket
	mac  net.HardwareAddr
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex // guards what follows
	actor end
	heard end // the element's end
	pdus  int // received
	err   error
}

// newSpeaker plugs a partner into a member of a node, that is silent until
// begin.
func newSpeaker(t *testing.T, n *teaming.Node, member string, actor end) *speaker {
	t.Helper()
	far := testenv.Namespace(t)
	s := &speaker{mac: traffic.MAC(0x200 + uint32(actor.port)), stop: make(chan struct{}), actor: actor}
	ok(t, topology.Cable(topology.End{Namespace: n.Namespace, Name: member}, topology.End{Namespace: far, Name: "far", MAC: s.mac}))
	var err error
	s.Socket, err = traffic.Open(far, "far")
	ok(t, err)
	t.Cleanup(func() {
		close(s.stop)
		s.done.Wait()
		if err := errors.Join(s.err, s.Socket.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// begin has the speaker answer and repeat itself.
func (s *speaker) begin() {
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		for {
			select {
			case <-s.stop:
				return
			default:
			}
			if err := s.once(); err != nil {
				s.mu.Lock()
				s.err = err
				s.mu.Unlock()
				return
			}
		}
	}()
}

// once listens for some time, and says something.
func (s *speaker) once() error {
	f, err := s.Receive(300*time.Millisecond, func(f traffic.Frame) bool { _, _, ok := readPDU(f); return ok })
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.heard, _, _ = readPDU(f)
		s.pdus++
	} else if !errors.Is(err, traffic.ErrTimeout) {
		return err
	}
	return s.say(pdu(s.actor, s.heard))
}

// say sends what follows the EtherType.
func (s *speaker) say(payload []byte) error {
	return s.Send(traffic.Frame{Dst: slowProtocols, Src: s.mac, Type: slowType, Payload: payload}.Bytes(60))
}

// become changes what the speaker says of itself.
func (s *speaker) become(change func(*end)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.actor)
}

func (s *speaker) hears() (element end, pdus int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard, s.pdus
}
