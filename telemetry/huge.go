package telemetry

import (
	"context"
	"errors"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// A sample of a huge table (more rows than Options.TableRows) is neither held
// nor shared: at a tick each subscriber is told to read, and sends row by row as
// fast as its client takes them. Which of its rows come and go is told by its
// events. What did not change since the last tick is then sent, too, where
// suppress_redundant is asked for, and its leaves that are no events are not
// looked at for ON_CHANGE: to do otherwise, all rows would have to be held.

// errHuge ends a read of a table with too many rows to hold.
var errHuge = errors.New("too many rows to hold")

// newTable is a table of which nothing is known. Those that tell of no events
// are held however large they are: what goes of them is found by that.
func newTable(src *source, limit int) table {
	t := table{src: src, rows: map[string]*row{}}
	if src != nil && src.events {
		t.limit = limit
	}
	return t
}

// eachReads tells the members of the views that get a sample to read by
// themselves. The caller holds mu.
func (s *sampler) eachReads(by newcomer) {
	if s.look && by.view == nil {
		return // what is there is told once
	}
	for _, v := range s.views {
		for f := range v.members {
			if by.view == nil || v == by.view && f == by.follower && !by.quiet {
				f.queue.sample(v, &sample{read: s.src}, true)
			}
		}
	}
}

// table reads a huge table and sends what a view asks for of it.
func (s *session) table(ctx context.Context, what *sample, duplicates uint32) error {
	w := newWriter(s.plan.form, s.e.shapes, s.send)
	w.duplicates = duplicates
	rows := 0
	counted := func(ocpath.ID, []string) bool { rows++; return false }
	if err := w.rows(ctx, what.read, what.view.pattern, counted); err != nil {
		return err
	}
	if all := schema.KeyCount(what.read.list); all == 0 || what.view.row == "" {
		what.read.huge.Store(rows > s.e.opts.TableRows/2)
	}
	return nil
}
