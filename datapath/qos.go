package datapath

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// qosModel is what the model knows of classes and rates. Queues and classifiers
// are shared by ports, so that their users are counted.
type qosModel struct {
	queues      *numbered[string]
	classifiers *numbered[string] // by digest
	instances   *numbered[string] // by instanceKey
	byDigest    map[string]*spec.Classifier
	digests     map[*spec.Classifier]string

	plans   map[uint32]*plan // by ifindex of ports and of detours
	sharing map[string]bool  // ports at which others compete
	foreign map[uint32]error // root qdiscs of somebody else, as last looked at
	hasRED  bool             // the kernel has random early detection
}

func newQoSModel() qosModel {
	return qosModel{
		queues:      newNumbered[string](spec.MaxQueues),
		classifiers: newNumbered[string](spec.MaxClassifiers),
		instances:   newNumbered[string](fastpath.MaxInstances),
		byDigest:    make(map[string]*spec.Classifier), digests: make(map[*spec.Classifier]string),
		plans: make(map[uint32]*plan), sharing: make(map[string]bool), foreign: make(map[uint32]error),
	}
}

// numbered gives numbers to what has several users.
type numbered[K comparable] struct {
	*numbers[K]
	users map[K]int
}

func newNumbered[K comparable](limit int) *numbered[K] {
	return &numbered[K]{newNumbers[K](limit), make(map[K]int)}
}

// join adds a user; false where no number is left, and then too it must leave.
func (n *numbered[K]) join(key K) bool {
	n.users[key]++
	return n.take(key)
}

// leave takes a user away.
func (n *numbered[K]) leave(key K) {
	if n.users[key]--; n.users[key] <= 0 {
		delete(n.users, key)
		n.release(key)
	}
}

func (q *qosModel) rollback() {
	q.queues.rollback()
	q.classifiers.rollback()
	q.instances.rollback()
}

// commit reports whether a number became free that the record has.
func (q *qosModel) commit() bool {
	queues, instances, classifiers := q.queues.commit(), q.instances.commit(), q.classifiers.commit()
	if classifiers {
		maps.DeleteFunc(q.byDigest, func(digest string, _ *spec.Classifier) bool { return q.classifiers.users[digest] == 0 })
		clear(q.digests) // of pointers that may be nobody's
	}
	return queues || instances || classifiers
}

// queue is the number of a queue, 0 for none.
func (m *model) queue(name string) uint16 { return uint16(m.qos.queues.number(name)) }

// shareQueue is the queue of what a port sends where it competes with others.
// No name of a queue begins with a zero.
func shareQueue(port string) string { return "\x00" + port }

// queueName is how a queue is told: what a port sends where it competes with
// others bears that port's name.
func (m *model) queueName(name string) string { return strings.TrimPrefix(name, "\x00") }

// queueNames are the names of queues by number.
func (m *model) queueNames() []string {
	all := make([]string, spec.MaxQueues+1)
	for name, n := range m.qos.queues.of {
		all[n] = m.queueName(name)
	}
	return all
}

// queuesOf are the queues that a port names, some more than once.
func queuesOf(name string, q *spec.QoS) iter.Seq[string] {
	return func(yield func(string) bool) {
		var all []string
		if q.Share != (spec.Share{}) {
			all = append(all, shareQueue(name))
		}
		if q.Classifier != nil {
			for i := range q.Classifier.Terms {
				all = append(all, q.Classifier.Terms[i].Queue)
			}
		}
		for _, p := range q.Policers {
			all = append(all, p.Queues...)
		}
		for _, s := range []*spec.Scheduler{q.Input, q.Output} {
			if s == nil {
				continue
			}
			for i := range s.Groups {
				for _, queue := range s.Groups[i].Queues {
					all = append(all, queue.Queue)
				}
			}
		}
		for _, queue := range all {
			if queue != "" && !yield(queue) {
				return
			}
		}
	}
}

