// Package config carries out gNMI Set as transactions: a request becomes
// changes of leaves on a candidate that shares what it does not touch with the
// running configuration; the candidate is validated (server/openconfig), given
// to the datapath, made durable (journal), and only then becomes the running
// one and is told to subscribers. A failure anywhere leaves everything as it
// was.
//
// Beside the models it takes the command line's own syntax (package commands).
//
// It knows nothing of gRPC, of what a leaf means, and of the kernel; errors
// are openconfig.Error.
package config
