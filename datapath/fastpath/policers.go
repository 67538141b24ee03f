package fastpath

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// PolicerKey names a policer: the instance of its port (PortQoS), and its place
// there from 0 on.
type PolicerKey struct {
	Instance uint16
	Place    uint8
}

// Policer is a policer as the program has it.
type Policer struct {
	// Committed and Peak in bit/s, Burst and PeakBurst in octets. Zero Peak is
	// one rate.
	Committed, Peak  uint64
	Burst, PeakBurst uint32
	// Queues whose frames count against it; the first 0: all.
	Queues                   [maxPolicerQueues]uint16
	Conform, Exceed, Violate spec.PolicerAction
}

const (
	maxPolicerQueues = len(bpf.SwitchPolicer{}.Queue)
	policerShift     = 20 // POLICER_SHIFT of qos_abi.h
	// A CPU draws a sixteenth of the burst at once, and no more than this.
	policerLots   = 16
	maxPolicerLot = 16 << 10 // octets
)

// MaxPolicerQueues are the queues that one policer names.
const MaxPolicerQueues = maxPolicerQueues

// Policers is the table of policers.
type Policers struct{ o *Objects }

// Policers is the table of policers.
func (o *Objects) Policers() Policers { return Policers{o} }

func (k PolicerKey) at() int { return int(k.Instance)*spec.MaxPolicers + int(k.Place) }

// List reads the table. Rates and bursts are what the program keeps to, which
// differ from what was put by less than a thousandth.
func (t Policers) List() (map[PolicerKey]Policer, error) {
	all := map[PolicerKey]Policer{}
	for i := range t.o.policers.values {
		v := &t.o.policers.values[i]
		if v.Exists == 0 {
			continue
		}
		p := Policer{Committed: v.Rate[0], Peak: v.Rate[1], Burst: v.Burst[0], PeakBurst: v.Burst[1], Queues: v.Queue}
		for n, a := range []*spec.PolicerAction{&p.Conform, &p.Exceed, &p.Violate} {
			*a = spec.PolicerAction{Drop: v.Action[n].Drop != 0, Remark: spec.Remark{DSCP: v.Action[n].Dscp, PCP: v.Action[n].Pcp}}
		}
		all[PolicerKey{uint16(i / spec.MaxPolicers), uint8(i % spec.MaxPolicers)}] = p
	}
	return all, nil
}

// Put writes a policer. Its buckets stay as full as they are.
func (t Policers) Put(key PolicerKey, p Policer) error {
	if key.Instance == 0 || key.Instance > MaxInstances || int(key.Place) >= spec.MaxPolicers || p.Committed < spec.MinRate {
		return fmt.Errorf("policer %d of instance %d with %d bit/s: want instance 1..%d, place 0..%d and at least %d bit/s",
			key.Place, key.Instance, p.Committed, MaxInstances, spec.MaxPolicers-1, spec.MinRate)
	}
	v := &t.o.policers.values[key.at()]
	for n, bucket := range []struct {
		rate  uint64
		burst uint32
	}{{p.Committed, p.Burst}, {p.Peak, p.PeakBurst}} {
		perOctet := perOctet(bucket.rate)
		v.Rate[n], v.Burst[n] = bucket.rate, bucket.burst
		atomic.StoreUint64(&v.Depth[n], nsOf(perOctet, bucket.burst))
		v.Lot[n] = min(bucket.burst/policerLots, maxPolicerLot)
		atomic.StoreUint64(&v.PerOctet[n], perOctet)
	}
	v.Queue = p.Queues
	for n, a := range []spec.PolicerAction{p.Conform, p.Exceed, p.Violate} {
		v.Action[n] = bpf.SwitchPolicerAction{Drop: drops(a), Dscp: a.Remark.DSCP, Pcp: a.Remark.PCP}
	}
	atomic.StoreUint32(&v.Exists, 1)
	return nil
}

func drops(a spec.PolicerAction) uint8 {
	if a.Drop {
		return 1
	}
	return 0
}

// perOctet is how long an octet takes at a rate in bit/s, in ns << policerShift;
// 0 for no rate.
func perOctet(rate uint64) uint64 {
	if rate == 0 {
		return 0
	}
	const octet = 8_000_000_000 << policerShift
	return max(1, (octet+rate/2)/rate)
}

// nsOf is how long octets take, in ns.
func nsOf(perOctet uint64, octets uint32) uint64 {
	hi, lo := bits.Mul64(perOctet, uint64(octets))
	if hi>>policerShift != 0 {
		return math.MaxInt64
	}
	return hi<<(64-policerShift) | lo>>policerShift
}

// Delete removes a policer and fills its buckets.
func (t Policers) Delete(key PolicerKey) error {
	if key.Instance == 0 || key.Instance > MaxInstances || int(key.Place) >= spec.MaxPolicers {
		return nil
	}
	v := &t.o.policers.values[key.at()]
	atomic.StoreUint32(&v.Exists, 0)
	for n := range v.FullAt {
		atomic.StoreUint64(&v.FullAt[n], 0)
		atomic.StoreUint64(&v.PerOctet[n], 0)
	}
	return nil
}

// ResetInstance makes what was counted by an instance zero, for a new port that
// gets its number. No frame may go by it yet.
func (o *Objects) ResetInstance(instance uint16) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("reset instance %d: %w", instance, err)
	}
	if err := o.maps[bpf.SwitchMapTermCounts].Put(uint32(instance), make([]bpf.SwitchInstanceTerms, cpus)); err != nil {
		return fmt.Errorf("reset the terms of instance %d: %w", instance, err)
	}
	if err := o.maps[bpf.SwitchMapPolicerShares].Put(uint32(instance), make([]bpf.SwitchInstancePolicers, cpus)); err != nil {
		return fmt.Errorf("reset the policers of instance %d: %w", instance, err)
	}
	return nil
}

// TermCounts adds up what fell on each term of an instance, over all CPUs. Any
// goroutine may call it.
func (o *Objects) TermCounts(instance uint16) (sum [spec.MaxTerms]spec.TermCounters, err error) {
	var all []bpf.SwitchInstanceTerms
	if err := o.maps[bpf.SwitchMapTermCounts].Lookup(uint32(instance), &all); err != nil {
		return sum, fmt.Errorf("read the terms of instance %d: %w", instance, err)
	}
	for i := range all {
		for n, c := range all[i].Term {
			sum[n].Packets += c.Packets
			sum[n].Octets += c.Octets
		}
	}
	return sum, nil
}

// PolicerCounts adds up what the policers of an instance let pass and did not,
// over all CPUs. Any goroutine may call it.
func (o *Objects) PolicerCounts(instance uint16) (sum [spec.MaxPolicers]spec.PolicerCounters, err error) {
	var all []bpf.SwitchInstancePolicers
	if err := o.maps[bpf.SwitchMapPolicerShares].Lookup(uint32(instance), &all); err != nil {
		return sum, fmt.Errorf("read the policers of instance %d: %w", instance, err)
	}
	for i := range all {
		for n := range all[i].Policer {
			c, s := &all[i].Policer[n].Count, &sum[n]
			s.ConformPackets += c[0].Packets
			s.ConformOctets += c[0].Octets
			s.ExceedPackets += c[1].Packets
			s.ExceedOctets += c[1].Octets
			s.ViolatePackets += c[2].Packets
			s.ViolateOctets += c[2].Octets
		}
	}
	return sum, nil
}
