// Package gnmi is the gNMI service (openconfig/reference, rpc/gnmi,
// specification 0.10.0): thin handlers that hand each RPC to the telemetry
// engine or the configuration store, and the one table that turns their errors
// into gRPC codes.
//
// It holds no data, knows no model and touches no kernel object. Transport,
// TLS and lifecycle are the server package's.
package gnmi
