package telemetry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
	"google.golang.org/protobuf/proto"
)

// bound is how long a test waits for a condition that should come true at once.
const bound = 20 * time.Second

// path reads an exact path.
func path(t testing.TB, text string) schema.Path {
	t.Helper()
	p, err := schema.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	exact, err := schema.Exact(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return exact
}

// set is an update in text form.
func set(t testing.TB, text, value string) Update {
	t.Helper()
	p := path(t, text)
	v, err := schema.Parse(p.Node, value)
	if err != nil {
		t.Fatal(err)
	}
	return Update{Path: p, Value: v}
}

// publish sends "path=value" and "-path" as one batch.
func publish(t testing.TB, e *Engine, of Scope, changes ...string) {
	t.Helper()
	e.Publish(batch(t, of, changes...))
}

func batch(t testing.TB, of Scope, changes ...string) Batch {
	t.Helper()
	b := Batch{Of: of}
	for _, c := range changes {
		if rest, gone := strings.CutPrefix(c, "-"); gone {
			b.Deletes = append(b.Deletes, path(t, rest))
			continue
		}
		at := strings.LastIndex(c, "=")
		b.Updates = append(b.Updates, set(t, c[:at], c[at+1:]))
	}
	return b
}

// wirePath is the text form of a path off the wire.
func wirePath(p *gpb.Path) string {
	var b strings.Builder
	for _, e := range p.GetElem() {
		b.WriteString("/" + e.GetName())
		for _, k := range slices.Sorted(maps.Keys(e.GetKey())) {
			fmt.Fprintf(&b, "[%s=%s]", k, e.GetKey()[k])
		}
	}
	return b.String()
}

// wireValue is the text form of a value off the wire.
func wireValue(v *gpb.TypedValue) string {
	switch x := v.GetValue().(type) {
	case *gpb.TypedValue_StringVal:
		return x.StringVal
	case *gpb.TypedValue_UintVal:
		return fmt.Sprint(x.UintVal)
	case *gpb.TypedValue_IntVal:
		return fmt.Sprint(x.IntVal)
	case *gpb.TypedValue_BoolVal:
		return fmt.Sprint(x.BoolVal)
	case *gpb.TypedValue_DoubleVal:
		return fmt.Sprint(x.DoubleVal)
	case *gpb.TypedValue_JsonVal:
		return string(x.JsonVal)
	case *gpb.TypedValue_JsonIetfVal:
		return string(x.JsonIetfVal)
	case *gpb.TypedValue_AsciiVal:
		return x.AsciiVal
	case *gpb.TypedValue_LeaflistVal:
		var parts []string
		for _, e := range x.LeaflistVal.GetElement() {
			parts = append(parts, wireValue(e))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

// client is a collector: it applies what it gets.
type client struct {
	t      testing.TB
	cancel context.CancelFunc
	polls  chan struct{}
	done   chan error
	gate   chan struct{} // not nil: each frame waits for one token

	mu      sync.Mutex // guards the fields below
	changed *sync.Cond
	frames  [][]byte
	log     []string // "path=value", "-path", "sync"
	tree    map[string]string
	syncs   int
	dups    uint32
	notes   []*gpb.Notification
}

// subscribe starts a subscription in the background.
func subscribe(t testing.TB, e *Engine, req *gpb.SubscribeRequest) *client {
	t.Helper()
	return subscribeGated(t, e, req, nil)
}

func subscribeGated(t testing.TB, e *Engine, req *gpb.SubscribeRequest, gate chan struct{}) *client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &client{t: t, cancel: cancel, polls: make(chan struct{}), done: make(chan error, 1), gate: gate, tree: map[string]string{}}
	c.changed = sync.NewCond(&c.mu)
	go func() { c.done <- e.Subscribe(ctx, req, c.polls, func(f []byte) error { return c.send(ctx, f) }) }()
	t.Cleanup(cancel)
	return c
}

func (c *client) send(ctx context.Context, frame []byte) error {
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var resp gpb.SubscribeResponse
	if err := proto.Unmarshal(frame, &resp); err != nil {
		c.t.Errorf("frame does not parse: %v", err)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, frame)
	if resp.GetSyncResponse() {
		c.syncs++
		c.log = append(c.log, "sync")
	}
	if n := resp.GetUpdate(); n != nil {
		c.apply(n)
	}
	for _, x := range resp.GetExtension() {
		done := x.GetConfigSubscription().GetSyncDone()
		c.log = append(c.log, fmt.Sprintf("commit %s %q done=%v", done.GetServerCommitId(), done.GetCommitConfirmId(), done.GetDone()))
	}
	c.changed.Broadcast()
	return nil
}

func (c *client) apply(n *gpb.Notification) {
	c.notes = append(c.notes, n)
	above := wirePath(n.GetPrefix())
	if n.GetAtomic() {
		c.log = append(c.log, "whole "+above)
		c.gone(above)
	}
	for _, d := range n.GetDelete() {
		gone := above + wirePath(d)
		c.log = append(c.log, "-"+gone)
		c.gone(gone)
	}
	for _, u := range n.GetUpdate() {
		p, v := above+wirePath(u.GetPath()), wireValue(u.GetVal())
		c.log = append(c.log, p+"="+v)
		c.tree[p] = v
		c.dups += u.GetDuplicates()
	}
}

// gone forgets what is at and below a path.
func (c *client) gone(path string) {
	for p := range c.tree {
		if p == path || strings.HasPrefix(p, path+"/") || strings.HasPrefix(p, path+"[") || path == "" {
			delete(c.tree, p)
		}
	}
}

// until waits for a condition on the client's state.
func (c *client) until(what string, ok func() bool) {
	c.t.Helper()
	timer := time.AfterFunc(bound, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer timer.Stop()
	start := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		if time.Since(start) >= bound {
			c.t.Fatalf("no %s within %v; got %q", what, bound, c.log)
		}
		c.changed.Wait()
	}
}

// synced waits for the n-th sync and gives the log so far, which is forgotten.
func (c *client) synced(n int) []string {
	c.t.Helper()
	c.until(fmt.Sprintf("sync %d", n), func() bool { return c.syncs >= n })
	return c.take()
}

func (c *client) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := c.log
	c.log = nil
	return log
}

func (c *client) notifications() []*gpb.Notification {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.notes)
}

// is looks at a condition on the client's state.
func (c *client) is(ok func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ok()
}

// state is the tree that the client has.
func (c *client) state() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.tree)
}

