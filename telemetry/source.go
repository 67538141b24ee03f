package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// What callers tell apart, beside schema.ErrInvalid and
// schema.ErrUnimplemented.
var (
	// ErrNotFound is a Get of a path that is in the schema and holds nothing.
	ErrNotFound = errors.New("nothing is there")
	// ErrTooLarge is a Get whose answer would be larger than Options.GetBytes.
	ErrTooLarge = errors.New("the answer is too large: ask for less, or take it in pieces with Subscribe ONCE")
	// ErrSlowReader ends a subscription whose client reads so slowly that its
	// queue is full.
	ErrSlowReader = errors.New("the client reads too slowly")
	// ErrClosed ends what runs when the engine is closed.
	ErrClosed = errors.New("the element is shutting down")
)

// Update is the new value of one leaf or leaf-list.
type Update struct {
	Path  schema.Path
	Value schema.Value
}

// Scope says which leaves of a subtree a delete is about.
type Scope uint8

// The scopes of a delete.
const (
	All    Scope = iota // every leaf
	Config              // configuration only: state below the path stays
	State               // state only: configuration below the path stays
)

// Batch is what one event changes, as one: a reader sees all of it or nothing.
// Deletes are carried out before updates, so that a subtree can be replaced;
// only what differs in the end is told to subscribers.
type Batch struct {
	// Time is when the values changed. The zero value means now.
	Time time.Time
	// Deletes name leaves or whole subtrees: a list entry with its keys, a list
	// without them for all its entries. What is not there is no error.
	Deletes []schema.Path
	// Of limits the deletes to configuration or state.
	Of Scope
	// Updates have leaves as paths, with the keys of all lists above. The key
	// leaves of list entries need not be named: they are there as long as
	// anything is in the entry, and an update or delete of one is ignored.
	Updates []Update
}

// Source gives leaves that are read when asked for: counters, gauges, large
// tables. The engine never keeps its values for a reader to come.
type Source interface {
	// Leaves are the leaves of a row, in the order of the values that Read
	// gives, all below one list, or all below no list. A leaf belongs to one
	// source. A source that makes list entries of its own (rather than adding
	// leaves to entries whose other leaves are published) has the list's key
	// leaves among them. It is asked once, by Add.
	Leaves() []ocpath.ID
	// Events reports that changes of the rows' Event leaves, and rows that come
	// or go, are handed to Notify.
	Events() bool
	// Read gives the rows that match: keys has one value for each key of the
	// lists above the leaves, outermost first, "" for any; it is nil where the
	// leaves are below no list. Each row is handed to emit with its keys and
	// its values, in the order of Leaves, the zero Value where a leaf is
	// absent. emit copies what it keeps: both slices may be used again. emit
	// may block while a slow client drains, and fails when the client is gone:
	// Read holds no lock and no goroutine that others wait for while it calls
	// it, and returns its error. The time is when the values were read.
	Read(ctx context.Context, keys []string, emit func(keys []string, values []schema.Value) error) (time.Time, error)
}
