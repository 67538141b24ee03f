package sriov

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
)

// vfKey names a virtual function.
type vfKey struct {
	Name string // of the physical function's interface
	ID   uint16
}

// String is the name for errors.
func (k vfKey) String() string { return fmt.Sprintf("%s virtual function %d", k.Name, k.ID) }

// settings are all attributes but the address.
const settings = spec.VFAll &^ spec.VFMAC

// vfs is the table of some attributes of virtual functions that are ours.
type vfs struct {
	k  *Keeper
	of spec.VFAttributes
}

// List is those that are ours, as the kernel has them.
func (t vfs) List() (map[vfKey]spec.VF, error) {
	all := make(map[vfKey]spec.VF)
	for name, o := range t.k.originals {
		for id, found := range o.VFs {
			if v := t.k.functions[name].vf(id); v != nil && found.Has&t.of != 0 {
				all[vfKey{name, id}] = v.Set.Only(found.Has & t.of)
			}
		}
	}
	return all, nil
}

// vf gives a virtual function; nil for none.
func (f *Function) vf(id uint16) *Virtual {
	if f == nil || int(id) >= len(f.VFs) {
		return nil
	}
	return &f.VFs[id]
}

// Put sets what v has, and gives back what was ours and v does not have any
// more. A function that is not there is set when it appears.
func (t vfs) Put(key vfKey, v spec.VF) error {
	f, err := t.k.refresh(key.Name)
	if err != nil {
		return err
	}
	have := f.vf(key.ID)
	if have == nil {
		return nil
	}
	o := t.k.remember(key.Name)
	want := v
	back := o.VFs[key.ID].Has & t.of &^ v.Has
	for one := range back.Each() {
		want.Take(o.VFs[key.ID], one)
	}
	o.vf(key.ID, have.Set, v.Has)
	if err := t.k.setVF(f, key.ID, want); err != nil {
		return err
	}
	o.VFs[key.ID] = o.VFs[key.ID].Only(v.Has | ^t.of)
	return nil
}

// Delete gives back what was ours. A function that goes anyway is left.
func (t vfs) Delete(key vfKey) error {
	o := t.k.originals[key.Name]
	if o == nil {
		return nil
	}
	found := o.VFs[key.ID].Only(t.of)
	f, err := t.k.refresh(key.Name)
	if err != nil {
		return err
	}
	goes := false
	if _, wanted := t.k.wantNumber(key.Name); !wanted && o.Number != nil {
		goes = f != nil && *o.Number != f.Number
	}
	if found.Has != 0 && !goes && f.vf(key.ID) != nil {
		if err := t.k.setVF(f, key.ID, found); err != nil {
			return err
		}
	}
	if rest := o.VFs[key.ID].Only(^t.of); rest.Has != 0 {
		o.VFs[key.ID] = rest
	} else {
		delete(o.VFs, key.ID)
	}
	t.k.forgetEmpty(key.Name)
	return nil
}

// setVF brings a virtual function of f, as it was just read, to what v has, and
// reads it back. The order is the one that drivers need: an address reaches a
// function that has a driver only when that is bound again, and a trusted one
// would overwrite it; so trust is taken away before and given last.
func (k *Keeper) setVF(f *Function, id uint16, v spec.VF) error {
	name, have := f.Name, f.VFs[id].Set
	if v.Has&spec.VFMAC != 0 && v.MAC != have.MAC {
		if have.Trust && v.Has&spec.VFTrust == 0 {
			v.Take(have, spec.VFTrust)
		}
		now, err := k.setMAC(f, id, v)
		if err != nil || now.vf(id) == nil {
			return err
		}
		f, have = now, now.VFs[id].Set
	}
	for _, one := range []spec.VFAttributes{spec.VFVLAN, spec.VFLinkState, spec.VFMinRate | spec.VFMaxRate, spec.VFSpoofCheck, spec.VFTrust} {
		if v.Only(one) == have.Only(v.Has&one) {
			continue
		}
		if err := k.setAttribute(f, id, v, have, one); err != nil {
			return err
		}
	}
	return k.compare(name, id, v)
}

