package datapath

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
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
