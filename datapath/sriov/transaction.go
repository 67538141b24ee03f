package sriov

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/reconcile"
	"github.com/signalbox/signalbox/datapath/spec"
)

// Transaction is a change that was found possible. Until End nothing else
// happens to virtual functions.
type Transaction struct {
	k       *Keeper
	was     map[string]*spec.SRIOV
	touched []string
	ended   bool
	nothing bool // it has nothing to do with virtual functions

	undo   reconcile.Undo       // what was done
	before map[string]*Original // the originals as they were
}

// Concerned reports whether the change has anything to do with virtual functions.
func (t *Transaction) Concerned() bool { return !t.nothing }

// Check reports whether a change could be made; nil is what is no longer
// configured. Each of the joined errors is a *spec.Invalid.
func (k *Keeper) Check(c map[string]*spec.SRIOV) error {
	t, err := k.Begin(c)
	t.End()
	return err
}

// Begin takes a change over, or says why it cannot be. What it does not name
// stays as it is; of the first change, it is no longer wanted. It touches nothing
// yet. End must follow in any case.
func (k *Keeper) Begin(c map[string]*spec.SRIOV) (*Transaction, error) {
	t := &Transaction{k: k}
	if !k.concerns(c) {
		t.ended, t.nothing = true, true
		return t, nil
	}
	k.mu.Lock()
	t.was = maps.Clone(k.want)
	names := make(map[string]struct{})
	if !k.ready {
		for name := range k.originals {
			names[name] = struct{}{}
		}
	}
	for name, s := range c {
		if s == nil {
			delete(k.want, name)
		} else {
			k.want[name] = s
		}
		if s != nil || t.was[name] != nil || k.originals[name] != nil {
			names[name] = struct{}{}
		}
	}
	t.touched = slices.Sorted(maps.Keys(names))
	if err := k.look(); err != nil {
		return t, err
	}
	if !k.ready {
		return t, nil // what cannot be is told, and tried again: the device may be another one
	}
	var errs []error
	for _, name := range t.touched {
		errs = append(errs, k.validate(name, t.was[name]))
	}
	return t, errors.Join(errs...)
}

// concerns reports whether a change, or the first one, has anything to do with
// virtual functions.
func (k *Keeper) concerns(c map[string]*spec.SRIOV) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ready {
		return true
	}
	for name, s := range c {
		if s != nil || k.want[name] != nil || k.originals[name] != nil {
			return true
		}
	}
	return false
}

// Commit brings the devices to what is wanted, or says what failed; TakeBack must
// follow then. The first change of all does not fail: what does is tried again.
func (t *Transaction) Commit() error {
	if t.ended {
		return nil
	}
	k := t.k
	if !k.ready {
		t.was = nil // it is never taken back
		k.ready = true
		return k.begin(t.touched)
	}
	t.before = copyOriginals(k.originals)
	for _, name := range t.touched {
		k.noteOriginals(name)
	}
	err := k.keep()
	if err == nil {
		err = k.sync(t.touched, &t.undo)
	}
	if err == nil {
		err = k.keep()
	}
	if err != nil {
		return err
	}
	t.was, t.before = nil, nil // nothing to take back
	for _, name := range t.touched {
		delete(k.faults, name)
	}
	clear(k.kept)
	return nil
}

// begin takes over what an earlier instance left, and makes the first change.
func (k *Keeper) begin(names []string) error {
	for _, load := range []func() error{k.autoprobe.Load, k.eswitch.Load, k.number.Load, k.mac.Load, k.settings.Load} {
		if err := load(); err != nil {
			return err
		}
	}
	k.due.whole.Add(names...)
	k.repair(time.Now())
	return nil
}

// TakeBack makes everything as it was before a Commit that failed. Whatever else
// was changed with it must be as it was: without a carrier drivers take no rate.
func (t *Transaction) TakeBack() error {
	if t.before == nil {
		return nil
	}
	k := t.k
	k.want = t.was
	err := t.undo.Rollback()
	clear(k.kept)
	k.originals, t.before = t.before, nil
	if err = errors.Join(err, k.keep(), k.look()); err != nil {
		for _, name := range t.touched {
			k.failed(time.Now(), name, err)
		}
	}
	return err
}

// End lets others go on; a change that was not committed is forgotten.
func (t *Transaction) End() {
	if t.ended {
		return
	}
	t.ended = true
	if t.was != nil {
		t.k.want = t.was
	}
	if err := t.k.look(); err != nil {
		t.k.failed(time.Now(), "", err)
	}
	t.k.publish()
	signal(t.k.wake) // for what is due
	t.k.mu.Unlock()
}

// Resync brings everything to what is wanted, what somebody else changed
// included. All is attempted; the errors are joined.
func (k *Keeper) Resync() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ready || len(k.want)+len(k.originals) == 0 {
		return nil
	}
	if err := k.look(); err != nil {
		return err
	}
	k.due.whole.Add(slices.Sorted(maps.Keys(k.want))...)
	k.repair(time.Now())
	k.publish()
	return errors.Join(slices.Collect(maps.Values(k.faults))...)
}

// Flush gives everything back as it was found, also what is in use. All is
// attempted; the errors are joined.
func (k *Keeper) Flush() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.originals) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(k.originals))
	if err := k.readAll(); err != nil {
		return err
	}
	if !k.ready {
		for _, load := range []func() error{k.autoprobe.Load, k.eswitch.Load, k.number.Load, k.mac.Load, k.settings.Load} {
			if err := load(); err != nil {
				return err
			}
		}
	}
	clear(k.want)
	err := k.sync(names, nil)
	return errors.Join(err, k.keep())
}
