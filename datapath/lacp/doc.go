// Package lacp is the Link Aggregation Control Protocol of IEEE 802.1AX-2020,
// clause 6.4: the machines of the ports of one aggregate, as a deterministic
// core. It has no clock, no socket and no goroutine: the caller hands in the
// time, what happened to its ports and the PDUs that came, and takes out the
// PDUs to send, what each port may do, and when to call again.
//
//	SetPort, Receive, Advance ──▶ ┌─ Group ───────────────────────────────┐
//	                              │ per port: Receive, Periodic, Mux,     │ ──▶ Outbox
//	                              │           Transmit, two Churn machines│ ──▶ Member
//	                              │ together: Selection                   │ ──▶ Next
//	                              └───────────────────────────────────────┘
//
// It is not the aggregate: which member carries which flow, delays of the
// carrier, the least number of links and primary members are package lag's.
//
// # What it chooses where the standard leaves a choice
//
// One aggregate has one Aggregator. Ports that belong together have one LAG
// id: the same speed, and the same system and key at the other end. Of several
// the aggregate keeps the one that carries traffic; where none does, it takes
// the one with the most bandwidth, then the most ports, then the lowest id.
//
// Collecting and distributing are controlled independently: a port collects as
// soon as both ends are in sync and distributes only to a partner that collects.
//
// wait_while ends early when no port of the aggregate that is up still waits
// for its first PDU: the two seconds are there to let links aggregate together,
// and then there is none to wait for. A port whose partner changed twice within
// three seconds waits for them in full.
//
// Partner_Admin_Port_State is passive, short timeout, individual, so an active
// port without a partner sends each second, and finds one that comes late soon.
//
// A port may send three PDUs a second. An answer to a partner that knows the
// port wrongly, and what a port has to say that waits for others, is held back
// for 50 ms: mostly it can be said together with what comes next, and what comes
// next, that the port collects, must not wait for the next second.
//
// A port sends a PDU at once when it comes up, and when it begins to
// distribute, which the standard leaves to the next periodic one.
//
// When the timeout is made long, current_while of the ports in state Current is
// made longer at once: the partner slows down on hearing of it, and would else
// be declared dead.
//
// A PDU of the element's own system never becomes a partner's, whichever port
// it left by: a cable between two ports of one aggregate, or of two, is reported
// and not used.
package lacp
