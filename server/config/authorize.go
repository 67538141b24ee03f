package config

import (
	"context"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Change is what a Set would alter of the configuration, whatever the request
// looks like.
type Change struct {
	// Updates are leaves that are new or get another value.
	Updates []schema.Path
	// Created are list entries that are new.
	Created []schema.Path
	// Deletes are leaves, and list entries with all below them.
	Deletes []schema.Path
	// Below gives the leaves that are set below a list entry that goes.
	Below func(entry schema.Path) []schema.Path
}

// authorize asks whether who is behind a request may make a change. The caller
// holds the turn.
func (s *Store) authorize(ctx context.Context, diff *tree.Difference) error {
	if s.options.Authorize == nil {
		return nil
	}
	c := Change{Created: diff.Created, Deletes: diff.Deletes, Below: s.below}
	for _, leaf := range diff.Updates {
		c.Updates = append(c.Updates, leaf.Path)
	}
	return s.options.Authorize(ctx, c)
}

// below gives the leaves that are set below a list entry.
func (s *Store) below(entry schema.Path) []schema.Path {
	var leaves []schema.Path
	for _, leaf := range s.schema.Compare(new(oc.Device), s.Running()).Updates {
		if leaf.Path.Within(entry) {
			leaves = append(leaves, leaf.Path)
		}
	}
	return leaves
}
