package topology

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Bond is a bond of the kernel (Documentation/networking/bonding.rst).
type Bond struct {
	// Mode is the kernel's word for it, like "802.3ad" or "active-backup".
	Mode string
	// Fast asks the partner for a LACPDU each second, Passive never begins.
	Fast, Passive bool
	MAC           net.HardwareAddr
	Address       netip.Prefix
}

// linkPoll is how often a bond looks for its ports' carriers, in milliseconds.
const linkPoll = 20

// Bond makes a bond of interfaces and brings it up. The kernel must have bonds.
func (n *Namespace) Bond(name string, b Bond, ports ...string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = name, b.MAC
	bond := netlink.NewLinkBond(attrs)
	bond.Mode, bond.Miimon = netlink.StringToBondMode(b.Mode), linkPoll
	switch b.Mode {
	case "802.3ad":
		if bond.LacpRate = netlink.BOND_LACP_RATE_SLOW; b.Fast {
			bond.LacpRate = netlink.BOND_LACP_RATE_FAST
		}
		bond.XmitHashPolicy = netlink.BOND_XMIT_HASH_POLICY_LAYER3_4
	case "balance-xor":
		bond.XmitHashPolicy = netlink.BOND_XMIT_HASH_POLICY_LAYER3_4
	}
	if err := n.links.LinkAdd(bond); err != nil {
		return fmt.Errorf("bond %s: %w", name, err)
	}
	if b.Passive {
		if err := n.passive(name); err != nil {
			return fmt.Errorf("bond %s: passive: %w", name, err)
		}
	}
	for _, port := range ports {
		if err := n.SetUp(port, false); err != nil {
			return err
		}
		err := n.withLink(port, "join "+name, func(l netlink.Link) error { return n.links.LinkSetMaster(l, bond) })
		if err != nil {
			return err
		}
	}
	return End{Namespace: n, Name: name, Address: b.Address}.configure()
}

// passive sets IFLA_BOND_AD_LACP_ACTIVE to 0 (include/uapi/linux/if_link.h),
// which the netlink package doesn't know.
func (n *Namespace) passive(name string) error {
	const lacpActive = 29
	index, err := n.Index(name)
	if err != nil {
		return err
	}
	return n.Do(func() error {
		request := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
		message := nl.NewIfInfomsg(unix.AF_UNSPEC)
		message.Index = int32(index)
		request.AddData(message)
		info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bond"))
		info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(lacpActive, nl.Uint8Attr(0))
		request.AddData(info)
		_, err := request.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}

// BondText is what the kernel tells of a bond in /proc/net/bonding.
func (n *Namespace) BondText(name string) (text string, err error) {
	err = n.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/bonding/" + name)
		text = string(b)
		return err
	})
	return text, err
}
