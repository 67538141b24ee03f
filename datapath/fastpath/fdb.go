package fastpath

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// The words of an entry (datapath/bpf/abi.h, struct fdb_bucket).
const (
	fdbWays     = 4
	fdbStatic   = 1 << 16
	fdbPortMask = 0xfff
	fdbFIDMask  = 0x3fff
)

// ErrFDBFull says that both places of an address hold static entries only.
var ErrFDBFull = errors.New("no room in the filtering database")

// Entry is one entry of the filtering database.
type Entry struct {
	VLAN   VLAN // its ID is 0 where the FID belongs to no VLAN any more
	FID    uint16
	MAC    spec.MAC
	Port   uint16
	Static bool
	Age    time.Duration // since it was last noted, in whole seconds; 0 where Static
}

// FDB is the filtering database. The program learns and moves entries at any
// moment; reading is for every goroutine, changing for the owner only.
type FDB struct{ o *Objects }

// FDB is the filtering database.
func (o *Objects) FDB() FDB { return FDB{o} }

// slot is one way of one bucket.
type slot struct {
	key  *uint64
	port *uint32
	seen *uint32
}

func (f FDB) slot(bucket uint32, way int) slot {
	b := &f.o.fdb.values[bucket]
	return slot{&b.Key[way], &b.Port[way], &b.Seen[way]}
}

// fdbKey is the key of an address in a FID:
//
//	bits 0-13   FID
//	bits 16-63  address, its first octet lowest
func fdbKey(fid uint16, mac spec.MAC) uint64 {
	var m uint64
	for i, b := range mac {
		m |= uint64(b) << (8 * i)
	}
	return m<<16 | uint64(fid)
}

func splitKey(key uint64) (uint16, spec.MAC) {
	var mac spec.MAC
	for i := range mac {
		mac[i] = byte(key >> (16 + 8*i))
	}
	return uint16(key & fdbFIDMask), mac
}

// buckets are the two places of a key, as fdb.h computes them for as many
// buckets as there are, a power of two.
func (f FDB) buckets(key uint64) [2]uint32 {
	shift := 64 - bits.TrailingZeros(uint(len(f.o.fdb.values)))
	return [2]uint32{
		uint32((key ^ key>>32) * 0x9e3779b97f4a7c15 >> shift),
		uint32((key ^ key>>29) * 0xc2b2ae3d27d4eb4f >> shift),
	}
}

// find is the slot of a key.
func (f FDB) find(key uint64) (slot, bool) {
	for _, b := range f.buckets(key) {
		for w := range fdbWays {
			if s := f.slot(b, w); atomic.LoadUint64(s.key) == key {
				return s, true
			}
		}
	}
	return slot{}, false
}

// entry reads a slot; false where it is free, or being filled or freed.
func (f FDB) entry(s slot, now uint32) (Entry, bool) {
	key := atomic.LoadUint64(s.key)
	if key == 0 {
		return Entry{}, false
	}
	port := atomic.LoadUint32(s.port)
	if port == 0 || atomic.LoadUint64(s.key) != key {
		return Entry{}, false
	}
	e := Entry{Port: uint16(port & fdbPortMask), Static: port&fdbStatic != 0}
	e.FID, e.MAC = splitKey(key)
	e.VLAN = f.o.vlanOf(e.FID)
	if !e.Static {
		if age := int32(now - atomic.LoadUint32(s.seen)); age > 0 {
			e.Age = time.Duration(uint32(age)/f.o.hz) * time.Second
		}
	}
	return e, true
}

// Lookup finds one entry.
func (f FDB) Lookup(fid uint16, mac spec.MAC) (Entry, bool, error) {
	now, err := f.o.jiffies()
	if err != nil {
		return Entry{}, false, err
	}
	s, ok := f.find(fdbKey(fid, mac))
	if !ok {
		return Entry{}, false, nil
	}
	e, ok := f.entry(s, now)
	return e, ok, nil
}

// All yields every entry, in no order. An entry that comes, moves or goes
// meanwhile is or is not among them. Where the kernel's clock can't be read,
// ages are 0 and the error is told by Age.
func (f FDB) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		now, _ := f.o.jiffies()
		f.scan(func(s slot) bool {
			e, ok := f.entry(s, now)
			return !ok || yield(e)
		})
	}
}

// scan goes over all slots that are not free until do says false.
func (f FDB) scan(do func(slot) bool) {
	for b := range f.o.fdb.values {
		keys := &f.o.fdb.values[b].Key
		for w := range fdbWays {
			if atomic.LoadUint64(&keys[w]) != 0 && !do(f.slot(uint32(b), w)) {
				return
			}
		}
	}
}

// free empties a slot that holds the port word that was read; it fails where
// the entry changed meanwhile.
func (f FDB) free(s slot, key uint64, port uint32) bool {
	if port == 0 || !atomic.CompareAndSwapUint32(s.port, port, 0) {
		return false
	}
	atomic.CompareAndSwapUint64(s.key, key, 0)
	f.count(f.o.vlanOf(uint16(key&fdbFIDMask)).Switch, port&fdbStatic != 0, ^uint32(0))
	return true
}

