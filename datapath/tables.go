package datapath

import (
	"errors"
	"maps"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// tables are all kernel objects that the datapath keeps. Nothing else is
// written, but for learned addresses, which have no wanted value.
type tables struct {
	mac         *reconcile.Shadow[uint32, spec.MAC]
	mtu         *reconcile.Shadow[uint32, uint32]
	alias       *reconcile.Shadow[uint32, string]
	switches    *reconcile.Shadow[uint16, fastpath.Switch]
	fids        *reconcile.Shadow[fastpath.VLAN, fastpath.FID]
	ports       *reconcile.Shadow[uint16, fastpath.Port]
	lags        *reconcile.Shadow[uint16, fastpath.LAG]
	flood       *reconcile.Shadow[uint16, fastpath.PortSet]
	statics     *reconcile.Shadow[fastpath.Address, uint16]
	numbers     *reconcile.Shadow[uint32, uint16]
	attachments *reconcile.Shadow[uint32, fastpath.Attachment]
	up          *reconcile.Shadow[uint32, bool]
	dcb         dcbTables

	classifiers *reconcile.Shadow[uint8, fastpath.Classifier]
	policers    *reconcile.Shadow[fastpath.PolicerKey, fastpath.Policer]
	detours     *reconcile.Shadow[uint16, netdev.Detour]
	schedulers  *reconcile.Shadow[uint32, netdev.Scheduler]
	lines       *reconcile.Shadow[netdev.ClassKey, netdev.Class]
	groups      *reconcile.Shadow[netdev.ClassKey, netdev.Class]
	leaves      *reconcile.Shadow[netdev.ClassKey, netdev.Class]
	queues      *reconcile.Shadow[netdev.ClassKey, netdev.Queue]

	borrowers []borrower
}

func newTables(o *fastpath.Objects, c *netdev.Conn, dcb *dcbAccess, m *model) *tables {
	up, mtu, alias, mac := newUpTable(c, m), newMTUTable(c, m), newAliasTable(c, m), newMACTable(c, m)
	t := &tables{
		mac:         reconcile.NewShadow("mac address", mac),
		mtu:         reconcile.NewShadow("mtu", mtu),
		alias:       reconcile.NewShadow("alias", alias),
		switches:    reconcile.NewShadow("switch", o.Switches()),
		fids:        reconcile.NewShadow("vlan", o.FIDs()),
		ports:       reconcile.NewShadow("port", o.Ports()),
		lags:        reconcile.NewShadow("lag", o.LAGs()),
		flood:       reconcile.NewShadow("flooding", o.Flood()),
		statics:     reconcile.NewShadow("static entry", o.Statics()),
		numbers:     reconcile.NewShadow("port number", o.PortNumbers()),
		attachments: reconcile.NewShadow("attachment", attachments{o.Attachments()}),
		up:          reconcile.NewShadow("admin state", up),

		classifiers: reconcile.NewShadow("classifier", o.Classifiers()),
		policers:    reconcile.NewShadow("policer", o.Policers()),
		detours:     reconcile.NewShadow("detour", c.Detours()),
		schedulers:  reconcile.NewShadow("scheduler", mayGo(c.Schedulers())),
		lines:       reconcile.NewShadow("class of a line", inner{mayGo(c.Classes()), true}),
		groups:      reconcile.NewShadow("class of several queues", inner{mayGo(c.Classes()), false}),
		leaves:      reconcile.NewShadow("class", mayGo(c.Leaves())),
		queues:      reconcile.NewShadow("queue", queues{mayGo(c.Queues())}),
	}
	t.borrowers = []borrower{
		borrowing(t.up, up, m.wantUp), borrowing(t.mtu, mtu, m.wantMTU),
		borrowing(t.alias, alias, m.wantAlias), borrowing(t.mac, mac, m.wantMAC),
	}
	t.dcb, t.borrowers = newDCBTables(dcb, m, t.borrowers)
	return t
}

// order is the order in which the tables are brought to what is wanted: all
// that comes and changes from the first to the last, then all that goes from
// the last to the first. So a port is described before the program sees its
// interface, and an interface is up after everything else and down before. What
// is to go through queues does so when they are there, and the program behind
// them; and they go when nothing goes through them. A member takes frames in before any leaves by it, and still does when none
// leaves by it any more.
func (t *tables) order(m *model) []step {
	k := &m.touched
	return []step{
		bind(t.mac, &k.attributes, m.wantMAC, nil),
		bind(t.mtu, &k.attributes, m.wantMTU, nil),
		bind(t.alias, &k.attributes, m.wantAlias, nil),
		bind(t.classifiers, &k.classifiers, m.wantClassifier, nil),
		bind(t.policers, &k.policers, m.wantPolicer, nil),
		bind(t.detours, &k.detours, m.wantDetour, nil),
		bindSome(t.numbers, &k.detourEnds, m.wantNumber, netdev.IsDetour),
		bindSome(t.attachments, &k.detourEnds, m.wantAttachment, netdev.IsDetour),
		bind(t.schedulers, &k.schedulers, m.wantScheduler, nil),
		bind(t.lines, &k.classes, m.wantLine, opened),
		bind(t.groups, &k.classes, m.wantGroup, opened),
		bind(t.leaves, &k.classes, m.wantLeaf, opened),
		bind(t.queues, &k.classes, m.wantQueue, nil),
		bind(t.dcb.mode, &k.attributes, m.wantDCBX, nil),
		bind(t.dcb.ets, &k.attributes, m.wantETS, nil),
		bind(t.dcb.pfc, &k.attributes, m.wantPFC, nil),
		bind(t.dcb.applications, &k.attributes, m.wantApplications, nil),
		bind(t.switches, &k.switches, m.wantSwitch, nil),
		bind(t.fids, &k.fids, m.wantFID, suspended),
		bind(t.ports, &k.ports, m.wantPort, closed),
		bind(t.lags, &k.lags, m.wantLAG, nil),
		bind(t.flood, &k.flood, m.wantFlood, nil),
		bind(t.statics, &k.addresses, m.wantStatic, nil),
		bindSome(t.numbers, &k.links, m.wantNumber, isInterface),
		bindSome(t.attachments, &k.links, m.wantAttachment, isInterface),
		bind(t.up, &k.attributes, m.wantUp, nil),
	}
}

// A VLAN or port that goes is first made to take no frames, so that nothing is
// learned there while its learned entries are removed. A member that leaves its
// aggregate takes frames in until the end: its partner may still send some.
func suspended(f fastpath.FID) fastpath.FID { f.Suspended = true; return f }

func closed(p fastpath.Port) fastpath.Port {
	p.Forwarding = p.Forwarding && p.MemberOf != 0
	return p
}

// What waits in a class that goes is let out before.
func opened(c netdev.Class) netdev.Class {
	c.Rate, c.Ceil, c.Burst, c.CeilBurst = spec.MaxRate, spec.MaxRate, 0, 0
	return c.Normal(0)
}

// step is a table with the keys that are touched and what is wanted of them.
type step struct {
	put, delete func(*reconcile.Undo) error
	load        func() error
	touch       func() // marks all that the table is known to hold
}

// bind makes a step. Where last is given, it is the value that a key has
// between the time of puts and that of deletes.
func bind[K, V comparable](s *reconcile.Shadow[K, V], keys *reconcile.Keys[K], want func(K) (V, bool), last func(V) V) step {
	final := want
	if last != nil {
		want = func(k K) (V, bool) {
			v, ok := final(k)
			if ok {
				return v, true
			}
			if v, ok = s.Get(k); ok {
				v = last(v)
			}
			return v, ok
		}
	}
	return step{
		put:    func(u *reconcile.Undo) error { return s.Put(keys.All(), want, u) },
		delete: func(u *reconcile.Undo) error { return s.Delete(keys.All(), final, u) },
		load:   s.Load,
		touch: func() {
			for k := range s.Each {
				keys.Add(k)
			}
		},
	}
}

// isInterface reports an ifindex that is no end of a detour.
func isInterface(index uint32) bool { return !netdev.IsDetour(index) }

// bindSome is bind for a table of which another step has the other keys.
func bindSome[K, V comparable](s *reconcile.Shadow[K, V], keys *reconcile.Keys[K], want func(K) (V, bool), some func(K) bool) step {
	b := bind(s, keys, want, nil)
	b.touch = func() {
		for k := range s.Each {
			if some(k) {
				keys.Add(k)
			}
		}
	}
	return b
}

// sync brings the touched keys to what is wanted; between runs when nothing
// goes in any more where something ends, and before it ends. With an undo the
// first error ends it, with nil everything is attempted.
func (t *tables) sync(m *model, undo *reconcile.Undo, between func() error) error {
	m.resolve()
	steps := t.order(m)
	var errs []error
	attempt := func(f func() error) bool {
		if err := f(); err != nil {
			errs = append(errs, err)
		}
		return len(errs) == 0 || undo == nil
	}
	for _, s := range steps {
		if !attempt(func() error { return s.put(undo) }) {
			return errors.Join(errs...)
		}
	}
	if !attempt(between) {
		return errors.Join(errs...)
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if !attempt(func() error { return steps[i].delete(undo) }) {
			break
		}
	}
	return errors.Join(errs...)
}

// load reads all tables from the kernel.
func (t *tables) load(m *model) error {
	var errs []error
	for _, s := range t.order(m) {
		errs = append(errs, s.load())
	}
	return errors.Join(errs...)
}

// touchAll marks all that the tables hold and all that is wanted.
func (t *tables) touchAll(m *model) {
	m.touchAll()
	for _, s := range t.order(m) {
		s.touch()
	}
}

// forget drops what is known of an interface that went.
func (t *tables) forget(index uint32) {
	t.mac.Forget(index)
	t.mtu.Forget(index)
	t.alias.Forget(index)
	t.up.Forget(index)
	t.forgetQueues(index)
	t.dcb.forget(index)
}

// observe takes over what was seen of an interface: somebody else may have
// changed what is ours.
func (t *tables) observe(l *netdev.Link) {
	t.mac.Observe(l.Index, l.MAC)
	t.mtu.Observe(l.Index, l.MTU)
	t.alias.Observe(l.Index, l.Alias)
	t.up.Observe(l.Index, l.AdminUp())
}

// attachments are the attached programs. An interface that went meanwhile is
// no error: the watcher tells of its end.
type attachments struct{ fastpath.Attachments }

func (a attachments) Put(index uint32, v fastpath.Attachment) error {
	return ignoreGone(a.Attachments.Put(index, v))
}

// inner are the classes of lines, or those below them that have classes below.
type inner struct {
	reconcile.Table[netdev.ClassKey, netdev.Class]
	lines bool
}

func (t inner) List() (map[netdev.ClassKey]netdev.Class, error) {
	all, err := t.Table.List()
	maps.DeleteFunc(all, func(k netdev.ClassKey, _ netdev.Class) bool { return (k.Minor == lineClass) != t.lines })
	return all, err
}

// queues are where frames wait. Each goes with its class.
type queues struct {
	reconcile.Table[netdev.ClassKey, netdev.Queue]
}

func (queues) Delete(netdev.ClassKey) error { return nil }

// going is a table of what is at interfaces. One that went meanwhile is no error.
type going[K, V comparable] struct{ reconcile.Table[K, V] }

func mayGo[K, V comparable](t reconcile.Table[K, V]) reconcile.Table[K, V] { return going[K, V]{t} }

func (t going[K, V]) Put(k K, v V) error { return ignoreGone(t.Table.Put(k, v)) }

func (t going[K, V]) Delete(k K) error { return ignoreGone(t.Table.Delete(k)) }

// borrower remembers one attribute of an interface before its first touch.
type borrower struct {
	// take reports whether it remembered anything.
	take func(*device) bool
	// giveBack forgets what was remembered and never touched.
	giveBack func(index uint32)
	// begin starts a transaction.
	begin func()
}

func borrowing[V comparable](s *reconcile.Shadow[uint32, V], b *borrowed[V], want func(uint32) (V, bool)) borrower {
	return borrower{
		take: func(d *device) bool {
			_, ok := want(d.Index)
			return ok && b.borrow(d)
		},
		giveBack: func(index uint32) {
			if _, ours := s.Get(index); !ours {
				b.forget(index)
			}
		},
		begin: func() { clear(b.given) },
	}
}
