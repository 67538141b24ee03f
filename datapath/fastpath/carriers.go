package fastpath

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Carriers reports of each interface, by its place in ifindexes, whether it is
// in the network namespace of Open, up, and has carrier. The kernel's link
// events tell that up to a second late; this is one system call, which looks
// at the interfaces themselves. up is as long as ifindexes, at most 4096. Only
// the owner may call it.
func (o *Objects) Carriers(ifindexes []uint32, up []bool) error {
	if len(ifindexes) > len(o.memory.carriers.values) || len(up) != len(ifindexes) {
		return fmt.Errorf("carriers of %d interfaces into %d: want as many, and at most %d",
			len(ifindexes), len(up), len(o.memory.carriers.values))
	}
	for i, index := range ifindexes {
		c := &o.memory.carriers.values[i]
		atomic.StoreUint32(&c.Ifindex, index)
		atomic.StoreUint32(&c.Up, 0)
	}
	request := struct {
		Cookie            uint64
		Entries, Reserved uint32
	}{Cookie: o.cookie, Entries: uint32(len(ifindexes))}
	failed, err := o.reader.Run(&ebpf.RunOptions{Context: request})
	if err == nil && failed != 0 {
		err = errors.New("the network namespace was not found")
	}
	if err != nil {
		return fmt.Errorf("read carriers: %w", err)
	}
	for i := range ifindexes {
		up[i] = atomic.LoadUint32(&o.memory.carriers.values[i].Up) != 0
	}
	return nil
}

// namespaceCookie is the number of the calling thread's network namespace.
func namespaceCookie() (uint64, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("network namespace: %w", err)
	}
	defer unix.Close(fd)
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0, fmt.Errorf("cookie of the network namespace: %w", err)
	}
	return cookie, nil
}
