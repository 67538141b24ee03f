// Package element is the command line's connection to a running element: a
// gNMI client with the paths, trees and errors that a person at a terminal
// works with. It knows the protocol and no YANG module, and nothing of the
// element's insides.
package element
