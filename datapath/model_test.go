package datapath

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// memory is a table without a kernel.
type memory[K comparable, V any] map[K]V

func (m memory[K, V]) List() (map[K]V, error) { return maps.Clone(m), nil }
func (m memory[K, V]) Put(k K, v V) error     { m[k] = v; return nil }
func (m memory[K, V]) Delete(k K) error       { delete(m, k); return nil }

func memoryTables() *tables {
	return &tables{
		mac:         reconcile.NewShadow("mac address", memory[uint32, spec.MAC]{}),
		mtu:         reconcile.NewShadow("mtu", memory[uint32, uint32]{}),
		alias:       reconcile.NewShadow("alias", memory[uint32, string]{}),
		switches:    reconcile.NewShadow("switch", memory[uint16, fastpath.Switch]{}),
		fids:        reconcile.NewShadow("vlan", memory[fastpath.VLAN, fastpath.FID]{}),
		ports:       reconcile.NewShadow("port", memory[uint16, fastpath.Port]{}),
		lags:        reconcile.NewShadow("lag", memory[uint16, fastpath.LAG]{}),
		flood:       reconcile.NewShadow("flooding", memory[uint16, fastpath.PortSet]{}),
		statics:     reconcile.NewShadow("static entry", memory[fastpath.Address, uint16]{}),
		numbers:     reconcile.NewShadow("port number", memory[uint32, uint16]{}),
		attachments: reconcile.NewShadow("attachment", memory[uint32, fastpath.Attachment]{}),
		up:          reconcile.NewShadow("admin state", memory[uint32, bool]{}),
		classifiers: reconcile.NewShadow("classifier", memory[uint8, fastpath.Classifier]{}),
		policers:    reconcile.NewShadow("policer", memory[fastpath.PolicerKey, fastpath.Policer]{}),
		detours:     reconcile.NewShadow("detour", memory[uint16, netdev.Detour]{}),
		schedulers:  reconcile.NewShadow("scheduler", memory[uint32, netdev.Scheduler]{}),
		lines:       reconcile.NewShadow("class of a line", memory[netdev.ClassKey, netdev.Class]{}),
		groups:      reconcile.NewShadow("class of several queues", memory[netdev.ClassKey, netdev.Class]{}),
		leaves:      reconcile.NewShadow("class", memory[netdev.ClassKey, netdev.Class]{}),
		queues:      reconcile.NewShadow("queue", memory[netdev.ClassKey, netdev.Queue]{}),
		dcb: dcbTables{
			mode:         reconcile.NewShadow("dcbx mode", memory[uint32, spec.DCBXMode]{}),
			ets:          reconcile.NewShadow("dcb ets", memory[uint32, spec.ETS]{}),
			pfc:          reconcile.NewShadow("dcb pfc", memory[uint32, spec.PFC]{}),
			applications: reconcile.NewShadow("dcb applications", memory[uint32, spec.DCBApplications]{}),
		},
	}
}

// world drives a model as the owner does, over tables in memory.
type world struct {
	m   *model
	t   *tables
	now time.Time
}

func newWorld() *world {
	return &world{m: newModel(), t: memoryTables(), now: time.Unix(1_000_000, 0)}
}

func nothing() error { return nil }

// apply makes a change, or none.
func (w *world) apply(c spec.Change) error {
	if err := checkValues(c); err != nil {
		return err
	}
	w.m.begin()
	defer w.m.begin()
	inverse, err := w.m.update(c)
	if err == nil {
		err = w.m.validate(c)
	}
	if err != nil {
		err = errors.Join(err, w.m.revert(inverse))
		w.m.settle(w.now)
		return err
	}
	w.m.settle(w.now)
	err = w.t.sync(w.m, nil, nothing)
	w.m.commit()
	return err
}

// follow is what the owner does after it looked.
func (w *world) follow() error {
	w.m.settle(w.now)
	err := w.t.sync(w.m, nil, nothing)
	w.m.begin()
	return err
}

