package config

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/signalbox/signalbox/gen/oc"
	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/signalbox/signalbox/server/config/tree"
	"github.com/signalbox/signalbox/telemetry/schema"
)

// record is the text of one transaction in the journal.
//
//	{"time":"2026-11-22T08:27:00Z","delete":["/interfaces/interface[name=p1]"],
//	 "update":[["/interfaces/interface[name=p2]/config/mtu",9000]]}
type record struct {
	Time time.Time `json:"time"`
	// By says who made the transaction, "" where nobody said so.
	By string `json:"by,omitempty"`
	changes
	// Unconfirmed is what waits for confirmation after the transaction; a
	// record without it says that nothing does.
	Unconfirmed *unconfirmedRecord `json:"unconfirmed,omitempty"`
}

// changes are those of a tree.Difference: paths in gNMI's text form, values by
// RFC 7951. The deletes come before the updates.
type changes struct {
	Delete []string             `json:"delete,omitempty"`
	Update [][2]json.RawMessage `json:"update,omitempty"`
}

// unconfirmedRecord is the text of an unconfirmed commit.
type unconfirmedRecord struct {
	ID       string    `json:"id"`
	Deadline time.Time `json:"deadline"`
	// Nanoseconds is how long the commit may wait in all.
	Nanoseconds int64 `json:"nanoseconds"`
	// Back leads to the configuration before the commit.
	Back changes `json:"back"`
}

func (c *changes) empty() bool { return len(c.Delete) == 0 && len(c.Update) == 0 }

// difference reads what appendDifference wrote.
func (c *changes) difference() (tree.Difference, error) {
	var d tree.Difference
	for _, text := range c.Delete {
		path, err := parsePath(text)
		if err != nil {
			return d, err
		}
		d.Deletes = append(d.Deletes, path)
	}
	for _, u := range c.Update {
		leaf, err := parseUpdate(u)
		if err != nil {
			return d, err
		}
		d.Updates = append(d.Updates, leaf)
	}
	return d, nil
}

func parseUpdate(u [2]json.RawMessage) (tree.Leaf, error) {
	var text string
	if err := json.Unmarshal(u[0], &text); err != nil {
		return tree.Leaf{}, err
	}
	path, err := parsePath(text)
	if err != nil {
		return tree.Leaf{}, err
	}
	if n := ocpath.Get(path.Node); !n.IsLeaf() || !n.Config {
		return tree.Leaf{}, fmt.Errorf("%s: no leaf that can be configured", text)
	}
	v, err := schema.FromJSON(path.Node, u[1])
	if err != nil {
		return tree.Leaf{}, fmt.Errorf("%s: %w", text, err)
	}
	return tree.Leaf{Path: path, Value: v}, nil
}

func parsePath(text string) (schema.Path, error) {
	p, err := schema.ParsePath(text)
	if err != nil {
		return schema.Path{}, err
	}
	return schema.Exact(nil, p)
}

// makeChanges makes the changes of a difference on a candidate.
func makeChanges(e *tree.Editor, d *tree.Difference) error {
	for _, path := range d.Deletes {
		if err := e.Delete(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, leaf := range d.Updates {
		if err := e.Set(leaf.Path, leaf.Value); err != nil {
			return fmt.Errorf("%s: %w", leaf.Path, err)
		}
	}
	return nil
}

// loaded is what was read from the files.
type loaded struct {
	device  *oc.Device
	changed time.Time // zero where that is not known
	pending *unconfirmed
	history history
}

// load builds the configuration of a document, what was noted with it, and the
// records made after it; first is the number of the last change that the
// document holds.
func load(s *tree.Schema, document, note []byte, records [][]byte, first uint64) (*loaded, error) {
	d, err := loadDocument(s, document)
	if err != nil {
		return nil, err
	}
	l := &loaded{device: d}
	if err := l.takeNote(note); err != nil {
		return nil, fmt.Errorf("note: %w", err)
	}
	e := s.Edit(d)
	for i, text := range records {
		keep := len(records)-i <= maxHistory
		if keep {
			e = s.Edit(l.device)
		}
		if err := l.replay(s, e, text, first+uint64(i)+1, keep); err != nil {
			return nil, fmt.Errorf("change %d of %d: %w", i+1, len(records), err)
		}
	}
	return l, nil
}

// loadDocument builds the tree of a document.
func loadDocument(s *tree.Schema, document []byte) (*oc.Device, error) {
	e := s.Edit(nil)
	p, err := flatten(schema.Path{Node: ocpath.Root}, document)
	if err != nil {
		return nil, err
	}
	for _, entry := range p.entries {
		if err := e.Create(entry); err != nil {
			return nil, fmt.Errorf("%s: %w", entry, err)
		}
	}
	for _, leaf := range p.leaves {
		if err := e.Set(leaf.Path, leaf.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", leaf.Path, err)
		}
	}
	return e.Tree(), nil
}

// replay makes one record's transaction on a candidate; keep remembers how to
// go back, for which the candidate must be one of the tree that was loaded
// last.
func (l *loaded) replay(s *tree.Schema, e *tree.Editor, text []byte, number uint64, keep bool) error {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	d, err := r.difference()
	if err == nil {
		err = makeChanges(e, &d)
	}
	if err == nil {
		l.pending, err = r.Unconfirmed.unconfirmed()
	}
	if err != nil {
		return err
	}
	if !r.changes.empty() {
		l.changed = r.Time
	}
	if keep {
		if made := e.Difference(); !made.Empty() && !passing(&made) {
			l.history.add(past{id: number, at: r.Time, by: r.By, back: s.Inverse(l.device, &made)})
		}
	}
	l.device = e.Tree()
	return nil
}
