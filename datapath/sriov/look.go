package sriov

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// candidates are the interfaces to read: those with a device, and those that are
// wanted or ours.
func (k *Keeper) candidates() []string {
	all := make(map[string]struct{})
	k.seen.Lock()
	maps.Copy(all, k.names)
	k.seen.Unlock()
	for name := range k.want {
		all[name] = struct{}{}
	}
	for name := range k.originals {
		all[name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(all))
}

// readAll reads everything.
func (k *Keeper) readAll() error {
	functions, err := k.kernel.Read(k.candidates())
	if err != nil {
		return fmt.Errorf("virtual functions: %w", err)
	}
	k.functions = functions
	return nil
}

// read reads one physical function again; nil where it is not there.
func (k *Keeper) read(name string) (*Function, error) {
	// The interfaces of its virtual functions may be among the others.
	functions, err := k.kernel.Read(append(k.near(name), name))
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return k.took(name, functions[name]), nil
}

// refresh reads again how the virtual functions of a physical one are set; nil
// where it is not there.
func (k *Keeper) refresh(name string) (*Function, error) {
	f := k.functions[name]
	if f == nil || !f.Capable {
		return k.read(name)
	}
	f, err := k.kernel.Refresh(f)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	return k.took(name, f), nil
}

// took keeps what was read of an interface.
func (k *Keeper) took(name string, f *Function) *Function {
	if f == nil {
		delete(k.functions, name)
	} else {
		k.functions[name] = f
	}
	return f
}

// near are the interfaces of a physical function's virtual functions, as last
// read.
func (k *Keeper) near(name string) (names []string) {
	f := k.functions[name]
	for id := 0; f != nil && id < len(f.VFs); id++ {
		if n := f.VFs[id].Netdev; n != nil {
			names = append(names, n.Name)
		}
	}
	return names
}

// await reads a physical function until it is as wanted, for a bounded time, and
// gives it as it was last read; nil where it is not there any more.
func (k *Keeper) await(name string, ok func(*Function) bool) (*Function, error) {
	return k.awaitBy(k.read, name, ok)
}

// awaitBy is await by one of the ways to read.
func (k *Keeper) awaitBy(read func(string) (*Function, error), name string, ok func(*Function) bool) (*Function, error) {
	for deadline := time.Now().Add(k.patience); ; time.Sleep(lookAgain) {
		f, err := read(name)
		if err != nil || f == nil || ok(f) || time.Now().After(deadline) {
			return f, err
		}
	}
}

// look reads everything and compares it with what was read before. Due are then
// the interfaces that came, or differ and are to be repaired, and those whose
// virtual functions were made anew.
func (k *Keeper) look() error {
	before := k.functions
	if err := k.readAll(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(k.want)) {
		is, was := k.functions[name], before[name]
		if is == nil || !sameDevice(is, was) {
			k.forget(name)
		}
		if is == nil {
			continue
		}
		if k.bornAgain(name, is, was) {
			k.due.anew.Add(name)
		}
		if k.drifted(name, is) && k.want[name].Repair || !sameDevice(is, was) {
			k.due.whole.Add(name)
		}
	}
	return nil
}

func sameDevice(a, b *Function) bool {
	return b != nil && a.Index == b.Index && a.Device == b.Device && a.Capable == b.Capable
}

// bornAgain reports that virtual functions were made anew since the last look,
// and forgets what is known of those.
func (k *Keeper) bornAgain(name string, f, was *Function) bool {
	again := false
	for id := range f.VFs {
		if old := was.vf(uint16(id)); old == nil || old.Born != f.VFs[id].Born {
			again = true
			k.forgetVF(vfKey{name, uint16(id)})
		}
	}
	return again
}

// drifted takes over what the kernel has of what is ours, and reports whether it
// is other than wanted.
func (k *Keeper) drifted(name string, f *Function) bool {
	drift := false
	if n, ok := k.wantNumber(name); ok && f.Capable {
		k.number.Observe(name, f.Number)
		drift = n != f.Number
	}
	if mode, ok := k.wantEswitch(name); ok && f.Eswitch != spec.EswitchNone {
		k.eswitch.Observe(name, f.Eswitch)
		drift = drift || mode != f.Eswitch
	}
	if on, ok := k.wantAutoprobe(name); ok && f.Autoprobe != nil {
		k.autoprobe.Observe(name, *f.Autoprobe)
		drift = drift || on != *f.Autoprobe
	}
	for id, v := range k.want[name].VFs {
		have := f.vf(id)
		if have == nil {
			k.forgetVF(vfKey{name, id})
			drift = true
			continue
		}
		k.observeVF(vfKey{name, id}, have.Set)
		drift = drift || have.Set.Only(v.Has) != v.Only(spec.VFAll)
	}
	return drift
}