// text is what the tables hold, by their own tables' keys.
func (t *tables) text() string {
	var lines []string
	lines = add(lines, t.mac)
	lines = add(lines, t.mtu)
	lines = add(lines, t.alias)
	lines = add(lines, t.switches)
	lines = add(lines, t.fids)
	lines = add(lines, t.ports)
	lines = add(lines, t.lags)
	lines = add(lines, t.flood)
	lines = add(lines, t.statics)
	lines = add(lines, t.numbers)
	lines = add(lines, t.attachments)
	lines = add(lines, t.up)
	lines = add(lines, t.classifiers)
	lines = add(lines, t.policers)
	lines = add(lines, t.detours)
	lines = add(lines, t.schedulers)
	lines = add(lines, t.lines)
	lines = add(lines, t.groups)
	lines = add(lines, t.leaves)
	lines = add(lines, t.queues)
	lines = add(lines, t.dcb.mode)
	lines = add(lines, t.dcb.ets)
	lines = add(lines, t.dcb.pfc)
	lines = add(lines, t.dcb.applications)
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func add[K, V comparable](lines []string, s *reconcile.Shadow[K, V]) []string {
	for k, v := range s.Each {
		switch v := any(v).(type) {
		case fastpath.PortSet:
			lines = append(lines, fmt.Sprintf("%s %v: %v", s.Name(), k, slices.Collect(eachPort(&v))))
		case fastpath.Port:
			line := fmt.Sprintf("%s %v: if %d mtu %d switch %d pvid %d tagged [%s] forwarding %t peer %t trunk %t", s.Name(), k,
				v.IfIndex, v.MTU, v.Switch, v.PVID, v.Tagged.String(), v.Forwarding, v.Peer, v.Trunk)
			if v.LAG != 0 || v.MemberOf != 0 || v.NoTeaming {
				line += fmt.Sprintf(" lag %d member of %d no teaming %t", v.LAG, v.MemberOf, v.NoTeaming)
			}
			if v.Detour != 0 || v.QoS != (fastpath.PortQoS{}) {
				line += fmt.Sprintf(" detour %d qos %+v", v.Detour, v.QoS)
			}
			lines = append(lines, line)
		case fastpath.LAG:
			lines = append(lines, lagText(fmt.Sprint(s.Name(), " ", k), &v))
		default:
			lines = append(lines, fmt.Sprintf("%s %+v: %+v", s.Name(), k, v))
		}
	}
	return lines
}

// lagText is an aggregate's table in a line: its members, and how many buckets
// each of them has, as first and as second choice.
func lagText(key string, v *fastpath.LAG) string {
	var first, second [256]int
	for _, b := range v.Buckets {
		first[b.First]++
		second[b.Second]++
	}
	line := fmt.Sprintf("%s: %s independent %t gap %v designated %d", key, v.Distribution, v.Independent, v.FlowletGap, int8(v.Designated))
	for i, m := range v.Members {
		if m != (fastpath.LAGMember{}) {
			line += fmt.Sprintf(" %d[if %d port %d active %t peer %t %d+%d]", i, m.IfIndex, m.Port, m.Active, m.Peer, first[i], second[i])
		}
	}
	return line
}

// anew is what the tables should hold, by a model that learns of everything at
// once; numbers are those that were given out.
func (w *world) anew(t *testing.T) string {
	t.Helper()
	fresh := newWorld()
	fresh.now = w.now
	fresh.m.silent = maps.Clone(w.m.silent)
	for name := range w.m.portNumbers.of {
		fresh.m.portNumbers.restore(name, w.m.portNumbers.number(name))
	}
	for name := range w.m.lagNumbers.of {
		fresh.m.lagNumbers.restore(name, w.m.lagNumbers.number(name))
	}
	for name, n := range w.m.qos.queues.of {
		fresh.m.qos.queues.restore(name, n)
	}
	for digest, n := range w.m.qos.classifiers.of {
		fresh.m.qos.classifiers.restore(digest, n)
	}
	for key, n := range w.m.qos.instances.of {
		fresh.m.qos.instances.restore(key, n)
	}
	for name := range w.m.switches {
		fresh.m.switchNumbers.restore(name, w.m.switchNumbers.number(name))
	}
	for v := range w.m.fidNumbers.of {
		fresh.m.fidNumbers.restore(v, w.m.fidNumbers.number(v))
	}
	for _, d := range w.m.devices {
		fresh.m.setDevice(*d)
	}
	c := spec.Change{Ports: make(map[string]*spec.Port), Switches: make(map[string]*spec.Switch)}
	for name, p := range w.m.ports {
		c.Ports[name] = p.cfg
	}
	for name, s := range w.m.switches {
		c.Switches[name] = s.cfg
	}
	if _, err := fresh.m.update(c); err != nil {
		t.Fatalf("the whole configuration at once: %v", err)
	}
	for name, p := range fresh.m.ports {
		p.hold = w.m.ports[name].hold
	}
	for name, a := range fresh.m.aggregates {
		a.group, a.adopted = w.m.aggregates[name].group.Clone(), true
	}
	fresh.t.touchAll(fresh.m)
	if err := fresh.follow(); err != nil {
		t.Fatal(err)
	}
	return fresh.t.text()
}

func ethernet(index uint32, name string) device {
	return device{Link: netdev.Link{
		Index: index, Name: name, Kind: "veth", Encapsulation: "ether", MTU: 1500, PeerElsewhere: true,
		Flags: unix.IFF_UP | unix.IFF_LOWER_UP, OperState: 6,
	}}
}

func TestWanted(t *testing.T) {
	office := spec.NewSwitch("office")
	office.VLANs = map[uint16]spec.VLAN{30: {ID: 30, Suspended: true}}
	office.Static = map[spec.FDBKey]string{{VLAN: 10, MAC: station(9)}: "p1"}
	tests := []struct {
		name    string
		devices []device
		change  spec.Change
		want    []string
	}{
		{name: "nothing", devices: []device{ethernet(7, "p1")}},
		{
			name: "an interface that is no port", devices: []device{ethernet(7, "p1")},
			change: ports(&spec.Port{Name: "p1", MTU: 1400}),
			want:   []string{"admin state 7: false", "mtu 7: 1400"},
		},
		{
			name: "a port without its interface", change: ports(access("p1", "office", 10)),
			want: []string{
				"port 1: if 0 mtu 0 switch 1 pvid 10 tagged [] forwarding false peer false trunk false",
				"switch 1: {Enabled:true Learning:true AgeingSeconds:300 MaxEntries:0}",
				"vlan {Switch:1 ID:10}: {ID:1 Suspended:false}",
			},
		},
		{
			name:    "VLANs of a trunk for all, a static entry",
			devices: []device{ethernet(7, "p1"), {Link: netdev.Link{Index: 8, Name: "up", Encapsulation: "ether", MTU: 9000}}},
			change: func() spec.Change {
				c := ports(access("p1", "office", 10), &spec.Port{
					Name: "up", Enabled: true, MTU: 2000, Switched: &spec.Switched{Switch: "office", Mode: spec.Trunk, PVID: 30, AllVLANs: true},
				})
				c.Switches = map[string]*spec.Switch{"office": office}
				return c
			}(),
			want: []string{
				"admin state 7: true", "admin state 8: true",
				"attachment 7: {Current:true}", "attachment 8: {Current:true}",
				"flooding FID(10): [P(p1) P(up)]", "flooding FID(30): [P(up)]", "mtu 8: 2000",
				"port P(p1): if 7 mtu 1500 switch 1 pvid 10 tagged [] forwarding true peer true trunk false",
				"port P(up): if 8 mtu 2000 switch 1 pvid 30 tagged [10] forwarding true peer false trunk true",
				"port number 7: P(p1)", "port number 8: P(up)",
				"static entry {FID:FID(10) MAC:02:00:00:00:00:09}: P(p1)",
				"switch 1: {Enabled:true Learning:true AgeingSeconds:300 MaxEntries:0}",
				"vlan {Switch:1 ID:10}: {ID:FID(10) Suspended:false}", "vlan {Switch:1 ID:30}: {ID:FID(30) Suspended:true}",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			for _, d := range tt.devices {
				w.m.setDevice(d)
			}
			if err := w.apply(tt.change); err != nil {
				t.Fatal(err)
			}
			var names []string
			for name, n := range w.m.portNumbers.of {
				names = append(names, "P("+name+")", fmt.Sprint(n))
			}
			for v, n := range w.m.fidNumbers.of {
				names = append(names, fmt.Sprintf("FID(%d)", v.ID), fmt.Sprint(n))
			}
			want := strings.Split(strings.NewReplacer(names...).Replace(strings.Join(tt.want, "\n")), "\n")
			slices.Sort(want)
			if diff := cmp.Diff(strings.Join(want, "\n"), w.t.text()); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	many := func(n int, one func(i int) *spec.Port) spec.Change {
		var all []*spec.Port
		for i := range n {
			all = append(all, one(i))
		}
		return ports(all...)
	}
	full := func(sw string) *spec.Port {
		p := trunk("up-"+sw, sw, 0, 1)
		p.Switched.Tagged.AddRange(1, 4094)
		return p
	}
	tests := []struct {
		name   string
		first  spec.Change
		second spec.Change
	}{
		{
			"ports", many(spec.MaxPorts, func(i int) *spec.Port { return access(fmt.Sprintf("p%d", i), "s", 1) }),
			ports(access("one-more", "s", 1)),
		},
		{
			"switches", many(spec.MaxSwitches, func(i int) *spec.Port { return access(fmt.Sprintf("p%d", i), fmt.Sprintf("s%d", i), 1) }),
			ports(access("p1", "one-more", 1), access("p70", "another", 1)),
		},
		{"VLANs", ports(full("a"), full("b"), full("c"), full("d")), ports(access("p1", "a", 5), trunk("p2", "e", 0, 1, 2, 3, 4, 5, 6, 7, 8))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			if err := w.apply(tt.first); err != nil {
				t.Fatalf("up to the limit: %v", err)
			}
			was := w.t.text()
			var invalid *spec.Invalid
			if err := w.apply(tt.second); !errors.As(err, &invalid) {
				t.Fatalf("beyond the limit: %v, want an *Invalid", err)
			}
			if !invalid.Full {
				t.Errorf("beyond the limit: %v is told as wrong, want as too much", invalid)
			}
			if got := w.t.text(); got != was {
				t.Error("a change beyond the limit altered the tables")
			}
			if got := w.anew(t); got != was {
				t.Errorf("model after a change beyond the limit (-want +got):\n%s", cmp.Diff(was, got))
			}
		})
	}
}

// TestModelRandomly makes changes at random and compares the tables, which saw
// only the keys that each change touched, with those of a model that saw the
// end alone.
func TestModelRandomly(t *testing.T) {
	teamed := 0 // steps with a member that is active
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld()
			refused := 0
			for i := range 150 {
				was := w.t.text()
				what := "look"
				if r.IntN(3) > 0 {
					c := randomChange(r)
					what = fmt.Sprintf("apply %+v %+v", c.Ports, c.Switches)
					if err := w.apply(c); err != nil {
						refused++
						what += " refused: " + err.Error()
						if got := w.t.text(); got != was {
							t.Fatalf("step %d: %s: the tables changed:\n%s", i, what, cmp.Diff(was, got))
						}
					}
				} else {
					randomLook(r, w)
				}
				if strings.Contains(w.t.text(), "active true") {
					teamed++
				}
				if diff := cmp.Diff(w.anew(t), w.t.text()); diff != "" {
					t.Fatalf("step %d: %s: tables (-anew +got):\n%s", i, what, diff)
				}
			}
			if refused == 150 {
				t.Error("every change was refused")
			}
		})
	}
	if teamed < 500 {
		t.Errorf("%d steps with an active member of an aggregate", teamed)
	}
}

