package config

import (
	"fmt"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/commands"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// union makes the candidate of a union_replace: the parts put together, on top
// of nothing. Parts may say the same of a leaf, and not different things; a
// leaf that only one of them sets has what that one says, whatever its default
// (gnmi-union_replace, 5.3.3, option 1).
func (s *Store) union(parts []operation) (*tree.Editor, error) {
	editor := s.schema.Edit(s.Running())
	if err := editor.Delete(schema.Path{Node: ocpath.Root}); err != nil {
		return nil, err
	}
	saidBy := map[string]int{} // by path; only of the parts that are not the last
	for i := range parts {
		part := s.schema.Edit(nil)
		if err := parts[i].carryOut(s.schema, s.history, part); err != nil {
			return nil, err
		}
		for _, leaf := range s.schema.Leaves(part.Tree()) {
			text := leaf.Path.String()
			if before, ok := saidBy[text]; ok {
				if have := s.schema.Get(editor.Tree(), leaf.Path); !have.Equal(leaf.Value) {
					return nil, conflict(text, parts, before, have, i, leaf.Value)
				}
				continue
			}
			if err := editor.Set(leaf.Path, leaf.Value); err != nil {
				return nil, openconfig.Refuse(text, err)
			}
			if i < len(parts)-1 {
				saidBy[text] = i
			}
		}
	}
	return editor, nil
}

// conflict names two parts that contradict each other.
func conflict(path string, parts []operation, a int, have schema.Value, b int, want schema.Value) error {
	return &openconfig.Error{Kind: openconfig.Invalid, Path: path, Reason: fmt.Sprintf(
		"%s says %s, %s says %s: parts of a union_replace must not contradict each other",
		parts[a].name(a), have, parts[b].name(b), want)}
}

// name is how errors call a part of a union_replace.
func (o *operation) name(i int) string {
	origin := "openconfig"
	if o.isText {
		origin = commands.Origin
	}
	return fmt.Sprintf("part %d (%s)", i+1, origin)
}
