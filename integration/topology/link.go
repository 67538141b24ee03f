package topology

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// End is one end of a cable: an interface's name and the namespace it is in.
type End struct {
	Namespace *Namespace
	Name      string
	// MAC is the interface's address; nil lets the kernel choose.
	MAC net.HardwareAddr
	// Address is the interface's IP address with its prefix length; the zero
	// value gives none.
	Address netip.Prefix
	// Down leaves the interface administratively down.
	Down bool
}

// Cable makes a veth pair and brings its ends up.
func Cable(a, b End) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = a.Name, a.MAC
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: b.Name, PeerHardwareAddr: b.MAC,
		PeerNamespace: netlink.NsFd(int(b.Namespace.fd)),
	}
	if err := a.Namespace.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("cable %s to %s: %w", a.Name, b.Name, err)
	}
	for _, end := range []End{a, b} {
		if err := end.configure(); err != nil {
			return fmt.Errorf("cable %s to %s: %w", a.Name, b.Name, err)
		}
	}
	return nil
}

func (e End) configure() error {
	l, err := e.Namespace.links.LinkByName(e.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	if e.Address.IsValid() {
		address := &netlink.Addr{IPNet: &net.IPNet{
			IP:   e.Address.Addr().AsSlice(),
			Mask: net.CIDRMask(e.Address.Bits(), e.Address.Addr().BitLen()),
		}}
		if err := e.Namespace.links.AddrAdd(l, address); err != nil {
			return fmt.Errorf("%s: address %s: %w", e.Name, e.Address, err)
		}
	}
	if e.Down {
		return nil
	}
	if err := e.Namespace.links.LinkSetUp(l); err != nil {
		return fmt.Errorf("%s: up: %w", e.Name, err)
	}
	return nil
}

// Link is the interface of that name as the kernel has it.
func (n *Namespace) Link(name string) (netlink.Link, error) {
	l, err := n.links.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return l, nil
}

// Links are all interfaces of the namespace.
func (n *Namespace) Links() ([]netlink.Link, error) { return n.links.LinkList() }

// Index is the kernel's ifindex of an interface.
func (n *Namespace) Index(name string) (int, error) {
	l, err := n.Link(name)
	if err != nil {
		return 0, err
	}
	return l.Attrs().Index, nil
}

// DeleteLink removes an interface, and with a veth its other end.
func (n *Namespace) DeleteLink(name string) error {
	return n.withLink(name, "delete", n.links.LinkDel)
}

// SetUp brings an interface up or down.
func (n *Namespace) SetUp(name string, up bool) error {
	if up {
		return n.withLink(name, "up", n.links.LinkSetUp)
	}
	return n.withLink(name, "down", n.links.LinkSetDown)
}

// Rename gives an interface another name.
func (n *Namespace) Rename(name, to string) error {
	return n.withLink(name, "rename to "+to, func(l netlink.Link) error { return n.links.LinkSetName(l, to) })
}

// SetMTU sets an interface's MTU in octets.
func (n *Namespace) SetMTU(name string, octets int) error {
	return n.withLink(name, "mtu", func(l netlink.Link) error { return n.links.LinkSetMTU(l, octets) })
}

func (n *Namespace) withLink(name, what string, do func(netlink.Link) error) error {
	l, err := n.Link(name)
	if err != nil {
		return err
	}
	if err := do(l); err != nil {
		return fmt.Errorf("interface %s: %s: %w", name, what, err)
	}
	return nil
}

// Neighbour enters a permanent neighbour, so that no ARP runs.
func (n *Namespace) Neighbour(name string, ip netip.Addr, mac net.HardwareAddr) error {
	return n.withLink(name, "neighbour "+ip.String(), func(l netlink.Link) error {
		return n.links.NeighSet(&netlink.Neigh{
			LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT, Family: unix.AF_INET,
			IP: ip.AsSlice(), HardwareAddr: mac,
		})
	})
}

// Bridge makes a Linux bridge with the given ports, up, without multicast
// snooping; it is the baseline of the benchmark. Netfilter is kept out of it
// where the kernel has br_netfilter.
func (n *Namespace) Bridge(name string, ports ...string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	snooping := false
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := n.links.LinkAdd(bridge); err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
	}
	for _, port := range ports {
		err := n.withLink(port, "join "+name, func(l netlink.Link) error { return n.links.LinkSetMaster(l, bridge) })
		if err != nil {
			return err
		}
	}
	if err := n.links.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bridge %s: up: %w", name, err)
	}
	return n.Do(func() error {
		for _, table := range []string{"arptables", "iptables", "ip6tables"} {
			err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-"+table, []byte("0"), 0)
			if err != nil && !os.IsNotExist(err) {
				return fmt.Errorf("bridge %s: keep %s out: %w", name, table, err)
			}
		}
		return nil
	})
}

// Tap makes a tap interface that stays when its file is closed, and brings it
// up; nobody is behind it.
func (n *Namespace) Tap(name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	err := n.Do(func() error {
		return netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP})
	})
	if err != nil {
		return fmt.Errorf("tap %s: %w", name, err)
	}
	return n.SetUp(name, true)
}

// Running reports whether an interface sends what it is given: it is up, and so
// is the other end. The kernel tells that some time after either came up, and
// until then throws frames away in silence (net/core/link_watch.c).
func (n *Namespace) Running(name string) (bool, error) {
	l, err := n.Link(name)
	if err != nil {
		return false, err
	}
	return l.Attrs().OperState == netlink.OperUp && l.Attrs().Flags&net.FlagRunning != 0, nil
}

// AwaitRunning waits for Running.
func (n *Namespace) AwaitRunning(name string, bound time.Duration) error {
	for deadline := time.Now().Add(bound); ; time.Sleep(5 * time.Millisecond) {
		if running, err := n.Running(name); running || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("interface %s does not run after %s", name, bound)
		}
	}
}

// Behind tells which port of a bridge each address that it has learned is
// behind: names of interfaces by address.
func (n *Namespace) Behind(bridge string) (map[string]string, error) {
	master, err := n.Index(bridge)
	if err != nil {
		return nil, err
	}
	links, err := n.links.LinkList()
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w", bridge, err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	entries, err := n.links.NeighList(0, unix.AF_BRIDGE)
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w", bridge, err)
	}
	behind := map[string]string{}
	for _, e := range entries {
		if e.MasterIndex == master && e.State&netlink.NUD_PERMANENT == 0 {
			behind[e.HardwareAddr.String()] = names[e.LinkIndex]
		}
	}
	return behind, nil
}
