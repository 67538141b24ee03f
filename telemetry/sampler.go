package telemetry

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// restShare bounds what looking for changes may cost: a look that took d is
// followed by a rest of at least restShare times d.
const restShare = 20

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
	gone    []*change  // what was told to be gone since the last read
	forgets bool       // too much for gone

	mu     sync.Mutex // guards the fields below; held while a sample is taken
	views  map[string]*view
	wanted *schema.Pattern // what all views ask for; nil where that has to be found
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

// join adds a follower to a sample. The frames are what the follower starts
// with; later samples come through its queue. For the tree there are none: the
// follower has read it.
func (e *Engine) join(ctx context.Context, p part, f *follower, form form) ([][]byte, func(), error) {
	s, err := e.sampler(clock{p.src, p.interval, p.look})
	if err != nil {
		return nil, nil, err
	}
	asked := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view(p, form)
	var frames [][]byte
	if s.src != nil && (v.changes || !p.quiet) {
		if err := s.refresh(ctx, v, asked); err != nil {
			s.leaveLocked(v, f)
			return nil, nil, err
		}
		if !p.quiet {
			frames = s.table.frames(v, false)
		}
	}
	if len(v.members) == 0 || f.seq < v.seq {
		v.seq = f.seq
	}
	v.members[f] = struct{}{}
	return frames, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leaveLocked(v, f)
	}, nil
}

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
	s.table = table{src: c.src, rows: map[string]*row{}}
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
		s.wanted = nil
	}
	return v
}

func viewKey(p schema.Pattern, f form, changes bool) string {
	key := string(rune('0'+f.enc)) + f.target + "\x00" + p.ID()
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
		s.wanted = nil
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
		start := time.Now()
		s.tick(ctx)
		if s.look {
			rest = restShare * time.Since(start)
		}
	}
}

func (s *sampler) tick(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.src == nil {
		s.sampleTree()
		return
	}
	err := s.sampleRows(ctx, func(*view) bool { return true })
	if err != nil && !s.failed && ctx.Err() == nil {
		s.e.opts.Log.Error("read for a sample", "source", s.src.name(), "interval", s.interval, "err", err)
	}
	s.failed = err != nil
}

// refresh reads the source now, for a view that somebody asked for. What
// changed goes to the views that are told changes, so that all start from the
// same rows; the others wait for their tick. A read that began later than the
// view was asked for serves it, too: many that come at once share one.
func (s *sampler) refresh(ctx context.Context, v *view, asked time.Time) error {
	if s.table.began.After(asked) && covers(s.table.keys, v.pattern.Keys(s.src.list)) && !s.goneWaits() {
		return nil
	}
	return s.sampleRows(ctx, func(v *view) bool { return v.changes })
}

// sampleTree sends the published leaves. It takes no lock while it encodes;
// what changes meanwhile is told again behind the sample.
func (s *sampler) sampleTree() {
	rec, snap := s.e.record(s.wants())
	now := time.Now().UnixNano()
	frames := make(map[*view][][]byte, len(s.views))
	for _, v := range s.views {
		frames[v] = v.tree(snap, now)
	}
	s.e.deliver(rec, s.views, func(v *view, f *follower) {
		f.queue.sampled(v, frames[v])
	}, func(*change) bool { return true })
}

// tree encodes what a view asks for of the published leaves.
func (v *view) tree(snap *snapshot, now int64) [][]byte {
	var frames [][]byte
	enc, frame := encoder{enc: v.enc}, v.frame()
	walk(snap.root, v.pattern, func(e *entry, l *leaf) bool {
		if v.changes && l.seq <= v.seq {
			return true
		}
		enc.leaf(&frame, e.id, ocpath.Get(l.id), l.value)
		if frame.Full() {
			frames = append(frames, frame.Finish(now))
		}
		return true
	})
	v.seq = snap.seq
	if !frame.Empty() {
		frames = append(frames, frame.Finish(now))
	}
	return frames
}

// sampleRows reads the source and sends its rows to the views that are due.
// The caller holds mu.
func (s *sampler) sampleRows(ctx context.Context, due func(*view) bool) error {
	s.src.reading.Lock()
	defer s.src.reading.Unlock()
	s.table.forget(s.takeGone())
	rec, snap := s.e.record(s.wants())
	if err := s.table.read(ctx, s.keys()); err != nil {
		s.e.stopRecording(rec)
		return err
	}
	gone := s.table.sweep(s.e.shapes, snap.root)
	frames := make(map[*view][][]byte, len(s.views))
	for _, v := range s.views {
		if due(v) && len(v.members) > 0 {
			frames[v] = s.table.frames(v, v.changes)
		}
	}
	filtered := false
	s.e.deliver(rec, s.views, func(v *view, f *follower) {
		if !filtered {
			gone, filtered = untold(gone, rec.changes), true
		}
		for _, c := range gone {
			if c.touches(v.pattern) {
				f.take(c)
			}
		}
		f.queue.sampled(v, frames[v])
	}, func(c *change) bool { return !c.gone || s.table.has(c) })
	return nil
}

// wants is what all views ask for. The caller holds mu.
func (s *sampler) wants() schema.Pattern {
	if s.wanted == nil {
		all := make([]schema.Pattern, 0, len(s.views))
		for _, v := range s.views {
			all = append(all, v.pattern)
		}
		union := schema.Union(all...)
		s.wanted = &union
	}
	return *s.wanted
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
// newer value.
func (e *Engine) deliver(r *recorder, views map[string]*view, put func(*view, *follower), again func(*change) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.recorders, r)
	members := map[*follower]struct{}{}
	for _, v := range views {
		for f := range v.members {
			put(v, f)
			members[f] = struct{}{}
		}
	}
	for _, c := range r.changes {
		if !again(c) {
			continue
		}
		for f := range members {
			f.take(c)
		}
	}
	for f := range members {
		f.queue.wakeIfAny()
	}
}

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

func (s *sampler) goneWaits() bool {
	s.goneMu.Lock()
	defer s.goneMu.Unlock()
	return len(s.gone) > 0 || s.forgets
}
