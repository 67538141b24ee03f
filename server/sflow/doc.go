// Package sflow tells collectors what crosses the switch in sFlow version 5
// (sflow.org, sFlow Version 5): samples of frames, counters of interfaces, and
// frames that were dropped with the reason (sFlow Dropped Packet Notification
// Structures). It encodes and sends; which frames are samples is decided in the
// datapath.
package sflow
