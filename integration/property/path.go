package property

import (
	"fmt"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// step is one element of a path. A list without keys stands for all of its
// entries.
type step struct {
	name string
	keys []key
}

// key is the value of one key of a list, in the order of the model.
type key struct{ name, value string }

// path leads from the root to a node.
type path []step

// String is the text form of gNMI: a backslash before what would end a key.
func (p path) String() string {
	if len(p) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range p {
		b.WriteByte('/')
		b.WriteString(s.name)
		for _, k := range s.keys {
			b.WriteString("[" + k.name + "=" + escape(k.value) + "]")
		}
	}
	return b.String()
}

func escape(value string) string {
	if !strings.ContainsAny(value, `\]`) {
		return value
	}
	return strings.NewReplacer(`\`, `\\`, `]`, `\]`).Replace(value)
}

// parse reads what String writes, and panics where a test's own text is wrong.
func parse(text string) path {
	p, err := tryParse(text)
	if err != nil {
		panic(fmt.Sprintf("path %q: %v", text, err))
	}
	return p
}

func tryParse(text string) (path, error) {
	var p path
	rest := strings.TrimPrefix(text, "/")
	for rest != "" {
		end := strings.IndexAny(rest, "/[")
		if end < 0 {
			end = len(rest)
		}
		s := step{name: rest[:end]}
		rest = rest[end:]
		for strings.HasPrefix(rest, "[") {
			name, tail, found := strings.Cut(rest[1:], "=")
			value, after, closed := unescape(tail)
			if !found || !closed {
				return nil, fmt.Errorf("a key of %s does not end", s.name)
			}
			s.keys = append(s.keys, key{name, value})
			rest = after
		}
		if s.name == "" || rest != "" && rest[0] != '/' {
			return nil, fmt.Errorf("unexpected %q", rest)
		}
		p = append(p, s)
		rest = strings.TrimPrefix(rest, "/")
	}
	return p, nil
}

// unescape reads the value of a key up to the bracket that ends it.
func unescape(text string) (value, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == ']':
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}

// below is the path of a node under p.
func (p path) below(names ...string) path {
	next := slices.Clip(p)
	for _, name := range names {
		next = append(next, step{name: name})
	}
	return next
}

// proto is the path as a message.
func (p path) proto() *gpb.Path {
	out := &gpb.Path{}
	for _, s := range p {
		e := &gpb.PathElem{Name: s.name}
		for _, k := range s.keys {
			if e.Key == nil {
				e.Key = map[string]string{}
			}
			e.Key[k.name] = k.value
		}
		out.Elem = append(out.Elem, e)
	}
	return out
}

// fromProto reads the paths of an answer. Their keys are put into the order of
// the model.
func fromProto(paths ...*gpb.Path) path {
	var p path
	for _, one := range paths {
		for _, e := range one.GetElem() {
			p = append(p, step{name: e.GetName(), keys: orderedKeys(e)})
		}
	}
	return p
}

// orderedKeys are the keys of an element: those of every list here stand in
// the order of their names in the model.
func orderedKeys(e *gpb.PathElem) []key {
	var keys []key
	for name, value := range e.GetKey() {
		keys = append(keys, key{name, value})
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.name, b.name) })
	return keys
}

// holds reports whether a path's text is that of a node, or of what lies below
// it.
func holds(node, text string) bool {
	rest, ok := strings.CutPrefix(text, node)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '[') || node == "/"
}
