package datapath

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
)

// announceAgain is the time between announcements of the same addresses.
const announceAgain = 100 * time.Millisecond

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

	mu    sync.Mutex // guards moves
	moves []move
}

// move is an aggregate whose table has become another one.
type move struct {
	aggregate string
	times     uint8
	port      fastpath.Port // of the aggregate
	number    uint16        // its port number
	old, now  fastpath.LAG
}

func newAnnouncer(conn *netdev.Conn, objects *fastpath.Objects, log *slog.Logger, count func(string, int)) *announcer {
	a := &announcer{
		conn: conn, objects: objects, log: log, count: count,
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
	if len(moves) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.moves = append(a.moves, moves...)
	signal(a.wake)
}

func (a *announcer) run() {
	defer close(a.done)
	for {
		select {
		case <-a.quit:
			return
		case <-a.wake:
		}
		a.mu.Lock()
		moves := a.moves
		a.moves = nil
		a.mu.Unlock()
		for _, m := range moves {
			if !a.announce(m) {
				return
			}
		}
	}
}

// announce announces each address that moved; false where the end came in
// between.
func (a *announcer) announce(m move) bool {
	to := a.moved(&m)
	for n := range m.times {
		if n > 0 {
			select {
			case <-a.quit:
				return false
			case <-time.After(announceAgain):
			}
		}
		for index, addresses := range to {
			told, err := a.conn.Announce(index, addresses)
			if err != nil {
				a.log.Warn("addresses that moved were not announced", "aggregate", m.aggregate, "error", err)
			}
			if n == 0 {
				a.count(m.aggregate, told)
			}
		}
	}
	return true
}

// moved finds the addresses of other ports of the switch, in the VLANs that the
// aggregate carries, whose frames leave by another member now: by its ifindex.
func (a *announcer) moved(m *move) map[uint32][]netdev.Address {
	to := make(map[uint32][]netdev.Address)
	for e := range a.objects.FDB().All() {
		if e.VLAN.Switch != m.port.Switch || e.Port == m.number {
			continue
		}
		tag, carried := wireTag(&m.port, e.VLAN.ID)
		bucket, pinned := fastpath.SourceBucket(m.now.Distribution, e.MAC, e.VLAN.ID, e.Port)
		if !carried || !pinned {
			continue
		}
		if index := carrier(&m.now, bucket); index != 0 && index != carrier(&m.old, bucket) {
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

// carrier is the interface that a bucket's frames leave by; 0 for none.
func carrier(l *fastpath.LAG, bucket uint8) uint32 {
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
		moves = append(moves, move{a.name, a.port.cfg.Aggregate.Announcements, port, a.port.number, old, now})
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
