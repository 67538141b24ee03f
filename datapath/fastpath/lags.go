package fastpath

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// NoMember in a LAGBucket or in LAG.Designated says that there is none.
const NoMember = 0xff

// LAG is which members an aggregate has and which of them a frame leaves by.
// Members are told by their place in Members, 0..spec.MaxMembers-1; a member
// should keep its place.
type LAG struct {
	Distribution spec.Distribution
	// Independent says that the switches at the other end may know nothing of the
	// aggregate (spec.SwitchIndependent, and spec.ActiveBackup without LACP): then
	// broadcasts, multicasts and frames to unknown addresses are taken in at the
	// designated member only, and what came back from the network is refused.
	Independent bool
	// FlowletGap is how long a bucket must pause before it moves to the member
	// that Buckets names first, in whole microseconds. Only Dynamic heeds it.
	FlowletGap time.Duration
	// Designated is the member of Independent that takes broadcasts in. Where it
	// has no carrier, the program takes the first active member that has.
	Designated uint8
	// Buckets are the members of each bucket. A frame leaves by the first; where
	// that has no carrier, by the second; where neither has, by the first active
	// member that has.
	Buckets [spec.LAGBuckets]LAGBucket
	Members [spec.MaxMembers]LAGMember
}

// LAGBucket names the members of a bucket, or NoMember.
type LAGBucket struct{ First, Second uint8 }

// LAGMember is a member of an aggregate; the zero value is none.
type LAGMember struct {
	IfIndex uint32
	// Port is the member's own port number, which its frames are counted by.
	Port uint16
	// Active lets frames leave by the member (distributing). A member that is
	// not active must not stand in a bucket.
	Active bool
	// Peer lets frames leave as Port.Peer does.
	Peer bool
}

// LAGs is the table of link aggregation groups by number,
// 1..spec.MaxAggregates.
type LAGs struct{ o *Objects }

// LAGs is the table of link aggregation groups.
func (o *Objects) LAGs() LAGs { return LAGs{o} }

// List reads the table.
func (t LAGs) List() (map[uint16]LAG, error) {
	all := map[uint16]LAG{}
	for i := range t.o.lags.values {
		v, _ := t.tables(uint16(i))
		if bpf.SwitchLagDistribution(v.Distribution) == bpf.SwitchLagDistributionLAG_FREE {
			continue
		}
		l := LAG{
			Distribution: spec.Distribution(v.Distribution),
			Independent:  bpf.SwitchLagFlags(v.Flags)&bpf.SwitchLagFlagsLAG_INDEPENDENT != 0,
			FlowletGap:   time.Duration(v.FlowletGap) * time.Microsecond,
			Designated:   v.Designated,
		}
		for b := range v.Bucket {
			l.Buckets[b] = LAGBucket{v.Bucket[b].First, v.Bucket[b].Second}
		}
		for m := range v.Member {
			way := loadWord(&v.Member[m].Way)
			flags := bpf.SwitchOutFlags(way.Flags)
			l.Members[m] = LAGMember{
				IfIndex: way.Ifindex, Port: way.Port,
				Active: flags&bpf.SwitchOutFlagsOUT_ACTIVE != 0,
				Peer:   flags&bpf.SwitchOutFlagsOUT_PEER != 0,
			}
		}
		all[uint16(i)] = l
	}
	return all, nil
}

// tables are the table that a LAG uses, and the number of the other one.
func (t LAGs) tables(number uint16) (*bpf.SwitchLagTable, uint32) {
	at := uint32(number)<<1 | atomic.LoadUint32(&t.o.lags.values[number].Table)&1
	return &t.o.lagTables.values[at], at ^ 1
}

// use fills the table of a LAG that is not in use and makes it the one that is.
// Flows are void then: they hold which table it was.
func (t LAGs) use(number uint16, l *LAG, now uint32) {
	old, next := t.tables(number)
	table := &t.o.lagTables.values[next]
	fillTable(table, old, l)
	table.Changed = now
	atomic.StoreUint32(&t.o.lags.values[number].Table, next)
	t.o.newGeneration()
}

