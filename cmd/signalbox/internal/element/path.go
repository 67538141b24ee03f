package element

import (
	"fmt"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// ParsePath reads a path as people write it (gNMI path strings,
// openconfig/reference, rpc/gnmi/gnmi-path-strings.md):
//
//	/interfaces/interface[name=eth0]/config/mtu
//
// A backslash takes the character after it as it is. "/" is the root.
func ParsePath(s string) (*gpb.Path, error) {
	p := &gpb.Path{}
	rest := strings.TrimPrefix(s, "/")
	for rest != "" {
		elem, after, err := parseElem(rest)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", s, err)
		}
		p.Elem = append(p.Elem, elem)
		rest = after
	}
	return p, nil
}

// parseElem reads one element and the slash behind it.
func parseElem(s string) (elem *gpb.PathElem, rest string, err error) {
	name, rest := until(s, "/[")
	if name == "" {
		return nil, "", fmt.Errorf("an element has no name before %q", rest)
	}
	elem = &gpb.PathElem{Name: name}
	for strings.HasPrefix(rest, "[") {
		key, after := until(rest[1:], "=]")
		if key == "" || !strings.HasPrefix(after, "=") {
			return nil, "", fmt.Errorf("element %s: want [key=value]", name)
		}
		value, after := until(after[1:], "]")
		if !strings.HasPrefix(after, "]") {
			return nil, "", fmt.Errorf("element %s: key %s has no closing ]", name, key)
		}
		if elem.Key == nil {
			elem.Key = map[string]string{}
		}
		if _, twice := elem.Key[key]; twice {
			return nil, "", fmt.Errorf("element %s: key %s stands twice", name, key)
		}
		elem.Key[key] = value
		rest = after[1:]
	}
	if rest != "" && rest[0] != '/' {
		return nil, "", fmt.Errorf("element %s: want / before %q", name, rest)
	}
	return elem, strings.TrimPrefix(rest, "/"), nil
}

// until takes what stands before the first of the stops that no backslash
// precedes, without the backslashes.
func until(s, stops string) (taken, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
		case strings.IndexByte(stops, s[i]) >= 0:
			return b.String(), s[i:]
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// FormatPath writes the elements of the paths, one behind the other, so that
// ParsePath reads them. Keys stand in the order of their names.
func FormatPath(paths ...*gpb.Path) string {
	var b strings.Builder
	for _, p := range paths {
		for _, e := range p.GetElem() {
			b.WriteByte('/')
			b.WriteString(escape(e.GetName(), `\/[`))
			for _, k := range sortedKeys(e.GetKey()) {
				fmt.Fprintf(&b, "[%s=%s]", escape(k, `\=]`), escape(e.GetKey()[k], `\]`))
			}
		}
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func escape(s, special string) string {
	if !strings.ContainsAny(s, special) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(special, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
