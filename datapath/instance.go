package datapath

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/fastpath"
)

// instanceName is an abstract unix socket: its name lives in the network
// namespace and ends with the process that holds it, however that ends.
const instanceName = "@signalbox/datapath"

// ErrInstance says that another process has the datapath of this network
// namespace.
var ErrInstance = errors.New("another instance runs in this network namespace")

// claimInstance takes the name in the calling thread's network namespace. It
// is given back by closing it.
func claimInstance() (*net.UnixListener, error) {
	address := &net.UnixAddr{Name: instanceName, Net: "unix"}
	l, err := net.ListenUnix("unix", address)
	if err == nil {
		return l, nil
	}
	if !errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("claim the network namespace: %w", err)
	}
	if pid := holder(address); pid > 0 {
		return nil, fmt.Errorf("%w, process %d: stop it first", ErrInstance, pid)
	}
	return nil, fmt.Errorf("%w: stop it first", ErrInstance)
}

// endsWithin is how long a process that was killed may take to give back what
// it held.
const endsWithin = time.Second

// patiently tries again for a while where another process holds what is
// wanted: it may be about to end.
func patiently(ctx context.Context, try func() error) error {
	for end := time.Now().Add(endsWithin); ; {
		err := try()
		if !errors.Is(err, ErrInstance) && !errors.Is(err, fastpath.ErrLocked) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// holder is the process that holds the name, 0 where that cannot be told.
func holder(address *net.UnixAddr) int32 {
	c, err := net.DialUnix("unix", nil, address)
	if err != nil {
		return 0
	}
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	pid := int32(0)
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = cred.Pid
		}
	})
	if err != nil {
		return 0
	}
	return pid
}
