package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// Path names one node of the data tree: a node of the schema, and which
// entries of the lists above it.
type Path struct {
	Node ocpath.ID
	// Keys are the values of the keys of all lists from the root down to Node,
	// outermost first, each list's in the order of the model, in canonical
	// text. Where Node is a list, its own keys are among them for one entry of
	// it, and left away for all of its entries.
	Keys []string
}

// Lists gives the lists from the root down to a node, the node itself included
// where it is one.
func Lists(id ocpath.ID) []ocpath.ID {
	var lists []ocpath.ID
	for ; id != ocpath.Root; id = ocpath.Get(id).Parent {
		if ocpath.Get(id).Kind == ocpath.List {
			lists = append(lists, id)
		}
	}
	slices.Reverse(lists)
	return lists
}

// NearestList is the list whose entry holds a node: the node itself where it
// is one, Root where there is none.
func NearestList(id ocpath.ID) ocpath.ID {
	for id != ocpath.Root && ocpath.Get(id).Kind != ocpath.List {
		id = ocpath.Get(id).Parent
	}
	return id
}

// KeyCount is the number of keys of all lists from the root down to a node.
func KeyCount(id ocpath.ID) int {
	count := 0
	for ; id != ocpath.Root; id = ocpath.Get(id).Parent {
		count += len(ocpath.Get(id).Keys)
	}
	return count
}

// IsEntry reports whether the path is one entry of a list.
func (p Path) IsEntry() bool {
	return ocpath.Get(p.Node).Kind == ocpath.List && len(p.Keys) == KeyCount(p.Node)
}

// Within reports whether the path is the other one or lies below it.
func (p Path) Within(o Path) bool {
	return p.Node >= o.Node && p.Node < ocpath.Get(o.Node).End &&
		len(p.Keys) >= len(o.Keys) && slices.Equal(p.Keys[:len(o.Keys)], o.Keys)
}

// String is the path in the text form of gNMI
// (gnmi-path-strings: "/interfaces/interface[name=eth0]/mtu").
func (p Path) String() string {
	var way [maxNesting]*ocpath.Node // to the node, filled from the end
	first := len(way)
	for id := p.Node; id != ocpath.Root; id = way[first].Parent {
		first--
		way[first] = ocpath.Get(id)
	}
	text, used := make([]byte, 0, 128), 0
	for _, n := range way[first:] {
		text = append(append(text, '/'), n.Name...)
		if used += len(n.Keys); len(n.Keys) == 0 || used > len(p.Keys) {
			continue
		}
		for i, key := range n.Keys {
			text = append(append(append(text, '['), ocpath.Get(key).Name...), '=')
			text = append(append(text, escapeKey(validUTF8(p.Keys[used-len(n.Keys)+i]))...), ']')
		}
	}
	if len(text) == 0 {
		return "/"
	}
	return string(text)
}

// maxNesting is far more than how deep the models are nested.
const maxNesting = 32

// Format is the path in the text form of gNMI.
func Format(p Path) string { return p.String() }

