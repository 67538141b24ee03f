package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// publisher takes what changed. telemetry.Engine satisfies it.
type publisher interface {
	Publish(telemetry.Batch)
	Notify(telemetry.Batch)
	Committed(telemetry.Commit)
}

// observer turns what the datapath saw, and what was committed, into
// telemetry. Of the configuration it knows only what state refers to: how
// interfaces are measured, and under which ids switches list their ports.
type observer struct {
	telemetry publisher
	rates     *openconfig.Rates
	fdb       openconfig.FDBReader
	log       *slog.Logger
	lost      chan struct{} // one token: changes of the FDB were missed

	mu sync.Mutex // guards what follows, and the order of publications
	// intervals are the configured load-intervals, by interface.
	intervals map[string]time.Duration
	// priority is the system priority of aggregates that have none of their own.
	priority uint16
	// ids are those under which switches list interfaces, by both, and listed
	// are the interfaces, by switch and id.
	ids    map[listing]string
	listed map[member]string
	// interfaces and switches are what was last seen.
	interfaces map[string]*spec.Interface
	switches   map[string]*spec.SwitchState
	// members are the ids under which ports are told in their switches, by
	// interface: what must go when the port goes.
	members map[string]member
	// qos are the names of classes and rates, by which sources of theirs tell too.
	qos *openconfig.QoSDirectory
	// versions are those of the configuration that are told.
	versions []config.Version
}

// listing is an interface in the list of a switch.
type listing struct{ instance, iface string }

// member is an entry of /network-instances/network-instance/interfaces.
type member struct{ instance, id string }

func newObserver(t publisher, rates *openconfig.Rates, fdb openconfig.FDBReader, log *slog.Logger) *observer {
	return &observer{
		telemetry: t, rates: rates, fdb: fdb, log: log, lost: make(chan struct{}, 1),
		intervals: map[string]time.Duration{}, priority: spec.DefaultSystemPriority, ids: map[listing]string{}, listed: map[member]string{},
		interfaces: map[string]*spec.Interface{}, switches: map[string]*spec.SwitchState{},
		members: map[string]member{}, qos: openconfig.NewQoSDirectory(),
	}
}

// observed publishes what an event says. It is what Device.Watch calls.
func (o *observer) observed(e spec.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	state := telemetry.Batch{Time: e.Time, Of: telemetry.State}
	rows := telemetry.Batch{Time: e.Time, Of: telemetry.State}
	for name, s := range e.Switches {
		o.switchChanged(&state, name, s)
	}
	for name, i := range e.Interfaces {
		o.discardsChanged(&rows, name, i)
		o.interfaceChanged(&state, name, i)
	}
	fdbChanged(&rows, e.FDB)
	publish(o.telemetry.Publish, state)
	publish(o.telemetry.Notify, rows)
	if e.FDBLost {
		select {
		case o.lost <- struct{}{}:
		default: // to be read anyway
		}
	}
}

func publish(to func(telemetry.Batch), b telemetry.Batch) {
	if len(b.Deletes)+len(b.Updates) > 0 {
		to(b)
	}
}

// put adds the rows' leaves to a batch.
func put(b *telemetry.Batch, rows ...*openconfig.Row) {
	for _, r := range rows {
		if r == nil {
			continue
		}
		for _, leaf := range r.Leaves {
			b.Updates = append(b.Updates, telemetry.Update{Path: schema.Path{Node: leaf.ID, Keys: r.Keys}, Value: leaf.Value})
		}
	}
}

// remove adds a subtree to what a batch deletes.
func remove(b *telemetry.Batch, node ocpath.ID, keys ...string) {
	b.Deletes = append(b.Deletes, schema.Path{Node: node, Keys: keys})
}

