// Package schema knows what may be asked for and how it is written: paths and
// patterns over the served YANG nodes (gen/ocpath), and leaf values with their
// encodings in gNMI (JSON, JSON_IETF, PROTO, ASCII).
//
// It holds no data and no state: what a leaf is worth now is the business of
// package telemetry, what may be configured that of server/config. It knows
// nothing of gRPC either; its sentinel errors are mapped to codes by the
// server.
package schema
