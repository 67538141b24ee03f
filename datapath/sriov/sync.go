package sriov

import (
	"errors"
	"maps"
	"slices"

	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// forget drops what is known of an interface that went.
func (k *Keeper) forget(name string) {
	k.autoprobe.Forget(name)
	k.eswitch.Forget(name)
	k.number.Forget(name)
	for _, key := range k.vfKeys(name) {
		k.forgetVF(key)
	}
}

// forgetVF drops what is known of a virtual function.
func (k *Keeper) forgetVF(key vfKey) {
	k.mac.Forget(key)
	k.settings.Forget(key)
}

// observeVF takes over how a virtual function is set, of what is ours.
func (k *Keeper) observeVF(key vfKey, have spec.VF) {
	for _, t := range []*reconcile.Shadow[vfKey, spec.VF]{k.mac, k.settings} {
		believed, _ := t.Get(key)
		t.Observe(key, have.Only(believed.Has))
	}
}

// vfKeys are the virtual functions of an interface that are wanted, or ours.
func (k *Keeper) vfKeys(name string) []vfKey {
	ids := make(map[uint16]struct{})
	if s := k.want[name]; s != nil {
		for id := range s.VFs {
			ids[id] = struct{}{}
		}
	}
	for _, t := range []*reconcile.Shadow[vfKey, spec.VF]{k.mac, k.settings} {
		for key := range t.Each {
			if key.Name == name {
				ids[key.ID] = struct{}{}
			}
		}
	}
	var keys []vfKey
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		keys = append(keys, vfKey{name, id})
	}
	return keys
}

func (k *Keeper) wantAutoprobe(name string) (bool, bool) {
	s := k.want[name]
	if s == nil || s.Autoprobe == nil {
		return false, false
	}
	return *s.Autoprobe, true
}

func (k *Keeper) wantEswitch(name string) (spec.Eswitch, bool) {
	s := k.want[name]
	if s == nil || s.Eswitch == spec.EswitchNone {
		return spec.EswitchNone, false
	}
	return s.Eswitch, true
}

func (k *Keeper) wantNumber(name string) (uint16, bool) {
	s := k.want[name]
	if s == nil || s.Number == nil {
		return 0, false
	}
	return *s.Number, true
}

// wantVF is what is wanted of some attributes of a virtual function.
func (k *Keeper) wantVF(of spec.VFAttributes) func(vfKey) (spec.VF, bool) {
	return func(key vfKey) (spec.VF, bool) {
		s := k.want[key.Name]
		if s == nil {
			return spec.VF{}, false
		}
		v := s.VFs[key.ID].Only(of)
		return v, v.Has != 0
	}
}

// sync brings the tables of interfaces to what is wanted: what comes and changes
// first, number before settings, then what goes, settings first. With an undo the
// first error ends it, with nil everything is attempted.
func (k *Keeper) sync(names []string, undo *reconcile.Undo) error {
	return inOrder(undo,
		func() error { return k.autoprobe.Put(names, k.wantAutoprobe, undo) },
		func() error { return k.eswitch.Put(names, k.wantEswitch, undo) },
		func() error { return k.number.Put(names, k.wantNumber, undo) },
		func() error { return k.syncVFs(names, undo) },
		func() error { return k.number.Delete(names, k.wantNumber, undo) },
		func() error { return k.eswitch.Delete(names, k.wantEswitch, undo) },
		func() error { return k.autoprobe.Delete(names, k.wantAutoprobe, undo) },
	)
}

// syncVFs brings the virtual functions alone to what is wanted: all addresses
// before all else, so that drivers are bound again while a device's carrier comes
// back, without which it takes no rate.
func (k *Keeper) syncVFs(names []string, undo *reconcile.Undo) error {
	var keys []vfKey
	for _, name := range names {
		k.anew(name)
		keys = append(keys, k.vfKeys(name)...)
	}
	mac, others := k.wantVF(spec.VFMAC), k.wantVF(settings)
	return inOrder(undo,
		func() error { return k.mac.Put(keys, mac, undo) },
		func() error { return k.settings.Sync(keys, others, undo) },
		func() error { return k.mac.Delete(keys, mac, undo) },
	)
}

// inOrder takes steps; with an undo the first error ends it.
func inOrder(undo *reconcile.Undo, steps ...func() error) error {
	var errs []error
	for _, step := range steps {
		if err := step(); err != nil {
			errs = append(errs, err)
			if undo != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// anew takes over how virtual functions are set that another number has made
// anew: what is believed of them does not hold any more.
func (k *Keeper) anew(name string) {
	if _, changed := k.kept[name]; !changed {
		return
	}
	for _, key := range k.vfKeys(name) {
		if have := k.functions[name].vf(key.ID); have != nil {
			k.observeVF(key, have.Set)
		} else {
			k.forgetVF(key)
		}
	}
}