func randomChange(r *rand.Rand) spec.Change {
	c := spec.Change{Ports: make(map[string]*spec.Port), Switches: make(map[string]*spec.Switch)}
	for range r.IntN(3) {
		name := fmt.Sprintf("p%d", r.IntN(6))
		c.Ports[name] = randomPort(r, name)
	}
	if r.IntN(3) == 0 {
		name := fmt.Sprintf("l%d", r.IntN(2))
		c.Ports[name] = randomPort(r, name)
		if p := c.Ports[name]; p != nil {
			p.Aggregate = randomAggregate(r)
		}
	}
	for range r.IntN(2) {
		name := fmt.Sprintf("s%d", r.IntN(3))
		c.Switches[name] = randomSwitch(r, name)
	}
	return c
}

func randomPort(r *rand.Rand, name string) *spec.Port {
	if r.IntN(5) == 0 {
		return nil
	}
	p := &spec.Port{Name: name, Enabled: r.IntN(4) > 0, MTU: uint32(r.IntN(2) * 1400), Description: strings.Repeat("x", r.IntN(2))}
	if r.IntN(3) == 0 {
		p.HoldUp = time.Duration(r.IntN(3)) * time.Second
		p.HoldDown = time.Duration(r.IntN(3)) * time.Second
	}
	if r.IntN(6) == 0 {
		return p
	}
	if name[0] == 'p' && r.IntN(2) == 0 {
		p.Member = &spec.Member{Aggregate: fmt.Sprintf("l%d", r.IntN(2)), Standby: r.IntN(4) == 0, Drained: r.IntN(5) == 0}
		if r.IntN(3) == 0 {
			p.QoS = &spec.QoS{Output: randomScheduler(r)}
		}
		return p
	}
	s := &spec.Switched{Switch: fmt.Sprintf("s%d", r.IntN(3)), Mode: spec.Access, PVID: uint16(1 + r.IntN(4))}
	if r.IntN(2) == 0 {
		s.Mode, s.PVID = spec.Trunk, uint16(r.IntN(4))
		for range r.IntN(4) {
			s.Tagged.Add(uint16(1 + r.IntN(5)))
		}
		s.AllVLANs = s.Tagged == spec.VLANSet{}
	}
	p.Switched = s
	if name[0] == 'p' && r.IntN(2) == 0 {
		p.QoS = randomQoS(r)
	}
	return p
}

