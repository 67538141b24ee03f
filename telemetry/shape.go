package telemetry

import (
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// shape is what the engine looks up of a schema node again and again.
type shape struct {
	lists []ocpath.ID // the lists from the root down to the node, itself included
	keys  int         // how many keys these lists have
	isKey bool        // the leaf is a key of the list right above it
	// atomic is the outermost atomic container that the node is or stands in;
	// Root for none.
	atomic ocpath.ID
	// config and state report leaves of configuration and of state at or below
	// the node; keys are neither.
	config, state bool
	// from is the source that a leaf belongs to; nil for a leaf that is
	// published.
	from *source
}

// shapes has the shape of each node, by its ID.
type shapes []shape

func newShapes() shapes {
	all := make(shapes, ocpath.Len())
	for i := range all {
		id := ocpath.ID(i)
		all[i] = shape{lists: schema.Lists(id), keys: schema.KeyCount(id)}
		n := ocpath.Get(id)
		if all[i].atomic = all[n.Parent].atomic; all[i].atomic == ocpath.Root && n.Atomic {
			all[i].atomic = id
		}
		for _, key := range ocpath.Get(n.Parent).Keys {
			all[i].isKey = all[i].isKey || key == id && n.Parent != id
		}
	}
	for i := len(all) - 1; i > 0; i-- {
		n := ocpath.Get(ocpath.ID(i))
		if n.IsLeaf() && !all[i].isKey {
			all[i].config, all[i].state = n.Config, !n.Config
		}
		outer := &all[n.Parent]
		outer.config, outer.state = outer.config || all[i].config, outer.state || all[i].state
	}
	return all
}

// ident names one entry of a list, or the root. It stays the same while the
// entry exists and is shared by all that refer to the entry.
type ident struct {
	parent *ident
	list   ocpath.ID // Root for the root
	keys   []string  // of all lists from the root down
	sort   string    // orders the entries of one list
	name   string    // unique among all entries
	prefix string    // the wire form of the path's elements (gnmi.Path, field 3)
}

func newIdent(parent *ident, list ocpath.ID, own []string) *ident {
	keys := make([]string, 0, len(parent.keys)+len(own))
	keys = append(append(keys, parent.keys...), own...)
	var buf [256]byte
	name := append(append(buf[:0], parent.name...), byte(list>>8), byte(list))
	full := string(appendSortKey(name, list, own))
	return &ident{
		parent: parent,
		list:   list,
		keys:   keys,
		sort:   full[len(name):],
		name:   full,
		prefix: string(schema.AppendEntry(append(buf[:0], parent.prefix...), list, keys[len(parent.keys):])),
	}
}

// octets is what an ident takes beside its fixed size.
func (id *ident) octets() int {
	size := len(id.name) + len(id.prefix)
	for _, k := range id.keys {
		size += 16 + len(k)
	}
	return size
}

// path is the ident's entry, or one node in it.
func (id *ident) path(node ocpath.ID) schema.Path { return schema.Path{Node: node, Keys: id.keys} }

// suffix is what stands behind the entry's prefix in the path of a node.
func (id *ident) suffix(node ocpath.ID) string {
	if node == id.list {
		return ""
	}
	return ocpath.Get(node).Suffix
}

// appendSortKey appends a text by which the entries of a list are ordered:
// unsigned keys by number, others by their octets. Each key is
// self-delimiting.
//
//	unsigned: | digits' count (1) | digits |
//	other:    | octets, 0 as 0 255 | 0 1 |
func appendSortKey(dst []byte, list ocpath.ID, own []string) []byte {
	keys := ocpath.Get(list).Keys
	for i, value := range own {
		if t := ocpath.Get(keys[i]).Type; t >= ocpath.Uint8 && t <= ocpath.Uint64 {
			dst = append(dst, byte(len(value)))
			dst = append(dst, value...)
			continue
		}
		for j := range len(value) {
			dst = append(dst, value[j])
			if value[j] == 0 {
				dst = append(dst, 255)
			}
		}
		dst = append(dst, 0, 1)
	}
	return dst
}