// escapeKey puts a backslash before the characters that end or escape a key.
func escapeKey(value string) string {
	if !strings.ContainsAny(value, `]\`) {
		return value
	}
	return strings.NewReplacer(`\`, `\\`, `]`, `\]`).Replace(value)
}

// ToProto is the path as a protobuf message, without origin and target.
func ToProto(p Path) *gpb.Path {
	elems := p.elems()
	out := &gpb.Path{Elem: make([]*gpb.PathElem, len(elems))}
	for i, e := range elems {
		pe := &gpb.PathElem{Name: e.name}
		if len(e.keys) > 0 {
			pe.Key = make(map[string]string, len(e.keys))
			for j, key := range e.keys {
				pe.Key[key] = e.values[j]
			}
		}
		out.Elem[i] = pe
	}
	return out
}

// AppendWire appends the path's elements as fields of a gnmi.Path.
func (p Path) AppendWire(dst []byte) []byte {
	for _, e := range p.elems() {
		dst = wire.AppendElem(dst, e.name, e.keys, e.values)
	}
	return dst
}

// AppendEntry appends the elements from below one list entry to an entry of a
// list that lies right below: keys are that list's own.
func AppendEntry(dst []byte, list ocpath.ID, keys []string) []byte {
	n := ocpath.Get(list)
	dst = append(dst, n.Suffix...)
	return wire.AppendElem(dst, n.Name, keyNames(n), validKeys(keys))
}

// validKeys are keys as protobuf can carry them: see StringValue.
func validKeys(keys []string) []string {
	if !slices.ContainsFunc(keys, func(k string) bool { return !utf8.ValidString(k) }) {
		return keys
	}
	valid := make([]string, len(keys))
	for i, k := range keys {
		valid[i] = validUTF8(k)
	}
	return valid
}

// elem is one element of a path.
type elem struct {
	name         string
	keys, values []string
}

func (p Path) elems() []elem {
	var elems []elem
	count := KeyCount(p.Node)
	for id := p.Node; id != ocpath.Root; id = ocpath.Get(id).Parent {
		n := ocpath.Get(id)
		e := elem{name: n.Name}
		if size := len(n.Keys); size > 0 {
			if count <= len(p.Keys) {
				e.keys, e.values = keyNames(n), validKeys(p.Keys[count-size:count])
			}
			count -= size
		}
		elems = append(elems, e)
	}
	slices.Reverse(elems)
	return elems
}

func keyNames(list *ocpath.Node) []string {
	names := make([]string, len(list.Keys))
	for i, key := range list.Keys {
		names[i] = ocpath.Get(key).Name
	}
	return names
}

// ParseKey gives a key's value its type and its canonical text.
func ParseKey(key ocpath.ID, text string) (Value, error) {
	return Parse(key, text)
}

// Exact takes a path without wildcards, as a Set has them: every list above
// the last element has all its keys. A list as last element may have none of
// its keys, and then stands for all its entries.
func Exact(prefix, path *gpb.Path) (Path, error) {
	elems, err := join(prefix, path)
	if err != nil {
		return Path{}, err
	}
	var p Path
	for i, e := range elems {
		id, ok := ocpath.Child(p.Node, e.GetName())
		if !ok {
			return Path{}, unknown(elems[:i+1], []ocpath.ID{p.Node})
		}
		if p.Keys, err = exactKeys(p.Keys, id, e, i == len(elems)-1); err != nil {
			return Path{}, invalid(formatElems(elems[:i+1]) + ": " + err.Error())
		}
		p.Node = id
	}
	return p, nil
}

func exactKeys(keys []string, id ocpath.ID, e *gpb.PathElem, last bool) ([]string, error) {
	n := ocpath.Get(id)
	if err := checkKeyNames(n, e); err != nil {
		return nil, err
	}
	if len(e.GetKey()) == 0 && last {
		return keys, nil
	}
	for _, key := range n.Keys {
		text, ok := e.GetKey()[ocpath.Get(key).Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("key %s is missing", ocpath.Get(key).Name)
		case text == anyName:
			return nil, fmt.Errorf("key %s is a wildcard", ocpath.Get(key).Name)
		}
		v, err := ParseKey(key, text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, v.String())
	}
	return keys, nil
}

func checkKeyNames(n *ocpath.Node, e *gpb.PathElem) error {
	known := keyNames(n)
	given := make([]string, 0, len(e.GetKey()))
	for name := range e.GetKey() {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		switch {
		case n.Kind != ocpath.List:
			return fmt.Errorf("key %s at a node that is no list", name)
		case !slices.Contains(known, name):
			return fmt.Errorf("no key %q%s", name, near(name, known))
		}
	}
	return nil
}

// join gives the elements of prefix and path as one list, after a look at
// their origins (gnmi: "" and openconfig are the same; only one of the two may
// name it).
func join(prefix, path *gpb.Path) ([]*gpb.PathElem, error) {
	if prefix.GetOrigin() != "" && path.GetOrigin() != "" {
		return nil, invalid("an origin in both prefix and path")
	}
	for _, p := range []*gpb.Path{prefix, path} {
		if o := p.GetOrigin(); o != "" && o != "openconfig" {
			return nil, invalid(fmt.Sprintf("origin %q: only openconfig is served", o))
		}
		//lint:ignore SA1019 to refuse it
		if len(p.GetElement()) > 0 && len(p.GetElem()) == 0 {
			return nil, invalid("the path is in the element field, which gNMI 0.4.0 replaced by elem")
		}
	}
	if len(prefix.GetElem()) == 0 {
		return path.GetElem(), nil
	}
	return slices.Concat(prefix.GetElem(), path.GetElem()), nil
}

// formatElems is the text form of elements that may not exist.
func formatElems(elems []*gpb.PathElem) string {
	var b strings.Builder
	for _, e := range elems {
		b.WriteByte('/')
		b.WriteString(e.GetName())
		keys := make([]string, 0, len(e.GetKey()))
		for key := range e.GetKey() {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			fmt.Fprintf(&b, "[%s=%s]", key, escapeKey(e.GetKey()[key]))
		}
	}
	if b.Len() > 512 {
		return strings.ToValidUTF8(b.String()[:512], "") + "…"
	}
	return b.String()
}

// FormatProto is prefix and path in the text form of gNMI, whether or not they
// are in the schema.
func FormatProto(prefix, path *gpb.Path) (string, error) {
	elems, err := join(prefix, path)
	if err != nil {
		return "", err
	}
	if len(elems) == 0 {
		return "/", nil
	}
	return formatElems(elems), nil
}
