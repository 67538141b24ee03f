package tree

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// JSON is the whole tree by RFC 7951, indented, in the order of the schema and
// of the keys, with a line break at its end.
func (s *Schema) JSON(d *oc.Device) ([]byte, error) {
	e := jsonEncoder{schema: s}
	e.object(ocpath.Get(ocpath.Root), reflect.ValueOf(d).Elem(), nil)
	var out bytes.Buffer
	if err := json.Indent(&out, e.out, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

type jsonEncoder struct {
	schema *Schema
	out    []byte
}

// object appends the members of a container or list entry.
func (e *jsonEncoder) object(parent *ocpath.Node, holder reflect.Value, keys []string) {
	e.out = append(e.out, '{')
	first := true
	for id := range children(parent.ID) {
		n := ocpath.Get(id)
		if !n.Config {
			continue
		}
		before := len(e.out)
		if !first {
			e.out = append(e.out, ',')
		}
		e.name(n, parent)
		if e.value(n, holder.Field(e.schema.fields[id].index), keys) {
			first = false
		} else {
			e.out = e.out[:before]
		}
	}
	e.out = append(e.out, '}')
}

// name appends a member's name, qualified where its module is not the
// parent's (RFC 7951, 4).
func (e *jsonEncoder) name(n, parent *ocpath.Node) {
	e.out = append(e.out, '"')
	if n.Module != parent.Module || parent.ID == ocpath.Root {
		e.out = append(append(e.out, n.Module...), ':')
	}
	e.out = append(append(e.out, n.Name...), '"', ':')
}

// value appends a member's value and reports whether there is one.
func (e *jsonEncoder) value(n *ocpath.Node, value reflect.Value, keys []string) bool {
	switch n.Kind {
	case ocpath.Container:
		if value.IsNil() {
			return false
		}
		e.object(n, value.Elem(), keys)
	case ocpath.List:
		if value.Len() == 0 {
			return false
		}
		for i, entry := range e.schema.entries(n, value, keys) {
			e.out = append(e.out, "[,"[min(i, 1)])
			e.object(n, entry.value.Elem(), entry.keys)
		}
		e.out = append(e.out, ']')
	default:
		v := e.schema.fields[n.ID].leaf.get(value)
		if !v.Valid() {
			return false
		}
		e.out = v.AppendJSON(e.out, n, schema.JSONIETF)
	}
	return true
}
