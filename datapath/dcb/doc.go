// Package dcb reads and writes Data Center Bridging of network interfaces
// (IEEE 802.1Q-2022, clauses 36 to 38) through the kernel's dcbnl: who
// negotiates it, enhanced transmission selection, priority-based flow control
// and the priorities of applications; and a [Watcher] says that something about
// it changed.
//
// It speaks rtnetlink (RTM_GETDCB, RTM_SETDCB; include/uapi/linux/dcbnl.h) and
// knows nothing of what is wanted. It is no DCBX agent: that runs in the device
// or is another program, and both go by what stands in the kernel.
//
// A [Conn] and a Watcher belong to the network namespace of the thread that
// made them, whichever thread uses them later.
package dcb
