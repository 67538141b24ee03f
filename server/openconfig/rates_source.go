package openconfig

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// DefaultLoadInterval is the interval of an interface that configures none
// (openconfig-if-rates).
const DefaultLoadInterval = 300 * time.Second

// Rates measures the traffic of the interfaces over their load-interval and is
// the telemetry source of /interfaces/interface/rates.
type Rates struct {
	reader CounterReader
	log    *slog.Logger

	mu      sync.Mutex // guards what follows
	windows map[string]*rateWindow
}

// NewRates builds the source. It measures nothing until interfaces are
// followed and Run runs.
func NewRates(reader CounterReader, log *slog.Logger) *Rates {
	return &Rates{reader: reader, log: log, windows: map[string]*rateWindow{}}
}

// Follow measures an interface over an interval, 1..600 s. A new interval
// takes what was measured so far with it.
func (r *Rates) Follow(iface string, interval time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.windows[iface]; w != nil {
		w.interval = interval
		return
	}
	r.windows[iface] = &rateWindow{interval: interval}
}

// Forget ends what Follow began.
func (r *Rates) Forget(iface string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.windows, iface)
}

// Run takes samples until the context ends.
func (r *Rates) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	failing := false
	for {
		err := r.sample(ctx, time.Now())
		if err != nil && !failing && ctx.Err() == nil {
			r.log.Error("rates are not measured", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// sample reads the counters if any window is due.
func (r *Rates) sample(ctx context.Context, now time.Time) error {
	if !r.anyDue(now) {
		return nil
	}
	counters, at, err := r.reader.Counters(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	due := map[string]*rateWindow{}
	for name, w := range r.windows {
		if w.due(now) {
			w.tried = now
			due[name] = w
		}
	}
	for n := range counters {
		if w := due[counters[n].Name]; w != nil {
			w.add(at, trafficOf(&counters[n]))
		}
	}
	return nil
}

func (r *Rates) anyDue(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.windows {
		if w.due(now) {
			return true
		}
	}
	return false
}

func trafficOf(c *spec.InterfaceCounters) traffic {
	if p := c.Port; p != nil {
		return traffic{p.In.Octets, p.In.Frames(), p.Out.Octets, p.Out.Frames()}
	}
	return traffic{c.Link.InOctets, c.Link.InFrames, c.Link.OutOctets, c.Link.OutFrames}
}

// Leaves are the rates; the load-interval is told by LoadInterval.
func (*Rates) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.InterfacesInterfaceRatesStateInBitsRate,
		ocpath.InterfacesInterfaceRatesStateInPktsRate,
		ocpath.InterfacesInterfaceRatesStateOutBitsRate,
		ocpath.InterfacesInterfaceRatesStateOutPktsRate,
	}
}

// Events reports none: rates are sampled.
func (*Rates) Events() bool { return false }

// Read gives the rates of the interface keys[0], or of all.
func (r *Rates) Read(ctx context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	counters, at, err := r.reader.Counters(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var values [4]schema.Value
	var key [1]string
	for n := range counters {
		if !matches(keys, counters[n].Name) {
			continue
		}
		measured, ok := r.measured(&counters[n], at)
		if !ok {
			continue
		}
		key[0] = counters[n].Name
		values = [4]schema.Value{
			schema.UintValue(measured.inBitsPerSecond), schema.UintValue(measured.inFramesPerSecond),
			schema.UintValue(measured.outBitsPerSecond), schema.UintValue(measured.outFramesPerSecond),
		}
		if err := emit(key[:], values[:]); err != nil {
			return at, err
		}
	}
	return at, nil
}

func (r *Rates) measured(c *spec.InterfaceCounters, at time.Time) (rates, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.windows[c.Name]
	if w == nil {
		return rates{}, false
	}
	return w.rates(at, trafficOf(c))
}

// LoadInterval tells the interval over which an interface is measured; nil
// where it is not followed.
func (r *Rates) LoadInterval(iface string) *Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.windows[iface]
	if w == nil {
		return nil
	}
	told := row(ocpath.InterfacesInterface, iface)
	told.uint(ocpath.InterfacesInterfaceRatesStateLoadInterval, uint64(w.interval/time.Second))
	return told
}
