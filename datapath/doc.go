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
// It knows neither YANG nor gNMI, and does not keep the configuration: the
// first Apply after Open brings all of it. It does keep a record of what the
// kernel does not tell the next instance (record.go).
package datapath
