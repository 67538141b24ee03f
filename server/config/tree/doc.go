// Package tree reads and changes the generated structs (gen/oc) by schema node
// (gen/ocpath), and keeps each tree as it is: a change copies the structs and
// maps on the way to what it touches and shares the rest, so that it costs
// what it touches, and two trees are compared by skipping what they share.
//
// It knows the schema and nothing else: what a configuration means, and
// whether it makes sense, is decided by server/openconfig. State (config
// false) is never in these trees.
package tree
