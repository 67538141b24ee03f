package sflow

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// flushEvery bounds how long a sample waits for others, and how exactly counters
// are told at their interval.
const flushEvery = time.Second

// Device is the datapath as sFlow reads it.
type Device interface {
	State() *spec.State
	Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error)
}

// Options are what an Agent needs.
type Options struct {
	Device Device
	// Publish tells what sFlow goes by.
	Publish func(telemetry.Batch)
	Log     *slog.Logger
}

// Agent sends what is configured. Its methods may be called from any goroutine.
type Agent struct {
	options Options

	mu      sync.Mutex // guards what follows
	config  *openconfig.SFlow
	senders map[openconfig.SFlowCollector]*Sender
	told    map[openconfig.SFlowCollector]uint64 // datagrams of earlier senders
	failed  map[openconfig.SFlowCollector]string // why there is no sender, as last said
	sources map[uint32]*source                   // by ifindex
	sampled map[string]uint64                    // samples by interface
}

// source is an interface as collectors know it.
type source struct {
	flows, drops, counters uint32 // sequences
	pool                   uint32
	polled                 time.Time
}

// New makes an agent that sends nothing.
func New(o Options) *Agent {
	return &Agent{
		options: o, senders: map[openconfig.SFlowCollector]*Sender{}, told: map[openconfig.SFlowCollector]uint64{},
		failed: map[openconfig.SFlowCollector]string{}, sources: map[uint32]*source{}, sampled: map[string]uint64{},
	}
}

// Applied takes what is configured from now on; nil is nothing. It is not
// modified any more.
func (a *Agent) Applied(c *openconfig.SFlow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c == a.config {
		return
	}
	a.config = c
	a.close()
	a.open(time.Now())
	a.publish()
}

// active reports whether anything is to be sent. a.mu is held.
func (a *Agent) active() bool { return a.config != nil && a.config.Enabled }

// open makes the senders that are missing: one whose collector cannot be reached
// is tried again at each flush. a.mu is held.
func (a *Agent) open(now time.Time) {
	if !a.active() {
		return
	}
	for _, c := range a.config.Collectors {
		if a.senders[c] != nil {
			continue
		}
		s, err := NewSender(a.config.Agent, Collector{At: c.At, Source: c.Source, DSCP: a.config.DSCP, Datagram: c.Datagram}, now)
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			a.senders[c] = s
		}
		if text != a.failed[c] && text != "" {
			a.options.Log.Warn("sFlow does not reach a collector", "collector", c.At.String(), "err", err)
		}
		a.failed[c] = text
	}
}

// close ends all senders, and keeps what they counted. a.mu is held.
func (a *Agent) close() {
	for c, s := range a.senders {
		sent, _ := s.Sent()
		a.told[c] += sent
		if err := s.Close(); err != nil {
			a.options.Log.Warn("sFlow", "err", err)
		}
	}
	clear(a.senders)
}

// publish tells what sFlow goes by. a.mu is held.
func (a *Agent) publish() {
	b := telemetry.Batch{Of: telemetry.State, Deletes: []schema.Path{{Node: ocpath.SamplingSflow}}}
	for _, row := range openconfig.SFlowState(a.config) {
		for _, leaf := range row.Leaves {
			b.Updates = append(b.Updates, telemetry.Update{Path: schema.Path{Node: leaf.ID, Keys: row.Keys}, Value: leaf.Value})
		}
	}
	a.options.Publish(b)
}

// Run tells counters at their intervals until the context ends.
func (a *Agent) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.mu.Lock()
			a.close()
			a.mu.Unlock()
			return
		case now := <-tick.C:
			if err := a.poll(ctx, now); err != nil && !errors.Is(err, context.Canceled) {
				a.options.Log.Error("sFlow cannot read counters", "err", err)
			}
		}
	}
}

// poll tells the counters that are due, and sends what waits.
func (a *Agent) poll(ctx context.Context, now time.Time) error {
	a.mu.Lock()
	idle := !a.active() || len(a.config.Collectors) == 0
	polled := !idle && a.config.Polls()
	a.mu.Unlock()
	if idle {
		return nil
	}
	var all []spec.InterfaceCounters
	if polled {
		var err error
		if all, _, err = a.options.Device.Counters(ctx); err != nil {
			return err
		}
	}
	state := a.options.Device.State()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.active() {
		return nil
	}
	a.open(now)
	for i := range all {
		a.pollInterface(&all[i], state.Interfaces[all[i].Name], now)
	}
	a.flush(now)
	return nil
}

// pollInterface tells the counters of a switch port that is due. a.mu is held.
func (a *Agent) pollInterface(c *spec.InterfaceCounters, i *spec.Interface, now time.Time) {
	if c.Port == nil || i == nil || i.Index == 0 {
		return
	}
	of := a.config.Of(c.Name)
	s := a.source(i.Index)
	if !of.Enabled || of.Polling == 0 || now.Sub(s.polled) < of.Polling-flushEvery/2 {
		return
	}
	s.polled = now
	s.counters++
	told := counters(c, i)
	told.Sequence = s.counters
	for _, sender := range a.senders {
		sender.Interface(&told, now)
	}
}

