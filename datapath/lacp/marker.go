package lacp

import (
	"encoding/binary"
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Marker is a Marker PDU, which asks whether all frames sent before it have
// arrived, or the response to one.
//
//	octet   0  subtype = 2
//	        1  version = 1
//	        2  TLV type = 1 (marker) or 2 (response)   3  length = 16
//	        4  requester's port            2
//	        6  requester's system          6
//	       12  requester's transaction     4
//	       16  padding                     2
//	       18  TLV type = 0 (terminator)  19  length = 0
//	       20  reserved                   90
//
// All numbers are big-endian.
type Marker struct {
	Response    bool
	Port        uint16
	System      spec.MAC
	Transaction uint32
}

const (
	tlvMarker, tlvResponse = 1, 2
	markerOctets           = 16
)

// Append writes the PDU behind b.
func (m *Marker) Append(b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, PDUOctets)...)
	o := b[at:]
	o[0], o[1], o[2], o[3] = subtypeMarker, version1, tlvMarker, markerOctets
	if m.Response {
		o[2] = tlvResponse
	}
	binary.BigEndian.PutUint16(o[4:], m.Port)
	copy(o[6:12], m.System[:])
	binary.BigEndian.PutUint32(o[12:], m.Transaction)
	return b
}

// ParseMarker reads a Marker PDU or a response to one, of any version. Octets
// behind it are padding. errors.Is(err, ErrShort), ErrSubtype or ErrIllegal.
func ParseMarker(b []byte) (m Marker, err error) {
	switch {
	case len(b) == 0:
		return m, ErrShort
	case b[0] != subtypeMarker:
		return m, fmt.Errorf("subtype %d: %w", b[0], ErrSubtype)
	case len(b) < PDUOctets:
		return m, fmt.Errorf("%d octets, want %d: %w", len(b), PDUOctets, ErrShort)
	case b[1] < version1:
		return m, fmt.Errorf("version %d: %w", b[1], ErrIllegal)
	case b[2] != tlvMarker && b[2] != tlvResponse || b[3] != markerOctets:
		return m, fmt.Errorf("TLV type %d of length %d: %w", b[2], b[3], ErrIllegal)
	}
	return Marker{
		Response:    b[2] == tlvResponse,
		Port:        binary.BigEndian.Uint16(b[4:]),
		System:      spec.MAC(b[6:12]),
		Transaction: binary.BigEndian.Uint32(b[12:]),
	}, nil
}
