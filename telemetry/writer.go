package telemetry

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"github.com/signalbox/signalbox/telemetry/wire"
)

// How many frames a writer keeps open: one for each of as many times of
// change, and how many of a source's rows wait for the time they were read at.
const (
	maxOpenFrames = 16
	maxHeldFrames = 16
)

// writer sends what is there now, straight to the client: it waits for a slow
// one and keeps nothing but some frames.
type writer struct {
	encoder
	send func(packet) error
	open []openFrame
}

type openFrame struct {
	time  int64
	frame wire.Frame
}

func newWriter(f form, s shapes, send func(packet) error) *writer {
	return &writer{encoder: encoder{form: f, shapes: s}, send: send}
}

// tree writes what a pattern asks for of the tree, each leaf with the time of
// its change.
func (w *writer) tree(root *entry, p schema.Pattern) error {
	var err error
	var last container
	walk(root, p, func(e *entry, l *leaf) bool {
		at := w.shapes.of(e, l.id)
		switch {
		case at.entry == nil:
			err = w.put(l.time, e.id, l)
		case at != last:
			var whole packet
			w.whole(&whole, e, at.node, p, at.newest(), 0)
			err = w.send(whole)
		}
		last = at
		return err == nil
	})
	if err != nil {
		return err
	}
	return w.flush()
}

func (w *writer) put(time int64, id *ident, l *leaf) error {
	i := len(w.open) - 1
	for i >= 0 && w.open[i].time != time {
		i--
	}
	if i < 0 {
		if len(w.open) == maxOpenFrames {
			if err := w.finish(&w.open[0]); err != nil {
				return err
			}
			w.open = append(w.open[:0], w.open[1:]...)
		}
		w.open = append(w.open, openFrame{time, w.frame()})
		i = len(w.open) - 1
	}
	o := &w.open[i]
	w.leaf(&o.frame, id, ocpath.Get(l.id), l.value)
	if o.frame.Full() {
		return w.finish(o)
	}
	return nil
}

// finish sends what is in a frame.
func (w *writer) finish(o *openFrame) error {
	var p packet
	p.add(&o.frame, o.time)
	return w.send(p)
}

// flush sends what is in open frames.
func (w *writer) flush() error {
	for i := range w.open {
		if err := w.finish(&w.open[i]); err != nil {
			return err
		}
	}
	w.open = w.open[:0]
	return nil
}

// rows reads a source and writes what a pattern asks for of it. The rows wait
// for the time that the source gives; a large table goes out in pieces, each
// with its own time. Of an entry that is published, too, the tree has told the
// keys.
func (w *writer) rows(ctx context.Context, src *source, p schema.Pattern, published func(list ocpath.ID, keys []string) bool) error {
	held := []wire.Frame{w.frame()}
	streaming := false
	paths := newRowPaths(src.list)
	at, err := src.Read(ctx, p.Keys(src.list), func(keys []string, values []schema.Value) error {
		path := paths.of(keys)
		known := src.rows && !src.sole && published(src.list, keys)
		for i, leaf := range src.leaves {
			if !values[i].Valid() || !p.Match(leaf, keys) || known && src.keys[i] {
				continue
			}
			w.cell(&held[len(held)-1], path, ocpath.Get(leaf), values[i])
		}
		if !held[len(held)-1].Full() {
			return nil
		}
		streaming = streaming || len(held) == maxHeldFrames
		if streaming {
			if err := w.release(held, time.Now()); err != nil {
				return err
			}
			held = held[:0]
		}
		held = append(held, w.frame())
		return nil
	})
	if err != nil {
		return err
	}
	return w.release(held, at)
}

// release sends frames with the time of their rows.
func (w *writer) release(held []wire.Frame, at time.Time) error {
	var p packet
	for i := range held {
		p.add(&held[i], nanoseconds(at))
	}
	return w.send(p)
}