// counters are those of a switch port as sFlow has them: 32 bits of most.
func counters(c *spec.InterfaceCounters, i *spec.Interface) Interface {
	in, out := &c.Port.In, &c.Port.Out
	return Interface{
		Index: i.Index, SpeedBitsPerSecond: uint64(i.SpeedMegabits) * 1e6, FullDuplex: i.FullDuplex,
		AdminUp: i.AdminUp, OperUp: i.Oper == spec.OperUp,
		InOctets: in.Octets, InUnicast: uint32(in.Unicast), InMulticast: uint32(in.Multicast), InBroadcast: uint32(in.Broadcast),
		InDiscards: uint32(in.Discards()), InErrors: uint32(c.Link.InErrors),
		OutOctets: out.Octets, OutUnicast: uint32(out.Unicast), OutMulticast: uint32(out.Multicast), OutBroadcast: uint32(out.Broadcast),
		OutDiscards: uint32(out.Discards()), OutErrors: uint32(c.Link.OutErrors),
	}
}

func (a *Agent) source(index uint32) *source {
	s := a.sources[index]
	if s == nil {
		s = &source{}
		a.sources[index] = s
	}
	return s
}

func (a *Agent) flush(now time.Time) {
	for _, s := range a.senders {
		s.Flush(now)
	}
}

// Sampled takes what a session of sFlow saw.
func (a *Agent) Sampled(b spec.TraceBatch) {
	interfaces := a.options.Device.State().Interfaces
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.active() {
		return
	}
	for i := range b.Events {
		e := &b.Events[i]
		at := interfaces[e.In]
		if at == nil {
			continue // it went meanwhile
		}
		f := frame(e, interfaces, uint32(a.config.SampleSize))
		if b.Status.Session.DropsOnly {
			a.drop(e, at.Index, f, b.Status.Lost, now)
		} else {
			a.flow(e, at.Index, f, &b.Status, now)
		}
	}
	a.flush(now)
}

func (a *Agent) flow(e *spec.TraceEvent, index uint32, f Frame, st *spec.TraceStatus, now time.Time) {
	s, rate := a.source(index), max(st.Session.SampleOneIn, 1)
	s.flows++
	s.pool += rate
	if _, named := a.config.Interfaces[e.In]; named {
		a.sampled[e.In]++
	} else if _, named := a.config.Interfaces[e.Aggregate]; named {
		a.sampled[e.Aggregate]++
	}
	for _, sender := range a.senders {
		sender.Flow(&Flow{Source: index, Sequence: s.flows, Rate: rate, Pool: s.pool, Lost: uint32(st.Lost), Frame: f}, now)
	}
}

func (a *Agent) drop(e *spec.TraceEvent, index uint32, f Frame, lost uint64, now time.Time) {
	s := a.source(index)
	s.drops++
	for _, sender := range a.senders {
		sender.Drop(&Drop{Source: index, Sequence: s.drops, Lost: uint32(lost), Reason: e.Reason.SFlowCode(), Frame: f}, now)
	}
}

// frame is what is told of a frame that was seen on its way.
func frame(e *spec.TraceEvent, interfaces map[string]*spec.Interface, most uint32) Frame {
	f := Frame{In: indexOf(interfaces, e.In), Out: indexOf(interfaces, e.Out), Length: e.Length, Header: e.Snap(most)}
	if e.Tag != 0 {
		f.VLAN, f.Priority = uint16(e.Tag&0xfff), uint16(e.Tag>>13&7)
	}
	if f.VLAN == 0 {
		f.VLAN = e.VLAN
	}
	for i := range e.Steps {
		step := &e.Steps[i]
		if step.Stage == spec.StageOutput && step.Verdict != spec.VerdictDrop {
			f.Outputs++
			if f.Out == 0 {
				f.Out = indexOf(interfaces, step.Port)
			}
			f.VLANOut = step.VLAN
		}
	}
	return f
}

func indexOf(interfaces map[string]*spec.Interface, name string) uint32 {
	if i := interfaces[name]; i != nil {
		return i.Index
	}
	return 0
}

// Sent gives the datagrams that each collector was sent.
func (a *Agent) Sent() map[openconfig.SFlowCollector]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	sent := map[openconfig.SFlowCollector]uint64{}
	if a.config == nil {
		return sent
	}
	for _, c := range a.config.Collectors {
		sent[c] = a.told[c]
		if s := a.senders[c]; s != nil {
			n, _ := s.Sent()
			sent[c] += n
		}
	}
	return sent
}

// SampledBy gives the samples taken at each interface that is configured by
// itself.
func (a *Agent) SampledBy() map[string]uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := maps.Clone(a.sampled)
	if a.config == nil {
		return nil
	}
	for name := range a.config.Interfaces {
		counts[name] += 0
	}
	maps.DeleteFunc(counts, func(name string, _ uint64) bool { _, ok := a.config.Interfaces[name]; return !ok })
	return counts
}
