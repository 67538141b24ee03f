package config

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
)

// Set carries out one transaction (gNMI specification, 3.4): all of it or
// nothing. One runs at a time; a context that ends while it waits takes it
// back, one that ends later does not tear it apart. Its errors hold an
// openconfig.Error for each path at fault, or are the context's.
func (s *Store) Set(ctx context.Context, req *gpb.SetRequest) (*gpb.SetResponse, error) {
	if err := checkExtensions(req.GetExtension()); err != nil {
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
	editor := s.schema.Edit(s.Running())
	for i := range all {
		if err := all[i].carryOut(s.schema, editor); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	if diff := editor.Difference(); !diff.Empty() {
		if err := s.commit(context.WithoutCancel(ctx), editor, &diff, now); err != nil {
			return nil, err
		}
	}
	return response(req, all, now), nil
}

// checkExtensions refuses what would change the meaning of a Set and is not
// served.
func checkExtensions(extensions []*gnmi_ext.Extension) error {
	for _, e := range extensions {
		switch x := e.GetExt().(type) {
		case *gnmi_ext.Extension_Depth:
			return &openconfig.Error{Kind: openconfig.Invalid, Reason: "extension depth: a Set has none"}
		case *gnmi_ext.Extension_MasterArbitration:
			return &openconfig.Error{Kind: openconfig.Unimplemented, Reason: "extension master arbitration is not served"}
		case *gnmi_ext.Extension_Commit:
			return &openconfig.Error{Kind: openconfig.Unimplemented, Reason: "extension commit confirmed is not served"}
		default:
			return &openconfig.Error{Kind: openconfig.Unimplemented, Reason: fmt.Sprintf("extension %T is not served", x)}
		}
	}
	return nil
}

// response has a result for each operation, in the order of their execution.
func response(req *gpb.SetRequest, all []operation, at time.Time) *gpb.SetResponse {
	r := &gpb.SetResponse{Prefix: req.GetPrefix(), Timestamp: at.UnixNano()}
	for i := range all {
		r.Response = append(r.Response, &gpb.UpdateResult{Path: all[i].sent, Op: all[i].op})
	}
	return r
}

// commit validates, applies, persists and publishes a candidate.
func (s *Store) commit(ctx context.Context, editor *tree.Editor, diff *tree.Difference, now time.Time) error {
	if err := s.makeRoom(); err != nil {
		return err
	}
	next, change, err := s.config.Next(editor.Tree(), touchedBy(diff))
	if err != nil {
		return err
	}
	if err := s.apply(ctx, change); err != nil {
		return err
	}
	if err := s.persist(diff, now); err != nil {
		return errors.Join(err, s.revert(ctx, change))
	}
	s.config, s.changed = next, now
	s.running.Store(editor.Tree())
	s.tell(s.defaults.commit(now, diff))
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

// apply gives the device a change.
func (s *Store) apply(ctx context.Context, change spec.Change) error {
	if change.Empty() {
		return nil
	}
	if err := s.options.Device.Check(ctx, change); err != nil {
		return openconfig.FromDevice(err)
	}
	if err := s.options.Device.Apply(ctx, change); err != nil {
		return openconfig.FromDevice(err)
	}
	return nil
}

// persist makes a difference durable.
func (s *Store) persist(diff *tree.Difference, now time.Time) error {
	text, err := encodeRecord(now, diff)
	if err != nil {
		return err
	}
	if err := s.journal.Append(text); err != nil {
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
