// Package server is one network element as a service: it joins the datapath,
// the stored configuration, the telemetry engine and the gNMI handlers,
// secures the transport and decides in which order all this starts and ends.
//
// It declares what it needs of a datapath (Device) and imports none; cmd wires
// the two. It has no knowledge of models, paths or the kernel.
//
// Start: the state folder is locked, then the address claimed, so that a second
// instance is refused before it touches anything; the saved configuration is
// loaded and applied; sources and events are connected to the telemetry; at
// last calls are answered and health says SERVING. The end is the reverse, and
// leaves the datapath forwarding.
package server
