package filter

import "encoding/binary"

// Match asks the filter about a frame without its outer tag; vlan is that tag:
// 0 for none, else 1<<16 | its control information.
func (f *Filter) Match(octets []byte, vlan uint32) bool {
	m := matcher{octets: octets, tag: vlan}
	return m.holds(f.root) && !m.short
}

// matcher is one question.
type matcher struct {
	octets []byte
	tag    uint32
	short  bool // the frame has not what was asked for
}

func (m *matcher) holds(n node) bool {
	switch n := n.(type) {
	case all:
		for _, c := range n {
			if !m.holds(c) || m.short {
				return false
			}
		}
		return true
	case some:
		for _, c := range n {
			if m.holds(c) || m.short {
				return true
			}
		}
		return false
	case not:
		return !m.holds(n.of)
	case check:
		v, ok := m.value(n)
		m.short = m.short || !ok
		return ok && n.compare(v&n.mask)
	}
	return false
}

func (m *matcher) value(c check) (uint32, bool) {
	at := int(c.offset)
	switch c.base {
	case tag:
		return m.tag, true
	case length:
		return uint32(len(m.octets)), true
	case transport:
		if len(m.octets) <= network {
			return 0, false
		}
		at += network + int(m.octets[network]&0xf)*4
	}
	if at+int(c.size) > len(m.octets) {
		return 0, false
	}
	b := m.octets[at:]
	switch c.size {
	case 1:
		return uint32(b[0]), true
	case 2:
		return uint32(binary.BigEndian.Uint16(b)), true
	}
	return binary.BigEndian.Uint32(b), true
}

func (c check) compare(v uint32) bool {
	switch c.is {
	case different:
		return v != c.value
	case greater:
		return v > c.value
	case greaterEqual:
		return v >= c.value
	case less:
		return v < c.value
	case lessEqual:
		return v <= c.value
	}
	return v == c.value
}
