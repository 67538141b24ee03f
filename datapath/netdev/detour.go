package netdev

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/reconcile"
)

// Detour is a pair of interfaces, each the other's peer, that carries what a
// port takes in through a scheduler at its In to the program at its Out. Both
// have no addresses, and no interface of the element is a detour. The zero
// value is one that works.
type Detour struct {
	// Defect says that an end is down, has another MTU, or is no end of it.
	Defect bool
}

const (
	detours     = 1 << 30 // the first ifindex; the kernel counts its own from 1
	detourEnd   = detours | 1<<17 - 1
	detourMTU   = 65535 // the most that a veth takes
	detourQueue = 1000  // TxQLen, of which HTB takes the room for frames without a class
	addrGenNone = 1     // IN6_ADDR_GEN_MODE_NONE
)

// DetourIn is the ifindex of the end that a port's frames are sent by.
func DetourIn(number uint16) uint32 { return detours | uint32(number)<<1 }

// DetourOut is the ifindex of the end that they come out of.
func DetourOut(number uint16) uint32 { return DetourIn(number) | 1 }

// IsDetour reports whether an ifindex is an end of a detour.
func IsDetour(index uint32) bool { return index >= detours && index <= detourEnd }

// DetourPort is the number of the port of an end.
func DetourPort(index uint32) uint16 { return uint16(index >> 1) }

// detourName is that of an end, "sbq17i" or "sbq17o".
func detourName(index uint32) string {
	end := "i"
	if index&1 != 0 {
		end = "o"
	}
	return fmt.Sprintf("sbq%d%s", DetourPort(index), end)
}

type detourTable struct{ conn *Conn }

// Detours are those of ports, by port number. Put also repairs one.
func (c *Conn) Detours() reconcile.Table[uint16, Detour] { return detourTable{c} }

// List reads them all; one of which an end is left is one with a defect.
func (t detourTable) List() (map[uint16]Detour, error) {
	links, err := t.conn.links()
	if err != nil {
		return nil, err
	}
	found := make(map[uint16]Detour)
	for index := range links {
		if IsDetour(index) {
			number := DetourPort(index)
			in, out := links[DetourIn(number)], links[DetourOut(number)]
			found[number] = Detour{Defect: !in.detour() || !out.detour()}
		}
	}
	return found, nil
}

// detour reports whether it is an end of a detour that works.
func (l *Link) detour() bool {
	const flags = unix.IFF_UP | unix.IFF_NOARP
	return l.Kind == "veth" && l.Flags&flags == flags && l.MTU == detourMTU
}

// Put makes it, with both ends up, or repairs it.
func (t detourTable) Put(number uint16, _ Detour) error {
	if err := t.put(number); err != nil {
		return fmt.Errorf("detour of port %d: %w", number, err)
	}
	return nil
}

func (t detourTable) put(number uint16) error {
	in, out := DetourIn(number), DetourOut(number)
	links := 0
	for _, index := range []uint32{in, out} {
		switch l, err := t.conn.Link(index); {
		case err == nil && l.Kind == "veth":
			links++
		case err == nil:
			return fmt.Errorf("%w: interface %s has its ifindex %d", unix.EEXIST, l.Name, index)
		case !errors.Is(err, unix.ENODEV):
			return err
		}
	}
	if links == 1 { // the other end's number is nobody's: it went to another namespace
		if err := t.remove(number); err != nil {
			return err
		}
	}
	if links != 2 {
		if err := t.create(number); err != nil {
			return err
		}
	}
	for _, index := range []uint32{out, in} { // who sends goes up last
		if err := t.open(index); err != nil {
			return fmt.Errorf("interface %s: %w", detourName(index), err)
		}
	}
	return nil
}

// create makes the pair. The library has no place for the peer's ifindex.
func (t detourTable) create(number uint16) error {
	in, out := DetourIn(number), DetourOut(number)
	r := t.conn.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	r.AddData(detourHeader(in))
	addDetourAttributes(in, func(a *nl.RtAttr) { r.AddData(a) })
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	peer.AddChild(detourHeader(out))
	addDetourAttributes(out, func(a *nl.RtAttr) { peer.AddChild(a) })
	r.AddData(info)
	_, err := r.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func detourHeader(index uint32) *nl.IfInfomsg {
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	header.Flags, header.Change = unix.IFF_NOARP, unix.IFF_NOARP
	return header
}

func addDetourAttributes(index uint32, add func(*nl.RtAttr)) {
	add(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(detourName(index))))
	add(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(detourMTU)))
	add(nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(detourQueue)))
}

// open sets an end up as it must be. The kernel gives no IPv6 address to what
// makes none up for itself; where it has no IPv6 that cannot be said.
func (t detourTable) open(index uint32) error {
	link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(index)}}
	err := t.conn.handle.LinkSetIP6AddrGenMode(link, addrGenNone)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("set its addresses off: %w", err)
	}
	return errors.Join(
		t.conn.handle.LinkSetARPOff(link),
		t.conn.handle.LinkSetMTU(link, detourMTU),
		t.conn.handle.LinkSetUp(link),
	)
}

// Delete removes it with its scheduler.
func (t detourTable) Delete(number uint16) error {
	if err := t.remove(number); err != nil {
		return fmt.Errorf("remove the detour of port %d: %w", number, err)
	}
	return nil
}

// remove takes away one end or both: either takes the other with it.
func (t detourTable) remove(number uint16) error {
	for _, index := range []uint32{DetourIn(number), DetourOut(number)} {
		l, err := t.conn.Link(index)
		if err == nil && l.Kind == "veth" {
			err = t.conn.handle.LinkDel(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(index)}})
		}
		if err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}