// instanceKey is whose frames are counted together: those of a port, and as long
// as its classifier says the same.
func (m *model) instanceKey(name string, q *spec.QoS) string {
	if q.Classifier == nil && len(q.Policers) == 0 {
		return ""
	}
	return name + "\x00" + m.digest(q.Classifier)
}

// digest names a classifier by what it says: lists that say the same are one.
func (m *model) digest(c *spec.Classifier) string {
	if c == nil {
		return ""
	}
	digest := m.qos.digests[c]
	if digest == "" {
		h := sha256.New()
		fmt.Fprintf(h, "%+v", c.Terms)
		digest = fmt.Sprintf("%x", h.Sum(nil)[:16])
		m.qos.digests[c] = digest
	}
	return digest
}

// classifier is the number of a classifier, 0 for none.
func (m *model) classifier(c *spec.Classifier) uint8 {
	return uint8(m.qos.classifiers.number(m.digest(c)))
}

// setQoS moves a port from one set of classes and rates to another; nil has none.
func (m *model) setQoS(name string, p *port, was, now *spec.QoS) error {
	if was == now {
		return nil
	}
	m.touchQoS(name, p, was)
	m.touchQoS(name, p, now)
	m.touched.queues = true
	err := m.joinQoS(name, now)
	if err != nil {
		p.cfg = without(p.cfg, func(c *spec.Port) { c.QoS = nil })
	}
	m.leaveQoS(name, was)
	delete(m.qos.sharing, name)
	if now != nil && err == nil && now.Sharing != spec.ShareNone {
		m.qos.sharing[name] = true
	}
	return err
}

// joinQoS takes the numbers that a port needs, all of them or none.
func (m *model) joinQoS(name string, q *spec.QoS) error {
	if q == nil {
		return nil
	}
	var full *spec.Invalid
	check := func(ok bool, what string, limit int) {
		if !ok && full == nil {
			full = &spec.Invalid{Port: name, Full: true, Reason: fmt.Sprintf("there are %d %s already", limit, what)}
		}
	}
	for queue := range queuesOf(name, q) {
		check(m.qos.queues.join(queue), "queues", spec.MaxQueues)
	}
	if q.Classifier != nil {
		check(m.qos.classifiers.join(m.digest(q.Classifier)), "classifiers", spec.MaxClassifiers)
		m.qos.byDigest[m.digest(q.Classifier)] = q.Classifier
		m.touched.classifiers.Add(m.classifier(q.Classifier))
	}
	if key := m.instanceKey(name, q); key != "" {
		check(m.qos.instances.join(key), "ports that classify or police", fastpath.MaxInstances)
		m.touchPolicers(key)
	}
	if full != nil {
		m.leaveQoS(name, q)
		return full
	}
	return nil
}

// leaveQoS gives back what joinQoS took.
func (m *model) leaveQoS(name string, q *spec.QoS) {
	if q == nil {
		return
	}
	for queue := range queuesOf(name, q) {
		m.qos.queues.leave(queue)
	}
	if q.Classifier != nil {
		m.touched.classifiers.Add(m.classifier(q.Classifier))
		m.qos.classifiers.leave(m.digest(q.Classifier))
	}
	if key := m.instanceKey(name, q); key != "" {
		m.touchPolicers(key)
		m.qos.instances.leave(key)
	}
}

func (m *model) touchPolicers(key string) {
	instance := uint16(m.qos.instances.number(key))
	for place := range uint8(spec.MaxPolicers) {
		m.touched.policers.Add(fastpath.PolicerKey{Instance: instance, Place: place})
	}
}

// touchQoS marks what is beside a port where something of it is held back as it
// comes in, and the ports where others compete.
func (m *model) touchQoS(name string, p *port, q *spec.QoS) {
	if q == nil {
		return
	}
	m.touched.names.Add(name)
	if q.Input != nil && p.number != 0 {
		m.touchDetour(p.number)
	}
	if q.Share != (spec.Share{}) {
		m.touchSharing()
	}
}

