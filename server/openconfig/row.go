package openconfig

import (
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Leaf is one leaf of a Row and what it is worth.
type Leaf struct {
	ID    ocpath.ID
	Value schema.Value
}

// Row is all that is observed of one entry of a list, or of what is in no
// list. Its leaves are in the containers of the entry but in no list below
// it; each list below has rows of its own. A leaf that is not in the row has no
// value.
type Row struct {
	// List is the list's node; ocpath.Root for what is in no list.
	List ocpath.ID
	// Keys are the key values of the entry and of the entries it is in,
	// outermost first, in the order of the schema.
	Keys   []string
	Leaves []Leaf
}

// row starts a row.
func row(list ocpath.ID, keys ...string) *Row { return &Row{List: list, Keys: keys} }

func (r *Row) put(leaf ocpath.ID, value schema.Value) {
	if value.Valid() {
		r.Leaves = append(r.Leaves, Leaf{leaf, value})
	}
}

// text puts a string, but not an empty one: that means "not told" everywhere
// here.
func (r *Row) text(leaf ocpath.ID, value string) {
	if value != "" {
		r.put(leaf, schema.StringValue(value))
	}
}

// name puts a value of an enumeration or an identity, but not an empty one.
func (r *Row) name(leaf ocpath.ID, value string) {
	if value != "" {
		r.put(leaf, schema.EnumValue(value))
	}
}

func (r *Row) uint(leaf ocpath.ID, value uint64) { r.put(leaf, schema.UintValue(value)) }

// positive puts a number, but not 0: that means "not told" of a leaf set by
// this.
func (r *Row) positive(leaf ocpath.ID, value uint64) {
	if value != 0 {
		r.uint(leaf, value)
	}
}

func (r *Row) bool(leaf ocpath.ID, value bool) { r.put(leaf, schema.BoolValue(value)) }