// interfaceChanged replaces what is told of an interface; nil is gone.
func (o *observer) interfaceChanged(b *telemetry.Batch, name string, i *spec.Interface) {
	o.qosChanged(b, name, i)
	if was := o.interfaces[name]; sameParts(was, i) {
		o.interfaces[name] = i
		differ(b, openconfig.InterfaceState(was), openconfig.InterfaceState(i))
		differ(b, openconfig.PortComponent(was), openconfig.PortComponent(i))
		vfsDiffer(b, openconfig.VirtualFunctions(was), openconfig.VirtualFunctions(i))
		return
	}
	remove(b, ocpath.InterfacesInterface, name)
	remove(b, ocpath.ComponentsComponent, openconfig.PortComponentName(name))
	o.lacpGone(b, name)
	if was := o.interfaces[name]; was != nil && was.LLDP != nil {
		remove(b, ocpath.LldpInterfacesInterface, name)
	}
	if i == nil {
		delete(o.interfaces, name)
		o.rates.Forget(name)
		o.memberChanged(b, name, nil)
		return
	}
	o.interfaces[name] = i
	o.follow(name)
	o.memberChanged(b, name, i.Port)
	put(b, openconfig.InterfaceState(i), o.rates.LoadInterval(name), openconfig.PortComponent(i),
		openconfig.LACPInterface(i), openconfig.LACPMember(i))
	put(b, openconfig.LLDPInterface(i)...)
	put(b, openconfig.DCBState(i)...)
	put(b, openconfig.VirtualFunctions(i)...)
}

// vfsDiffer adds what leads from some virtual functions of an interface to
// others.
func vfsDiffer(b *telemetry.Batch, before, after []*openconfig.Row) {
	for id := range max(len(before), len(after)) {
		switch {
		case id >= len(after):
			remove(b, before[id].List, before[id].Keys...)
		case id >= len(before):
			put(b, after[id])
		default:
			differ(b, before[id], after[id])
		}
	}
}

// sameParts reports that two states of an interface are told by the same rows,
// so that their leaves can be compared: most changes are of a leaf or two.
func sameParts(a, b *spec.Interface) bool {
	switch {
	case a == nil, b == nil, a.Aggregate != nil, b.Aggregate != nil, a.Member != nil, b.Member != nil, (a.Port == nil) != (b.Port == nil), a.LLDP != b.LLDP, a.DCB != b.DCB:
		return false
	case (openconfig.PortComponent(a) == nil) != (openconfig.PortComponent(b) == nil):
		return false
	}
	return a.Port == nil || a.Port.Switch == b.Port.Switch
}

// differ adds what leads from one state of a row to another.
func differ(b *telemetry.Batch, before, after *openconfig.Row) {
	if before == nil || after == nil {
		return // neither is there
	}
	was := make(map[ocpath.ID]schema.Value, len(before.Leaves))
	for _, leaf := range before.Leaves {
		was[leaf.ID] = leaf.Value
	}
	for _, leaf := range after.Leaves {
		if v, ok := was[leaf.ID]; !ok || !v.Equal(leaf.Value) {
			b.Updates = append(b.Updates, telemetry.Update{Path: schema.Path{Node: leaf.ID, Keys: after.Keys}, Value: leaf.Value})
		}
		delete(was, leaf.ID)
	}
	for _, leaf := range before.Leaves {
		if _, gone := was[leaf.ID]; gone {
			b.Deletes = append(b.Deletes, schema.Path{Node: leaf.ID, Keys: before.Keys})
		}
	}
}

// lacpGone takes away what was told of an interface's LACP: of an aggregate all
// but its members, which are told by themselves.
func (o *observer) lacpGone(b *telemetry.Batch, name string) {
	was := o.interfaces[name]
	switch {
	case was == nil:
	case was.Aggregate != nil && was.Aggregate.LACP != nil:
		remove(b, ocpath.LacpInterfacesInterfaceState, name)
	case was.Member != nil && was.Member.LACP != nil:
		remove(b, ocpath.LacpInterfacesInterfaceMembersMember, was.Member.Aggregate, name)
	}
}

