// Package ocpath is the served schema as a table: one numbered node for each
// container, list and leaf, with a constant to name it by. A program that
// needs paths and types, but no YANG structs, needs only this package.
//
// It holds no data and parses no paths (telemetry/schema does), and it does
// not know gen/oc: both are generated from the same models, and a test in
// gen/oc compares them.
package ocpath

import (
	"slices"
	"strings"
)

// ID is the number of a node, depth first from Root with the children of a
// node in the order of their names: the nodes below n are n+1 up to
// Get(n).End-1. The numbers belong to one build; they are never stored.
type ID uint16

// Kind says what a node is.
type Kind uint8

// The kinds of nodes (RFC 7950, 4.2.2).
const (
	Container Kind = iota
	List
	Leaf
	LeafList
)

// Class says how a leaf is sent when a subscription leaves it to the target
// (TARGET_DEFINED).
type Class uint8

// The classes of leaves.
const (
	Event  Class = iota // when it changes: configuration, status
	Sample              // at intervals: counters, gauges, clocks
)

// Type is the built-in type of a leaf (RFC 7950, 9), references resolved.
type Type uint8

// The built-in types.
const (
	None Type = iota // not a leaf
	String
	Bool
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Decimal64
	Enum
	Identity
	Binary
	Empty
	Bits
	Union
)

// Value is a value of an enumeration or an identity.
type Value struct {
	Name string
	// Module is the module that defines the identity, with which RFC 7951
	// qualifies it; "" for the value of an enumeration.
	Module string
}

// Node is a node of the schema. Nodes and what they point to are shared and
// must not be modified.
type Node struct {
	ID     ID
	Parent ID // Root's is Root
	End    ID // the nodes below are ID+1 to End-1
	Name   string
	// Module is the module in whose namespace the node is; RFC 7951 qualifies
	// the name with it where the parent's is another.
	Module string
	Kind   Kind
	// Config is false for what only the element tells (config false).
	Config bool
	// Atomic says of a container or list entry that all below it is updated
	// together (openconfig-extensions:telemetry-atomic), and is told in one
	// notification that takes the place of what it told before.
	Atomic bool
	Class  Class
	Type   Type
	// Union lists the member types of a union, each once, in the order of the
	// model.
	Union []Type
	// Values are the names that an enumeration (in the order of their numbers)
	// or an identity reference (by name) may have; of a union, those of all
	// its members.
	Values []Value
	// Keys are a list's key leaves in the order of the model.
	Keys []ID
	// Default is the value of an absent leaf, in its canonical text
	// (RFC 7950, 7.6.1), where HasDefault is set.
	Default    string
	HasDefault bool
	// FractionDigits of a decimal64, 1..18.
	FractionDigits uint8
	// Suffix is the wire form of the gnmi.Path elements (field 3) below the
	// nearest list above the node, down to the node itself. A list's own
	// element is not in its suffix, because it needs the keys: a whole path is
	// for each list the suffix and the element with its keys, then the leaf's
	// suffix.
	Suffix string
}

// Get gives a node; an ID that is not below Len panics.
func Get(id ID) *Node { return &nodes[id] }

// Len is the number of nodes, Root included.
func Len() int { return len(nodes) }

// IsLeaf reports a leaf or leaf-list.
func (n *Node) IsLeaf() bool { return n.Kind == Leaf || n.Kind == LeafList }

// Value finds one of the node's values by its name without a prefix.
func (n *Node) Value(name string) (Value, bool) {
	i := slices.IndexFunc(n.Values, func(v Value) bool { return v.Name == name })
	if i < 0 {
		return Value{}, false
	}
	return n.Values[i], true
}

// Child finds the child of a node by its name.
func Child(parent ID, name string) (ID, bool) {
	for id := parent + 1; id < nodes[parent].End; id = nodes[id].End {
		if nodes[id].Name == name {
			return id, true
		}
	}
	return 0, false
}

// Lookup finds a node by the names on the way to it from the root.
func Lookup(names ...string) (ID, bool) {
	id, ok := Root, true
	for _, name := range names {
		if id, ok = Child(id, name); !ok {
			return 0, false
		}
	}
	return id, true
}

// Path is the node's path without keys, "/interfaces/interface/name"; that of
// Root is "/".
func Path(id ID) string {
	var names []string
	for ; id != Root; id = nodes[id].Parent {
		names = append(names, nodes[id].Name)
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// Deviated reports that the names from the root lead to, or below, a node
// that the upstream modules have and the element does not serve.
func Deviated(names []string) bool {
	path := ""
	for _, name := range names {
		path += "/" + name
		if _, ok := slices.BinarySearch(deviated[:], path); ok {
			return true
		}
	}
	return false
}

// DeviatedPaths lists the topmost nodes that the upstream modules have and the
// element does not serve, as Path gives them, in ascending order.
func DeviatedPaths() []string { return slices.Clone(deviated[:]) }

// Model is a module that the element serves.
type Model struct {
	Name         string
	Organization string
	// Version is its openconfig-version; "" for a module without one.
	Version string
}

// Models lists the modules that have served nodes, and the one that holds the
// deviations, by name.
func Models() []Model { return slices.Clone(models[:]) }
