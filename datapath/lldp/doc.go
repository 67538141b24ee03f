// Package lldp is the Link Layer Discovery Protocol (IEEE 802.1AB-2016) of one
// port as a deterministic machine: what it is told comes with its time, what it
// wants to send waits in Outbox, and Next says when it wants to be woken. It
// has no clock, no socket and no goroutine.
//
// It serves the nearest-bridge address and the basic management TLVs. It keeps
// no organizationally specific TLVs beyond their octets.
package lldp
