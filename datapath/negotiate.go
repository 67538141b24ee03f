package datapath

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/lacp"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// negotiator runs LACP for all aggregates. It is the owner's, but has a
// goroutine of its own: PDUs go out, and are answered, in time whatever the
// owner is doing. The owner tells it which ports there are; it tells the owner
// when what they may do is another.
//
// A PDU that says that a port collects now, or sends no more, waits until the
// owner has done so, at most for holdPDU: the partner may send from then on, or
// take nothing in any more.
type negotiator struct {
	conn *netdev.Conn
	log  *slog.Logger
	file *lacpFile

	// changed has something to receive when the owner should take; wake lets
	// the goroutine look.
	changed, wake chan struct{}
	quit, done    chan struct{}

	mu      sync.Mutex // guards what follows
	groups  map[string]*negotiation
	saved   map[string]lacp.State // of an earlier instance, until it is taken up
	outbox  []outgoing
	closing []*netdev.GroupSocket // when the outbox is empty
	news    map[string]struct{}   // aggregates whose verdicts the owner has not taken
	unsaved bool                  // something beside counters is other than in the file
	written time.Time             // of the file
}

// negotiation is one aggregate's.
type negotiation struct {
	group   *lacp.Group
	want    wantedLACP
	sockets map[string]*groupPort
	told    map[string]lacp.Verdict
	kept    lacp.State // as last looked at, without what always changes
	held    []outgoing // until the owner has opened what now collects
	until   time.Time  // of that; zero: nothing is held
}

// outgoing is a PDU on its way.
type outgoing struct {
	aggregate, member string
	port              *groupPort
	pdu               []byte
}

// wantedLACP is what the owner wants of an aggregate's LACP.
type wantedLACP struct {
	config lacp.Config
	ports  map[string]wantedPort // by interface name
}

type wantedPort struct {
	index uint32 // 0 where the interface is not there
	lacp.PortConfig
}

// negotiated is what LACP has come to for one aggregate.
type negotiated struct {
	FellBack bool
	Members  map[string]negotiatedMember // by interface name
}

type negotiatedMember struct {
	State   spec.LACPMember
	Verdict lacp.Verdict
}

const (
	holdPDU = 100 * time.Millisecond
	// saveEvery bounds how often counters alone are written down.
	saveEvery = 5 * time.Second
)

// newNegotiator starts the goroutine; close ends it.
func newNegotiator(conn *netdev.Conn, file *lacpFile, log *slog.Logger) *negotiator {
	n := &negotiator{
		conn: conn, log: log, file: file,
		changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
		groups: make(map[string]*negotiation), news: make(map[string]struct{}),
	}
	saved, err := file.load()
	if err != nil {
		log.Warn("what LACP had come to is of no use: all aggregates negotiate anew", "error", err)
	}
	n.saved = saved
	go inSteps(n.quit, n.wake, n.done, n.step)
	return n
}

// step does what is due and returns when something is due again.
func (n *negotiator) step(now time.Time) time.Time {
	n.mu.Lock()
	next := time.Time{}
	for name, g := range n.groups {
		if due := g.group.Next(); !due.IsZero() && !due.After(now) {
			g.group.Advance(now)
			n.gather(name, g, now)
		}
		if !g.until.IsZero() && !now.Before(g.until) {
			n.free(g)
		}
		next = earliest(next, earliest(g.group.Next(), g.until))
	}
	out, closing := n.outbox, n.closing
	n.outbox, n.closing = nil, nil
	text := n.toSave(now)
	n.mu.Unlock()
	for _, o := range out {
		n.send(o)
	}
	closeSockets(n.log, "LACP", closing)
	if text != nil {
		n.write(text)
	}
	return next
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// send puts a PDU on the wire. What fails is counted.
func (n *negotiator) send(o outgoing) {
	if o.port.send(n.log, "LACP", o.member, o.pdu) == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if g := n.groups[o.aggregate]; g != nil {
		g.group.SendFailed(o.member)
	}
}

// gather takes over what a group came to: PDUs, and verdicts that are other
// than the owner knows. n.mu is held.
func (n *negotiator) gather(name string, g *negotiation, now time.Time) {
	matters, differs := false, false
	for _, member := range g.group.Ports() {
		_, v := g.group.Member(member)
		was := g.told[member]
		matters = matters || v.Collecting && !was.Collecting || was.Distributing && !v.Distributing
		differs = differs || v != was
		g.told[member] = v
	}
	if kept := stripped(g.group.Save(now)); !maps.Equal(kept.Ports, g.kept.Ports) {
		g.kept, n.unsaved = kept, true
	}
	if differs {
		n.news[name] = struct{}{}
		signal(n.changed)
	}
	if matters {
		g.until = now.Add(holdPDU)
	}
	for _, f := range g.group.Outbox() {
		o := outgoing{name, f.Port, g.sockets[f.Port], f.PDU}
		switch {
		case o.port == nil:
		case g.until.IsZero():
			n.outbox = append(n.outbox, o)
		default:
			g.held = append(g.held, o)
		}
	}
	signal(n.wake)
}

// free lets held PDUs go. n.mu is held.
func (n *negotiator) free(g *negotiation) {
	n.outbox = append(n.outbox, g.held...)
	g.held, g.until = nil, time.Time{}
}

// signal leaves one signal in a channel that has room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // the last one is still waiting
	}
}

