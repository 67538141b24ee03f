package fastpath

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/signalbox/signalbox/gen/bpf"
)

// takeOver copies what can be copied out of the maps of another shape, which
// the attached programs go on using until they are replaced. What they learn
// and count meanwhile is lost; what they hold of the configuration is the
// caller's to write again.
func (o *Objects) takeOver(old map[string]*ebpf.Map, log *slog.Logger) error {
	if len(old) == 0 {
		return nil
	}
	log.Warn("maps of another shape are made anew", "maps", slices.Sorted(maps.Keys(old)))
	var errs []error
	if m := old[bpf.SwitchMapCounters]; m != nil {
		n, err := o.copyCounters(m)
		log.Warn("counters are taken over", "ports", n)
		errs = append(errs, err)
	}
	_, fids := old[bpf.SwitchMapFids]
	_, flood := old[bpf.SwitchMapFlood]
	if fids || flood { // nobody knows whose the entries are
		o.FDB().scan(func(s slot) bool {
			o.FDB().free(s, atomic.LoadUint64(s.key), atomic.LoadUint32(s.port))
			return true
		})
		log.Warn("addresses are learned anew")
	} else if m := old[bpf.SwitchMapFdb]; m != nil {
		n, err := o.copyFDB(m)
		log.Warn("addresses are taken over", "entries", n)
		errs = append(errs, err)
	}
	o.FDB().recount()
	return errors.Join(errs...)
}

// recount counts the entries of each switch; nobody else may do so meanwhile.
func (f FDB) recount() {
	for i := range f.o.switches.values {
		atomic.StoreUint32(&f.o.switches.values[i].Dynamic, 0)
		atomic.StoreUint32(&f.o.switches.values[i].Fixed, 0)
	}
	f.scan(func(s slot) bool {
		key, port := atomic.LoadUint64(s.key), atomic.LoadUint32(s.port)
		f.count(f.o.vlanOf(uint16(key&fdbFIDMask)).Switch, port&fdbStatic != 0, 1)
		return true
	})
}

// copyFDB takes over the entries of a map with another number of buckets; it
// tells how many it took.
func (o *Objects) copyFDB(old *ebpf.Map) (int, error) {
	if old.ValueSize() != o.maps[bpf.SwitchMapFdb].ValueSize() || old.MaxEntries()&(old.MaxEntries()-1) != 0 {
		return 0, nil
	}
	from, err := mapArray[bpf.SwitchFdbBucket](old)
	if err != nil {
		return 0, err
	}
	defer from.close()
	n := 0
	src := &Objects{memory: memory{fdb: from}}
	FDB{src}.scan(func(s slot) bool {
		key, port := atomic.LoadUint64(s.key), atomic.LoadUint32(s.port)
		if port == 0 {
			return true
		}
		if done, _ := o.FDB().insert(key, port, atomic.LoadUint32(s.seen)); done {
			n++
		}
		return true
	})
	return n, nil
}

// copyCounters takes over the counters of a map with another number of ports,
// or with fewer reasons for which frames are dropped: in each half of a value
// these come last. It tells how many ports it took.
func (o *Objects) copyCounters(old *ebpf.Map) (int, error) {
	to := o.maps[bpf.SwitchMapCounters]
	if old.Type() != to.Type() || old.ValueSize() > to.ValueSize() {
		return 0, nil
	}
	n := min(old.MaxEntries(), to.MaxEntries())
	for i := range n {
		var raw [][]byte
		if err := old.Lookup(i, &raw); err != nil {
			return int(i), fmt.Errorf("take over counters of port %d: %w", i, err)
		}
		v := make([][]byte, len(raw))
		for cpu, was := range raw {
			v[cpu] = make([]byte, to.ValueSize())
			copy(v[cpu], was[:len(was)/2])
			copy(v[cpu][len(v[cpu])/2:], was[len(was)/2:])
		}
		if err := to.Put(i, v); err != nil {
			return int(i), fmt.Errorf("take over counters of port %d: %w", i, err)
		}
	}
	return int(n), nil
}
