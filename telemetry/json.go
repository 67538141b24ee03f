package telemetry

import (
	"slices"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// asked gives each instance of the topmost nodes that a pattern asks for: the
// entry and the node in it, the entry's list for the entry itself.
func asked(e *entry, p schema.Pattern, each func(e *entry, node ocpath.ID)) {
	if p.IsEnd(e.id.list, e.id.keys) {
		each(e, e.id.list)
		return
	}
	covered := ocpath.ID(0) // up to here nodes were given
	for _, node := range p.Ends() {
		n := ocpath.Get(node)
		if n.Kind == ocpath.List || schema.NearestList(node) != e.id.list || node < covered || !p.IsEnd(node, e.id.keys) {
			continue
		}
		each(e, node)
		covered = n.End
	}
	for i := range e.lists {
		l := &e.lists[i]
		if p.Below(l.id, e.id.keys) {
			continue // a container around the list was given
		}
		l.entries.Scan(func(_ string, child *entry) bool {
			if p.Touches(child.id.path(l.id)) {
				asked(child, p, each)
			}
			return true
		})
	}
}

// jsonWriter builds the JSON of subtrees from leaves, in the order of the
// schema and of the keys.
type jsonWriter struct {
	shapes shapes
	enc    schema.Encoding
	keep   schema.Pattern // leaves to write; keys stand in every entry
	config bool           // an entry that has only its keys is left away
	full   func(int) bool // so many octets are too many: the rest is left away
	buf    []byte
}

// node gives the value of a node in an entry, or nil where nothing is left. It
// is valid until the next call.
func (w *jsonWriter) node(e *entry, node ocpath.ID) []byte {
	w.buf = w.buf[:0]
	if n := ocpath.Get(node); n.IsLeaf() {
		l, ok := e.leaf(node)
		if !ok || !w.keep.Match(node, e.id.keys) || w.config && w.shapes[node].isKey && !w.shapes.configured(e) {
			return nil
		}
		w.buf = l.value.AppendJSON(w.buf, n, w.enc)
		return w.buf
	}
	if !w.object(e, node, true) {
		return nil
	}
	return w.buf
}

// object appends what an entry has below a node, and tells whether that is
// more than keys. top says that the object is the outermost: RFC 7951 (4)
// qualifies its members' names.
func (w *jsonWriter) object(e *entry, node ocpath.ID, top bool) (some bool) {
	li, _ := slices.BinarySearchFunc(e.leaves, node+1, compareLeaf)
	si, _ := slices.BinarySearchFunc(e.lists, node+1, compareSublist)
	return w.objectFrom(e, node, top, li, si)
}

// objectFrom is object where the first leaf and the first list below the node
// are known.
func (w *jsonWriter) objectFrom(e *entry, node ocpath.ID, top bool, li, si int) (some bool) {
	w.buf = append(w.buf, '{')
	n := ocpath.Get(node)
	child := node + 1
	for {
		next := n.End
		if li < len(e.leaves) {
			next = min(next, e.leaves[li].id)
		}
		if si < len(e.lists) {
			next = min(next, e.lists[si].id)
		}
		if next >= n.End {
			break
		}
		for ocpath.Get(child).End <= next {
			child = ocpath.Get(child).End
		}
		some = w.member(e, n, ocpath.Get(child), top, li, si) || some
		child = ocpath.Get(child).End
		for li < len(e.leaves) && e.leaves[li].id < child {
			li++
		}
		for si < len(e.lists) && e.lists[si].id < child {
			si++
		}
	}
	w.buf = append(w.buf, '}')
	return some
}

// member appends one member of an object, or nothing where it has no value. li
// and si are the first leaf and the first list at or below it.
func (w *jsonWriter) member(e *entry, parent, n *ocpath.Node, top bool, li, si int) (some bool) {
	start := len(w.buf)
	if w.buf[start-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.name(parent, n, top)
	isKey := false
	switch n.Kind {
	case ocpath.Container:
		some = w.objectFrom(e, n.ID, false, li, si)
	case ocpath.List:
		some = w.array(&e.lists[si], n)
	default:
		isKey = w.shapes[n.ID].isKey
		kept := w.keep.Match(n.ID, e.id.keys)
		if kept || isKey {
			w.buf = e.leaves[li].value.AppendJSON(w.buf, n, w.enc)
		}
		some = kept && !(isKey && w.config)
	}
	if !some && !isKey {
		w.buf = w.buf[:start]
	}
	return some
}

func (w *jsonWriter) name(parent, n *ocpath.Node, top bool) {
	w.buf = append(w.buf, '"')
	if w.enc == schema.JSONIETF && (top || n.Module != parent.Module) {
		w.buf = append(w.buf, n.Module...)
		w.buf = append(w.buf, ':')
	}
	w.buf = append(w.buf, n.Name...)
	w.buf = append(w.buf, '"', ':')
}

// array appends the entries of a list.
func (w *jsonWriter) array(l *sublist, n *ocpath.Node) (some bool) {
	if l.texts != nil {
		return w.texts(l.texts)
	}
	w.buf = append(w.buf, '[')
	l.entries.Scan(func(_ string, child *entry) bool {
		start := len(w.buf)
		if w.buf[start-1] != '[' {
			w.buf = append(w.buf, ',')
		}
		if !w.keep.Touches(child.id.path(n.ID)) || !w.object(child, n.ID, false) {
			w.buf = w.buf[:start]
			return true
		}
		some = true
		return !w.full(len(w.buf))
	})
	w.buf = append(w.buf, ']')
	return some
}

// texts appends the entries of a list that are JSON already.
func (w *jsonWriter) texts(t *texts) (some bool) {
	w.buf = append(w.buf, '[')
	for i, one := range t.inOrder() {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, one.json...)
	}
	w.buf = append(w.buf, ']')
	return len(t.all) > 0
}