// set makes an aggregate's LACP what the owner wants; nil ends it, with a last
// PDU to each partner.
func (n *negotiator) set(name string, want *wantedLACP) error {
	if want == nil {
		n.remove(name)
		return nil
	}
	n.mu.Lock()
	g := n.groups[name]
	n.mu.Unlock() // only the owner adds and removes groups
	if g != nil && g.want.config == want.config && maps.Equal(g.want.ports, want.ports) {
		return nil
	}
	opened, err := n.open(name, g, want)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if g == nil {
		g = n.begin(name, want, now)
	} else if g.want.config != want.config {
		g.group.Configure(now, want.config)
	}
	for member := range g.want.ports {
		if _, ok := want.ports[member]; !ok {
			g.group.RemovePort(now, member)
			delete(g.told, member)
		}
	}
	maps.Copy(g.sockets, opened)
	for _, member := range slices.Sorted(maps.Keys(want.ports)) {
		g.group.SetPort(now, member, want.ports[member].PortConfig)
	}
	g.want = *want
	n.gather(name, g, now)
	n.dismiss(g)
	return err
}

// leaves reports whether a member that takes frames in is no longer wanted.
func (n *negotiator) leaves(name string, want *wantedLACP) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.groups[name]
	if g == nil {
		return false
	}
	for member, v := range g.told {
		if _, stays := want.ports[member]; !stays && v.Collecting {
			return true
		}
	}
	return false
}

// begin makes a group; it goes on from what was saved of it. n.mu is held.
func (n *negotiator) begin(name string, want *wantedLACP, now time.Time) *negotiation {
	g := &negotiation{group: lacp.New(want.config), sockets: make(map[string]*groupPort), told: make(map[string]lacp.Verdict)}
	if s, ok := n.saved[name]; ok {
		g.group.Restore(now, s)
		delete(n.saved, name)
	}
	n.groups[name] = g
	return g
}

// open opens the sockets that are missing: outside of the lock, since the
// kernel makes one wait.
func (n *negotiator) open(name string, g *negotiation, want *wantedLACP) (map[string]*groupPort, error) {
	opened := make(map[string]*groupPort)
	var errs []error
	for member, w := range want.ports {
		if w.index == 0 || g != nil && g.sockets[member] != nil && g.sockets[member].index == w.index {
			continue
		}
		s, err := n.conn.GroupSocket(netdev.SlowProtocols, w.index, func(pdu []byte) { n.received(name, member, pdu) })
		if err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("aggregate %s: member %s: %w", name, member, err))
		}
		if err == nil {
			opened[member] = &groupPort{index: w.index, socket: s}
			if g != nil && g.sockets[member] != nil {
				n.retire(g, member)
			}
		}
	}
	return opened, errors.Join(errs...)
}

// retire closes a socket that another one takes the place of.
func (n *negotiator) retire(g *negotiation, member string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closing = append(n.closing, g.sockets[member].socket)
	delete(g.sockets, member)
}

// dismiss closes the sockets of members that are no more, after their last
// PDU. n.mu is held.
func (n *negotiator) dismiss(g *negotiation) {
	for member, s := range g.sockets {
		if w, ok := g.want.ports[member]; !ok || w.index != s.index {
			n.closing = append(n.closing, s.socket)
			delete(g.sockets, member)
		}
	}
	signal(n.wake)
}

// remove ends an aggregate's LACP.
func (n *negotiator) remove(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.saved, name)
	g := n.groups[name]
	if g == nil {
		return
	}
	now := time.Now()
	for _, member := range g.group.Ports() {
		g.group.RemovePort(now, member)
	}
	n.gather(name, g, now)
	n.free(g)
	g.want = wantedLACP{}
	n.dismiss(g)
	delete(n.groups, name)
	delete(n.news, name)
	n.unsaved = true
}

// received is called by the sockets' goroutines.
func (n *negotiator) received(name, member string, pdu []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.groups[name]
	if g == nil {
		return
	}
	now := time.Now()
	g.group.Receive(now, member, pdu)
	n.gather(name, g, now)
}

// names are the aggregates that run LACP.
func (n *negotiator) names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.groups))
}

// take tells which aggregates' verdicts changed since the last call.
func (n *negotiator) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := slices.Sorted(maps.Keys(n.news))
	clear(n.news)
	return names
}

// view is what an aggregate's LACP has come to; false where it has none.
func (n *negotiator) view(name string) (negotiated, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	g := n.groups[name]
	if g == nil {
		return negotiated{}, false
	}
	v := negotiated{FellBack: g.group.FellBack(), Members: make(map[string]negotiatedMember)}
	for _, member := range g.group.Ports() {
		var m negotiatedMember
		m.State, m.Verdict = g.group.Member(member)
		v.Members[member] = m
	}
	return v, true
}

// release lets the PDUs of an aggregate go whose verdicts the owner has put
// into effect.
func (n *negotiator) release(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, again := n.news[name]; again {
		return
	}
	if g := n.groups[name]; g != nil && !g.until.IsZero() {
		n.free(g)
		signal(n.wake)
	}
}

// close ends the goroutine and waits for it. The partners are told nothing:
// the kernel goes on forwarding, and the next instance goes on from the file.
func (n *negotiator) close() error {
	close(n.quit)
	<-n.done
	n.step(time.Now()) // what was still to be sent, and closed
	n.mu.Lock()
	n.unsaved = n.unsaved || len(n.groups) > 0
	text := n.toSave(time.Now())
	var open []*netdev.GroupSocket
	for _, g := range n.groups {
		for _, s := range g.sockets {
			open = append(open, s.socket)
		}
	}
	n.groups = nil
	n.mu.Unlock()
	var errs []error
	for _, s := range open {
		errs = append(errs, s.Close())
	}
	if text != nil {
		n.write(text)
	}
	return errors.Join(errs...)
}
