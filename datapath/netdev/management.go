package netdev

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// going are addresses that nobody should begin to use: they are not proved to be
// the host's alone, are to go, or change all the time
// (include/uapi/linux/if_addr.h; RFC 4862, 5.4 and 5.5.4; RFC 8981).
const going = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED | unix.IFA_F_TEMPORARY

// Management finds where this host can be managed: the first global IPv4 address
// and the first of IPv6 of one interface, which is the named one, or for "" that of
// the lowest number that is up and has any. It gives the interface's name; none
// is "" and no error.
func (c *Conn) Management(name string) (string, []spec.LLDPManagement, error) {
	all, err := c.addresses()
	if err != nil {
		return "", nil, fmt.Errorf("list addresses: %w", err)
	}
	var numbers []uint32
	for _, m := range all {
		numbers = append(numbers, m.Interface)
	}
	if name != "" {
		l, err := c.LinkNamed(name)
		if errors.Is(err, unix.ENODEV) {
			return "", nil, nil
		}
		if err != nil {
			return "", nil, err
		}
		numbers = []uint32{l.Index}
	}
	slices.Sort(numbers)
	for _, number := range slices.Compact(numbers) {
		l, err := c.Link(number)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if here := firstOfEach(all, number); len(here) > 0 && l.AdminUp() {
			return l.Name, here, nil
		}
	}
	return "", nil, nil
}

// firstOfEach are the first address of IPv4, and that of IPv6, of an interface.
func firstOfEach(all []spec.LLDPManagement, number uint32) (here []spec.LLDPManagement) {
	for _, is4 := range []bool{true, false} {
		i := slices.IndexFunc(all, func(m spec.LLDPManagement) bool {
			return m.Interface == number && m.Address.Is4() == is4
		})
		if i >= 0 {
			here = append(here, all[i])
		}
	}
	return here
}

// addresses are those that others reach this host by, in the kernel's order.
func (c *Conn) addresses() (all []spec.LLDPManagement, err error) {
	var list []netlink.Addr
	for range dumpTries {
		if list, err = c.handle.AddrList(nil, netlink.FAMILY_ALL); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if ok && a.Scope == unix.RT_SCOPE_UNIVERSE && a.Flags&going == 0 {
			all = append(all, spec.LLDPManagement{
				Address: ip.Unmap(), InterfaceSubtype: spec.LLDPIfIndex, Interface: uint32(a.LinkIndex),
			})
		}
	}
	return all, nil
}
