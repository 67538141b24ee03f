package config

import (
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// defaults are the leaves with a default, by the list whose entries hold them
// (Root for those below no list).
type defaults map[ocpath.ID][]defaultLeaf

type defaultLeaf struct {
	node  ocpath.ID
	value schema.Value
}

// newDefaults reads the defaults of the configurable leaves.
func newDefaults() (defaults, error) {
	d := defaults{}
	for i := range ocpath.Len() {
		n := ocpath.Get(ocpath.ID(i))
		if !n.IsLeaf() || !n.Config || !n.HasDefault {
			continue
		}
		v, err := schema.Parse(n.ID, n.Default)
		if err != nil {
			return nil, err
		}
		list := schema.NearestList(n.ID)
		d[list] = append(d[list], defaultLeaf{n.ID, v})
	}
	return d, nil
}

// of gives the default of a leaf.
func (d defaults) of(node ocpath.ID) (schema.Value, bool) {
	for _, leaf := range d[schema.NearestList(node)] {
		if leaf.node == node {
			return leaf.value, true
		}
	}
	return schema.Value{}, false
}

// commit is what a client sees of a difference. A default is in use, and seen,
// where its list entry exists and the leaf is not set.
func (d defaults) commit(at time.Time, diff *tree.Difference) Commit {
	c := Commit{Time: at}
	set := map[string]bool{}
	for _, leaf := range diff.Updates {
		c.Updates = append(c.Updates, telemetry.Update(leaf))
		if len(diff.Created) > 0 && ocpath.Get(leaf.Path.Node).HasDefault {
			set[leaf.Path.String()] = true
		}
	}
	for _, path := range diff.Deletes {
		if v, ok := d.of(path.Node); ok {
			c.Updates = append(c.Updates, telemetry.Update{Path: path, Value: v})
			continue
		}
		c.Deletes = append(c.Deletes, path)
	}
	for _, entry := range diff.Created {
		for _, leaf := range d[entry.Node] {
			path := schema.Path{Node: leaf.node, Keys: entry.Keys}
			if !set[path.String()] {
				c.Updates = append(c.Updates, telemetry.Update{Path: path, Value: leaf.value})
			}
		}
	}
	return c
}