func (f FDB) count(sw uint16, static bool, by uint32) {
	v := &f.o.switches.values[sw]
	if static {
		atomic.AddUint32(&v.Fixed, by)
	} else {
		atomic.AddUint32(&v.Dynamic, by)
	}
}

// Delete removes each entry that match accepts, static ones too, and tells how
// many they were. match sees an entry once; it may note it.
func (f FDB) Delete(match func(Entry) bool) (int, error) {
	now, err := f.o.jiffies()
	if err != nil {
		return 0, err
	}
	n := 0
	f.scan(func(s slot) bool {
		key, port := atomic.LoadUint64(s.key), atomic.LoadUint32(s.port)
		e, ok := f.entry(s, now)
		if ok && match(e) && f.free(s, key, port) {
			n++
		}
		return true
	})
	if n > 0 {
		f.o.newGeneration()
	}
	return n, nil
}

// Age removes each learned entry that was not noted for longer than its
// switch's ageing time (IEEE 802.1Q-2022, 8.8.3), and those of VLANs that are
// no more; it hands each to gone and tells how many they were. The program
// notes an address every half second in two places, so an entry may live up to
// a second longer than told, never shorter.
func (f FDB) Age(gone func(Entry)) (int, error) {
	if !f.learned() {
		return 0, nil
	}
	now, err := f.o.jiffies()
	if err != nil {
		return 0, err
	}
	n := 0
	f.scan(func(s slot) bool {
		key, port := atomic.LoadUint64(s.key), atomic.LoadUint32(s.port)
		seen := atomic.LoadUint32(s.seen)
		if port == 0 || port&fdbStatic != 0 || !f.tooOld(key, seen, now, s) {
			return true
		}
		if e, ok := f.entry(s, now); ok && f.free(s, key, port) {
			gone(e)
			n++
		}
		return true
	})
	if n > 0 {
		f.o.newGeneration()
	}
	return n, nil
}

// learned reports whether any switch has a learned entry.
func (f FDB) learned() bool {
	for i := range f.o.switches.values {
		if atomic.LoadUint32(&f.o.switches.values[i].Dynamic) != 0 {
			return true
		}
	}
	return false
}

// ageingSlack is how many seconds the note of an address may be late.
const ageingSlack = 1

// tooOld compares with the ageing time. Where there is none, it keeps the time
// of the entry near enough for 32 bits of jiffies.
func (f FDB) tooOld(key uint64, seen, now uint32, s slot) bool {
	vlan := f.o.vlanOf(uint16(key & fdbFIDMask))
	if vlan.ID == 0 {
		return true
	}
	age := int32(now - seen)
	ageing := atomic.LoadUint32(&f.o.switches.values[vlan.Switch].Ageing)
	if ageing == 0 {
		if uint32(age) > 1<<30 {
			atomic.CompareAndSwapUint32(s.seen, seen, now-1<<30)
		}
		return false
	}
	return age > 0 && uint64(age) > uint64(ageing+ageingSlack)*uint64(f.o.hz)
}

// claim takes a free way of a bucket for a key.
func (f FDB) claim(bucket uint32, key uint64) (slot, bool) {
	for w := range fdbWays {
		s := f.slot(bucket, w)
		if atomic.LoadUint64(s.key) == 0 && atomic.CompareAndSwapUint64(s.key, 0, key) {
			return s, true
		}
	}
	return slot{}, false
}

func (f FDB) used(bucket uint32) int {
	n := 0
	for w := range fdbWays {
		if atomic.LoadUint64(&f.o.fdb.values[bucket].Key[w]) != 0 {
			n++
		}
	}
	return n
}

// insert puts an entry that is not there into the emptier of its buckets, as
// the program does. It gives the claim back where the program was faster.
func (f FDB) insert(key uint64, port, seen uint32) (bool, error) {
	at := f.buckets(key)
	if f.used(at[1]) < f.used(at[0]) {
		at[0], at[1] = at[1], at[0]
	}
	s, ok := f.claim(at[0], key)
	if !ok {
		s, ok = f.claim(at[1], key)
	}
	if !ok {
		return false, ErrFDBFull
	}
	copies := 0
	for i, b := range at {
		for w := range fdbWays {
			if (i == 0 || b != at[0]) && atomic.LoadUint64(f.slot(b, w).key) == key {
				copies++
			}
		}
	}
	if copies > 1 {
		atomic.StoreUint64(s.key, 0)
		return false, nil
	}
	atomic.StoreUint32(s.seen, seen)
	atomic.StoreUint32(s.port, port)
	f.count(f.o.vlanOf(uint16(key&fdbFIDMask)).Switch, port&fdbStatic != 0, 1)
	return true, nil
}

// settle waits until an entry that is being filled is filled or gone; the
// program does so within one packet.
func settle(s slot, key uint64) (uint32, error) {
	for range 1 << 20 {
		port := atomic.LoadUint32(s.port)
		if port != 0 || atomic.LoadUint64(s.key) != key {
			return port, nil
		}
		runtime.Gosched()
	}
	return 0, fmt.Errorf("an entry of the filtering database stays half filled")
}
