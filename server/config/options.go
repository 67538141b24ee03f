package config

import (
	"context"
	"log/slog"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/config/journal"
	"github.com/signalbox/signalbox/server/openconfig"
	"github.com/signalbox/signalbox/telemetry"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// Device is what the configuration is for. datapath.Datapath satisfies it.
type Device interface {
	// Check refuses what Apply would refuse without looking at the kernel. It
	// changes nothing.
	Check(context.Context, spec.Change) error
	// Apply makes the change, all of it or nothing.
	Apply(context.Context, spec.Change) error
}

// Sessions carries out trace sessions.
type Sessions interface {
	// Check refuses what Apply would refuse. It changes nothing.
	Check(context.Context, openconfig.Sessions) error
	// Apply makes the change, all of it or nothing.
	Apply(context.Context, openconfig.Sessions) error
	// Load makes the change as far as it can be made: of what was configured
	// before the element started, or is restored. What cannot be is told in the
	// session's state.
	Load(context.Context, openconfig.Sessions)
}

// Options are what a Store needs.
type Options struct {
	// Dir is the folder of its files; it is created where it is missing.
	Dir    string
	Device Device
	// Sessions is nil where nothing is traced.
	Sessions Sessions
	// Applied is told of each configuration that the device has from now on,
	// before Committed is. It must not call the Store. nil is allowed.
	Applied func(*openconfig.Config)
	Log     *slog.Logger
	// Unlock gives up the folder where the caller has locked it already
	// (journal.Dir.Lock): the Store then does so when it is closed, or when it
	// cannot be opened. nil lets Open lock it.
	Unlock func() error
	// Committed is told of each transaction after it is durable, and once by
	// Open of everything that was loaded. It is called in order, one call at a
	// time, and must not call the Store. nil is allowed.
	Committed func(Commit)

	// By names who is behind a request, by its context; nil where nobody knows.
	// The name is kept in the files.
	By func(context.Context) string

	// Authorize refuses a change that who is behind a request may not make. It
	// is asked once the difference is known, before that is validated; of a
	// confirmed commit also about what a confirmation, a cancellation or another
	// deadline decides on. nil permits all.
	Authorize func(context.Context, Change) error

	// Status is told what Committed is told of, and what else changes the status,
	// in the same manner. nil is allowed.
	Status func(Status)

	// fs replaces the folder's file system in tests of faults.
	fs journal.FS
}

// Commit is what one transaction changed in what a client sees below config:
// the leaves that are set, and the defaults of those that are not (RFC 7950,
// 7.6.1) below list entries that exist.
type Commit struct {
	// Time is when the configuration was changed; of what Open loaded, when it
	// was changed last.
	Time time.Time
	// Updates are leaves with a new value, that of the default where the leaf
	// was removed and its list entry stays.
	Updates []telemetry.Update
	// Deletes are leaves, and list entries that are no longer configured. They
	// are about configuration only (telemetry.Config): state may live on below
	// the same entry. They come before the updates.
	Deletes []schema.Path
	// ID is the element's own number of the commit, ascending; 0 for what Open
	// loaded.
	ID uint64
	// ConfirmID is the client's id of a confirmed commit: of the transaction
	// that it is, and of the one that takes it back.
	ConfirmID string
}
