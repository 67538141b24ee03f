package sriov

import (
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
)

// autoprobes are which physical functions have a driver bound to their new
// virtual functions.
func (k *Keeper) autoprobes() *setting[bool] {
	return &setting[bool]{
		k: k, set: k.setAutoprobe,
		have: func(f *Function) (bool, bool) {
			if f.Autoprobe == nil {
				return false, false
			}
			return *f.Autoprobe, true
		},
		original: func(o *Original) **bool { return &o.Autoprobe },
		lacks: func(name string) error {
			return &spec.Invalid{Port: name, VF: &spec.VFRef{VF: -1}, Reason: "drivers-autoprobe: its device has no such switch"}
		},
	}
}

func (k *Keeper) setAutoprobe(f *Function, on bool) error {
	if *f.Autoprobe == on {
		return nil
	}
	if err := k.kernel.SetAutoprobe(f, on); err != nil {
		return fmt.Errorf("interface %s: set drivers-autoprobe to %t: %w", f.Name, on, err)
	}
	now, err := k.read(f.Name)
	if err != nil || now == nil || now.Autoprobe == nil {
		return err
	}
	if *now.Autoprobe != on {
		return fmt.Errorf("interface %s: drivers-autoprobe: wanted %t, the kernel has %t", f.Name, on, *now.Autoprobe)
	}
	return nil
}

// numbers are how many virtual functions there are.
func (k *Keeper) numbers() *setting[uint16] {
	return &setting[uint16]{
		k: k, set: k.setNumber,
		have:     func(f *Function) (uint16, bool) { return f.Number, f.Capable },
		original: func(o *Original) **uint16 { return &o.Number },
	}
}

// setNumber makes n virtual functions. The kernel has no way from one number to another
// but through none, and a driver forgets all settings on it: those that were there
// get back theirs. The device's own carrier goes down meanwhile: who sets a rate,
// or asks what a driver can, waits for it.
func (k *Keeper) setNumber(f *Function, n uint16) error {
	if f.Number == n {
		return nil
	}
	k.keepSettings(f)
	for _, step := range []uint16{0, n} {
		if step == f.Number {
			continue
		}
		if err := k.kernel.SetNumber(f, step); err != nil {
			return fmt.Errorf("interface %s: set num-vfs to %d: %w", f.Name, step, err)
		}
		now, err := k.await(f.Name, func(now *Function) bool { return now.Number == step && now.represented() })
		if err != nil {
			return err
		}
		if now == nil {
			return nil // it went; all is done when it is back
		}
		if now.Number != step || len(now.VFs) != int(step) {
			return fmt.Errorf("interface %s: num-vfs: wanted %d, the kernel has %d and shows %d", f.Name, step, now.Number, len(now.VFs))
		}
		now.carried = f.carried || f.AdminUp() && f.Carrier()
		f = now
	}
	if n == 0 {
		return nil
	}
	if _, known := measured(f.Driver); !known && f.carried {
		var err error
		if f, err = k.awaitBy(k.refresh, f.Name, func(now *Function) bool { return now.Carrier() }); err != nil || f == nil {
			return err
		}
	}
	k.learn(f)
	return k.restoreSettings(f.Name)
}

// keepSettings notes how virtual functions are set that are about to go; of two
// times within a transaction the first counts, so that what fails can be taken
// back.
func (k *Keeper) keepSettings(f *Function) {
	kept := k.kept[f.Name]
	if kept == nil {
		kept = make(map[uint16]spec.VF)
		k.kept[f.Name] = kept
	}
	for id := range f.VFs {
		if _, noted := kept[uint16(id)]; !noted {
			kept[uint16(id)] = f.VFs[id].Set
		}
	}
}

// restoreSettings sets virtual functions that were made anew as they were.
func (k *Keeper) restoreSettings(name string) error {
	f, err := k.read(name)
	if err != nil || f == nil {
		return err
	}
	for id := range f.VFs {
		was, ok := k.kept[name][uint16(id)]
		if !ok {
			continue
		}
		f, err := k.refresh(name)
		if err != nil || f.vf(uint16(id)) == nil {
			return err
		}
		if was.MAC.IsZero() {
			was.Has &^= spec.VFMAC
		}
		if err := k.setVF(f, uint16(id), was); err != nil {
			return err
		}
	}
	return nil
}
