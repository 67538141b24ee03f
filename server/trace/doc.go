// Package trace carries out the trace sessions of signalbox-trace: it starts
// and stops them at the device as they are configured, tells subscribers what
// they see, and remembers over a restart which of them are over. It answers
// packet tests, too.
//
// It looks at no packet itself and serves no RPC: the device traces, telemetry
// tells, server/openconfig has the names and finds the line of configuration
// that a drop follows from.
package trace
