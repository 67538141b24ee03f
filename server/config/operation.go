package config

import (
	"errors"
	"slices"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// operation is one delete, replace, update or union_replace of a Set, resolved.
type operation struct {
	op   gpb.UpdateResult_Operation
	sent *gpb.Path // as the client wrote it, for the answer
	// path is what a replace or update is about, and a delete without
	// wildcards; pattern is a delete's with them.
	path    schema.Path
	pattern schema.Pattern
	payload payload
	// lines are the commands of an operation that isText.
	lines  []line
	isText bool
}

// operations resolves a Set in the order in which it is carried out: deletes,
// replaces, updates, or else union_replaces (gNMI specification, 3.4.3). It
// needs no configuration.
func operations(s *tree.Schema, req *gpb.SetRequest) ([]operation, error) {
	if err := checkMix(req); err != nil {
		return nil, err
	}
	prefix := req.GetPrefix()
	all := make([]operation, 0, len(req.GetDelete())+len(req.GetReplace())+len(req.GetUpdate())+len(req.GetUnionReplace()))
	for _, path := range req.GetDelete() {
		o, err := deletion(s, prefix, path)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	for _, list := range []struct {
		op      gpb.UpdateResult_Operation
		updates []*gpb.Update
	}{
		{gpb.UpdateResult_REPLACE, req.GetReplace()},
		{gpb.UpdateResult_UPDATE, req.GetUpdate()},
		{gpb.UpdateResult_UNION_REPLACE, req.GetUnionReplace()},
	} {
		for _, u := range list.updates {
			o, err := written(s, list.op, prefix, u)
			if err != nil {
				return nil, err
			}
			all = append(all, o)
		}
	}
	return all, nil
}

// written resolves an operation that has a value.
func written(s *tree.Schema, op gpb.UpdateResult_Operation, prefix *gpb.Path, u *gpb.Update) (operation, error) {
	if isCommands(prefix, u.GetPath()) {
		return commandText(s, op, prefix, u)
	}
	return assignment(op, prefix, u)
}

// deletion resolves a delete.
func deletion(s *tree.Schema, prefix, path *gpb.Path) (operation, error) {
	o := operation{op: gpb.UpdateResult_DELETE, sent: path}
	exact, err := schema.Exact(prefix, path)
	if err == nil {
		o.path = exact
		switch {
		case !ocpath.Get(exact.Node).Config && exact.Node != ocpath.Root:
			return o, refuse(exact, openconfig.Invalid, "is state: it cannot be deleted")
		case s.IsKey(exact.Node):
			return o, refuse(exact, openconfig.Invalid, "is the key of a list entry: delete the entry")
		}
		return o, nil
	}
	if o.pattern, err = schema.Compile(prefix, path); err != nil {
		return o, openconfig.Refuse("", err)
	}
	configurable := o.pattern.Only(func(n *ocpath.Node) bool { return n.Config })
	if configurable.Empty() || configurable.Next(ocpath.Root, ocpath.Get(ocpath.Root).End) >= ocpath.Get(ocpath.Root).End {
		return o, &openconfig.Error{Kind: openconfig.Invalid, Path: text(prefix, path), Reason: "is state: it cannot be deleted"}
	}
	return o, nil
}

// text is a path as the client wrote it.
func text(prefix, path *gpb.Path) string {
	var out string
	for _, e := range slices.Concat(prefix.GetElem(), path.GetElem()) {
		out += "/" + e.GetName()
		for key, value := range e.GetKey() {
			out += "[" + key + "=" + value + "]"
		}
	}
	return out
}

// assignment resolves a replace, update or union_replace of a path of the
// models and reads its value.
func assignment(op gpb.UpdateResult_Operation, prefix *gpb.Path, u *gpb.Update) (operation, error) {
	o := operation{op: op, sent: u.GetPath()}
	path, err := schema.Exact(prefix, u.GetPath())
	if err != nil {
		return o, pathError(prefix, u.GetPath(), err)
	}
	o.path = path
	n := ocpath.Get(path.Node)
	if !n.Config && path.Node != ocpath.Root {
		return o, refuse(path, openconfig.Invalid, "is state: it cannot be written")
	}
	value, err := typedValue(u)
	if err != nil {
		return o, &openconfig.Error{Kind: openconfig.Unimplemented, Path: path.String(), Reason: err.Error()}
	}
	if !n.IsLeaf() {
		return o, o.structure(value)
	}
	v, err := schema.FromTypedValue(path.Node, value)
	if err != nil {
		return o, openconfig.Refuse(path.String(), err)
	}
	o.payload.leaves = []tree.Leaf{{Path: path, Value: v}}
	return o, nil
}

// pathError refuses a path that is not in the schema. For a replace or update
// of an element that no model has, the specification wants NOT_FOUND (3.4.7).
func pathError(prefix, path *gpb.Path, err error) error {
	refused := openconfig.Refuse("", err)
	if refused.Kind != openconfig.Invalid {
		return refused
	}
	at := ocpath.Root
	for _, e := range slices.Concat(prefix.GetElem(), path.GetElem()) {
		child, ok := ocpath.Child(at, e.GetName())
		if !ok {
			if name := e.GetName(); name != "" && name != "*" && name != "..." {
				refused.Kind = openconfig.NotFound
			}
			return refused
		}
		at = child
	}
	return refused
}

// structure reads the value of a container, list or list entry.
func (o *operation) structure(value *gpb.TypedValue) error {
	var doc []byte
	switch x := value.GetValue().(type) {
	case *gpb.TypedValue_JsonVal:
		doc = x.JsonVal
	case *gpb.TypedValue_JsonIetfVal:
		doc = x.JsonIetfVal
	case nil:
		return refuse(o.path, openconfig.Invalid, "a %s without a value", o.op)
	default:
		return refuse(o.path, openconfig.Invalid, "has children: its value must be a JSON object")
	}
	var err error
	if o.payload, err = flatten(o.path, doc); err != nil {
		return err
	}
	if o.op == gpb.UpdateResult_REPLACE && o.path.IsEntry() && len(o.payload.leaves) == 0 {
		return refuse(o.path, openconfig.Invalid, "a replace of a list entry with nothing: use delete")
	}
	return nil
}

// typedValue gives an update's value, also of clients that still fill the
// field that gNMI 0.4.0 replaced.
func typedValue(u *gpb.Update) (*gpb.TypedValue, error) {
	switch u.GetVal().GetValue().(type) {
	case *gpb.TypedValue_AnyVal, *gpb.TypedValue_ProtoBytes:
		return nil, errors.New("the encoding PROTO of whole messages is not served: use JSON_IETF")
	}
	//lint:ignore SA1019 clients still send it
	old := u.GetValue()
	if u.GetVal() != nil || old == nil {
		return u.GetVal(), nil
	}
	switch old.GetType() {
	case gpb.Encoding_JSON, gpb.Encoding_JSON_IETF:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: old.GetValue()}}, nil
	case gpb.Encoding_ASCII:
		return &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: string(old.GetValue())}}, nil
	}
	return nil, errors.New("the deprecated value field with this encoding is not served: use val")
}

