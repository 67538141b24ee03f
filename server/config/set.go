package config

import (
	"context"
	"errors"
	"syscall"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
)

// Set carries out one transaction (gNMI specification, 3.4): all of it or
// nothing. One runs at a time; a context that ends while it waits takes it
// back, one that ends later does not tear it apart. Of the extensions it serves
// commit confirmed and master arbitration. Its errors hold an openconfig.Error
// for each path at fault, or are the context's.
func (s *Store) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	x, err := readExtensions(req.GetExtension())
	if err != nil {
		return nil, err
	}
	all, err := operations(s.schema, req)
	if err != nil {
		return nil, err
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { s.turn <- struct{}{} }()
	if err := s.masters.admit(x.arbitration); err != nil {
		return nil, err
	}
	if err := s.admit(x, len(all)); err != nil {
		return nil, err
	}
	now := time.Now()
	if err := s.carryOut(context.WithoutCancel(ctx), x, all, now); err != nil {
		return nil, err
	}
	return response(req, all, now), nil
}

// carryOut makes the transaction of a Set that is admitted.
func (s *Store) carryOut(ctx context.Context, x extensions, all []operation, now time.Time) error {
	by := s.by(ctx)
	if x.commit != nil && x.commit.GetCommit() == nil {
		return s.settle(ctx, x.commit, now, by)
	}
	editor, err := s.candidate(all)
	if err != nil {
		return err
	}
	diff := editor.Difference()
	if err := s.authorize(ctx, &diff); err != nil {
		return err
	}
	t := transaction{at: now, by: by}
	if x.commit != nil {
		t.pending = newUnconfirmed(x.commit, s.schema.Inverse(s.Running(), &diff), now)
		t.confirmID = x.commit.GetId()
	} else if diff.Empty() {
		return nil
	}
	return s.commit(ctx, editor, &diff, t)
}

// candidate makes the operations on a copy of the running configuration.
func (s *Store) candidate(all []operation) (*tree.Editor, error) {
	if len(all) > 0 && all[0].op == gpb.UpdateResult_UNION_REPLACE {
		return s.union(all)
	}
	editor := s.schema.Edit(s.Running())
	for i := range all {
		if err := all[i].carryOut(s.schema, s.history, editor); err != nil {
			return nil, err
		}
	}
	return editor, nil
}

// by is who is behind a request.
func (s *Store) by(ctx context.Context) string {
	if s.options.By == nil {
		return ""
	}
	return s.options.By(ctx)
}

// response has a result for each operation, in the order of their execution.
func response(req *gpb.SetRequest, all []operation, at time.Time) *gpb.SetResponse {
	r := &gpb.SetResponse{Prefix: req.GetPrefix(), Timestamp: at.UnixNano()}
	for i := range all {
		r.Response = append(r.Response, &gpb.UpdateResult{Path: all[i].sent, Op: all[i].op})
	}
	return r
}

// transaction is what there is to know of a commit beside its changes.
type transaction struct {
	at time.Time
	by string
	// pending is what waits for confirmation after it, nil for nothing.
	pending *unconfirmed
	// confirmID is the client's id of the confirmed commit that it begins or
	// takes back, "" where it does neither.
	confirmID string
	// restores says that it goes back to what was configured before.
	restores bool
}

// commit validates, applies, persists and publishes a candidate.
func (s *Store) commit(ctx context.Context, editor *tree.Editor, diff *tree.Difference, t transaction) error {
	if err := s.makeRoom(); err != nil {
		return err
	}
	next, change, err := s.config.Next(editor.Tree(), touchedBy(diff))
	if err != nil {
		return err
	}
	traced := next.Sessions(s.config)
	if !t.restores {
		if err := next.CheckSessions(traced); err != nil {
			return err
		}
	}
	if err := s.apply(ctx, change, traced, t.restores); err != nil {
		return err
	}
	if err := s.persist(diff, t.pending, t.at, t.by); err != nil {
		return errors.Join(err, s.revert(ctx, change), s.applySessions(ctx, s.config.Sessions(next)))
	}
	if !diff.Empty() && !passing(diff) {
		s.history.add(past{id: s.journal.Seq(), at: t.at, by: t.by, back: s.schema.Inverse(s.Running(), diff)})
		s.changed = t.at
	}
	s.use(next)
	s.running.Store(editor.Tree())
	s.watch(t.pending)
	s.tellStatus()
	told := s.defaults.commit(s.changed, diff)
	told.ID, told.ConfirmID = s.journal.Seq(), t.confirmID
	s.tell(told)
	s.fold()
	return nil
}

