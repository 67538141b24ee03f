package fastpath

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// heal repairs what a process has left that was killed between two stores: a
// VLAN's name at a filtering id that is no longer its own, and entries of the
// filtering database that were claimed and not filled, or emptied and not
// freed. Everything else is either whole or the caller's to write again.
func (o *Objects) heal() {
	for id := range o.flood.values {
		vlan := o.vlanOf(uint16(id))
		if vlan.ID == 0 {
			continue
		}
		if at, err := o.FIDs().at(vlan); err != nil || int(at.Id) != id {
			o.setOwner(uint16(id), VLAN{Switch: vlan.Switch})
		}
	}
	type half struct {
		slot
		was uint64
	}
	var found []half
	f := o.FDB()
	f.scan(func(s slot) bool {
		if key := atomic.LoadUint64(s.key); atomic.LoadUint32(s.port) == 0 {
			found = append(found, half{s, key})
		}
		return true
	})
	if len(found) == 0 {
		return
	}
	ProgramsDone()
	for _, h := range found {
		if atomic.LoadUint32(h.port) == 0 {
			atomic.CompareAndSwapUint64(h.key, h.was, 0)
		}
	}
}

// ProgramsDone waits until each program that runs now has come to its end: for
// an RCU grace period of the kernel (membarrier(2), MEMBARRIER_CMD_GLOBAL).
func ProgramsDone() {
	const global = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		time.Sleep(50 * time.Millisecond) // no kernel runs one for as long
	}
}
