package filter

// node is a condition on a frame: a check, or what joins conditions.
type node interface{}

type (
	// all and some hold for a frame where each, or any, of them does; an empty
	// all is always true, an empty some never.
	all  []node
	some []node
	not  struct{ of node }
)

// simple takes out what is the same for all frames.
func simple(n node) node {
	switch n := n.(type) {
	case all:
		left, decided := undecided(n, 1)
		if decided {
			return some{}
		}
		return all(left)
	case some:
		left, decided := undecided(n, 0)
		if decided {
			return all{}
		}
		return some(left)
	case not:
		return not{simple(n.of)}
	}
	return n
}

// undecided leaves out the conditions that are always the neutral value; one
// that is always the other value decides alone.
func undecided(conditions []node, neutral int) (left []node, decided bool) {
	for _, c := range conditions {
		c = simple(c)
		passes, constant := always(c)
		if constant && passes != neutral {
			return nil, true
		}
		if !constant {
			left = append(left, c)
		}
	}
	return left, false
}

// base says what a check's offset counts from.
type base uint8

const (
	frame     base = iota // the destination address
	transport             // behind the IPv4 header, whose length is in the frame
	tag                   // the outer VLAN tag: 0 without one, else 1<<16 | its control information
	length                // octets of the frame, without its tag
)

// relation is how a value is compared.
type relation uint8

const (
	equal relation = iota
	different
	greater
	greaterEqual
	less
	lessEqual
)

// check compares a value of the frame, after a mask, with a constant. A frame
// that is too short for the value does not pass the filter, whatever else it
// says, as in tcpdump.
type check struct {
	base   base
	offset uint32
	size   uint8 // of a value in the frame: 1, 2 or 4 octets, in network byte order
	mask   uint32
	is     relation
	value  uint32
}

// Filter is a compiled expression. It is immutable.
type Filter struct{ root node }

// Offsets in an untagged frame.
const (
	etherDestination = 0
	etherSource      = 6
	etherType        = 12
	network          = 14 // the header of layer 3
	ipFragment       = network + 6
	ipProtocol       = network + 9
	ipSource         = network + 12
	ipDestination    = network + 16
	ip6Next          = network + 6
	ip6Source        = network + 8
	ip6Destination   = network + 24
	ip6Payload       = network + 40
	arpSource        = network + 14
	arpTarget        = network + 24
)

// Types and protocols.
const (
	typeIP   = 0x0800
	typeARP  = 0x0806
	typeRARP = 0x8035
	typeIP6  = 0x86dd

	protoICMP  = 1
	protoIGMP  = 2
	protoTCP   = 6
	protoUDP   = 17
	protoICMP6 = 58
	protoSCTP  = 132
)

func octets(offset uint32, size uint8, value uint32) check {
	return check{base: frame, offset: offset, size: size, mask: 1<<(8*uint(size)) - 1, value: value}
}

func ofType(t uint32) check     { return octets(etherType, 2, t) }
func ofProtocol(p uint32) check { return octets(ipProtocol, 1, p) }
func ofNext(p uint32) check     { return octets(ip6Next, 1, p) }

// firstFragment holds for IPv4 packets that have a transport header.
func firstFragment() check {
	return check{base: frame, offset: ipFragment, size: 2, mask: 0x1fff}
}
