// Package datapath is the switch of one network namespace: it takes what is
// wanted of interfaces and switches (spec.Config, change by change), brings
// the kernel there, and tells what it observes.
//
// One goroutine, the owner, has all of it; the methods of [Datapath] ask it.
// It keeps a model of what is wanted and of the interfaces that exist
// (model.go), asks the model what each kernel table should hold (wanted.go),
// and makes only the calls that a difference needs, in the order of the list
// in tables.go. A change is applied wholly or taken back wholly. What happens
// by itself - interfaces that appear, vanish or are renamed, carriers,
// learned addresses - makes it look again and follow.
//
// What it changes of an interface - administrative state, MTU, alias, address -
// it borrows: it writes down what it found before the first touch and gives
// that back when the attribute is no longer configured, also after a restart
// (attributes.go). An interface that is renamed or vanishes takes along what it
// has. An attribute that somebody else changes stays so, and is shown, until
// the port is configured again, comes anew, or Resync is called.
//
// An aggregate (a link aggregation group, a team) is a port without an
// interface; its members are interfaces with port numbers of their own, by which
// their frames are counted. What each member does package lag decides, as a part
// of the model (aggregate.go). Beside the tables (teaming.go), the owner looks
// at the members' carriers each 5 ms, since the kernel's events may come a second
// late; the program looks for itself at each frame, so that this only lets its
// second choice become the first. Three goroutines of the owner's work while it
// is busy: one runs LACP (negotiate.go), whose PDUs must not wait, and keeps its
// state in a file for the next instance; one runs LLDP (discover.go); the third
// announces local addresses that moved to another member (announce.go).
//
// Virtual functions of interfaces have a keeper of their own (functions.go, package
// sriov): a device may take seconds for a change, and the owner does not wait. A
// change is checked by both; the owner makes its part, then the keeper, and what
// fails is taken back in the other order.
//
// While somebody traces (trace.go), a program that tells of frames is attached
// in place of the one that does not; one goroutine reads what it tells each
// millisecond, and one for each session hands that to its receiver, so that a
// slow one loses its own events and nobody else's. Explain (explain.go) runs the
// same program on the maps as they are, or on a copy of them with a change.
//
// It knows neither YANG nor gNMI, and does not keep the configuration: the
// first Apply after Open brings all of it. It does keep a record of what the
// kernel does not tell the next instance (record.go).
package datapath