// touchedBy names the entries that a difference is about.
func touchedBy(diff *tree.Difference) openconfig.Touched {
	t := openconfig.NewTouched()
	for _, path := range diff.Deletes {
		t.Add(path)
	}
	for _, leaf := range diff.Updates {
		t.Add(leaf.Path)
	}
	return t
}

// makeRoom begins a new journal where that is due. Only a journal that cannot
// be appended to is a reason to refuse the transaction.
func (s *Store) makeRoom() error {
	if !s.journal.Due() {
		return nil
	}
	err := s.rotate()
	if err == nil {
		return nil
	}
	s.options.Log.Error("configuration cannot be written as a whole: the journal goes on where it can", "dir", s.options.Dir, "err", err)
	if s.journal.Usable() {
		return nil
	}
	return diskError(err)
}

// apply gives the device a change, and then the trace sessions: they may name
// a port that comes with it. A session that cannot be again is no reason not to
// restore a configuration.
func (s *Store) apply(ctx context.Context, change spec.Change, traced openconfig.Sessions, restores bool) error {
	if s.options.Sessions != nil && len(traced) > 0 && !restores {
		if err := s.options.Sessions.Check(ctx, traced); err != nil {
			return err
		}
	}
	if !change.Empty() {
		if err := s.options.Device.Check(ctx, change); err != nil {
			return openconfig.FromDevice(err)
		}
		if err := s.options.Device.Apply(ctx, change); err != nil {
			return openconfig.FromDevice(err)
		}
	}
	if restores && s.options.Sessions != nil {
		s.options.Sessions.Load(ctx, traced)
	} else if err := s.applySessions(ctx, traced); err != nil {
		return errors.Join(err, s.revert(ctx, change))
	}
	return nil
}

func (s *Store) applySessions(ctx context.Context, traced openconfig.Sessions) error {
	if s.options.Sessions == nil || len(traced) == 0 {
		return nil
	}
	return s.options.Sessions.Apply(ctx, traced)
}

// use makes a configuration, which the device has, the one of the next
// transaction.
func (s *Store) use(next *openconfig.Config) {
	s.config = next
	if s.options.Applied != nil {
		s.options.Applied(next)
	}
}

// persist makes a difference durable, with what waits for confirmation after
// it.
func (s *Store) persist(diff *tree.Difference, pending *unconfirmed, now time.Time, by string) error {
	if err := s.journal.Append(recordText(now, by, diff, pending)); err != nil {
		return diskError(err)
	}
	return nil
}

// diskError is what a client is told when the files cannot be written.
func diskError(err error) error {
	kind := openconfig.Unavailable
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = openconfig.Exhausted
	}
	return &openconfig.Error{Kind: kind, Reason: "not saved, and taken back: " + err.Error(), Err: err}
}

// revert takes back a change that was applied for a configuration that cannot
// be kept.
func (s *Store) revert(ctx context.Context, applied spec.Change) error {
	if applied.Empty() {
		return nil
	}
	back, err := s.config.Of(applied)
	if err == nil {
		err = s.options.Device.Apply(ctx, back)
	}
	if err == nil {
		return nil
	}
	s.options.Log.Error("datapath is not as the running configuration says: a change could not be taken back", "err", err)
	return &openconfig.Error{Kind: openconfig.Internal, Reason: "the datapath could not be taken back: " + err.Error(), Err: err}
}
