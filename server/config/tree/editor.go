package tree

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
	"github.com/openconfig/ygot/ytypes"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Editor makes a changed copy of a tree. The tree it began with is never
// modified. After an error of one of its methods the Editor is worthless.
type Editor struct {
	schema *Schema
	base   *oc.Device
	root   *oc.Device
	// owned are the structs, by pointer, that only this Editor refers to.
	owned map[any]struct{}
	// lists are the maps that only this Editor refers to.
	lists map[listField]*ownedList
}

// listField names a list by the struct that holds its map.
type listField struct {
	holder any
	list   ocpath.ID
}

// ownedList is a map that was copied.
type ownedList struct {
	source  uintptr // the map it is a copy of; 0 for none
	touched map[string]reflect.Value
}

// Edit begins a copy. The base may be nil: then it begins with nothing.
func (s *Schema) Edit(base *oc.Device) *Editor {
	if base == nil {
		base = new(oc.Device)
	}
	root := new(oc.Device)
	*root = *base
	return &Editor{
		schema: s, base: base, root: root,
		owned: map[any]struct{}{root: {}}, lists: map[listField]*ownedList{},
	}
}

// Tree is the changed tree. It must not be modified, and the Editor not be
// used for changes any more.
func (e *Editor) Tree() *oc.Device { return e.root }

// Set sets a leaf or leaf-list; entries of lists above it that are missing are
// created with their key leaves. It refuses a value outside of the ranges,
// lengths and patterns of the model, and one that contradicts a key. A
// leaf-list without elements unsets it.
func (e *Editor) Set(path schema.Path, v schema.Value) error {
	f := &e.schema.fields[path.Node]
	if f.keyAt > 0 && v.String() != path.Keys[f.keyAt-1] {
		return fmt.Errorf("%s contradicts the key %s of the list entry", v, path.Keys[f.keyAt-1])
	}
	if v.Kind() == schema.List && len(v.List()) == 0 {
		return e.Delete(path)
	}
	if twice, ok := repeated(v.List()); ok {
		return fmt.Errorf("%s stands twice in the list", twice)
	}
	holder, err := e.own(ocpath.Get(path.Node).Parent, path.Keys)
	if err != nil {
		return err
	}
	target := holder.Field(f.index)
	if err := f.leaf.set(target, v); err != nil {
		return err
	}
	return f.check(target)
}

// repeated finds an element that a leaf-list has twice (RFC 7950, 7.7).
func repeated(elements []schema.Value) (schema.Value, bool) {
	seen := make(map[string]struct{}, len(elements))
	for _, element := range elements {
		text := element.String()
		if _, ok := seen[text]; ok {
			return element, true
		}
		seen[text] = struct{}{}
	}
	return schema.Value{}, false
}

// check holds a leaf's value against the model's ranges, lengths and patterns.
func (f *field) check(target reflect.Value) error {
	if f.free {
		return nil
	}
	errs := ytypes.Validate(f.entry, target.Interface())
	if len(errs) == 0 {
		return nil
	}
	text := errs[0].Error()
	text = strings.TrimPrefix(text, fmt.Sprintf("schema %q: ", f.entry.Name))
	text = strings.TrimPrefix(text, `schema "": `)
	if words, ok := strings.CutSuffix(text, " is outside specified ranges"); ok {
		number := words[strings.LastIndexByte(words, ' ')+1:]
		text = fmt.Sprintf("%s is out of range: want %s", number, strings.Join(ranges(f.entry.Type), " or "))
	}
	return errors.New(text)
}

// ranges are those of a number's type, or of the numbers in a union.
func ranges(t *yang.YangType) []string {
	var all []string
	for _, member := range t.Type {
		all = append(all, ranges(member)...)
	}
	for _, r := range t.Range {
		all = append(all, r.String())
	}
	return all
}

