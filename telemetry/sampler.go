package telemetry

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// What bounds the cost of looking for changes: a look that took d is followed
// by a rest of restShare times d, but of no more than maxRest intervals.
const (
	restShare = 20
	maxRest   = 10
)

// part is what one subscription samples of one source, or of the tree.
type part struct {
	src      *source // nil: the published leaves
	interval time.Duration
	// look is for ON_CHANGE of leaves that tell of no events: only changes are
	// told, and the interval is stretched where looking is dear.
	look bool
	// changes leaves out what did not change since the last sample
	// (suppress_redundant).
	changes bool
	// quiet gives nothing to start with (heartbeats).
	quiet   bool
	pattern schema.Pattern
}

// clock names a sampler: all that sample one source at one interval share it.
type clock struct {
	src      *source
	interval time.Duration
	look     bool
}

// samplers are those that somebody wants now.
type samplers struct {
	mu  sync.Mutex // guards the map and each sampler's users
	all map[clock]*sampler
}

// sampler reads one source, or the tree, at one interval: once a tick, however
// many subscribers there are. It runs while somebody wants it.
type sampler struct {
	clock
	e     *Engine
	stop  context.CancelFunc
	users int // guarded by samplers.mu

	goneMu  sync.Mutex // guards the two fields below
	gone    []*change  // what was told to be gone since the last read; of the tree, told again
	forgets bool       // too much for gone

	mu     sync.Mutex // guards the fields below; held while a sample is taken
	views  map[string]*view
	table  table
	failed bool // the last read failed
}

// view is what a number of subscribers get alike: each sample is encoded once
// for all of them.
type view struct {
	form
	pattern schema.Pattern
	changes bool
	members map[*follower]struct{}
	seq     uint64 // tree: the last transaction that was sent
	cols    []int  // source: the leaves that may be asked for, as columns
	row     string // source: the one row that is asked for, as appendKeys has it; "" for more
}

// maxGone bounds what a sampler remembers of deletes between two reads.
const maxGone = 4096

// join adds a follower to a sample. What it starts with comes through its
// queue, like the later samples, so that it stands behind what was told before
// the source was read. For the tree that is nothing: the follower has read it.
func (e *Engine) join(ctx context.Context, p part, f *follower, form form) (leave func(), err error) {
	s, err := e.sampler(clock{p.src, p.interval, p.look})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view(p, form)
	if len(v.members) == 0 || f.seq < v.seq {
		v.seq = f.seq
	}
	v.members[f] = struct{}{}
	joined := false
	defer func() { // also where a panic passes
		if !joined {
			s.leaveLocked(v, f)
		}
	}()
	if s.src != nil && (v.changes || !p.quiet) {
		if err := s.start(ctx, v, f, p.quiet); err != nil {
			return nil, err
		}
	}
	joined = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leaveLocked(v, f)
	}, nil
}

// start reads the source for a follower that is new in a view. What changed
// goes to the views that are told changes, so that all start from the same
// rows; the others wait for their tick.
func (s *sampler) start(ctx context.Context, v *view, f *follower, quiet bool) error {
	return s.sampleRows(ctx, newcomer{v, f, quiet})
}

// newcomer is a follower for which a sample is taken out of turn; the zero
// value stands for a tick.
type newcomer struct {
	view     *view
	follower *follower
	quiet    bool
}

// wants reports that a view gets a sample: at a tick each does.
func (n newcomer) wants(v *view) bool { return n.view == nil || v.changes }

// sampler finds or starts a sampler and counts one user more.
func (e *Engine) sampler(c clock) (*sampler, error) {
	e.samplers.mu.Lock()
	defer e.samplers.mu.Unlock()
	if s := e.samplers.all[c]; s != nil {
		s.users++
		return s, nil
	}
	if err := e.begin(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(e.ctx)
	s := &sampler{clock: c, e: e, stop: stop, users: 1, views: map[string]*view{}}
	s.table = newTable(c.src, e.opts.TableRows)
	if e.samplers.all == nil {
		e.samplers.all = map[clock]*sampler{}
	}
	e.samplers.all[c] = s
	go s.run(ctx)
	return s, nil
}

// view finds or makes the view of a part. The caller holds mu.
func (s *sampler) view(p part, form form) *view {
	changes := p.changes || p.look
	key := viewKey(p.pattern, form, changes)
	v := s.views[key]
	if v == nil {
		v = &view{form: form, pattern: p.pattern, changes: changes, members: map[*follower]struct{}{}}
		if s.src != nil {
			for i, leaf := range s.src.leaves {
				if p.pattern.Has(leaf) {
					v.cols = append(v.cols, i)
				}
			}
			if keys := p.pattern.Keys(s.src.list); !slices.Contains(keys, "") {
				v.row = string(appendKeys(nil, keys))
			}
		}
		s.views[key] = v
	}
	return v
}

func viewKey(p schema.Pattern, f form, changes bool) string {
	key := string(rune('0'+f.enc)) + f.target + "\x00" + p.ID()
	if f.aggregate {
		key += "\x00aggregated"
	}
	if changes {
		key += "\x00changes"
	}
	return key
}

// leaveLocked takes a follower out of a view; the last one stops the sampler.
// The caller holds mu.
func (s *sampler) leaveLocked(v *view, f *follower) {
	delete(v.members, f)
	if len(v.members) == 0 {
		delete(s.views, viewKey(v.pattern, v.form, v.changes))
	}
	s.e.samplers.mu.Lock()
	defer s.e.samplers.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(s.e.samplers.all, s.clock)
		s.stop()
	}
}

