// Package packets puts together the packets that a trace session tells of, and
// shows them: as lines, as a pcapng capture, and the way of one through the
// switch as a picture. It also builds frames from their fields.
//
// It knows the words of signalbox-trace and no connection.
package packets