// carryOut makes one operation on the candidate.
func (o *operation) carryOut(s *tree.Schema, h history, e *tree.Editor) error {
	if o.isText {
		return o.carryOutLines(s, h, e)
	}
	switch o.op {
	case gpb.UpdateResult_DELETE:
		return o.delete(s, e)
	case gpb.UpdateResult_REPLACE:
		if err := e.Delete(o.path); err != nil {
			return openconfig.Refuse(o.path.String(), err)
		}
	}
	for _, entry := range append(entryOf(o.path), o.payload.entries...) {
		if err := e.Create(entry); err != nil {
			return openconfig.Refuse(entry.String(), err)
		}
	}
	set := e.Set
	if o.op == gpb.UpdateResult_UPDATE {
		set = func(path schema.Path, v schema.Value) error {
			if v.Kind() == schema.List {
				return e.Append(path, v)
			}
			return e.Set(path, v)
		}
	}
	for _, leaf := range o.payload.leaves {
		if err := set(leaf.Path, leaf.Value); err != nil {
			return openconfig.Refuse(leaf.Path.String(), err)
		}
	}
	return nil
}

// entryOf gives the list entry that a path is in, none for a path that is in
// none: what a path names is created, also where the value has no leaves.
func entryOf(path schema.Path) []schema.Path {
	list := schema.NearestList(path.Node)
	if list == path.Node && !path.IsEntry() {
		list = schema.NearestList(ocpath.Get(list).Parent)
	}
	if list == ocpath.Root {
		return nil
	}
	return []schema.Path{{Node: list, Keys: path.Keys[:schema.KeyCount(list)]}}
}

func (o *operation) delete(s *tree.Schema, e *tree.Editor) error {
	paths := []schema.Path{o.path}
	if !o.pattern.Empty() {
		paths = s.Match(e.Tree(), o.pattern)
	}
	for _, path := range paths {
		if err := e.Delete(path); err != nil {
			return openconfig.Refuse(path.String(), err)
		}
	}
	return nil
}
