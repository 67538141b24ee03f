package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// maxTold bounds how many entries are remembered as told to be gone while
// their source has not told of it.
const maxTold = 4096

// restore is a look at a source after the published part of list entries went:
// they were told to be gone, and what the source still has of them must be told
// again. There is one for all entries that went at once, since a look at a
// source costs about as much for one entry as for all.
type restore struct {
	src  *source
	keys []string // what the entries have in common, "" where they differ
	gone subtrees
	rec  *recorder
}

// orphans finds the entries among what went of which event sources may still
// have rows. The caller holds mu.
func (e *Engine) orphans(changes []*change) []*restore {
	var all []*restore
	of := map[*source]*restore{}
	for _, c := range changes {
		if !c.gone {
			continue
		}
		for _, src := range e.sources {
			if !src.events || !src.touches(c.node) {
				continue
			}
			r := of[src]
			if r == nil {
				r = &restore{src: src, gone: subtrees{}, rec: &recorder{}}
				e.recorders[r.rec] = struct{}{}
				of[src], all = r, append(all, r)
			}
			r.add(c, e.shapes[src.list].keys)
			if c.node == src.list {
				e.tell(c.id.name)
			}
		}
	}
	return all
}

// add takes a subtree that went into a look at a source whose rows have so many
// keys.
func (r *restore) add(c *change, keys int) {
	if r.keys == nil {
		r.keys = make([]string, keys)
		copy(r.keys, c.id.keys)
	}
	for i := range r.keys {
		if i >= len(c.id.keys) || r.keys[i] != c.id.keys[i] {
			r.keys[i] = ""
		}
	}
	r.gone.add(c)
}

// subtrees are nodes that went with all below them, by the name of the entry
// that held them.
type subtrees map[string][]ocpath.ID

func (s subtrees) add(c *change) { s[c.id.name] = append(s[c.id.name], c.node) }

// hold reports that a row of a list is in one of the subtrees.
func (s subtrees) hold(row *ident) bool {
	for id := row; id != nil; id = id.parent {
		for _, node := range s[id.name] {
			if row.list >= node && row.list < ocpath.Get(node).End {
				return true
			}
		}
	}
	return false
}

// tell remembers that an entry was told to be gone. The caller holds mu.
func (e *Engine) tell(name string) {
	if len(e.told) >= maxTold {
		clear(e.told)
	}
	e.told[name] = struct{}{}
}

// restoreAll starts the looks at the sources. The caller holds mu.
func (e *Engine) restoreAll(all []*restore) {
	if len(all) == 0 {
		return
	}
	if e.begin() != nil {
		for _, r := range all {
			delete(e.recorders, r.rec)
		}
		return
	}
	go func() {
		defer e.tasks.Done()
		for _, r := range all {
			e.restore(r)
		}
	}()
}

// restore tells of the rows that a source still has, but for those that were
// told of meanwhile.
func (e *Engine) restore(r *restore) {
	ids := idents{root: &ident{list: ocpath.Root}}
	var changes []*change
	at, err := r.src.Read(e.ctx, r.keys, func(keys []string, values []schema.Value) error {
		id := ids.row(r.src.list, keys)
		if !r.gone.hold(id) {
			return nil
		}
		for i, leaf := range r.src.leaves {
			if values[i].Valid() {
				changes = append(changes, &change{id: id, node: leaf, value: values[i]})
			}
		}
		return nil
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.recorders, r.rec)
	if err != nil {
		if e.ctx.Err() == nil {
			e.opts.Log.Error("read what is left of entries that went", "source", r.src.name(), "err", err)
		}
		return
	}
	told := about(r.src, r.rec.changes)
	changes = slices.DeleteFunc(changes, func(c *change) bool {
		c.time = nanoseconds(at)
		return told(c.id)
	})
	for _, c := range changes {
		delete(e.told, c.id.name)
	}
	e.spread(changes)
}

// about gives what tells of a row of a source whether any of the changes is of
// it, or of all around it.
func about(src *source, changes []*change) func(row *ident) bool {
	rows, gone := map[string]struct{}{}, subtrees{}
	for _, c := range changes {
		if c.gone {
			gone.add(c)
		}
		if src.touches(c.node) {
			rows[c.id.name] = struct{}{}
		}
	}
	return func(row *ident) bool {
		_, itself := rows[row.name]
		return itself || gone.hold(row)
	}
}
