package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
	"google.golang.org/protobuf/encoding/protowire"
)

// pathFiles generates gen/ocpath: the table of nodes with one constant for
// each, the values of enumerations and identities, the deviated paths, and
// the modules.
func pathFiles(t *tree) (map[string][]byte, error) {
	consts, err := idConsts(t)
	if err != nil {
		return nil, err
	}
	table, values, err := nodeTable(t)
	if err != nil {
		return nil, err
	}
	models, err := modelTable(t)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for name, body := range map[string]string{
		"ids": consts, "nodes": table, "values": values, "deviated": deviatedTable(t), "models": models,
	} {
		file := "gen/ocpath/" + name + ".go"
		if files[file], err = plainFile("ocpath", body); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return files, nil
}

// camel is the name of a path's constant: "/a-b/c" gives "ABC".
func camel(path string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '-' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// idConsts is the constant of each node.
func idConsts(t *tree) (string, error) {
	var b strings.Builder
	b.WriteString("// The nodes, depth first. The numbers change when the served schema does.\nconst (\n\tRoot ID = 0\n")
	seen := make(map[string]string)
	for _, n := range t.nodes[1:] {
		name := camel(n.path())
		if other, ok := seen[name]; ok {
			return "", fmt.Errorf("%s and %s have the same constant %s", other, n.path(), name)
		}
		seen[name] = n.path()
		fmt.Fprintf(&b, "\t%s ID = %d // %s\n", name, n.id, n.keyedPath())
	}
	b.WriteString(")\n")
	return b.String(), nil
}

// nodeTable is the slice of nodes, and the slices of values they point to.
// Equal slices stand once, named for the first leaf that has them.
func nodeTable(t *tree) (table, values string, err error) {
	var nodes, sets strings.Builder
	names := make(map[string]string)
	nodes.WriteString("// nodes holds every node at the index of its ID.\nvar nodes = [...]Node{\n")
	fmt.Fprintf(&nodes, "\t{End: %d},\n", t.root.end)
	for _, n := range t.nodes[1:] {
		module, err := n.module()
		if err != nil {
			return "", "", err
		}
		fields := []string{fmt.Sprintf("ID: %d, Parent: %d, End: %d, Name: %q, Module: %q", n.id, n.parent.id, n.end, n.name, module)}
		fields = append(fields, shape(n)...)
		if n.leaf() {
			info, err := t.typeOf(n)
			if err != nil {
				return "", "", err
			}
			fields = append(fields, leafFields(n, info)...)
			if len(info.values) > 0 {
				fields = append(fields, "Values: "+valueSet(&sets, names, n, info.values))
			}
		}
		fields = append(fields, "Suffix: "+strconv.Quote(suffix(n)))
		fmt.Fprintf(&nodes, "\t{%s},\n", strings.Join(fields, ", "))
	}
	nodes.WriteString("}\n")
	return nodes.String(), sets.String(), nil
}

// shape gives the fields that say what kind of node it is.
func shape(n *node) []string {
	var fields []string
	switch {
	case n.list():
		var keys []string
		for _, key := range strings.Fields(n.entry.Key) {
			keys = append(keys, strconv.Itoa(n.child(key).id))
		}
		fields = append(fields, "Kind: List", "Keys: []ID{"+strings.Join(keys, ", ")+"}")
	case n.entry.IsLeafList():
		fields = append(fields, "Kind: LeafList")
	case n.entry.IsLeaf():
		fields = append(fields, "Kind: Leaf")
	}
	if !n.entry.ReadOnly() {
		fields = append(fields, "Config: true")
	}
	if n.atomic() {
		fields = append(fields, "Atomic: true")
	}
	return fields
}

// leafFields gives the fields of a leaf or leaf-list, its values not among
// them.
func leafFields(n *node, info typeInfo) []string {
	fields := []string{"Type: " + info.name}
	if len(info.members) > 0 {
		fields = append(fields, "Union: []Type{"+strings.Join(info.members, ", ")+"}")
	}
	if info.fraction > 0 {
		fields = append(fields, fmt.Sprintf("FractionDigits: %d", info.fraction))
	}
	if class := classOf(n); class != "Event" {
		fields = append(fields, "Class: "+class)
	}
	if value, ok := n.entry.SingleDefaultValue(); ok && n.entry.IsLeaf() {
		fields = append(fields, "HasDefault: true", fmt.Sprintf("Default: %q", value))
	}
	return fields
}

// valueSet writes the slice of values unless an equal one stands already, and
// gives its name.
func valueSet(b *strings.Builder, names map[string]string, n *node, values []value) string {
	text := fmt.Sprintf("%q", values)
	if name, ok := names[text]; ok {
		return name
	}
	name := "values" + camel(n.path())
	names[text] = name
	fmt.Fprintf(b, "// %s are the values of %s.\nvar %s = []Value{\n", name, n.path(), name)
	for _, v := range values {
		fmt.Fprintf(b, "\t{%q, %q},\n", v.name, v.module)
	}
	b.WriteString("}\n\n")
	return name
}

// suffix encodes the elements below the nearest list above the node. A list's
// own element, which needs its keys, is left to the caller.
//
//	gnmi.Path     { repeated PathElem elem = 3; }
//	gnmi.PathElem { string name = 1; map<string, string> key = 2; }
func suffix(n *node) string {
	if n.parent == nil {
		return ""
	}
	above := ""
	if !n.parent.list() {
		above = suffix(n.parent)
	}
	if n.list() {
		return above
	}
	elem := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), n.name)
	path := protowire.AppendTag([]byte(above), 3, protowire.BytesType)
	return string(protowire.AppendBytes(path, elem))
}

// deviatedTable lists the topmost nodes that upstream has and the element has
// not.
func deviatedTable(t *tree) string {
	var b strings.Builder
	b.WriteString("// deviated lists the topmost nodes that the upstream modules have and the\n// element does not serve, in ascending order.\nvar deviated = [...]string{\n")
	set := make(map[string]bool)
	for _, path := range t.deviated {
		set[path] = true
	}
	for _, path := range sortedKeys(set) {
		fmt.Fprintf(&b, "\t%q,\n", path)
	}
	b.WriteString("}\n")
	return b.String()
}

// modelTable lists the modules that have served nodes, and the deviations.
func modelTable(t *tree) (string, error) {
	names := map[string]bool{deviations: true}
	for _, n := range t.nodes[1:] {
		module, err := n.module()
		if err != nil {
			return "", err
		}
		names[module] = true
	}
	var b strings.Builder
	b.WriteString("// models lists the modules by name.\nvar models = [...]Model{\n")
	for _, name := range sortedKeys(names) {
		mod := t.mods.Modules[name]
		fmt.Fprintf(&b, "\t{Name: %q, Organization: %q, Version: %q},\n", name, mod.Organization.Name, version(mod))
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// version is a module's openconfig-version.
func version(mod *yang.Module) string {
	for _, e := range mod.Extensions {
		if strings.HasSuffix(e.Keyword, ":openconfig-version") {
			return e.Argument
		}
	}
	return ""
}
