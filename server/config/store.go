package config

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/server/config/journal"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/server/openconfig"
)

// Store has the running configuration.
type Store struct {
	options  Options
	schema   *tree.Schema
	defaults defaults
	unlock   func() error
	running  atomic.Pointer[oc.Device]

	// turn holds one token; who has taken it may use the fields below and
	// replace the running configuration.
	turn    chan struct{}
	journal *journal.Journal
	config  *openconfig.Config // of the running configuration
	changed time.Time          // when it was changed last
	closed  bool
}

// Open takes the folder, loads the last configuration in it that is whole,
// applies all of it to the device and tells it to Committed. What it finds
// damaged it logs, and keeps under another name. An error of kind Invalid
// names the path of a loaded leaf that the device refuses; one that wraps
// journal.ErrLocked means that another process uses the folder.
func Open(ctx context.Context, options Options) (*Store, error) {
	s := &Store{options: options, unlock: options.Unlock, turn: make(chan struct{}, 1)}
	if s.unlock == nil {
		var err error
		if s.unlock, err = journal.Dir(options.Dir).Lock(); err != nil {
			return nil, err
		}
	}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("state folder %s: %w", options.Dir, err), s.release())
	}
	s.turn <- struct{}{}
	return s, nil
}

// load binds the schema, reads the files, applies what they hold and begins to
// write.
func (s *Store) load(ctx context.Context) (err error) {
	if s.schema, err = tree.New(); err != nil {
		return err
	}
	if s.defaults, err = newDefaults(); err != nil {
		return err
	}
	found, err := journal.Read(s.folder())
	if err != nil {
		return err
	}
	for _, damage := range found.Damage {
		s.options.Log.Error("damaged state file: the last good version is used, what is there is kept", "dir", s.options.Dir, "err", damage)
	}
	saved, err := s.choose(found)
	if err != nil {
		return err
	}
	s.running.Store(saved.device)
	s.config, s.changed = saved.config, saved.changed
	s.journal, err = found.Continue(saved.version, s.changed, func() ([]byte, error) { return s.schema.JSON(s.Running()) })
	if err != nil {
		return err
	}
	return s.applySaved(ctx, saved)
}

// saved is a configuration as it was loaded.
type saved struct {
	version *journal.Version // nil in a new folder
	device  *oc.Device
	config  *openconfig.Config
	changed time.Time
	// difference and change are those from an empty configuration.
	difference tree.Difference
	change     spec.Change
}

// choose loads the newest version that can be used; nothing in a new folder.
func (s *Store) choose(found *journal.Found) (*saved, error) {
	if found.Empty() {
		return &saved{device: new(oc.Device), config: openconfig.NewConfig(), changed: time.Now()}, nil
	}
	errs := found.Damage
	for i := range found.Versions {
		v := &found.Versions[i]
		loaded, err := s.loadVersion(v)
		if err == nil {
			s.options.Log.Info("configuration loaded", "from", v.Name, "changes", len(v.Changes))
			return loaded, nil
		}
		err = fmt.Errorf("%s: %w", v.Name, err)
		s.options.Log.Error("saved configuration cannot be used: an earlier one is tried", "dir", s.options.Dir, "err", err)
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("no saved configuration can be used; move the files away to begin with none: %w", errors.Join(errs...))
}

// loadVersion builds and validates a configuration.
func (s *Store) loadVersion(v *journal.Version) (*saved, error) {
	d, err := load(s.schema, v.Document, v.Changes)
	if err != nil {
		return nil, err
	}
	loaded := &saved{version: v, device: d, changed: lastChanged(v.Changes, v.Changed)}
	if loaded.changed.IsZero() {
		loaded.changed = time.Now()
	}
	loaded.difference = s.schema.Compare(new(oc.Device), d)
	loaded.config, loaded.change, err = openconfig.NewConfig().Next(d, touchedBy(&loaded.difference))
	return loaded, err
}

// applySaved gives the device the whole configuration, also an empty one: what
// an earlier instance left on the host and nobody wants goes.
func (s *Store) applySaved(ctx context.Context, loaded *saved) error {
	if err := s.options.Device.Check(ctx, loaded.change); err != nil {
		return fmt.Errorf("saved configuration: %w", openconfig.FromDevice(err))
	}
	if err := s.options.Device.Apply(ctx, loaded.change); err != nil {
		return fmt.Errorf("saved configuration: %w", openconfig.FromDevice(err))
	}
	s.tell(s.defaults.commit(s.changed, &loaded.difference))
	return nil
}

func (s *Store) folder() journal.FS {
	if s.options.fs != nil {
		return s.options.fs
	}
	return journal.Dir(s.options.Dir)
}

func (s *Store) tell(c Commit) {
	if s.options.Committed != nil {
		s.options.Committed(c)
	}
}

// Running is the running configuration. It is never modified; a later
// transaction replaces it. Leaves that are not set have the models' defaults.
func (s *Store) Running() *oc.Device { return s.running.Load() }

// take waits for the turn to change the configuration.
func (s *Store) take(ctx context.Context) error {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closed {
		s.turn <- struct{}{}
		return &openconfig.Error{Kind: openconfig.Unavailable, Reason: "the element is shutting down"}
	}
	return nil
}

// rotate writes the running configuration as a whole and begins an empty
// journal.
func (s *Store) rotate() error {
	document, err := s.schema.JSON(s.Running())
	if err != nil {
		return err
	}
	return s.journal.Rotate(document, s.changed)
}

// Close waits for a transaction that is under way, writes the configuration
// to config.json and leaves the folder. The device keeps what was applied. An
// error of writing loses nothing: the journal has it.
func (s *Store) Close() error {
	if err := s.take(context.Background()); err != nil {
		return nil // closed already
	}
	defer func() { s.turn <- struct{}{} }()
	s.closed = true
	var err error
	if s.journal.Dirty() {
		err = s.rotate()
	}
	return errors.Join(err, s.release())
}

// release gives the folder up.
func (s *Store) release() error {
	var err error
	if s.journal != nil {
		err = s.journal.Close()
	}
	return errors.Join(err, s.unlock())
}
