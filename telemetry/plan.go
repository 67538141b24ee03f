package telemetry

import (
	"context"
	"fmt"
	"math"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/gnmi/proto/gnmi_ext"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// plan is what a SubscriptionList comes to.
type plan struct {
	form
	mode        gpb.SubscriptionList_Mode
	commits     bool // the end of each commit is told
	updatesOnly bool
	past        *past // nil: of now
	// tree and reads are what the client starts with, and is sent at each poll:
	// published leaves, and leaves read straight from sources.
	tree  schema.Pattern
	reads []read
	// updates are delivered when they change, deletes when they go; parts are
	// sampled. All are empty but for STREAM.
	updates schema.Pattern
	deletes schema.Pattern
	parts   []part
}

// read is what is asked of one source.
type read struct {
	src     *source
	pattern schema.Pattern
}

// manner is how one subscription is to be served.
type manner struct {
	mode      gpb.SubscriptionMode
	interval  time.Duration
	heartbeat time.Duration
	suppress  bool
}

// maxManners bounds in how many manners one list may be served: each has
// clocks of its own.
const maxManners = 64

// plan compiles a request of a reader who sees what a limit permits.
func (e *Engine) plan(ctx context.Context, req *gpb.SubscribeRequest, limit *schema.Limit) (*plan, error) {
	list := req.GetSubscribe()
	if len(list.GetSubscription()) == 0 {
		return nil, fmt.Errorf("a SubscriptionList without subscriptions: %w", schema.ErrInvalid)
	}
	enc, err := schema.EncodingOf(list.GetEncoding())
	if err != nil {
		return nil, err
	}
	p := &plan{
		form:        form{enc, list.GetPrefix().GetTarget(), e.opts.FrameBytes, list.GetAllowAggregation()},
		mode:        list.GetMode(),
		updatesOnly: list.GetUpdatesOnly(),
	}
	if err := p.extensions(req.GetExtension()); err != nil {
		return nil, err
	}
	keep, err := models(list.GetUseModels())
	if err != nil {
		return nil, err
	}
	if p.commits {
		served := keep
		keep = func(n *ocpath.Node) bool { return n.Config && !e.shapes[n.ID].isKey && served(n) }
	}
	patterns, order, err := e.patterns(ctx, req, limit)
	if err != nil {
		return nil, err
	}
	var all schema.Pattern
	for _, m := range order {
		pattern := schema.Union(patterns[m]...).Depth(depth(req.GetExtension())).Only(keep).Within(limit)
		switch {
		case p.past != nil:
			all = schema.Union(all, pattern)
		case p.mode == gpb.SubscriptionList_STREAM:
			e.stream(p, m, pattern)
		default:
			e.snapshot(p, pattern)
		}
	}
	if p.past != nil {
		return p, e.recall(p, all)
	}
	return p, nil
}

// extensions reads those that say what is asked for.
func (p *plan) extensions(all []*gnmi_ext.Extension) (err error) {
	if p.commits, err = configOnly(all); err != nil {
		return err
	}
	if p.past, err = historyOf(all, p.mode); err != nil {
		return err
	}
	if p.commits && p.past != nil {
		return fmt.Errorf("the config subscription extension together with the history extension: %w", schema.ErrUnimplemented)
	}
	return nil
}

// patterns compiles the paths, those to be served in the same manner together.
func (e *Engine) patterns(ctx context.Context, req *gpb.SubscribeRequest, limit *schema.Limit) (map[manner][]schema.Pattern, []manner, error) {
	list := req.GetSubscribe()
	patterns := map[manner][]schema.Pattern{}
	var order []manner
	known := distinct{prefix: list.GetPrefix(), seen: map[string]struct{}{}}
	for _, sub := range list.GetSubscription() {
		if ctx.Err() != nil { // a long list is much work
			return nil, nil, e.cause(ctx)
		}
		m, err := e.manner(list.GetMode(), sub)
		if err != nil {
			return nil, nil, err
		}
		if again, err := known.again(m, sub.GetPath()); again || err != nil {
			if err != nil {
				return nil, nil, err
			}
			continue
		}
		pattern, err := schema.Compile(list.GetPrefix(), sub.GetPath())
		if err != nil {
			return nil, nil, err
		}
		if err := admit(limit, pattern, list.GetPrefix(), sub.GetPath()); err != nil {
			return nil, nil, err
		}
		if _, known := patterns[m]; !known {
			order = append(order, m)
		}
		if len(order) > maxManners {
			return nil, nil, fmt.Errorf("a SubscriptionList with more than %d different modes and intervals: %w", maxManners, schema.ErrInvalid)
		}
		patterns[m] = append(patterns[m], pattern)
	}
	return patterns, order, nil
}

// manner reads how a subscription of a STREAM is to be served; the others are
// all served alike.
func (e *Engine) manner(mode gpb.SubscriptionList_Mode, sub *gpb.Subscription) (manner, error) {
	if mode != gpb.SubscriptionList_STREAM {
		if _, known := gpb.SubscriptionList_Mode_name[int32(mode)]; !known {
			return manner{}, fmt.Errorf("subscription list mode %d: want STREAM, ONCE or POLL: %w", mode, schema.ErrInvalid)
		}
		return manner{}, nil
	}
	m := manner{mode: sub.GetMode(), suppress: sub.GetSuppressRedundant()}
	var err error
	if m.heartbeat, err = e.interval("heartbeat_interval", sub.GetHeartbeatInterval()); err != nil {
		return manner{}, err
	}
	switch m.mode {
	case gpb.SubscriptionMode_ON_CHANGE:
		m.suppress = false
		return m, nil
	case gpb.SubscriptionMode_SAMPLE, gpb.SubscriptionMode_TARGET_DEFINED:
	default:
		return manner{}, fmt.Errorf("subscription mode %d: want TARGET_DEFINED, ON_CHANGE or SAMPLE: %w", m.mode, schema.ErrInvalid)
	}
	if m.interval, err = e.interval("sample_interval", sub.GetSampleInterval()); err != nil {
		return manner{}, err
	}
	if m.interval == 0 {
		m.interval = e.opts.MinInterval
		if m.mode == gpb.SubscriptionMode_TARGET_DEFINED {
			m.interval = e.opts.SampleInterval
		}
	}
	return m, nil
}

// interval checks an interval in nanoseconds; 0 is none.
func (e *Engine) interval(name string, nanoseconds uint64) (time.Duration, error) {
	if nanoseconds > math.MaxInt64 {
		return 0, fmt.Errorf("%s of %d ns: the longest that is served is %v: %w", name, nanoseconds, time.Duration(math.MaxInt64), schema.ErrInvalid)
	}
	d := time.Duration(nanoseconds)
	if d != 0 && d < e.opts.MinInterval {
		return 0, fmt.Errorf("%s of %v: the shortest that is served is %v: %w", name, d, e.opts.MinInterval, schema.ErrInvalid)
	}
	return d, nil
}

// depth is the level of the depth extension; 0 where there is none.
func depth(extensions []*gnmi_ext.Extension) uint32 {
	for _, x := range extensions {
		if d := x.GetDepth(); d != nil {
			return d.GetLevel()
		}
	}
	return 0
}

// models gives the filter for use_models.
func models(use []*gpb.ModelData) (func(*ocpath.Node) bool, error) {
	if len(use) == 0 {
		return func(*ocpath.Node) bool { return true }, nil
	}
	served := map[string]bool{}
	for _, m := range ocpath.Models() {
		served[m.Name] = true
	}
	wanted := map[string]bool{}
	for _, m := range use {
		if !served[m.GetName()] {
			return nil, fmt.Errorf("use_models: model %q is not served; Capabilities names those that are: %w", m.GetName(), schema.ErrInvalid)
		}
		wanted[m.GetName()] = true
	}
	return func(n *ocpath.Node) bool { return wanted[n.Module] }, nil
}

// published keeps the leaves that may be in the tree: those that no source has,
// and the keys of entries that sources make, too.
func (e *Engine) published(p schema.Pattern) schema.Pattern {
	return p.Only(func(n *ocpath.Node) bool { return e.shapes[n.ID].from == nil || e.shapes[n.ID].isKey })
}

// each calls do for each source that has leaves a pattern asks for.
func (e *Engine) each(p schema.Pattern, do func(src *source, own schema.Pattern)) {
	for _, src := range e.sources {
		own := p.Only(func(n *ocpath.Node) bool { return e.shapes[n.ID].from == src })
		if !own.Empty() {
			do(src, own)
		}
	}
}

// snapshot plans ONCE and POLL.
func (e *Engine) snapshot(p *plan, pattern schema.Pattern) {
	p.tree = schema.Union(p.tree, e.published(pattern))
	e.each(pattern, func(src *source, own schema.Pattern) { p.read(src, own) })
}

// stream plans a STREAM.
func (e *Engine) stream(p *plan, m manner, pattern schema.Pattern) {
	p.deletes = schema.Union(p.deletes, pattern)
	p.tree = schema.Union(p.tree, e.published(pattern))
	switch m.mode {
	case gpb.SubscriptionMode_ON_CHANGE:
		e.onChange(p, m, pattern)
	case gpb.SubscriptionMode_SAMPLE:
		e.sample(p, m, pattern)
	default:
		e.onChange(p, m, pattern.Only(func(n *ocpath.Node) bool { return n.Class == ocpath.Event }))
		e.sample(p, m, pattern.Only(func(n *ocpath.Node) bool { return n.Class != ocpath.Event }))
	}
}

// onChange plans leaves that are delivered when they change. Those of a source
// that tells of no events, and those of one that does but are no events
// themselves, are looked at again and again.
func (e *Engine) onChange(p *plan, m manner, pattern schema.Pattern) {
	p.updates = schema.Union(p.updates, e.published(pattern))
	e.each(pattern, func(src *source, own schema.Pattern) {
		told := func(n *ocpath.Node) bool { return src.events && (src.unlooked || n.Class == ocpath.Event) }
		if events := own.Only(told); !events.Empty() {
			p.updates = schema.Union(p.updates, events)
			p.read(src, events)
		}
		if others := own.Only(func(n *ocpath.Node) bool { return !told(n) }); !others.Empty() {
			p.part(part{src: src, interval: e.opts.LookInterval, look: true, pattern: others})
		}
	})
	e.heartbeat(p, m, pattern)
}

// sample plans leaves that are delivered at an interval.
func (e *Engine) sample(p *plan, m manner, pattern schema.Pattern) {
	if own := e.published(pattern); !own.Empty() {
		p.part(part{interval: m.interval, changes: m.suppress, pattern: own})
	}
	e.each(pattern, func(src *source, own schema.Pattern) {
		p.part(part{src: src, interval: m.interval, changes: m.suppress, pattern: own})
	})
	if m.suppress {
		e.heartbeat(p, m, pattern)
	}
}

// heartbeat plans the repetition of leaves that are else delivered only when
// they change: a sample at the interval of the heartbeat.
func (e *Engine) heartbeat(p *plan, m manner, pattern schema.Pattern) {
	if m.heartbeat == 0 {
		return
	}
	if own := e.published(pattern); !own.Empty() {
		p.part(part{interval: m.heartbeat, quiet: true, pattern: own})
	}
	e.each(pattern, func(src *source, own schema.Pattern) {
		p.part(part{src: src, interval: m.heartbeat, quiet: true, pattern: own})
	})
}

func (p *plan) read(src *source, own schema.Pattern) {
	for i := range p.reads {
		if p.reads[i].src == src {
			p.reads[i].pattern = schema.Union(p.reads[i].pattern, own)
			return
		}
	}
	p.reads = append(p.reads, read{src, own})
}

// part adds a sample, together with one that has the same clock.
func (p *plan) part(add part) {
	for i := range p.parts {
		have := &p.parts[i]
		if have.src == add.src && have.interval == add.interval && have.look == add.look &&
			have.changes == add.changes && have.quiet == add.quiet {
			have.pattern = schema.Union(have.pattern, add.pattern)
			return
		}
	}
	p.parts = append(p.parts, add)
}