// touchSharing marks the ports at which others compete.
func (m *model) touchSharing() {
	for name := range m.qos.sharing {
		m.touchName(name)
	}
}

func (m *model) touchDetour(number uint16) {
	m.touched.detours.Add(number)
	m.touched.detourEnds.Add(netdev.DetourIn(number))
	m.touched.detourEnds.Add(netdev.DetourOut(number))
}

// touchAllQoS marks all that is wanted of a port's classes and rates.
func (m *model) touchAllQoS(name string, p *port) {
	q := p.cfg.QoS
	if q == nil {
		return
	}
	m.touchQoS(name, p, q)
	if q.Classifier != nil {
		m.touched.classifiers.Add(m.classifier(q.Classifier))
	}
	if key := m.instanceKey(name, q); key != "" {
		m.touchPolicers(key)
	}
	for index, plan := range p.planned {
		m.touchPlan(index, plan)
	}
}

// detoured is the port that a detour belongs to, or nil.
func (m *model) detoured(number uint16) *port {
	p := m.byNumber[number]
	if !p.isSwitchPort() || p.cfg.QoS == nil || p.cfg.QoS.Input == nil || m.switched(p) == nil {
		return nil
	}
	return p
}

// settlePlans draws the classes of the interfaces that a change concerns. What
// ends comes first: an interface may have changed its port.
func (m *model) settlePlans() {
	type planned struct {
		*port
		plans map[uint32]*plan
	}
	var all []planned
	for _, name := range m.touched.names.All() {
		p := m.ports[name]
		if p == nil {
			p = m.removed[name]
		}
		if p == nil || p.cfg.QoS == nil && p.planned == nil {
			continue
		}
		wanted := m.plansOf(p)
		for _, index := range slices.Sorted(maps.Keys(p.planned)) {
			if wanted[index] == nil {
				m.setPlan(index, nil)
			}
		}
		all = append(all, planned{p, wanted})
	}
	for _, p := range all {
		for _, index := range slices.Sorted(maps.Keys(p.plans)) {
			m.setPlan(index, p.plans[index])
		}
		p.planned = p.plans
		m.touchPlanned(p.port)
	}
}

// touchPlanned marks what follows from whether a port has queues.
func (m *model) touchPlanned(p *port) {
	if p.number == 0 {
		return
	}
	m.touched.ports.Add(p.number)
	if a := m.aggregateOf(p); a != nil {
		m.touched.lags.Add(a.number)
	}
	if p.cfg.QoS != nil && p.cfg.QoS.Input != nil {
		m.touchDetour(p.number)
	}
}

// plansOf are the plans of a port's interfaces; what cannot be planned was
// refused before.
func (m *model) plansOf(p *port) map[uint32]*plan {
	if m.ports[p.cfg.Name] != p || p.cfg.QoS == nil {
		return nil
	}
	d := m.switched(p)
	if d == nil {
		return nil
	}
	wanted := make(map[uint32]*plan)
	if s := m.outputOf(p); s != nil {
		if plan, err := newPlan(s, d.lineRate(), m.queue); err == nil {
			wanted[d.Index] = plan
		}
	}
	if m.detoured(p.number) == p {
		if plan, err := newPlan(p.cfg.QoS.Input, d.lineRate(), m.queue); err == nil {
			wanted[netdev.DetourIn(p.number)] = plan
		}
	}
	return wanted
}

func (m *model) setPlan(index uint32, plan *plan) {
	old := m.qos.plans[index]
	if plan.same(old) {
		return
	}
	if plan == nil {
		delete(m.qos.plans, index)
	} else {
		m.qos.plans[index] = plan
	}
	m.touchPlan(index, plan)
	m.touchPlan(index, old)
}

