package fastpath

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/bpf"
)

// TraceFilter compiles a condition on a frame into the body of a function of
//
//	int f(const void *data, const void *data_end, __u32 tag, __u32 octets)
//
// whose labels begin with the prefix.
type TraceFilter interface {
	Instructions(prefix string) asm.Instructions
}

// TraceSession is what the program is to tell to one session. What is zero fits
// every frame.
type TraceSession struct {
	// In and Out make it look at the port that a frame came in at, or leaves
	// by: at those in Ports, or in an aggregate that is.
	In, Out bool
	Ports   PortSet
	VLANs   spec.VLANSet
	Filter  TraceFilter
	// Reasons, by bit, for one of which the frame or a copy was dropped.
	Reasons uint32
	Sample  uint32 // one frame in so many
	Limit   uint32 // frames in a second
	Snap    uint32 // octets of each frame
}

// TraceCount is what a session has counted since its number was first given
// to it.
type TraceCount struct {
	Matched uint64 // frames that fit its conditions, sampling included, of which
	Limited uint64 // were held back by Limit,
	Lost    uint64 // and for lack of room in the ring; the others were told
}

// Tracer puts the program that traces in place of the one that does not, and
// reads what it tells. Set, Reset and Close are for the owner of the objects,
// Read for one goroutine, which must have ended before Close.
type Tracer struct {
	o       *Objects
	maps    map[string]*ebpf.Map
	program *ebpf.Program // that is attached, nil before Set
	rings   *traceRings
}

