// Package spec is the vocabulary of the datapath: what is wanted (Config,
// Change), what is observed (State, Event), what is counted (Counters) and why
// a frame was dropped (DropReason), with the checks that need nothing but the
// values themselves.
//
// It imports the standard library only. It knows neither YANG nor the kernel:
// server/openconfig translates between YANG and these types, and datapath
// between these types and the kernel.
package spec
