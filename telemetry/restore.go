package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// maxTold bounds how many entries are remembered as told to be gone while
// their source has not told of it.
const maxTold = 4096

// restore is a look at a source after the published part of a list entry went:
// the entry was told to be gone, and what the source still has of it must be
// told again.
type restore struct {
	src  *source
	path schema.Path
	rec  *recorder
}

// orphans finds the entries among what went of which an event source may still
// have rows. The caller holds mu.
func (e *Engine) orphans(changes []*change) []restore {
	var all []restore
	for _, c := range changes {
		if !c.gone {
			continue
		}
		for _, src := range e.sources {
			if !src.events || !src.touches(c.node) {
				continue
			}
			path := c.id.path(c.node)
			rec := &recorder{}
			e.recorders[rec] = struct{}{}
			all = append(all, restore{src, path, rec})
			if c.node == src.list {
				e.tell(c.id.name)
			}
		}
	}
	return all
}

// tell remembers that an entry was told to be gone. The caller holds mu.
func (e *Engine) tell(name string) {
	if len(e.told) >= maxTold {
		clear(e.told)
	}
	e.told[name] = struct{}{}
}

// restoreAll starts the looks at the sources. The caller holds mu.
func (e *Engine) restoreAll(all []restore) {
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
func (e *Engine) restore(r restore) {
	keys := make([]string, e.shapes[r.src.list].keys)
	copy(keys, r.path.Keys)
	ids := idents{root: &ident{list: ocpath.Root}}
	var changes []*change
	at, err := r.src.Read(e.ctx, keys, func(keys []string, values []schema.Value) error {
		id := ids.row(r.src.list, keys)
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
			e.opts.Log.Error("read what is left of an entry", "source", r.src.name(), "path", r.path.String(), "err", err)
		}
		return
	}
	changes = slices.DeleteFunc(changes, func(c *change) bool {
		c.time = nanoseconds(at)
		return slices.ContainsFunc(r.rec.changes, func(by *change) bool { return by.about(c.id, r.src) })
	})
	for _, c := range changes {
		delete(e.told, c.id.name)
	}
	e.spread(changes)
}

// about reports that a change told of a row of a source, or of all around it.
func (c *change) about(row *ident, src *source) bool {
	if c.gone {
		return row.path(src.list).Within(c.id.path(c.node)) || c.id.name == row.name && src.touches(c.node)
	}
	return c.id.name == row.name && src.touches(c.node)
}