// setAttribute sets one attribute, or both rates.
func (k *Keeper) setAttribute(f *Function, id uint16, v, have spec.VF, one spec.VFAttributes) error {
	named := v.Has & one
	if one&spec.VFMaxRate != 0 {
		one = spec.VFMaxRate
		for _, rate := range []spec.VFAttributes{spec.VFMinRate, spec.VFMaxRate} {
			if v.Has&rate == 0 { // the kernel takes both
				v.Take(have, rate)
			}
		}
	}
	err := k.kernel.SetVF(f, id, v, one)
	if one == spec.VFMaxRate && errors.Is(err, unix.EINVAL) && !f.Carrier() {
		err = k.retryWithCarrier(f, id, v)
	}
	if err != nil {
		return refused(f.Name, id, v, named, err)
	}
	return nil
}

// retryWithCarrier sets the rates again when the carrier is back.
func (k *Keeper) retryWithCarrier(f *Function, id uint16, v spec.VF) error {
	const remedy = "without a carrier of the physical function drivers take no rate: %w"
	if !f.AdminUp() {
		return fmt.Errorf(remedy, unix.EINVAL)
	}
	now, err := k.awaitBy(k.refresh, f.Name, func(now *Function) bool { return now.Carrier() })
	if err != nil || now == nil {
		return err
	}
	if !now.Carrier() {
		return fmt.Errorf(remedy, unix.EINVAL)
	}
	return k.kernel.SetVF(now, id, v, spec.VFMaxRate)
}

// refused is what the kernel said of an attribute.
func refused(name string, id uint16, v spec.VF, named spec.VFAttributes, err error) error {
	for one := range named.Each() {
		if one == named || one == spec.VFMaxRate {
			return fmt.Errorf("interface %s: virtual function %d: set %s to %s: %w", name, id, one, v.Value(one), err)
		}
	}
	return fmt.Errorf("interface %s: virtual function %d: set %s: %w", name, id, named, err)
}

// setMAC sets the address, and has the function take it where nobody would
// notice: its interface is down. It gives the physical function as it then is.
func (k *Keeper) setMAC(f *Function, id uint16, v spec.VF) (*Function, error) {
	if f.VFs[id].Set.Trust {
		if err := k.kernel.SetVF(f, id, spec.VF{}, spec.VFTrust); err != nil {
			return nil, refused(f.Name, id, spec.VF{}, spec.VFTrust, err)
		}
	}
	if err := k.kernel.SetVF(f, id, v, spec.VFMAC); err != nil {
		return nil, refused(f.Name, id, v, spec.VFMAC, err)
	}
	now, err := k.read(f.Name)
	if err != nil || now.vf(id) == nil {
		return now, err
	}
	vf := &now.VFs[id]
	if vf.Netdev == nil || vf.Netdev.MAC == v.MAC || vf.Use().InUse() || vf.PCI == "" {
		return now, nil
	}
	if err := k.kernel.Rebind(now, id); err != nil {
		return nil, fmt.Errorf("interface %s: virtual function %d: have its driver take %s %s: %w", f.Name, id, spec.VFMAC, v.MAC, err)
	}
	return k.await(f.Name, func(now *Function) bool { return now.vf(id) != nil && now.VFs[id].Netdev != nil })
}

// compare reads a virtual function back. What differs is an error that names
// attribute, wanted and got.
func (k *Keeper) compare(name string, id uint16, v spec.VF) error {
	f, err := k.refresh(name)
	if err != nil || f.vf(id) == nil {
		return err
	}
	have := f.VFs[id].Set
	var errs []error
	for one := range v.Has.Each() {
		if have.Only(one) == v.Only(one) {
			continue
		}
		got := "nothing"
		if have.Has&one != 0 {
			got = have.Value(one)
		}
		errs = append(errs, fmt.Errorf("interface %s: virtual function %d: %s: wanted %s, the kernel has %s", name, id, one, v.Value(one), got))
	}
	return errors.Join(errs...)
}
