package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
)

// tree is the data tree of the served modules.
type tree struct {
	mods     *yang.Modules
	root     *node
	nodes    []*node  // depth first, the root first
	deviated []string // topmost paths that upstream has and root has not
}

// node is a data node: choices and cases are not among them.
type node struct {
	id, end  int // the nodes below are id+1 to end-1
	name     string
	entry    *yang.Entry // nil for the root
	parent   *node
	children []*node // by name
}

// loadTree reads the models with and without the deviations.
func loadTree(src *models) (*tree, error) {
	mods, err := src.parse(true)
	if err != nil {
		return nil, err
	}
	upstream, err := src.parse(false)
	if err != nil {
		return nil, err
	}
	t := &tree{mods: mods, root: rootOf(mods)}
	t.number(t.root)
	t.missing(rootOf(upstream), t.root)
	return t, nil
}

// rootOf joins the trees of all modules. The IETF's interfaces are left out:
// gNMI paths have no namespaces, and /interfaces is OpenConfig's.
func rootOf(ms *yang.Modules) *node {
	root := &node{}
	for name, mod := range ms.Modules {
		if strings.Contains(name, "@") || name == "ietf-interfaces" {
			continue
		}
		root.add(yang.ToEntry(mod))
	}
	root.sort()
	return root
}

// add puts the data nodes below an entry below the node.
func (n *node) add(e *yang.Entry) {
	for _, child := range e.Dir {
		switch {
		case child.RPC != nil || child.Kind == yang.NotificationEntry:
		case child.IsChoice() || child.IsCase():
			n.add(child)
		default:
			c := &node{name: child.Name, entry: child, parent: n}
			c.add(child)
			n.children = append(n.children, c)
		}
	}
}

// sort orders the nodes below by name.
func (n *node) sort() {
	slices.SortFunc(n.children, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	for _, c := range n.children {
		c.sort()
	}
}

// number gives the node and all below it their numbers, depth first.
func (t *tree) number(n *node) {
	n.id = len(t.nodes)
	t.nodes = append(t.nodes, n)
	for _, c := range n.children {
		t.number(c)
	}
	n.end = len(t.nodes)
}

// missing collects what is below the upstream node and not below the served.
func (t *tree) missing(upstream, have *node) {
	for _, u := range upstream.children {
		if h := have.child(u.name); h != nil {
			t.missing(u, h)
		} else {
			t.deviated = append(t.deviated, u.path())
		}
	}
}

// child finds a child by its name, or gives nil.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// path is the node's path without keys: "/interfaces/interface".
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	return n.parent.path() + "/" + n.name
}

// leaf reports a leaf or leaf-list.
func (n *node) leaf() bool {
	return n.entry != nil && (n.entry.IsLeaf() || n.entry.IsLeafList())
}

// list reports a list.
func (n *node) list() bool { return n.entry != nil && n.entry.IsList() }

// module is the module whose namespace the node is in.
func (n *node) module() (string, error) { return n.entry.InstantiatingModule() }

// follow finds the target of a leafref at the node.
func (t *tree) follow(n *node, ref string) (*node, error) {
	at := n
	if strings.HasPrefix(ref, "/") {
		at = t.root
	}
	for _, step := range strings.Split(strings.Trim(withoutPredicates(ref), "/"), "/") {
		if _, name, ok := strings.Cut(step, ":"); ok {
			step = name
		}
		next := at.child(step)
		if step == ".." {
			next = at.parent
		}
		if next == nil {
			return nil, fmt.Errorf("%s: leafref %s: %s has no %s", n.path(), ref, at.path(), step)
		}
		at = next
	}
	return at, nil
}

// withoutPredicates is a leafref's path without what it asks of keys, where a
// slash may stand.
func withoutPredicates(ref string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(ref, "[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, ref, _ = strings.Cut(rest, "]")
	}
}

// list prints the path of each leaf, with its keys, access and type.
func (t *tree) list(w io.Writer) error {
	for _, n := range t.nodes {
		if !n.leaf() {
			continue
		}
		info, err := t.typeOf(n)
		if err != nil {
			return err
		}
		access := "rw"
		if n.entry.ReadOnly() {
			access = "ro"
		}
		if _, err := fmt.Fprintln(w, n.keyedPath(), access, strings.ToLower(classOf(n)), strings.ToLower(info.name)); err != nil {
			return err
		}
	}
	return nil
}

// keyedPath is the node's path with the names of the keys.
func (n *node) keyedPath() string {
	if n.parent == nil {
		return ""
	}
	keys := ""
	if n.list() {
		keys = "[" + strings.Join(strings.Fields(n.entry.Key), "][") + "]"
	}
	return n.parent.keyedPath() + "/" + n.name + keys
}
