// Package telemetry is the subscription engine: it answers Get and Subscribe
// for everything the element serves.
//
// Leaves reach it in two ways. What changes on an event, configuration and
// state alike, is published and kept in a copy-on-write tree behind an atomic
// pointer. What is read when asked (counters, gauges, large tables) comes from
// a Source. Answers are encoded straight to wire bytes, once for each
// encoding, and handed to the subscribers by reference.
//
// It knows neither what the leaves mean nor where the values come from: no
// YANG structs, no kernel, no configuration. It serves no gRPC either: the
// server gives it requests and a function that takes encoded answers.
package telemetry
