package sriov

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signalbox/signalbox/datapath/spec"
)

// validate reports what cannot be of what is wanted of an interface, was what was
// wanted before. Each of the joined errors is a *spec.Invalid.
func (k *Keeper) validate(name string, was *spec.SRIOV) error {
	s, f := k.want[name], k.functions[name]
	if f == nil {
		return nil // it is set when it appears
	}
	if s == nil {
		return k.validateEnd(name, f, was)
	}
	v := &validation{keeper: k, name: name, f: f, s: s, number: f.Number}
	if !f.Capable {
		v.fail(-1, 0, "%s can have no virtual functions: its device has no SR-IOV, or it is off", name)
		return errors.Join(v.errs...)
	}
	if s.Number != nil {
		v.number = *s.Number
		v.checkNumber()
	}
	v.checkEswitch()
	if s.Autoprobe != nil && f.Autoprobe == nil {
		v.fail(-1, 0, "drivers-autoprobe: its device has no such switch")
	}
	for _, id := range slices.Sorted(maps.Keys(s.VFs)) {
		v.checkVF(id, s.VFs[id])
	}
	return errors.Join(v.errs...)
}

// validateEnd wants nobody to miss the virtual functions that go when an
// interface is no longer configured.
func (k *Keeper) validateEnd(name string, f *Function, was *spec.SRIOV) error {
	o := k.originals[name]
	if o == nil || o.Number == nil || was != nil && was.Force {
		return nil
	}
	return f.wantUnused(name, *o.Number)
}

// validation gathers what is wrong with one interface.
type validation struct {
	keeper *Keeper
	name   string
	f      *Function
	s      *spec.SRIOV
	number uint16 // of virtual functions that there are to be
	errs   []error
}

func (v *validation) fail(vf int, attribute spec.VFAttributes, format string, args ...any) {
	v.errs = append(v.errs, &spec.Invalid{Port: v.name, VF: &spec.VFRef{VF: vf, Attribute: attribute}, Reason: fmt.Sprintf(format, args...)})
}

func (v *validation) checkNumber() {
	if v.f.Total != 0 && v.number > v.f.Total {
		v.fail(-1, spec.VFNumber, "%d: %s can have at most %d", v.number, v.name, v.f.Total)
	}
	if !v.s.Force {
		if err := v.f.wantUnused(v.name, v.number); err != nil {
			v.errs = append(v.errs, err)
		}
	}
}

// checkEswitch looks at the mode of the device's switch: another one takes virtual
// functions from who uses them.
func (v *validation) checkEswitch() {
	switch users := v.f.users(); {
	case v.s.Eswitch == spec.EswitchNone || v.s.Eswitch == v.f.Eswitch:
	case v.f.Eswitch == spec.EswitchNone:
		v.fail(-1, spec.VFEswitch, "the device of %s has no switch whose mode could be set", v.name)
	case len(users) > 0 && !v.s.Force:
		v.fail(-1, spec.VFEswitch, "%s instead of %s is for virtual functions that nobody uses, and in use are %s: free them, or set on-shrink to FORCE first",
			v.s.Eswitch, v.f.Eswitch, strings.Join(users, ", "))
	}
}

// users are the virtual functions in use, with who uses them.
func (f *Function) users() (users []string) {
	for id := range f.VFs {
		if use := f.VFs[id].Use(); use.InUse() {
			users = append(users, fmt.Sprintf("%d (%s)", id, use))
		}
	}
	return users
}

// wantUnused refuses a number that takes a virtual function from who uses it.
func (f *Function) wantUnused(name string, number uint16) error {
	if number == f.Number {
		return nil
	}
	users := f.users()
	if len(users) == 0 {
		return nil
	}
	return &spec.Invalid{Port: name, VF: &spec.VFRef{VF: -1, Attribute: spec.VFNumber}, Reason: fmt.Sprintf(
		"%d instead of %d makes all virtual functions anew, and in use are %s: free them, or set on-shrink to FORCE first",
		number, f.Number, strings.Join(users, ", "))}
}

func (v *validation) checkVF(id uint16, vf spec.VF) {
	if id >= v.number {
		v.fail(int(id), spec.VFNumber, "there are %d virtual functions: set num-vfs", v.number)
		return
	}
	a := v.keeper.abilities(v.f)
	for one := range (vf.Has & a.cannot).Each() {
		v.fail(int(id), one, "driver %s can not do this", v.f.Driver)
	}
	if vf.Has&spec.VFVLAN != 0 && vf.TPID == spec.TPIDService && !a.qinq && !a.qinqUnknown {
		v.fail(int(id), spec.VFVLAN, "driver %s has no tag of the type TPID_0X88A8", v.f.Driver)
	}
	v.checkRates(int(id), vf)
	v.checkOwner(id, vf)
}

func (v *validation) checkRates(id int, vf spec.VF) {
	for one, rate := range map[spec.VFAttributes]uint32{spec.VFMinRate: vf.MinRate, spec.VFMaxRate: vf.MaxRate} {
		if v.f.Speed != 0 && rate > v.f.Speed {
			v.fail(id, one, "%d Mbit/s is more than the link's %d Mbit/s", rate, v.f.Speed)
		}
	}
	if have := v.f.vf(uint16(id)); have != nil && v.f.Number == v.number && vf.Has&(spec.VFMinRate|spec.VFMaxRate) == spec.VFMinRate &&
		have.Set.MaxRate != 0 && vf.MinRate > have.Set.MaxRate {
		v.fail(id, spec.VFMinRate, "%d Mbit/s is more than the max-tx-rate of %d Mbit/s that it has", vf.MinRate, have.Set.MaxRate)
	}
}

// checkOwner wants no two functions of the element to have one address.
func (v *validation) checkOwner(id uint16, vf spec.VF) {
	if vf.Has&spec.VFMAC == 0 {
		return
	}
	for _, other := range slices.Sorted(maps.Keys(v.keeper.want)) {
		if other == v.name {
			continue // spec.SRIOV looks for these
		}
		for n, o := range v.keeper.want[other].VFs {
			if o.Has&spec.VFMAC != 0 && o.MAC == vf.MAC {
				v.fail(int(id), spec.VFMAC, "%s is that of virtual function %d of %s", vf.MAC, n, other)
			}
		}
	}
}
