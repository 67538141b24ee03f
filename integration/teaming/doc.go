// Package teaming sets up elements that are teamed with each other, with Open
// vSwitch and with plain bridges, for the tests of teaming and its benchmark. It
// drives the built program by gNMI only, as any client does.
package teaming
