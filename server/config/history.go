package config

import (
	"encoding/json"
	"time"

	"github.com/signalbox/signalbox/server/config/tree"
)

// maxHistory is how many commits can be gone back behind.
const maxHistory = 20

// maxNote bounds what of the history is noted with a document, in octets.
const maxNote = 4 << 20

// past is a commit that was made.
type past struct {
	id   uint64 // number of its record in the journal
	at   time.Time
	by   string
	back tree.Difference // leads to the configuration before it
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
func encodeNote(pending *unconfirmed, h history) ([]byte, error) {
	n := note{Unconfirmed: pending.record()}
	room := maxNote
	for i := len(h) - 1; i >= 0; i-- {
		r := pastRecord{ID: h[i].id, Time: h[i].at.UTC(), By: h[i].by, Back: textOf(&h[i].back)}
		if room -= r.Back.size(); room < 0 {
			break
		}
		n.History = append(n.History, r)
	}
	return compact(n)
}

// size is about how long the text is, in octets.
func (c *changes) size() int {
	size := 0
	for _, text := range c.Delete {
		size += len(text)
	}
	for _, u := range c.Update {
		size += len(u[0]) + len(u[1])
	}
	return size
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