// NewTracer makes what tracing needs; nothing is traced before Set.
func (o *Objects) NewTracer() (_ *Tracer, err error) {
	t := &Tracer{o: o, maps: map[string]*ebpf.Map{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	s, err := bpf.LoadSwitch()
	if err != nil {
		return nil, err
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if err := makeTraceMaps(s, t.maps, cpus, ringOctets(cpus)); err != nil {
		return nil, err
	}
	t.rings, err = openRings(t.maps[bpf.SwitchMapTraceRings])
	return t, err
}

// traceMaps are the maps that only tracing has.
func traceMaps() []string {
	return []string{
		bpf.SwitchMapTraceRings, bpf.SwitchMapTraceCounts, bpf.SwitchMapTraceLimits, bpf.SwitchMapTraceTurns,
	}
}

// makeTraceMaps makes the maps with so many rings, each of so many octets.
func makeTraceMaps(s *ebpf.CollectionSpec, maps map[string]*ebpf.Map, rings, octets int) error {
	sizeRings(s.Maps[bpf.SwitchMapTraceRings], rings, octets)
	for _, name := range traceMaps() {
		m, err := ebpf.NewMap(s.Maps[name])
		if err != nil {
			return withRemedy(fmt.Errorf("make map %s: %w", name, err))
		}
		maps[name] = m
	}
	return nil
}

// Set makes the program tell what the sessions ask for, each by its place;
// nil is none. Frames go on meanwhile by the old sessions; when it returns, all
// is in the ring that was traced for them.
func (t *Tracer) Set(sessions *[spec.MaxTraces]*TraceSession) error {
	p, err := t.Load(sessions)
	if err != nil {
		return err
	}
	return t.Use(p)
}

// Load makes the program for the sessions, which takes the kernel some time; any
// goroutine may call it until Close. Use attaches it.
func (t *Tracer) Load(sessions *[spec.MaxTraces]*TraceSession) (*ebpf.Program, error) {
	return t.o.loadTraced(sessions, t.maps, build{caching: true})
}

// Use is Set with a program that Load made, and owns it.
func (t *Tracer) Use(p *ebpf.Program) error {
	if err := t.o.exchange(p); err != nil {
		return errors.Join(err, p.Close())
	}
	old := t.program
	t.program = p
	ProgramsDone()
	if old != nil {
		return old.Close()
	}
	return nil
}

// Stop puts the program that does not trace back in its place. When it returns,
// all is in the ring that was traced.
func (t *Tracer) Stop() error {
	if t.program == nil {
		return nil
	}
	old := t.program
	t.program = nil
	err := t.o.exchange(t.o.plain)
	ProgramsDone()
	return errors.Join(err, old.Close())
}

// Reset makes the counts of a session zero, before a new one gets its place.
func (t *Tracer) Reset(session int) error {
	cpus, err := ebpf.PossibleCPU()
	if err == nil {
		err = t.maps[bpf.SwitchMapTraceCounts].Put(uint32(session), make([]bpf.SwitchTraceCount, cpus))
	}
	if err != nil {
		return fmt.Errorf("reset counts of trace session %d: %w", session, err)
	}
	return nil
}

// Counts reads what a session has counted. Any goroutine may call it.
func (t *Tracer) Counts(session int) (sum TraceCount, err error) {
	var all []bpf.SwitchTraceCount
	if err := t.maps[bpf.SwitchMapTraceCounts].Lookup(uint32(session), &all); err != nil {
		return sum, fmt.Errorf("read counts of trace session %d: %w", session, err)
	}
	for _, c := range all {
		sum.Matched += c.Matched
		sum.Limited += c.Limited
		sum.Lost += c.Lost
	}
	return sum, nil
}

// Close stops, and gives everything back.
func (t *Tracer) Close() error {
	errs := []error{t.Stop(), t.rings.close()}
	for _, m := range t.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// exchange attaches another program at every port, without losing a frame.
func (o *Objects) exchange(p *ebpf.Program) error {
	if err := o.use(p); err != nil {
		return err
	}
	var errs []error
	for ifindex, l := range o.links {
		err := l.Update(p)
		if errors.Is(err, unix.ENOLINK) || errors.Is(err, unix.ENODEV) {
			continue // its interface has gone
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("replace program at interface %d: %w", ifindex, err))
		}
	}
	return errors.Join(errs...)
}

// build is what a program that traces is for.
type build struct {
	explaining bool // it says what it would do
	caching    bool // flows are kept; else each frame takes all stages
}

// loadTraced loads the program that traces for the sessions, on the maps of o,
// but for those in own.
func (o *Objects) loadTraced(sessions *[spec.MaxTraces]*TraceSession, own map[string]*ebpf.Map, is build) (*ebpf.Program, error) {
	s, err := bpf.LoadSwitch()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		o.setVariables(s, is.caching),
		setVariable(s, bpf.SwitchVarTracing, true),
		setVariable(s, bpf.SwitchVarExplaining, is.explaining),
		setVariable(s, bpf.SwitchVarTraceRingMask, ringMask(own[bpf.SwitchMapTraceRings])),
		setSessions(s, sessions, is.explaining),
	)
	if err != nil {
		return nil, err
	}
	replaced := map[string]*ebpf.Map{}
	for _, maps := range []map[string]*ebpf.Map{o.maps, own} {
		for name, m := range maps {
			replaced[name] = m
			s.Maps[name].MaxEntries, s.Maps[name].ValueSize = m.MaxEntries(), m.ValueSize()
		}
	}
	var p struct {
		Traced *ebpf.Program `ebpf:"switch_traced"`
	}
	if err := s.LoadAndAssign(&p, &ebpf.CollectionOptions{MapReplacements: replaced}); err != nil {
		return nil, withRemedy(fmt.Errorf("load program that traces: %w", err))
	}
	return p.Traced, nil
}

// setSessions makes the sessions constants of the program, and their filters
// part of it. What explains a frame looks at each, for a session that has no
// conditions.
func setSessions(s *ebpf.CollectionSpec, sessions *[spec.MaxTraces]*TraceSession, explaining bool) error {
	var constants [spec.MaxTraces]bpf.SwitchTraceSession
	var wants, active, each, filtered uint32
	if explaining {
		each = 1
	}
	for i, session := range sessions {
		if session == nil {
			continue
		}
		constants[i] = session.constants()
		wants |= constants[i].Flags
		active |= 1 << i
		if session.Sample <= 1 {
			each |= 1 << i
		}
		if session.Filter == nil {
			continue
		}
		filtered |= 1 << i
		if err := placeFilter(s, i, session.Filter); err != nil {
			return err
		}
	}
	return errors.Join(
		setVariable(s, bpf.SwitchVarTraceSessions, constants[:]),
		setVariable(s, bpf.SwitchVarTraceWants, wants),
		setVariable(s, bpf.SwitchVarTraceActive, active),
		setVariable(s, bpf.SwitchVarTraceEach, each),
		setVariable(s, bpf.SwitchVarTraceFiltered, filtered),
	)
}

func (s *TraceSession) constants() bpf.SwitchTraceSession {
	var flags bpf.SwitchTraceSessionFlags
	set := func(is bool, flag bpf.SwitchTraceSessionFlags) {
		if is {
			flags |= flag
		}
	}
	set(s.In, bpf.SwitchTraceSessionFlagsTRACE_IN)
	set(s.Out, bpf.SwitchTraceSessionFlagsTRACE_OUT)
	set(s.VLANs != spec.VLANSet{}, bpf.SwitchTraceSessionFlagsTRACE_VLANS)
	set(s.Reasons != 0, bpf.SwitchTraceSessionFlagsTRACE_REASONS)
	set(s.Sample > 1, bpf.SwitchTraceSessionFlagsTRACE_SAMPLED)
	return bpf.SwitchTraceSession{
		Flags: uint32(flags), Reasons: s.Reasons, Sample: s.Sample, Limit: s.Limit,
		Snap: min(s.Snap, spec.MaxSnapLength), Ports: s.Ports, Vlans: s.VLANs,
	}
}

// Offsets in struct __sk_buff (include/uapi/linux/bpf.h).
const (
	skbData    = 76
	skbDataEnd = 80
)

// placeFilter puts a compiled filter in place of the body of trace_filter_N,
// which is
//
//	int trace_filter_N(struct __sk_buff *skb, __u32 tag, __u32 octets)
func placeFilter(s *ebpf.CollectionSpec, session int, f TraceFilter) error {
	name := fmt.Sprintf("trace_filter_%d", session)
	p := s.Programs["switch_traced"]
	first := slices.IndexFunc(p.Instructions, func(i asm.Instruction) bool { return i.Symbol() == name })
	if first < 0 {
		return fmt.Errorf("place filter: the program has no function %s", name)
	}
	end := first + 1
	for end < len(p.Instructions) && btf.FuncMetadata(&p.Instructions[end]) == nil {
		end++
	}
	body := asm.Instructions{
		asm.Mov.Reg32(asm.R4, asm.R3).WithMetadata(p.Instructions[first].Metadata),
		asm.Mov.Reg32(asm.R3, asm.R2),
		asm.LoadMem(asm.R2, asm.R1, skbDataEnd, asm.Word),
		asm.LoadMem(asm.R1, asm.R1, skbData, asm.Word),
	}
	body = append(body, f.Instructions(name)...)
	p.Instructions = slices.Concat(p.Instructions[:first], body, p.Instructions[end:])
	return nil
}
