package host

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Watch calls changed once it watches, and then when the machine's name or time
// zone may have changed, until the context ends. The kernel tells of the name by POLLPRI on its file
// (proc_sys_poll in fs/proc/proc_sysctl.c); the zone is a link in /etc.
func (h *Host) Watch(ctx context.Context, changed func()) error {
	// Not by package os: its poller would take the events away.
	name, err := unix.Open(h.path("proc/sys/kernel/hostname"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("host: watch the name: %w", err)
	}
	defer unix.Close(name)
	zone, err := watchFolder(h.path("etc"))
	if err != nil {
		return fmt.Errorf("host: watch the time zone: %w", err)
	}
	defer unix.Close(zone)
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("host: watch: %w", err)
	}
	defer unix.Close(wake)
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		// A counter that is zero takes any number: this does not fail.
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-woken
		}
	}()
	return follow(ctx, name, zone, wake, changed)
}

func watchFolder(folder string) (fd int, err error) {
	if fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return 0, err
	}
	if _, err = unix.InotifyAddWatch(fd, folder, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE); err != nil {
		return 0, errors.Join(fmt.Errorf("%s: %w", folder, err), unix.Close(fd))
	}
	return fd, nil
}

// follow waits for one of the descriptors at a time.
func follow(ctx context.Context, name, zone, wake int, changed func()) error {
	events := make([]byte, 4096)
	changed()
	for {
		fds := []unix.PollFd{
			{Fd: int32(name), Events: unix.POLLPRI},
			{Fd: int32(zone), Events: unix.POLLIN},
			{Fd: int32(wake), Events: unix.POLLIN},
		}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("host: watch: %w", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		if fds[1].Revents != 0 { // which entry it was does not matter
			if _, err := unix.Read(zone, events); err != nil && !errors.Is(err, unix.EAGAIN) {
				return fmt.Errorf("host: watch the time zone: %w", err)
			}
		}
		if fds[0].Revents != 0 || fds[1].Revents != 0 {
			changed()
		}
	}
}
