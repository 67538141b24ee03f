package sriov

import (
	"fmt"

	"github.com/signalbox/signalbox/datapath/spec"
)

// eswitches is the table of the modes of devices' own switches, by interface.
type eswitches struct{ k *Keeper }

// List is those that are ours, as the kernel has them.
func (t eswitches) List() (map[string]spec.Eswitch, error) {
	all := make(map[string]spec.Eswitch)
	for name, o := range t.k.originals {
		if f := t.k.functions[name]; f != nil && f.Eswitch != spec.EswitchNone && o.Eswitch != spec.EswitchNone {
			all[name] = f.Eswitch
		}
	}
	return all, nil
}

// Put sets the mode. An interface that is not there is set when it appears.
func (t eswitches) Put(name string, mode spec.Eswitch) error {
	f, err := t.k.read(name)
	if err != nil || f == nil || !f.Capable {
		return err
	}
	if f.Eswitch == spec.EswitchNone {
		return &spec.Invalid{Port: name, VF: &spec.VFRef{VF: -1, Attribute: spec.VFEswitch}, Reason: "the device has no switch whose mode could be set"}
	}
	t.k.remember(name).eswitch(f)
	return t.set(f, mode)
}

// Delete gives the mode back that was found.
func (t eswitches) Delete(name string) error {
	o := t.k.originals[name]
	if o == nil || o.Eswitch == spec.EswitchNone {
		return nil
	}
	f, err := t.k.read(name)
	if err != nil {
		return err
	}
	if f != nil && f.Eswitch != spec.EswitchNone {
		if err := t.set(f, o.Eswitch); err != nil {
			return err
		}
	}
	o.Eswitch = spec.EswitchNone
	t.k.forgetEmpty(name)
	return nil
}

// set sets the mode, and waits for the ports of the virtual functions that it
// makes. How these are set is looked at again: rates are those of the ports in the
// mode switchdev.
func (t eswitches) set(f *Function, mode spec.Eswitch) error {
	if f.Eswitch == mode {
		return nil
	}
	t.k.keepSettings(f)
	if err := t.k.kernel.SetEswitch(f, mode); err != nil {
		return fmt.Errorf("interface %s: set eswitch-mode to %s: %w", f.Name, mode, err)
	}
	now, err := t.k.await(f.Name, func(now *Function) bool { return now.Eswitch == mode && now.represented() })
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
