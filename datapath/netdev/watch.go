package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// watchBuffer is the socket's room for messages that wait: some 4,000.
const watchBuffer = 8 << 20

// Changes says where to look again.
type Changes struct {
	// All says that messages were lost: everything may have changed.
	All bool
	// Links are the interfaces, by ifindex, of which the kernel said something;
	// true where it said that the interface went. An interface that went may be
	// there again, under the same ifindex.
	Links map[uint32]bool
}

// Watcher hears of changes of interfaces. It gathers where to look until
// somebody takes it.
type Watcher struct {
	// C has something to receive when there are changes to take.
	C <-chan struct{}

	c    chan struct{}
	file *os.File
	done chan struct{}

	mu      sync.Mutex // guards changes
	changes Changes
}

// Watch starts to listen in the calling thread's network namespace. What
// changes after its return is heard of; the caller then reads everything once.
func Watch() (*Watcher, error) {
	fd, err := openSocket(unix.RTMGRP_LINK)
	if err != nil {
		return nil, err
	}
	// Without CAP_NET_ADMIN in the first user namespace the forced size is
	// refused and the usual one stays: then messages are lost sooner, which
	// Changes.All tells.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watchBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, watchBuffer)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("rtnetlink: set non-blocking: %w", err)
	}
	c := make(chan struct{}, 1)
	w := &Watcher{C: c, c: c, file: os.NewFile(uintptr(fd), "rtnetlink"), done: make(chan struct{})}
	go w.run()
	return w, nil
}

// Close ends the watch and waits for its goroutine.
func (w *Watcher) Close() error {
	err := w.file.Close()
	<-w.done
	return err
}

// Take hands over what was gathered since the last call.
func (w *Watcher) Take() Changes {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.changes
	w.changes = Changes{}
	return c
}

// run reads until the socket is closed. A full socket buffer shows as ENOBUFS.
func (w *Watcher) run() {
	defer close(w.done)
	buf := make([]byte, receiveSize)
	for {
		n, err := w.file.Read(buf)
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil:
			w.lost()
		default:
			w.heard(buf[:n])
		}
		select {
		case w.c <- struct{}{}:
		default: // the last signal is still waiting
		}
	}
}

func (w *Watcher) lost() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes.All = true
}

// heard notes the interfaces that the messages are about.
func (w *Watcher) heard(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := eachMessage(b, func(h unix.NlMsghdr, body []byte) error {
		if h.Type != unix.RTM_NEWLINK && h.Type != unix.RTM_DELLINK || len(body) < unix.SizeofIfInfomsg {
			return nil
		}
		index := binary.NativeEndian.Uint32(body[4:])
		if w.changes.Links == nil {
			w.changes.Links = make(map[uint32]bool)
		}
		// A bridge tells with family AF_BRIDGE that a port left it: the
		// interface itself is still there.
		gone := h.Type == unix.RTM_DELLINK && body[0] == unix.AF_UNSPEC
		w.changes.Links[index] = w.changes.Links[index] || gone
		return nil
	})
	if err != nil {
		w.changes.All = true
	}
}
