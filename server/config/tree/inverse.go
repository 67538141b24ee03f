package tree

import (
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Inverse is the difference that leads back to the tree that d began with,
// which is given. Its cost is that of d. Created is left empty.
func (s *Schema) Inverse(before *oc.Device, d *Difference) Difference {
	var back Difference
	for i, entry := range d.Created {
		if i == 0 || len(back.Deletes) == 0 || !entry.Within(back.Deletes[len(back.Deletes)-1]) {
			back.Deletes = append(back.Deletes, entry)
		}
	}
	for _, leaf := range d.Updates {
		if old := s.Get(before, leaf.Path); old.Valid() {
			back.Updates = append(back.Updates, Leaf{leaf.Path, old})
		} else if s.entryExists(before, leaf.Path) {
			back.Deletes = append(back.Deletes, leaf.Path)
		}
	}
	for _, gone := range d.Deletes {
		back.Updates = append(back.Updates, s.leavesAt(before, gone)...)
	}
	return back
}

// entryExists reports whether the list entry that a leaf is in is there; a
// leaf in none is always in one that is.
func (s *Schema) entryExists(d *oc.Device, leaf schema.Path) bool {
	list := schema.NearestList(leaf.Node)
	return list == ocpath.Root || s.find(d, list, leaf.Keys).IsValid()
}

// leavesAt gives the leaf at a path, or those below a list entry.
func (s *Schema) leavesAt(d *oc.Device, path schema.Path) []Leaf {
	if ocpath.Get(path.Node).IsLeaf() {
		if v := s.Get(d, path); v.Valid() {
			return []Leaf{{path, v}}
		}
		return nil
	}
	w := walker{schema: s}
	if entry := s.find(d, path.Node, path.Keys); entry.IsValid() {
		w.children(path.Node, entry, path.Keys)
	}
	return w.leaves
}
