package sriov

// setting is the table of one setting of physical functions that are ours, by
// interface.
type setting[V comparable] struct {
	k *Keeper
	// have is what the kernel has; false where the device has no such setting.
	have func(*Function) (V, bool)
	// original is where what was found is kept.
	original func(*Original) **V
	// set brings a device there that has the setting.
	set func(*Function, V) error
	// lacks is the error that a device has no such setting; nil where each has it.
	lacks func(name string) error
}

// List is those that are ours, as the kernel has them.
func (t *setting[V]) List() (map[string]V, error) {
	all := make(map[string]V)
	for name, o := range t.k.originals {
		f := t.k.functions[name]
		if f == nil || *t.original(o) == nil {
			continue
		}
		if v, ok := t.have(f); ok {
			all[name] = v
		}
	}
	return all, nil
}

// Put sets it. An interface that is not there is set when it appears.
func (t *setting[V]) Put(name string, v V) error {
	f, err := t.k.read(name)
	if err != nil || f == nil || !f.Capable {
		return err
	}
	found, ok := t.have(f)
	if !ok {
		return t.lacks(name)
	}
	note(t.original(t.k.remember(name)), found)
	return t.set(f, v)
}

// Delete gives it back as it was found.
func (t *setting[V]) Delete(name string) error {
	o := t.k.originals[name]
	if o == nil || *t.original(o) == nil {
		return nil
	}
	f, err := t.k.read(name)
	if err != nil {
		return err
	}
	if f != nil {
		if _, ok := t.have(f); ok {
			if err := t.set(f, **t.original(o)); err != nil {
				return err
			}
		}
	}
	*t.original(o) = nil
	t.k.forgetEmpty(name)
	return nil
}
