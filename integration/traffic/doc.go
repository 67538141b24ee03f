// Package traffic makes and measures frames: single ones through AF_PACKET
// sockets and taps, millions a second through BPF_PROG_RUN's live frames, TCP
// request/response and streams between namespaces, and loads of TCP and UDP whose
// frames are counted where they arrive. It knows nothing of
// Signalbox; a caller places it in a namespace with topology.Namespace.Do.
package traffic
