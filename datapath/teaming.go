package datapath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox/signalbox/datapath/lacp"
	"github.com/signalbox/signalbox/datapath/spec"
)

// What the owner does for aggregates beside the tables: looks at carriers, LACP,
// counts of members that leave, failovers.

const (
	// lookEvery is how often the members' carriers are looked at. The program
	// looks for itself at each frame; this bounds how long it takes the second
	// choice instead of the first, and how old what is told is.
	lookEvery = 5 * time.Millisecond
	// dismissWait is how long a partner may take to send by other members; Linux
	// looks at what it heard ten times a second.
	dismissWait = 120 * time.Millisecond
	// lacpEvery is how often the counters of LACP are told.
	lacpEvery = time.Second
)

// carriers is what the owner keeps of its looks at the members' carriers.
type carriers struct {
	ticker *time.Ticker
	stale  bool // the members may be others
	index  []uint32
	up     []bool
	looked time.Time // last
	blind  bool      // that it failed was said
}

// watchMembers looks at carriers while there are members, and at those that
// there are.
func (d *Datapath) watchMembers() {
	c := &d.carriers
	if !c.stale {
		return
	}
	c.stale = false
	c.index = d.model.memberDevices()
	c.up = make([]bool, len(c.index))
	if len(c.index) == 0 {
		c.ticker.Stop()
		c.looked = time.Time{}
	} else if c.looked.IsZero() {
		c.ticker.Reset(lookEvery)
	}
}

// lookAtCarriers looks at the members' carriers, and does what follows. Of a
// carrier that is back the kernel is asked: it takes frames only some time
// after.
func (d *Datapath) lookAtCarriers(now time.Time) {
	c := &d.carriers
	if err := d.objects.Carriers(c.index, c.up); err != nil {
		if !c.blind {
			d.log.Error("carriers of members are seen late", "error", err)
		}
		c.blind = true
		return
	}
	since := c.looked
	c.looked, c.blind = now, false
	news := false
	for i, index := range c.index {
		if !d.model.touchCarrier(index, c.up[i]) {
			continue
		}
		news = true
		if c.up[i] {
			if err := d.lookAt(index); err != nil {
				d.failed(fmt.Errorf("look at the interfaces: %w", err))
			}
		}
	}
	if news {
		d.since = since
		d.follow(now)
	}
}

// negotiate tells LACP what is wanted of the aggregates that were touched, and
// lets it tell the partners what the tables now hold.
func (d *Datapath) negotiate() {
	var errs []error
	for _, name := range d.model.touched.aggregates.All() {
		errs = append(errs, d.lacp.set(name, d.model.wantLACP(name)))
		d.lacp.release(name)
		if v, ok := d.lacp.view(name); ok {
			d.model.lacp[name] = v
		} else {
			delete(d.model.lacp, name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		d.failed(fmt.Errorf("LACP: %w", err))
	}
}

// dismiss tells the partners of members that leave, and gives them the time to
// send by others. It is called when no frame leaves by the members any more, and
// before those that come are not taken in.
func (d *Datapath) dismiss() {
	waits := false
	for _, name := range d.model.touched.aggregates.All() {
		if want := d.model.wantLACP(name); want != nil && d.lacp.leaves(name, want) {
			waits = true
			if err := d.lacp.set(name, want); err != nil {
				d.failed(fmt.Errorf("LACP: %w", err))
			}
			d.lacp.release(name)
		}
	}
	if waits {
		time.Sleep(dismissWait)
	}
}

// resumeLACP begins LACP in the first transaction, before the tables are asked
// what they should hold: where an earlier instance was, the members go on.
func (d *Datapath) resumeLACP() {
	if d.ready {
		return
	}
	d.negotiate()
	for _, name := range d.lacp.names() {
		if d.model.aggregates[name] == nil {
			d.lacp.remove(name) // of a first change that failed
		}
	}
	d.heedLACP(d.lacp.take())
}

// heedLACP takes over what LACP has come to, of some aggregates.
func (d *Datapath) heedLACP(names []string) {
	for _, name := range names {
		v, ok := d.lacp.view(name)
		if !ok {
			continue
		}
		d.model.lacp[name] = v
		if d.model.aggregates[name] != nil {
			d.model.touched.aggregates.Add(name)
		}
	}
}

// followLACP puts new verdicts into effect.
func (d *Datapath) followLACP(now time.Time) {
	d.heedLACP(d.lacp.take())
	d.follow(now)
}

// wantLACP is what is wanted of an aggregate's LACP; nil for none. A port is up
// for LACP while the group takes it for linked, and before the group has looked
// for the first time, while it has a carrier.
func (m *model) wantLACP(name string) *wantedLACP {
	a := m.aggregates[name]
	if a == nil || a.port == nil || a.port.cfg.Aggregate.Mode != spec.LACPManaged {
		return nil
	}
	cfg := &a.port.cfg.Aggregate.LACP
	want := &wantedLACP{ports: make(map[string]wantedPort, len(a.members)), config: lacp.Config{
		SystemID: m.systemID(cfg), SystemPriority: cfg.SystemPriority, Key: uint8(a.number),
		Passive: cfg.Passive, Fast: cfg.Fast,
		Fallback: cfg.Fallback, FallbackTimeout: cfg.FallbackTimeout,
		MinActive: a.group.Places(),
	}}
	if !a.port.cfg.Enabled {
		return want // the partners are told to leave
	}
	for name, p := range a.members {
		w := wantedPort{PortConfig: lacp.PortConfig{
			Number: p.number, Priority: p.cfg.Member.Priority,
			Standby: p.cfg.Member.Standby, Drained: p.cfg.Member.Drained,
		}}
		if d := m.switched(p); d != nil {
			w.index, w.SpeedMegabits = d.Index, d.speed
			state, known := a.group.Member(name)
			w.Up = state.Linked || !known && m.observation(a, name, p).Carrier
		}
		want.ports[name] = w
	}
	return want
}

// tellLACP publishes the counters of LACP.
func (d *Datapath) tellLACP(now time.Time) {
	if now.Sub(d.lacpTold) < lacpEvery {
		return
	}
	d.lacpTold = now
	for _, name := range d.lacp.names() {
		v, ok := d.lacp.view(name)
		if !ok || d.model.aggregates[name] == nil {
			continue
		}
		was := d.model.lacp[name]
		for member, is := range v.Members {
			if was.Members[member] != is {
				d.model.touched.names.Add(member)
			}
		}
		if was.FellBack != v.FellBack {
			d.model.touched.names.Add(name)
		}
		d.model.lacp[name] = v
	}
}

// noteFailovers counts the members that were lost, when the tables are without
// them.
func (d *Datapath) noteFailovers(now time.Time) {
	since := d.since
	d.since = time.Time{}
	for _, name := range d.model.touched.aggregates.All() {
		a := d.model.aggregates[name]
		if a == nil || a.port == nil {
			continue
		}
		d.sayMixed(a)
		if len(a.lost) == 0 {
			continue
		}
		last := a.lost[len(a.lost)-1]
		a.stats.failovers += uint64(len(a.lost))
		a.stats.reason = last.Reason
		a.stats.last = time.Since(d.well(since, now, last.Reason))
		d.log.Info("a member of an aggregate was lost", "aggregate", name, "member", last.Name,
			"reason", last.Reason.String(), "active", len(a.group.Active()), "within", a.stats.last)
		a.lost = nil
	}
}

// well is when a member that was lost was last known to be well: the duration of
// a failover is told rather too long than too short.
func (d *Datapath) well(since, now time.Time, reason spec.MemberReason) time.Time {
	switch {
	case !since.IsZero():
		return since
	case reason <= spec.MemberNoCarrier && !d.carriers.looked.IsZero():
		return d.carriers.looked
	}
	return now
}

// sayMixed says once that members differ in speed.
func (d *Datapath) sayMixed(a *aggregate) {
	mixed := a.group.Mixed()
	if mixed && !a.mixed {
		d.log.Warn("the members of an aggregate differ in speed", "aggregate", a.name, "members", a.group.Names())
	}
	a.mixed = mixed
}

// fold leaves what members counted that are no more to their aggregates. It is
// called when a transaction was made, before their numbers are free; a start
// finds those that were forgotten by a kill.
func (d *Datapath) fold() error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(d.model.portNumbers.idle)) {
		name, _, member := strings.Cut(key, "/")
		if a := d.model.aggregates[name]; member && a != nil && a.port.isSwitchPort() {
			errs = append(errs, d.foldCounters(uint16(d.model.portNumbers.number(key)), a.port.number))
		}
	}
	return errors.Join(errs...)
}

