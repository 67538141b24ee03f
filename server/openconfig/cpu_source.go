package openconfig

import (
	"context"
	"strconv"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/host"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// SystemCPUs is the telemetry source of /system/cpus: all classes of time of
// each processor, and of all together under the index ALL.
type SystemCPUs struct{ load *Load }

// NewSystemCPUs builds the source.
func NewSystemCPUs(load *Load) *SystemCPUs { return &SystemCPUs{load} }

// Leaves are the list's key and its copy, then those of each class.
func (*SystemCPUs) Leaves() []ocpath.ID {
	leaves := []ocpath.ID{ocpath.SystemCpusCpuIndex, ocpath.SystemCpusCpuStateIndex}
	for _, container := range cpuContainers() {
		leaves = append(leaves, utilizationLeaves(container)...)
	}
	return leaves
}

// cpuContainers are the containers of the classes of host, in their order.
func cpuContainers() [host.NumClasses]ocpath.ID {
	return [host.NumClasses]ocpath.ID{
		host.Total:             ocpath.SystemCpusCpuStateTotal,
		host.User:              ocpath.SystemCpusCpuStateUser,
		host.Kernel:            ocpath.SystemCpusCpuStateKernel,
		host.Nice:              ocpath.SystemCpusCpuStateNice,
		host.Idle:              ocpath.SystemCpusCpuStateIdle,
		host.Wait:              ocpath.SystemCpusCpuStateWait,
		host.HardwareInterrupt: ocpath.SystemCpusCpuStateHardwareInterrupt,
		host.SoftwareInterrupt: ocpath.SystemCpusCpuStateSoftwareInterrupt,
	}
}

// Events reports none: processors do not come and go by events here.
func (*SystemCPUs) Events() bool { return false }

// Read gives the processor keys[0], or all.
func (s *SystemCPUs) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	classes := make([]host.Class, host.NumClasses)
	for i := range classes {
		classes[i] = host.Class(i)
	}
	for cpu, values := range s.load.snapshot(classes) {
		key, index := "ALL", schema.EnumValue("ALL")
		if cpu != host.AllCPUs {
			key, index = strconv.Itoa(cpu), schema.UintValue(uint64(cpu))
		}
		if !matches(keys, key) {
			continue
		}
		if err := emit([]string{key}, append([]schema.Value{index, index}, values...)); err != nil {
			return at, err
		}
	}
	return at, nil
}

// ComponentCPUs is the telemetry source of
// /components/component/cpu/utilization.
type ComponentCPUs struct{ load *Load }

// NewComponentCPUs builds the source.
func NewComponentCPUs(load *Load) *ComponentCPUs { return &ComponentCPUs{load} }

// Leaves are those of the utilisation.
func (*ComponentCPUs) Leaves() []ocpath.ID {
	return utilizationLeaves(ocpath.ComponentsComponentCpuUtilizationState)
}

// Events reports none: the utilisation is sampled.
func (*ComponentCPUs) Events() bool { return false }

// Read gives the component keys[0], or all that are CPUs.
func (c *ComponentCPUs) Read(_ context.Context, keys []string, emit func([]string, []schema.Value) error) (time.Time, error) {
	at := time.Now()
	for cpu, values := range c.load.snapshot([]host.Class{host.Total}) {
		if cpu == host.AllCPUs || !matches(keys, cpuComponent(cpu)) {
			continue
		}
		if err := emit([]string{cpuComponent(cpu)}, values); err != nil {
			return at, err
		}
	}
	return at, nil
}
