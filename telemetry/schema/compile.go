package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
)

// Wildcards of gNMI paths (specification, 2.2.2.1).
const (
	anyName = "*"   // one element of any name, or any value of a key
	anyPath = "..." // any number of elements, none included
)

// maxElems bounds a path: no node lies deeper.
const maxElems = 128

// Compile joins prefix and path and resolves them against the schema. It takes
// `*` for a name or a key's value, `...` for any number of elements, and lists
// whose keys are partly or wholly left away, which stands for all.
//
// ErrInvalid names the path up to the element that does not exist, and what is
// near it; ErrUnimplemented is a node that the models have and the element
// deviates. A path that exists and holds nothing is fine.
func Compile(prefix, path *gpb.Path) (Pattern, error) {
	elems, err := join(prefix, path)
	if err != nil {
		return Pattern{}, err
	}
	elems = slices.CompactFunc(slices.Clone(elems), func(a, b *gpb.PathElem) bool {
		return a.GetName() == anyPath && b.GetName() == anyPath
	})
	if len(elems) > maxElems {
		return Pattern{}, invalid(fmt.Sprintf("%s: %d elements, more than the schema is deep", formatElems(elems[:4]), len(elems)))
	}
	c := compiler{elems: elems}
	if slices.ContainsFunc(elems, func(e *gpb.PathElem) bool { return e.GetName() == anyPath }) {
		c.seen = map[visit]bool{}
	}
	c.walk(ocpath.Root, 0, nil)
	if len(c.alts) == 0 {
		return Pattern{}, c.failure()
	}
	return Pattern{alts: c.alts}.indexed(), nil
}

// MustCompile is Compile for paths in the text form that are known to be in
// the schema; it panics where one is not. It is for tests and constants.
func MustCompile(text string) Pattern {
	path, err := ParsePath(text)
	if err == nil {
		var p Pattern
		if p, err = Compile(nil, path); err == nil {
			return p
		}
	}
	panic(fmt.Sprintf("schema: %s: %v", text, err))
}

// compiler walks elements and schema nodes side by side.
type compiler struct {
	elems []*gpb.PathElem
	alts  []alternative
	seen  map[visit]bool // nil where none comes twice
	// The furthest element that matched nothing, below which nodes, and why
	// where it was not for its name.
	failed  int
	parents []ocpath.ID
	reason  error
}

func (c *compiler) walk(node ocpath.ID, i int, conds []condition) {
	if c.again(node, i, conds) {
		return
	}
	if i == len(c.elems) {
		c.end(node, conds)
		return
	}
	switch e := c.elems[i]; e.GetName() {
	case anyPath:
		c.walkAnyPath(node, i, conds)
	case anyName:
		found := false
		for child := range children(node) {
			if next, err := conditions(child, e, conds); err == nil {
				found = true
				c.walk(child, i+1, next)
			}
		}
		if !found {
			c.fail(node, i, nil)
		}
	default:
		child, ok := ocpath.Child(node, e.GetName())
		if !ok {
			c.fail(node, i, nil)
			return
		}
		next, err := conditions(child, e, conds)
		if err != nil {
			c.fail(node, i, err)
			return
		}
		c.walk(child, i+1, next)
	}
}

// visit is a node with the element to match below it, under conditions.
type visit struct {
	node  ocpath.ID
	elem  int
	conds string
}

// again reports that the walk was here before.
func (c *compiler) again(node ocpath.ID, i int, conds []condition) bool {
	if c.seen == nil {
		return false
	}
	state := visit{node, i, conditionsID(conds)}
	if c.seen[state] {
		return true
	}
	c.seen[state] = true
	return false
}

func (c *compiler) walkAnyPath(node ocpath.ID, i int, conds []condition) {
	if len(c.elems[i].GetKey()) > 0 {
		c.fail(node, i, errors.New("the element ... takes no keys"))
		return
	}
	if i == len(c.elems)-1 {
		c.end(node, conds)
		return
	}
	c.walk(node, i+1, conds)
	for child := range children(node) {
		c.walk(child, i, conds)
	}
}

// conditions adds what an element asks of the keys of a node.
func conditions(id ocpath.ID, e *gpb.PathElem, conds []condition) ([]condition, error) {
	n := ocpath.Get(id)
	if err := checkKeyNames(n, e); err != nil {
		return nil, err
	}
	if len(e.GetKey()) == 0 {
		return conds, nil
	}
	at := KeyCount(n.Parent)
	next := slices.Clone(conds)
	for i, key := range n.Keys {
		text, ok := e.GetKey()[ocpath.Get(key).Name]
		if !ok || text == anyName {
			continue
		}
		v, err := ParseKey(key, text)
		if err != nil {
			return nil, err
		}
		next = append(next, condition{at + i, v.String()})
	}
	return next, nil
}

