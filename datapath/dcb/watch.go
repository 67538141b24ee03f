package dcb

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// listenAfter is the time between attempts to listen again.
const listenAfter = time.Second

// Changes says where to look again.
type Changes struct {
	// All says that messages were lost: everything may have changed.
	All bool
	// Names are those of interfaces of which the kernel said something.
	Names map[string]struct{}
}

// Watcher hears of changes of DCB, whoever made them: the kernel tells each that
// it is asked for but that of DCBX, and drivers tell what their agent did. It
// gathers where to look until somebody takes it.
type Watcher struct {
	// C has something to receive when there are changes to take.
	C <-chan struct{}

	c          chan struct{}
	ns         netns.NsHandle
	quit, done chan struct{}

	mu      sync.Mutex // guards what follows
	socket  *nl.NetlinkSocket
	closed  bool
	changes Changes
}

// Watch starts to listen in the calling thread's network namespace. What
// changes after its return is heard of; the caller then reads everything once.
func Watch() (*Watcher, error) {
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	c := make(chan struct{}, 1)
	w := &Watcher{C: c, c: c, ns: ns, quit: make(chan struct{}), done: make(chan struct{})}
	if err := w.subscribe(); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	go w.run()
	return w, nil
}

// Close ends the watch and waits for its goroutine.
func (w *Watcher) Close() error {
	close(w.quit)
	w.mu.Lock()
	w.closed = true
	w.socket.Close()
	w.mu.Unlock()
	<-w.done
	return w.ns.Close()
}

// Take hands over what was gathered since the last call.
func (w *Watcher) Take() Changes {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.changes
	w.changes = Changes{}
	return c
}

// subscribe opens a socket that hears of changes in the place of the last one.
func (w *Watcher) subscribe() error {
	s, err := nl.SubscribeAt(w.ns, netns.None(), unix.NETLINK_ROUTE, unix.RTNLGRP_DCB)
	if err != nil {
		return fmt.Errorf("listen to changes of DCB: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		s.Close()
		return os.ErrClosed
	}
	if w.socket != nil {
		w.socket.Close()
	}
	w.socket = s
	return nil
}

// run gathers what is heard. A socket with an error, as one whose buffer was
// full, is exchanged for another.
func (w *Watcher) run() {
	defer close(w.done)
	for {
		err := w.listen()
		for err != nil {
			select {
			case <-w.quit:
				return
			default:
			}
			if err = w.subscribe(); err != nil {
				select {
				case <-w.quit:
					return
				case <-time.After(listenAfter):
				}
			}
			w.note(func(c *Changes) { c.All = true }) // and what was said until now
		}
	}
}

// listen gathers what one receipt says.
func (w *Watcher) listen() error {
	messages, from, err := w.socket.Receive()
	if err != nil {
		return err
	}
	for _, m := range messages {
		if from.Pid != nl.PidKernel {
			continue
		}
		r, err := parse(m.Data)
		w.note(func(c *Changes) {
			if err != nil || r.name == "" {
				c.All = true
				return
			}
			if c.Names == nil {
				c.Names = make(map[string]struct{})
			}
			c.Names[r.name] = struct{}{}
		})
	}
	return nil
}

// note adds to the changes and says that there are some.
func (w *Watcher) note(add func(*Changes)) {
	w.mu.Lock()
	add(&w.changes)
	w.mu.Unlock()
	select {
	case w.c <- struct{}{}:
	default: // the last signal is still waiting
	}
}
