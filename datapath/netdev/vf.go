package netdev

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// filterSkipStats is RTEXT_FILTER_SKIP_STATS (include/uapi/linux/rtnetlink.h).
const filterSkipStats = 1 << 3

// VF is a virtual function as the driver of its physical function tells it.
type VF struct {
	// Set is how it is set; Has are the attributes that the driver tells.
	Set spec.VF
	// Counters are zero where the driver does not count.
	Counters spec.VFCounters
}

// VFs reads the virtual functions of an interface, by their numbers, and what
// their driver counts of them where that is asked for: some ask the device for it.
// errors.Is(err, unix.ENODEV) where there is no such interface. The kernel's answer
// has room for some three hundred functions, or two hundred with their counters.
//
// The request is not the library's: that takes a check or trust that the driver
// does not have for one that is off, and lengths on trust.
func (c *Conn) VFs(index uint32, counters bool) (map[uint16]VF, error) {
	mask := uint32(nl.RTEXT_FILTER_VF)
	if !counters {
		mask |= filterSkipStats
	}
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	r := c.request(unix.RTM_GETLINK, 0)
	r.AddData(header)
	r.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(mask)))
	messages, err := execute(r, unix.RTM_NEWLINK)
	if err != nil {
		return nil, fmt.Errorf("interface %d: virtual functions: %w", index, err)
	}
	if len(messages) != 1 || len(messages[0]) < unix.SizeofIfInfomsg {
		return nil, fmt.Errorf("interface %d: virtual functions: %d answers", index, len(messages))
	}
	vfs, err := parseVFs(messages[0][unix.SizeofIfInfomsg:])
	if err != nil {
		return nil, fmt.Errorf("interface %d: virtual functions: %w", index, err)
	}
	return vfs, nil
}

// parseVFs reads the attributes of an RTM_NEWLINK (rtnl_fill_vfinfo in
// net/core/rtnetlink.c):
//
//	IFLA_VFINFO_LIST
//	  IFLA_VF_INFO, one for each virtual function
//	    IFLA_VF_MAC, IFLA_VF_VLAN, …   each begins with the function's number
func parseVFs(b []byte) (map[uint16]VF, error) {
	vfs := make(map[uint16]VF)
	err := eachOf(b, unix.IFLA_VFINFO_LIST, func(list []byte) error {
		return eachOf(list, nl.IFLA_VF_INFO, func(info []byte) error {
			id, vf, err := parseVF(info)
			if err == nil {
				vfs[id] = vf
			}
			return err
		})
	})
	return vfs, err
}

// eachOf hands over each attribute of one type.
func eachOf(b []byte, wanted uint16, each func([]byte) error) error {
	return eachAttribute(b, func(kind uint16, value []byte) error {
		if kind != wanted {
			return nil
		}
		return each(value)
	})
}

