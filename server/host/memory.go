package host

import "fmt"

// Memory is the machine's memory in octets (proc(5), /proc/meminfo).
type Memory struct {
	Physical  uint64 // what the kernel manages: MemTotal
	Free      uint64 // used by nothing: MemFree
	Available uint64 // free, or reclaimable without swapping: MemAvailable
	Used      uint64 // Physical without Available: what cannot be had
}

// Memory reads the memory of the machine.
func (h *Host) Memory() (Memory, error) {
	info, err := h.proc.Meminfo()
	if err != nil {
		return Memory{}, fmt.Errorf("host: memory: %w", err)
	}
	if info.MemTotalBytes == nil || info.MemFreeBytes == nil || info.MemAvailableBytes == nil {
		return Memory{}, fmt.Errorf("host: memory: %s lacks MemTotal, MemFree or MemAvailable", h.path("proc/meminfo"))
	}
	m := Memory{Physical: *info.MemTotalBytes, Free: *info.MemFreeBytes, Available: *info.MemAvailableBytes}
	m.Used = m.Physical - min(m.Physical, m.Available)
	return m, nil
}
