package telemetry

import (
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// follower is a subscription that changes are handed to.
type follower struct {
	updates schema.Pattern // leaves that are delivered when they change
	deletes schema.Pattern // everything asked for: what goes is told at once, sampled or not
	queue   *queue
	commits bool   // it wants to know where a commit ends
	seq     uint64 // the transaction from which on it follows
}

// followerIndex has for each node the followers that may ask for it, found
// when first needed and forgotten when a follower comes or goes.
type followerIndex struct {
	updates map[ocpath.ID][]*follower
	deletes map[ocpath.ID][]*follower
}

// recorder keeps the changes that happen while something is read.
type recorder struct{ changes []*change }

// spread hands changes to all that follow them. The caller holds mu.
func (e *Engine) spread(changes []*change) {
	if len(changes) == 0 {
		return
	}
	for r := range e.recorders {
		r.changes = append(r.changes, changes...)
	}
	e.samplers.forget(changes)
	woken := map[*queue]struct{}{}
	for _, c := range changes {
		for _, f := range e.following(c) {
			if f.take(c) {
				woken[f.queue] = struct{}{}
			}
		}
	}
	for q := range woken {
		q.wake()
	}
}

// take puts a change into the follower's queue where it asked for it.
func (f *follower) take(c *change) bool {
	p := f.updates
	if c.gone {
		p = f.deletes
	}
	if !c.touches(p) {
		return false
	}
	f.queue.put(c)
	return true
}

// following gives the followers that may want a change.
func (e *Engine) following(c *change) []*follower {
	by := &e.index.updates
	if c.gone {
		by = &e.index.deletes
	}
	if *by == nil {
		*by = map[ocpath.ID][]*follower{}
	}
	found, known := (*by)[c.node]
	if known {
		return found
	}
	for f := range e.followers {
		if c.gone && c.has(f.deletes) || !c.gone && c.has(f.updates) {
			found = append(found, f)
		}
	}
	(*by)[c.node] = found
	return found
}

// follow adds a follower and gives the tree from which on it follows.
func (e *Engine) follow(f *follower) *snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.followers[f] = struct{}{}
	e.index = followerIndex{}
	snap := e.tree.Load()
	f.seq = snap.seq
	return snap
}

func (e *Engine) unfollow(f *follower) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.followers, f)
	e.index = followerIndex{}
}

// record starts keeping what changes from the tree on that is given; first is
// called under mu, at the same moment.
func (e *Engine) record(first func()) (*recorder, *snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first()
	r := &recorder{}
	e.recorders[r] = struct{}{}
	return r, e.tree.Load()
}
