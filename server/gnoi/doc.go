// Package gnoi is the gNOI service PacketCapture: it streams the packets that
// pass an interface, as they came in.
//
// A capture is a trace session of its own, which ends with the call. What became
// of each packet is not in the service's messages; Subscribe to a session of
// signalbox-trace has that.
package gnoi
