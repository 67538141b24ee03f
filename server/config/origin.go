package config

import (
	"errors"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/commands"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// isCommands reports a path of the origin signalbox_cli, whose value is text
// and whose elements mean nothing (gNMI specification, 2.7.1).
func isCommands(prefix, path *gpb.Path) bool {
	ours := func(origin string) bool { return origin == commands.Origin || origin == commands.ShortOrigin }
	return ours(prefix.GetOrigin()) || ours(path.GetOrigin())
}

// checkMix refuses operations that cannot stand in one Set.
func checkMix(req *gpb.SetRequest) error {
	prefix := req.GetPrefix()
	if len(req.GetUnionReplace()) > 0 && len(req.GetDelete())+len(req.GetReplace())+len(req.GetUpdate()) > 0 {
		return unacceptable("union_replace replaces the whole configuration: it cannot stand with delete, replace and update")
	}
	for _, path := range req.GetDelete() {
		if isCommands(prefix, path) {
			return unacceptable("origin %s has no delete: send delete lines as an update", commands.Origin)
		}
	}
	replaced, replacedText := origins(prefix, req.GetReplace())
	if replacedText > 1 || replacedText == 1 && replaced > 0 {
		return unacceptable("a replace of origin %s replaces the whole configuration: it stands for itself; union_replace combines", commands.Origin)
	}
	updated, updatedText := origins(prefix, req.GetUpdate())
	united, unitedText := origins(prefix, req.GetUnionReplace())
	if len(prefix.GetElem()) > 0 && replacedText+updatedText+unitedText > 0 && len(req.GetDelete())+replaced+updated+united > 0 {
		return unacceptable("a prefix with a path cannot stand before paths of several origins")
	}
	return nil
}

// origins counts the updates whose paths are in the models, and those of
// command text.
func origins(prefix *gpb.Path, updates []*gpb.Update) (modelled, text int) {
	for _, u := range updates {
		if isCommands(prefix, u.GetPath()) {
			text++
		}
	}
	return len(updates) - text, text
}

// commandText resolves a replace, update or union_replace with command text.
func commandText(s *tree.Schema, op gpb.UpdateResult_Operation, prefix *gpb.Path, u *gpb.Update) (operation, error) {
	o := operation{op: op, sent: u.GetPath(), isText: true}
	if prefix.GetOrigin() != "" && u.GetPath().GetOrigin() != "" {
		return o, unacceptable("an origin in both prefix and path")
	}
	value, err := typedValue(u)
	if err != nil {
		return o, &openconfig.Error{Kind: openconfig.Unimplemented, Reason: "origin " + commands.Origin + ": " + err.Error()}
	}
	text, ok := value.GetValue().(*gpb.TypedValue_AsciiVal)
	if !ok {
		return o, unacceptable("origin %s: the value must be text in ascii_val", commands.Origin)
	}
	found, err := commands.Parse(text.AsciiVal)
	if err != nil {
		return o, unacceptable("origin %s: %s", commands.Origin, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for _, c := range found {
		l, err := command(s, c)
		if err != nil {
			return o, err
		}
		o.lines = append(o.lines, l)
	}
	return o, nil
}

// line is an operation of a text.
type line struct {
	operation
	at commands.Position
	// version is that of a rollback, else 0.
	version uint64
}

// command resolves one command of a text.
func command(s *tree.Schema, c commands.Command) (line, error) {
	switch c.Kind {
	case commands.Rollback:
		return line{at: c.At, version: c.Version}, nil
	case commands.Delete:
		o, err := deletion(s, nil, c.Path)
		return line{operation: o, at: c.At}, placed(c.At, err)
	}
	if _, err := schema.Exact(nil, c.Path); err != nil {
		return line{}, placed(c.At, pathError(nil, c.Path, err))
	}
	value, err := commands.JSON(c.Value, isTextLeaf(c.Path))
	if err != nil {
		return line{}, placed(c.ValueAt, &openconfig.Error{Kind: openconfig.Invalid, Path: text(nil, c.Path), Reason: err.Error()})
	}
	u := &gpb.Update{Path: c.Path, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: value}}}
	o, err := assignment(gpb.UpdateResult_UPDATE, nil, u)
	return line{operation: o, at: c.At}, placed(c.ValueAt, err)
}

// placed adds the place in a text to what is wrong there.
func placed(at commands.Position, err error) error {
	var e *openconfig.Error
	if !errors.As(err, &e) {
		return err
	}
	there := *e
	there.Reason = at.String() + ": " + e.Reason
	if there.Kind == openconfig.NotFound { // the path of the Set is fine, its value is not
		there.Kind = openconfig.Invalid
	}
	return &there
}

// isTextLeaf reports a leaf whose JSON is a string also where the text looks
// like a number (RFC 7951, 6).
func isTextLeaf(path *gpb.Path) bool {
	id := ocpath.Root
	for _, elem := range path.GetElem() {
		child, ok := ocpath.Child(id, elem.GetName())
		if !ok {
			return false
		}
		id = child
	}
	switch ocpath.Get(id).Type {
	case ocpath.String, ocpath.Enum, ocpath.Identity, ocpath.Binary, ocpath.Bits, ocpath.Int64, ocpath.Uint64, ocpath.Decimal64:
		return true
	}
	return false
}

// carryOutLines carries out a text, its lines from the first to the last.
func (o *operation) carryOutLines(s *tree.Schema, h history, e *tree.Editor) error {
	if o.op == gpb.UpdateResult_REPLACE {
		if err := e.Delete(schema.Path{Node: ocpath.Root}); err != nil {
			return openconfig.Refuse("/", err)
		}
	}
	for i := range o.lines {
		if err := o.lines[i].carryOut(s, h, e, o.op); err != nil {
			return placed(o.lines[i].at, err)
		}
	}
	return nil
}

// carryOut carries out one line of a text.
func (l *line) carryOut(s *tree.Schema, h history, e *tree.Editor, of gpb.UpdateResult_Operation) error {
	if l.version == 0 {
		return l.operation.carryOut(s, h, e)
	}
	changed := e.Difference()
	if of != gpb.UpdateResult_UPDATE || !changed.Empty() {
		return unacceptable("rollback %d: stands before all that changes something, in an update", l.version)
	}
	return h.back(e, l.version)
}
