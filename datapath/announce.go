package datapath

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
)

const (
	// announceAgain is the time between announcements of the same addresses.
	announceAgain = 100 * time.Millisecond
	// announceBack is when they are announced once more by a member that has
	// just come back: the switch at the other end may take frames only some
	// time after its carrier (of Linux, up to a second).
	announceBack = time.Second
)

// announcer tells the switches behind a switch-independent aggregate by which
// of its members a local address is to be reached now. It is the owner's, with
// a goroutine of its own: the filtering database is searched, and a thousand
// frames sent, while the owner goes on.
type announcer struct {
	conn    *netdev.Conn
	objects *fastpath.Objects
	log     *slog.Logger
	count   func(aggregate string, addresses int) // tells the owner

	wake       chan struct{}
	quit, done chan struct{}

	mu     sync.Mutex              // guards rounds and tables
	rounds []round                 // to come
	tables map[uint16]fastpath.LAG // of the aggregates, as they are now
}

// move is an aggregate whose table has become another one.
type move struct {
	aggregate   string
	lag, number uint16 // in the table of LAGs, and of its port
	times       uint8
	port        fastpath.Port
	old, now    fastpath.LAG
}

// round is one time that what moved is announced.
type round struct {
	move
	at    time.Time
	first bool
}

func newAnnouncer(conn *netdev.Conn, objects *fastpath.Objects, log *slog.Logger, count func(string, int)) *announcer {
	a := &announcer{
		conn: conn, objects: objects, log: log, count: count, tables: make(map[uint16]fastpath.LAG),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go a.run()
	return a
}

// close ends the goroutine and waits for it.
func (a *announcer) close() {
	close(a.quit)
	<-a.done
}

// add hands over what moved.
func (a *announcer) add(moves []move) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range moves {
		a.tables[m.lag] = m.now
		at := now
		for i := range m.times {
			a.rounds = append(a.rounds, round{m, at, i == 0})
			at = at.Add(announceAgain)
		}
		if m.times > 0 && m.back() {
			a.rounds = append(a.rounds, round{m, now.Add(announceBack), false})
		}
		signal(a.wake)
	}
}

// back reports that a member can carry traffic that could not before.
func (m *move) back() bool {
	for i := range m.now.Members {
		if m.now.Members[i].Active && !m.old.Members[i].Active {
			return true
		}
	}
	return false
}

func (a *announcer) run() {
	defer close(a.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-a.quit:
			return
		case <-a.wake:
		case <-timer.C:
		}
		due, next := a.due(time.Now())
		for _, r := range due {
			a.announce(&r)
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// due takes the rounds whose time has come, and tells when the next one's does.
func (a *announcer) due(now time.Time) (due []round, next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	later := a.rounds[:0:0]
	for _, r := range a.rounds {
		if r.at.After(now) {
			later = append(later, r)
			next = earliest(next, r.at)
		} else {
			due = append(due, r)
		}
	}
	a.rounds = later
	return due, next
}

// announce announces each address that moved.
func (a *announcer) announce(r *round) {
	a.mu.Lock()
	table := a.tables[r.lag]
	a.mu.Unlock()
	for index, addresses := range a.moved(&r.move, &table) {
		told, err := a.conn.Announce(index, addresses)
		if err != nil {
			a.log.Warn("addresses that moved were not announced", "aggregate", r.aggregate, "error", err)
		}
		if r.first {
			a.count(r.aggregate, told)
		}
	}
}

// moved finds the addresses of other ports of the switch, in the VLANs that the
// aggregate carries, whose frames left by another member before the move than
// they do now: by its ifindex.
func (a *announcer) moved(m *move, now *fastpath.LAG) map[uint32][]netdev.Address {
	to := make(map[uint32][]netdev.Address)
	for e := range a.objects.FDB().All() {
		if e.VLAN.Switch != m.port.Switch || e.Port == m.number {
			continue
		}
		tag, carried := wireTag(&m.port, e.VLAN.ID)
		if !carried {
			continue
		}
		if index := carrier(now, &e); index != 0 && index != carrier(&m.old, &e) {
			to[index] = append(to[index], netdev.Address{MAC: e.MAC, VLAN: tag})
		}
	}
	return to
}

// wireTag is the VLAN id in the tag of a port's frames, 0 for none; false where
// the port does not carry the VLAN.
func wireTag(p *fastpath.Port, vlan uint16) (uint16, bool) {
	if vlan == p.PVID {
		return 0, true
	}
	return vlan, p.Trunk && p.Tagged.Has(vlan)
}

// carrier is the interface that the frames of an address leave by; 0 for none.
func carrier(l *fastpath.LAG, e *fastpath.Entry) uint32 {
	bucket, pinned := fastpath.SourceBucket(l.Distribution, e.MAC, e.VLAN.ID, e.Port)
	if !pinned {
		return 0
	}
	if first := l.Buckets[bucket].First; int(first) < len(l.Members) {
		return l.Members[first].IfIndex
	}
	return 0
}

// announcing are the tables of the aggregates that announce, as they are known
// to be before a change.
func (d *Datapath) announcing() map[uint16]fastpath.LAG {
	var was map[uint16]fastpath.LAG
	for _, n := range d.model.touched.lags.All() {
		if l, ok := d.tables.lags.Get(n); ok && l.Independent {
			if was == nil {
				was = make(map[uint16]fastpath.LAG)
			}
			was[n] = l
		}
	}
	return was
}

// announceMoves lets be announced what moved since the tables were as given.
func (d *Datapath) announceMoves(was map[uint16]fastpath.LAG) {
	var moves []move
	for n, old := range was {
		a := d.model.aggregateAt(n)
		now, ok := d.tables.lags.Get(n)
		if a == nil || !ok || now == old || !a.port.isSwitchPort() {
			continue
		}
		port, _ := d.tables.ports.Get(a.port.number)
		moves = append(moves, move{a.name, n, a.port.number, a.port.cfg.Aggregate.Announcements, port, old, now})
	}
	slices.SortFunc(moves, func(a, b move) int { return int(a.number) - int(b.number) })
	d.announcer.add(moves)
}

// countAnnounced is called by the announcer.
func (d *Datapath) countAnnounced(aggregate string, addresses int) {
	request := func() {
		if a := d.model.aggregates[aggregate]; a != nil {
			a.stats.announced += uint64(addresses)
			d.model.touched.names.Add(aggregate)
			d.publish(time.Now())
			d.model.begin()
		}
	}
	select {
	case d.requests <- request:
	case <-d.announcer.quit:
	}
}