func (m *model) touchPlan(index uint32, plan *plan) {
	m.touched.schedulers.Add(index)
	for _, minor := range plan.minors() {
		m.touched.classes.Add(netdev.ClassKey{IfIndex: index, Minor: minor})
	}
}

// outputOf is how what leaves by a port is scheduled, nil for not at all: by its
// policy, and where others compete by their shares.
func (m *model) outputOf(p *port) *spec.Scheduler {
	q := p.cfg.QoS
	if q.Sharing == spec.ShareNone || !p.isSwitchPort() {
		return q.Output
	}
	s := spec.Scheduler{}
	if q.Output != nil {
		s = *q.Output
	}
	s.Groups = m.sharesAt(p)
	return &s
}

// sharesAt are the classes of the ports that compete at one. By weight they have
// all of the line that is not the default class's.
func (m *model) sharesAt(at *port) []spec.SchedulerGroup {
	absolute := at.cfg.QoS.Sharing == spec.ShareAbsolute
	group := spec.SchedulerGroup{Minimum: spec.Rate{Percent: 100 - 100/defaultShare}}
	sum := uint64(0)
	for _, number := range m.rivals(at) {
		p := m.byNumber[number]
		weight := uint64(p.cfg.QoS.Share.Weight)
		if absolute {
			weight = p.cfg.QoS.Share.Rate
		}
		if weight != 0 {
			sum += weight
			group.Queues = append(group.Queues, spec.SchedulerQueue{Queue: shareQueue(p.cfg.Name), Weight: weight})
		}
	}
	if absolute {
		group.Minimum = spec.Rate{BitsPerSecond: sum}
	}
	if len(group.Queues) == 0 {
		return nil
	}
	return []spec.SchedulerGroup{group}
}

// rivals are the ports of a port's switch that have a share, by number.
func (m *model) rivals(at *port) (all []uint16) {
	for n := range m.eachOfSwitch(at.cfg.Switched.Switch) {
		if p := m.byNumber[n]; p != at && p.cfg.QoS != nil && p.cfg.QoS.Share != (spec.Share{}) {
			all = append(all, n)
		}
	}
	return all
}

// eachOfSwitch yields the numbers of a switch's ports in ascending order.
func (m *model) eachOfSwitch(name string) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for n := uint16(1); n <= spec.MaxPorts; n++ {
			if p := m.byNumber[n]; p.isSwitchPort() && p.cfg.Switched.Switch == name && !yield(n) {
				return
			}
		}
	}
}

// wantQoS is what the program does with the class and rate of what comes in at a
// port.
func (m *model) wantQoS(p *port) fastpath.PortQoS {
	q := p.cfg.QoS
	if q == nil {
		return fastpath.PortQoS{}
	}
	want := fastpath.PortQoS{Instance: uint16(m.qos.instances.number(m.instanceKey(p.cfg.Name, q))), Policers: uint8(len(q.Policers))}
	if q.Share != (spec.Share{}) {
		want.Queue = m.queue(shareQueue(p.cfg.Name))
	}
	want.Classifier = m.classifier(q.Classifier)
	return want
}

// straight is whether frames go straight into the namespace behind a veth; the
// kernel refuses that where the other end is in our own, and past queues no frame
// may go.
func (m *model) straight(d *device) bool {
	return d.PortKind() == spec.KindVeth && d.PeerElsewhere && m.qos.plans[d.Index] == nil
}

func (m *model) wantClassifier(number uint8) (fastpath.Classifier, bool) {
	digest, ok := m.qos.classifiers.used(int(number))
	if !ok {
		return fastpath.Classifier{}, false
	}
	return fastpath.NewClassifier(m.qos.byDigest[digest], m.queue), true
}

