package journal

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// disk is a folder whose power can be cut: it knows what was synced. Content
// that was not may be lost from its end, and renames and creations that were
// not may or may not have happened, each for itself but in order for a name.
type disk struct {
	names map[string]*inode // as a running process sees them
	// durable are the names as of the last Sync, pending what happened since.
	durable map[string]*inode
	pending []func(map[string]*inode)
	// fault is asked before each operation; an error makes the operation fail.
	fault func(op string) error
	// room is how many octets may still be written; negative is no limit.
	room int
	ops  int
}

type inode struct {
	data   []byte
	synced []byte
}

var errCut = errors.New("power cut")

func newDisk() *disk {
	return &disk{names: map[string]*inode{}, durable: map[string]*inode{}, room: -1}
}

func (d *disk) do(op string) error {
	d.ops++
	if d.fault == nil {
		return nil
	}
	return d.fault(op)
}

func (d *disk) Open(name string, flag int) (File, error) {
	if err := d.do("open " + name); err != nil {
		return nil, err
	}
	node := d.names[name]
	if node == nil {
		if flag&os.O_CREATE == 0 {
			return nil, os.ErrNotExist
		}
		node = &inode{}
		d.names[name] = node
		d.pending = append(d.pending, func(m map[string]*inode) { m[name] = node })
	}
	if flag&os.O_TRUNC != 0 {
		node.data = nil
	}
	return &handle{disk: d, node: node, name: name}, nil
}

func (d *disk) Rename(from, to string) error {
	if err := d.do("rename " + from); err != nil {
		return err
	}
	node := d.names[from]
	if node == nil {
		return os.ErrNotExist
	}
	delete(d.names, from)
	d.names[to] = node
	d.pending = append(d.pending, func(m map[string]*inode) {
		if m[from] == node {
			delete(m, from)
		}
		m[to] = node
	})
	return nil
}

func (d *disk) Sync() error {
	if err := d.do("sync folder"); err != nil {
		return err
	}
	d.durable = maps.Clone(d.names)
	d.pending = nil
	return nil
}

// cut gives the disk as the next start finds it.
func (d *disk) cut(r *rand.Rand) *disk {
	next := newDisk()
	names := maps.Clone(d.durable)
	for _, apply := range d.pending {
		if r.IntN(2) == 0 {
			apply(names)
		}
	}
	copies := map[*inode]*inode{}
	for name, node := range names {
		if copies[node] == nil {
			data := survive(node, r)
			copies[node] = &inode{data: data, synced: slices.Clone(data)}
		}
		next.names[name] = copies[node]
	}
	next.durable = maps.Clone(next.names)
	return next
}

// survive is what is left of a file: what was synced, or what was written,
// or anything between where the one continues the other.
func survive(node *inode, r *rand.Rand) []byte {
	if r.IntN(2) == 0 {
		return slices.Clone(node.synced)
	}
	if rest, ok := bytes.CutPrefix(node.data, node.synced); ok {
		return slices.Concat(node.synced, rest[:r.IntN(len(rest)+1)])
	}
	return slices.Clone(node.data[:r.IntN(len(node.data)+1)])
}

// list gives the names of the files, for messages.
func (d *disk) list() string {
	return strings.Join(slices.Sorted(maps.Keys(d.names)), " ")
}

type handle struct {
	disk *disk
	node *inode
	name string
	off  int
}

func (h *handle) Read(p []byte) (int, error) {
	if err := h.disk.do("read " + h.name); err != nil {
		return 0, err
	}
	if h.off >= len(h.node.data) {
		return 0, io.EOF
	}
	n := copy(p, h.node.data[h.off:])
	h.off += n
	return n, nil
}

func (h *handle) Write(p []byte) (int, error) {
	if err := h.disk.do("write " + h.name); err != nil {
		h.node.data = append(h.node.data, p[:len(p)/2]...)
		return len(p) / 2, err
	}
	if room := h.disk.room; room >= 0 && room < len(p) {
		h.node.data = append(h.node.data, p[:room]...)
		h.disk.room = 0
		return room, errFull
	}
	if h.disk.room >= 0 {
		h.disk.room -= len(p)
	}
	h.node.data = append(h.node.data, p...)
	return len(p), nil
}

var errFull = errors.New("no space left on device")

func (h *handle) Truncate(size int64) error {
	if err := h.disk.do("truncate " + h.name); err != nil {
		return err
	}
	h.node.data = h.node.data[:size:size]
	return nil
}

func (h *handle) Sync() error {
	if err := h.disk.do("sync " + h.name); err != nil {
		return err
	}
	h.node.synced = slices.Clone(h.node.data)
	return nil
}

func (h *handle) Close() error { return nil }
