package lacp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Subtypes of the slow protocols (IEEE 802.3, annex 57A).
const (
	subtypeLACP   = 1
	subtypeMarker = 2
)

// PDUOctets is the length of each PDU of this package, from the subtype on,
// without the frame check sequence.
const PDUOctets = 110

// What is wrong with a PDU that was received.
var (
	// ErrShort says that octets are missing.
	ErrShort = errors.New("pdu is too short")
	// ErrSubtype says that it is another slow protocol's.
	ErrSubtype = errors.New("another subtype")
	// ErrIllegal says that a field has a value that it can't have.
	ErrIllegal = errors.New("illegal pdu")
)

// The bits of LACPEnd.State (IEEE 802.1AX-2020, 6.4.2.3).
const (
	Activity        uint8 = 1 << iota // active LACP, else passive
	ShortTimeout                      // else long
	Aggregation                       // aggregatable, else individual
	Synchronization                   // attached to the right aggregator
	Collecting
	Distributing
	Defaulted // the partner's values are the defaults
	Expired   // the partner's time ran out
)

const version1 = 1

// PDU is an LACPDU of version 1.
//
//	octet   0  subtype = 1
//	        1  version = 1
//	        2  TLV type = 1 (actor)        3  length = 20
//	        4  actor, see below, and 3 reserved octets
//	       22  TLV type = 2 (partner)     23  length = 20
//	       24  partner, and 3 reserved octets
//	       42  TLV type = 3 (collector)   43  length = 16
//	       44  collector max delay         2 octets, in tens of microseconds
//	       46  reserved                   12 octets
//	       58  TLV type = 0 (terminator)  59  length = 0
//	       60  reserved                   50 octets
//
// All numbers are big-endian. Version 2 adds TLVs from octet 58 on, which are
// passed over.
type PDU struct {
	Actor, Partner spec.LACPEnd
	// MaxDelay is how long the sender's collector may hold a frame, in tens of
	// microseconds.
	MaxDelay uint16
}

const (
	actorAt     = 2
	partnerAt   = 22
	collectorAt = 42

	tlvActor, tlvPartner, tlvCollector          = 1, 2, 3
	actorOctets, partnerOctets, collectorOctets = 20, 20, 16
)

// Append writes the PDU behind b.
func (p *PDU) Append(b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, PDUOctets)...)
	o := b[at:]
	o[0], o[1] = subtypeLACP, version1
	o[actorAt], o[actorAt+1] = tlvActor, actorOctets
	putEnd(o[actorAt+2:], &p.Actor)
	o[partnerAt], o[partnerAt+1] = tlvPartner, partnerOctets
	putEnd(o[partnerAt+2:], &p.Partner)
	o[collectorAt], o[collectorAt+1] = tlvCollector, collectorOctets
	binary.BigEndian.PutUint16(o[collectorAt+2:], p.MaxDelay)
	return b
}

// ParsePDU reads an LACPDU of version 1, or of a later one as far as version 1
// goes. Octets behind it are padding. errors.Is(err, ErrShort), ErrSubtype or
// ErrIllegal.
func ParsePDU(b []byte) (p PDU, err error) {
	switch {
	case len(b) == 0:
		return p, ErrShort
	case b[0] != subtypeLACP:
		return p, fmt.Errorf("subtype %d: %w", b[0], ErrSubtype)
	case len(b) < PDUOctets:
		return p, fmt.Errorf("%d octets, want %d: %w", len(b), PDUOctets, ErrShort)
	case b[1] < version1:
		return p, fmt.Errorf("version %d: %w", b[1], ErrIllegal)
	}
	for _, want := range [...]struct{ at, kind, octets byte }{
		{actorAt, tlvActor, actorOctets}, {partnerAt, tlvPartner, partnerOctets}, {collectorAt, tlvCollector, collectorOctets},
	} {
		if b[want.at] != want.kind || b[want.at+1] != want.octets {
			return p, fmt.Errorf("TLV type %d of length %d at octet %d, want type %d of length %d: %w",
				b[want.at], b[want.at+1], want.at, want.kind, want.octets, ErrIllegal)
		}
	}
	p.Actor, p.Partner = end(b[actorAt+2:]), end(b[partnerAt+2:])
	p.MaxDelay = binary.BigEndian.Uint16(b[collectorAt+2:])
	if p.Actor.SystemID.Multicast() || p.Actor.SystemID.IsZero() {
		return p, fmt.Errorf("actor's system %s is no station's address: %w", p.Actor.SystemID, ErrIllegal)
	}
	return p, nil
}

// putEnd writes one end of the link.
//
//	octet  0  system priority  2
//	       2  system id        6
//	       8  key              2
//	      10  port priority    2
//	      12  port             2
//	      14  state            1
func putEnd(b []byte, e *spec.LACPEnd) {
	binary.BigEndian.PutUint16(b, e.SystemPriority)
	copy(b[2:8], e.SystemID[:])
	binary.BigEndian.PutUint16(b[8:], e.Key)
	binary.BigEndian.PutUint16(b[10:], e.PortPriority)
	binary.BigEndian.PutUint16(b[12:], e.Port)
	b[14] = e.State
}

// end reads what putEnd writes.
func end(b []byte) spec.LACPEnd {
	return spec.LACPEnd{
		SystemPriority: binary.BigEndian.Uint16(b),
		SystemID:       spec.MAC(b[2:8]),
		Key:            binary.BigEndian.Uint16(b[8:]),
		PortPriority:   binary.BigEndian.Uint16(b[10:]),
		Port:           binary.BigEndian.Uint16(b[12:]),
		State:          b[14],
	}
}
