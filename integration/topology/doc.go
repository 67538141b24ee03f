// Package topology makes network namespaces with hosts, switches' ports and
// the cables between them, for the demonstration, the end-to-end tests and the
// benchmark. It knows nothing of Signalbox: what runs in a namespace is the
// caller's.
//
// An anonymous namespace lives as long as its file descriptor or a process in
// it, so whatever ends the program, even SIGKILL, ends the namespace and every
// interface in it: nothing is left to sweep. A named namespace is one that
// `ip netns` can see; it outlives the program, and Remove takes it away.
package topology
