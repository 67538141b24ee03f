// Package sriov keeps the virtual functions of network interfaces as they are
// wanted: how many there are, and how each is set.
//
// A [Keeper] has all of it, with a goroutine of its own, since a device may take
// seconds for a change: whoever forwards and fails over does not wait for it. It
// brings the kernel there table by table, number before settings, in the order
// and with the waits that drivers need (vf.go, number.go); it reads back what it
// wrote; and it takes back what it did when a step fails (reconcile.Undo). What a
// device forgets - functions made anew, a driver loaded again, a device that was
// away - it sets again. What somebody else changes it shows, and puts back where
// it is told to.
//
// As the owner does with attributes of interfaces, it borrows: what was found
// before the first touch is kept, also for the next instance, and given back when
// it is no longer configured.
//
// The kernel it knows by an interface (kernel.go), which a test has one of its
// own of. It makes no decision about frames, and knows neither YANG nor switches.
package sriov
