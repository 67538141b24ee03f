package telemetry

import (
	"fmt"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"google.golang.org/protobuf/proto"

	"github.com/signalbox/signalbox/telemetry/schema"
)

// Commit names a transaction of the configuration.
type Commit struct {
	// ID is the element's own id.
	ID string
	// ConfirmID is the client's id of a confirmed commit: of the transaction that
	// it is, and of the one that takes it back; else "".
	ConfirmID string
}

// Committed tells the subscribers that asked for it (config subscription
// extension, gnmi-config-subscriptions) that all that a transaction changed of
// the configuration has been published. Each of them reads it behind those
// changes, and not before its sync_response.
func (e *Engine) Committed(c Commit) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var frame []byte
	for f := range e.followers {
		if !f.commits {
			continue
		}
		if frame == nil {
			frame = syncDone(c)
		}
		f.queue.mark(frame)
	}
}

// syncDone is the wire form of a SubscribeResponse that says that a commit is
// over.
func syncDone(c Commit) []byte {
	done := &gnmi_ext.ConfigSubscription{Action: &gnmi_ext.ConfigSubscription_SyncDone{
		SyncDone: &gnmi_ext.ConfigSubscriptionSyncDone{CommitConfirmId: c.ConfirmID, ServerCommitId: c.ID, Done: true},
	}}
	frame, err := proto.Marshal(&gpb.SubscribeResponse{
		Extension: []*gnmi_ext.Extension{{Ext: &gnmi_ext.Extension_ConfigSubscription{ConfigSubscription: done}}},
	})
	if err != nil { // for text that is no UTF-8
		return syncDone(Commit{ID: c.ID})
	}
	return frame
}

// configOnly reports a subscription to configuration alone.
func configOnly(all []*gnmi_ext.Extension) (bool, error) {
	for _, x := range all {
		c, ok := x.GetExt().(*gnmi_ext.Extension_ConfigSubscription)
		if !ok {
			continue
		}
		if c.ConfigSubscription.GetStart() == nil {
			return false, fmt.Errorf("the config subscription extension without start: %w", schema.ErrInvalid)
		}
		return true, nil
	}
	return false, nil
}

// mark adds the end of a commit and wakes the reader; before the reader has
// got what it starts with, marks are held back.
func (q *queue) mark(frame []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	if !q.synced {
		q.held = append(q.held, frame)
		q.count(markOverhead)
		return
	}
	q.add(&segment{sample: &sample{packet: packet{frames: [][]byte{frame}}}})
	q.wake()
}

// sync lets marks go out from now on.
func (q *queue) sync() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.synced = true
	if len(q.held) > 0 {
		q.bytes -= len(q.held) * markOverhead
		q.add(&segment{sample: &sample{packet: packet{frames: q.held}}})
		q.held = nil
		q.wake()
	}
}
