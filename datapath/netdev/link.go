package netdev

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
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
	// Encapsulation is the hardware type in words: "ether" for Ethernet.
	Encapsulation string
	Flags         uint32 // IFF_*
	OperState     netlink.LinkOperState
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
	// Bus and Device name what the driver made it for (IFLA_PARENT_DEV_NAME), as
	// "pci" and "0000:01:00.0"; "" for a virtual one.
	Bus, Device string
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
func (l *Link) Ethernet() bool { return l.Encapsulation == "ether" && !l.Loopback() }

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
	case netlink.OperUnknown:
		if l.Carrier() {
			return spec.OperUp
		}
		return spec.OperDown
	case netlink.OperNotPresent:
		return spec.OperNotPresent
	case netlink.OperLowerLayerDown:
		return spec.OperLowerLayerDown
	case netlink.OperTesting:
		return spec.OperTesting
	case netlink.OperDormant:
		return spec.OperDormant
	case netlink.OperUp:
		return spec.OperUp
	}
	return spec.OperDown
}

// Links reads all interfaces of the namespace, by ifindex, but for detours.
func (c *Conn) Links() (map[uint32]Link, error) {
	links, err := c.links()
	for index := range links {
		if IsDetour(index) {
			delete(links, index)
		}
	}
	return links, err
}

// links reads all interfaces of the namespace, by ifindex.
//
// The request is not the library's LinkList: that does not read the bounds of
// the MTU nor the carrier's changes, and of its answer only the result is left.
// parseLink needs the message.
func (c *Conn) links() (map[uint32]Link, error) {
	r := c.request(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	r.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	messages, err := execute(r, unix.RTM_NEWLINK)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	links := make(map[uint32]Link, len(messages))
	for _, m := range messages {
		l, err := parseLink(m)
		if err != nil {
			return nil, fmt.Errorf("list interfaces: %w", err)
		}
		links[l.Index] = l
	}
	return links, nil
}

// Link reads one interface. errors.Is(err, unix.ENODEV) where there is none.
func (c *Conn) Link(index uint32) (Link, error) {
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	l, err := c.link(header)
	if err != nil {
		return Link{}, fmt.Errorf("interface %d: %w", index, err)
	}
	return l, nil
}

// LinkNamed reads the interface of a name. errors.Is(err, unix.ENODEV) where
// there is none.
func (c *Conn) LinkNamed(name string) (Link, error) {
	l, err := c.link(nl.NewIfInfomsg(unix.AF_UNSPEC), nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	if err != nil {
		return Link{}, fmt.Errorf("interface %s: %w", name, err)
	}
	return l, nil
}

// link asks for the interface that the data name.
func (c *Conn) link(data ...nl.NetlinkRequestData) (Link, error) {
	r := c.request(unix.RTM_GETLINK, 0)
	r.Data = data
	messages, err := execute(r, unix.RTM_NEWLINK)
	if err != nil {
		return Link{}, err
	}
	if len(messages) != 1 {
		return Link{}, fmt.Errorf("%d answers", len(messages))
	}
	return parseLink(messages[0])
}

// parseLink reads an RTM_NEWLINK: the library does, and then the attributes
// that it leaves out.
func parseLink(m []byte) (Link, error) {
	link, err := netlink.LinkDeserialize(nil, m)
	if err != nil {
		return Link{}, err
	}
	l := newLink(link)
	attributes, err := nl.ParseRouteAttr(m[unix.SizeofIfInfomsg:])
	if err != nil {
		return Link{}, fmt.Errorf("interface %s: %w", l.Name, err)
	}
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.IFLA_MIN_MTU:
			l.MinMTU = binary.NativeEndian.Uint32(a.Value)
		case unix.IFLA_MAX_MTU:
			l.MaxMTU = binary.NativeEndian.Uint32(a.Value)
		case unix.IFLA_CARRIER_CHANGES:
			l.CarrierChanges = uint64(binary.NativeEndian.Uint32(a.Value))
		}
	}
	return l, nil
}

func newLink(link netlink.Link) Link {
	a := link.Attrs()
	l := Link{
		Index: uint32(a.Index), Name: a.Name, Kind: link.Type(), Encapsulation: a.EncapType,
		Flags: a.RawFlags, OperState: a.OperState, MTU: uint32(a.MTU),
		MAC: address(a.HardwareAddr), PermanentMAC: address(a.PermHWAddr),
		Alias: a.Alias, Master: uint32(a.MasterIndex), Bus: a.ParentDevBus, Device: a.ParentDev,
		PeerElsewhere: a.NetNsID != -1, // which the library says where the kernel says none
	}
	switch t := link.(type) { // where the library's word is not the kernel's
	case *netlink.Device:
		l.Kind = ""
	case *netlink.Tuntap:
		l.Kind, l.TAP = "tun", t.Mode == netlink.TUNTAP_MODE_TAP
	}
	return l
}

// address is a MAC; what has another length is none.
func address(a net.HardwareAddr) spec.MAC {
	if len(a) != len(spec.MAC{}) {
		return spec.MAC{}
	}
	return spec.MAC(a)
}
