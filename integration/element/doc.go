// Package element runs the built signalbox program in a network namespace and
// talks gNMI to it with the raw protos. It imports nothing of the program: what
// a test sees here is what any client sees.
package element