// Put writes a LAG: a frame sees the old table or the new one.
func (t LAGs) Put(number uint16, l LAG) error {
	if err := l.check(number); err != nil {
		return err
	}
	now, err := t.o.jiffies()
	if err != nil {
		return fmt.Errorf("lag %d: %w", number, err)
	}
	if old, _ := t.tables(number); old.Distribution != uint8(l.Distribution) { // its buckets have no members yet
		for b := range t.o.pauses.values[number] {
			storeWord(&t.o.pauses.values[number][b], bpf.SwitchLagPause{})
		}
	}
	t.use(number, &l, now)
	return nil
}

// fillTable writes a table that is not in use. Devices that the old table knows
// the new one knows too.
func fillTable(table, old *bpf.SwitchLagTable, l *LAG) {
	table.Distribution, table.Designated = uint8(l.Distribution), l.Designated
	table.Flags = 0
	if l.Independent {
		table.Flags = uint8(bpf.SwitchLagFlagsLAG_INDEPENDENT)
	}
	table.FlowletGap = uint32(l.FlowletGap / time.Microsecond)
	for b := range l.Buckets {
		table.Bucket[b].First, table.Bucket[b].Second = l.Buckets[b].First, l.Buckets[b].Second
	}
	for m := range l.Members {
		from, to := &l.Members[m], &table.Member[m]
		atomic.StoreUint32(&to.LookedAt, 0)
		storeWord(&to.Way, bpf.SwitchWay{Ifindex: from.IfIndex, Port: from.Port, Flags: from.flags()})
		device := uint64(0)
		if old.Member[m].Way.Ifindex == from.IfIndex {
			device = atomic.LoadUint64(&old.Member[m].Device)
		}
		atomic.StoreUint64(&to.Device, device)
	}
}

func (m LAGMember) flags() uint16 {
	var flags bpf.SwitchOutFlags
	if m.Active {
		flags |= bpf.SwitchOutFlagsOUT_ACTIVE
	}
	if m.Peer {
		flags |= bpf.SwitchOutFlagsOUT_PEER
	}
	return uint16(flags)
}

// check refuses what the program must never read.
func (l *LAG) check(number uint16) error {
	if number == 0 || number > spec.MaxAggregates {
		return fmt.Errorf("lag number %d: want 1..%d", number, spec.MaxAggregates)
	}
	if l.Distribution < spec.TransportPorts || l.Distribution > spec.ActiveBackup {
		return fmt.Errorf("lag %d: distribution %d is none", number, l.Distribution)
	}
	for _, m := range l.Members {
		if m.Port > spec.MaxPorts || (m.IfIndex == 0) != (m.Port == 0) {
			return fmt.Errorf("lag %d: member of interface %d with port number %d: want both", number, m.IfIndex, m.Port)
		}
	}
	for b, bucket := range l.Buckets {
		for _, m := range []uint8{bucket.First, bucket.Second} {
			if m != NoMember && (m >= spec.MaxMembers || !l.Members[m].Active) {
				return fmt.Errorf("lag %d: bucket %d: member %d is not active", number, b, m)
			}
		}
	}
	return nil
}

// Delete removes a LAG: no frame leaves by it any more.
func (t LAGs) Delete(number uint16) error {
	if number == 0 || number > spec.MaxAggregates {
		return nil
	}
	none := LAG{Designated: NoMember}
	for b := range none.Buckets {
		none.Buckets[b] = LAGBucket{NoMember, NoMember}
	}
	t.use(number, &none, 0)
	return nil
}

// LAGLoads gives the octets that left by each bucket of a LAG since its maps
// were made. Only Dynamic counts them.
func (o *Objects) LAGLoads(number uint16) ([spec.LAGBuckets]uint64, error) {
	var sum [spec.LAGBuckets]uint64
	if number == 0 || number > spec.MaxAggregates {
		return sum, fmt.Errorf("lag number %d: want 1..%d", number, spec.MaxAggregates)
	}
	var loads []bpf.SwitchLagLoad
	if err := o.maps[bpf.SwitchMapLagLoads].Lookup(uint32(number), &loads); err != nil {
		return sum, fmt.Errorf("lag %d: read its loads: %w", number, err)
	}
	for _, l := range loads {
		for b, octets := range l.Octets {
			sum[b] += octets
		}
	}
	return sum, nil
}
