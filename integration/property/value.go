package property

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// encode writes a leaf's value in one of the encodings of gNMI.
func encode(r *rand.Rand, n *node, value string) *gpb.TypedValue {
	switch r.IntN(4) {
	case 0:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonVal{JsonVal: marshal(jsonValue(n, value, r.IntN(2) == 0))}}
	case 1:
		return &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: marshal(jsonValue(n, value, true))}}
	case 2:
		if value != "" {
			return &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: value}}
		}
	}
	if !n.value.list {
		return scalar(r, n.value.kind, value)
	}
	list := &gpb.ScalarArray{}
	for _, e := range elements(value) {
		k := text
		if n.value.high > 0 && !strings.Contains(e, ".") {
			k = number
		}
		list.Element = append(list.Element, scalar(r, k, e))
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_LeaflistVal{LeaflistVal: list}}
}

// scalar is a value in a type of its own; clients send signed numbers for
// unsigned leaves, too.
func scalar(r *rand.Rand, k kind, value string) *gpb.TypedValue {
	switch k {
	case number:
		v, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			break
		}
		if r.IntN(2) == 0 {
			return &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: int64(v)}}
		}
		return &gpb.TypedValue{Value: &gpb.TypedValue_UintVal{UintVal: v}}
	case truth:
		return &gpb.TypedValue{Value: &gpb.TypedValue_BoolVal{BoolVal: value == "true"}}
	}
	return &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: value}}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("json of %v: %v", v, err))
	}
	return b
}

// jsonValue is a leaf's value in JSON; qualified puts the module before the
// name of an identity (RFC 7951, 6.8).
func jsonValue(n *node, value string, qualified bool) any {
	if n.value.list {
		all := []any{}
		for _, e := range elements(value) {
			all = append(all, jsonScalar(n, e, qualified))
		}
		return all
	}
	return jsonScalar(n, value, qualified)
}

func jsonScalar(n *node, value string, qualified bool) any {
	v, err := strconv.ParseUint(value, 10, 64)
	switch {
	case (n.value.kind == number || n.value.list && n.value.high > 0) && err == nil:
		return v
	case n.value.kind == truth:
		return value == "true"
	case n.value.kind == name && qualified && n.value.names[value] != "":
		return n.value.names[value] + ":" + value
	}
	return value
}

// document is the JSON of leaves, as the value of the node at a path that
// holds them all; qualified writes it as JSON_IETF.
func document(models *node, at path, leaves []assignment, qualified bool) []byte {
	top := object{}
	if n := models.at(at); n.keys != nil && len(at[len(at)-1].keys) == 0 {
		list := &entries{}
		for _, l := range leaves {
			list.of(models, n, l.path[:len(at)]).put(models, l.path[:len(at)], l, qualified)
		}
		return marshal(list.all)
	}
	for _, l := range leaves {
		top.put(models, at, l, qualified)
	}
	return marshal(top)
}

// object is a JSON object that is built.
type object map[string]any

// entries are the entries of a list, in the order in which they came.
type entries struct {
	names []string
	all   []object
}

// MarshalJSON is the array of the entries.
func (e *entries) MarshalJSON() ([]byte, error) { return json.Marshal(e.all) }

// of gives the entry of a path that ends with its keys, which become members.
func (e *entries) of(models, n *node, p path) object {
	i := slices.Index(e.names, p.String())
	if i >= 0 {
		return e.all[i]
	}
	made := object{}
	for _, k := range p[len(p)-1].keys {
		made[k.name] = jsonScalar(n.child(k.name), k.value, false)
	}
	e.names, e.all = append(e.names, p.String()), append(e.all, made)
	return made
}

// put puts a leaf into the object of the node at a path.
func (o object) put(models *node, at path, l assignment, qualified bool) {
	child := l.path[:len(at)+1]
	n := models.at(child)
	name := n.name
	if qualified && (len(child) == 1 || n.module != models.at(at).module) {
		name = n.module + ":" + name
	}
	switch {
	case n.value != nil:
		o[name] = jsonValue(n, l.value, qualified)
	case n.keys != nil:
		if o[name] == nil {
			o[name] = &entries{}
		}
		inner := o[name].(*entries).of(models, n, child)
		if len(l.path) > len(child) {
			inner.put(models, child, l, qualified)
		}
	default:
		if o[name] == nil {
			o[name] = object{}
		}
		o[name].(object).put(models, child, l, qualified)
	}
}

// lexical is the text of a value that was received.
func lexical(v *gpb.TypedValue) (string, error) {
	switch x := v.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return x.StringVal, nil
	case *gpb.TypedValue_AsciiVal:
		return x.AsciiVal, nil
	case *gpb.TypedValue_UintVal:
		return strconv.FormatUint(x.UintVal, 10), nil
	case *gpb.TypedValue_IntVal:
		return strconv.FormatInt(x.IntVal, 10), nil
	case *gpb.TypedValue_BoolVal:
		return strconv.FormatBool(x.BoolVal), nil
	case *gpb.TypedValue_DoubleVal:
		return strconv.FormatFloat(x.DoubleVal, 'f', -1, 64), nil
	case *gpb.TypedValue_LeaflistVal:
		var all []string
		for _, e := range x.LeaflistVal.GetElement() {
			one, err := lexical(e)
			if err != nil {
				return "", err
			}
			all = append(all, one)
		}
		return strings.Join(all, ","), nil
	}
	return "", fmt.Errorf("a value of type %T", v.GetValue())
}

// flatten adds the leaves of a JSON value of the node at a path to a tree, key
// leaves included. Lists are known by the models.
func flatten(models *node, at path, doc any, into tree) error {
	n := models.at(at)
	if n == nil {
		return fmt.Errorf("%s is not in the models", at)
	}
	switch x := doc.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			if err := flatten(models, at.below(local(name)), x[name], into); err != nil {
				return err
			}
		}
		return nil
	case []any:
		if n.value == nil {
			return flattenList(models, n, at, x, into)
		}
		var all []string
		for _, e := range x {
			all = append(all, local(fmt.Sprint(e)))
		}
		into[at.String()] = strings.Join(all, ",")
		return nil
	}
	value := fmt.Sprint(doc)
	if n.value != nil && n.value.kind == name {
		value = local(value)
	}
	into[at.String()] = value
	return nil
}

func flattenList(models, n *node, at path, list []any, into tree) error {
	for _, e := range list {
		object, ok := e.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: an entry that is no object", at)
		}
		entry := slices.Clone(at)
		last := &entry[len(entry)-1]
		for _, name := range n.keys {
			last.keys = append(slices.Clip(last.keys), key{name, fmt.Sprint(object[name])})
		}
		if err := flatten(models, entry, e, into); err != nil {
			return err
		}
	}
	return nil
}

// local is a name without its module.
func local(name string) string {
	if _, after, ok := strings.Cut(name, ":"); ok {
		return after
	}
	return name
}
