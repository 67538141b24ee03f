package netdev

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// Numbers of the netlink layout that package unix does not name
// (include/uapi/linux/netlink.h, if_link.h).
const (
	attrTypeMask   = 0x3fff // NLA_TYPE_MASK
	capped         = 0x100  // NLM_F_CAPPED
	withExtAck     = 0x200  // NLM_F_ACK_TLVS
	extAckMessage  = 1      // NLMSGERR_ATTR_MSG
	errorLength    = 20     // errno and the header of the request
	statsMsgLength = 12     // struct if_stats_msg
	statsLink64    = 1      // IFLA_STATS_LINK_64
	skipStats      = 1 << 3 // RTEXT_FILTER_SKIP_STATS
	tunType        = 3      // IFLA_TUN_TYPE
	permAddress    = 54     // IFLA_PERM_ADDRESS
)

// message is one request, all numbers in the host's byte order:
//
//	0   4   length        8  sequence
//	4   2   type          12 port (0: the kernel fills it in)
//	6   2   flags         16 family header, then attributes
type message struct {
	b []byte
}

// newMessage starts a request with its family header.
func newMessage(kind, flags uint16, family []byte) *message {
	b := make([]byte, unix.SizeofNlMsghdr, 128)
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], flags|unix.NLM_F_REQUEST)
	return &message{b: append(b, family...)}
}

// attr appends one attribute: length (header included), type, value, padding
// to four octets.
func (m *message) attr(kind uint16, value []byte) {
	m.b = binary.NativeEndian.AppendUint16(m.b, uint16(unix.SizeofRtAttr+len(value)))
	m.b = binary.NativeEndian.AppendUint16(m.b, kind)
	m.b = append(m.b, value...)
	for len(m.b)%unix.NLMSG_ALIGNTO != 0 {
		m.b = append(m.b, 0)
	}
}

// bytes closes the request under a sequence number.
func (m *message) bytes(sequence uint32) []byte {
	binary.NativeEndian.PutUint32(m.b, uint32(len(m.b)))
	binary.NativeEndian.PutUint32(m.b[8:], sequence)
	return m.b
}

// linkHeader is struct ifinfomsg:
//
//	0  family, 1 padding, 2 device type (2 octets)
//	4  ifindex    8 flags    12 which flags change
func linkHeader(index, flags, change uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], index)
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], change)
	return b
}

// eachMessage cuts what was received into messages.
func eachMessage(b []byte, yield func(h unix.NlMsghdr, body []byte) error) error {
	for len(b) >= unix.SizeofNlMsghdr {
		h := unix.NlMsghdr{
			Len:   binary.NativeEndian.Uint32(b),
			Type:  binary.NativeEndian.Uint16(b[4:]),
			Flags: binary.NativeEndian.Uint16(b[6:]),
			Seq:   binary.NativeEndian.Uint32(b[8:]),
		}
		if h.Len < unix.SizeofNlMsghdr || int(h.Len) > len(b) {
			return fmt.Errorf("netlink message of %d octets in %d", h.Len, len(b))
		}
		if err := yield(h, b[unix.SizeofNlMsghdr:h.Len]); err != nil {
			return err
		}
		b = b[min(align(int(h.Len)), len(b)):]
	}
	return nil
}

// eachAttr cuts a message's tail into attributes. A length that does not fit
// ends it: what stands before is whole.
func eachAttr(b []byte, yield func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofRtAttr {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return
		}
		yield(binary.NativeEndian.Uint16(b[2:])&attrTypeMask, b[unix.SizeofRtAttr:n])
		b = b[min(align(n), len(b)):]
	}
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// number reads an unsigned number of one, two, four or eight octets; another
// length reads as 0.
func number(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}

// text reads a string that ends at the first zero octet.
func text(b []byte) string { return unix.ByteSliceToString(b) }
