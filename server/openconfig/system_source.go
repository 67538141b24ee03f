package openconfig

import (
	"context"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SystemGauges is the telemetry source of the machine's clock and memory:
// /system/state and /system/memory.
type SystemGauges struct{ host *host.Host }

// NewSystemGauges builds the source.
func NewSystemGauges(h *host.Host) *SystemGauges { return &SystemGauges{h} }

// Leaves are below no list.
func (*SystemGauges) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.SystemStateCurrentDatetime,
		ocpath.SystemStateUpTime,
		ocpath.SystemMemoryStatePhysical,
		ocpath.SystemMemoryStateUsed,
		ocpath.SystemMemoryStateFree,
		ocpath.SystemMemoryStateAvailable,
	}
}

// Events reports none: clocks and gauges are sampled.
func (*SystemGauges) Events() bool { return false }

// Read gives the one row.
func (s *SystemGauges) Read(_ context.Context, _ []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	memory, err := s.host.Memory()
	if err != nil {
		return time.Time{}, err
	}
	boot, err := s.host.BootTime()
	if err != nil {
		return time.Time{}, err
	}
	at := time.Now()
	return at, emit(nil, []schema.Value{
		schema.StringValue(at.Format(time.RFC3339Nano)),
		schema.UintValue(uint64(at.Sub(boot).Nanoseconds())),
		schema.UintValue(memory.Physical),
		schema.UintValue(memory.Used),
		schema.UintValue(memory.Free),
		schema.UintValue(memory.Available),
	})
}

// ProcessUsage is the telemetry source of what the element's own process
// takes: /system/processes/process.
type ProcessUsage struct {
	host *host.Host
	load *Load
}

// NewProcessUsage builds the source.
func NewProcessUsage(h *host.Host, load *Load) *ProcessUsage { return &ProcessUsage{h, load} }

// Leaves are those that change all the time.
func (*ProcessUsage) Leaves() []ocpath.ID {
	return []ocpath.ID{
		ocpath.SystemProcessesProcessStateCpuUsageUser,
		ocpath.SystemProcessesProcessStateCpuUsageSystem,
		ocpath.SystemProcessesProcessStateCpuUtilization,
		ocpath.SystemProcessesProcessStateMemoryUsage,
		ocpath.SystemProcessesProcessStateMemoryUtilization,
	}
}

// Events reports none: usage is sampled.
func (*ProcessUsage) Events() bool { return false }

// Read gives the one row.
func (p *ProcessUsage) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	self, err := p.host.Self()
	if err != nil {
		return time.Time{}, err
	}
	memory, err := p.host.Memory()
	if err != nil {
		return time.Time{}, err
	}
	at := time.Now()
	pid := strconv.Itoa(self.PID)
	if !matches(keys, pid) {
		return at, nil
	}
	var share schema.Value
	if percent, ok := p.load.processShare(); ok {
		share = schema.UintValue(uint64(percent))
	}
	return at, emit([]string{pid}, []schema.Value{
		schema.UintValue(uint64(self.User.Nanoseconds())),
		schema.UintValue(uint64(self.System.Nanoseconds())),
		share,
		schema.UintValue(self.MemoryBytes),
		schema.UintValue(uint64(percentOf(self.MemoryBytes, memory.Physical))),
	})
}
