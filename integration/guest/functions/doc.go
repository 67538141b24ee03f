// Package functions holds the tests of virtual functions (SR-IOV), which run in a
// guest with such devices (integration/guest): each drives the element's own
// program by gNMI and asks the kernel what came of it. Elsewhere they do nothing.
// It has no code but tests.
package functions
