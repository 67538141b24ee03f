package topology

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namedDir is where iproute2 keeps named namespaces (ip-netns(8)).
const namedDir = "/run/netns"

// Namespace is one network namespace, with its loopback up and IPv6 off (so
// that no router solicitation disturbs a count of frames).
type Namespace struct {
	name  string // "" where anonymous
	fd    netns.NsHandle
	links *netlink.Handle
}

// New makes an anonymous namespace. It needs CAP_SYS_ADMIN and CAP_NET_ADMIN.
func New() (*Namespace, error) {
	var fd netns.NsHandle
	err := onThread(func() (err error) {
		fd, err = netns.New()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	return open("", fd)
}

// NewNamed makes a namespace that `ip netns` sees. One of the same name that
// an earlier run left is removed first.
func NewNamed(name string) (*Namespace, error) {
	if err := Remove(name); err != nil {
		return nil, err
	}
	var fd netns.NsHandle
	err := onThread(func() (err error) {
		fd, err = netns.NewNamed(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return open(name, fd)
}

// Remove takes a named namespace away; none of that name is no error. Its
// interfaces go when the last process in it ends.
func Remove(name string) error {
	path := filepath.Join(namedDir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("network namespace %s: unmount: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	return nil
}

func open(name string, fd netns.NsHandle) (*Namespace, error) {
	links, err := netlink.NewHandleAt(fd, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("network namespace %s: netlink: %w", name, err), fd.Close())
	}
	n := &Namespace{name: name, fd: fd, links: links}
	if err := n.prepare(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Namespace) prepare() error {
	lo, err := n.links.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := n.links.LinkSetUp(lo); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return n.Do(func() error {
		for _, scope := range []string{"all", "default"} {
			err := os.WriteFile("/proc/sys/net/ipv6/conf/"+scope+"/disable_ipv6", []byte("1"), 0)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("switch IPv6 off: %w", err)
			}
		}
		return nil
	})
}

// Close gives the namespace up: an anonymous one ends with the last process in
// it, a named one is removed.
func (n *Namespace) Close() error {
	n.links.Close()
	err := n.fd.Close()
	if n.name != "" {
		err = errors.Join(err, Remove(n.name))
	}
	return err
}

// Name is the name that `ip netns` shows, "" for an anonymous namespace.
func (n *Namespace) Name() string { return n.name }

// Path names the namespace for nsenter(1) while the program lives.
func (n *Namespace) Path() string {
	if n.name != "" {
		return filepath.Join(namedDir, n.name)
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(n.fd))
}

// Do runs f on a thread that is in the namespace. Sockets that f opens and
// processes that it starts stay there; goroutines that it starts do not.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(n.fd); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", n.name, err)
		}
		return f()
	})
}

// onThread runs f on a thread of its own and puts the thread back into the
// program's namespace. The thread is kept, and not thrown away, since a child
// with a parent-death signal would die with the thread that started it.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			result <- fmt.Errorf("own network namespace: %w", err)
			return // locked: the thread ends with the goroutine
		}
		defer home.Close()
		err = f()
		if back := netns.Set(home); back != nil {
			result <- errors.Join(err, fmt.Errorf("return to the own network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}

// Current is the namespace of the calling thread, as it is. Close leaves it.
func Current() (*Namespace, error) {
	fd, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("own network namespace: %w", err)
	}
	links, err := netlink.NewHandleAt(fd, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("own network namespace: netlink: %w", err), fd.Close())
	}
	return &Namespace{fd: fd, links: links}, nil
}

// Promiscuous has an interface take in every frame, also of VLANs that nobody of
// this host is in.
func (n *Namespace) Promiscuous(name string) error {
	return n.withLink(name, "promiscuous", n.links.SetPromiscOn)
}

// Move takes an interface into another namespace and brings it up there, with an
// address where that is valid.
func (n *Namespace) Move(name string, to End) error {
	err := n.withLink(name, "move", func(l netlink.Link) error { return n.links.LinkSetNsFd(l, int(to.Namespace.fd)) })
	if err != nil {
		return err
	}
	if to.Name != name {
		if err := to.Namespace.Rename(name, to.Name); err != nil {
			return err
		}
	}
	return to.configure()
}
