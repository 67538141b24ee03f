package datapath

// numbers gives each key a number 1..max that it keeps while it is used, and
// through a transaction that fails. A number that is free again is given out
// as late as possible: a frame that is still on its way with it does no harm.
type numbers[K comparable] struct {
	max   int
	last  int       // the number given out last
	keyOf []*K      // by number; nil: free
	of    map[K]int // by key
	idle  map[K]struct{}
	fresh []K // given a number in this transaction
}

func newNumbers[K comparable](limit int) *numbers[K] {
	return &numbers[K]{
		max: limit, keyOf: make([]*K, limit+1),
		of: make(map[K]int), idle: make(map[K]struct{}),
	}
}

// restore seeds what an earlier instance gave out. It is idle until it is
// taken, and free when the first transaction ends without that.
func (n *numbers[K]) restore(key K, number int) {
	if number < 1 || number > n.max || n.keyOf[number] != nil || n.of[key] != 0 {
		return
	}
	n.set(key, number)
	n.idle[key] = struct{}{}
}

// take marks a key as used; false where no number is left.
func (n *numbers[K]) take(key K) bool {
	if n.of[key] != 0 {
		delete(n.idle, key)
		return true
	}
	for i := 1; i <= n.max; i++ {
		number := (n.last+i-1)%n.max + 1
		if n.keyOf[number] != nil {
			continue
		}
		n.last = number
		n.set(key, number)
		n.fresh = append(n.fresh, key)
		return true
	}
	return false
}

func (n *numbers[K]) set(key K, number int) {
	n.of[key] = number
	n.keyOf[number] = &key
}

// release marks a key as not used; its number is free after commit.
func (n *numbers[K]) release(key K) {
	if n.of[key] != 0 {
		n.idle[key] = struct{}{}
	}
}

// number is that of a key, used or idle; 0 where it has none.
func (n *numbers[K]) number(key K) int { return n.of[key] }

// used is the key that uses a number now.
func (n *numbers[K]) used(number int) (key K, ok bool) {
	if number < 1 || number > n.max || n.keyOf[number] == nil {
		return key, false
	}
	key = *n.keyOf[number]
	_, idle := n.idle[key]
	return key, !idle
}

// key is what a number was last given to and is not free of; the zero value
// where it is free.
func (n *numbers[K]) key(number uint16) (key K) {
	if int(number) > n.max || n.keyOf[number] == nil {
		return key
	}
	return *n.keyOf[number]
}

// commit frees what is not used, and reports whether there was any.
func (n *numbers[K]) commit() bool {
	freed := len(n.idle) > 0
	for key := range n.idle {
		n.free(key)
	}
	n.fresh = nil
	return freed
}

// rollback frees what the transaction gave out; it is called after the change
// was taken back.
func (n *numbers[K]) rollback() {
	for _, key := range n.fresh {
		if _, ok := n.idle[key]; ok {
			n.free(key)
		}
	}
	n.fresh = nil
}

func (n *numbers[K]) free(key K) {
	n.keyOf[n.of[key]] = nil
	delete(n.of, key)
	delete(n.idle, key)
}

// numbered gives numbers to what has several users.
type numbered[K comparable] struct {
	*numbers[K]
	users map[K]int
}

func newNumbered[K comparable](limit int) *numbered[K] {
	return &numbered[K]{newNumbers[K](limit), make(map[K]int)}
}

// join adds a user; false where no number is left, and then too it must leave.
func (n *numbered[K]) join(key K) bool {
	n.users[key]++
	return n.take(key)
}

// leave takes a user away.
func (n *numbered[K]) leave(key K) {
	if n.users[key]--; n.users[key] <= 0 {
		delete(n.users, key)
		n.release(key)
	}
}
