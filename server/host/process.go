package host

import (
	"fmt"
	"time"
)

// userHZ is the unit of the times in /proc/<pid>/stat: 1/100 s on every
// architecture that Linux and Go share (USER_HZ, include/asm-generic/param.h).
const userHZ = 100

// Process is one process, as proc(5) tells it.
type Process struct {
	PID         int
	Name        string   // comm
	Args        []string // the command line, the program included
	Start       time.Time
	User        time.Duration // processor time in user mode
	System      time.Duration // processor time in kernel mode
	MemoryBytes uint64        // resident
}

// Self reads the element's own process.
func (h *Host) Self() (Process, error) {
	p, err := h.proc.Self()
	if err != nil {
		return Process{}, fmt.Errorf("host: own process: %w", err)
	}
	return h.process(p.PID)
}

func (h *Host) process(pid int) (Process, error) {
	p, err := h.proc.Proc(pid)
	if err != nil {
		return Process{}, fmt.Errorf("host: process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return Process{}, fmt.Errorf("host: process %d: %w", pid, err)
	}
	args, err := p.CmdLine()
	if err != nil {
		return Process{}, fmt.Errorf("host: process %d: arguments: %w", pid, err)
	}
	boot, err := h.BootTime()
	if err != nil {
		return Process{}, err
	}
	return Process{
		PID:         pid,
		Name:        stat.Comm,
		Args:        args,
		Start:       boot.Add(ticks(stat.Starttime)),
		User:        ticks(uint64(stat.UTime)),
		System:      ticks(uint64(stat.STime)),
		MemoryBytes: uint64(stat.ResidentMemory()),
	}, nil
}

func ticks(n uint64) time.Duration { return time.Duration(n) * (time.Second / userHZ) }
