package host

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// AllCPUs is the number that stands for the sum over all processors.
const AllCPUs = -1

// Class is a kind of processor time, in the words of
// /system/cpus/cpu/state of openconfig-system.
type Class uint8

// The classes. Total is all time that is neither idle nor waiting; time that a
// hypervisor took away ("steal") counts in it, since no one here can have it.
const (
	Total Class = iota
	User        // user space, guests included
	Kernel
	Nice
	Idle
	Wait // idle while input or output is outstanding
	HardwareInterrupt
	SoftwareInterrupt
	NumClasses
)

// Times are the processor times of one CPU since boot, by class.
type Times [NumClasses]time.Duration

// whole is all time that passed: the denominator of a utilisation.
func (t *Times) whole() time.Duration { return t[Total] + t[Idle] + t[Wait] }

// CPUTimes reads the times of each CPU that is online by its number, and
// their sum under AllCPUs (proc(5), /proc/stat).
func (h *Host) CPUTimes() (map[int]Times, error) {
	stat, err := h.proc.Stat()
	if err != nil {
		return nil, fmt.Errorf("host: processor times: %w", err)
	}
	times := make(map[int]Times, len(stat.CPU)+1)
	times[AllCPUs] = timesOf(stat.CPUTotal)
	for cpu, s := range stat.CPU {
		times[int(cpu)] = timesOf(s)
	}
	return times, nil
}

// timesOf sorts the kernel's columns into classes. Guest time is already part
// of user and nice time (account_guest_time in kernel/sched/cputime.c).
func timesOf(s procfs.CPUStat) Times {
	return Times{
		Total:             seconds(s.User + s.Nice + s.System + s.IRQ + s.SoftIRQ + s.Steal),
		User:              seconds(s.User),
		Kernel:            seconds(s.System),
		Nice:              seconds(s.Nice),
		Idle:              seconds(s.Idle),
		Wait:              seconds(s.Iowait),
		HardwareInterrupt: seconds(s.IRQ),
		SoftwareInterrupt: seconds(s.SoftIRQ),
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
