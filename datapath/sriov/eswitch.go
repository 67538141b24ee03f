package sriov

import (
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
)

// eswitches are the modes of devices' own switches.
func (k *Keeper) eswitches() *setting[spec.Eswitch] {
	return &setting[spec.Eswitch]{
		k: k, set: k.setEswitch,
		have:     func(f *Function) (spec.Eswitch, bool) { return f.Eswitch, f.Eswitch != spec.EswitchNone },
		original: func(o *Original) **spec.Eswitch { return &o.Eswitch },
		lacks: func(name string) error {
			return &spec.Invalid{Port: name, VF: &spec.VFRef{VF: -1, Attribute: spec.VFEswitch}, Reason: "the device has no switch whose mode could be set"}
		},
	}
}

// setEswitch sets the mode, and waits for the ports of the virtual functions that it
// makes. How these are set is looked at again: rates are those of the ports in the
// mode switchdev.
func (k *Keeper) setEswitch(f *Function, mode spec.Eswitch) error {
	if f.Eswitch == mode {
		return nil
	}
	k.keepSettings(f)
	if err := k.kernel.SetEswitch(f, mode); err != nil {
		return fmt.Errorf("interface %s: set eswitch-mode to %s: %w", f.Name, mode, err)
	}
	now, err := k.await(f.Name, func(now *Function) bool { return now.Eswitch == mode && now.represented() })
	if err != nil || now == nil {
		return err
	}
	if now.Eswitch != mode {
		return fmt.Errorf("interface %s: eswitch-mode: wanted %s, the kernel has %s", f.Name, mode, now.Eswitch)
	}
	return nil
}

// represented reports that each virtual function has its port in the mode
// switchdev.
func (f *Function) represented() bool {
	for id := range f.VFs {
		if f.Eswitch == spec.EswitchSwitchdev && f.VFs[id].Port == nil {
			return false
		}
	}
	return len(f.VFs) == int(f.Number)
}
