package config

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	changed time.Time          // when it was changed last; zero for never
	history history
	masters masters
	// pending is the commit that waits for its confirmation, nil for none;
	// stopWaiting ends the waiting for its deadline.
	pending     *unconfirmed
	stopWaiting context.CancelFunc
	closed      bool

	// background are the goroutines that wait for deadlines and fold the
	// journal; they give up when life ends.
	background sync.WaitGroup
	life       context.Context
	end        context.CancelFunc
}

// Open takes the folder, loads the last configuration in it that is whole,
// applies all of it to the device and tells it to Committed; a commit that was
// not confirmed by its deadline is taken back before. What it finds
// damaged it logs, and keeps under another name. An error of kind Invalid
// names the path of a loaded leaf that the device refuses; one that wraps
// journal.ErrLocked means that another process uses the folder.
func Open(ctx context.Context, options Options) (*Store, error) {
	s := &Store{options: options, unlock: options.Unlock, turn: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancel(context.Background())
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
	s.config, s.changed, s.pending, s.history = saved.config, saved.changed, saved.pending, saved.history
	if s.journal, err = found.Continue(saved.version, s.document); err != nil {
		return err
	}
	if saved, err = s.rollBackSaved(saved, time.Now()); err != nil {
		return err
	}
	if err := s.applySaved(ctx, saved); err != nil {
		return err
	}
	s.watch(s.pending)
	s.tellStatus()
	return nil
}

// rollBackSaved takes back a commit whose deadline passed while no process
// ran, before anything of it is applied.
func (s *Store) rollBackSaved(from *saved, now time.Time) (*saved, error) {
	u := s.pending
	if u == nil || u.remaining(now) > 0 {
		return from, nil
	}
	editor := s.schema.Edit(from.device)
	if err := makeChanges(editor, &u.back); err != nil {
		return nil, fmt.Errorf("commit %q: roll back: %w", u.id, err)
	}
	diff := editor.Difference()
	to := &saved{loaded: &loaded{device: editor.Tree()}}
	if err := to.translate(s.schema); err != nil {
		return nil, fmt.Errorf("commit %q: roll back: %w", u.id, err)
	}
	by := "rollback of " + u.id
	if err := s.persist(&diff, nil, now, by); err != nil {
		return nil, fmt.Errorf("commit %q: roll back: %w", u.id, err)
	}
	if !diff.Empty() {
		s.history.add(past{id: s.journal.Seq(), at: now, by: by, back: s.schema.Inverse(from.device, &diff)})
		s.changed = now
	}
	s.running.Store(to.device)
	s.config, s.pending = to.config, nil
	s.options.Log.Warn("configuration was not confirmed in time: rolled back at the start", "commit", u.id, "deadline", u.deadline)
	return to, nil
}

// saved is a configuration as it was loaded.
type saved struct {
	*loaded
	version *journal.Version // nil in a new folder
	config  *openconfig.Config
	// difference and change are those from an empty configuration.
	difference tree.Difference
	change     spec.Change
}

// choose loads the newest version that can be used; nothing in a new folder.
func (s *Store) choose(found *journal.Found) (*saved, error) {
	if found.Empty() {
		return &saved{loaded: &loaded{device: new(oc.Device)}, config: openconfig.NewConfig()}, nil
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
	l, err := load(s.schema, v.Document, v.Note, v.Changes, v.First)
	if err != nil {
		return nil, err
	}
	if l.changed.IsZero() {
		l.changed = v.Changed
	}
	found := &saved{loaded: l, version: v}
	if err := found.translate(s.schema); err != nil {
		return nil, err
	}
	if l.changed.IsZero() && !found.difference.Empty() { // written by hand: it is changed by being taken up
		l.changed = time.Now()
	}
	return found, nil
}

// translate validates the configuration and gives it in the datapath's terms.
func (l *saved) translate(s *tree.Schema) (err error) {
	l.difference = s.Compare(new(oc.Device), l.device)
	l.config, l.change, err = openconfig.NewConfig().Next(l.device, touchedBy(&l.difference))
	return err
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
	s.use(s.config)
	if s.options.Sessions != nil {
		s.options.Sessions.Load(ctx, s.config.Sessions(openconfig.NewConfig()))
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
	document, err := s.document()
	if err != nil {
		return err
	}
	return s.journal.Rotate(document)
}

// fold begins a new journal where that is due, behind the back of whoever made
// the last change.
func (s *Store) fold() {
	if !s.journal.Due() || !s.journal.Usable() {
		return
	}
	s.background.Go(func() {
		if s.take(s.life) != nil {
			return
		}
		defer func() { s.turn <- struct{}{} }()
		_ = s.makeRoom() // it logs, and the next transaction tries again
	})
}

// document is the running configuration for the files.
func (s *Store) document() (journal.Document, error) {
	text, err := s.schema.JSON(s.Running())
	if err != nil {
		return journal.Document{}, err
	}
	return journal.Document{Text: text, Changed: s.changed, Note: encodeNote(s.pending, s.history)}, nil
}

// Close waits for a transaction that is under way, writes the configuration
// to config.json and leaves the folder. The device keeps what was applied; a
// commit that waits for its confirmation goes on to do so in the files. An
// error of writing loses nothing: the journal has it.
func (s *Store) Close() error {
	if err := s.take(context.Background()); err != nil {
		return nil // closed already
	}
	defer func() { s.turn <- struct{}{} }()
	s.closed = true
	s.end()
	s.background.Wait() // nobody in there has the turn
	var err error
	if s.journal.Dirty() {
		err = s.rotate()
	}
	return errors.Join(err, s.release())
}

// release gives the folder up.
func (s *Store) release() error {
	s.end()
	var err error
	if s.journal != nil {
		err = s.journal.Close()
	}
	return errors.Join(err, s.unlock())
}
