// Package dialout connects the element to collectors that it can reach and
// that cannot reach it: over OpenConfig's gRPC tunnel (openconfig/grpctunnel,
// proto/tunnel) it registers with each of them as a target of the type
// GNMI_GNOI, and what they open to it comes out of a net.Listener, as if they
// had connected to the element's own port.
//
// It knows neither gNMI nor who may do what: what is served behind the
// listener proves and asks for identities as it does for any connection.
//
// Each collector has one goroutine that registers, serves and, after a pause
// that grows from one second to a minute, tries again for as long as the
// element runs. Sessions are bounded for each collector.
package dialout