func randomQoS(r *rand.Rand) *spec.QoS {
	q := &spec.QoS{}
	if r.IntN(2) == 0 {
		q.Classifier = byDSCP([]string{"a", "b", "c"}[:1+r.IntN(3)]...)
	}
	if r.IntN(2) == 0 {
		q.Input = shaped(uint64(1e6 * (1 + r.IntN(3))))
	}
	if r.IntN(2) == 0 {
		q.Output = randomScheduler(r)
	} else {
		q.Sharing = spec.ShareMode(r.IntN(3))
	}
	if r.IntN(2) == 0 {
		q.Share = spec.Share{Rate: uint64(r.IntN(3)) * 1e6, Weight: uint32(r.IntN(3))}
	}
	for i := range r.IntN(3) {
		q.Policers = append(q.Policers, policer(uint32(i), "a", "b"))
	}
	return q
}

func randomScheduler(r *rand.Rand) *spec.Scheduler {
	s := shared(uint64(1e9*(1+r.IntN(2))), []string{"a", "b", "c", "d"}[r.IntN(2):2+r.IntN(3)]...)
	if r.IntN(3) == 0 {
		s.DefaultQueue = "b"
	}
	return s
}

func randomAggregate(r *rand.Rand) *spec.Aggregate {
	a := spec.NewAggregate([]spec.AggregateMode{spec.StaticLAG, spec.SwitchIndependent}[r.IntN(2)])
	if r.IntN(3) == 0 {
		a.Distribution = spec.ActiveBackup
	}
	if r.IntN(3) == 0 {
		a.Primary = fmt.Sprintf("p%d", r.IntN(6))
	}
	a.MinLinks = uint16(r.IntN(3))
	a.UpDelay, a.DownDelay = time.Duration(r.IntN(3))*time.Second, time.Duration(r.IntN(3))*time.Second
	return a
}

