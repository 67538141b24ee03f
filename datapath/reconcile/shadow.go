package reconcile

import (
	"errors"
	"fmt"
)

// Shadow is a table and what it is known to hold. It is not safe for
// concurrent use.
type Shadow[K, V comparable] struct {
	// Table is where the calls go.
	Table Table[K, V]

	name string
	have map[K]V
}

// NewShadow follows a table that is taken to be empty until Load. The name
// stands in front of each error.
func NewShadow[K, V comparable](name string, t Table[K, V]) *Shadow[K, V] {
	return &Shadow[K, V]{Table: t, name: name, have: make(map[K]V)}
}

// Name is the name given to NewShadow.
func (s *Shadow[K, V]) Name() string { return s.name }

// Load asks the kernel what is there and forgets what was believed. On an
// error the belief stays as it was.
func (s *Shadow[K, V]) Load() error {
	have, err := s.Table.List()
	if err != nil {
		return fmt.Errorf("%s: list: %w", s.name, err)
	}
	if have == nil {
		have = make(map[K]V)
	}
	s.have = have
	return nil
}

// Get is what the table is known to hold under the key.
func (s *Shadow[K, V]) Get(key K) (V, bool) {
	v, ok := s.have[key]
	return v, ok
}

// Len is how many objects the table is known to hold.
func (s *Shadow[K, V]) Len() int { return len(s.have) }

// Each hands over everything the table is known to hold, in no order, until
// yield returns false.
func (s *Shadow[K, V]) Each(yield func(K, V) bool) {
	for k, v := range s.have {
		if !yield(k, v) {
			return
		}
	}
}

// Observe corrects what is known of an object that the table is known to
// hold: somebody else changed it. Nothing is called. An object that is not
// known is not taken up.
func (s *Shadow[K, V]) Observe(key K, v V) {
	if _, ok := s.have[key]; ok {
		s.have[key] = v
	}
}

// Forget drops what is known of an object that went without our doing.
func (s *Shadow[K, V]) Forget(key K) { delete(s.have, key) }

// Put makes each of the keys that is wanted exist with the wanted value; a
// key with ok false is passed over. Only differences are called.
//
// With an undo, the first error ends it, since all will be taken back; with
// nil everything is attempted and the errors are joined.
func (s *Shadow[K, V]) Put(keys []K, want func(K) (v V, ok bool), undo *Undo) error {
	var errs []error
	for _, k := range keys {
		v, ok := want(k)
		if !ok {
			continue
		}
		if have, ok := s.have[k]; ok && have == v {
			continue
		}
		if err := s.put(k, v, undo); err != nil {
			errs = append(errs, err)
			if undo != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Delete removes each of the keys that the table is known to hold and that is
// not wanted. Errors are as with Put.
func (s *Shadow[K, V]) Delete(keys []K, want func(K) (v V, ok bool), undo *Undo) error {
	var errs []error
	for _, k := range keys {
		if _, ok := s.have[k]; !ok {
			continue
		}
		if _, ok := want(k); ok {
			continue
		}
		if err := s.delete(k, undo); err != nil {
			errs = append(errs, err)
			if undo != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Sync makes the keys what is wanted of them: first it adds and changes, then
// it deletes. Errors are as with Put.
func (s *Shadow[K, V]) Sync(keys []K, want func(K) (v V, ok bool), undo *Undo) error {
	err := s.Put(keys, want, undo)
	if err != nil && undo != nil {
		return err
	}
	return errors.Join(err, s.Delete(keys, want, undo))
}

func (s *Shadow[K, V]) put(k K, v V, undo *Undo) error {
	s.remember(k, undo)
	if err := s.Table.Put(k, v); err != nil {
		return fmt.Errorf("%s: put %v: %w", s.name, k, err)
	}
	s.have[k] = v
	return nil
}

func (s *Shadow[K, V]) delete(k K, undo *Undo) error {
	s.remember(k, undo)
	if err := s.Table.Delete(k); err != nil {
		return fmt.Errorf("%s: delete %v: %w", s.name, k, err)
	}
	delete(s.have, k)
	return nil
}

// remember notes how to bring back what the key holds now. It is called before
// the attempt: a call that fails may have done its work, or half of it.
func (s *Shadow[K, V]) remember(k K, undo *Undo) {
	if undo == nil {
		return
	}
	old, had := s.have[k]
	undo.add(func() error {
		if had {
			return s.put(k, old, nil)
		}
		return s.delete(k, nil)
	})
}
