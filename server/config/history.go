package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// maxHistory is how many commits can be gone back behind.
const maxHistory = 20

// Of the history, about so many octets are noted with a document; a change of a
// leaf takes about so many.
const (
	maxNote    = 2 << 20
	changeSize = 100
)

// past is a commit that was made.
type past struct {
	id   uint64 // number of its record in the journal
	at   time.Time
	by   string
	back tree.Difference // leads to the configuration before it
	text []byte          // for a note, made when it is first asked for
}

// history has the last commits, the oldest first.
type history []past

func (h *history) add(p past) {
	*h = append(*h, p)
	if over := len(*h) - maxHistory; over > 0 {
		clear((*h)[:over])
		*h = append((*h)[:0:0], (*h)[over:]...)
	}
}

// passing reports that a difference is about trace sessions only: they come and
// go with who looks, and are no versions of a configuration.
func passing(diff *tree.Difference) bool {
	within := func(path schema.Path) bool { return path.Within(schema.Path{Node: ocpath.Traces}) }
	for _, path := range slices.Concat(diff.Deletes, diff.Created) {
		if !within(path) {
			return false
		}
	}
	return !slices.ContainsFunc(diff.Updates, func(leaf tree.Leaf) bool { return !within(leaf.Path) })
}

// back makes a candidate of the running configuration the version of a commit.
func (h history) back(e *tree.Editor, id uint64) error {
	if len(h) == 0 || id < h[0].id {
		return notKept(h, id)
	}
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].id == id {
			return nil
		}
		if h[i].id < id {
			break
		}
		if err := makeChanges(e, &h[i].back); err != nil {
			return fmt.Errorf("version %d: %w", id, err)
		}
	}
	return notKept(h, id)
}

// notKept refuses a version that is not there.
func notKept(h history, id uint64) error {
	if len(h) == 0 {
		return unacceptable("there is no version %d: none is kept", id)
	}
	return unacceptable("there is no version %d: those kept are %d to %d, not all of them", id, h[0].id, h[len(h)-1].id)
}

// Version is a version of the configuration that can be brought back.
type Version struct {
	// ID is the number of the commit that made it.
	ID   uint64
	Time time.Time
	// Author is who committed it, "" where nobody said.
	Author string
}

// Status is what there is to know of the configuration beside its leaves.
type Status struct {
	// Versions are in ascending order; the last one is running.
	Versions []Version
	// Unconfirmed is the client's id of the commit that waits for its
	// confirmation, "" for none, and Deadline when it is taken back.
	Unconfirmed string
	Deadline    time.Time
}

// tellStatus tells the status. The caller holds the turn.
func (s *Store) tellStatus() {
	if s.options.Status == nil {
		return
	}
	status := Status{Versions: make([]Version, len(s.history))}
	for i, p := range s.history {
		status.Versions[i] = Version{p.id, p.at, p.by}
	}
	if s.pending != nil {
		status.Unconfirmed, status.Deadline = s.pending.id, s.pending.deadline
	}
	s.options.Status(status)
}

// note is the text of what belongs to a configuration and is none of its
// leaves.
type note struct {
	Unconfirmed *unconfirmedRecord `json:"unconfirmed,omitempty"`
	History     []pastRecord       `json:"history,omitempty"`
}

type pastRecord struct {
	ID   uint64    `json:"id"`
	Time time.Time `json:"time"`
	By   string    `json:"by,omitempty"`
	Back changes   `json:"back"`
}

// encodeNote writes what waits for confirmation, and of the history the newest
// part for which there is room.
func encodeNote(pending *unconfirmed, h history) []byte {
	var made []byte // each behind a comma
	room := maxNote
	for i := len(h) - 1; i >= 0; i-- {
		p := &h[i]
		if room -= textSize(&p.back); room < 0 {
			break
		}
		if p.text == nil {
			p.text = p.appendText(make([]byte, 0, 128+textSize(&p.back)))
		}
		made = append(append(made, ','), p.text...)
	}
	dst := []byte{'{'}
	if pending != nil {
		dst = pending.appendText(append(dst, `"unconfirmed":`...))
	}
	if len(made) > 0 {
		if pending != nil {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, `"history":[`...), made[1:]...), ']')
	}
	return append(dst, '}')
}

// takeNote reads what encodeNote wrote; none is an empty one.
func (l *loaded) takeNote(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	for i := len(n.History) - 1; i >= 0; i-- {
		r := &n.History[i]
		back, err := r.Back.difference()
		if err != nil {
			return err
		}
		l.history.add(past{id: r.ID, at: r.Time, by: r.By, back: back})
	}
	var err error
	l.pending, err = n.Unconfirmed.unconfirmed()
	return err
}