// Append adds to a leaf-list those elements that it does not have. What is to
// be added must not repeat itself.
func (e *Editor) Append(path schema.Path, v schema.Value) error {
	if twice, ok := repeated(v.List()); ok {
		return fmt.Errorf("%s stands twice in the list", twice)
	}
	have := e.schema.Get(e.root, path).List()
	all := slices.Clone(have)
	seen := make(map[string]struct{}, len(have))
	for _, element := range have {
		seen[element.String()] = struct{}{}
	}
	for _, element := range v.List() {
		if _, ok := seen[element.String()]; !ok {
			seen[element.String()] = struct{}{}
			all = append(all, element)
		}
	}
	if len(all) == len(have) {
		return nil
	}
	return e.Set(path, schema.ListValue(all))
}

// Create makes sure of a list entry.
func (e *Editor) Create(entry schema.Path) error {
	_, err := e.own(entry.Node, entry.Keys)
	return err
}

// own gives the struct of a container or list entry, creating what is missing,
// after everything on the way was copied.
func (e *Editor) own(id ocpath.ID, keys []string) (reflect.Value, error) {
	holder := reflect.ValueOf(e.root).Elem()
	used := 0
	for _, step := range way(id) {
		n := ocpath.Get(step)
		if n.Kind != ocpath.List {
			holder = e.ownContainer(holder, step)
			continue
		}
		end := used + len(n.Keys)
		next, err := e.ownEntry(holder, n, keys[used:end])
		if err != nil {
			return reflect.Value{}, err
		}
		holder, used = next, end
	}
	return holder, nil
}

func (e *Editor) ownContainer(holder reflect.Value, id ocpath.ID) reflect.Value {
	f := &e.schema.fields[id]
	target := holder.Field(f.index)
	target.Set(e.copied(target, f.structType))
	return target.Elem()
}

// copied gives a pointer to a struct that may be modified: the one given where
// it may, a shallow copy of it, or a new one for nil.
func (e *Editor) copied(pointer reflect.Value, t reflect.Type) reflect.Value {
	if !pointer.IsNil() {
		if _, ok := e.owned[pointer.Interface()]; ok {
			return pointer
		}
	}
	fresh := reflect.New(t)
	if !pointer.IsNil() {
		fresh.Elem().Set(pointer.Elem())
	}
	e.owned[fresh.Interface()] = struct{}{}
	return fresh
}

func (e *Editor) ownEntry(holder reflect.Value, list *ocpath.Node, keys []string) (reflect.Value, error) {
	k, err := e.schema.mapKey(list, keys)
	if err != nil {
		return reflect.Value{}, err
	}
	f := &e.schema.fields[list.ID]
	m, state := e.ownMap(holder, list.ID)
	state.touch(keys, k)
	old := m.MapIndex(k)
	isNew := !old.IsValid()
	if isNew {
		old = reflect.Zero(reflect.PointerTo(f.structType))
	}
	entry := e.copied(old, f.structType)
	m.SetMapIndex(k, entry)
	if isNew {
		err = e.fillKeys(entry.Elem(), list, keys)
	}
	return entry.Elem(), err
}

// fillKeys sets the key leaves of an entry, and the leaves below config that
// they refer to.
func (e *Editor) fillKeys(entry reflect.Value, list *ocpath.Node, keys []string) error {
	for i, pair := range e.schema.mirrors(list) {
		v, err := schema.ParseKey(pair[0], keys[i])
		if err != nil {
			return err
		}
		holders := []reflect.Value{entry}
		if pair[1] != 0 {
			holders = append(holders, e.ownContainer(entry, ocpath.Get(pair[1]).Parent))
		}
		for j, holder := range holders {
			f := &e.schema.fields[pair[j]]
			if err := f.leaf.set(holder.Field(f.index), v); err != nil {
				return err
			}
			if err := f.check(holder.Field(f.index)); err != nil {
				return fmt.Errorf("key %s: %w", ocpath.Get(pair[0]).Name, err)
			}
		}
	}
	return nil
}

