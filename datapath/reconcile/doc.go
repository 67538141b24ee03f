// Package reconcile makes what the kernel has equal to what is wanted.
//
// A [Table] is one kind of kernel object behind three calls. A [Shadow] is a
// table together with what it is known to hold, so that a difference is found
// without asking the kernel and a call is made only where one is needed. An
// [Undo] takes back what a transaction did when a later step of it fails.
//
// The package knows no kind of object, starts no goroutine and keeps no time.
// It does not decide the order between tables: package datapath does, in one
// visible list.
package reconcile
