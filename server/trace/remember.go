package trace

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/signalbox/signalbox/datapath/spec"
	"github.com/signalbox/signalbox/server/file"
	"github.com/signalbox/signalbox/server/openconfig"
)

// note is what is remembered of a session that was started: over a restart it
// goes on for the rest of its time, and one that is over is not started again.
type note struct {
	Session spec.TraceSession
	Started time.Time
	Ends    time.Time // zero: never by itself
}

// newNote is that of a session that starts now.
func newNote(c *openconfig.Session) note {
	n := note{Session: c.TraceSession, Started: time.Now()}
	if c.Duration > 0 {
		n.Ends = n.Started.Add(c.Duration)
	}
	return n
}

// note keeps what is to be remembered of a session. One that never ends, as those
// of sFlow, has nothing.
func (s *Sessions) note(id string, n note) {
	if n.Ends.IsZero() {
		delete(s.notes, id)
		return
	}
	s.notes[id] = n
}

// Load takes sessions that were configured before the element started, or that
// are restored, as far as they can be: one that the file knows as it is goes on
// for the rest of its time.
func (s *Sessions) Load(ctx context.Context, all openconfig.Sessions) {
	s.turn.Lock()
	defer s.turn.Unlock()
	known, err := s.recall()
	if err != nil {
		s.options.Log.Error("when trace sessions were started is not known: they begin anew", "file", s.options.File, "err", err)
	}
	ids := slices.Sorted(maps.Keys(all))
	for _, id := range ids {
		c := all[id]
		if c == nil || !c.Enabled {
			if err := s.options.Device.StopTrace(ctx, id); err != nil {
				s.options.Log.Error("trace session goes on", "session", id, "err", err)
			}
			delete(s.notes, id)
			s.replace(id, stopped(c))
			continue
		}
		n, ok := known[id]
		if !ok || !reflect.DeepEqual(n.Session, c.TraceSession) {
			n = newNote(c)
		}
		s.note(id, n)
		s.resume(ctx, c, n)
	}
	if err := s.remember(); err != nil {
		s.options.Log.Error("trace sessions cannot be remembered", "file", s.options.File, "err", err)
	}
	s.publish(ids)
}

// resume goes on with a session, unless its time is over.
func (s *Sessions) resume(ctx context.Context, c *openconfig.Session, n note) {
	r := running(c, n)
	remaining := min(r.remaining(), c.Duration) // the clock may have been set back
	if remaining <= 0 && !n.Ends.IsZero() {
		r.status.State = spec.TraceExpired
		s.replace(c.ID, r)
		return
	}
	if err := s.start(ctx, r, remaining); err != nil {
		r.status.State, r.status.Reason = spec.TraceFailed, err.Error()
		s.options.Log.Error("trace session cannot run", "session", c.ID, "err", err)
		s.replace(c.ID, r)
	}
}

// recall reads the file.
func (s *Sessions) recall() (map[string]note, error) {
	if s.options.File == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.options.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var notes map[string]note
	return notes, json.Unmarshal(text, &notes)
}

// remember writes the file.
func (s *Sessions) remember() error {
	if s.options.File == "" {
		return nil
	}
	text, err := json.MarshalIndent(s.notes, "", "  ")
	if err != nil {
		return err
	}
	return file.Replace(s.options.File, append(text, '\n'), 0o600)
}