// ownMap gives the map of a list so that it may be modified.
func (e *Editor) ownMap(holder reflect.Value, list ocpath.ID) (reflect.Value, *ownedList) {
	f := &e.schema.fields[list]
	target := holder.Field(f.index)
	name := listField{holder.Addr().Interface(), list}
	if state, ok := e.lists[name]; ok && !target.IsNil() {
		return target, state
	}
	state := &ownedList{touched: map[string]reflect.Value{}}
	if target.IsNil() {
		target.Set(reflect.MakeMap(f.mapType))
	} else {
		state.source = target.Pointer()
		target.Set(cloneMap(target))
	}
	e.lists[name] = state
	return target, state
}

func (l *ownedList) touch(keys []string, k reflect.Value) {
	l.touched[joinKeys(keys)] = k
}

// joinKeys makes one text of keys; a key has no NUL (RFC 7950, 9.4).
func joinKeys(keys []string) string { return strings.Join(keys, "\x00") }

// Delete removes a node and what lies below it; a list without keys loses all
// its entries. What is not there is no error. Containers that hold nothing any
// more go too; the leaves that repeat a key stay as long as the entry does.
func (e *Editor) Delete(path schema.Path) error {
	if path.Node == ocpath.Root {
		*e.root = oc.Device{}
		return nil
	}
	if e.schema.IsKey(path.Node) || !e.schema.exists(e.root, path) {
		return nil
	}
	r := remover{Editor: e, path: path}
	return r.remove(reflect.ValueOf(e.root).Elem(), way(path.Node), 0)
}

// remover carries out one Delete.
type remover struct {
	*Editor
	path schema.Path
}

// remove goes down to the node along steps; used is how many keys lie above.
func (r *remover) remove(holder reflect.Value, steps []ocpath.ID, used int) error {
	n := ocpath.Get(steps[0])
	if n.Kind == ocpath.List {
		return r.removeList(holder, n, steps[1:], used)
	}
	f := &r.schema.fields[n.ID]
	if len(steps) == 1 {
		holder.Field(f.index).SetZero()
		return r.restoreKeys(holder, n)
	}
	child := r.ownContainer(holder, n.ID)
	if err := r.remove(child, steps[1:], used); err != nil {
		return err
	}
	if child.IsZero() {
		holder.Field(f.index).SetZero()
	}
	return nil
}

// restoreKeys puts the leaves back that the container that was removed from an
// entry repeated its keys with.
func (r *remover) restoreKeys(holder reflect.Value, removed *ocpath.Node) error {
	list := ocpath.Get(removed.Parent)
	if list.Kind != ocpath.List || removed.Name != "config" {
		return nil
	}
	end := schema.KeyCount(list.ID)
	return r.fillKeys(holder, list, r.path.Keys[end-len(list.Keys):end])
}

func (r *remover) removeList(holder reflect.Value, n *ocpath.Node, steps []ocpath.ID, used int) error {
	f := &r.schema.fields[n.ID]
	end := used + len(n.Keys)
	if len(steps) == 0 && len(r.path.Keys) < end {
		holder.Field(f.index).SetZero()
		delete(r.lists, listField{holder.Addr().Interface(), n.ID})
		return nil
	}
	keys := r.path.Keys[used:end]
	if len(steps) > 0 {
		entry, err := r.ownEntry(holder, n, keys)
		if err != nil {
			return err
		}
		return r.remove(entry, steps, end)
	}
	k, err := r.schema.mapKey(n, keys)
	if err != nil {
		return err
	}
	m, state := r.ownMap(holder, n.ID)
	state.touch(keys, k)
	m.SetMapIndex(k, reflect.Value{})
	if m.Len() == 0 {
		holder.Field(f.index).SetZero()
		delete(r.lists, listField{holder.Addr().Interface(), n.ID})
	}
	return nil
}
