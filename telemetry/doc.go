// Package telemetry is the subscription engine: it answers Get and Subscribe
// for everything the element serves.
//
// Leaves reach it in two ways. What changes on an event, configuration and
// state alike, is published and kept in a copy-on-write tree behind an atomic
// pointer. What is read when asked (counters, gauges, large tables) comes from
// a Source. Answers are encoded straight to wire bytes and handed to the
// subscribers by reference.
//
// It knows neither what the leaves mean nor where the values come from: no
// YANG structs, no kernel, no configuration. It serves no gRPC either: the
// server gives it requests and a function that takes encoded answers.
//
// # How leaves are delivered
//
//	mode            published     source, Event leaf     source, other leaves
//	                              of an event source
//	ON_CHANGE       at once       at once (Notify)       looked at each LookInterval, changes only
//	SAMPLE          at each tick  at each tick           at each tick
//	TARGET_DEFINED  ON_CHANGE for Event leaves, SAMPLE for Sample leaves (gen/ocpath)
//	ONCE, POLL      from the tree, or read there and then
//
// ON_CHANGE of counters therefore tells each change, at most LookInterval
// late, and one update for all changes between two looks; a source that takes
// long to read is looked at less often, down to a tenth, so that looking costs
// a twentieth of a CPU. A collector that applies what an ON_CHANGE subscription
// sends has what Get returns. What goes is told at once in every mode, as one
// delete of the topmost node of which nothing is left. A heartbeat is a sample
// at its own interval. suppress_redundant leaves out what did not change since
// the last tick. Ticks are whole multiples of their interval, read once for all
// subscribers, and encoded once for all that ask alike; a table with more rows
// than Options.TableRows, such as a large filtering database, is read and sent
// piece by piece by each subscriber instead, and held by nobody.
//
// Each Notification has one timestamp: when its leaves changed for published
// ones (for a sample of them, the tick), when they were read for those of a
// source.
//
// A queue for each STREAM is bounded in octets. What waits in it are changes by
// reference, encoded when they are sent. A newer value of a leaf replaces the
// older one and counts it in duplicates, a delete drops what waits below it,
// and a newer sample replaces the waiting one. Past the bound the RPC of a
// reader that takes nothing ends with ErrSlowReader; one that reads may have a
// burst of four times that. Nobody waits for a slow reader.
//
// A container that the models mark as atomic is told as a whole whenever a leaf
// of it changes, in one Notification that is marked so and has the container as
// its prefix; with allow_aggregation, in JSON, as one value. Where nothing is
// left of it there is one delete. Get, which has one Notification for each path,
// does so where the path asks for one such container or a part of it. qos is
// accepted and has no effect.
//
// What was published is kept for the history extension, the oldest changes given
// up first: a snapshot is the tree of now with the later changes undone, a range
// the tree at its start and what changed from there on, which may go on into the
// future. What is read from a source is not kept.
package telemetry
