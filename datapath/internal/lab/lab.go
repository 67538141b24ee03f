// Package lab makes network namespaces, interfaces and frames for the kernel
// tests of the datapath. Everything it makes ends with the test. It is for
// tests only and knows nothing of the code under test.
package lab

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// patience bounds each wait. No test asserts a time: it only ends a wait for
// what never comes.
const patience = 30 * time.Second

// NS is one network namespace.
type NS struct {
	*netlink.Handle // interfaces of this namespace
	fd              netns.NsHandle
}

// New makes a namespace that lives as long as the test. It skips the test
// where the caller is not root, and fails it there when CI is "true".
func New(t testing.TB) *NS {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("kernel test: must be root")
		}
		t.Skip("kernel test: must be root")
	}
	n := &NS{}
	inThread(t, func() {
		must(t, "unshare", unix.Unshare(unix.CLONE_NEWNET))
		var err error
		n.fd, err = netns.Get()
		must(t, "namespace", err)
	})
	t.Cleanup(func() { n.fd.Close() })
	var err error
	n.Handle, err = netlink.NewHandleAt(n.fd, unix.NETLINK_ROUTE)
	must(t, "netlink", err)
	t.Cleanup(n.Handle.Close)
	return n
}

// Do runs f on a thread that is in the namespace, and waits for it. f must not
// end the test.
func (n *NS) Do(t testing.TB, f func()) {
	t.Helper()
	inThread(t, func() {
		if err := netns.Set(n.fd); err != nil {
			t.Errorf("enter namespace: %v", err)
			return
		}
		f()
	})
}

// inThread runs f on a thread of its own, which ends with it: the goroutine
// never unlocks the thread, whose namespace is not to be used again.
func inThread(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
	if t.Failed() {
		t.FailNow()
	}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		runtime.Goexit()
	}
}

// Wait waits until the condition holds.
func Wait(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Veth makes a pair of interfaces, one here and one in the other namespace,
// the latter up. IPv6 is off at the far end, so that only the test's own
// frames leave it.
func (n *NS) Veth(t testing.TB, name string, other *NS, peer string) {
	t.Helper()
	n.VethAt(t, 0, name, other, peer)
}

// VethAt is Veth with an ifindex for the end that is here.
func (n *NS) VethAt(t testing.TB, index int, name string, other *NS, peer string) {
	t.Helper()
	v := netlink.NewVeth(netlink.NewLinkAttrs())
	v.Index = index
	v.Name, v.PeerName, v.PeerNamespace = name, peer, netlink.NsFd(other.fd)
	if err := n.LinkAdd(v); err != nil {
		t.Fatalf("add veth %s: %v", name, err)
	}
	other.quiet(t, peer)
	other.SetUp(t, peer, true)
}

// quiet keeps the kernel from sending frames of its own.
func (n *NS) quiet(t testing.TB, name string) {
	t.Helper()
	n.Do(t, func() {
		path := "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6"
		if err := os.WriteFile(path, []byte("1"), 0); err != nil && !os.IsNotExist(err) {
			t.Errorf("quiet %s: %v", name, err)
		}
	})
}

// TAP makes a tap interface that stays until the namespace ends.
func (n *NS) TAP(t testing.TB, name string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	n.Do(t, func() {
		if err := netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP}); err != nil {
			t.Errorf("add tap %s: %v", name, err)
		}
	})
}

// OpenTAP makes a tap interface and is the virtual machine behind it: each
// read and write is a frame. A read waits a bounded time.
func (n *NS) OpenTAP(t testing.TB, name string) *os.File {
	t.Helper()
	var f *os.File
	n.Do(t, func() {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		must(t, "tap", err)
		r, err := unix.NewIfreq(name)
		must(t, "tap", err)
		r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		must(t, "tap", unix.IoctlIfreq(fd, unix.TUNSETIFF, r))
		f = os.NewFile(uintptr(fd), name)
	})
	t.Cleanup(func() { f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TUN makes an interface that carries no Ethernet.
func (n *NS) TUN(t testing.TB, name string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	n.Do(t, func() {
		if err := netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TUN}); err != nil {
			t.Errorf("add tun %s: %v", name, err)
		}
	})
}

// Bridge makes a Linux bridge and puts members into it.
func (n *NS) Bridge(t testing.TB, name string, members ...string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if err := n.LinkAdd(bridge); err != nil {
		t.Fatalf("add bridge %s: %v", name, err)
	}
	for _, m := range members {
		if err := n.LinkSetMaster(n.Link(t, m), bridge); err != nil {
			t.Fatalf("put %s into bridge %s: %v", m, name, err)
		}
	}
}

// Link is the interface of the name.
func (n *NS) Link(t testing.TB, name string) netlink.Link {
	t.Helper()
	l, err := n.LinkByName(name)
	if err != nil {
		t.Fatalf("interface %s: %v", name, err)
	}
	return l
}

// SetUp sets the administrative state.
func (n *NS) SetUp(t testing.TB, name string, up bool) {
	t.Helper()
	set := n.LinkSetDown
	if up {
		set = n.LinkSetUp
	}
	if err := set(n.Link(t, name)); err != nil {
		t.Fatalf("set %s up=%t: %v", name, up, err)
	}
}

// WaitUp waits until an interface sends what it is given: the kernel gets it
// ready some time after its peer came up.
func (n *NS) WaitUp(t testing.TB, name string) {
	t.Helper()
	Wait(t, name+" is up", func() bool { return n.Link(t, name).Attrs().OperState == netlink.OperUp })
}

// Rename gives an interface another name.
func (n *NS) Rename(t testing.TB, name, to string) {
	t.Helper()
	if err := n.LinkSetName(n.Link(t, name), to); err != nil {
		t.Fatalf("rename %s to %s: %v", name, to, err)
	}
}

// Move puts an interface into another namespace.
func (n *NS) Move(t testing.TB, name string, to *NS) {
	t.Helper()
	if err := n.LinkSetNsFd(n.Link(t, name), int(to.fd)); err != nil {
		t.Fatalf("move %s: %v", name, err)
	}
}

// Remove removes an interface.
func (n *NS) Remove(t testing.TB, name string) {
	t.Helper()
	if err := n.LinkDel(n.Link(t, name)); err != nil {
		t.Fatalf("remove %s: %v", name, err)
	}
}
