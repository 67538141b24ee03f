package sriov

import (
	"encoding/json"
	"maps"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Original is what was found of a physical function before the first touch; nil
// where it is not ours.
type Original struct {
	Number    *uint16            `json:"number,omitempty"`
	Autoprobe *bool              `json:"autoprobe,omitempty"`
	Eswitch   *spec.Eswitch      `json:"eswitch,omitempty"`
	VFs       map[uint16]spec.VF `json:"vfs,omitempty"`
}

func (o *Original) empty() bool {
	return o.Number == nil && o.Autoprobe == nil && o.Eswitch == nil && len(o.VFs) == 0
}

// note keeps what was found, where it is not ours yet.
func note[V any](original **V, found V) {
	if *original == nil {
		*original = &found
	}
}

// vf notes the attributes of a set that are not ours yet.
func (o *Original) vf(id uint16, have spec.VF, set spec.VFAttributes) {
	found := o.VFs[id]
	for one := range (set &^ found.Has).Each() {
		found.Take(have, one)
	}
	if o.VFs == nil {
		o.VFs = make(map[uint16]spec.VF)
	}
	o.VFs[id] = found
}

func copyOriginals(all map[string]*Original) map[string]*Original {
	c := make(map[string]*Original, len(all))
	for name, o := range all {
		p := *o
		p.VFs = maps.Clone(o.VFs)
		c[name] = &p
	}
	return c
}

// remember gives what is kept of an interface, which is the caller's to write.
func (k *Keeper) remember(name string) *Original {
	o := k.originals[name]
	if o == nil {
		o = &Original{}
		k.originals[name] = o
	}
	return o
}

func (k *Keeper) forgetEmpty(name string) {
	if o := k.originals[name]; o != nil && o.empty() {
		delete(k.originals, name)
	}
}

// noteOriginals notes of an interface what a change is about to touch, as far as
// it is there.
func (k *Keeper) noteOriginals(name string) {
	f, s := k.functions[name], k.want[name]
	if f == nil || !f.Capable || s == nil {
		return
	}
	o := k.remember(name)
	if s.Number != nil {
		note(&o.Number, f.Number)
	}
	if s.Autoprobe != nil && f.Autoprobe != nil {
		note(&o.Autoprobe, *f.Autoprobe)
	}
	if s.Eswitch != spec.EswitchNone && f.Eswitch != spec.EswitchNone {
		note(&o.Eswitch, f.Eswitch)
	}
	for id, v := range s.VFs {
		if have := f.vf(id); have != nil && v.Has != 0 {
			o.vf(id, have.Set, v.Has)
		}
	}
	k.forgetEmpty(name)
}

// keep saves the originals for the next instance where they are others than it
// knows.
func (k *Keeper) keep() error {
	text, err := json.Marshal(k.originals)
	if err != nil || string(text) == k.saved {
		return err
	}
	if err := k.save(k.originals); err != nil {
		return err
	}
	k.saved = string(text)
	return nil
}