// follow measures an interface as it is configured.
func (o *observer) follow(name string) {
	interval, ok := o.intervals[name]
	if !ok {
		interval = openconfig.DefaultLoadInterval
	}
	o.rates.Follow(name, interval)
}

// memberChanged replaces the entry of a port in its switch; nil is no port.
func (o *observer) memberChanged(b *telemetry.Batch, name string, p *spec.PortState) {
	if was, ok := o.members[name]; ok {
		remove(b, ocpath.NetworkInstancesNetworkInstanceInterfacesInterface, was.instance, was.id)
		delete(o.members, name)
	}
	if p == nil {
		return
	}
	id, ok := o.ids[listing{p.Switch, name}]
	if !ok {
		id = name
	}
	o.members[name] = member{p.Switch, id}
	put(b, openconfig.MemberState(p.Switch, id, name))
}

// discardsChanged tells of the rows that come and go with a port or a member.
func (o *observer) discardsChanged(b *telemetry.Batch, name string, i *spec.Interface) {
	was, is := openconfig.HasDiscards(o.interfaces[name]), openconfig.HasDiscards(i)
	switch {
	case is && !was:
		put(b, openconfig.DiscardRows(name)...)
	case was && !is:
		b.Deletes = append(b.Deletes, openconfig.DiscardList(name))
	}
}

// switchChanged replaces what is told of a switch; nil is gone. Of its VLANs
// only those that differ are touched.
func (o *observer) switchChanged(b *telemetry.Batch, name string, s *spec.SwitchState) {
	was := o.switches[name]
	if s == nil {
		delete(o.switches, name)
		remove(b, ocpath.NetworkInstancesNetworkInstance, name)
		return
	}
	o.switches[name] = s
	remove(b, ocpath.NetworkInstancesNetworkInstanceState, name)
	remove(b, ocpath.NetworkInstancesNetworkInstanceFdbState, name)
	put(b, openconfig.SwitchState(s))
	if was != nil {
		for id := range was.VLANs {
			if !sameVLAN(was.VLANs[id], s.VLANs[id]) {
				remove(b, ocpath.NetworkInstancesNetworkInstanceVlansVlan, name, openconfig.VLANKey(id))
			}
		}
	}
	for id, v := range s.VLANs {
		if was == nil || !sameVLAN(was.VLANs[id], v) {
			put(b, openconfig.VLANState(name, v))
		}
	}
}

func sameVLAN(a, b *spec.VLANState) bool {
	return a != nil && b != nil && a.Name == b.Name && a.Suspended == b.Suspended && slices.Equal(a.Members, b.Members)
}

// fdbChanged tells of the entries that came, moved or went; of several changes
// of one entry only the last counts.
func fdbChanged(b *telemetry.Batch, events []spec.FDBEvent) {
	type key struct {
		instance string
		spec.FDBKey
	}
	last := make(map[key]int, len(events))
	for n := range events {
		last[key{events[n].Entry.Switch, events[n].Entry.FDBKey}] = n
	}
	for n := range events {
		e := &events[n].Entry
		switch {
		case last[key{e.Switch, e.FDBKey}] != n:
		case events[n].Gone:
			b.Deletes = append(b.Deletes, openconfig.FDBEntryPath(e))
		default:
			put(b, openconfig.FDBRow(e))
		}
	}
}

// run tells the whole FDB anew each time changes of it were missed, until the
// context ends.
func (o *observer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.lost:
		}
		if err := o.tellFDB(ctx); err != nil && ctx.Err() == nil {
			o.log.Error("changes of the filtering databases were missed and they cannot be read", "err", err)
		}
	}
}

func (o *observer) tellFDB(ctx context.Context) error {
	b := telemetry.Batch{Time: time.Now(), Of: telemetry.State}
	err := o.fdb.FDB(ctx, func(e spec.FDBEntry) bool {
		put(&b, openconfig.FDBRow(&e))
		return true
	})
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.switches {
		remove(&b, ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntry, name)
	}
	o.telemetry.Notify(b)
	return nil
}