func (m *model) wantPolicer(k fastpath.PolicerKey) (fastpath.Policer, bool) {
	key, ok := m.qos.instances.used(int(k.Instance))
	if !ok {
		return fastpath.Policer{}, false
	}
	name, _, _ := strings.Cut(key, "\x00")
	p := m.ports[name]
	if p == nil || p.cfg.QoS == nil || int(k.Place) >= len(p.cfg.QoS.Policers) {
		return fastpath.Policer{}, false
	}
	cfg := p.cfg.QoS.Policers[k.Place]
	want := fastpath.Policer{
		Committed: cfg.Committed, Peak: cfg.Peak, Burst: burst(cfg.Burst, cfg.Committed), PeakBurst: burst(cfg.PeakBurst, cfg.Peak),
		Conform: cfg.Conform, Exceed: cfg.Exceed, Violate: cfg.Violate,
	}
	for i, queue := range cfg.Queues[:min(len(cfg.Queues), len(want.Queues))] {
		want.Queues[i] = m.queue(queue)
	}
	return want, true
}

// burst is that of a policer: 100 ms of its rate where nobody gives one, since
// TCP needs so much to keep to a rate, and no less than a GSO frame.
func burst(octets uint32, rate uint64) uint32 {
	if octets != 0 || rate == 0 {
		return octets
	}
	return uint32(min(max(rate/8/10, quantumUnit), spec.MaxBurst))
}

func (m *model) wantDetour(number uint16) (netdev.Detour, bool) {
	return netdev.Detour{}, m.detoured(number) != nil
}

// wantDetourNumber is which port an end of a detour is. No frame comes in at the
// first, but the kernel drops some there.
func (m *model) wantDetourNumber(index uint32) (uint16, bool) {
	number := netdev.DetourPort(index)
	return number | fastpath.HeldBack, m.detoured(number) != nil
}

func (m *model) wantScheduler(index uint32) (netdev.Scheduler, bool) {
	return netdev.Scheduler{Default: netdev.DefaultClass}, m.qos.plans[index] != nil
}

func (m *model) wantLine(k netdev.ClassKey) (netdev.Class, bool) {
	return m.wantInner(k, k.Minor == lineClass)
}

func (m *model) wantGroup(k netdev.ClassKey) (netdev.Class, bool) {
	return m.wantInner(k, k.Minor != lineClass)
}

func (m *model) wantInner(k netdev.ClassKey, of bool) (netdev.Class, bool) {
	plan := m.qos.plans[k.IfIndex]
	if plan == nil || !of {
		return netdev.Class{}, false
	}
	c, ok := plan.inner[k.Minor]
	return c, ok
}

func (m *model) wantLeaf(k netdev.ClassKey) (netdev.Class, bool) {
	plan := m.qos.plans[k.IfIndex]
	if plan == nil {
		return netdev.Class{}, false
	}
	c, ok := plan.leaves[k.Minor]
	return c, ok
}

func (m *model) wantQueue(k netdev.ClassKey) (netdev.Queue, bool) {
	plan := m.qos.plans[k.IfIndex]
	if plan == nil {
		return netdev.Queue{}, false
	}
	q, ok := plan.queues[k.Minor]
	return q, ok
}

// forgetQueues drops what is known of the queues of an interface that went.
func (t *tables) forgetQueues(index uint32) {
	t.schedulers.Forget(index)
	for _, classes := range []*reconcile.Shadow[netdev.ClassKey, netdev.Class]{t.lines, t.groups} {
		for k := range classes.Each {
			if k.IfIndex == index {
				classes.Forget(k)
			}
		}
	}
	for k := range t.leaves.Each {
		if k.IfIndex == index {
			t.leaves.Forget(k)
			t.queues.Forget(k)
		}
	}
}

// emptyQueues waits until no frame is on its way any more to a queue that goes.
func (d *Datapath) emptyQueues() {
	for _, k := range d.model.touched.classes.All() {
		if _, have := d.tables.leaves.Get(k); have {
			if _, want := d.model.wantLeaf(k); !want {
				fastpath.ProgramsDone()
				return
			}
		}
	}
}
