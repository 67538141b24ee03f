package datapath

import (
	"strings"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// What the tables of classes and rates should hold, as wanted.go.

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