// end adds a node whose whole subtree is asked for.
func (c *compiler) end(node ocpath.ID, conds []condition) {
	for i := range c.alts {
		if slices.Equal(c.alts[i].conds, conds) {
			c.alts[i].add(node)
			return
		}
	}
	a := alternative{nodes: newSet(), conds: conds}
	a.add(node)
	c.alts = append(c.alts, a)
}

func (c *compiler) fail(parent ocpath.ID, i int, reason error) {
	if i > c.failed || c.parents == nil {
		c.failed, c.parents, c.reason = i, nil, nil
	}
	if i == c.failed {
		c.parents = append(c.parents, parent)
		if c.reason == nil {
			c.reason = reason
		}
	}
}

func (c *compiler) failure() error {
	upTo := c.elems[:min(c.failed+1, len(c.elems))]
	if c.reason != nil {
		return invalid(formatElems(upTo) + ": " + c.reason.Error())
	}
	return unknown(upTo, c.parents)
}

// unknown is the error for a path whose last element does not exist below any
// of the parents.
func unknown(elems []*gpb.PathElem, parents []ocpath.ID) error {
	last := elems[len(elems)-1].GetName()
	var there []string
	for _, parent := range parents {
		names := schemaNames(parent)
		if ocpath.Deviated(append(names, last)) {
			return unimplemented(formatElems(elems) + ": the models have it, this element does not serve it")
		}
		for child := range children(parent) {
			there = append(there, ocpath.Get(child).Name)
		}
	}
	slices.Sort(there)
	if len(there) == 0 {
		return invalid(formatElems(elems) + ": nothing lies below a leaf")
	}
	return invalid(fmt.Sprintf("%s: unknown element %q%s", formatElems(elems), last, near(last, slices.Compact(there))))
}

// schemaNames are the names from the root to a node.
func schemaNames(id ocpath.ID) []string {
	var names []string
	for ; id != ocpath.Root; id = ocpath.Get(id).Parent {
		names = append(names, ocpath.Get(id).Name)
	}
	slices.Reverse(names)
	return names
}

// children iterates over the nodes right below one.
func children(parent ocpath.ID) func(yield func(ocpath.ID) bool) {
	return func(yield func(ocpath.ID) bool) {
		for id := parent + 1; id < ocpath.Get(parent).End; id = ocpath.Get(id).End {
			if !yield(id) {
				return
			}
		}
	}
}

// ParsePath reads the text form of a path: names between slashes, keys as
// [name=value], a backslash before a character that would end one of them. It
// looks at the syntax only; "origin:/…" sets the origin.
func ParsePath(text string) (*gpb.Path, error) {
	path := new(gpb.Path)
	if i := strings.Index(text, ":/"); i > 0 && !strings.ContainsAny(text[:i], "/[") {
		path.Origin, text = text[:i], text[i+1:]
	}
	rest := strings.TrimPrefix(text, "/")
	for rest != "" {
		var e *gpb.PathElem
		var err error
		if e, rest, err = parseElem(rest); err != nil {
			return nil, invalid(fmt.Sprintf("path %q: %s", text, err))
		}
		path.Elem = append(path.Elem, e)
	}
	return path, nil
}

func parseElem(text string) (*gpb.PathElem, string, error) {
	name, rest := until(text, "/[")
	if name == "" {
		return nil, "", errors.New("an element without a name")
	}
	e := &gpb.PathElem{Name: name}
	for strings.HasPrefix(rest, "[") {
		key, tail := until(rest[1:], "=")
		if !strings.HasPrefix(tail, "=") {
			return nil, "", fmt.Errorf("a key of %s without =", name)
		}
		value, tail := until(tail[1:], "]")
		if !strings.HasPrefix(tail, "]") {
			return nil, "", fmt.Errorf("key %s of %s is not closed by ]", key, name)
		}
		if _, twice := e.Key[key]; twice || key == "" {
			return nil, "", fmt.Errorf("key %q of %s is empty or stands twice", key, name)
		}
		if e.Key == nil {
			e.Key = map[string]string{}
		}
		e.Key[key] = value
		rest = tail[1:]
	}
	if rest != "" && rest[0] != '/' {
		return nil, "", fmt.Errorf("%q after the keys of %s", rest, name)
	}
	return e, strings.TrimPrefix(rest, "/"), nil
}

// until takes text up to one of the end characters, without the backslashes
// that escape characters in it.
func until(text, ends string) (head, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case strings.IndexByte(ends, c) >= 0:
			return b.String(), text[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
