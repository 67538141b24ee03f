package config

import (
	"context"
	"fmt"
	"time"

	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
)

// defaultRollback is how long a commit waits for its confirmation where the
// client does not say (gnmi-commit-confirmed, 3.2.1).
const defaultRollback = 10 * time.Minute

// maxCommitID bounds the id of a commit, in octets.
const maxCommitID = 256

// Between two attempts to roll back where the datapath or the disk refuses.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// unconfirmed is a commit that is rolled back unless it is confirmed in time.
// It is immutable.
type unconfirmed struct {
	id string // the client's
	// deadline is wall-clock time: it stands while no process runs. A process
	// that runs waits for length by the monotonic clock.
	deadline time.Time
	length   time.Duration
	// back leads to the configuration before the commit.
	back tree.Difference
}

// unconfirmed reads what appendText wrote.
func (r *unconfirmedRecord) unconfirmed() (*unconfirmed, error) {
	if r == nil {
		return nil, nil
	}
	back, err := r.Back.difference()
	return &unconfirmed{id: r.ID, deadline: r.Deadline, length: time.Duration(r.Nanoseconds), back: back}, err
}

// remaining is how long the commit may still wait at a start; at most as long
// as it may wait in all, whatever was done to the clock.
func (u *unconfirmed) remaining(now time.Time) time.Duration {
	return min(u.deadline.Sub(now.Round(0)), u.length)
}

// checkCommit refuses a commit extension that can be accepted in no state of
// the element.
func checkCommit(c *gnmi_ext.Commit) error {
	if c == nil {
		return nil
	}
	switch {
	case c.GetId() == "":
		return unacceptable("the commit extension has no id")
	case len(c.GetId()) > maxCommitID:
		return unacceptable("the id of the commit has %d octets, %d are allowed", len(c.GetId()), maxCommitID)
	}
	switch x := c.GetAction().(type) {
	case *gnmi_ext.Commit_Commit:
		return checkDuration(x.Commit.GetRollbackDuration())
	case *gnmi_ext.Commit_SetRollbackDuration:
		d := x.SetRollbackDuration.GetRollbackDuration()
		if d.GetSeconds() == 0 && d.GetNanos() == 0 {
			return unacceptable("commit %q: rollback_duration must be given and more than 0", c.GetId())
		}
		return checkDuration(d)
	case *gnmi_ext.Commit_Confirm, *gnmi_ext.Commit_Cancel:
		return nil
	}
	return unacceptable("commit %q: the extension says neither commit, confirm, cancel nor set_rollback_duration", c.GetId())
}

// checkDuration refuses what is no length of time; none is fine.
func checkDuration(d *durationpb.Duration) error {
	if d == nil {
		return nil
	}
	if err := d.CheckValid(); err != nil {
		return unacceptable("rollback_duration: %s", err)
	}
	if d.AsDuration() < 0 {
		return unacceptable("rollback_duration is %v: it must not be negative", d.AsDuration())
	}
	return nil
}

// admit refuses what may not be done now: while a commit waits for its
// confirmation nothing else is changed (gnmi-commit-confirmed, 3.2).
func (s *Store) admit(x extensions, operations int) error {
	switch x.commit.GetAction().(type) {
	case nil:
		// A Set that only tells of a new master is none of a configuration.
		if s.pending != nil && (operations > 0 || x.arbitration == nil) {
			return precondition("commit %q waits for its confirmation: confirm or cancel it first", s.pending.id)
		}
		return nil
	case *gnmi_ext.Commit_Commit:
		if s.pending != nil {
			return precondition("commit %q waits for its confirmation: there can be one at a time", s.pending.id)
		}
		return nil
	}
	switch {
	case s.pending == nil:
		return precondition("commit %q: no commit waits for a confirmation", x.commit.GetId())
	case s.pending.id != x.commit.GetId():
		return unacceptable("commit %q is not the one that waits for a confirmation", x.commit.GetId())
	case operations > 0:
		return unacceptable("commit %q: a commit cannot be amended: send operations with none of confirm, cancel and set_rollback_duration", x.commit.GetId())
	}
	return nil
}

