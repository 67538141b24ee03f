package tree

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/openconfig/ygot/ygot"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// codec moves the value of one leaf between a struct's field and schema.Value.
type codec interface {
	// get gives the value of a field; the zero Value where it is not set.
	get(reflect.Value) schema.Value
	// set sets a field; an invalid value unsets it.
	set(reflect.Value, schema.Value) error
}

// newCodec finds the codec for a field's Go type.
func newCodec(n *ocpath.Node, t reflect.Type) (codec, error) {
	if n.Kind == ocpath.LeafList {
		element, err := newCodec(&ocpath.Node{Kind: ocpath.Leaf, Type: n.Type, Union: n.Union, FractionDigits: n.FractionDigits}, elementType(t.Elem()))
		return listCodec{element}, err
	}
	switch {
	case t.Kind() == reflect.Pointer && scalar(t.Elem()):
		return pointerCodec{}, nil
	case t.Kind() == reflect.Interface:
		return newUnionCodec(n)
	case t.Implements(reflect.TypeFor[ygot.GoEnum]()):
		return newEnumCodec(t), nil
	}
	return nil, fmt.Errorf("type %s is not known", t)
}

// elementType is the type that a leaf of a leaf-list's elements would have.
func elementType(t reflect.Type) reflect.Type {
	if scalar(t) && !t.Implements(reflect.TypeFor[ygot.GoEnum]()) {
		return reflect.PointerTo(t)
	}
	return t
}

// scalar reports the types that setScalar and getScalar know.
func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool,
		reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// setScalar sets a string, boolean or integer.
func setScalar(f reflect.Value, v schema.Value) error {
	switch k := f.Kind(); {
	case k == reflect.String && v.Kind() == schema.String:
		f.SetString(v.Str())
	case k == reflect.Bool && v.Kind() == schema.Bool:
		f.SetBool(v.Bool())
	case f.CanUint() && v.Kind() == schema.Uint && !f.OverflowUint(v.Uint()):
		f.SetUint(v.Uint())
	case f.CanInt() && v.Kind() == schema.Int && !f.OverflowInt(v.Int()):
		f.SetInt(v.Int())
	default:
		return fmt.Errorf("%s is no %s", v, f.Kind())
	}
	return nil
}

// getScalar reads what setScalar sets.
func getScalar(f reflect.Value) schema.Value {
	switch {
	case f.Kind() == reflect.String:
		return schema.StringValue(f.String())
	case f.Kind() == reflect.Bool:
		return schema.BoolValue(f.Bool())
	case f.CanUint():
		return schema.UintValue(f.Uint())
	case f.CanInt():
		return schema.IntValue(f.Int())
	}
	return schema.Value{}
}

// pointerCodec is for *string, *bool, *uint16 and the like.
type pointerCodec struct{}

func (pointerCodec) get(f reflect.Value) schema.Value {
	if f.Kind() != reflect.Pointer {
		return getScalar(f) // an element of a leaf-list
	}
	if f.IsNil() {
		return schema.Value{}
	}
	return getScalar(f.Elem())
}

func (pointerCodec) set(f reflect.Value, v schema.Value) error {
	if f.Kind() != reflect.Pointer {
		return setScalar(f, v)
	}
	if !v.Valid() {
		f.SetZero()
		return nil
	}
	p := reflect.New(f.Type().Elem())
	if err := setScalar(p.Elem(), v); err != nil {
		return err
	}
	f.Set(p)
	return nil
}

// enumCodec is for enumerations and identities; 0 is unset.
type enumCodec struct {
	names   map[int64]string
	numbers map[string]int64
}

func newEnumCodec(t reflect.Type) enumCodec {
	c := enumCodec{map[int64]string{}, map[string]int64{}}
	enum := reflect.Zero(t).Interface().(ygot.GoEnum)
	for number, definition := range enum.ΛMap()[t.Name()] {
		c.names[number], c.numbers[definition.Name] = definition.Name, number
	}
	return c
}

func (c enumCodec) get(f reflect.Value) schema.Value {
	name, ok := c.names[f.Int()]
	if !ok {
		return schema.Value{}
	}
	return schema.EnumValue(name)
}

func (c enumCodec) set(f reflect.Value, v schema.Value) error {
	if !v.Valid() {
		f.SetZero()
		return nil
	}
	number, ok := c.numbers[v.Str()]
	if !ok || v.Kind() != schema.Enum {
		return fmt.Errorf("%s is none of the names", v)
	}
	f.SetInt(number)
	return nil
}

