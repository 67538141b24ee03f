// Package endtoend tests the built program from outside: hosts and virtual
// machines in network namespaces send frames, clients speak gNMI, and what
// comes out is compared. It imports nothing of the program.
package endtoend
