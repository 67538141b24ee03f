// Package fastpath is the datapath's program in the kernel and its maps, as Go
// has them: it loads or adopts them, attaches the program to interfaces, and
// gives each map as a table of plain values.
//
// It decides nothing: which port has which number, what a table should hold
// and when an entry is too old is its caller's business (package datapath).
// It knows the words of package spec and neither names of ports nor YANG.
//
// All configuration is memory that the program reads while the caller writes:
// each Put is a few stores into a mapped array, ordered so that a frame sees
// the old value or the new one. One goroutine writes; the filtering database
// and the counters may be read from any.
//
// The program has two entries. One works while nobody traces and has nothing of
// tracing in it; the other is loaded with the sessions as its constants and their
// filters as its functions (trace.go), and takes the place of the first without
// losing a frame. Loaded to explain (explain.go), it says what it would do and
// writes nothing.
package fastpath
