package datapath

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/fastpath"
	"github.com/signalbox/signalbox/datapath/netdev"
	"github.com/signalbox/signalbox/datapath/spec"
)

// seenQoS is where to read what is counted of a port's classes and rates.
type seenQoS struct {
	input, output seenQueues
	instance      uint16   // 0 where it neither classifies nor polices
	terms         []string // their ids
	policers      []uint32 // their sequences
}

// seenQueues are the queues of an interface.
type seenQueues struct {
	index uint32            // 0: there are none
	names map[uint16]string // by minor number
}

// observeQoS builds what is told of a port's classes and rates: what the kernel
// answered when they were made, and last told when all was read.
func (d *Datapath) observeQoS(name string) (*spec.QoSState, *seenQoS) {
	p := d.model.ports[name]
	if p == nil || p.cfg.QoS == nil || p.number == 0 {
		return nil, nil
	}
	seen, q := &seenQoS{}, p.cfg.QoS
	state := &spec.QoSState{}
	if dev := d.model.switched(p); dev != nil {
		state.Output, seen.output = d.observeScheduler(dev.Index)
		state.Input, seen.input = d.observeScheduler(netdev.DetourIn(p.number))
	}
	have, _ := d.tables.ports.Get(p.number)
	seen.instance = have.QoS.Instance
	state.Classified = have.QoS.Classifier != 0
	if q.Classifier != nil && state.Classified {
		for i := range q.Classifier.Terms {
			seen.terms = append(seen.terms, q.Classifier.Terms[i].ID)
		}
	}
	for place, cfg := range q.Policers[:min(len(q.Policers), int(have.QoS.Policers))] {
		v, ok := d.tables.policers.Get(fastpath.PolicerKey{Instance: seen.instance, Place: uint8(place)})
		if !ok {
			break
		}
		seen.policers = append(seen.policers, cfg.Sequence)
		state.Policers = append(state.Policers, spec.PolicerState{
			Sequence: cfg.Sequence, Committed: v.Committed, Peak: v.Peak, Burst: v.Burst, PeakBurst: v.PeakBurst,
		})
	}
	return state, seen
}

func (d *Datapath) observeScheduler(index uint32) (*spec.SchedulerState, seenQueues) {
	plan := d.model.qos.plans[index]
	line, ok := d.tables.lines.Get(netdev.ClassKey{IfIndex: index, Minor: lineClass})
	if plan == nil || !ok {
		return nil, seenQueues{}
	}
	state := &spec.SchedulerState{Rate: line.Ceil, Burst: line.CeilBurst, Queues: make(map[string]spec.QueueState)}
	seen := seenQueues{index: index, names: make(map[uint16]string)}
	for minor, name := range plan.names {
		k := netdev.ClassKey{IfIndex: index, Minor: minor}
		c, there := d.tables.leaves.Get(k)
		q, _ := d.tables.queues.Get(k)
		if !there {
			continue
		}
		limit := spec.QueueLimit{Octets: q.Octets, Packets: q.Packets}
		if q.RedMax != 0 {
			limit.RED = &spec.RED{Min: q.RedMin, Max: q.RedMax, ECN: q.ECN}
		}
		name = d.model.queueName(name)
		seen.names[minor] = name
		state.Queues[name] = spec.QueueState{
			Guaranteed: c.Rate, Ceiling: c.Ceil, Burst: c.Burst, CeilingBurst: c.CeilBurst,
			Priority: c.Priority, Quantum: c.Quantum, QueueLimit: limit,
		}
	}
	return state, seen
}

// wide counts on what the kernel counts in 32 bits.
type wide struct {
	last uint32
	sum  uint64
}

func (w wide) add(now uint32) wide { return wide{now, w.sum + uint64(now-w.last)} }

// queueCounts are the counters of queues that are read, and those of them that
// the kernel lets begin again.
type queueCounts struct {
	mu      sync.Mutex // guards both
	dropped map[netdev.ClassKey]wide
	marked  map[netdev.ClassKey]wide
}

// QoSCounters reads what the kernel and the datapath count of the classes and
// rates of all ports that have any, by name. It runs in the caller's goroutine.
func (d *Datapath) QoSCounters(ctx context.Context) (map[string]spec.QoSCounters, time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	d.alive.RLock()
	defer d.alive.RUnlock()
	if d.closed || d.objects == nil {
		return nil, time.Time{}, ErrClosed
	}
	d.seenMu.Lock()
	ports := maps.Clone(d.seen.qos)
	d.seenMu.Unlock()
	now := time.Now()
	all := make(map[string]spec.QoSCounters, len(ports))
	if len(ports) == 0 {
		return all, now, nil
	}
	stats, err := d.conn.QueueStats()
	if err != nil {
		return nil, now, err
	}
	queues := d.queueCounts.read(stats)
	for name, p := range ports {
		c := spec.QoSCounters{Input: p.input.count(queues), Output: p.output.count(queues)}
		if err := d.countInstance(p, &c); err != nil {
			return nil, now, err
		}
		all[name] = c
	}
	return all, now, nil
}

// read brings the counters together with what was read before. A queue that went
// is forgotten.
func (q *queueCounts) read(stats map[netdev.ClassKey]netdev.QueueStat) map[netdev.ClassKey]spec.QueueCounters {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropped, marked := make(map[netdev.ClassKey]wide, len(stats)), make(map[netdev.ClassKey]wide, len(stats))
	all := make(map[netdev.ClassKey]spec.QueueCounters, len(stats))
	for k, s := range stats {
		dropped[k], marked[k] = q.dropped[k].add(s.Dropped), q.marked[k].add(s.Marked)
		all[k] = spec.QueueCounters{
			Packets: s.SentPackets, Octets: s.SentOctets, Dropped: dropped[k].sum, Marked: marked[k].sum,
			WaitingOctets: s.BacklogOctets, WaitingPackets: s.BacklogPackets,
		}
	}
	q.dropped, q.marked = dropped, marked
	return all
}

func (s *seenQueues) count(all map[netdev.ClassKey]spec.QueueCounters) map[string]spec.QueueCounters {
	if s.index == 0 {
		return nil
	}
	queues := make(map[string]spec.QueueCounters, len(s.names))
	for minor, name := range s.names {
		queues[name] = all[netdev.ClassKey{IfIndex: s.index, Minor: minor}]
	}
	return queues
}

// countInstance reads the counters of a port's terms and policers.
func (d *Datapath) countInstance(p *seenQoS, c *spec.QoSCounters) error {
	if len(p.terms) > 0 {
		counts, err := d.objects.TermCounts(p.instance)
		if err != nil {
			return err
		}
		for i, id := range p.terms {
			counts[i].ID = id
			c.Terms = append(c.Terms, counts[i])
		}
	}
	if len(p.policers) > 0 {
		counts, err := d.objects.PolicerCounts(p.instance)
		if err != nil {
			return err
		}
		for i, sequence := range p.policers {
			counts[i].Sequence = sequence
			c.Policers = append(c.Policers, counts[i])
		}
	}
	return nil
}
