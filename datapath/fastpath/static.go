package fastpath

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Address is an address in a filtering id.
type Address struct {
	FID uint16
	MAC spec.MAC
}

// Statics is the table of static entries: address to port number.
type Statics struct{ o *Objects }

// Statics is the table of static entries of the filtering database.
func (o *Objects) Statics() Statics { return Statics{o} }

// List reads the table.
func (t Statics) List() (map[Address]uint16, error) {
	all := map[Address]uint16{}
	f := t.o.FDB()
	f.scan(func(s slot) bool {
		if atomic.LoadUint32(s.port)&fdbStatic == 0 {
			return true
		}
		if e, ok := f.entry(s, 0); ok && e.Static {
			all[Address{e.FID, e.MAC}] = e.Port
		}
		return true
	})
	return all, nil
}

// Put fixes an address at a port. A learned entry of it becomes static; where
// its places are full, a learned entry of another address gives way, and
// ErrFDBFull says that there is none.
func (t Statics) Put(a Address, port uint16) error {
	if a.FID == 0 || a.FID > spec.MaxFIDs || port == 0 || port > spec.MaxPorts || a.MAC.Multicast() || a.MAC.IsZero() {
		return fmt.Errorf("static entry %s in filtering id %d at port %d: out of range", a.MAC, a.FID, port)
	}
	defer t.o.newGeneration()
	f, key, want := t.o.FDB(), fdbKey(a.FID, a.MAC), uint32(port)|fdbStatic
	for range 1 << 10 {
		done, err := t.fix(f, key, want)
		if err != nil {
			return fmt.Errorf("static entry %s: %w", a.MAC, err)
		}
		if done {
			return nil
		}
	}
	return fmt.Errorf("static entry %s: the address moves too fast", a.MAC)
}

// fix tries once; false where the program changed the entry meanwhile.
func (t Statics) fix(f FDB, key uint64, want uint32) (bool, error) {
	s, ok := f.find(key)
	if ok {
		old, err := settle(s, key)
		if err != nil || old == 0 || atomic.LoadUint64(s.key) != key {
			return false, err
		}
		if !atomic.CompareAndSwapUint32(s.port, old, want) {
			return false, nil
		}
		sw := f.o.vlanOf(uint16(key & fdbFIDMask)).Switch
		f.count(sw, old&fdbStatic != 0, ^uint32(0))
		f.count(sw, true, 1)
		return true, nil
	}
	done, err := f.insert(key, want, 0)
	if errors.Is(err, ErrFDBFull) && f.evict(key) {
		return false, nil
	}
	return done, err
}

// evict frees one learned entry in the places of a key, the oldest one.
func (f FDB) evict(key uint64) bool {
	now, err := f.o.jiffies()
	if err != nil {
		return false
	}
	var victim slot
	oldest := int32(-1)
	for _, b := range f.buckets(key) {
		for w := range fdbWays {
			s := f.slot(b, w)
			port := atomic.LoadUint32(s.port)
			if port == 0 || port&fdbStatic != 0 {
				continue
			}
			if age := int32(now - atomic.LoadUint32(s.seen)); age > oldest {
				victim, oldest = s, age
			}
		}
	}
	if victim.key == nil {
		return false
	}
	return f.free(victim, atomic.LoadUint64(victim.key), atomic.LoadUint32(victim.port))
}

// Delete removes a static entry; that there is none is no error. A learned
// entry of the address stays.
func (t Statics) Delete(a Address) error {
	f, key := t.o.FDB(), fdbKey(a.FID, a.MAC)
	s, ok := f.find(key)
	if !ok {
		return nil
	}
	if port := atomic.LoadUint32(s.port); port&fdbStatic != 0 {
		f.free(s, key, port)
		t.o.newGeneration()
	}
	return nil
}
