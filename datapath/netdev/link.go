package netdev

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Link is one network interface as the kernel shows it at one moment.
type Link struct {
	Index uint32
	Name  string
	// Kind is IFLA_INFO_KIND: "veth", "tun", "bridge"…; "" for a device of a
	// physical driver.
	Kind string
	// Type is the hardware type, ARPHRD_ETHER (1) for Ethernet
	// (include/uapi/linux/if_arp.h).
	Type  uint16
	Flags uint32 // IFF_*
	// OperState is the kernel's IF_OPER_* (include/uapi/linux/if.h).
	OperState uint8
	// MTU in octets above the link header, and the bounds the driver accepts;
	// a bound of 0 is none.
	MTU, MinMTU, MaxMTU uint32
	// MAC is zero where the interface has no address of six octets.
	MAC, PermanentMAC spec.MAC
	Alias             string
	// Master is the ifindex of the bridge or bond that it belongs to, or 0.
	Master uint32
	// PeerElsewhere says that the other end (of a veth) is in another network
	// namespace.
	PeerElsewhere bool
	// TAP says that a "tun" device carries Ethernet.
	TAP bool
	// CarrierChanges counts since the interface was made.
	CarrierChanges uint64
}

// AdminUp reports IFF_UP.
func (l *Link) AdminUp() bool { return l.Flags&unix.IFF_UP != 0 }

// Carrier reports IFF_LOWER_UP: the physical layer, or the peer, is there.
func (l *Link) Carrier() bool { return l.Flags&unix.IFF_LOWER_UP != 0 }

// Loopback reports IFF_LOOPBACK.
func (l *Link) Loopback() bool { return l.Flags&unix.IFF_LOOPBACK != 0 }

// Ethernet reports whether it carries Ethernet frames.
func (l *Link) Ethernet() bool { return l.Type == unix.ARPHRD_ETHER && !l.Loopback() }

// PortKind is what stands behind the interface, for the datapath.
func (l *Link) PortKind() spec.PortKind {
	switch {
	case !l.Ethernet():
		return spec.KindUnknown
	case l.Kind == "veth":
		return spec.KindVeth
	case l.Kind == "tun" && l.TAP:
		return spec.KindTAP
	}
	return spec.KindNIC
}

// Oper is ifOperStatus of RFC 2863. The kernel's IF_OPER_UNKNOWN means that
// the driver does not tell; the interface counts then as up while it has a
// carrier (Documentation/networking/operstates.rst).
func (l *Link) Oper() spec.OperStatus {
	if !l.AdminUp() {
		return spec.OperDown
	}
	switch l.OperState {
	case 0: // IF_OPER_UNKNOWN
		if l.Carrier() {
			return spec.OperUp
		}
		return spec.OperDown
	case 1: // IF_OPER_NOTPRESENT
		return spec.OperNotPresent
	case 3: // IF_OPER_LOWERLAYERDOWN
		return spec.OperLowerLayerDown
	case 4: // IF_OPER_TESTING
		return spec.OperTesting
	case 5: // IF_OPER_DORMANT
		return spec.OperDormant
	case 6: // IF_OPER_UP
		return spec.OperUp
	}
	return spec.OperDown
}

// Links reads all interfaces of the namespace, by ifindex.
func (c *Conn) Links() (map[uint32]Link, error) {
	var links map[uint32]Link
	err := c.dump(unix.RTM_GETLINK, linkHeader(0, 0, 0), withoutStats,
		func() { links = make(map[uint32]Link) },
		func(body []byte) error {
			l, err := parseLink(body)
			if err == nil {
				links[l.Index] = l
			}
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return links, nil
}

// Link reads one interface. errors.Is(err, unix.ENODEV) where there is none.
func (c *Conn) Link(index uint32) (Link, error) {
	l, err := c.link(newMessage(unix.RTM_GETLINK, 0, linkHeader(index, 0, 0)))
	if err != nil {
		return Link{}, fmt.Errorf("interface %d: %w", index, err)
	}
	return l, nil
}

// LinkNamed reads the interface of a name. errors.Is(err, unix.ENODEV) where
// there is none.
func (c *Conn) LinkNamed(name string) (Link, error) {
	m := newMessage(unix.RTM_GETLINK, 0, linkHeader(0, 0, 0))
	m.attr(unix.IFLA_IFNAME, append([]byte(name), 0))
	l, err := c.link(m)
	if err != nil {
		return Link{}, fmt.Errorf("interface %s: %w", name, err)
	}
	return l, nil
}

func (c *Conn) link(m *message) (l Link, err error) {
	withoutStats(m)
	err = c.exchange(m, func(body []byte) (err error) {
		l, err = parseLink(body)
		return err
	})
	return l, err
}

func withoutStats(m *message) {
	m.attr(unix.IFLA_EXT_MASK, binary.NativeEndian.AppendUint32(nil, skipStats))
}

// parseLink reads the body of RTM_NEWLINK: struct ifinfomsg and attributes.
func parseLink(b []byte) (Link, error) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, fmt.Errorf("interface message of %d octets", len(b))
	}
	l := Link{
		Type:  binary.NativeEndian.Uint16(b[2:]),
		Index: binary.NativeEndian.Uint32(b[4:]),
		Flags: binary.NativeEndian.Uint32(b[8:]),
	}
	eachAttr(b[unix.SizeofIfInfomsg:], l.set)
	return l, nil
}

