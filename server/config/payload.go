package config

import (
	"fmt"
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// payload collects what a JSON value sets.
type payload struct {
	leaves []tree.Leaf
	// entries are list entries that the payload names.
	entries []schema.Path
}

// flatten takes a JSON value for the node at path into leaves.
func flatten(path schema.Path, text []byte) (payload, error) {
	var p payload
	n, err := parseJSON(text)
	if err != nil {
		return p, refuse(path, openconfig.Invalid, "%s", err)
	}
	return p, p.node(path, n)
}

// refuse makes an error about a path.
func refuse(path schema.Path, kind openconfig.Kind, format string, args ...any) *openconfig.Error {
	return &openconfig.Error{Kind: kind, Path: path.String(), Reason: fmt.Sprintf(format, args...)}
}

// node takes the value of any node.
func (p *payload) node(path schema.Path, value jsonNode) error {
	switch n := ocpath.Get(path.Node); {
	case n.Kind == ocpath.Container:
		return p.object(path, value)
	case n.Kind == ocpath.List && path.IsEntry():
		return p.object(path, value)
	case n.Kind == ocpath.List:
		return p.list(path, value)
	}
	v, err := schema.FromJSON(path.Node, value.text)
	if err != nil {
		return openconfig.Refuse(path.String(), err)
	}
	p.leaves = append(p.leaves, tree.Leaf{Path: path, Value: v})
	return nil
}

// object takes the members of a container or list entry.
func (p *payload) object(path schema.Path, value jsonNode) error {
	if value.kind != jsonObject {
		return refuse(path, openconfig.Invalid, "%.40q is no JSON object", value.text)
	}
	if path.IsEntry() {
		p.entries = append(p.entries, path)
	}
	var set []ocpath.ID // no more than the node has children
	for _, m := range value.members {
		child, err := resolve(path, m.name)
		if err != nil {
			return err
		}
		if slices.Contains(set, child.Node) {
			return refuse(child, openconfig.Invalid, "stands twice, with and without its module")
		}
		set = append(set, child.Node)
		if err := p.node(child, m.value); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the child of a node that a member's name means.
func resolve(parent schema.Path, name string) (schema.Path, error) {
	module, local := split(name)
	id, ok := ocpath.Child(parent.Node, local)
	if !ok {
		return schema.Path{}, unknownMember(parent, name, local)
	}
	child := schema.Path{Node: id, Keys: parent.Keys}
	switch n := ocpath.Get(id); {
	case module != "" && module != n.Module:
		return child, refuse(child, openconfig.Invalid, "is in module %s, not in %s", n.Module, module)
	case !n.Config:
		return child, refuse(child, openconfig.Invalid, "is state: it cannot be written")
	}
	return child, nil
}

func unknownMember(parent schema.Path, name, local string) error {
	var names []string
	for id := parent.Node; id != ocpath.Root; id = ocpath.Get(id).Parent {
		names = append(names, ocpath.Get(id).Name)
	}
	slices.Reverse(names)
	path := parent.String() + "/" + local
	if parent.Node == ocpath.Root {
		path = "/" + local
	}
	if ocpath.Deviated(append(names, local)) {
		return &openconfig.Error{Kind: openconfig.Unimplemented, Path: path, Reason: "the models have it, this element does not serve it"}
	}
	return &openconfig.Error{Kind: openconfig.Invalid, Path: path, Reason: fmt.Sprintf("unknown element %q", name)}
}

// list takes an array of entries.
func (p *payload) list(path schema.Path, value jsonNode) error {
	if value.kind != jsonArray {
		return refuse(path, openconfig.Invalid, "%.40q is no JSON array of list entries", value.text)
	}
	seen := map[string]bool{}
	for _, item := range value.items {
		entry, err := entryPath(path, item)
		if err != nil {
			return err
		}
		text := entry.String()
		if seen[text] {
			return refuse(entry, openconfig.Invalid, "stands twice in the list")
		}
		seen[text] = true
		if err := p.object(entry, item); err != nil {
			return err
		}
	}
	return nil
}

// entryPath finds the keys of an entry among its members.
func entryPath(list schema.Path, item jsonNode) (schema.Path, error) {
	if item.kind != jsonObject {
		return list, refuse(list, openconfig.Invalid, "%.40q is no JSON object", item.text)
	}
	keys := slices.Clone(list.Keys)
	for _, key := range ocpath.Get(list.Node).Keys {
		name := ocpath.Get(key).Name
		i := slices.IndexFunc(item.members, func(m jsonMember) bool {
			_, local := split(m.name)
			return local == name
		})
		if i < 0 {
			return list, refuse(list, openconfig.Invalid, "an entry without its key %s", name)
		}
		v, err := schema.FromJSON(key, item.members[i].value.text)
		if err != nil {
			return list, openconfig.Refuse(list.String(), err)
		}
		keys = append(keys, v.String())
	}
	return schema.Path{Node: list.Node, Keys: keys}, nil
}
