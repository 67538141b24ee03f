// Package access decides who may do what: it tells who calls (a name and
// password in the call's metadata, or a client certificate), which calls they
// may make (access/authz.json, the policy of gNSI authz), which paths they may
// read and write (access/pathz.json, the policy of gNSI pathz), and keeps a
// record of writes and refusals (audit.log).
//
// The files are in the element's state folder. One that is not there restricts
// nothing. One that cannot be used keeps the element from starting; while it
// runs, the last one that could be used stays in force, and where there was
// none, every call is refused. A change of the files is in force for the next
// call, and ends the running streams that it is about.
//
// It has no gRPC service, reads no configuration and knows no codes: server
// puts its interceptors in front of all services, and server/gnmi turns its
// errors into codes.
package access
