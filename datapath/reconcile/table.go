package reconcile

// Table is one kind of kernel object, addressed by K and described by V.
// An implementation need not be safe for concurrent use.
type Table[K comparable, V any] interface {
	// List reads everything the kernel has of this kind.
	List() (map[K]V, error)
	// Put creates the object or changes it to v. Doing it again changes nothing.
	Put(key K, v V) error
	// Delete removes the object. That there is none is no error.
	Delete(key K) error
}

// Keys is a set that remembers the order of its elements, so that the same
// change makes the same calls in the same order. The zero value is empty.
type Keys[K comparable] struct {
	order []K
	in    map[K]struct{}
}

// Add puts keys behind those that are there; a key that is there stays where
// it is.
func (s *Keys[K]) Add(keys ...K) {
	if s.in == nil {
		s.in = make(map[K]struct{}, len(keys))
	}
	for _, k := range keys {
		if _, ok := s.in[k]; ok {
			continue
		}
		s.in[k] = struct{}{}
		s.order = append(s.order, k)
	}
}

// Has reports whether the key is in the set.
func (s *Keys[K]) Has(key K) bool {
	_, ok := s.in[key]
	return ok
}

// Len counts the keys.
func (s *Keys[K]) Len() int { return len(s.order) }

// All is the keys in the order in which they came; the caller must not modify
// the slice.
func (s *Keys[K]) All() []K { return s.order }