// foldCounters moves counters while nobody reads them: none is seen twice, or
// not at all.
func (d *Datapath) foldCounters(from, into uint16) error {
	d.counting.Lock()
	defer d.counting.Unlock()
	return d.objects.FoldCounters(from, into)
}

// rebalance lets Dynamic move flows to members with less load, where its time
// has come.
func (d *Datapath) rebalance(now time.Time) {
	moved := false
	for name, a := range d.model.aggregates {
		if !a.rebalances() || now.Before(a.loadsDue) {
			continue
		}
		first := a.loadsDue.IsZero()
		a.loadsDue = now.Add(a.port.cfg.Aggregate.RebalanceInterval)
		loads, err := d.objects.LAGLoads(a.number)
		if err != nil {
			d.failed(err)
			continue
		}
		since := loads
		for b := range since {
			since[b] -= a.loads[b]
		}
		a.loads = loads
		if first {
			continue
		}
		if moves := a.group.Rebalance(&since); len(moves) > 0 {
			a.stats.moved += uint64(len(moves))
			d.model.touched.aggregates.Add(name)
			moved = true
		}
	}
	if moved {
		d.follow(now)
	}
}

// rebalances is whether the aggregate's flows move by load.
func (a *aggregate) rebalances() bool {
	return a.port.isSwitchPort() && a.port.cfg.Aggregate.Distribution == spec.Dynamic &&
		a.port.cfg.Aggregate.RebalanceInterval > 0
}

// openTeaming lets LACP, LLDP and announcements begin; they have nothing to do yet.
func (d *Datapath) openTeaming(o Options) {
	d.model.system = o.SystemID
	if d.model.system.IsZero() {
		d.model.system = madeAddress(d.record.boot, d.record.namespace)
	}
	d.lacp = newNegotiator(d.conn, lacpFileOf(d.record), d.log)
	d.lldp = newDiscoverer(d.conn, d.log, d.model.system, o.SystemDescription)
	d.announcer = newAnnouncer(d.conn, d.objects, d.log, d.countAnnounced)
}

// madeAddress is a locally administered address that is the same for the same
// texts.
func madeAddress(texts ...string) spec.MAC {
	h := fnv.New64a()
	for _, t := range texts {
		h.Write([]byte(t))
	}
	var m spec.MAC
	sum := binary.BigEndian.AppendUint64(nil, h.Sum64())
	copy(m[:], sum)
	m[0] = m[0]&^1 | 2
	return m
}

// endTeaming ends LACP, LLDP and announcements, once. The owner has ended.
func (d *Datapath) endTeaming() error {
	if d.lacp == nil {
		return nil
	}
	d.announcer.close()
	err := errors.Join(d.lacp.close(), d.lldp.close())
	d.lacp, d.announcer = nil, nil
	return err
}
