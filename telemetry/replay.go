package telemetry

import (
	"context"
	"fmt"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// maxAhead is how far in the future a client's clock may be for a request that
// waits until then (gnmi-history, 2.2.3).
const maxAhead = 5 * time.Second

// past is what the history extension asks for: the tree at a time, or what
// changed from a time up to another, that one not included (gnmi-history, 2.2).
type past struct {
	from, to int64 // nanoseconds since the epoch; to is 0 for a snapshot
}

// snapshot reports that one time is asked for.
func (p *past) snapshot() bool { return p.to == 0 }

// history reads the history extension of a Subscribe; nil where there is none.
func historyOf(all []*gnmi_ext.Extension, mode gpb.SubscriptionList_Mode) (*past, error) {
	for _, x := range all {
		h, ok := x.GetExt().(*gnmi_ext.Extension_History)
		if !ok {
			continue
		}
		switch r := h.History.GetRequest().(type) {
		case *gnmi_ext.History_SnapshotTime:
			if mode != gpb.SubscriptionList_ONCE {
				return nil, fmt.Errorf("the history extension: a snapshot is for the mode ONCE, not %v: %w", mode, schema.ErrInvalid)
			}
			return notAhead(&past{from: r.SnapshotTime})
		case *gnmi_ext.History_Range:
			if mode != gpb.SubscriptionList_STREAM {
				return nil, fmt.Errorf("the history extension: a range is for the mode STREAM, not %v: %w", mode, schema.ErrInvalid)
			}
			if r.Range.GetStart() > r.Range.GetEnd() {
				return nil, fmt.Errorf("the history extension: the range starts at %s and ends at %s, before that: %w", stamp(r.Range.GetStart()), stamp(r.Range.GetEnd()), schema.ErrInvalid)
			}
			return notAhead(&past{from: r.Range.GetStart(), to: max(r.Range.GetEnd(), 1)})
		default:
			return nil, fmt.Errorf("the history extension: neither a snapshot nor a range: %w", schema.ErrInvalid)
		}
	}
	return nil, nil
}

// notAhead refuses what begins too far in the future.
func notAhead(p *past) (*past, error) {
	now := time.Now()
	if p.from > now.Add(maxAhead).UnixNano() {
		return nil, fmt.Errorf("the history extension: %s is in the future, here it is %s: %w", stamp(p.from), stamp(now.UnixNano()), schema.ErrUnimplemented)
	}
	return p, nil
}

// noHistory refuses the history extension where it means nothing.
func noHistory(all []*gnmi_ext.Extension) error {
	for _, x := range all {
		if _, is := x.GetExt().(*gnmi_ext.Extension_History); is {
			return fmt.Errorf("the history extension is for Subscribe: %w", schema.ErrInvalid)
		}
	}
	return nil
}

// recall plans a request about the past: of what is asked for, what is
// published.
func (e *Engine) recall(p *plan, pattern schema.Pattern) error {
	kept := e.published(pattern)
	if kept.Empty() {
		return fmt.Errorf("the history extension: of all that is asked for nothing is kept: counters, gauges and tables are read when asked for: %w", schema.ErrUnimplemented)
	}
	p.tree, p.updates, p.deletes = kept, kept, pattern
	return nil
}

// past answers a request about the past.
func (s *session) past(ctx context.Context) error {
	h := s.plan.past
	if err := s.wait(ctx, h.from); err != nil {
		return err
	}
	if h.snapshot() {
		return s.snapshot()
	}
	return s.replay(ctx)
}

// wait waits until a time.
func (s *session) wait(ctx context.Context, until int64) error {
	timer := time.NewTimer(time.Until(time.Unix(0, until)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return s.e.cause(ctx)
	}
}

// snapshot sends the tree as it was when the last of what changed at a time had
// changed.
func (s *session) snapshot() error {
	s.e.mu.Lock()
	snap := s.e.tree.Load()
	records, err := s.e.history.from(s.plan.past.from)
	s.e.mu.Unlock()
	if err != nil {
		return err
	}
	for len(records) > 0 && records[0].time == s.plan.past.from {
		records = records[1:]
	}
	if !s.plan.updatesOnly {
		if err := s.then(snap, records); err != nil {
			return err
		}
	}
	return s.send(allSent())
}

// then sends the tree as it was before some records.
func (s *session) then(snap *snapshot, records []*record) error {
	root := snap.root
	if len(records) > 0 {
		root = s.e.shapes.before(snap, records)
	}
	return newWriter(s.plan.form, s.e.shapes, s.send).tree(root, s.plan.tree)
}

// replay sends the tree as it was at the start of a range, then what changed in
// it, and follows changes to come where it ends in the future.
func (s *session) replay(ctx context.Context) error {
	f := &follower{updates: s.plan.updates, deletes: s.plan.deletes, queue: s.queue}
	records, snap, err := s.e.followFrom(f, s.plan.past)
	if err != nil {
		return err
	}
	defer s.queue.close()
	defer s.e.unfollow(f)
	if !s.plan.updatesOnly {
		if err := s.then(snap, records); err != nil {
			return err
		}
	}
	if err := s.send(allSent()); err != nil {
		return err
	}
	enc := encoder{form: s.plan.form, shapes: s.e.shapes}
	for _, r := range records {
		if r.time >= s.plan.past.to {
			return nil
		}
		if ctx.Err() != nil {
			return s.e.cause(ctx)
		}
		if err := s.again(&enc, r, f); err != nil {
			return err
		}
	}
	if s.plan.past.to <= time.Now().UnixNano() {
		return nil
	}
	parent := ctx
	ctx, cancel := context.WithDeadlineCause(ctx, time.Unix(0, s.plan.past.to), errRangeOver)
	defer cancel()
	if err := s.follow(ctx); err != errRangeOver {
		return err
	}
	return s.drain(parent)
}

// again sends what a record has for a follower.
func (s *session) again(enc *encoder, r *record, f *follower) error {
	var slots []slot
	size := 0
	for _, c := range r.changes {
		p := f.updates
		if c.gone {
			p = f.deletes
		}
		if !c.touches(p) {
			continue
		}
		slots = append(slots, slot{change: c})
		if size += slots[len(slots)-1].wire(); size < s.plan.size {
			continue
		}
		if err := s.send(enc.slots(slots, c.time, s.plan.updates)); err != nil {
			return err
		}
		slots, size = slots[:0], 0
	}
	if len(slots) == 0 {
		return nil
	}
	return s.send(enc.slots(slots, slots[0].change.time, s.plan.updates))
}

// followFrom gives what is kept from the start of a range on, and lets a
// follower take what comes then where the range is not over.
func (e *Engine) followFrom(f *follower, p *past) ([]*record, *snapshot, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	records, err := e.history.from(p.from)
	if err != nil {
		return nil, nil, err
	}
	if p.to > time.Now().UnixNano() {
		e.followers[f] = struct{}{}
		e.index = followerIndex{}
	}
	return records, e.tree.Load(), nil
}
