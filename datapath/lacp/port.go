package lacp

import (
	"iter"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// selection is the variable Selected.
type selection uint8

const (
	unselected selection = iota
	standby
	selected
)

// port is one port's variables and machines.
type port struct {
	group  *Group
	name   string
	config PortConfig

	rx       receiveState
	mux      muxState
	selected selection
	// state has the bits of Actor_Oper_Port_State that the machines set; those
	// that the configuration sets come in actor.
	state   uint8
	partner spec.LACPEnd // Partner_Oper
	ntt     bool         // Need To Transmit
	answer  bool         // the same, and it may wait a little

	// Timers hold the time at which they expire, zero where they don't run.
	currentWhile, waitWhile, periodic, loop time.Time
	period                                  time.Duration // of the periodic machine, 0 in NO_PERIODIC
	sent, answered                          recent

	// settled is when a selected port whose partner is not in sync stops to
	// count as usable.
	settled time.Time
	// quiet is since when a port that is up has heard nobody.
	quiet    time.Time
	fallback bool // it carries traffic without a partner
	limited  bool // it is standby because of MaxActive

	timedOut     bool         // the partner's time ran out and it wasn't heard since
	heard        spec.LACPEnd // the last partner there was, whatever was recorded since
	changed      time.Time    // when the partner's parameters changed last
	restless     bool         // they changed twice within ShortTime
	actorChurn   churn
	partnerChurn churn
	lastChange   time.Time
	counters     spec.LACPCounters
}

// partnerAdmin are the values that stand in for a partner that is not known.
func partnerAdmin() spec.LACPEnd { return spec.LACPEnd{State: ShortTimeout} }

// begin is BEGIN: the receive machine's INITIALIZE and the mux machine's
// DETACHED.
func (p *port) begin() {
	p.selected = unselected
	p.recordDefault()
	p.state &^= Expired
	p.rx = portDisabled
	p.enter(detached, time.Time{})
}

// actor is Actor_Oper, as the port's PDUs say it.
func (p *port) actor() spec.LACPEnd {
	c := &p.group.config
	state := p.state | Aggregation
	if !c.Passive {
		state |= Activity
	}
	if c.Fast {
		state |= ShortTimeout
	}
	return spec.LACPEnd{
		SystemPriority: c.SystemPriority, SystemID: c.SystemID, Key: key(c.Key, p.config.SpeedMegabits),
		PortPriority: p.config.Priority, Port: p.config.Number, State: state,
	}
}

// key is the operational key of a port.
//
//	15       8 7        0
//	┌─────────┬──────────┐
//	│  speed  │ aggregate│
//	└─────────┴──────────┘
//
// The speed counts in steps, four to an octave, so that the usual ones all
// differ; that no two others aggregate is seen to by the selection.
func key(aggregate uint8, megabits uint32) uint16 {
	var step uint16
	if megabits > 0 {
		octave := uint16(0)
		for m := megabits; m > 7; m >>= 1 {
			octave++
		}
		step = 1 + octave<<2 + uint16(megabits>>octave&3)
	}
	return step<<8 | uint16(aggregate)
}

// configured follows a change of the group's configuration.
func (p *port) configured(now time.Time, old *Config) {
	c := &p.group.config
	if c.SystemID != old.SystemID || c.SystemPriority != old.SystemPriority || c.Key != old.Key {
		p.renew()
	}
	if c.Passive != old.Passive || c.Fast != old.Fast {
		p.ntt = true
	}
	if old.Fast && !c.Fast && p.rx == current {
		p.currentWhile = now.Add(LongTime)
	}
}

// reconfigured follows a change of the port's own configuration. That it went
// up or down is the receive machine's to see.
func (p *port) reconfigured(old *PortConfig) {
	if old.Number != p.config.Number || old.Priority != p.config.Priority || old.SpeedMegabits != p.config.SpeedMegabits {
		p.renew()
	}
}

// renew makes the port negotiate anew: what the partner has agreed to is not
// what the port is now.
func (p *port) renew() {
	p.selected = unselected
	p.partner.State &^= Synchronization
	p.ntt = true
}

// timers yields when the port's timers expire; some may be zero or past.
func (p *port) timers() iter.Seq[time.Time] {
	all := []time.Time{p.currentWhile, p.waitWhile, p.periodic, p.loop, p.actorChurn.timer, p.partnerChurn.timer, p.settled}
	if p.ntt || p.answer {
		all = append(all, p.sendAt())
	}
	if p.mayFallBack() {
		all = append(all, p.fallbackTime())
	}
	return slices.Values(all)
}

// known reports that the partner's values are a partner's and no defaults.
func (p *port) known() bool { return p.state&Defaulted == 0 }

// inSync and collects are what the partner says, or what is taken for granted
// of nobody in fallback.
func (p *port) inSync() bool   { return p.fallback || p.partner.State&Synchronization != 0 }
func (p *port) collects() bool { return p.fallback || p.partner.State&Collecting != 0 }

// recent are the times of the last PDUs, to keep within PDUsPerSecond.
type recent [PDUsPerSecond]time.Time

// free is when the next one may go.
func (r *recent) free() time.Time {
	if r[0].IsZero() {
		return time.Time{}
	}
	return r[0].Add(FastPeriod)
}

// last is when the last one went.
func (r *recent) last() time.Time { return r[PDUsPerSecond-1] }

// add notes one that goes.
func (r *recent) add(now time.Time) {
	copy(r[:], r[1:])
	r[PDUsPerSecond-1] = now
}
