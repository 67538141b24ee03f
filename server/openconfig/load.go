package openconfig

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Utilisation of processors is measured over the last loadSteps steps of
// loadStep.
const (
	loadStep  = time.Second
	loadSteps = 30
)

// Load measures how busy the processors are, and the element on them.
type Load struct {
	host *host.Host
	log  *slog.Logger

	mu       sync.Mutex // guards what follows
	window   *host.Window
	process  usage // at the last step
	percent  uint8 // of all processors, taken by the element in the last step
	measured bool  // percent has a value
}

// usage is the processor time a process had taken at a moment.
type usage struct {
	at   time.Time
	time time.Duration
}

// NewLoad measures nothing until Run runs.
func NewLoad(h *host.Host, log *slog.Logger) *Load {
	return &Load{host: h, log: log, window: host.NewWindow(loadSteps)}
}

// Run takes a step at a time until the context ends.
func (l *Load) Run(ctx context.Context) {
	ticker := time.NewTicker(loadStep)
	defer ticker.Stop()
	failing := false
	for {
		err := l.step(time.Now())
		if err != nil && !failing {
			l.log.Error("processor load is not measured", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (l *Load) step(now time.Time) error {
	times, err := l.host.CPUTimes()
	if err != nil {
		return err
	}
	self, err := l.host.Self()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.window.Add(now, times)
	taken := usage{now, self.User + self.System}
	if processors := len(times) - 1; !l.process.at.IsZero() && processors > 0 {
		all := now.Sub(l.process.at) * time.Duration(processors)
		l.percent, l.measured = percentOf(taken.time-l.process.time, all), all > 0
	}
	l.process = taken
	return nil
}

// percentOf is a share in whole percent, rounded, 0..100.
func percentOf[T ~int64 | ~uint64](part, whole T) uint8 {
	if whole <= 0 || part <= 0 {
		return 0
	}
	return uint8(min(100, (100*part+whole/2)/whole))
}

// processShare is what the element took of all processors in the last step.
func (l *Load) processShare() (percent uint8, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.percent, l.measured
}

// snapshot gives the utilisation of each CPU that is online, and of all under
// host.AllCPUs: the leaves of each class asked for, one class after another.
func (l *Load) snapshot(classes []host.Class) map[int][]schema.Value {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := map[int][]schema.Value{}
	for _, cpu := range l.window.CPUs() {
		var values []schema.Value
		known := false
		for _, class := range classes {
			u, ok := l.window.Utilization(cpu, class)
			known = known || ok
			values = appendUtilization(values, u, ok)
		}
		if known {
			rows[cpu] = values
		}
	}
	return rows
}

// appendUtilization adds the leaves of avg-min-max-instant-stats-pct in the
// order instant, avg, min, max, interval, min-time, max-time.
func appendUtilization(values []schema.Value, u host.Utilization, ok bool) []schema.Value {
	if !ok {
		return append(values, make([]schema.Value, 7)...)
	}
	return append(values,
		schema.UintValue(uint64(u.Instant)),
		schema.UintValue(uint64(u.Avg)),
		schema.UintValue(uint64(u.Min)),
		schema.UintValue(uint64(u.Max)),
		schema.UintValue(uint64(u.Interval.Nanoseconds())),
		schema.UintValue(uint64(u.MinTime.UnixNano())),
		schema.UintValue(uint64(u.MaxTime.UnixNano())),
	)
}

// utilizationLeaves are the seven leaves below a container, in the order of
// appendUtilization. The container is one that has them all.
func utilizationLeaves(container ocpath.ID) []ocpath.ID {
	var leaves []ocpath.ID
	for _, name := range []string{"instant", "avg", "min", "max", "interval", "min-time", "max-time"} {
		leaf, _ := ocpath.Child(container, name)
		leaves = append(leaves, leaf)
	}
	return leaves
}
