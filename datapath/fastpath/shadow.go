package fastpath

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/gen/bpf"
)

// Shadow is a copy of the maps as they are: its tables are written, and frames
// explained, as those of the objects themselves, and nothing of it reaches the
// kernel's frames. Only the tables, FDB and Explain may be used. CloseShadow
// ends it, before the objects are closed.
func (o *Objects) Shadow() (_ *Objects, err error) {
	s := &Objects{maps: map[string]*ebpf.Map{}, clock: o.clock, hz: o.hz, cookie: o.cookie}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("shadow: %w", err), s.CloseShadow())
		}
	}()
	all, err := bpf.LoadSwitch()
	if err != nil {
		return nil, err
	}
	for _, name := range shadowed() {
		m := all.Maps[name]
		m.Pinning = ebpf.PinNone
		m.Flags |= unix.BPF_F_MMAPABLE
		if s.maps[name], err = ebpf.NewMap(m); err != nil {
			return nil, withRemedy(fmt.Errorf("make map %s: %w", name, err))
		}
	}
	if err := s.memory.open(s.maps); err != nil {
		return nil, err
	}
	s.memory.copy(&o.memory)
	return s, nil
}

// shadowed are the maps that are mapped into memory.
func shadowed() []string {
	return []string{
		bpf.SwitchMapPortOfIfindex, bpf.SwitchMapPorts, bpf.SwitchMapSwitches, bpf.SwitchMapFids,
		bpf.SwitchMapFlood, bpf.SwitchMapFdb, globals, bpf.SwitchMapLags, bpf.SwitchMapLagTables,
		bpf.SwitchMapLagPauses, bpf.SwitchMapCarriers, bpf.SwitchMapClassifiers, bpf.SwitchMapClassTerms,
		bpf.SwitchMapPolicers,
	}
}

// copy takes over all values. The program may write meanwhile: an entry of the
// filtering database that is being filled is then not there.
func (m *memory) copy(from *memory) {
	copy(m.index.mem, from.index.mem)
	copy(m.ports.mem, from.ports.mem)
	copy(m.switches.mem, from.switches.mem)
	copy(m.fids.mem, from.fids.mem)
	copy(m.flood.mem, from.flood.mem)
	copy(m.fdb.mem, from.fdb.mem)
	copy(m.globals.mem, from.globals.mem)
	copy(m.lags.mem, from.lags.mem)
	copy(m.lagTables.mem, from.lagTables.mem)
	copy(m.pauses.mem, from.pauses.mem)
	copy(m.classifiers.mem, from.classifiers.mem)
	copy(m.terms.mem, from.terms.mem)
	copy(m.policers.mem, from.policers.mem)
}

// CloseShadow releases what Shadow made.
func (o *Objects) CloseShadow() error {
	var errs []error
	if o.explainer != nil {
		errs = append(errs, o.explainer.close())
	}
	errs = append(errs, o.memory.close())
	for _, m := range o.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
