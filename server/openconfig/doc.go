// Package openconfig translates between OpenConfig and the datapath's
// vocabulary (datapath/spec), both ways, one file for each module and way.
//
// Down: Config indexes a configuration tree and Decode makes the spec.Change
// that carries it out, refusing with its path what cannot be (interfaces.go,
// ethernet.go, vlan.go, networkinstance.go, fdb.go). It is the only package
// beside server/config that knows the generated YANG structs.
//
// Up: what is observed becomes rows of leaves (…_state.go), for what changes on
// an event, and telemetry sources (…_source.go), for what is read when asked.
// State is built from observations alone, never from the configuration; what
// neither the kernel nor the firmware tells has no leaf.
//
// It holds no configuration, applies nothing and serves nothing.
package openconfig
