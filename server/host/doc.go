// Package host reads what a Linux machine tells of itself: the identity of its
// hardware and system software, its processor times and memory, and the
// element's own process. It turns processor times into utilisation over a
// moving window.
//
// It knows no YANG and keeps no goroutine: server/openconfig gives the values
// their paths, and the owner of a Window decides when it is read. What the
// machine does not tell is absent, never invented.
package host
