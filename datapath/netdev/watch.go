package netdev

import (
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	watchBuffer = 8 << 20     // octets: the socket's room for some 4,000 messages that wait
	listenAfter = time.Second // between attempts to listen again
)

// Changes says where to look again.
type Changes struct {
	// All says that messages were lost: everything may have changed.
	All bool
	// Links are the interfaces, by ifindex, of which the kernel said something;
	// true where it said that the interface went. An interface that went may be
	// there again, under the same ifindex.
	Links map[uint32]bool
	// Detours are those, by the number of their port, of which the kernel said
	// something. They are no Links.
	Detours map[uint16]bool
}

// Watcher hears of changes of interfaces. It gathers where to look until
// somebody takes it.
type Watcher struct {
	// C has something to receive when there are changes to take.
	C <-chan struct{}

	c          chan struct{}
	ns         netns.NsHandle
	buffer     int // octets
	quit, done chan struct{}

	mu      sync.Mutex // guards changes
	changes Changes
}

// Watch starts to listen in the calling thread's network namespace. What
// changes after its return is heard of; the caller then reads everything once.
// It needs CAP_NET_ADMIN and CAP_SYS_ADMIN.
func Watch() (*Watcher, error) { return watch(watchBuffer) }

func watch(buffer int) (*Watcher, error) {
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	c := make(chan struct{}, 1)
	w := &Watcher{C: c, c: c, ns: ns, buffer: buffer, quit: make(chan struct{}), done: make(chan struct{})}
	s, err := w.subscribe()
	if err != nil {
		ns.Close()
		return nil, err
	}
	go w.run(s)
	return w, nil
}

// Close ends the watch and waits for its goroutine.
func (w *Watcher) Close() error {
	close(w.quit)
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

// subscription is one socket of the library's and the goroutine that reads it,
// which closes updates when it ends: at the first error, or when end is closed.
type subscription struct {
	updates chan netlink.LinkUpdate
	end     chan struct{}
}

func (w *Watcher) subscribe() (*subscription, error) {
	s := &subscription{updates: make(chan netlink.LinkUpdate), end: make(chan struct{})}
	err := netlink.LinkSubscribeWithOptions(s.updates, s.end, netlink.LinkSubscribeOptions{
		Namespace:              &w.ns,
		ErrorCallback:          func(error) { w.lost() },
		ReceiveBufferSize:      w.buffer,
		ReceiveBufferForceSize: true,
	})
	if err != nil {
		return nil, fmt.Errorf("listen to changes of interfaces: %w", err)
	}
	return s, nil
}

// close ends the subscription and waits for its goroutine.
func (s *subscription) close() {
	close(s.end)
	for range s.updates {
		continue // it may stand in a send
	}
}

// run gathers what is heard. The library gives up a socket whose buffer was
// full (ENOBUFS): another takes its place.
func (w *Watcher) run(s *subscription) {
	defer close(w.done)
	for s != nil {
		select {
		case <-w.quit:
			s.close()
			return
		case u, ok := <-s.updates:
			if ok {
				w.heard(&u)
				continue
			}
			s.close()
			s = w.subscribeAgain()
		}
	}
}

// subscribeAgain returns nil when the watch ends. While nothing is heard,
// everything is to be looked at from time to time.
func (w *Watcher) subscribeAgain() *subscription {
	for {
		s, err := w.subscribe()
		w.lost() // and what was said until now
		if err == nil {
			return s
		}
		select {
		case <-w.quit:
			return nil
		case <-time.After(listenAfter):
		}
	}
}

func (w *Watcher) lost() {
	w.note(func(c *Changes) { c.All = true })
}

// heard notes the interface that a message is about.
func (w *Watcher) heard(u *netlink.LinkUpdate) {
	// A bridge tells with family AF_BRIDGE that a port left it: the interface
	// itself is still there.
	gone := u.Header.Type == unix.RTM_DELLINK && u.IfInfomsg.Family == unix.AF_UNSPEC
	index := uint32(u.IfInfomsg.Index)
	w.note(func(c *Changes) {
		if IsDetour(index) {
			if c.Detours == nil {
				c.Detours = make(map[uint16]bool)
			}
			c.Detours[DetourPort(index)] = true
			return
		}
		if c.Links == nil {
			c.Links = make(map[uint32]bool)
		}
		c.Links[index] = c.Links[index] || gone
	})
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