func precondition(format string, args ...any) error {
	return &openconfig.Error{Kind: openconfig.FailedPrecondition, Reason: fmt.Sprintf(format, args...)}
}

// newUnconfirmed is the commit that a Set with that extension begins.
func newUnconfirmed(c *gnmi_ext.Commit, back tree.Difference, now time.Time) *unconfirmed {
	length := c.GetCommit().GetRollbackDuration().AsDuration()
	if length == 0 {
		length = defaultRollback
	}
	return &unconfirmed{id: c.GetId(), deadline: now.Round(0).Add(length), length: length, back: back}
}

// settle carries out the actions on the commit that waits.
func (s *Store) settle(ctx context.Context, c *gnmi_ext.Commit, now time.Time, by string) error {
	if err := s.authorize(ctx, &s.pending.back); err != nil {
		return err
	}
	switch x := c.GetAction().(type) {
	case *gnmi_ext.Commit_Confirm:
		return s.await(nil, now, by)
	case *gnmi_ext.Commit_SetRollbackDuration:
		next := *s.pending
		next.length = x.SetRollbackDuration.GetRollbackDuration().AsDuration()
		next.deadline = now.Round(0).Add(next.length)
		return s.await(&next, now, by)
	}
	return s.rollBack(ctx, now, by)
}

// await makes durable what waits for a confirmation from now on, nil for
// nothing; the configuration stays.
func (s *Store) await(next *unconfirmed, now time.Time, by string) error {
	if err := s.makeRoom(); err != nil {
		return err
	}
	if err := s.persist(new(tree.Difference), next, now, by); err != nil {
		return err
	}
	s.watch(next)
	s.tellStatus()
	return nil
}

// rollBack makes the configuration what it was before the commit that waits.
func (s *Store) rollBack(ctx context.Context, now time.Time, by string) error {
	editor := s.schema.Edit(s.Running())
	if err := makeChanges(editor, &s.pending.back); err != nil {
		return &openconfig.Error{Kind: openconfig.Internal, Reason: fmt.Sprintf("commit %q: roll back: %s", s.pending.id, err), Err: err}
	}
	diff := editor.Difference()
	return s.commit(ctx, editor, &diff, transaction{at: now, by: by, confirmID: s.pending.id, restores: true})
}

// watch takes a commit as the one that waits, nil for none, and begins to wait
// for its deadline. The caller holds the turn.
func (s *Store) watch(next *unconfirmed) {
	s.unwatch()
	s.pending = next
	if next == nil {
		return
	}
	ctx, cancel := context.WithCancel(s.life)
	s.stopWaiting = cancel
	s.background.Go(func() { s.expire(ctx, next) })
	s.options.Log.Info("configuration waits for its confirmation", "commit", next.id, "deadline", next.deadline)
}

// unwatch ends the waiting for a deadline; expire may still be on its way out.
func (s *Store) unwatch() {
	if s.stopWaiting != nil {
		s.stopWaiting()
		s.stopWaiting = nil
	}
}

// expire rolls a commit back at its deadline, unless the context ends before.
func (s *Store) expire(ctx context.Context, u *unconfirmed) {
	wait, retry := u.remaining(time.Now()), firstRetry
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if s.take(ctx) != nil {
			return
		}
		done := ctx.Err() != nil || s.lapse(u, retry)
		s.turn <- struct{}{}
		if done {
			return
		}
		wait, retry = retry, min(2*retry, lastRetry)
	}
}

// lapse rolls back the commit that waits and reports whether it could. The
// caller holds the turn.
func (s *Store) lapse(u *unconfirmed, retry time.Duration) bool {
	if err := s.rollBack(context.Background(), time.Now(), "rollback of "+u.id); err != nil {
		s.options.Log.Error("unconfirmed configuration cannot be rolled back: it is tried again", "commit", u.id, "after", retry, "err", err)
		return false
	}
	s.options.Log.Warn("configuration was not confirmed in time: rolled back", "commit", u.id)
	return true
}