// run takes a sample at each tick: ticks are whole multiples of the interval,
// so that all clocks of one interval tick together.
func (s *sampler) run(ctx context.Context) {
	defer s.e.tasks.Done()
	var rest time.Duration
	for {
		now := time.Now()
		next := now.Add(rest).Truncate(s.interval).Add(s.interval)
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		var took time.Duration
		err := s.e.guard("sampler", func() error {
			took = s.tick(ctx)
			return nil
		})
		if err != nil {
			s.abandon(err)
		}
		if s.look {
			rest = min(restShare*took, maxRest*s.interval)
		}
	}
}

// tick takes a sample and tells how long that took.
func (s *sampler) tick(ctx context.Context) (took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := time.Now()
	defer func() { took = time.Since(start) }()
	switch {
	case len(s.views) == 0: // the last one left meanwhile
		return 0
	case s.src == nil:
		s.sampleTree()
		return 0
	}
	err := s.sampleRows(ctx, newcomer{})
	if err != nil && !s.failed && ctx.Err() == nil {
		s.e.opts.Log.Error("read for a sample", "source", s.src.name(), "interval", s.interval, "err", err)
	}
	s.failed = err != nil
	return 0
}

// sampleTree sends the published leaves. It takes no lock while it encodes;
// what changes meanwhile is told again behind the sample.
func (s *sampler) sampleTree() {
	var again []*change
	var all bool
	rec, snap := s.e.record(func() { again, all = s.takeGone() })
	defer s.e.stopRecording(rec)
	for _, v := range s.views {
		if all || slices.ContainsFunc(again, func(c *change) bool { return c.touches(v.pattern) }) {
			v.seq = 0
		}
	}
	now := time.Now().UnixNano()
	frames := make(map[*view]packet, len(s.views))
	for _, v := range s.views {
		frames[v] = v.tree(s.e.shapes, snap, now)
	}
	s.e.deliver(rec, s.views, func() {}, func(v *view, f *follower) {
		f.queue.sampled(v, frames[v])
	}, func(*change) bool { return true })
}

// tree encodes what a view asks for of the published leaves.
func (v *view) tree(shapes shapes, snap *snapshot, now int64) packet {
	var out packet
	var last container
	enc, frame := encoder{form: v.form, shapes: shapes}, v.frame()
	walk(snap.root, v.pattern, func(e *entry, l *leaf) bool {
		at := shapes.of(e, l.id)
		switch {
		case at.entry != nil && at == last || v.changes && l.seq <= v.seq:
			return true
		case at.entry != nil:
			enc.whole(&out, e, at.node, v.pattern, now, 0)
		default:
			enc.leaf(&frame, e.id, ocpath.Get(l.id), l.value)
		}
		last = at
		if frame.Full() {
			out.add(&frame, now)
		}
		return true
	})
	v.seq = snap.seq
	out.add(&frame, now)
	return out
}

