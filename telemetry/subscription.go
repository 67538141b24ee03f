package telemetry

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Subscription is one Subscribe RPC that is open. What it says does not change;
// Stats does.
type Subscription struct {
	ID       uint64 // from 1 on, in the order in which they were opened
	Address  string // of the client, as Options.Who has it
	User     string
	Mode     gpb.SubscriptionList_Mode
	Encoding gpb.Encoding
	Paths    []string // in the order of the request; the first maxPaths of them
	Start    time.Time

	session *session
}

// maxPaths bounds how many paths are told of one subscription.
const maxPaths = 64

// Stats say what a subscription's queue holds, and what was sent.
type Stats struct {
	QueueOctets  uint64 // as Options.QueueBytes counts them
	QueuePeak    uint64 // the most octets that waited at once
	QueueLimit   uint64 // Options.QueueBytes
	QueueUpdates uint64 // updates and deletes that wait
	Messages     uint64 // SubscribeResponses sent
	Updates      uint64 // updates and deletes sent
	Octets       uint64 // of the messages sent, without what gRPC and TLS add
	Coalesced    uint64 // updates replaced by a newer value before they were sent
	EventsLost   uint64 // events that were not sent because too much waited
}

// sent counts what a session has sent.
type sent struct{ messages, updates, octets atomic.Uint64 }

// Stats are those of now.
func (s *Subscription) Stats() Stats {
	sent, q := &s.session.sent, s.session.queue
	st := Stats{Messages: sent.messages.Load(), Updates: sent.updates.Load(), Octets: sent.octets.Load()}
	q.mu.Lock()
	defer q.mu.Unlock()
	st.QueueOctets, st.QueuePeak, st.QueueLimit = uint64(q.bytes), uint64(q.peak), uint64(q.bounds.limit)
	st.QueueUpdates, st.Coalesced, st.EventsLost = uint64(q.updates), q.merged, q.lost
	return st
}

// Totals count all subscriptions.
type Totals struct {
	Active uint32 // open now
	Opened uint64 // since the engine was made
	CutOff uint64 // of these, ended with ErrSlowReader
}

// subscriptions are those that are open.
type subscriptions struct {
	mu     sync.Mutex // guards the fields below
	open   map[uint64]*Subscription
	opened uint64
	cutOff uint64
}

// Subscriptions are those that are open, in the order in which they were
// opened, and the counts of all.
func (e *Engine) Subscriptions() ([]*Subscription, Totals) {
	s := &e.subscriptions
	s.mu.Lock()
	defer s.mu.Unlock()
	open := slices.SortedFunc(maps.Values(s.open), func(a, b *Subscription) int { return cmp.Compare(a.ID, b.ID) })
	return open, Totals{Active: uint32(len(open)), Opened: s.opened, CutOff: s.cutOff}
}

// opened notes that an RPC begins.
func (e *Engine) opened(ctx context.Context, req *gpb.SubscribeRequest, session *session) *Subscription {
	list := req.GetSubscribe()
	sub := &Subscription{Mode: list.GetMode(), Encoding: list.GetEncoding(), Start: time.Now(), session: session}
	sub.Address, sub.User = e.opts.Who(ctx)
	for _, one := range list.GetSubscription() {
		if len(sub.Paths) == maxPaths {
			break
		}
		if text, err := schema.FormatProto(list.GetPrefix(), one.GetPath()); err == nil {
			sub.Paths = append(sub.Paths, text)
		}
	}
	s := &e.subscriptions
	s.mu.Lock()
	s.opened++
	sub.ID = s.opened
	s.open[sub.ID] = sub
	s.mu.Unlock()
	e.opts.Opened(sub)
	return sub
}

// ended notes that an RPC is over, and why.
func (e *Engine) ended(sub *Subscription, why error) {
	s := &e.subscriptions
	s.mu.Lock()
	delete(s.open, sub.ID)
	if errors.Is(why, ErrSlowReader) {
		s.cutOff++
	}
	s.mu.Unlock()
	e.opts.Ended(sub)
}
