package property

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/integration/element"
)

// collector holds what an ON_CHANGE subscription of everything has sent.
type collector struct {
	end  context.CancelFunc
	done chan struct{}

	mu     sync.Mutex // guards what follows
	news   chan struct{}
	tree   tree
	synced bool
	err    error
	// touched are the configured leaves that were told since take.
	touched map[string]bool
	// idle are updates of configured leaves that told nothing new, and deletes
	// of nothing.
	idle []string
}

// subscribe begins a subscription. It ends with the context, with the element,
// or by close.
func subscribe(ctx context.Context, c *element.Client) (*collector, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.Subscribe(ctx)
	if err == nil {
		err = stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
			Mode: gpb.SubscriptionList_STREAM, Encoding: gpb.Encoding_PROTO,
			Subscription: []*gpb.Subscription{{Path: &gpb.Path{}, Mode: gpb.SubscriptionMode_ON_CHANGE}},
		}}})
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s := &collector{end: cancel, done: make(chan struct{}), news: make(chan struct{}), tree: tree{}, touched: map[string]bool{}}
	go s.run(stream)
	return s, nil
}

func (s *collector) run(stream gpb.GNMI_SubscribeClient) {
	defer close(s.done)
	for {
		answer, err := stream.Recv()
		s.mu.Lock()
		if err == nil {
			err = s.apply(answer)
		}
		s.err = err
		close(s.news)
		s.news = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *collector) close() {
	s.end()
	<-s.done
}

// apply does what a notification says: first the deletes, then the updates.
func (s *collector) apply(answer *gpb.SubscribeResponse) error {
	if answer.GetSyncResponse() {
		s.synced = true
	}
	n := answer.GetUpdate()
	if n.GetAtomic() { // it is all there is below its prefix
		node := fromProto(n.GetPrefix()).String()
		maps.DeleteFunc(s.tree, func(leaf, _ string) bool { return holds(node, leaf) })
	}
	for _, gone := range n.GetDelete() {
		node, any := fromProto(n.GetPrefix(), gone).String(), false
		for leaf := range s.tree {
			if holds(node, leaf) {
				any = true
				s.touch(leaf)
				delete(s.tree, leaf)
			}
		}
		// What came and went again before it was sent may be told to be gone.
		if !any && strings.Contains(node, "/config") {
			s.idle = append(s.idle, "delete of nothing: "+node)
		}
	}
	for _, u := range n.GetUpdate() {
		value, err := lexical(u.GetVal())
		if err != nil {
			return fmt.Errorf("%v: %w", u.GetPath(), err)
		}
		leaf := fromProto(n.GetPrefix(), u.GetPath()).String()
		// A leaf of state may have changed twice before it was sent.
		if have, ok := s.tree[leaf]; ok && have == value && s.synced && configured(leaf) && !strings.Contains(leaf, "/mac-table/") {
			s.idle = append(s.idle, "update to what it was: "+leaf+" = "+value)
		}
		s.touch(leaf)
		s.tree[leaf] = value
	}
	return nil
}

func (s *collector) touch(leaf string) {
	if s.synced && configured(leaf) && !strings.Contains(leaf, "/mac-table/") {
		s.touched[leaf] = true
	}
}

// configured reports a leaf of the configuration, key leaves left out: a leaf
// has no keys, so that the last slash is before its name.
func configured(leaf string) bool {
	return strings.HasSuffix(leaf[:strings.LastIndexByte(leaf, '/')], "/config")
}

// until waits until what the collector holds satisfies a condition. The
// condition gives what is missing, "" for nothing.
func (s *collector) until(ctx context.Context, missing func(tree) string) error {
	for {
		s.mu.Lock()
		what, err, news := missing(s.tree), s.err, s.news
		s.mu.Unlock()
		switch {
		case what == "":
			return nil
		case err != nil:
			return fmt.Errorf("subscription: %w", err)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return errors.New(what)
		}
	}
}

// take gives the configured leaves that were told, and what was told in vain,
// since the last call.
func (s *collector) take() (touched map[string]bool, idle []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	touched, idle = s.touched, s.idle
	s.touched, s.idle = map[string]bool{}, nil
	return touched, idle
}

// copy is what the collector holds now.
func (s *collector) copy() tree {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.tree)
}

// difference tells two trees apart, "" where they are the same.
func difference(want, got tree) string {
	var b strings.Builder
	for _, leaf := range sortedLeaves(want) {
		if have, ok := got[leaf]; !ok {
			fmt.Fprintf(&b, "  lacks %s = %q\n", leaf, want[leaf])
		} else if have != want[leaf] {
			fmt.Fprintf(&b, "  %s is %q, want %q\n", leaf, have, want[leaf])
		}
	}
	for _, leaf := range sortedLeaves(got) {
		if _, ok := want[leaf]; !ok {
			fmt.Fprintf(&b, "  has %s = %q\n", leaf, got[leaf])
		}
	}
	return b.String()
}
