package tree

import (
	"fmt"
	"reflect"

	"github.com/openconfig/goyang/pkg/yang"
	"github.com/openconfig/ygot/util"
	"github.com/openconfig/ygot/ygot"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Schema binds each configurable node to the field that holds it. It is
// immutable after New.
type Schema struct {
	fields []field // by ocpath.ID; those of config false nodes are zero
}

// field is where a node is in the struct of its parent.
type field struct {
	index int // of the struct's field
	// structType is the struct of a container or of a list's entries.
	structType reflect.Type
	// mapType is the map of a list, keyType that of its keys.
	mapType, keyType reflect.Type
	// keyFields are the fields of keyType, in the order of the model, where it
	// is a struct.
	keyFields []int
	// keyNames are the names of the key where it is an enumeration.
	keyNames *enumCodec
	// leaf codes the value of a leaf or leaf-list.
	leaf codec
	// entry is what ygot knows of a leaf, or of the leaf that it refers to:
	// ranges, patterns, lengths.
	entry *yang.Entry
	// free says that each value of the Go type is one of the model.
	free bool
	// keyAt is, for a key leaf of a list and for the leaf below config that it
	// refers to, one more than the index of its value in schema.Path.Keys.
	keyAt int
}

// New binds the schema. An error means that gen/oc and gen/ocpath were not
// generated together, or that a configurable leaf has a type that this package
// does not know.
func New() (*Schema, error) {
	s := &Schema{fields: make([]field, ocpath.Len())}
	if err := s.bindChildren(ocpath.Root, reflect.TypeFor[oc.Device]()); err != nil {
		return nil, err
	}
	s.bindKeys()
	return s, nil
}

// bindChildren binds the nodes below one that the struct holds.
func (s *Schema) bindChildren(parent ocpath.ID, holder reflect.Type) error {
	byName := map[string]int{}
	for i := range holder.NumField() {
		byName[holder.Field(i).Tag.Get("path")] = i
	}
	for id := range children(parent) {
		n := ocpath.Get(id)
		if !n.Config {
			continue
		}
		index, ok := byName[n.Name]
		if !ok {
			return fmt.Errorf("tree: %s has no field in %s", ocpath.Path(id), holder.Name())
		}
		if err := s.bind(n, holder, index); err != nil {
			return fmt.Errorf("tree: %s: %w", ocpath.Path(id), err)
		}
	}
	return nil
}

// bind binds one node and what lies below it.
func (s *Schema) bind(n *ocpath.Node, holder reflect.Type, index int) error {
	f := &s.fields[n.ID]
	f.index = index
	t := holder.Field(index).Type
	switch n.Kind {
	case ocpath.Container:
		f.structType = t.Elem()
	case ocpath.List:
		f.mapType, f.keyType, f.structType = t, t.Key(), t.Elem().Elem()
		if f.keyType.Implements(reflect.TypeFor[ygot.GoEnum]()) {
			names := newEnumCodec(f.keyType)
			f.keyNames = &names
		}
		if f.keyType.Kind() == reflect.Struct {
			if err := f.bindKeyStruct(n); err != nil {
				return err
			}
		}
	default:
		schemaEntry := oc.SchemaTree[holder.Name()]
		if schemaEntry == nil || schemaEntry.Dir[n.Name] == nil {
			return fmt.Errorf("no schema entry")
		}
		var err error
		if f.entry, err = resolved(schemaEntry.Dir[n.Name]); err != nil {
			return err
		}
		f.free = unrestricted(f.entry)
		f.leaf, err = newCodec(n, t)
		return err
	}
	return s.bindChildren(n.ID, f.structType)
}

// resolved is the entry of a leaf or leaf-list with, for a leafref, the type of
// what it refers to. ygot's own way makes a leaf of a leaf-list.
func resolved(entry *yang.Entry) (*yang.Entry, error) {
	to, err := util.ResolveIfLeafRef(entry)
	if err != nil || to == entry || !entry.IsLeafList() {
		return to, err
	}
	list := *entry
	list.Type = to.Type
	return &list, nil
}

// unrestricted reports a leaf whose type has no ranges, lengths or patterns of
// its own. Of the names of enumerations and identities a codec sets only those
// that there are.
func unrestricted(entry *yang.Entry) bool {
	t := entry.Type
	switch {
	case entry.IsLeafList():
		return false
	case t.Kind == yang.Ystring:
		return len(t.Pattern)+len(t.POSIXPattern)+len(t.Length) == 0
	case t.Kind == yang.Ybool, t.Kind == yang.Yenum, t.Kind == yang.Yidentityref:
		return true
	}
	whole, isInteger := wholeRanges()[t.Kind]
	return isInteger && t.Range.Equal(whole)
}

// wholeRanges are those of the integers' types without a restriction.
func wholeRanges() map[yang.TypeKind]yang.YangRange {
	return map[yang.TypeKind]yang.YangRange{
		yang.Yint8: yang.Int8Range, yang.Yint16: yang.Int16Range, yang.Yint32: yang.Int32Range, yang.Yint64: yang.Int64Range,
		yang.Yuint8: yang.Uint8Range, yang.Yuint16: yang.Uint16Range, yang.Yuint32: yang.Uint32Range, yang.Yuint64: yang.Uint64Range,
	}
}

// bindKeyStruct finds the fields of the key of a list with several keys.
func (f *field) bindKeyStruct(n *ocpath.Node) error {
	for _, key := range n.Keys {
		name := ocpath.Get(key).Name
		found := -1
		for i := range f.keyType.NumField() {
			if f.keyType.Field(i).Tag.Get("path") == name {
				found = i
			}
		}
		if found < 0 {
			return fmt.Errorf("key %s has no field in %s", name, f.keyType.Name())
		}
		f.keyFields = append(f.keyFields, found)
	}
	return nil
}

// bindKeys notes which leaves hold a key: the key leaf of a list and, by the
// rule of OpenConfig's style guide, the leaf of its name below config.
func (s *Schema) bindKeys() {
	for i := range ocpath.Len() {
		n := ocpath.Get(ocpath.ID(i))
		if n.Kind != ocpath.List || !n.Config {
			continue
		}
		first := schema.KeyCount(n.ID) - len(n.Keys) + 1
		config, _ := ocpath.Child(n.ID, "config")
		for at, key := range n.Keys {
			s.fields[key].keyAt = first + at
			if leaf, ok := ocpath.Child(config, ocpath.Get(key).Name); ok {
				s.fields[leaf].keyAt = first + at
			}
		}
	}
}

// IsKey reports a leaf that only repeats a key of its list's entry: the key
// leaf itself, and the leaf below config that it refers to. Such a leaf is
// there as long as the entry is.
func (s *Schema) IsKey(id ocpath.ID) bool { return s.fields[id].keyAt > 0 }

// mirrors yields the key leaves of a list with the leaves below config that
// they refer to (0 where there is none), in the order of the keys.
func (s *Schema) mirrors(list *ocpath.Node) (pairs [][2]ocpath.ID) {
	config, ok := ocpath.Child(list.ID, "config")
	for _, key := range list.Keys {
		var mirror ocpath.ID
		if ok {
			mirror, _ = ocpath.Child(config, ocpath.Get(key).Name)
		}
		pairs = append(pairs, [2]ocpath.ID{key, mirror})
	}
	return pairs
}

// children yields the nodes right below one.
func children(parent ocpath.ID) func(yield func(ocpath.ID) bool) {
	return func(yield func(ocpath.ID) bool) {
		for id := parent + 1; id < ocpath.Get(parent).End; id = ocpath.Get(id).End {
			if !yield(id) {
				return
			}
		}
	}
}

// way gives the nodes from below the root down to a node.
func way(id ocpath.ID) []ocpath.ID {
	var nodes [16]ocpath.ID
	i := len(nodes)
	for ; id != ocpath.Root; id = ocpath.Get(id).Parent {
		i--
		nodes[i] = id
	}
	return nodes[i:]
}

// mapKey makes the key of a list's map from its text.
func (s *Schema) mapKey(list *ocpath.Node, keys []string) (reflect.Value, error) {
	f := &s.fields[list.ID]
	k := reflect.New(f.keyType).Elem()
	for i, leaf := range list.Keys {
		v, err := schema.ParseKey(leaf, keys[i])
		if err != nil {
			return reflect.Value{}, err
		}
		part := k
		if f.keyFields != nil {
			part = k.Field(f.keyFields[i])
		}
		if f.keyNames != nil {
			err = f.keyNames.set(part, v)
		} else {
			err = setScalar(part, v)
		}
		if err != nil {
			return reflect.Value{}, fmt.Errorf("key %s: %w", ocpath.Get(leaf).Name, err)
		}
	}
	return k, nil
}

// keyText appends the keys of a list's map in canonical text.
func (s *Schema) keyText(dst []string, list *ocpath.Node, k reflect.Value) []string {
	f := &s.fields[list.ID]
	for i := range list.Keys {
		part := k
		if f.keyFields != nil {
			part = k.Field(f.keyFields[i])
		}
		if f.keyNames != nil {
			dst = append(dst, f.keyNames.get(part).String())
			continue
		}
		dst = append(dst, getScalar(part).String())
	}
	return dst
}