// set takes one attribute of RTM_NEWLINK over.
func (l *Link) set(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_IFNAME:
		l.Name = text(v)
	case unix.IFLA_MTU:
		l.MTU = uint32(number(v))
	case unix.IFLA_MIN_MTU:
		l.MinMTU = uint32(number(v))
	case unix.IFLA_MAX_MTU:
		l.MaxMTU = uint32(number(v))
	case unix.IFLA_ADDRESS:
		l.MAC = address(v)
	case permAddress:
		l.PermanentMAC = address(v)
	case unix.IFLA_IFALIAS:
		l.Alias = text(v)
	case unix.IFLA_MASTER:
		l.Master = uint32(number(v))
	case unix.IFLA_OPERSTATE:
		l.OperState = uint8(number(v))
	case unix.IFLA_LINK_NETNSID:
		l.PeerElsewhere = true
	case unix.IFLA_CARRIER_CHANGES:
		l.CarrierChanges = number(v)
	case unix.IFLA_LINKINFO:
		eachAttr(v, l.setInfo)
	}
}

func (l *Link) setInfo(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_INFO_KIND:
		l.Kind = text(v)
	case unix.IFLA_INFO_DATA:
		if l.Kind != "tun" { // the kernel puts the kind first
			return
		}
		eachAttr(v, func(kind uint16, v []byte) {
			if kind == tunType {
				l.TAP = number(v) == unix.IFF_TAP
			}
		})
	}
}

// address reads a MAC; what has another length is none.
func address(v []byte) spec.MAC {
	if len(v) != len(spec.MAC{}) {
		return spec.MAC{}
	}
	return spec.MAC(v)
}

// Stats reads what the kernel counts of all interfaces in one dump
// (RTM_GETSTATS) and hands them over by ifindex. The time is the moment
// before the dump.
func (c *Conn) Stats(each func(index uint32, counters *spec.LinkCounters)) (time.Time, error) {
	family := make([]byte, statsMsgLength)
	binary.NativeEndian.PutUint32(family[8:], 1<<(statsLink64-1))
	type row struct {
		index uint32
		spec.LinkCounters
	}
	var rows []row
	var at time.Time
	err := c.dump(unix.RTM_GETSTATS, family, nil,
		func() { rows, at = rows[:0], time.Now() },
		func(body []byte) error {
			if len(body) < statsMsgLength {
				return fmt.Errorf("statistics message of %d octets", len(body))
			}
			r := row{index: binary.NativeEndian.Uint32(body[4:])}
			eachAttr(body[statsMsgLength:], func(kind uint16, v []byte) {
				if kind == statsLink64 {
					r.LinkCounters = parseStats(v)
				}
			})
			rows = append(rows, r)
			return nil
		})
	if err != nil {
		return at, fmt.Errorf("read interface counters: %w", err)
	}
	for i := range rows {
		each(rows[i].index, &rows[i].LinkCounters)
	}
	return at, nil
}

// parseStats reads struct rtnl_link_stats64, 64-bit words in this order:
//
//	0 rx_packets  1 tx_packets  2 rx_bytes   3 tx_bytes    4 rx_errors
//	5 tx_errors   6 rx_dropped  7 tx_dropped 8 multicast   12 rx_crc_errors
func parseStats(v []byte) spec.LinkCounters {
	word := func(i int) uint64 {
		if len(v) < 8*i+8 {
			return 0
		}
		return binary.NativeEndian.Uint64(v[8*i:])
	}
	return spec.LinkCounters{
		InFrames: word(0), InOctets: word(2), InErrors: word(4),
		InDiscards: word(6), InMulticast: word(8), InFCSErrors: word(12),
		OutFrames: word(1), OutOctets: word(3), OutErrors: word(5), OutDiscards: word(7),
	}
}