// unionCodec is for unions of strings, booleans, integers, and names of
// enumerations and identities.
type unionCodec struct {
	members []ocpath.Type
	names   []namedMember
}

// namedMember is an enumeration or an identity in a union.
type namedMember struct {
	of reflect.Type
	enumCodec
}

func newUnionCodec(n *ocpath.Node) (codec, error) {
	c := unionCodec{members: n.Union}
	named := false
	for _, t := range n.Union {
		switch t {
		case ocpath.Enum, ocpath.Identity:
			named = true
		case ocpath.Binary, ocpath.Empty, ocpath.Decimal64:
			return nil, fmt.Errorf("a union with a member of type %d is not known", t)
		}
	}
	if !named {
		return c, nil
	}
	for _, t := range oc.ΛEnumTypes[ocpath.Path(n.ID)] {
		c.names = append(c.names, namedMember{t, newEnumCodec(t)})
	}
	if len(c.names) == 0 {
		return nil, errors.New("a union with a name of an unknown type")
	}
	return c, nil
}

func (c unionCodec) get(f reflect.Value) schema.Value {
	if f.IsNil() {
		return schema.Value{}
	}
	for _, member := range c.names {
		if f.Elem().Type() == member.of {
			return member.get(f.Elem())
		}
	}
	return getScalar(f.Elem())
}

func (c unionCodec) set(f reflect.Value, v schema.Value) error {
	if !v.Valid() {
		f.SetZero()
		return nil
	}
	for _, member := range c.names {
		if number, ok := member.numbers[v.Str()]; ok && v.Kind() == schema.Enum {
			set := reflect.New(member.of).Elem()
			set.SetInt(number)
			f.Set(set)
			return nil
		}
	}
	for _, t := range c.members {
		if member, ok := unionMember(t, v); ok {
			f.Set(reflect.ValueOf(member))
			return nil
		}
	}
	return fmt.Errorf("%s is of none of the union's types", v)
}

// unionMember gives a value the Go type of one member of a union.
func unionMember(t ocpath.Type, v schema.Value) (any, bool) {
	switch n := v.Uint(); {
	case v.Kind() == schema.String && (t == ocpath.String || t == ocpath.Bits):
		return oc.UnionString(v.Str()), true
	case v.Kind() == schema.Bool && t == ocpath.Bool:
		return oc.UnionBool(v.Bool()), true
	case v.Kind() == schema.Int:
		return signedMember(t, v.Int())
	case v.Kind() != schema.Uint:
		return nil, false
	case t == ocpath.Uint8 && n <= math.MaxUint8:
		return oc.UnionUint8(n), true
	case t == ocpath.Uint16 && n <= math.MaxUint16:
		return oc.UnionUint16(n), true
	case t == ocpath.Uint32 && n <= math.MaxUint32:
		return oc.UnionUint32(n), true
	case t == ocpath.Uint64:
		return oc.UnionUint64(n), true
	}
	return nil, false
}

func signedMember(t ocpath.Type, n int64) (any, bool) {
	switch {
	case t == ocpath.Int8 && n == int64(int8(n)):
		return oc.UnionInt8(n), true
	case t == ocpath.Int16 && n == int64(int16(n)):
		return oc.UnionInt16(n), true
	case t == ocpath.Int32 && n == int64(int32(n)):
		return oc.UnionInt32(n), true
	case t == ocpath.Int64:
		return oc.UnionInt64(n), true
	}
	return nil, false
}

// listCodec is for leaf-lists. An empty one is unset (RFC 7950, 7.7).
type listCodec struct{ element codec }

func (c listCodec) get(f reflect.Value) schema.Value {
	if f.Len() == 0 {
		return schema.Value{}
	}
	elements := make([]schema.Value, f.Len())
	for i := range elements {
		elements[i] = c.element.get(f.Index(i))
	}
	return schema.ListValue(elements)
}

func (c listCodec) set(f reflect.Value, v schema.Value) error {
	elements := v.List()
	if len(elements) == 0 {
		f.SetZero()
		return nil
	}
	slice := reflect.MakeSlice(f.Type(), len(elements), len(elements))
	for i, e := range elements {
		if err := c.element.set(slice.Index(i), e); err != nil {
			return err
		}
	}
	f.Set(slice)
	return nil
}
