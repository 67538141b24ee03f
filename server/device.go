package server

import (
	"context"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
)

// Device is the datapath as the server needs it: what carries out
// configurations, and what is observed of it.
type Device interface {
	Configurable
	Observed
	Traced
}

// Configurable carries out configurations.
type Configurable interface {
	// Check refuses a change that Apply could not carry out, without touching
	// anything.
	Check(context.Context, spec.Change) error
	// Apply carries out a change wholly or, where it fails, not at all.
	Apply(context.Context, spec.Change) error
}

// Observed tells what the datapath has and does.
type Observed interface {
	// State is what was last observed. Nobody modifies it.
	State() *spec.State
	// Watch calls f for each change of the state, one at a time and in order;
	// the first call has everything. f must not call the device. It is not
	// called after stop has returned.
	Watch(f func(spec.Event)) (stop func())
	// Counters reads the counters of every interface at one moment.
	Counters(context.Context) ([]spec.InterfaceCounters, time.Time, error)
	// LLDP tells what changes all the time of it, by interface, and the counts of
	// all interfaces.
	LLDP() (map[string]spec.LLDPActivity, spec.LLDPCounters)
	// LLDPManagement tells the addresses that neighbors are told, and their
	// interface; "" where there are none.
	LLDPManagement() (name string, addresses []spec.LLDPManagement)
	// DCBCounters reads what priority-based flow control counts, by interface.
	DCBCounters() (map[string]spec.DCBCounters, error)
	// VFCounters tells what virtual functions received and sent, by interface.
	VFCounters(context.Context) (map[string]map[uint16]spec.VFCounters, time.Time, error)
	// QoSCounters reads what is counted of the classes and rates of all ports at
	// one moment, by interface.
	QoSCounters(context.Context) (map[string]spec.QoSCounters, time.Time, error)
	// FDB goes through the filtering databases until yield returns false.
	FDB(ctx context.Context, yield func(spec.FDBEntry) bool) error
}