func (c *client) duplicates() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dups
}

// expect waits until the log has this many lines, and compares them.
func (c *client) expect(want ...string) {
	c.t.Helper()
	c.until(fmt.Sprintf("%d lines", len(want)), func() bool { return len(c.log) >= len(want) })
	if diff := cmp.Diff(want, c.take()); diff != "" {
		c.t.Errorf("received (-want +got):\n%s", diff)
	}
}

// ended waits for the end of the RPC.
func (c *client) ended() error {
	c.t.Helper()
	select {
	case err := <-c.done:
		return err
	case <-time.After(bound):
		c.t.Fatal("the subscription did not end")
		return nil
	}
}

// stream is a request for a STREAM in PROTO.
func stream(t testing.TB, subs ...*gpb.Subscription) *gpb.SubscribeRequest {
	return request(gpb.SubscriptionList_STREAM, subs...)
}

func request(mode gpb.SubscriptionList_Mode, subs ...*gpb.Subscription) *gpb.SubscribeRequest {
	return &gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: &gpb.SubscriptionList{
		Mode: mode, Encoding: gpb.Encoding_PROTO, Subscription: subs,
	}}}
}

func onChange(t testing.TB, text string) *gpb.Subscription {
	return &gpb.Subscription{Path: protoPath(t, text), Mode: gpb.SubscriptionMode_ON_CHANGE}
}

func sampled(t testing.TB, text string, every time.Duration) *gpb.Subscription {
	return &gpb.Subscription{Path: protoPath(t, text), Mode: gpb.SubscriptionMode_SAMPLE, SampleInterval: uint64(every)}
}

func protoPath(t testing.TB, text string) *gpb.Path {
	t.Helper()
	p, err := schema.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rows is a source made of a map.
type rows struct {
	leaves []ocpath.ID
	events bool

	mu    sync.Mutex // guards the fields below
	table map[string][]schema.Value
	reads int
	fail  error
	hook  func() // called between reading and handing out
}

func (r *rows) Leaves() []ocpath.ID { return r.leaves }
func (r *rows) Events() bool        { return r.events }

func (r *rows) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	r.mu.Lock()
	r.reads++
	table, hook, fail := maps.Clone(r.table), r.hook, r.fail
	r.mu.Unlock()
	if fail != nil {
		return time.Time{}, fail
	}
	at := time.Now()
	if hook != nil {
		hook()
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		own := strings.Split(name, "|")
		if name == "" {
			own = nil
		}
		match := true
		for i := range own {
			match = match && (keys[i] == "" || keys[i] == own[i])
		}
		if match {
			if err := emit(own, table[name]); err != nil {
				return at, err
			}
		}
	}
	return at, nil
}

func (r *rows) put(name string, values ...schema.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.table == nil {
		r.table = map[string][]schema.Value{}
	}
	if values == nil {
		delete(r.table, name)
		return
	}
	r.table[name] = values
}

func (r *rows) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

func newCounters() *rows {
	return &rows{leaves: []ocpath.ID{
		ocpath.InterfacesInterfaceStateCountersInOctets,
		ocpath.InterfacesInterfaceStateCountersOutOctets,
	}}
}

func newFDB() *rows {
	return &rows{events: true, leaves: []ocpath.ID{
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryMacAddress,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryVlan,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateEntryType,
		ocpath.NetworkInstancesNetworkInstanceFdbMacTableEntriesEntryStateAge,
	}}
}

func newEngine(t testing.TB, opts Options, sources ...Source) *Engine {
	e := New(opts)
	for _, s := range sources {
		e.Add(s)
	}
	t.Cleanup(e.Close)
	return e
}

var errTest = errors.New("test")
