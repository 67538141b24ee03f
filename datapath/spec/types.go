package spec

import (
	"encoding/hex"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// MAC is an Ethernet address in the order of the wire.
//
//	octet 0   bit 0 (0x01): group address (multicast, broadcast)
//	          bit 1 (0x02): locally administered
//	octets 0-2 OUI, 3-5 chosen by its holder
type MAC [6]byte

// ParseMAC reads six octets in hexadecimal between colons, as in
// openconfig-yang-types:mac-address.
func ParseMAC(s string) (MAC, error) {
	var m MAC
	if len(s) != 17 {
		return m, fmt.Errorf("%q is no MAC address: want six octets like 02:00:00:00:00:01", s)
	}
	for i := range m {
		if i > 0 && s[3*i-1] != ':' {
			return MAC{}, fmt.Errorf("%q is no MAC address: want colons between the octets", s)
		}
		if _, err := hex.Decode(m[i:i+1], []byte(s[3*i:3*i+2])); err != nil {
			return MAC{}, fmt.Errorf("%q is no MAC address: octet %d is not hexadecimal", s, i+1)
		}
	}
	return m, nil
}

// String gives the form that ParseMAC reads, in lower case.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// Multicast reports a group address, the broadcast address included.
func (m MAC) Multicast() bool { return m[0]&1 != 0 }

// IsZero reports the address of nobody.
func (m MAC) IsZero() bool { return m == MAC{} }

// VLANSet is a set of VLAN ids 0..4095: bit v%64 of word v/64.
type VLANSet [64]uint64

// Add puts one id, 0..4095, into the set.
func (s *VLANSet) Add(vlan uint16) { s[vlan>>6&63] |= 1 << (vlan & 63) }

// Remove takes one id out of the set.
func (s *VLANSet) Remove(vlan uint16) { s[vlan>>6&63] &^= 1 << (vlan & 63) }

// AddRange puts low..high, both included, into the set.
func (s *VLANSet) AddRange(low, high uint16) {
	for v := int(low); v <= int(high); v++ {
		s.Add(uint16(v))
	}
}

// Has reports whether the id is in the set.
func (s *VLANSet) Has(vlan uint16) bool { return s[vlan>>6&63]>>(vlan&63)&1 != 0 }

// Union adds each id of other.
func (s *VLANSet) Union(other *VLANSet) {
	for i, w := range other {
		s[i] |= w
	}
}

// Len counts the ids.
func (s *VLANSet) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// All yields the ids in ascending order.
func (s *VLANSet) All() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(uint16(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// Ranges yields the maximal runs of consecutive ids in ascending order.
func (s *VLANSet) Ranges() iter.Seq2[uint16, uint16] {
	return func(yield func(low, high uint16) bool) {
		low, prev, open := uint16(0), uint16(0), false
		for v := range s.All() {
			if open && v == prev+1 {
				prev = v
				continue
			}
			if open && !yield(low, prev) {
				return
			}
			low, prev, open = v, v, true
		}
		if open {
			yield(low, prev)
		}
	}
}

// String is the set in the form of OpenConfig's ranges: "10,20..30".
func (s *VLANSet) String() string {
	var b strings.Builder
	for low, high := range s.Ranges() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		if low == high {
			fmt.Fprintf(&b, "%d", low)
		} else {
			fmt.Fprintf(&b, "%d..%d", low, high)
		}
	}
	return b.String()
}