// words reads 32-bit numbers from the front of an attribute.
func words(b []byte, n int) ([]uint32, error) {
	if len(b) < 4*n {
		return nil, fmt.Errorf("attribute of %d octets: want %d", len(b), 4*n)
	}
	all := make([]uint32, n)
	for i := range all {
		all[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return all, nil
}

func parseVF(b []byte) (id uint16, vf VF, err error) {
	known := false
	err = eachAttribute(b, func(kind uint16, value []byte) error {
		if kind != nl.IFLA_VF_MAC {
			return vf.parse(kind, value)
		}
		n, err := words(value, 1)
		if err != nil || n[0] > math.MaxUint16 || len(value) < 4+len(spec.MAC{}) {
			return fmt.Errorf("no number and address in %d octets", len(value))
		}
		id, known = uint16(n[0]), true
		vf.Set.Take(spec.VF{MAC: spec.MAC(value[4:])}, spec.VFMAC)
		return nil
	})
	if err == nil && !known {
		err = fmt.Errorf("a virtual function without a number")
	}
	return id, vf, err
}

// parse takes over one attribute of a virtual function. A setting that the
// driver does not have is ^0.
func (vf *VF) parse(kind uint16, b []byte) error {
	const none = math.MaxUint32
	switch kind {
	case nl.IFLA_VF_VLAN: // without the type: older than IFLA_VF_VLAN_LIST, which follows
		n, err := words(b, 3)
		if err != nil {
			return err
		}
		vf.Set.Take(spec.VF{VLAN: uint16(n[1]), PCP: uint8(n[2]), TPID: spec.TPIDCustomer}, spec.VFVLAN)
	case nl.IFLA_VF_VLAN_LIST:
		return eachOf(b, nl.IFLA_VF_VLAN_INFO, vf.parseTag)
	case nl.IFLA_VF_RATE:
		n, err := words(b, 3)
		if err != nil {
			return err
		}
		vf.Set.Take(spec.VF{MinRate: n[1]}, spec.VFMinRate)
		vf.Set.Take(spec.VF{MaxRate: n[2]}, spec.VFMaxRate)
	case nl.IFLA_VF_SPOOFCHK, nl.IFLA_VF_TRUST, nl.IFLA_VF_LINK_STATE:
		n, err := words(b, 2)
		if err != nil || n[1] == none {
			return err
		}
		switch kind {
		case nl.IFLA_VF_SPOOFCHK:
			vf.Set.Take(spec.VF{SpoofCheck: n[1] != 0}, spec.VFSpoofCheck)
		case nl.IFLA_VF_TRUST:
			vf.Set.Take(spec.VF{Trust: n[1] != 0}, spec.VFTrust)
		default:
			vf.Set.Take(spec.VF{Link: spec.VFLink(n[1])}, spec.VFLinkState)
		}
	case nl.IFLA_VF_STATS:
		return vf.parseCounters(b)
	}
	return nil
}

// parseTag reads struct ifla_vf_vlan_info: number, VLAN, priority (32 bits
// each), and the type in the order of the wire.
func (vf *VF) parseTag(b []byte) error {
	n, err := words(b, 3)
	if err != nil || len(b) < 14 {
		return fmt.Errorf("a tag of %d octets", len(b))
	}
	if vf.Set.Has&spec.VFVLAN != 0 && vf.Set.TPID == spec.TPIDService {
		return nil // an outer tag was there already
	}
	tpid := binary.BigEndian.Uint16(b[12:])
	if tpid == 0 {
		tpid = spec.TPIDCustomer
	}
	vf.Set.Take(spec.VF{VLAN: uint16(n[1]), PCP: uint8(n[2]), TPID: tpid}, spec.VFVLAN)
	return nil
}

func (vf *VF) parseCounters(b []byte) error {
	c := &vf.Counters
	return eachAttribute(b, func(kind uint16, value []byte) error {
		to := map[uint16]*uint64{ // include/uapi/linux/if_link.h, IFLA_VF_STATS_*
			0: &c.InFrames, 1: &c.OutFrames, 2: &c.InOctets, 3: &c.OutOctets, 5: &c.InMulticast, 7: &c.InDiscards, 8: &c.OutDiscards,
		}[kind]
		if to == nil {
			return nil
		}
		if len(value) != 8 {
			return fmt.Errorf("a counter of %d octets", len(value))
		}
		*to = binary.NativeEndian.Uint64(value)
		return nil
	})
}

// SetVF sets one attribute of a virtual function to what it is in v. Both rates
// are set together: VFMinRate and VFMaxRate mean the same here. The error is the
// driver's errno.
func (c *Conn) SetVF(index uint32, id uint16, v spec.VF, one spec.VFAttributes) error {
	link, vf := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: int(index)}}, int(id)
	switch one {
	case spec.VFMAC:
		return c.handle.LinkSetVfHardwareAddr(link, vf, v.MAC[:])
	case spec.VFVLAN:
		return c.handle.LinkSetVfVlanQosProto(link, vf, int(v.VLAN), int(v.PCP), int(v.TPID))
	case spec.VFMinRate, spec.VFMaxRate:
		return c.handle.LinkSetVfRate(link, vf, int(v.MinRate), int(v.MaxRate))
	case spec.VFSpoofCheck:
		return c.handle.LinkSetVfSpoofchk(link, vf, v.SpoofCheck)
	case spec.VFTrust:
		return c.handle.LinkSetVfTrust(link, vf, v.Trust)
	case spec.VFLinkState:
		return c.handle.LinkSetVfState(link, vf, uint32(v.Link))
	}
	return fmt.Errorf("attribute %q of a virtual function: %w", one, unix.EINVAL)
}

// Driver is what an interface's driver tells of itself; "" where it tells
// nothing.
func (c *Conn) Driver(name string) (driver, firmware string) {
	c.speed.mu.Lock()
	defer c.speed.mu.Unlock()
	info, err := unix.IoctlGetEthtoolDrvinfo(c.speed.fd, name)
	if err != nil {
		return "", ""
	}
	firmware = unix.ByteSliceToString(info.Fw_version[:])
	if firmware == "N/A" {
		firmware = ""
	}
	return unix.ByteSliceToString(info.Driver[:]), firmware
}