func randomSwitch(r *rand.Rand, name string) *spec.Switch {
	if r.IntN(3) == 0 {
		return nil
	}
	s := spec.NewSwitch(name)
	s.Enabled, s.Learning = r.IntN(4) > 0, r.IntN(4) > 0
	s.VLANs = make(map[uint16]spec.VLAN)
	for range r.IntN(4) {
		id := uint16(1 + r.IntN(5))
		s.VLANs[id] = spec.VLAN{ID: id, Suspended: r.IntN(4) == 0}
	}
	if r.IntN(3) == 0 {
		s.Static = map[spec.FDBKey]string{
			{VLAN: uint16(1 + r.IntN(3)), MAC: station(byte(r.IntN(2)))}: fmt.Sprintf("p%d", r.IntN(6)),
		}
	}
	return s
}

// randomLook lets time pass, and an interface come, go, change or be renamed.
func randomLook(r *rand.Rand, w *world) {
	w.now = w.now.Add(time.Duration(r.IntN(1500)) * time.Millisecond)
	w.m.touchDue(w.now)
	index := uint32(1 + r.IntN(8))
	d := ethernet(index, fmt.Sprintf("p%d", r.IntN(6)))
	if had := w.m.devices[index]; had != nil && r.IntN(4) > 0 {
		d.Name = had.Name
	}
	if had := w.m.byName[d.Name]; had != nil && had.Index != index {
		w.remove(had.Index) // the kernel has each name once
	}
	switch r.IntN(5) {
	case 0:
		w.remove(index)
	case 1:
		d.Flags, d.OperState = unix.IFF_UP, 2
	case 2:
		d.Flags, d.OperState = 0, 2
	case 3:
		d.Master = uint32(r.IntN(2))
	}
	if had := w.m.devices[index]; had != nil && had.Name != d.Name {
		w.remove(index)
	}
	if r.IntN(5) > 0 {
		w.m.setDevice(d)
	}
	if r.IntN(4) == 0 {
		w.m.touchCarrier(index, r.IntN(2) == 0)
	}
	if err := w.follow(); err != nil {
		panic(err)
	}
}

func (w *world) remove(index uint32) {
	if w.m.removeDevice(index) {
		w.t.forget(index)
	}
}