// sampleRows reads the source and sends its rows: at a tick to each view, for a
// newcomer to it and to the views that are told changes. The caller holds mu.
func (s *sampler) sampleRows(ctx context.Context, by newcomer) error {
	s.src.reading.Lock()
	defer s.src.reading.Unlock()
	var gone []*change
	var all bool
	// What is told to be gone from here on is recorded, and waits for the next
	// read, too.
	rec, _ := s.e.record(func() { gone, all = s.takeGone() })
	defer s.e.stopRecording(rec)
	s.table.forget(gone, all)
	if err := s.read(ctx); errors.Is(err, errHuge) {
		s.eachReads(by)
		return nil
	} else if err != nil {
		return err
	}
	less := s.table.sweep()
	s.table.share(s.views)
	defer s.table.unshare()
	frames := make(map[*view]packet, len(s.views))
	for _, v := range s.views {
		if by.wants(v) {
			frames[v] = s.table.frames(v, v.changes)
		}
	}
	var first packet
	if by.view != nil && !by.quiet {
		first = s.table.frames(by.view, false)
	}
	s.e.deliver(rec, s.views, func() {
		gone = s.table.removals(less, rec.changes, s.e.shapes, s.e.tree.Load().root)
	}, func(v *view, f *follower) {
		for _, c := range gone {
			if c.touches(v.pattern) {
				f.take(c)
			}
		}
		if v == by.view && f == by.follower {
			f.queue.start(first)
		} else {
			f.queue.sampled(v, frames[v])
		}
	}, s.table.tells)
	return nil
}

// read takes the rows of the source, unless there are too many.
func (s *sampler) read(ctx context.Context) error {
	if s.src.huge.Load() {
		return errHuge
	}
	err := s.table.read(ctx, s.keys())
	if errors.Is(err, errHuge) {
		s.table = newTable(s.src, s.e.opts.TableRows)
		s.src.huge.Store(true)
	}
	return err
}

// keys are those that all views have in common. The caller holds mu.
func (s *sampler) keys() []string {
	var all []string
	first := true
	for _, v := range s.views {
		own := v.pattern.Keys(s.src.list)
		if first {
			all, first = own, false
			continue
		}
		for i := range all {
			if all[i] != own[i] {
				all[i] = ""
			}
		}
	}
	return all
}

// covers reports that a read with keys has all rows that others ask for.
func covers(keys, others []string) bool {
	if len(keys) != len(others) {
		return false
	}
	for i := range keys {
		if keys[i] != "" && keys[i] != others[i] {
			return false
		}
	}
	return true
}

// deliver puts a sample into the queues, and behind it those changes that
// happened while it was taken and that it may undo: the client ends with the
// newer value. All three functions are called under mu: prepare once, put for
// each member of each view, again for each such change.
func (e *Engine) deliver(r *recorder, views map[string]*view, prepare func(), put func(*view, *follower), again func(*change) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.recorders, r)
	prepare()
	members := map[*follower][]*view{}
	for _, v := range views {
		for f := range v.members {
			put(v, f)
			members[f] = append(members[f], v)
		}
	}
	for f, own := range members {
		for _, c := range r.undone(func(c *change) bool { return again(c) && asksFor(own, c) }) {
			if f.take(c) && c.gone {
				e.samplers.retell(c)
			}
		}
		f.queue.wakeIfAny()
	}
}

func asksFor(views []*view, c *change) bool {
	return slices.ContainsFunc(views, func(v *view) bool { return c.touches(v.pattern) })
}

// undone gives the changes that a sample may undo, and with each delete among
// them all that was changed below it later: telling it again must not take
// that away.
func (r *recorder) undone(may func(*change) bool) []*change {
	var out, gone []*change
	for _, c := range r.changes {
		path := c.id.path(c.node)
		below := slices.ContainsFunc(gone, func(g *change) bool { return path.Within(g.id.path(g.node)) })
		if !below && !may(c) {
			continue
		}
		out = append(out, c)
		if c.gone {
			gone = append(gone, c)
		}
	}
	return out
}

// stopRecording ends what record began, where deliver has not.
func (e *Engine) stopRecording(r *recorder) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.recorders, r)
}

// forget tells the samplers what is gone, so that they do not tell it again.
func (s *samplers) forget(changes []*change) {
	for _, c := range changes {
		if c.gone {
			s.forgetOne(c)
		}
	}
}

// retell makes the samplers tell everything at and below what went again: it
// was told once more, after they may have told what came in its place.
func (s *samplers) retell(c *change) {
	s.forgetOne(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	for clock, sampler := range s.all {
		if clock.src == nil {
			sampler.addGone(c)
		}
	}
}

func (s *samplers) forgetOne(c *change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for clock, sampler := range s.all {
		if clock.src != nil && clock.src.touches(c.node) {
			sampler.addGone(c)
		}
	}
}

func (s *sampler) addGone(c *change) {
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	if len(s.gone) == maxGone {
		s.gone, s.forgets = nil, true
	}
	if !s.forgets {
		s.gone = append(s.gone, c)
	}
}

// takeGone gives what was told to be gone since the last read; all says that it
// was too much to remember.
func (s *sampler) takeGone() (gone []*change, all bool) {
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	gone, all = s.gone, s.forgets
	s.gone, s.forgets = nil, false
	return gone, all
}
