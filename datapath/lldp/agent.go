package lldp

import (
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Times of the protocol (802.1AB, 9.2.5 and table 9-1).
const (
	fastInterval = time.Second // msgFastTx
	fastCount    = 4           // txFastInit
	maxCredit    = 5           // txCreditMax
	reinitDelay  = 2 * time.Second
	// MaxNeighbors bounds what is kept of one port's neighbors.
	MaxNeighbors = 32
)

// Config is what an agent sends, and when.
type Config struct {
	// Local is the data unit; its TTL is longer than the interval.
	Local spec.LLDPUnit
	// Interval is the time between data units (msgTxInterval).
	Interval time.Duration
	// Transmit and Receive switch the directions (adminStatus).
	Transmit, Receive bool
}

// unit is the data unit that is sent.
func (c *Config) unit() []byte { return (&PDU{LLDPUnit: c.Local}).Append(nil) }

// Neighbor is what a neighbor told last, and when.
type Neighbor struct {
	spec.LLDPNeighbor
	Times   spec.LLDPTimes
	expires time.Time
}

// Agent is the protocol on one port.
type Agent struct {
	config Config
	up     bool
	outbox [][]byte
	next   time.Time // of transmission; zero: none
	fast   int       // data units that are still to be sent fast
	credit int
	refill time.Time // when the credit grows

	neighbors []Neighbor
	lastID    uint32
	counters  spec.LLDPCounters
	lastOut   time.Time
	lastIn    time.Time
}

// New makes an agent of a port that is down.
func New(c Config) *Agent { return &Agent{config: c, credit: maxCredit} }

// Activity tells what the agent did so far.
func (a *Agent) Activity() spec.LLDPActivity {
	act := spec.LLDPActivity{Counters: a.counters, LastOut: a.lastOut, LastIn: a.lastIn, Heard: make(map[uint32]spec.LLDPTimes, len(a.neighbors))}
	for i := range a.neighbors {
		act.Heard[a.neighbors[i].ID] = a.neighbors[i].Times
	}
	return act
}

// Sent notes what became of a data unit of Outbox.
func (a *Agent) Sent(now time.Time, err error) {
	if err != nil {
		a.counters.OutErrors++
		return
	}
	a.counters.Out++
	a.lastOut = now
}

// Neighbors are those that are there, by ID. Nobody may modify what they hold.
func (a *Agent) Neighbors() []Neighbor { return slices.Clone(a.neighbors) }

// Outbox takes the data units that are to be sent now, in order.
func (a *Agent) Outbox() [][]byte {
	out := a.outbox
	a.outbox = nil
	return out
}

// Configure exchanges what is sent; neighbors are told soon, not at the next
// interval (somethingChangedLocal).
func (a *Agent) Configure(now time.Time, c Config) {
	was := a.config
	a.config = c
	if was.Transmit && !c.Transmit && a.up {
		a.shutdown(was)
	}
	if !c.Receive {
		a.neighbors = nil
	}
	if !c.Transmit || !a.up {
		a.next = time.Time{}
		return
	}
	if !was.Transmit {
		a.next = now.Add(reinitDelay)
		return
	}
	if !slices.Equal(was.unit(), c.unit()) {
		a.next = now
		a.Advance(now)
	} else if c.Interval != was.Interval {
		a.next = now.Add(c.Interval)
	}
}

// SetUp says whether the port can send and receive. A port that goes down
// forgets its neighbors: what they were connected to is gone.
func (a *Agent) SetUp(now time.Time, up bool) {
	if up == a.up {
		return
	}
	a.up = up
	if !up {
		a.neighbors, a.next, a.outbox = nil, time.Time{}, nil
		return
	}
	if a.config.Transmit {
		a.fast, a.next = 0, now
		a.Advance(now)
	}
}

// Shutdown queues the last data unit, which has neighbors forget this port
// (802.1AB, 9.1.2.2), where the port sends at all.
func (a *Agent) Shutdown() {
	if a.up && a.config.Transmit {
		a.shutdown(a.config)
	}
	a.next = time.Time{}
}

func (a *Agent) shutdown(c Config) {
	c.Local.TTL = 0
	a.outbox = append(a.outbox, c.unit())
}

// Next is when Advance has something to do; zero: never.
func (a *Agent) Next() time.Time {
	next := a.next
	for _, n := range a.neighbors {
		if next.IsZero() || n.expires.Before(next) {
			next = n.expires
		}
	}
	return next
}

// Advance brings the agent up to a moment: it queues what is due and forgets
// neighbors whose TTL ended.
func (a *Agent) Advance(now time.Time) {
	before := len(a.neighbors)
	a.neighbors = slices.DeleteFunc(a.neighbors, func(n Neighbor) bool { return !n.expires.After(now) })
	a.counters.AgedOut += uint64(before - len(a.neighbors))
	if a.next.IsZero() || now.Before(a.next) {
		return
	}
	a.earn(now)
	if a.credit == 0 {
		a.next = a.refill
		return
	}
	a.send(now)
}

// earn adds a credit for each second, up to the most (802.1AB, 9.2.5.17).
func (a *Agent) earn(now time.Time) {
	if a.refill.IsZero() || a.credit >= maxCredit {
		a.refill = now.Add(fastInterval)
		return
	}
	for !a.refill.After(now) && a.credit < maxCredit {
		a.credit++
		a.refill = a.refill.Add(fastInterval)
	}
}

func (a *Agent) send(now time.Time) {
	a.outbox = append(a.outbox, a.config.unit())
	a.credit--
	wait := a.config.Interval
	a.fast = max(a.fast-1, 0)
	if a.fast > 0 {
		wait = min(wait, fastInterval)
	}
	a.next = now.Add(wait)
}

// Receive takes a data unit that came in.
func (a *Agent) Receive(now time.Time, b []byte) {
	if !a.up || !a.config.Receive {
		return
	}
	a.counters.In++
	p, err := Parse(b)
	if err != nil {
		a.counters.InErrors++
		a.counters.Discarded++
		return
	}
	a.lastIn = now
	a.counters.TLVsUnknown += uint64(p.Unknown)
	at := slices.IndexFunc(a.neighbors, func(n Neighbor) bool { return n.Chassis == p.Chassis && n.Port == p.Port })
	if at < 0 && p.TTL != 0 && len(a.neighbors) >= MaxNeighbors {
		a.counters.Discarded++
		a.counters.TLVsDiscarded += uint64(p.TLVs)
		return
	}
	a.counters.TLVsAccepted += uint64(p.TLVs - p.Unknown)
	switch {
	case p.TTL != 0 && at >= 0:
		n := &a.neighbors[at]
		n.LLDPUnit, n.Times.Last, n.expires = p.LLDPUnit, now, now.Add(p.TTL)
	case p.TTL != 0:
		a.welcome(now, p)
	case at >= 0:
		a.neighbors = slices.Delete(a.neighbors, at, at+1)
	}
}

// welcome takes in a new neighbor, which is told of us fast (802.1AB, 9.2.5.16).
func (a *Agent) welcome(now time.Time, p *PDU) {
	a.lastID++
	a.neighbors = append(a.neighbors, Neighbor{
		LLDPNeighbor: spec.LLDPNeighbor{ID: a.lastID, LLDPUnit: p.LLDPUnit},
		Times:        spec.LLDPTimes{First: now, Last: now}, expires: now.Add(p.TTL),
	})
	if a.config.Transmit {
		a.fast = fastCount
		if soon := now.Add(fastInterval); a.next.IsZero() || a.next.After(soon) {
			a.next = soon
		}
	}
}
